"""One answer against what was seen before and after it: three-valued, so that a moving list raises no false alarm.

A row is certain when both snapshots hold it unchanged. Only certain rows can convict; everything else may or may not be
in the answer. Where nothing moved, every row is certain and the judgement is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contract_tests.outcome import Pairs, Row, Tier
from contract_tests.promises.common import ONE_ORDER, UNIQUE
from contract_tests.promises.form import Listing
from contract_tests.promises.paging import ABSENT, Body
from contract_tests.promises.statements import Statement
from contract_tests.sending.ask import Ask

LIMITED = 429
"""Says nothing of the request."""


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
    fields: tuple[str, ...] = ()
    """The fields of these rows that are in question; a report shows them whole."""

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
        fields = fields_of(listing, question.filters)
        breaches.append(Breach(sentence, asks, strangers, meaning(listing, question), fields=fields))
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
    found: dict[bool, Breach] = {}
    for index in range(1, len(keys)):
        if keys[index] < keys[index - 1]:
            pair = tuple(rows[index - 1 : index + 1])
            tied = keys[index][0] == keys[index - 1][0]
            if tied in found:
                continue
            sentence = describe_tie(listing, index, pair) if tied else describe_turn(listing, index, pair)
            fields, by = (listing.created, listing.identity), listing.ties if tied else listing.order
            found[tied] = Breach(sentence, asks, pair, by, "rows.order", fields=fields)
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
    fields = (listing.created, identity)
    return Breach(sentence, (ask,), (one[index], two[index]), ONE_ORDER, "rows.order", fields=fields)


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


def refused(status: int) -> str:
    """What is said of a valid request that was answered with this status."""
    return f"a valid request was answered with {status}"


def is_refusal(status: int) -> bool:
    """Whether the request itself is refused, and not only the caller's haste."""
    return 400 <= status < 500 and status != LIMITED


def may_be_behind(question: Question, status: int) -> bool:
    """Whether a page is refused that may lie behind the end of the list, where there need not be one."""
    return question.offset > 0 and not question.whole and is_refusal(status)


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
