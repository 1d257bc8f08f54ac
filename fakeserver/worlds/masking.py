"""Masking: a query as the journal may show it, without what looks like a credential."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_plus

SUSPICIOUS = ("key", "token", "secret", "auth", "passw", "credential")
"""Parts of the names that credentials have."""
MASK = "…"


def mask(query: str, declared: Callable[[str], bool]) -> str:
    """The query with a mask for each value whose name sounds like a credential's, unless the operation declares a
    parameter of that name."""
    if "%" not in query and not is_suspicious(query):
        return query
    parts = []
    for part in query.split("&"):
        name, equals, _ = part.partition("=")
        plain = unquote_plus(name)
        secret = is_suspicious(plain) and not declared(plain)
        parts.append(f"{name}{equals}{MASK}" if secret else part)
    return "&".join(parts)


def is_suspicious(text: str) -> bool:
    """Whether a name in the text may be that of a credential."""
    lowered = text.lower()
    return any(part in lowered for part in SUSPICIOUS)
