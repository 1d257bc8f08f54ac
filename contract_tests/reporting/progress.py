"""How far a check is, on a terminal only: one line that is written over, and erased in the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

WIDTH = 24
"""Of the bar."""
ERASE = "\r\x1b[K"
DUMB = "dumb"
"""The TERM of a terminal that cannot erase a line."""
NARROW = 80
"""Columns of a terminal that does not tell how many it has."""


class Progress:
    """A bar of requests sent against the budget, and the law that runs."""

    def __init__(self, stream: TextIO, budgets: Mapping[str, int | None]) -> None:
        self._stream = stream
        self._budgets = budgets
        self._shown = stream.isatty() and os.environ.get("TERM") != DUMB

    def __call__(self, layer: str, sent: int, law: str = "") -> None:
        if not self._shown:
            return
        budget = self._budgets.get(layer)
        if budget:
            filled = min(WIDTH, WIDTH * sent // budget)
            bar = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {sent} of at most {budget} requests"
        else:
            bar = f"{sent} requests"
        line = f"{layer}{f', {law}' if law else ''}: {bar}"
        # One column stays free: a terminal may go to the next line as soon as the last one is filled.
        self._write(ERASE + line[: max(0, self._columns() - 1)])

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or NARROW
        except OSError:
            return NARROW

    def done(self) -> None:
        if self._shown:
            self._write(ERASE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
