"""Running commands in a shell without a server."""

from __future__ import annotations

from typing import Any

from fakeserver.interpreter.orders import Finished, Order
from fakeserver.interpreter.shell import Shell

NOW = 1_767_225_600_000_000
"""2026-01-01, in microseconds."""


def run(text: str, *, shell: Shell | None = None, seconds: float | None = 10, now: int = NOW, **order: Any) -> Finished:
    """What comes of a command."""
    shell = shell or Shell(None, user=order.get("user", "root"), host=order.get("host", "sandbox"))
    return shell.run(Order(text, seconds=seconds, **order), now, lambda stream, piece: None)


def said(text: str, **order: Any) -> str:
    """What a command writes to its standard output, once it has gone well."""
    finished = run(text, **order)
    assert (finished.stderr, finished.exit_code) == (b"", 0), finished
    return finished.stdout.decode()
