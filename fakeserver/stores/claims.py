"""Claims of the processes of one machine: bytes of a file, each of which one of them has locked."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

SHORTEST_SECONDS, LONGEST_SECONDS = 0.002, 0.05
"""Between two looks whether something is free."""


def wait_for(take: Callable[[], bool]) -> None:
    """Try to take something until it is taken."""
    seconds = SHORTEST_SECONDS
    while not take():
        time.sleep(seconds)
        seconds = min(2 * seconds, LONGEST_SECONDS)


def take(file: int, number: int) -> bool:
    """Lock a byte, unless another process has. To wait in the kernel could be refused as a deadlock, since it takes
    all threads of a process for one."""
    if sys.platform == "win32":
        # It has no such locks: there, a sandbox is claimed within its process alone.
        return True
    import fcntl

    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
    except (BlockingIOError, PermissionError):
        return False
    return True


def leave(file: int, number: int) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.lockf(file, fcntl.LOCK_UN, 1, number)


class Claims:
    """Of one process. The file is empty: what is locked are places where bytes could be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = Lock()
        self._file: int | None = None

    def _opened(self) -> int:
        with self._guard:
            if self._file is None:
                # One for all: to close any of several would end the locks of all of them.
                self._file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            return self._file

    @contextmanager
    def claim(self, number: int) -> Iterator[None]:
        """Have a number to oneself; within a process, whoever asks has seen to that already."""
        file = self._opened()
        wait_for(lambda: take(file, number))
        try:
            yield
        finally:
            leave(file, number)

    def close(self) -> None:
        with self._guard:
            if self._file is not None:
                os.close(self._file)
                self._file = None
