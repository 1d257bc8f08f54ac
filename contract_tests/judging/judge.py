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
from contract_tests.promises.form import Listing
from contract_tests.promises.paging import ABSENT, Body
from contract_tests.sending.ask import Ask

MAX_FIELDS = 4
"""Fields that one sentence names."""
MAX_MISSING = 3
"""Missing rows that are shown where others do not belong there."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A contradiction. A hard one shows in the answer itself; a soft one needs the snapshots to be believed."""

    sentence: str
    asks: tuple[Ask, ...]
    rows: tuple[Row, ...] = ()
    tier: Tier = Tier.MUST
    law: str = ""
    """The law that it breaks, where that is not the one that asked."""
    soft: bool = False
    probe: str = ""
    fields: tuple[str, ...] = ()
    """The fields of these rows that are in question; a report shows them whole."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: by its number, behind so many rows, or at a cursor. `anchor` is the row in front of it, the
    last one of the page that the cursor came with."""

    number: int = 1
    offset: int | None = None
    cursor: str = ""
    anchor: str = ""


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
    tier: Tier = Tier.MUST
    anchor: str = ""
    """The page starts behind this row, the last one of the page before."""
    whole: bool = False
    """Compare contents only, not the window: for answers whose place in the list is unknown."""

    def asked(self, **how: Any) -> Question:
        """The same question, sent in another way: `how` are fields of `Ask`."""
        return replace(self, ask=replace(self.ask, **how))

    def anywhere(self) -> Question:
        """The same question, whatever the place of its answer in the list."""
        return replace(self, whole=True)


def self_contradictions(listing: Listing, question: Question, body: Body) -> list[Breach]:
    """What the answer shows to be wrong without looking at any other."""
    breaches = []
    asks = (question.ask,)

    def broken(
        sentence: str, rows: Sequence[Row] = (), tier: Tier = Tier.MUST, law: str = "", fields: tuple[str, ...] = ()
    ) -> None:
        breaches.append(Breach(sentence, asks, tuple(rows), tier, law, fields=fields))

    keeps = listing.keeps(question.filters)
    strangers = [row for row in body.rows if not keeps(row)]
    if strangers:
        broken(
            f"{len(strangers)} of {len(body.rows)} rows do not match the filter {show_filters(question.filters)}",
            strangers,
            question.tier,
            fields=fields_of(listing, question.filters),
        )
    repeated = [name for name, times in Counter(row[listing.identity] for row in body.rows).items() if times > 1]
    if repeated:
        broken(
            f"{listing.identity} {repeated[0]} occurs twice in one answer",
            [row for row in body.rows if row[listing.identity] == repeated[0]],
            law="rows.unique",
        )
    if question.size is not None and len(body.rows) > question.size:
        broken(f"{len(body.rows)} rows on a page of {question.size}", tier=listing.paging.tier, law="pages.size")
    breaches += _check_order(listing, asks, body.rows)
    breaches += _check_numbers(listing, question, body)
    breaches += _check_cursor(listing, question, body)
    return breaches


