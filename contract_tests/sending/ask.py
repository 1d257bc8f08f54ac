"""One request and its answer. A law says *which* credential travels, never the credential itself."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from contract_tests.sending.security import BEARER, SHELL, Security

ACCEPTED = (("Accept", "application/json"),)
"""The headers that every request carries which does not name them itself."""
IN_QUERY = "!$%&'()*+,-./:;=?@[\\]^_`{|}~"
"""What a query may hold as it stands, besides letters and digits."""
GLOBBED = frozenset("[]{}")
"""What curl takes for a pattern, unless it is told otherwise."""
MAX_NAME = 160
MAX_ENCODED = 4_096
"""Texts whose encoded form is kept at hand: planning asks the same of every bug."""
HTML = (b"<!doctype html", b"<html")


@functools.lru_cache(MAX_ENCODED)
def encode(text: str) -> str:
    """Percent-encoded for a query; lone surrogates stand for bytes that are not UTF-8."""
    return quote(text, safe="", errors="surrogateescape")


def encode_raw(text: str) -> str:
    """A query string as a client puts it on the wire: what no URL may hold is percent-encoded, all else stands."""
    return quote(text, safe=IN_QUERY, errors="surrogateescape")


def shell(text: str) -> str:
    """The text in single quotes, for a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, relative to the provider's base URL. The path is percent-encoded already."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    credential: str = "token"
    channel: str = ""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    raw: str = ""
    """A query string that is sent as it stands, behind `query`."""

    @property
    def query_string(self) -> str:
        pairs = "&".join(f"{encode(name)}={encode(text)}" for name, text in self.query)
        return "&".join(part for part in (pairs, encode_raw(self.raw)) if part)

    @property
    def target(self) -> str:
        """Path and query as they go over the wire."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @property
    def name(self) -> str:
        """Method and target, as far as a sentence can hold them."""
        text = f"{self.method} {self.target}"
        return text if len(text) <= MAX_NAME else text[:MAX_NAME] + "…"

    def curl(self, base_url: str, security: Security | None = None, added: Sequence[str] = ()) -> str:
        """The request as one line for a POSIX shell that has the credentials in its variables (`security.SHELL`): the
        same method, target and headers, and a body that is decompressed where the answer comes compressed. `added` are
        the names of headers that every request carries; what they hold is `$HEADER_1`, `$HEADER_2`, in their order."""
        url, given = base_url.rstrip("/") + self.target, {name.lower() for name, _ in self.headers}
        parts = ["curl -s" if self.method == "GET" else "curl -sI"]
        if GLOBBED.intersection(self.target):
            parts.append("-g")
        if "accept-encoding" not in given:
            parts.append("--compressed")
        sent = [(name, text) for name, text in ACCEPTED if name.lower() not in given]
        # An empty header needs a semicolon; behind a colon curl takes it for one that is to be left out.
        parts += [f"-H {shell(f'{name}: {text}' if text else f'{name};')}" for name, text in (*sent, *self.headers)]
        header = (security or BEARER).header_for(self.credential, self.channel, SHELL)
        if header is not None:
            parts.append(f'-H "{header[0]}: {header[1]}"')
        parts += [f'-H "{name}: $HEADER_{number}"' for number, name in enumerate(added, 1)]
        return " ".join([*parts, shell(url)])


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Header names are in lower case."""

    ask: Ask
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    failures: int = 0
    """How often this request was answered with a 5xx, where the transport itself has asked again."""

    flaw: str = ""
    """Why the body, which is empty then, cannot be read: `ends before its gzip is complete`."""

    def json(self) -> Any:
        """The body as strict JSON (UTF-8, no NaN), or ValueError, which says what is there in its place."""
        try:
            return orjson.loads(self.body)
        except ValueError as error:
            raise ValueError(self._what_it_is() or str(error)) from None

    def _what_it_is(self) -> str:
        """What the body is, where that explains why it is not JSON."""
        if self.flaw:
            return f"it {self.flaw}"
        if not self.body:
            return "it is empty"
        if self.is_html:
            return "it is an HTML page"
        try:
            self.body.decode()
        except UnicodeDecodeError:
            charset = self.headers.get("content-type", "").partition("charset=")[2]
            return f"it is not UTF-8{f' (its charset is {charset[:40]})' if charset else ''}"
        return ""

    @property
    def is_html(self) -> bool:
        """Whether this is a page for people, as gateways and login forms send in the place of an API."""
        return "html" in self.media_type or self.body[:200].lstrip().lower().startswith(HTML)

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()
