"""Time for tests: an event loop that never waits, and a bound for what would never end."""

from __future__ import annotations

import asyncio
import selectors
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Selector(selectors.SelectSelector):
    """Looks for what is ready now; where it should wait for a moment, the loop's clock is set to that moment."""

    def __init__(self) -> None:
        super().__init__()
        self.instant = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Without a timeout nothing is due at all: a thread works, and its answer is waited for.
        if timeout is not None:
            self.instant += timeout
            timeout = 0
        return super().select(timeout)


class UnhurriedLoop(asyncio.SelectorEventLoop):
    """A loop whose clock moves by what the program sleeps, and by nothing else: exact, and over at once."""

    def __init__(self) -> None:
        self.clock = Selector()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.instant


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    """Fail what would go on for ever, also where it does not wait but computes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"it did not end within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