def _check_order(listing: Listing, asks: tuple[Ask, ...], rows: Sequence[Row]) -> list[Breach]:
    try:
        keys = [listing.order_key(row) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []  # The schema law names a row whose date cannot be read.
    found: dict[bool, Breach] = {}
    for index in range(1, len(keys)):
        if keys[index] < keys[index - 1]:
            pair = tuple(rows[index - 1 : index + 1])
            tied = keys[index][0] == keys[index - 1][0]
            if tied in found:
                continue
            sentence = describe_tie(listing, index, pair) if tied else describe_turn(listing, index, pair)
            fields = (listing.created, listing.identity)
            found[tied] = Breach(sentence, asks, pair, Tier.SHOULD, "rows.order", fields=fields)
    return [*found.values()]


def describe_tie(listing: Listing, index: int, pair: Sequence[Row]) -> str:
    """Two neighbours of one instant that are not in the order of their ids; `index` is the place of the second."""
    created, identity = listing.created, listing.identity
    one, two = (row[identity] for row in pair)
    same = f"rows {index - 1} and {index} have the same {created} ({pair[0][created]})"
    return f"{same}, and their {identity}s are not ascending: {one}, then {two}"


def describe_turn(listing: Listing, index: int, pair: Sequence[Row]) -> str:
    """Two neighbours of which the second is the newer one."""
    one, two = (row[listing.created] for row in pair)
    return f"rows {index - 1} and {index} are not newest first: {listing.created} is {one}, then {two}"


def two_orders(listing: Listing, ask: Ask, one: Sequence[Row], two: Sequence[Row]) -> Breach | None:
    """The breach of a server that answered one request with the same rows in two orders, or None where it did not."""
    identity = listing.identity
    first, second = ([row[identity] for row in rows] for rows in (one, two))
    if first == second or sorted(first) != sorted(second):
        return None
    index = next(index for index, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1])
    sentence = f"the same request gave two orders: row {index} was {first[index]}, then {second[index]}"
    return Breach(sentence, (ask,), (one[index], two[index]), law="rows.order", fields=(listing.created, identity))


def _check_numbers(listing: Listing, question: Question, body: Body) -> Iterator[Breach]:
    """A numbered page whose rows, total and flags do not fit each other."""
    paging, asks, number, size = listing.paging, (question.ask,), question.number, question.size or 0
    total = paging.total.of(body) if paging.number and paging.total else None
    if total is None:
        return
    expected = max(0, min(size, total - (number - 1) * size))
    if len(body.rows) != expected:
        sentence = f"page {number} of {size} has {len(body.rows)} rows, its total of {total} leaves {expected}"
        yield Breach(sentence, asks, law="pages.total")
    said = body.envelope.get(paging.more)
    if paging.more and said is not (number * size < total):
        sentence = f"{paging.more} is {said} on page {number} of {size}, total is {total}"
        yield Breach(sentence, asks, law="pages.has_next")
    sent = {paging.number: number, paging.size: size}
    for name in paging.echoes:
        if body.envelope.get(name) != sent[name]:
            yield Breach(f"{name} is {body.envelope.get(name)}, it was asked as {sent[name]}", asks, law="pages.echo")


