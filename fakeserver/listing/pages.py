"""Pages: which of the found rows are sent (a position), and what stands around them (an envelope).

Every position names the query parameters that it reads; the start-up check holds them against the spec.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice
from operator import itemgetter
from typing import Any, Protocol

from pyroaring import BitMap

from fakeserver.documents.answers import Runs
from fakeserver.documents.collection import Collection
from fakeserver.documents.keys import itself
from fakeserver.documents.order import OrderKey
from fakeserver.documents.seeded import Postings
from fakeserver.listing.cursors import Binding, CursorRefused, seal, unseal
from fakeserver.listing.envelopes import BARE, Envelope, Fact, Neighbours, Page, link_header
from fakeserver.listing.meaning import Issuer
from fakeserver.listing.orders import NEWEST_FIRST, FieldOrders, Order, OrderParameter
from fakeserver.problems import bad_cursor
from fakeserver.spec.parameters import Values

MAX_LAID_OUT = 8_192
"""Rows that are written out at once to take a page from them, which takes less than to walk to it."""


@dataclass(slots=True)
class Context:
    """What a page depends on besides rows and values. A cursor is bound to the issuer's secret and epoch, the tenant,
    the `question` (the operation and its filters) and the order; links to other pages are made from the `query`.
    `owner` is whose rows alone the caller may see."""

    issuer: Issuer
    tenant: str
    question: bytes
    query: bytes = b""
    order: Order = NEWEST_FIRST
    owner: str | None = None
    page_rows: int | None = None
    """The most rows of a page, whatever size it has by its own account."""

    def step(self, size: int) -> int:
        """How many rows a page of this size has."""
        return size if self.page_rows is None else min(size, self.page_rows)

    @property
    def binding(self) -> Binding:
        return self.tenant, self.question, self.order.name, self.issuer.epoch


@dataclass(frozen=True, slots=True)
class Number:
    """What a page style needs of a parameter: a whole number from `least` on, always there unless it is `optional`."""

    parameter: str
    least: int
    optional: bool = False


class Position(Protocol):
    """One way of choosing a page's rows. `facts` is what it knows of them, `neighbours` where other pages are."""

    @property
    def parameters(self) -> frozenset[str]: ...
    @property
    def facts(self) -> frozenset[Fact]: ...
    @property
    def numbers(self) -> tuple[Number, ...]:
        """Those parameters that pages are cut by; any other is text."""
        ...

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page: ...
    def neighbours(self, page: Page) -> Neighbours: ...


@dataclass(frozen=True, slots=True)
class Pages:
    """How an operation hands out a long list: any position in any envelope that asks for nothing unknown to it."""

    position: Position
    envelope: Envelope = BARE
    order: Order | OrderParameter | FieldOrders = NEWEST_FIRST
    _surround: Callable[[Page], None] = field(init=False, repr=False, compare=False)
    _links: bool = field(init=False, repr=False, compare=False)
    _known: bool = field(init=False, repr=False, compare=False)
    """Whether a page is a matter of the documents and of values alone, but for cursors."""
    _placed: Callable[[Values], Hashable] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_surround", self.envelope.compile())
        object.__setattr__(self, "_links", "links" in self.envelope.facts)
        known = type(self.position) in (Window, First, Everything, Numbered, Cursor) and not self._links
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "_placed", itemgetter(*self.parameters) if self.parameters else lambda values: None)

    @property
    def parameters(self) -> frozenset[str]:
        return self.position.parameters | self.order.parameters

    @property
    def numbers(self) -> tuple[Number, ...]:
        return self.position.numbers

    def place(self, values: Values, context: Context) -> Hashable:
        """What two requests for the documents of a collection, as they stand, have in common only if they ask for the
        same page, cursors included."""
        rows, issuer = (context.question, context.owner, context.page_rows, self._placed(values)), context.issuer
        signed = issuer.secret, issuer.epoch, issuer.as_of
        # Links repeat the query, and nobody knows what a plugin's position does.
        return (rows, signed) if self._known else (rows, signed, context.query, issuer.writes)

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        if self.order is not NEWEST_FIRST:
            context = replace(context, order=self.order.chosen(values))
        page = self.position.page(found, values, collection, context)
        if self._links:
            page.links = link_header(self.position.neighbours(page), context.query)
        self._surround(page)
        return page


