"""Page styles: which of the found rows are sent, and the envelope around them.

Every style names the query parameters that it reads; the start-up check holds them against the spec.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from pyroaring import BitMap

from fakeserver.collection import Collection, OrderKey
from fakeserver.problems import bad_cursor

LONGEST_CURSOR = 512
TAG_BYTES = 12
ID_OFFSET = 20
MAX_CURSORS = 4_096
"""Cursors whose meaning is kept at hand; any other is worked out again."""


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
        return _sealed(rank, *collection.order(rank), context.now, context.secret, context.binding())

    def opened(self, text: str, context: Context) -> tuple[OrderKey, int]:
        """The place that a cursor names and the rank it had, or a refusal."""
        rank, place, issued = _opened(text, context.secret, context.binding())
        if self.life is not None and context.now - issued > self.life:
            raise bad_cursor("The cursor has expired")
        return place, rank


# The same place has the same cursor, so a page that is read again costs its cryptography once.


@functools.lru_cache(MAX_CURSORS)
def _sealed(rank: int, instant: int, identity: str, now: int, secret: bytes, binding: bytes) -> bytes:
    plain = (
        rank.to_bytes(4, "big")
        + instant.to_bytes(8, "big", signed=True)
        + now.to_bytes(8, "big", signed=True)
        + identity.encode()
    )
    tag = _tag(plain, secret, binding)
    return base64.urlsafe_b64encode(tag + _masked(plain, tag, secret)).rstrip(b"=")


@functools.lru_cache(MAX_CURSORS)
def _opened(text: str, secret: bytes, binding: bytes) -> tuple[int, OrderKey, int]:
    """(rank, place in the order, instant of issue)."""
    try:
        if len(text) > LONGEST_CURSOR or "=" in text:
            raise ValueError
        raw = text.encode("ascii")
        padded = raw + b"=" * (-len(raw) % 4)
        sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
        if base64.urlsafe_b64encode(sealed) != padded:
            raise ValueError  # Two spellings of one cursor would make it forgeable by a bit.
    except (ValueError, binascii.Error):
        raise bad_cursor("The cursor is not one that this API handed out") from None
    tag, plain = sealed[:TAG_BYTES], _masked(sealed[TAG_BYTES:], sealed[:TAG_BYTES], secret)
    if len(plain) <= ID_OFFSET or not hmac.compare_digest(tag, _tag(plain, secret, binding)):
        raise bad_cursor("The cursor is not one that this API handed out for these filters")
    place = int.from_bytes(plain[4:12], "big", signed=True), plain[ID_OFFSET:].decode()
    return int.from_bytes(plain[:4], "big"), place, int.from_bytes(plain[12:20], "big", signed=True)


def _tag(plain: bytes, secret: bytes, binding: bytes) -> bytes:
    return hmac.digest(secret, binding + b"\x00" + plain, "sha256")[:TAG_BYTES]


def _masked(text: bytes, tag: bytes, secret: bytes) -> bytes:
    """The text under a one-time key that follows from its tag: equal pages have equal cursors, and none can be read."""
    mask = hashlib.shake_128(secret + tag).digest(len(text))
    return (int.from_bytes(text, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(text), "big")
