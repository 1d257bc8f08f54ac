"""The proxies that the user had before the front took their place: what is passed through goes by them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from fakeserver.loopback import is_loopback

EXCEPTIONS = "no_proxy"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy for HTTP, and what it wants to be told of who asks."""

    host: str
    port: int
    authorization: bytes = field(default=b"", repr=False)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"proxy-authorization", self.authorization)] if self.authorization else []

    def connecting(self, host: str, port: int) -> bytes:
        """The request for a tunnel."""
        target = place_of(host, port)
        lines = [b"CONNECT %s HTTP/1.1" % target, b"host: " + target]
        return b"\r\n".join([*lines, *(b"%s: %s" % each for each in self.headers)]) + b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Proxies:
    """Those for tunnels, and for pages without TLS; `unusable` are the variables that name another kind of proxy."""

    tunnels: Proxy | None = None
    pages: Proxy | None = None
    exceptions: str = ""
    unusable: tuple[str, ...] = ()

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Proxies:
        """What the variables say, of which the one in small letters comes first, as everywhere."""
        found: dict[str, Proxy | None] = {}
        unusable: dict[str, None] = {}
        for scheme in ("https", "http"):
            names = [f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"]
            name = next((each for each in names if environ.get(each, "").strip()), None)
            found[scheme] = None if name is None else read_proxy(environ[name].strip())
            if name is not None and found[scheme] is None:
                unusable[name] = None
        exceptions = environ.get(EXCEPTIONS) or environ.get(EXCEPTIONS.upper(), "")
        return cls(found["https"], found["http"], exceptions, tuple(unusable))

    def of(self, host: str, port: int, *, tunnel: bool) -> Proxy | None:
        """The one that a connection to this host goes by; none to this machine, and to what the user's own exceptions
        name."""
        found = self.tunnels if tunnel else self.pages
        if found is None or is_loopback(host.strip("[]").lower()):
            return None
        spared = proxy_bypass_environment(f"{host.lower()}:{port}", {"no": self.exceptions})
        return None if spared else found


def place_of(host: str, port: int) -> bytes:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}".encode() if ":" in host else f"{host}:{port}".encode()


def read_proxy(text: str) -> Proxy | None:
    """A proxy by its URL, or by `host:port`; None for one that does not speak plain HTTP, and for what is none."""
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        port = url.port or 80
    except ValueError:
        return None
    if url.scheme != "http" or not url.hostname:
        return None
    if url.username is None:
        return Proxy(url.hostname, port)
    given = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return Proxy(url.hostname, port, b"Basic " + base64.b64encode(given.encode()))
