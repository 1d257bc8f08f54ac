"""The event loop that the server runs on, whose timers no stopped clock of a test holds up."""

from __future__ import annotations

import asyncio

from uvicorn.loops.auto import auto_loop_factory

from fakeserver.machine import time


def new_loop() -> asyncio.AbstractEventLoop:
    """The loop that uvicorn would take. uvloop has a clock of its own; asyncio's loops ask `time.monotonic`, which a
    library may have replaced, and get the real one here."""
    loop: asyncio.AbstractEventLoop = auto_loop_factory()()
    if isinstance(loop, asyncio.BaseEventLoop):
        loop.time = lambda: time.monotonic_ns() / 1e9  # type: ignore[method-assign]
    return loop
