"""Heads of requests: what they say of the body behind them, and what their targets mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

import httptools

from fakeserver.spec.parameters import UNESCAPED

MAX_HELD = 65_536
"""Bytes of a body that is kept until it is whole, since only then it can be answered at once."""
MAX_DIGITS = 9
"""Of a length that is looked at."""
REQUEST_LINE = re.compile(rb"(?m)^([A-Z]{1,16}) (/[^\r\n?]*?)(?:\?([^\r\n]*?))?(?: HTTP/1\.[01]\r\n|\Z)")


def is_held(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a body of a known length follows these headers that is short enough to be kept."""
    length = b""
    for name, text in headers:
        if name == b"content-length":
            length = text
        elif name == b"transfer-encoding":
            return False
    return length.isdigit() and 0 < int(length[:MAX_DIGITS]) <= MAX_HELD and len(length) <= MAX_DIGITS


def target_of(url: bytes) -> tuple[str, bytes]:
    """The decoded path and the raw query of a request target, as uvicorn takes them apart."""
    parsed = httptools.parse_url(url)
    path: str = parsed.path.decode("ascii")
    return unquote(path) if "%" in path else path, parsed.query or b""


def find_unescaped(packet: bytes) -> tuple[str, str, bytes] | None:
    """The method, path and raw query of the first request line whose target holds bytes that no URL holds; it may
    break off where the packet ends. For bytes of the path, the query is the first of them: it is refused likewise."""
    for line in REQUEST_LINE.finditer(packet):
        method, path, query = line.groups(b"")
        raw = UNESCAPED.search(path)
        if raw or UNESCAPED.search(query):
            return method.decode(), unquote(path.decode("utf-8", "replace")), raw[0] if raw else query
    return None