def window(found: BitMap, offset: int, count: int, backwards: bool = False) -> list[int]:
    """The ranks from `offset` on, at most `count` of them; `backwards` counts from the other end."""
    if backwards:
        end = len(found) - offset
        first = max(0, end - count)
        return window(found, first, end - first)[::-1]
    total = len(found)
    if offset >= total or count <= 0:
        return []
    if total <= MAX_LAID_OUT:
        return found.to_array()[offset : offset + count].tolist()
    return list(islice(found.iter_equal_or_larger(found[offset]), count))


def cut(found: BitMap, offset: int, count: int, collection: Collection, context: Context) -> list[int]:
    """The ranks from `offset` on, at most `count` of them, in the order that was asked for."""
    order = context.order
    if order.field is None:
        return window(found, offset, count, order.backwards)
    postings = collection.postings(order.field, itself)
    texts, ends = runs_of(found, postings, collection, context)
    ranks: list[int] = []
    for index in range(bisect_right(ends, offset), len(ends)):
        if len(ranks) >= count:
            break
        before = ends[index - 1] if index else 0
        ranks += window(postings[texts[index]] & found, max(0, offset - before), count - len(ranks))
    return ranks


def runs_of(found: BitMap, postings: Postings, collection: Collection, context: Context) -> Runs:
    """The texts of a field in the order that was asked for, each with how many rows stand up to its last. The index has
    the rows of one text newest first, so that no row is looked at; asked again, nothing is counted."""
    order, answers = context.order, collection.answers
    question = context.owner, context.question, order
    kept = answers.runs.get(question)
    if kept is not None and kept[0] == answers.revision:
        return kept[1]
    texts = sorted(postings, key=lambda text: (text is not None, str(text)), reverse=order.backwards)
    runs = texts, [*accumulate(postings[text].intersection_cardinality(found) for text in texts)]
    answers.runs.keep(question, (answers.revision, runs))
    return runs


@dataclass(frozen=True, slots=True)
class Window:
    """Everything, unless the caller asks for a part (`limit` is clamped to `most`)."""

    most: int
    limit: str = "limit"
    offset: str = "offset"

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset({self.limit, self.offset})

    @property
    def facts(self) -> frozenset[Fact]:
        return frozenset({"total", "count", "offset", "size", "has_next", "links"})

    @property
    def numbers(self) -> tuple[Number, ...]:
        return Number(self.limit, 0, optional=True), Number(self.offset, 0, optional=True)

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        size, offset, total = values[self.limit], values[self.offset] or 0, len(found)
        if size is not None and size > self.most:
            size = self.most
        step = total if size is None else context.step(size)
        ranks = cut(found, offset, step, collection, context)
        return Page(ranks, total, size, offset, None, offset + len(ranks) < total, step=step)

    def neighbours(self, page: Page) -> Neighbours:
        neighbours: dict[str, dict[str, str | None]] = {"first": {self.offset: "0"}}
        if page.offset and page.size:
            neighbours["prev"] = {self.offset: str(max(0, page.offset - page.rows))}
        if page.has_next and page.size:
            neighbours["next"] = {self.offset: str((page.offset or 0) + page.rows)}
        return neighbours


@dataclass(frozen=True, slots=True)
class First:
    """The first `limit` rows; there is no second page."""

    limit: str = "limit"

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset({self.limit})

    @property
    def facts(self) -> frozenset[Fact]:
        return frozenset({"total", "count", "size"})

    @property
    def numbers(self) -> tuple[Number, ...]:
        return (Number(self.limit, 0),)

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        limit = values[self.limit]
        return Page(cut(found, 0, limit, collection, context), len(found), limit)

    def neighbours(self, page: Page) -> Neighbours:
        return {}


@dataclass(frozen=True, slots=True)
class Everything:
    """All rows at once, for a list that has no pages."""

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset()

    @property
    def facts(self) -> frozenset[Fact]:
        return frozenset({"total", "count"})

    @property
    def numbers(self) -> tuple[Number, ...]:
        return ()

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        return Page(cut(found, 0, len(found), collection, context), len(found))

    def neighbours(self, page: Page) -> Neighbours:
        return {}


