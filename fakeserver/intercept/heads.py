"""Requests on their way to the fake: their heads say whose they are, and everything else passes as it is."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import httptools

HIDDEN = frozenset({b"proxy-connection", b"proxy-authorization", b"x-fakeserver-namespace", b"x-fakeserver-origin"})
"""Headers that are for the front, or that only the front may set."""
ONE_BY_ONE = frozenset({b"connection", b"keep-alive"})
CREDENTIALS = frozenset({b"authorization", b"x-api-key"})
CHUNKED = b"transfer-encoding"

Head = Callable[["Rewriter"], list[tuple[bytes, bytes]]]
"""Told of each request once its head is there; the headers to add."""


class Broken(Exception):
    """What comes is no HTTP/1."""


class Rewriter:
    """Takes the bytes of requests in pieces, and gives them back with other heads. What comes behind an upgrade is no
    HTTP any longer, and passes as it is. With `once`, there is one request, and the connection ends behind it. `origin`
    stands in front of its path, where a proxy is next."""

    def __init__(self, head: Head, *, once: bool = False, origin: bytes = b"") -> None:
        self._head, self._once, self._origin = head, once, origin
        self._parser = httptools.HttpRequestParser(self)
        self._out: list[bytes] = []
        self._url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self._chunked = self._in_body = self._raw = False

    def feed(self, piece: bytes) -> bytes:
        """What a piece of the requests becomes; Broken where it is none."""
        if self._raw:
            return piece
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._raw = True
            self._out.append(piece[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            raise Broken(str(error)) from error
        found, self._out = b"".join(self._out), []
        return found

    # What the request says

    @property
    def method(self) -> bytes:
        found: bytes = self._parser.get_method()
        return found

    @property
    def target(self) -> bytes:
        """Path and query."""
        if self._url.startswith(b"/") or self._url == b"*":
            return self._url
        parts = urlsplit(self._url)
        return (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")

    @property
    def credentials(self) -> list[str]:
        return [text.decode("latin-1") for name, text in self.headers if name in CREDENTIALS]

    # What httptools calls

    def on_message_begin(self) -> None:
        self._url, self.headers, self._in_body = b"", [], False

    def on_url(self, piece: bytes) -> None:
        self._url += piece

    def on_header(self, name: bytes, text: bytes) -> None:
        # Behind a body they are trailers, for which nobody here has a use.
        if not self._in_body:
            self.headers.append((name.lower(), text))

    def on_headers_complete(self) -> None:
        hidden = HIDDEN | ONE_BY_ONE if self._once else HIDDEN
        headers = [each for each in self.headers if each[0] not in hidden] + self._head(self)
        if self._once:
            headers.append((b"connection", b"close"))
        self._chunked = any(name == CHUNKED for name, _ in self.headers)
        self._in_body = True
        version = self._parser.get_http_version().encode()
        target = self._origin + self.target
        lines = [b"%s %s HTTP/%s" % (self.method, target, version), *(b"%s: %s" % each for each in headers)]
        self._out.append(b"\r\n".join(lines) + b"\r\n\r\n")

    def on_body(self, piece: bytes) -> None:
        self._out.append(b"%x\r\n%s\r\n" % (len(piece), piece) if self._chunked else piece)

    def on_message_complete(self) -> None:
        if self._chunked:
            self._out.append(b"0\r\n\r\n")
        self._chunked = False
