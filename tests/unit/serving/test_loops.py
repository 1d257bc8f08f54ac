"""The server's event loop keeps its own time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from fakeserver.serving import loops
from tests.unit.test_machine import LIBRARIES

MOST_SECONDS = 20
"""When a timer counts as one that never fires."""


@pytest.mark.parametrize("library", LIBRARIES)
def test_timers_fire_while_time_stands_still(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """On asyncio's own loop too, which is the one where there is no uvloop."""
    monkeypatch.setattr(loops, "auto_loop_factory", lambda: asyncio.SelectorEventLoop)

    def run() -> None:
        with asyncio.Runner(loop_factory=loops.new_loop) as runner:
            runner.run(asyncio.sleep(0.01))

    with LIBRARIES[library]():
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(MOST_SECONDS)
        assert not thread.is_alive()