@dataclass(frozen=True, slots=True)
class Numbered:
    """Pages by number, from 1 on."""

    number: str = "page"
    size: str = "per_page"

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset({self.number, self.size})

    @property
    def facts(self) -> frozenset[Fact]:
        return frozenset({"total", "count", "offset", "size", "page", "pages", "has_next", "links"})

    @property
    def numbers(self) -> tuple[Number, ...]:
        return Number(self.number, 1), Number(self.size, 1)

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        number, size, total = values[self.number], values[self.size], len(found)
        step = context.step(size)
        offset = (number - 1) * step
        ranks = cut(found, offset, step, collection, context)
        return Page(ranks, total, size, offset, number, number * step < total, step=step)

    def neighbours(self, page: Page) -> Neighbours:
        number, last = page.page or 1, max(1, page.pages or 1)
        neighbours = {"first": {self.number: "1"}, "last": {self.number: str(last)}}
        if number > 1:
            neighbours["prev"] = {self.number: str(min(number - 1, last))}
        if page.has_next:
            neighbours["next"] = {self.number: str(number + 1)}
        return neighbours


@dataclass(frozen=True, slots=True)
class Cursor:
    """Pages by opaque cursor. A cursor names the last row that was sent, so that it stays true while documents are
    added; it is signed together with the question, so that it can be neither forged nor moved. It may be used for
    `life` microseconds of the documents' time."""

    cursor: str = "cursor"
    limit: str = "limit"
    life: int | None = None

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset({self.limit, self.cursor})

    @property
    def facts(self) -> frozenset[Fact]:
        return frozenset({"total", "count", "size", "has_next", "next", "links"})

    @property
    def numbers(self) -> tuple[Number, ...]:
        return (Number(self.limit, 1),)

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        size, text = values[self.limit], values[self.cursor]
        limit = context.step(size)
        if context.order.backwards:
            ranks = self._backwards(found, limit + 1, text, collection, context)
        elif text is None:
            ranks = list(islice(found, limit + 1))
        else:
            start = collection.after(*self.unseal(text, context))
            ranks = list(islice(found.iter_equal_or_larger(start), limit + 1))
        following = None
        # One row more than the page has tells whether another page follows.
        if len(ranks) > limit:
            del ranks[limit:]
            following = self.seal(ranks[-1], collection, context)
        return Page(ranks, len(found), size, None, None, following is not None, following)

    def neighbours(self, page: Page) -> Neighbours:
        neighbours: dict[str, dict[str, str | None]] = {"first": {self.cursor: None}}
        if page.next is not None:
            neighbours["next"] = {self.cursor: page.next}
        return neighbours

    def _backwards(
        self, found: BitMap, count: int, text: str | None, collection: Collection, context: Context
    ) -> list[int]:
        """The `count` rows in front of the cursor's, the nearest first."""
        before = len(found)
        if text is not None:
            place, hint = self.unseal(text, context)
            # As many rows as stand up to the cursor's place; the row itself, where it is still there, was sent.
            before = found.rank(collection.after(place, hint) - 1)
            if before and collection.order(found[before - 1]) == place:
                before -= 1
        return window(found, len(found) - before, count, True)

    def seal(self, rank: int, collection: Collection, context: Context) -> str:
        """The cursor behind this row."""
        issuer = context.issuer
        return seal(rank, *collection.order(rank), issuer.as_of, issuer.secret, context.binding)

    def unseal(self, text: str, context: Context) -> tuple[OrderKey, int]:
        """The place that a cursor names and the rank it had, or a refusal."""
        try:
            rank, place, issued = unseal(text, context.issuer.secret, context.binding)
        except CursorRefused as refusal:
            raise bad_cursor(str(refusal), self.cursor) from None
        if self.life is not None and context.issuer.as_of - issued > self.life:
            raise bad_cursor("The cursor has expired", self.cursor)
        return place, rank


def begins(position: Position, values: Mapping[str, Any]) -> bool:
    """Whether these values ask for the first page."""
    match position:
        case Numbered():
            return bool(values[position.number] == 1)
        case Window():
            return not values[position.offset]
        case Cursor():
            return values[position.cursor] is None
        case _:
            return True
