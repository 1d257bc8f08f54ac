"""What tells a program from another one in which documents live, stand or are filed otherwise: what a store has worked
out of its documents is good for the same program only."""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path

from fakeserver.providers import PROVIDERS
from fakeserver.resources import PACKAGE

OURS = ("documents", "lifecycle", "listing", "provider.py", "instants.py")
"""Of this package, what works such things out; the tables and the functions in them are a provider's own."""


@functools.cache
def fingerprint_of(slug: str) -> str | None:
    """Of the program that serves a provider; None where that cannot be told."""
    module = sys.modules.get(PROVIDERS.package(slug)) if slug in PROVIDERS else None
    places = [*getattr(module, "__path__", ())] or [getattr(module, "__file__", None)]
    try:
        return digest(*map(Path, places), ours()).hexdigest() if all(places) else None
    except OSError:
        return None


@functools.cache
def ours() -> bytes:
    return digest(*(PACKAGE / each for each in OURS), sys.version.encode()).digest()


def digest(*parts: Path | bytes) -> hashlib.blake2b:
    """Of sources, whole folders of them among them, and of what is known of others."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, bytes):
            found.update(part)
            continue
        for file in sorted(part.rglob("*.py")) if part.is_dir() else [part]:
            content = file.read_bytes()
            found.update(f"{file.relative_to(part)} {len(content)}\n".encode() + content)
    return found
