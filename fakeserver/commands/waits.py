"""Waits that hold no thread: how long a job has to wait on the wall is noted while it runs, and done behind it; and one
that has to wait for its turn in a sandbox (`turns`) is begun again when that has come."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from fakeserver.commands.turns import Turn

Given = ParamSpec("Given")
Found = TypeVar("Found")


@dataclass(slots=True)
class Waits:
    """How many seconds a job has been asked to wait so far. Whoever lets it run `during` this waits for them, before
    everything that the job does from then on is seen; and lets it run once more behind a `Postponed`, when it is its
    turn. One that has `begun` to tell or to change anything does not run again."""

    seconds: float = 0.0
    begun: bool = False
    turn: Turn | None = None
    """That for which it was postponed, until it works there."""
    _leave: Callable[[], None] = field(default=lambda: None, repr=False)

    def during(self, work: Callable[Given, Found], *arguments: Given.args, **more: Given.kwargs) -> Found:
        """What some work comes to, in this thread."""
        token = _CURRENT.set(self)
        try:
            return work(*arguments, **more)
        finally:
            _CURRENT.reset(token)

    def postpone(self, turn: Turn, leave: Callable[[], None]) -> None:
        """It has to wait for a turn, which it has to `leave` if it comes to nothing."""
        self.turn, self._leave = turn, leave

    def claim(self) -> Turn | None:
        """The turn that has come for which it was postponed, once."""
        turn, self.turn = self.turn, None
        return turn

    def give_up(self) -> None:
        """Leave a turn that has come and was not needed after all."""
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
