"""One answer against what was seen before and after it: three-valued, so that a moving list raises no false alarm.

A row is certain when both snapshots hold it unchanged. Only certain rows can convict; everything else may or may not be
in the answer. Where nothing moved, every row is certain and the judgement is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contract_tests.outcome import Pairs, Row, Snapshot, Tier
from contract_tests.promises.common import SAME, UNIQUE
from contract_tests.promises.form import Listing
from contract_tests.promises.paging import ABSENT, Body
from contract_tests.promises.statements import Statement
from contract_tests.sending.ask import Ask


@dataclass(frozen=True, slots=True)
class Breach:
    """A contradiction. A hard one shows in the answer itself; a soft one needs the snapshots to be believed."""

    sentence: str
    asks: tuple[Ask, ...]
    rows: tuple[Row, ...] = ()
    by: Statement | Tier = Tier.MUST
    """What is contradicted; a law of a team's own may have a tier only."""
    law: str = ""
    """The law that it breaks, where that is not the one that asked."""
    soft: bool = False
    probe: str = ""

    @property
    def tier(self) -> Tier:
        return self.by.tier if isinstance(self.by, Statement) else self.by


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: by its number, behind so many rows, or at a cursor. `anchor` is the row in front of it, the
    last one of the page that the cursor came with, and `shown` are the rows of that page and those before it."""

    number: int = 1
    offset: int | None = None
    cursor: str = ""
    anchor: str = ""
    shown: frozenset[str] = frozenset()


FIRST_PAGE = Place()


@dataclass(frozen=True, slots=True)
class Question:
    """A request to a listing and what it means: its filters in their plain form, and the window of the page."""

    ask: Ask
    scope: str
    filters: Pairs = ()
    size: int | None = None
    """Rows on one page, None for all of them."""
    offset: int = 0
    number: int = 1
    by: Statement | None = None
    """What states the meaning of the question; by default what is said of its parameters."""
    anchor: str = ""
    """The page starts behind this row, the last one of the page before."""
    shown: frozenset[str] = frozenset()
    """The rows of all pages before, where they were read by cursor."""
    whole: bool = False
    """Compare contents only, not the window: for answers whose place in the list is unknown."""

    def asked(self, **how: Any) -> Question:
        """The same question, sent in another way: `how` are fields of `Ask`."""
        return replace(self, ask=replace(self.ask, **how))

    def anywhere(self) -> Question:
        """The same question, whatever the place of its answer in the list."""
        return replace(self, whole=True)


def meaning(listing: Listing, question: Question) -> Statement:
    """What states the meaning of a question."""
    return question.by or listing.statement_of(question.filters)


def self_contradictions(listing: Listing, question: Question, body: Body) -> list[Breach]:
    """What the answer shows to be wrong without looking at any other."""
    breaches = []
    asks = (question.ask,)
    keeps = listing.keeps(question.filters)
    strangers = tuple(row for row in body.rows if not keeps(row))
    if strangers:
        sentence = f"{len(strangers)} of {len(body.rows)} rows do not match the filter {show_filters(question.filters)}"
        breaches.append(Breach(sentence, asks, strangers, meaning(listing, question)))
    repeated = [name for name, times in Counter(row[listing.identity] for row in body.rows).items() if times > 1]
    if repeated:
        rows = tuple(row for row in body.rows if row[listing.identity] == repeated[0])
        sentence = f"{listing.identity} {repeated[0]} occurs twice in one answer"
        breaches.append(Breach(sentence, asks, rows, UNIQUE, "rows.unique"))
    if question.size is not None and len(body.rows) > question.size:
        sentence = f"{len(body.rows)} rows on a page of {question.size}"
        breaches.append(Breach(sentence, asks, (), listing.paging.statement, "pages.size"))
    breaches += _check_order(listing, asks, body.rows)
    breaches += _check_numbers(listing, question, body)
    breaches += _check_cursor(listing, question, body)
    return breaches


def _check_order(listing: Listing, asks: tuple[Ask, ...], rows: Sequence[Row]) -> list[Breach]:
    try:
        keys = [listing.order_key(row) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []  # The schema law names a row whose date cannot be read.
    for index in range(1, len(keys)):
        if keys[index] < keys[index - 1]:
            tied = keys[index][0] == keys[index - 1][0]
            how = f"by {listing.identity} within one instant" if tied else "newest first"
            sentence, by = f"rows {index - 1} and {index} are not {how}", listing.ties if tied else listing.order
            return [Breach(sentence, asks, tuple(rows[index - 1 : index + 1]), by, "rows.order")]
    return []


def _check_numbers(listing: Listing, question: Question, body: Body) -> Iterator[Breach]:
    """A numbered page whose rows, total and flags do not fit each other."""
    paging, asks, number, size = listing.paging, (question.ask,), question.number, question.size or 0
    total = paging.total.of(body) if paging.number and paging.total else None
    if total is None or paging.total is None:
        return
    expected = max(0, min(size, total - (number - 1) * size))
    if len(body.rows) != expected:
        sentence = f"page {number} of {size} has {len(body.rows)} rows, its total of {total} leaves {expected}"
        yield Breach(sentence, asks, by=paging.total.statement, law="pages.total")
    said = body.envelope.get(paging.more)
    if paging.more and said is not (number * size < total):
        sentence = f"{paging.more} is {said} on page {number} of {size}, total is {total}"
        yield Breach(sentence, asks, by=paging.statement, law="pages.has_next")
    sent = {paging.number: number, paging.size: size}
    for name in paging.echoes:
        if body.envelope.get(name) != sent[name]:
            sentence = f"{name} is {body.envelope.get(name)}, it was asked as {sent[name]}"
            yield Breach(sentence, asks, by=paging.statement, law="pages.echo")


def _check_cursor(listing: Listing, question: Question, body: Body) -> Iterator[Breach]:
    """A cursor of the wrong form, or one on a page that shows the end of the list."""
    cursor, asks, law = listing.cursor, (question.ask,), "cursors.end"
    if cursor is None or question.size is None:
        return
    following = cursor.value(body)
    if following is None or following is ABSENT:
        return
    if not isinstance(following, str):
        yield Breach(f"{cursor.name} is neither text nor null", asks, by=listing.paging.statement, law=law)
    elif following == "":
        yield Breach(f"{cursor.name} is empty text, not null", asks, by=cursor.end, law=law)
    elif len(body.rows) < question.size:
        sentence = f"a page of {len(body.rows)} rows (limit {question.size}) still has a {cursor.name}"
        yield Breach(sentence, asks, by=cursor.end, law=law)


def against_snapshots(
    listing: Listing, question: Question, body: Body, before: Snapshot, after: Snapshot
) -> list[Breach]:
    """What contradicts rows that are certain."""
    identity = listing.identity
    earlier = {row[identity]: row for row in before.rows}
    later = earlier if after is before else {row[identity]: row for row in after.rows}
    certain = frozenset(name for name, row in earlier.items() if name in later and later[name] == row)
    got = [row[identity] for row in body.rows]
    return [*Comparison(listing, question, body, before, earlier, later, certain, got).breaches()]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One answer between two snapshots. Names are those of rows."""

    listing: Listing
    question: Question
    body: Body
    before: Snapshot
    earlier: Mapping[str, Row]
    later: Mapping[str, Row]
    certain: frozenset[str]
    """The rows that both snapshots hold unchanged."""
    got: list[str]
    """The rows of the answer, in its order."""

    def breaches(self) -> Iterator[Breach]:
        keeps, question = self.listing.keeps(self.question.filters), self.question
        unknown = [
            row
            for name, row in zip(self.got, self.body.rows, strict=True)
            if name not in self.earlier and name not in self.later
        ]
        if unknown and self.before.complete:
            yield self.breach(f"{len(unknown)} rows are not in the unfiltered list at all", unknown)
        yield from self.check_changes()
        matching = [row[self.listing.identity] for row in self.before.rows if keeps(row)]
        either = (*self.earlier.items(), *self.later.items())
        maybe = {name for name, row in either if name not in self.certain and keeps(row)}
        slack = len(maybe) + len(unknown)
        yield from self.check_total(len(self.keep_certain(matching)), slack)
        if question.whole or (question.anchor and question.anchor not in self.certain):
            return
        if question.anchor:
            place = {name: index for index, name in enumerate(self.earlier)}
            matching = [name for name in matching if self.follows(name, place)]
        if slack == 0 and self.before.complete:
            yield from self.check_exactly(matching)
        else:
            yield from self.check_within(self.keep_certain(matching), slack)

    def follows(self, name: str, place: Mapping[str, int]) -> bool:
        """Whether a row stands behind the anchor: rows of one instant may come in any order, none of them twice."""
        if name in self.question.shown:
            return False
        return place[name] > place[self.question.anchor] or self.tied(name, self.question.anchor)

    def tied(self, one: str, other: str) -> bool:
        """Whether two rows are of the same instant, so that no page need say which of them comes first."""
        created = self.listing.created
        return self.earlier[one].get(created) == self.earlier[other].get(created)

    def breach(self, sentence: str, rows: Sequence[Row] = (), by: Statement | None = None, law: str = "") -> Breach:
        asks = (self.question.ask, *self.before.asks[:1])
        return Breach(sentence, asks, tuple(rows), by or meaning(self.listing, self.question), law, soft=True)

    def keep_certain(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name in self.certain]

    def check_changes(self) -> Iterator[Breach]:
        """A certain row that looks otherwise in this answer."""
        for name, row in zip(self.got, self.body.rows, strict=True):
            known = self.earlier.get(name)
            if name in self.certain and known is not None and row != known:
                fields = ", ".join([field for field in {**row, **known} if differs(row, known, field)][:4])
                where = f"{self.listing.identity} {name} shows another {fields} here than in the unfiltered list"
                yield self.breach(where, [row, known], SAME, "rows.same")
                return

    def check_total(self, least: int, slack: int) -> Iterator[Breach]:
        total = self.listing.paging.total
        count = total.of(self.body) if total is not None and self.before.complete else None
        if total is not None and count is not None and not least <= count <= least + slack:
            match = f"{spread(least, slack)} rows match {show_filters(self.question.filters)}"
            yield self.breach(f"{total} is {count}, but {match}", by=total.statement, law="pages.total")

    def check_exactly(self, matching: Sequence[str]) -> Iterator[Breach]:
        """Nothing moved, so the page is known row by row."""
        question, got, cursor = self.question, self.got, self.listing.cursor
        end = None if question.size is None else question.offset + question.size
        expected = matching[question.offset : end]
        if got != expected:
            yield self.describe_page(expected)
        if cursor is not None and end is not None and len(got) == len(expected):
            more = end < len(matching)
            if more and not cursor.following(self.body):
                sentence = f"{cursor.name} is missing although rows follow"
                yield self.breach(sentence, by=self.listing.paging.statement, law="cursors.end")
            elif cursor.following(self.body) and not more:
                yield self.breach(f"{cursor.name} is set although nothing follows", by=cursor.end, law="cursors.end")

    def describe_page(self, expected: Sequence[str]) -> Breach:
        """What distinguishes the page from the one that was expected."""
        question, got, listing = self.question, self.got, self.listing
        missing = [name for name in expected if name not in set(got)]
        extra = [name for name in got if name not in set(expected)]
        if not missing and not extra and len(got) == len(expected):
            sentence = f"the rows are in another order than in the unfiltered list{window(question)}"
            return self.breach(sentence, by=self.order_of(expected), law="rows.order")
        if self.are_exchanged(missing, extra):
            sentence = f"rows of one instant are in another order than in the unfiltered list{window(question)}"
            rows = [self.earlier[name] for name in [*missing, *extra]]
            return self.breach(sentence, rows, listing.ties, "rows.order")
        words = [f"{len(missing)} of {len(expected)} rows are missing"] if missing else []
        words += [f"{len(extra)} rows do not belong there"] if extra else []
        what = " and ".join(words or ["rows are repeated"])
        rows = [self.earlier[name] for name in [*missing, *extra] if name in self.earlier]
        by = listing.cursor.end if listing.cursor is not None and self.is_short(expected) else None
        return self.breach(f"{what} in the answer to {show_filters(question.filters)}{window(question)}", rows, by)

    def order_of(self, expected: Sequence[str]) -> Statement:
        """What states an order that the page does not keep."""
        swapped = [(one, other) for one, other in zip(expected, self.got, strict=True) if one != other]
        return self.listing.ties if all(self.tied(*pair) for pair in swapped) else self.listing.order

    def are_exchanged(self, missing: Sequence[str], extra: Sequence[str]) -> bool:
        """Whether the page differs by rows of one instant only, all of which it may show as well."""
        keeps, shown = self.listing.keeps(self.question.filters), self.question.shown
        fit = all(name in self.certain and name not in shown and keeps(self.earlier[name]) for name in extra)
        return fit and self.instants(missing) == self.instants(extra)

    def instants(self, names: Sequence[str]) -> Counter[Any]:
        return Counter(self.earlier[name].get(self.listing.created) for name in names)

    def is_short(self, expected: Sequence[str]) -> bool:
        """Whether the page only ends early, and its cursor leads on to the rest."""
        cursor, got = self.listing.cursor, self.got
        leads = cursor is not None and bool(cursor.following(self.body))
        return leads and bool(got) and got == list(expected[: len(got)])

    def check_within(self, sure: Sequence[str], slack: int) -> Iterator[Breach]:
        """Something moved or was not read, so every certain row has a range of places."""
        start, size, present = self.question.offset, self.question.size, set(self.got)
        end = float("inf") if size is None else start + size
        place, group = {name: index for index, name in enumerate(sure)}, self.groups(sure)
        missing = [
            name for name in sure if start <= group[name][0] and group[name][1] + slack < end and name not in present
        ]
        if missing and (self.before.complete or end <= len(self.before.rows)):
            yield self.breach(f"{len(missing)} matching rows are missing", [self.earlier[name] for name in missing])
        known = [name for name in self.got if name in place]
        early = [name for name in known if group[name][1] + slack < start or group[name][0] >= end]
        if early:
            yield self.breach(f"{len(early)} rows belong to another page", [self.earlier[name] for name in early])
        places = [place[name] for name in known]
        if places != sorted(places):
            sentence = "the rows are in another order than in the unfiltered list"
            yield self.breach(sentence, by=self.listing.order, law="rows.order")

    def groups(self, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """By row: the first and the last place of the rows of its instant, any of which it may have."""
        places: dict[str, tuple[int, int]] = {}
        start = 0
        for index, name in enumerate(names):
            if not self.tied(name, names[start]):
                start = index
            places |= dict.fromkeys(names[start : index + 1], (start, index))
        return places


def differs(one: Row, other: Row, name: str) -> bool:
    return (name in one) != (name in other) or one.get(name) != other.get(name)


def spread(low: int, slack: int) -> str:
    return f"{low}" if slack == 0 else f"{low} to {low + slack}"


def show_filters(filters: Pairs) -> str:
    return "&".join(f"{name}={text}" for name, text in filters) or "no filter"


def window(question: Question) -> str:
    if question.size is None:
        return ""
    return f" (rows {question.offset} to {question.offset + question.size - 1})"
