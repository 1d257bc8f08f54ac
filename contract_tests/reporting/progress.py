"""How far a check is, on a terminal only: one line that is written over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

WIDTH = 24


class Progress:
    """A bar of requests sent against the budget."""

    def __init__(self, stream: TextIO, budgets: Mapping[str, int | None]) -> None:
        self._stream = stream
        self._budgets = budgets
        self._shown = stream.isatty()

    def __call__(self, layer: str, sent: int) -> None:
        if not self._shown:
            return
        budget = self._budgets.get(layer)
        if budget:
            filled = min(WIDTH, WIDTH * sent // budget)
            bar = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {sent} of at most {budget} requests"
        else:
            bar = f"{sent} requests"
        self._stream.write(f"\r\x1b[K{layer}: {bar}")
        self._stream.flush()

    def done(self) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