def _check_cursor(listing: Listing, question: Question, body: Body) -> Iterator[Breach]:
    """A cursor of the wrong form, or one on a page that shows the end of the list."""
    cursor, asks = listing.cursor, (question.ask,)
    if cursor is None or question.size is None:
        return
    following = cursor.value(body)
    if following is None or following is ABSENT:
        return
    if not isinstance(following, str):
        yield Breach(f"{cursor.name} is neither text nor null", asks, law="cursors.end")
    elif following == "":
        yield Breach(f"{cursor.name} is empty text, not null", asks, tier=Tier.SHOULD, law="cursors.end")
    elif len(body.rows) < question.size:
        sentence = f"a page of {len(body.rows)} rows (limit {question.size}) still has a {cursor.name}"
        yield Breach(sentence, asks, tier=Tier.SHOULD, law="cursors.end")


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
            matching = [name for name in matching if place[name] > place[question.anchor]]
        if slack == 0 and self.before.complete:
            yield from self.check_exactly(matching)
        else:
            yield from self.check_within(self.keep_certain(matching), slack)

    def breach(
        self,
        sentence: str,
        rows: Sequence[Row] = (),
        tier: Tier | None = None,
        law: str = "",
        fields: tuple[str, ...] = (),
    ) -> Breach:
        asks = (self.question.ask, *self.before.asks[:1])
        shown = fields or (*fields_of(self.listing, self.question.filters), self.listing.created)
        return Breach(sentence, asks, tuple(rows), tier or self.question.tier, law, soft=True, fields=shown)

    def keep_certain(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name in self.certain]

    def check_changes(self) -> Iterator[Breach]:
        """A certain row that looks otherwise in this answer."""
        for name, row in zip(self.got, self.body.rows, strict=True):
            known = self.earlier.get(name)
            if name in self.certain and known is not None and row != known:
                fields = tuple(field for field in {**row, **known} if differs(row, known, field))
                what = ", ".join(fields[:MAX_FIELDS])
                where = f"{self.listing.identity} {name} shows another {what} here than in the unfiltered list"
                yield self.breach(where, [row, known], law="rows.same", fields=fields)
                return

    def check_total(self, least: int, slack: int) -> Iterator[Breach]:
        total = self.listing.paging.total
        count = total.of(self.body) if total is not None and self.before.complete else None
        if total is not None and count is not None and not least <= count <= least + slack:
            match = f"{spread(least, slack)} rows match {show_filters(self.question.filters)}"
            yield self.breach(f"{total} is {count}, but {match}", tier=total.tier, law="pages.total")

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
                yield self.breach(f"{cursor.name} is missing although rows follow", tier=Tier.MUST, law="cursors.end")
            elif cursor.following(self.body) and not more:
                sentence = f"{cursor.name} is set although nothing follows"
                yield self.breach(sentence, tier=Tier.SHOULD, law="cursors.end")

    def describe_page(self, expected: Sequence[str]) -> Breach:
        """What distinguishes the page from the one that was expected."""
        question, got = self.question, self.got
        missing = [name for name in expected if name not in set(got)]
        extra = [name for name in got if name not in set(expected)]
        if not missing and not extra and len(got) == len(expected):
            return self.describe_order(got, expected, window(question))
        words = [f"{len(missing)} of {len(expected)} rows are missing"] if missing else []
        words += [f"{len(extra)} rows do not belong there"] if extra else []
        what = " and ".join(words or ["rows are repeated"])
        shown = [*missing[:MAX_MISSING], *extra] if extra else missing
        rows = [self.earlier[name] for name in shown if name in self.earlier]
        return self.breach(f"{what} in the answer to {show_filters(question.filters)}{window(question)}", rows)

    def check_within(self, sure: Sequence[str], slack: int) -> Iterator[Breach]:
        """Something moved or was not read, so every certain row has a range of places."""
        start, size, present = self.question.offset, self.question.size, set(self.got)
        end = float("inf") if size is None else start + size
        place = {name: index for index, name in enumerate(sure)}
        missing = [
            name for index, name in enumerate(sure) if start <= index and index + slack < end and name not in present
        ]
        if missing and (self.before.complete or end <= len(self.before.rows)):
            yield self.breach(f"{len(missing)} matching rows are missing", [self.earlier[name] for name in missing])
        known = [name for name in self.got if name in place]
        early = [name for name in known if place[name] + slack < start or place[name] >= end]
        if early:
            yield self.breach(f"{len(early)} rows belong to another page", [self.earlier[name] for name in early])
        ordered = sorted(known, key=place.__getitem__)
        if known != ordered:
            yield self.describe_order(known, ordered, "")

    def describe_order(self, got: Sequence[str], expected: Sequence[str], where: str) -> Breach:
        """The same rows in another order: the first one that is out of its place, and the one that belongs there."""
        index = next(index for index, pair in enumerate(zip(got, expected, strict=True)) if pair[0] != pair[1])
        sentence = (
            f"the rows are in another order than in the unfiltered list{where}: "
            f"row {index} is {got[index]}, there it is {expected[index]}"
        )
        rows, fields = [self.earlier[got[index]], self.earlier[expected[index]]], (self.listing.created,)
        return self.breach(sentence, rows, tier=Tier.SHOULD, law="rows.order", fields=fields)


def fields_of(listing: Listing, filters: Pairs) -> tuple[str, ...]:
    """The fields of a row that these filters look at."""
    asked = (listing.filter_of(name) for name, _ in filters)
    return tuple(dict.fromkeys(filter.field for filter in asked if filter is not None))


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
