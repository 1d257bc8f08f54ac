"""Reading recordings: HAR files of ours, and of browsers, proxies and whatever else saves traffic."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.har import OURS, About
from contract_tests.sending.json_file import read_json
from contract_tests.sending.security import Security
from contract_tests.sending.tape import Exchange
from contract_tests.sending.transport import METHODS

MAX_HAR_BYTES = 1 * 1024 * 1024 * 1024
MAX_DECODED_BYTES = 64 * 1024 * 1024
"""Of a body that was recorded as it was compressed."""
GZIP = b"\x1f\x8b"
NOT_MODIFIED = 304
DEFAULT_PORTS = {"http": 80, "https": 443}


class RecordingError(ValueError):
    """A recording that cannot be read; the message is one sentence."""


class Undecodable(Exception):
    """A body that was recorded in a form which cannot be read."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange of a recording, below the base URL."""

    exchange: Exchange
    ours: bool = False
    """Saved by a check, so that the laws ask for it again."""
    repeats: bool = False
    """The answer held a credential, which was taken out."""
    cut: bool = False
    """The body is not there to its end."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A file, taken apart as far as one can without knowing where the API is."""

    entries: tuple[Mapping[str, Any], ...]
    about: About | None = None
    """Of which run it is, if a check saved it."""

    def urls(self) -> Iterator[tuple[str, bool]]:
        """The URL of every GET without its query, and whether it was answered with JSON."""
        for entry in self.entries:
            if entry["request"]["method"] in METHODS:
                mime = str((entry["response"].get("content") or {}).get("mimeType", ""))
                yield entry["request"]["url"].partition("?")[0].partition("#")[0], "json" in mime

    def below(self, base_url: str, security: Security) -> tuple[list[Recorded], Counter[str]]:
        """What was asked of this API, and why how many other entries were left out."""
        base, found, left_out = place_of(base_url.rstrip("/")), [], Counter[str]()
        for entry in self.entries:
            where = place_of(entry["request"]["url"])
            if entry["request"]["method"] not in METHODS:
                left_out["neither GET nor HEAD"] += 1
            elif where[0] != base[0]:
                left_out["of another host"] += 1
            elif not where[1].startswith(f"{base[1]}/"):
                left_out["of another path"] += 1
            else:
                try:
                    found.append(recorded(entry, where[1].removeprefix(base[1]), security))
                except Undecodable as reason:
                    left_out[str(reason)] += 1
        return found, left_out


