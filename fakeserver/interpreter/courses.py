"""How far a command has got, by the sandbox's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import sleep as pause
from typing import TYPE_CHECKING, TypeVar

from fakeserver.instants import SECOND
from fakeserver.machine import monotonic

if TYPE_CHECKING:
    from bashkit import Bash

Found = TypeVar("Found")

MAX_WALL_SECONDS = 20.0
"""Of the machine's time that a command may take, whatever it was promised."""
LOOK_SECONDS = 0.05
"""How often one that waits looks whether it is to end."""


@dataclass
class Course:
    """How far a command has got. It began at `began` (microseconds since 1970, by the sandbox's clock), and has slept
    for `slept` seconds since; `waits` lets a sleep pass, which otherwise takes no time. One that is `above` another
    waits for it."""

    bash: Bash
    began: int
    limit: float | None
    above: Course | None = None
    waits: Callable[[float], None] | None = None
    started: float = field(default_factory=monotonic)
    stopped: float | None = None
    """Since when it waits for something outside, which takes none of the machine's time."""
    slept: float = 0.0
    over: bool = False
    below: Course | None = None

    @property
    def seconds(self) -> float:
        """By the sandbox's clock."""
        return self.slept + self.worked

    @property
    def worked(self) -> float:
        """Seconds of the machine's time."""
        return (monotonic() if self.stopped is None else self.stopped) - self.started

    @property
    def left(self) -> float:
        return float("inf") if self.limit is None else max(0.0, self.limit - self.seconds)

    @property
    def longest(self) -> float:
        """Seconds of the machine's time that it has left."""
        return max(0.0, min(self.left, MAX_WALL_SECONDS - self.worked))

    @property
    def now(self) -> int:
        """Microseconds since 1970, by the sandbox's clock."""
        return self.began + round(self.seconds * SECOND)

    def sleep(self, seconds: float) -> None:
        """Let the command sleep, in no time; what may not take so long ends."""
        courses = [self, *self.all_above()]
        first = min(courses, key=lambda each: each.left)
        longest = first.left
        waits = self.waits
        if waits is not None:
            self.outside(lambda: waits(min(seconds, longest)))
        for each in courses:
            each.slept += min(seconds, longest)
        if seconds > longest:
            first.end()

    def outside(self, wait: Callable[[], Found]) -> Found:
        """What it gets by waiting for something outside."""
        before, courses = monotonic(), [self, *self.all_above()]
        for each in courses:
            each.stopped = before
        try:
            return wait()
        finally:
            for each in courses:
                each.stopped = None
                each.started += monotonic() - before

    def wait(self, seconds: float) -> None:
        """Let real time pass, until it is to end."""
        until = monotonic() + seconds
        while not self.over and (left := until - monotonic()) > 0:
            pause(min(left, LOOK_SECONDS))

    def all_above(self) -> Iterator[Course]:
        course = self.above
        while course is not None:
            yield course
            course = course.above

    def end(self) -> None:
        self.over = True
        self.bash.cancel()
        if self.below is not None:
            self.below.end()
