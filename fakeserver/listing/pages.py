"""Page styles: which of the found rows are sent, and the envelope around them.

Every style names the query parameters that it reads; the start-up check holds them against the spec.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from pyroaring import BitMap

from fakeserver.documents.collection import Collection, OrderKey
from fakeserver.listing.cursors import seal, unseal
from fakeserver.problems import bad_cursor


@dataclass(slots=True)
class Page:
    """Rows to send, newest first, between the two halves of the envelope."""

    ranks: list[int]
    before: bytes
    after: bytes
    headers: Mapping[str, str] | None = None


@dataclass(slots=True)
class Context:
    """What a cursor is bound to: the world's secret, and the operation, tenant and filters of the request."""

    secret: bytes
    now: int
    binding: Callable[[], bytes]


class Pages(Protocol):
    """One way of handing out a long list."""

    @property
    def parameters(self) -> frozenset[str]: ...

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page: ...


def window(found: BitMap, offset: int, count: int) -> list[int]:
    """The ranks from `offset` on, at most `count` of them."""
    if offset >= len(found) or count <= 0:
        return []
    return list(islice(found.iter_equal_or_larger(found[offset]), count))


@dataclass(frozen=True, slots=True)
class Whole:
    """A bare array of everything, unless the caller asks for a window (`limit` is clamped to `most`)."""

    limit: str
    offset: str
    most: int
    total_header: str

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset({self.limit, self.offset})

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        limit, offset = values[self.limit], values[self.offset] or 0
        count = len(found) if limit is None else min(limit, self.most)
        return Page(window(found, offset, count), b"[", b"]", {self.total_header: str(len(found))})


@dataclass(frozen=True, slots=True)
class Limited:
    """A bare array of the newest `limit` rows; there is no second page."""

    limit: str = "limit"

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset({self.limit})

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        return Page(window(found, 0, values[self.limit]), b"[", b"]")


@dataclass(frozen=True, slots=True)
class Numbered:
    """Pages by number, with `total`, `page`, `per_page` and `has_next` behind the rows."""

    items: str
    number: str = "page"
    size: str = "per_page"

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset({self.number, self.size})

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        number, size, total = values[self.number], values[self.size], len(found)
        has_next = b"true" if number * size < total else b"false"
        return Page(
            window(found, (number - 1) * size, size),
            b'{"%s":[' % self.items.encode(),
            b'],"total":%d,"page":%d,"per_page":%d,"has_next":%s}' % (total, number, size, has_next),
        )


@dataclass(frozen=True, slots=True)
class Cursor:
    """Pages by opaque cursor. A cursor names the last row that was sent, so that it stays true while documents are
    added; it is encrypted and signed together with the filters, so that it can be neither read, forged nor moved."""

    items: str
    limit: str = "limit"
    cursor: str = "cursor"
    next: str = "next_cursor"
    life: int | None = None

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset({self.limit, self.cursor})

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        limit, text = values[self.limit], values[self.cursor]
        if text is None:
            ranks = list(islice(found, limit + 1))
        else:
            start = collection.after(*self.opened(text, context))
            ranks = list(islice(found.iter_equal_or_larger(start), limit + 1))
        following = b"null"
        if len(ranks) > limit:
            del ranks[limit:]
            following = b'"%s"' % self.sealed(ranks[-1], collection, context)
        return Page(ranks, b'{"%s":[' % self.items.encode(), b'],"%s":%s}' % (self.next.encode(), following))

    def sealed(self, rank: int, collection: Collection, context: Context) -> bytes:
        """The cursor behind this row."""
        return seal(rank, *collection.order(rank), context.now, context.secret, context.binding())

    def opened(self, text: str, context: Context) -> tuple[OrderKey, int]:
        """The place that a cursor names and the rank it had, or a refusal."""
        rank, place, issued = unseal(text, context.secret, context.binding())
        if self.life is not None and context.now - issued > self.life:
            raise bad_cursor("The cursor has expired")
        return place, rank
