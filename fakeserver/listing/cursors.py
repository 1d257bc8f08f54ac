"""Cursors: opaque, bound to their question, and unforgeable."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac

from fakeserver.documents.collection import OrderKey
from fakeserver.problems import bad_cursor

LONGEST_CURSOR = 512
TAG_BYTES = 12
ID_OFFSET = 20
MAX_CURSORS = 4_096
"""Cursors whose meaning is kept at hand; any other is worked out again."""


# The same place has the same cursor, so a page that is read again costs its cryptography once.


@functools.lru_cache(MAX_CURSORS)
def seal(rank: int, instant: int, identity: str, now: int, secret: bytes, binding: bytes) -> bytes:
    plain = (
        rank.to_bytes(4, "big")
        + instant.to_bytes(8, "big", signed=True)
        + now.to_bytes(8, "big", signed=True)
        + identity.encode()
    )
    tag = _tag(plain, secret, binding)
    return base64.urlsafe_b64encode(tag + _masked(plain, tag, secret)).rstrip(b"=")


@functools.lru_cache(MAX_CURSORS)
def unseal(text: str, secret: bytes, binding: bytes) -> tuple[int, OrderKey, int]:
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
