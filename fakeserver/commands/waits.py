"""Waits that hold no thread: how long a job has to wait on the wall is noted while it runs, and done behind it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Found = TypeVar("Found")


@dataclass(slots=True)
class Waits:
    """How many seconds a job has been asked to wait so far. Whoever lets it run `during` this waits for them, before
    everything that the job does from then on is seen."""

    seconds: float = 0.0

    def during(self, work: Callable[Given, Found], *arguments: Given.args, **more: Given.kwargs) -> Found:
        """What some work comes to, in this thread."""
        token = _CURRENT.set(self)
        try:
            return work(*arguments, **more)
        finally:
            _CURRENT.reset(token)


_CURRENT: ContextVar[Waits | None] = ContextVar("waits", default=None)


def wait(seconds: float) -> None:
    """Let so many seconds pass on the wall: at once where nobody notes them, and otherwise behind the job."""
    waits = _CURRENT.get()
    if waits is None:
        time.sleep(seconds)
    else:
        waits.seconds += seconds
