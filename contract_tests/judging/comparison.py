"""One answer against the snapshots before and after it: only rows that both hold unchanged can convict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract_tests.judging.judge import (
    Breach,
    Question,
    differs,
    fields_of,
    may_be_behind,
    meaning,
    refused,
    show_filters,
    spread,
    window,
)
from contract_tests.outcome import Row, Snapshot
from contract_tests.promises.common import SAME
from contract_tests.promises.form import Listing
from contract_tests.promises.paging import Body
from contract_tests.promises.statements import Statement, weakest
from contract_tests.sending.ask import Reply

MAX_FIELDS = 4
"""Fields that one sentence names."""
MAX_MISSING = 3
"""Missing rows that are shown where others do not belong there."""


def against_snapshots(
    listing: Listing, question: Question, reply: Reply, body: Body | None, before: Snapshot, after: Snapshot
) -> list[Breach]:
    """What contradicts rows that are certain; `body` is what the answer shows, where it is a listing."""
    if may_be_behind(question, reply.status):
        return against_refusal(listing, question, reply.status, before, after)
    if body is None:
        return []
    identity = listing.identity
    earlier = {row[identity]: row for row in before.rows}
    later = earlier if after is before else {row[identity]: row for row in after.rows}
    certain = frozenset(name for name, row in earlier.items() if name in later and later[name] == row)
    got = [row[identity] for row in body.rows]
    return [*Comparison(listing, question, body, before, earlier, later, certain, got).breaches()]


def against_refusal(
    listing: Listing, question: Question, status: int, before: Snapshot, after: Snapshot
) -> list[Breach]:
    """What a page that is refused contradicts. Rows that both snapshots have on it bind; whether there is a page where
    the list has ended is for each server to say."""
    keeps, by = listing.keeps(question.filters), meaning(listing, question)
    least = min(sum(map(keeps, snapshot.rows)) for snapshot in (before, after))
    if question.offset >= least:
        by = weakest([by, listing.paging.behind], by)
    return [Breach(refused(status), (question.ask,), by=by, soft=True)]


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

    def breach(
        self,
        sentence: str,
        rows: Sequence[Row] = (),
        by: Statement | None = None,
        law: str = "",
        fields: tuple[str, ...] = (),
    ) -> Breach:
        asks, by = (self.question.ask, *self.before.asks[:1]), by or meaning(self.listing, self.question)
        shown = fields or (*fields_of(self.listing, self.question.filters), self.listing.created)
        return Breach(sentence, asks, tuple(rows), by, law, soft=True, fields=shown)

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
                yield self.breach(where, [row, known], SAME, "rows.same", fields)
                return

    def check_total(self, least: int, slack: int) -> Iterator[Breach]:
        total = self.listing.paging.total
        count = total.of(self.body) if total is not None and self.before.complete else None
        if total is not None and count is not None and not least <= count <= least + slack:
            match = f"{spread(least, slack)} rows match {show_filters(self.question.filters)}"
            by = weakest([total.statement, meaning(self.listing, self.question)], total.statement)
            yield self.breach(f"{total} is {count}, but {match}", by=by, law="pages.total")

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
            return self.describe_order(got, expected, window(question), self.order_of(expected))
        if self.are_exchanged(missing, extra):
            sentence = f"rows of one instant are in another order than in the unfiltered list{window(question)}"
            rows = [self.earlier[name] for name in [*missing, *extra]]
            return self.breach(sentence, rows, listing.ties, "rows.order")
        words = [f"{len(missing)} of {len(expected)} rows are missing"] if missing else []
        words += [f"{len(extra)} rows do not belong there"] if extra else []
        what = " and ".join(words or ["rows are repeated"])
        shown = [*missing[:MAX_MISSING], *extra] if extra else missing
        rows = [self.earlier[name] for name in shown if name in self.earlier]
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
        ordered = sorted(known, key=place.__getitem__)
        if known != ordered:
            yield self.describe_order(known, ordered, "", self.listing.order)

    def groups(self, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """By row: the first and the last place of the rows of its instant, any of which it may have."""
        places: dict[str, tuple[int, int]] = {}
        start = 0
        for index, name in enumerate(names):
            if not self.tied(name, names[start]):
                start = index
            places |= dict.fromkeys(names[start : index + 1], (start, index))
        return places

    def describe_order(self, got: Sequence[str], expected: Sequence[str], where: str, by: Statement) -> Breach:
        """The same rows in another order: the first one that is out of its place, and the one that belongs there."""
        index = next(index for index, pair in enumerate(zip(got, expected, strict=True)) if pair[0] != pair[1])
        sentence = (
            f"the rows are in another order than in the unfiltered list{where}: "
            f"row {index} is {got[index]}, there it is {expected[index]}"
        )
        rows, fields = [self.earlier[got[index]], self.earlier[expected[index]]], (self.listing.created,)
        return self.breach(sentence, rows, by, "rows.order", fields)