def read(path: Path) -> Recording:
    """The recording in a HAR file, or RecordingError."""
    value = read_json(path, MAX_HAR_BYTES, RecordingError)
    log = value.get("log") if isinstance(value, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(log, dict) or not isinstance(entries, list):
        raise RecordingError(f"{path} is no HAR file: it has no log with entries")
    for number, entry in enumerate(entries, 1):
        if not is_entry(entry):
            raise RecordingError(f"{path}: entry {number} has no request with method and URL, or no response")
    return Recording(tuple(entries), _about(log.get(OURS), path))


def is_entry(entry: Any) -> bool:
    request, response = (entry.get("request"), entry.get("response")) if isinstance(entry, dict) else (None, None)
    if not isinstance(request, dict) or not isinstance(response, dict):
        return False
    try:
        urlsplit(str(request.get("url")))
    except ValueError:
        return False
    texts = isinstance(request.get("method"), str) and isinstance(request.get("url"), str)
    return texts and isinstance(response.get("status"), int) and isinstance(response.get("content", {}), dict)


def _about(raw: Any, path: Path) -> About | None:
    if raw is None:
        return None
    try:
        orgs, known, callers = (tuple(map(str, raw[name])) for name in ("orgs", "known", "callers"))
        slug, base_url = str(raw["provider"]), str(raw["base_url"])
        return About(slug, base_url, orgs, known, callers, int(raw["seed"]), str(raw["profile"]))
    except (KeyError, TypeError, ValueError):
        raise RecordingError(f"{path}: what the check said of its run cannot be read") from None


def place_of(url: str) -> tuple[tuple[str, str, int], str]:
    """The origin of a URL, in one spelling, and its path."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    scheme = parts.scheme.lower()
    return (scheme, (parts.hostname or "").lower(), port or DEFAULT_PORTS.get(scheme, 0)), parts.path


def recorded(entry: Mapping[str, Any], path: str, security: Security) -> Recorded:
    """One entry below the base URL. Raises Undecodable where its answer is not there or cannot be read."""
    request, response, ours = entry["request"], entry["response"], entry.get(OURS)
    ours = ours if isinstance(ours, dict) else None
    ask = ask_of(request, path, security, ours)
    started = _instant(entry.get("startedDateTime"))
    if ours is not None and "error" in ours:
        error, stopped = str(ours["error"]), bool(ours.get("stopped"))
        return Recorded(Exchange(ask, started, None, error, stopped, *_spent(ours)), ours=True)
    if response["status"] == 0 or (ours is None and response["status"] == NOT_MODIFIED):
        raise Undecodable("without an answer of their own")
    headers = _headers(response)
    body = body_of(response.get("content") or {}, headers, needed=ask.method != "HEAD" and ours is None)
    time = entry.get("time")
    failures, flaw = int((ours or {}).get("failures", 0)), str((ours or {}).get("flaw", ""))
    seconds = time / 1000 if isinstance(time, int | float) and time > 0 else 0.0
    reply = Reply(ask, response["status"], headers, body, seconds, failures, flaw)
    if ours is None:
        return Recorded(Exchange(ask, started, reply))
    kept = Exchange(ask, started, reply, "", False, *_spent(ours))
    return Recorded(kept, ours=True, repeats=bool(ours.get("repeats")), cut=bool(ours.get("cut")))


def _spent(ours: Mapping[str, Any]) -> tuple[int, str, str, str]:
    layer, law, probe = (str(ours.get(name, "")) for name in ("layer", "law", "probe"))
    return int(ours.get("requests", 1)), layer, law, probe


def ask_of(request: Mapping[str, Any], path: str, security: Security, ours: Mapping[str, Any] | None) -> Ask:
    """The request as the kit would ask. What a browser sent beside the credential is of no account."""
    raw = request["url"].partition("?")[2].partition("#")[0]
    if ours is not None:
        credential, channel = str(ours.get("credential", "token")), str(ours.get("channel", ""))
        headers = tuple((str(name), str(text)) for name, text in ours.get("headers") or ())
        return Ask(path, (), credential, channel, request["method"], headers, raw)
    sent = {str(each.get("name", "")).lower() for each in request.get("headers") or () if isinstance(each, Mapping)}
    channels = [channel for channel in security.channels if security.scheme_of(channel).header.lower() in sent]
    pairs = tuple(parse_qsl(raw, keep_blank_values=True, errors="surrogateescape"))
    ask = Ask(path, pairs, "token" if channels else "none", channels[0] if channels else "", request["method"])
    return ask if ask.query_string == raw else Ask(path, (), ask.credential, ask.channel, ask.method, raw=raw)


def _headers(response: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in response.get("headers") or ():
        if isinstance(each, Mapping) and isinstance(each.get("name"), str) and isinstance(each.get("value"), str):
            name = each["name"].lower()
            found[name] = f"{found[name]}, {each['value']}" if name in found else each["value"]
    return found


def body_of(content: Mapping[str, Any], headers: Mapping[str, str], *, needed: bool) -> bytes:
    """The body as a client would read it: out of base64, and decompressed."""
    text = content.get("text")
    if not isinstance(text, str):
        if needed:
            raise Undecodable("recorded without their bodies")
        return b""
    if content.get("encoding") != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        body = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Undecodable("with bodies that cannot be decoded") from None
    return inflate(body) if body.startswith(GZIP) else body


def inflate(body: bytes) -> bytes:
    """Out of gzip, as far as memory allows."""
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        found = decoder.decompress(body, MAX_DECODED_BYTES)
    except zlib.error:
        raise Undecodable("with bodies that cannot be decoded") from None
    if not decoder.eof:
        raise Undecodable("with bodies that cannot be decoded")
    return found


def _instant(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
