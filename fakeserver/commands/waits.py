"""Waits that hold no thread: how long a job has to wait on the wall is noted while it runs, and done behind it; and one
that has to wait for a sandbox's lock (`locks`) is begun again when it has it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from fakeserver.commands.locks import Lock

Given = ParamSpec("Given")
Found = TypeVar("Found")


@dataclass(slots=True)
class Waits:
    """How many seconds a job has been asked to wait so far. Whoever lets it run `during` this waits for them, before
    everything that the job does from then on is seen; and lets it run once more behind a `Postponed`, when it has
    the lock. One that has `begun` to tell or to change anything does not run again."""

    seconds: float = 0.0
    begun: bool = False
    lock: Lock | None = None
    """That for which it was postponed, until it works there."""
    _leave: Callable[[], None] = field(default=lambda: None, repr=False)

    def during(self, work: Callable[Given, Found], *arguments: Given.args, **more: Given.kwargs) -> Found:
        """What some work comes to, in this thread."""
        token = _CURRENT.set(self)
        try:
            return work(*arguments, **more)
        finally:
            _CURRENT.reset(token)

    def postpone(self, lock: Lock, leave: Callable[[], None]) -> None:
        """It has to wait for a lock, which it has to `leave` if it comes to nothing."""
        self.lock, self._leave = lock, leave

    def claim(self) -> Lock | None:
        """The lock that it waited for and has now, once."""
        lock, self.lock = self.lock, None
        return lock

    def give_up(self) -> None:
        """Leave a lock that was not needed after all."""
        if self.claim() is not None:
            self._leave()


_CURRENT: ContextVar[Waits | None] = ContextVar("waits", default=None)


def current() -> Waits | None:
    """The job that runs in this thread, if somebody lets it wait."""
    return _CURRENT.get()


def wait(seconds: float) -> None:
    """Let so many seconds pass on the wall: at once where nobody notes them, and otherwise behind the job."""
    waits = current()
    if waits is None:
        time.sleep(seconds)
    else:
        waits.seconds += seconds
