"""Locks: one works in a sandbox at a time, in the order in which they came. A job that has to wait for a lock holds no
thread; it is begun again when it has it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fakeserver.commands.ran import Key
from fakeserver.commands.waits import Waits


class Lock:
    """Who works in a sandbox, who wants to, and whose files they are when they are done: nobody's (None) if the sandbox
    was killed meanwhile."""

    def __init__(self, owner: Key | None) -> None:
        self.owner = owner
        self.wanted = 0
        self.adopted = 0
        """How often another process has left other files there meanwhile."""
        self.seen: int | None = None
        """How often it had when work began on those that are at hand."""
        self._taken = False
        self._waiting: deque[Callable[[], None]] = deque()
        self._guard = threading.Lock()

    def take(self) -> bool:
        """Whether nobody works in it, so that whoever asks does."""
        with self._guard:
            taken, self._taken = self._taken, True
            return not taken

    def wait(self, begin: Callable[[], None]) -> None:
        """Call something when it has the lock, which may be now."""
        with self._guard:
            if self._taken:
                self._waiting.append(begin)
                return
            self._taken = True
        begin()

    def pass_on(self) -> None:
        """Let the next one begin."""
        with self._guard:
            if not self._waiting:
                self._taken = False
                return
            begin = self._waiting.popleft()
        begin()


class Postponed(Exception):
    """A job has done nothing yet, and has to wait for a lock."""


class Locks:
    """Those of all sandboxes in which somebody works, or wants to."""

    def __init__(self) -> None:
        self._locks: dict[Key, Lock] = {}
        self._guard = threading.Lock()

    def __contains__(self, key: Key) -> bool:
        return key in self._locks

    def __iter__(self) -> Iterator[Key]:
        with self._guard:
            return iter([*self._locks])

    def forget(self, key: Key) -> None:
        """What is left in a sandbox is nobody's."""
        with self._guard:
            lock = self._locks.pop(key, None)
            if lock is not None:
                lock.owner = None

    def move(self, old: Key, new: Key) -> None:
        """A sandbox goes on under another id."""
        with self._guard:
            lock = self._locks.pop(old, None)
            if lock is not None:
                lock.owner = new
                self._locks[new] = lock

    def note_adopted(self, key: Key) -> None:
        """A sandbox has the files that another process has left."""
        with self._guard:
            lock = self._locks.get(key)
            if lock is not None:
                lock.adopted += 1

    @contextmanager
    def alone(self, key: Key, job: Waits | None = None) -> Iterator[Lock]:
        """Let nobody else work in a sandbox meanwhile. A job that has done nothing yet, and would have to wait, is
        `Postponed`; whoever else would waits here."""
        lock = None if job is None else job.claim()
        if lock is None:
            lock = self._want(key)
            if not lock.take():
                if job is not None and not job.begun:
                    job.postpone(lock, lambda: self._leave(lock))
                    raise Postponed
                come = threading.Event()
                lock.wait(come.set)
                come.wait()
        try:
            if job is not None:
                job.begun = True
            yield lock
        finally:
            self._leave(lock)

    def _want(self, key: Key) -> Lock:
        with self._guard:
            lock = self._locks.setdefault(key, Lock(key))
            lock.wanted += 1
            return lock

    def _leave(self, lock: Lock) -> None:
        with self._guard:
            lock.wanted -= 1
            if not lock.wanted and lock.owner is not None and self._locks.get(lock.owner) is lock:
                del self._locks[lock.owner]
        lock.pass_on()
