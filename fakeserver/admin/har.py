"""`GET /requests.har`: the journal as an HTTP archive (HAR 1.2), for the developer tools of browsers and for tools that
hold traffic against a spec. It has what the journal has: no bodies, and no headers but that a known caller was one."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, quote

from fakeserver import __version__
from fakeserver.instants import at
from fakeserver.pipeline.places import PATH_CHARACTERS
from fakeserver.problems import Document
from fakeserver.spec.reader import SecurityScheme
from fakeserver.worlds.entries import Entry
from fakeserver.worlds.journal import Journal

QUERY_CHARACTERS = PATH_CHARACTERS + "?%"
MAX_PAIRS = 1_000
"""Fields of a query that are taken apart."""
HIDDEN = "REDACTED"
UNKNOWN = -1
"""What HAR has for a size that nobody knows."""


def write(journal: Journal, base_url: str, schemes: Mapping[str, SecurityScheme]) -> Document:
    """The archive, the oldest request first; `base_url` is where the world is, without a slash at its end, and
    `schemes` how a provider's callers show who they are."""
    entries = [entry_of(entry, base_url, schemes.get(entry.provider or "")) for entry in journal.entries()][::-1]
    return {"log": {"version": "1.2", "creator": {"name": "fakeserver", "version": __version__}, "entries": entries}}


def entry_of(entry: Entry, base_url: str, scheme: SecurityScheme | None) -> Document:
    """One request and its answer; what HAR has no word for stands under names with an underscore. A credential that was
    somebody's is told as such, and not shown."""
    shown = [] if scheme is None or entry.caller is None else [header_of(scheme)]
    query = quote(entry.query, safe=QUERY_CHARACTERS)
    pairs = parse_qsl(entry.query, keep_blank_values=True, errors="replace", separator="&")[:MAX_PAIRS]
    mine = {
        "_operation": entry.operation,
        "_caller": entry.caller,
        "_fault": entry.fault,
        "_warnings": [*entry.warnings],
    }
    return {
        "startedDateTime": at(entry.instant, digits=3),
        "time": 0,
        "request": {
            "method": entry.method,
            "url": f"{base_url}{quote(entry.path, safe=PATH_CHARACTERS)}{f'?{query}' if query else ''}",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": shown,
            "queryString": [{"name": name, "value": text} for name, text in pairs],
            "headersSize": UNKNOWN,
            "bodySize": UNKNOWN,
        },
        "response": {
            "status": entry.status,
            "statusText": phrase_of(entry.status),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [],
            "content": {"size": 0, "mimeType": "", "comment": "the journal keeps no bodies"},
            "redirectURL": "",
            "headersSize": UNKNOWN,
            "bodySize": UNKNOWN,
        },
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
        **mine,
    }


def header_of(scheme: SecurityScheme) -> Document:
    return {"name": scheme.header, "value": f"{scheme.prefix.title()} {HIDDEN}".strip()}


def phrase_of(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
