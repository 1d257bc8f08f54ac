"""Recordings as HAR 1.2, the form in which browsers and proxies save traffic. No credential gets into one.

What HAR has no place for stands under `_fakeserver`: which credential travelled, by name, and who asked.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.credentials import REDACTED, SHORTEST_REDACTED, Credentials
from contract_tests.sending.security import NeverSent, Security
from contract_tests.sending.tape import Exchange

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Of one answer; the rest is cut off, and the entry says so."""
MAX_BODIES_BYTES = 512 * 1024 * 1024
"""Of all answers of a recording."""
OURS = "_fakeserver"
CREATOR = "fakeserver check"
DERIVED = ("truncated", "recased")
"""The credentials that are made of the token, and as secret."""
COOKIES = frozenset({"set-cookie", "cookie"})


@dataclass(frozen=True, slots=True)
class About:
    """Of which run a recording is."""

    slug: str
    base_url: str
    orgs: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    """The credentials that were given, by name, used or not."""
    seed: int = 0
    profile: str = "default"


@dataclass(slots=True)
class Hiding:
    """Takes credentials out of whatever is written, those that are made of the token included."""

    credentials: Credentials
    security: Security
    _derived: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._derived = []
        for name in DERIVED:
            with suppress(NeverSent):
                header = self.credentials.header(self.security, Ask("/", credential=name))
                secret = header[1].rpartition(" ")[2] if header else ""
                self._derived += [secret] if len(secret) >= SHORTEST_REDACTED else []

    def text(self, text: str) -> str:
        text = self.credentials.redact(text)
        for secret in self._derived:
            text = text.replace(secret, REDACTED)
        return text

    def body(self, body: bytes) -> bytes:
        # Byte by byte, since a credential is ASCII, and a body may be anything.
        return self.text(body.decode("latin-1")).encode("latin-1")


def write(path: Path, about: About, exchanges: Iterable[Exchange], hiding: Hiding) -> None:
    """Write a recording, whole or not at all; only its owner may read it. Raises OSError."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            stream.writelines(lines_of(about, exchanges, hiding))
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def lines_of(about: About, exchanges: Iterable[Exchange], hiding: Hiding) -> Iterator[str]:
    """The file in parts, one entry a line, so that it is never in memory as a whole."""
    ours = {
        "provider": about.slug,
        "base_url": about.base_url,
        "orgs": list(about.orgs),
        "known": list(about.known),
        "callers": list(about.callers),
        "seed": about.seed,
        "profile": about.profile,
    }
    creator = json.dumps({"name": CREATOR, "version": "1"})
    yield f'{{"log": {{"version": "1.2", "creator": {creator}, "{OURS}": {json.dumps(ours)}, "entries": ['
    left, separator = MAX_BODIES_BYTES, "\n"
    for exchange in exchanges:
        entry = _entry(about.base_url, exchange, hiding, min(left, MAX_BODY_BYTES))
        left -= min(left, len(exchange.reply.body) if exchange.reply is not None else 0)
        yield separator + json.dumps(entry)
        separator = ",\n"
    yield "\n]}}\n"


def _entry(base_url: str, exchange: Exchange, hiding: Hiding, room: int) -> dict[str, Any]:
    ask, reply = exchange.ask, exchange.reply
    milliseconds = 1000 * reply.seconds if reply is not None else 0.0
    ours: dict[str, Any] = {
        "layer": exchange.layer,
        "law": exchange.law,
        "probe": exchange.probe,
        "credential": ask.credential,
        "channel": ask.channel,
        "headers": [[name, hiding.text(text)] for name, text in ask.headers],
        "requests": exchange.requests,
    }
    if reply is None:
        ours |= {"error": hiding.text(exchange.error), "stopped": exchange.stopped}
    else:
        ours |= {"failures": reply.failures, "repeats": hiding.credentials.is_repeated_by(reply)}
        ours |= {"flaw": reply.flaw} if reply.flaw else {}
        ours |= {"cut": True} if len(reply.body) > room else {}
    return {
        "startedDateTime": exchange.started.isoformat(timespec="milliseconds"),
        "time": round(milliseconds, 3),
        "request": _request(base_url, ask, hiding),
        "response": _response(reply, hiding, room) if reply is not None else _no_response(hiding.text(exchange.error)),
        "cache": {},
        "timings": {"send": 0, "wait": round(milliseconds, 3), "receive": 0},
        OURS: ours,
    }


def _request(base_url: str, ask: Ask, hiding: Hiding) -> dict[str, Any]:
    headers = [("accept", "application/json"), *ask.headers]
    if ask.credential != "none":
        scheme = hiding.security.scheme_of(ask.channel)
        headers.append((scheme.header.lower(), scheme.prefix + REDACTED))
    pairs = parse_qsl(ask.query_string, keep_blank_values=True, errors="replace")
    return {
        "method": ask.method,
        "url": hiding.text(base_url + ask.target),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": hiding.text(text)} for name, text in headers],
        "queryString": [{"name": hiding.text(name), "value": hiding.text(text)} for name, text in pairs],
        "headersSize": -1,
        "bodySize": 0,
    }


def _response(reply: Reply, hiding: Hiding, room: int) -> dict[str, Any]:
    body = hiding.body(reply.body[:room])
    content: dict[str, Any] = {"size": len(reply.body), "mimeType": reply.headers.get("content-type", "")}
    try:
        content |= {"text": body.decode()}
    except UnicodeDecodeError:
        content |= {"text": base64.b64encode(body).decode(), "encoding": "base64"}
    if len(reply.body) > room:
        content["comment"] = f"cut off after {room} of {len(reply.body)} bytes"
    headers = {name: REDACTED if name in COOKIES else hiding.text(text) for name, text in reply.headers.items()}
    return {
        "status": reply.status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": text} for name, text in headers.items()],
        "content": content,
        "redirectURL": headers.get("location", ""),
        "headersSize": -1,
        "bodySize": len(reply.body),
    }


def _no_response(error: str) -> Mapping[str, Any]:
    """What HAR has for a request without an answer."""
    empty: dict[str, Any] = {"status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": []}
    content = {"size": 0, "mimeType": "x-unknown"}
    return {**empty, "content": content, "redirectURL": "", "headersSize": -1, "bodySize": -1, "_error": error}
