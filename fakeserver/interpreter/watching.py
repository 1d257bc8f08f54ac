"""What looks after all that runs in a process, from outside: a command that has used its time up is ended, and what
cannot be ended gives the process up."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from fakeserver.machine import monotonic

LOOK_SECONDS = 0.02
"""How often it is looked."""
GRACE_SECONDS = 3.0
"""How long it may take what is to end."""


class Watched(Protocol):
    """What runs: whether it is to end, and what ends it."""

    over: bool

    @property
    def longest(self) -> float:
        """Seconds that it may go on."""
        ...

    def end(self) -> None: ...


def do_nothing() -> None:
    """Nothing has to be done, as in a process that is not a worker."""


class Watch:
    """Looks after courses as long as there are any. A worker says what is done at each look (`pulse`), how many bytes
    of memory it may have, and how it is given up."""

    def __init__(self) -> None:
        self.pulse: Callable[[], None] = do_nothing
        self.give_up: Callable[[], None] = do_nothing
        self.most_bytes = 0
        self._courses: dict[int, tuple[Watched, list[float]]] = {}
        self._guard = threading.Lock()
        self._wanted = threading.Event()
        self._started = False

    @contextmanager
    def over(self, course: Watched) -> Iterator[None]:
        """While a course runs."""
        with self._guard:
            self._courses[id(course)] = course, []
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, name="fakeserver-watch", daemon=True).start()
        self._wanted.set()
        try:
            yield
        finally:
            with self._guard:
                del self._courses[id(course)]

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            self._wanted.wait()
            pause.wait(LOOK_SECONDS)
            with self._guard:
                courses = [*self._courses.values()]
                if not courses:
                    self._wanted.clear()
            self.pulse()
            for course, ended in courses:
                self._look(course, ended)
            if self.most_bytes and resident_bytes() > self.most_bytes:
                self.give_up()

    def _look(self, course: Watched, ended: list[float]) -> None:
        if not course.over:
            if not course.longest:
                course.end()
        elif not ended:
            ended.append(monotonic())
        elif monotonic() - ended[0] > GRACE_SECONDS:
            self.give_up()


WATCH = Watch()


def resident_bytes() -> int:
    """Memory of the process, where that can be found out in no time."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * mmap.PAGESIZE
    except OSError:
        return 0
