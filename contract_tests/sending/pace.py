"""How fast: slowly, unless the target is this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from contract_tests.sending.address import is_loopback

DEFAULT_RATE = 5.0
SLOWEST_RATE, FASTEST_RATE = 0.01, 10_000.0
"""What may be asked for: at least a request in a hundred seconds."""


def rate_of(base_url: str, asked: float | None) -> float | None:
    """Requests per second: as asked for, else the default; None, not throttled, where the target is this machine."""
    return asked or (None if is_loopback(base_url) else DEFAULT_RATE)


class Pace:
    """A smooth rate: every request has its slot, and no burst is saved up."""

    def __init__(
        self,
        per_second: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._clock, self._sleep = clock, sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = self._clock()
            slot = max(now, self._next)
            self._next = slot + self._gap
        if slot > now:
            self._sleep(slot - now)
