"""Turns: one works in a sandbox at a time, in the order in which they came. A job that has to wait for its turn holds
no thread; it is begun again when that has come."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fakeserver.commands.ran import Key
from fakeserver.commands.waits import Waits


class Turn:
    """Who works in a sandbox, who wants to, and whose files they are when they are done: nobody's (None) if the sandbox
    was killed meanwhile."""

    def __init__(self, owner: Key | None) -> None:
        self.owner = owner
        self.wanted = 0
        self._taken = False
        self._waiting: deque[Callable[[], None]] = deque()
        self._guard = threading.Lock()

    def take(self) -> bool:
        """Whether nobody works in it, so that whoever asks does."""
        with self._guard:
            taken, self._taken = self._taken, True
            return not taken

    def wait(self, begin: Callable[[], None]) -> None:
        """Call something when it is its turn, which may be now."""
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
    """A job has done nothing yet, and has to wait for its turn."""


class Turns:
    """Those of all sandboxes in which somebody works, or wants to."""

    def __init__(self) -> None:
        self._turns: dict[Key, Turn] = {}
        self._guard = threading.Lock()

    def __contains__(self, key: Key) -> bool:
        return key in self._turns

    def __iter__(self) -> Iterator[Key]:
        with self._guard:
            return iter([*self._turns])

    def forget(self, key: Key) -> None:
        """What is left in a sandbox is nobody's."""
        with self._guard:
            turn = self._turns.pop(key, None)
            if turn is not None:
                turn.owner = None

    def move(self, old: Key, new: Key) -> None:
        """A sandbox goes on under another id."""
        with self._guard:
            turn = self._turns.pop(old, None)
            if turn is not None:
                turn.owner = new
                self._turns[new] = turn

    @contextmanager
    def alone(self, key: Key, job: Waits | None = None) -> Iterator[Turn]:
        """Let nobody else work in a sandbox meanwhile. A job that has done nothing yet, and would have to wait, is
        `Postponed`; whoever else would waits here."""
        turn = None if job is None else job.claim()
        if turn is None:
            turn = self._want(key)
            if not turn.take():
                if job is not None and not job.begun:
                    job.postpone(turn, lambda: self._leave(turn))
                    raise Postponed
                come = threading.Event()
                turn.wait(come.set)
                come.wait()
        try:
            if job is not None:
                job.begun = True
            yield turn
        finally:
            self._leave(turn)

    def _want(self, key: Key) -> Turn:
        with self._guard:
            turn = self._turns.setdefault(key, Turn(key))
            turn.wanted += 1
            return turn

    def _leave(self, turn: Turn) -> None:
        with self._guard:
            turn.wanted -= 1
            if not turn.wanted and turn.owner is not None and self._turns.get(turn.owner) is turn:
                del self._turns[turn.owner]
        turn.pass_on()
