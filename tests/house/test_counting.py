"""Counted steps are those of the action alone."""

from __future__ import annotations

import gc
from typing import Any

from tests.support.counting import steps


def test_garbage_that_is_collected_meanwhile_is_not_counted() -> None:
    """It is collected whenever there is enough of it, and whoever wants to know is then called."""
    called: list[str] = []

    def know(phase: str, info: dict[str, Any]) -> None:
        called.append(phase)

    def litter() -> None:
        for _ in range(1_000):
            own: list[Any] = []
            own.append(own)

    alone = steps(litter)
    threshold = gc.get_threshold()
    gc.callbacks.append(know)
    gc.set_threshold(10)
    try:
        litter()
        assert called
        assert steps(litter) == alone
        assert gc.isenabled()
    finally:
        gc.callbacks.remove(know)
        gc.set_threshold(*threshold)
