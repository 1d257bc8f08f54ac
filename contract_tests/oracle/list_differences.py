"""Pages of one question between two snapshots: rows, their order, their places, totals and cursors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract_tests.judging.comparison import MAX_FIELDS
from contract_tests.judging.judge import differs, show_filters, spread
from contract_tests.oracle.sides import Difference, Side
from contract_tests.outcome import Row
from contract_tests.promises.common import SAME, UNIQUE
from contract_tests.promises.paging import ABSENT, Body, InHeader
from contract_tests.promises.questions import OracleQuestion
from contract_tests.promises.statements import Statement, weakest
from contract_tests.sending.ask import Reply

MAX_EVIDENCE = 5


@dataclass(frozen=True, slots=True)
class Order:
    """The certain rows in their order, and the rows that came, in theirs."""

    certain: list[str]
    slack: Mapping[str, int]
    """For each certain row: how many rows may stand in front of it besides the certain ones."""
    got: list[str]
    rows: Mapping[str, Row]
    place: Mapping[str, int]
    """For each certain row: how many certain rows stand in front of it."""

    def groups(self, created: str) -> dict[str, tuple[int, int]]:
        """By certain row: the first and the last place of the rows of its instant, any of which it may have."""
        places: dict[str, tuple[int, int]] = {}
        start = 0
        for index, name in enumerate(self.certain):
            if self.rows[name].get(created) != self.rows[self.certain[start]].get(created):
                start = index
            places |= dict.fromkeys(self.certain[start : index + 1], (start, index))
        return places

    def evidence(self, names: Sequence[str]) -> tuple[Row, ...]:
        return tuple(self.rows[name] for name in names)


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of one question, between two snapshots."""

    query: OracleQuestion
    replies: list[Reply]
    bodies: list[Body]
    before: Side
    after: Side

    @property
    def complete(self) -> bool:
        scope = self.query.scope
        return self.before.snapshots[scope].complete and self.after.snapshots[scope].complete

    @property
    def rows(self) -> list[Row]:
        return [row for body in self.bodies for row in body.rows]

    @property
    def by(self) -> Statement:
        return self.before.promises.listing.statement_of(self.query.pairs)

    def compare(self) -> Iterator[Difference]:
        """Everything that certain rows prove."""
        scope, identity = self.query.scope, self.before.promises.listing.identity
        earlier, later = self.before.rows_of(scope), self.after.rows_of(scope)
        ask = self.replies[0].ask
        one, two = self.before.twin.find_ids(ask) or [], self.after.twin.find_ids(ask) or []
        selected = set(two)
        certain = [name for name in one if name in selected]
        maybe = (set(one) | selected) - set(certain)
        got = [str(row[identity]) for row in self.rows]
        unknown = [row for name, row in zip(got, self.rows, strict=True) if name not in earlier and name not in later]
        yield from self.find_strangers(got, earlier, (earlier.keys() & later.keys()) - set(one) - selected)
        if unknown and self.complete:
            yield Difference("rows", f"{len(unknown)} rows are not in the unfiltered list", self.by, tuple(unknown))
        yield from self.find_repeats(got, earlier, later)
        yield from self.find_changes(got, earlier, later)
        place = {name: index for index, name in enumerate(certain)}
        if certain != [name for name in two if name in place]:
            return  # The order itself moved, so no place in it is certain.
        known = [place[name] for name in got if name in place]
        if known != sorted(known):
            sentence = "the rows come in another order than in the unfiltered list"
            listing = self.before.promises.listing
            fields = (listing.created, listing.identity)
            yield Difference("order", sentence, listing.order, tuple(self.rows[:MAX_EVIDENCE]), fields)
        order = Order(certain, self.slack(certain, one, two, maybe, len(unknown)), got, earlier, place)
        by_cursor = self.before.promises.listing.cursor is not None
        yield from self.check_walk(order) if by_cursor else self.check_window(order)
        if self.complete:
            yield from self.check_counts(len(certain), len(maybe) + len(unknown))

    def find_strangers(self, got: Sequence[str], earlier: Mapping[str, Row], out: set[str]) -> Iterator[Difference]:
        """Rows that neither snapshot's filter lets through. One that looks otherwise than in both has moved, and may
        match as it is now."""
        rows = tuple(row for name, row in zip(got, self.rows, strict=True) if name in out and row == earlier[name])
        if rows:
            asked = show_filters(self.query.pairs) if self.query.pairs else "everything"
            yield Difference("rows", f"{len(rows)} rows do not match {asked}", self.by, rows)

    def find_repeats(
        self, got: Sequence[str], earlier: Mapping[str, Row], later: Mapping[str, Row]
    ) -> Iterator[Difference]:
        names = [name for name, times in Counter(got).items() if times > 1 and name in earlier and name in later]
        if names:
            rows = tuple(earlier[name] for name in names)
            yield Difference("repeated", f"{len(names)} rows come twice", UNIQUE, rows)

    def find_changes(
        self, got: Sequence[str], earlier: Mapping[str, Row], later: Mapping[str, Row]
    ) -> Iterator[Difference]:
        changed = [
            (row, earlier[name])
            for name, row in zip(got, self.rows, strict=True)
            if name in earlier and earlier[name] == later.get(name) and row != earlier[name]
        ]
        if changed:
            row, known = changed[0]
            fields = tuple(field for field in {**known, **row} if differs(row, known, field))
            sentence = f"a row has another {', '.join(fields[:MAX_FIELDS])} than in the unfiltered list"
            yield Difference("row", sentence, SAME, (row, known, *(each for each, _ in changed[1:])), fields)

    def slack(
        self, certain: list[str], one: list[str], two: list[str], maybe: set[str], unknown: int
    ) -> dict[str, int]:
        """For each certain row: how many rows may stand in front of it besides the certain ones."""
        in_front: dict[str, set[str]] = {}
        for order in (one, two):
            ahead: set[str] = set()
            for name in order:
                if name in maybe:
                    ahead.add(name)
                else:
                    in_front[name] = in_front.get(name, set()) | ahead if maybe else ahead
        return {name: len(in_front.get(name, ())) + unknown for name in certain}

    def check_window(self, order: Order) -> Iterator[Difference]:
        """A page by number or offset: the rows that must be on it, and those that cannot be."""
        window = self.before.twin.window(self.replies[0].ask)
        slack, present, group = order.slack, set(order.got), order.groups(self.before.promises.listing.created)
        start, end, certain = window.start, window.end, order.certain
        missing = [
            name
            for name in certain
            if group[name][0] >= start and group[name][1] + slack[name] < end and name not in present
        ]
        if missing:
            yield Difference("rows", f"{len(missing)} rows are missing", self.by, order.evidence(missing))
        known = [name for name in order.got if name in group]
        foreign = [name for name in known if group[name][1] + slack[name] < start or group[name][0] >= end]
        if foreign:
            sentence = f"{len(foreign)} rows belong to another page"
            yield Difference("window", sentence, self.by, order.evidence(foreign))
        if len(order.got) > end - start:
            yield Difference("window", f"a page of {window.count} has {len(order.got)} rows", self.by)
        if missing or foreign or any(slack.values()) or not self.complete or len(known) < len(order.got):
            return  # Something moved.
        expected = certain[start : None if window.count is None else start + window.count]
        if len(order.got) < len(expected):
            sentence = f"{len(expected) - len(order.got)} rows are missing"
            yield Difference("rows", sentence, self.by, order.evidence([n for n in expected if n not in present]))
        elif present != set(expected):
            sentence, ties = "rows of one instant come in another order", self.before.promises.listing.ties
            yield Difference("order", sentence, ties, order.evidence([n for n in expected if n not in present]))

    def check_walk(self, order: Order) -> Iterator[Difference]:
        """Pages by cursor: no certain row in front of the last one may be left out, and none behind the end."""
        cursor, window = self.before.promises.listing.cursor, self.before.twin.window(self.replies[0].ask)
        assert cursor is not None
        present, group = set(order.got), order.groups(self.before.promises.listing.created)
        reached = max((group[name][0] - 1 for name in order.got if name in group), default=-1)
        ended = not self.leads_on(self.bodies[-1])
        until = len(order.certain) if ended else reached + 1
        missing = [name for name in order.certain[:until] if name not in present]
        if missing and not window.cursor:
            where = "are skipped" if order.place[missing[0]] < reached else "are missing at the end"
            yield Difference("rows", f"{len(missing)} rows {where}", self.by, order.evidence(missing))
        for body in self.bodies:
            count = len(body.rows)
            if window.count is not None and count > window.count:
                yield Difference("window", f"a page of {window.count} has {count} rows", self.by)
            if window.count is not None and count < window.count and self.leads_on(body):
                sentence = f"a page of {count} rows (limit {window.count}) has a {cursor.name}"
                yield Difference("cursor", sentence, cursor.end)
        moving = any(order.slack.values()) or (self.before is not self.after and not self.before.same_rows(self.after))
        if moving or missing:
            return
        if not ended and len(order.got) == len(order.certain):
            yield Difference("cursor", f"there is a {cursor.name} although nothing follows", cursor.end)
        elif not window.cursor and present <= group.keys() and present != set(order.certain[: len(order.got)]):
            sentence, ties = "rows of one instant come in another order", self.before.promises.listing.ties
            yield Difference("order", sentence, ties, tuple(self.rows[-1:]))

    def leads_on(self, body: Body) -> bool:
        """Whether there is a cursor, be it an empty text."""
        cursor = self.before.promises.listing.cursor
        return cursor is not None and isinstance(cursor.value(body), str)

    def check_counts(self, least: int, slack: int) -> Iterator[Difference]:
        """Totals, and what the envelope says of the page."""
        paging, body, ask = self.before.promises.listing.paging, self.bodies[0], self.replies[0].ask
        matching = f"{spread(least, slack)} rows match"
        if paging.total is not None:
            count, value = paging.total.of(body), paging.total.place.read(body)
            if count is None and (value is ABSENT or isinstance(paging.total.place, InHeader)):
                yield Difference("total", f"{paging.total} is missing or not a number", paging.total.statement)
            elif count is None or not least <= count <= least + slack:
                by = weakest([paging.total.statement, self.by], self.by)
                yield Difference("total", f"{paging.total} is {value}, but {matching}", by)
        more = body.envelope.get(paging.more)
        end = self.before.twin.window(ask).end
        if paging.more and ((end < least and more is not True) or (end >= least + slack and more is not False)):
            by = weakest([paging.statement, self.by], self.by)
            yield Difference("has_next", f"{paging.more} is {more}, but {matching}", by)
        expected: Any = self.before.twin.send(ask).json() if paging.echoes else {}
        for name in paging.echoes:
            if body.envelope.get(name) != expected[name]:
                sentence = f"{name} is {body.envelope.get(name)}, it was asked as {expected[name]}"
                yield Difference("echo", sentence, paging.statement)
