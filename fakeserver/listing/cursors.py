"""Cursors: bound to their question, and unforgeable. They are signed, not encrypted: a fake has no secrets in them."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import struct

from fakeserver.documents.order import OrderKey

Binding = tuple[str, bytes, str, int]
"""What a cursor belongs to: a tenant, a question and an order."""
LONGEST_CURSOR = 512
TAG_BYTES = 12
PLACE = struct.Struct(">Iqq")
"""A row's rank and instant and the instant of issue, in front of the row's id. Packed, so that no client takes a
cursor for text that may be read or written."""
MAX_CURSORS = 4_096
"""Cursors whose meaning is kept at hand; any other is worked out again."""


class CursorRefused(Exception):
    """A text that is not a cursor, or not one for this question; the message says which."""


# The same place has the same cursor, so a page that is read again costs its cryptography once.


@functools.lru_cache(MAX_CURSORS)
def seal(rank: int, instant: int, identity: str, issued: int, secret: bytes, binding: Binding) -> str:
    """The cursor behind the row with this rank and place in the order."""
    plain = PLACE.pack(rank, instant, issued) + identity.encode()
    return base64.urlsafe_b64encode(_tag(plain, secret, binding) + plain).rstrip(b"=").decode()


@functools.lru_cache(MAX_CURSORS)
def unseal(text: str, secret: bytes, binding: Binding) -> tuple[int, OrderKey, int]:
    """(rank, place in the order, instant of issue), or a `CursorRefused`."""
    try:
        if len(text) > LONGEST_CURSOR or "=" in text:
            raise ValueError
        raw = text.encode("ascii")
        padded = raw + b"=" * (-len(raw) % 4)
        sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
        if base64.urlsafe_b64encode(sealed) != padded:
            raise ValueError  # Two spellings of one cursor would make it forgeable by a bit.
    except (ValueError, binascii.Error):
        raise CursorRefused("The cursor is not one that this API handed out") from None
    tag, plain = sealed[:TAG_BYTES], sealed[TAG_BYTES:]
    if len(plain) <= PLACE.size or not hmac.compare_digest(tag, _tag(plain, secret, binding)):
        raise CursorRefused("The cursor is not one that this API handed out for these filters")
    rank, instant, issued = PLACE.unpack_from(plain)
    return rank, (instant, plain[PLACE.size :].decode()), issued


def _tag(plain: bytes, secret: bytes, binding: Binding) -> bytes:
    # `repr` keeps the parts of a binding apart, and its end from the place.
    return hmac.digest(secret, repr(binding).encode() + plain, hashlib.sha256)[:TAG_BYTES]
