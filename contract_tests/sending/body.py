"""The body of an answer, read no further than makes sense: a server has no say in how much memory that takes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

MAX_BODY_BYTES = 64 * 1024 * 1024
WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
"""How zlib reads what a Content-Encoding names."""


class BadBody(Exception):
    """A body that is there and cannot be read; the message says of it why."""


def read_body(response: httpx.Response) -> tuple[bytes, str]:
    """The decoded body of a response that is still open; or nothing, and why it cannot be read.

    What breaks on the way is the client's error, as for any other part of the answer."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    parts = bytearray()
    try:
        for part in response.iter_bytes() if encoding in ("", "identity") else decoded(response, encoding):
            parts += part
            if len(parts) > MAX_BODY_BYTES:
                raise BadBody(f"has more than {MAX_BODY_BYTES:,} bytes")
    except BadBody as reason:
        return b"", str(reason)
    return bytes(parts), ""


def decoded(response: httpx.Response, encoding: str) -> Iterator[bytes]:
    """The body without its encoding, in parts that stay small however much it was compressed."""
    window = WINDOWS.get(encoding)
    if window is None:
        raise BadBody(f"is encoded as {encoding[:40]!r}, which was not asked for")
    reader, started = zlib.decompressobj(window), False
    try:
        for part in response.iter_raw():
            if not started and encoding == "deflate" and part and part[0] & 0x0F != 8:
                reader = zlib.decompressobj(-zlib.MAX_WBITS)  # Some servers leave zlib's header out.
            started = started or bool(part)
            while part and not reader.eof:
                yield reader.decompress(part, MAX_BODY_BYTES)
                part = reader.unconsumed_tail
    except zlib.error:
        raise BadBody(f"is not {encoding}, as its Content-Encoding says") from None
    if started and not reader.eof:
        raise BadBody(f"ends before its {encoding} is complete")
