"""Entries of the journal: one request and its answer, as somebody reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from fakeserver.instants import at
from fakeserver.problems import Document, Json

MAX_TEXT = 2_000
"""Characters of a path or query that are kept, and matched."""


@dataclass(slots=True)
class Entry:
    """One request and its answer. `values` are the decoded parameters, None where the request was refused earlier."""

    number: int
    instant: int
    method: str
    path: str
    query: str
    status: int
    provider: str | None = None
    operation: str | None = None
    caller: str | None = None
    values: Mapping[str, Any] | None = None
    fault: str | None = None
    warnings: tuple[str, ...] = ()

    def row(self) -> Document:
        return {
            "id": self.number,
            "time": at(self.instant),
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "provider": self.provider,
            "operation": self.operation,
            "caller": self.caller,
            "values": None if self.values is None else {name: _plain(value) for name, value in self.values.items()},
            "status": self.status,
            "fault": self.fault,
            "warnings": list(self.warnings),
        }


def _plain(value: Any) -> Json:
    """A decoded value as JSON; exact decimals are written as text."""
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value if value is None or isinstance(value, str | bool | int) else str(value)


def suspicious(text: str) -> bool:
    """Whether a name in the text may be that of a credential."""
    lowered = text.lower()
    return any(each in lowered for each in ("key", "token", "secret", "auth", "passw", "credential"))


def masked(query: str, declared: Callable[[str], bool]) -> str:
    """The query as the journal keeps it: cut, and without what looks like a credential in an undeclared parameter."""
    query = query[:MAX_TEXT]
    if "%" not in query and not suspicious(query):
        return query
    parts = []
    for part in query.split("&"):
        name, equals, _ = part.partition("=")
        plain = unquote_plus(name)
        secret = suspicious(plain) and not declared(plain)
        parts.append(f"{name}{equals}…" if secret else part)
    return "&".join(parts)
