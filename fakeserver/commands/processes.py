"""Processes: commands that go on by themselves, each in a thread of its own; others see, hear, end and feed them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from fakeserver.instants import SECOND
from fakeserver.interpreter.orders import KILL, STDOUT, Finished, Order
from fakeserver.machine import monotonic

TICK_SECONDS = 0.05
"""How often a process that sleeps looks at the clock, which somebody may have moved."""
SETTLE_SECONDS = 2.0
"""How long others wait for one that has just been started, written to or woken until it sleeps, reads or ends; nobody
waits for one that has been at work for longer."""
MAX_INPUT_BYTES = 2**20
"""Of what was written to a process and not read."""
MAX_OUTPUT_BYTES = 16 * 2**20
"""Of what is heard of a process."""
Listener = Callable[[str, bytes | None], None]
"""Is told what a process writes: the stream's name, and a piece; None at its end."""


@dataclass(slots=True, eq=False)
class Process:
    """A command under a number. A `session` is one that a client has started, and reads what is written to it;
    `identity` is what its client calls it, and `wish` what was asked for then. `depth` is how many others led to it,
    each started by the one before. What is asked for and written may hold secrets, and is not shown where a process is
    printed.

    It sleeps until the world's `clock` (microseconds since 1970) has passed the end of its sleep, and reads what is
    written to it. What it writes is heard by those who listen, and by nobody twice."""

    number: int
    order: Order
    clock: Callable[[], int]
    identity: str = ""
    wish: bytes = field(default=b"", repr=False)
    depth: int = 0
    session: bool = False
    finished: Finished | None = None
    signal: int = 0
    released: bool = False
    merged: bool = False
    """Whether its errors go where its output goes."""
    applied: set[str] = field(default_factory=set)
    """Inputs and signals that have come, by what their senders call them: one that is sent again is not repeated."""
    _wakes: int | None = None
    _reads: bool = False
    _since: float = field(default_factory=monotonic)
    _heard: int = 0
    _input: bytearray = field(default_factory=bytearray, repr=False)
    _listeners: list[Listener] = field(default_factory=list)
    _ends: Callable[[], None] | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    # For those who watch it

    def listen(self, listener: Listener) -> None:
        """Tell it what the process writes from now on."""
        with self._changed:
            if self.finished is not None:
                listener("", None)
            else:
                self._listeners.append(listener)

    def leave(self, listener: Listener) -> None:
        """Tell it nothing more."""
        with self._changed:
            if listener in self._listeners:
                self._listeners.remove(listener)

    @property
    def rests(self) -> bool:
        """Whether it does nothing: it sleeps, waits for a line, or is at its end."""
        asleep = self._wakes is not None and not self.signal and self.clock() < self._wakes
        return self.finished is not None or asleep or (self._reads and b"\n" not in self._input and not self.signal)

    @property
    def let_go(self) -> bool:
        """Whether who started it need not wait for it any longer."""
        return self.rests or self.released

    def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait a little until it rests."""
        with self._changed:
            self._changed.notify_all()
            works = self._wakes is None and not self._reads
            left = self._since + SETTLE_SECONDS - monotonic() if works and not self.signal else seconds
            self._changed.wait_for(lambda: self.rests, max(0.0, min(seconds, left)))

    def settle_first(self) -> None:
        """Wait a little until who started it may go on."""
        with self._changed:
            self._changed.wait_for(lambda: self.let_go, SETTLE_SECONDS)

    def write(self, given: bytes) -> bool:
        """Whether there was room for what somebody writes to it."""
        with self._changed:
            if len(self._input) + len(given) > MAX_INPUT_BYTES:
                return False
            self._input += given
            self._changed.notify_all()
            return True

    def stop(self, signal: int = KILL) -> None:
        """End it by a signal."""
        with self._changed:
            if self.finished is None:
                self.signal = self.signal or signal
            ends = self._ends
        if ends is not None:
            ends()
        with self._changed:
            self._changed.notify_all()

    # For what carries it out

    def begin(self, ends: Callable[[], None]) -> None:
        """It runs from now on, and `ends` ends it."""
        with self._changed:
            self._ends = ends
        if self.signal:
            ends()

    def hear(self, stream: str, piece: bytes) -> None:
        stream = STDOUT if self.merged else stream
        with self._changed:
            piece = piece[: MAX_OUTPUT_BYTES - self._heard]
            self._heard += len(piece)
            for each in self._listeners if piece else ():
                each(stream, piece)

    def release(self) -> None:
        """Who started it hears nothing more of it."""
        with self._changed:
            self.released = True
            self._listeners.clear()
            self._changed.notify_all()

    def finish(self, finished: Finished) -> None:
        with self._changed:
            self.finished, self._ends = finished, None
            for each in self._listeners:
                each("", None)
            self._listeners.clear()
            self._changed.notify_all()

    def sleep(self, seconds: float) -> None:
        """Until the world's clock has passed the end."""
        wakes = self.clock() + round(seconds * SECOND)
        with self._changed:
            self._rest(wakes=wakes)
            while not self.signal and self.clock() < wakes:
                self._changed.wait(TICK_SECONDS)
            self._rest()

    def read(self, until: int | None) -> bytes:
        """A line of what was written to it, as soon as it is there; nothing once the process is ended, or when the
        world's clock has passed an instant."""
        with self._changed:
            self._rest(reads=True)
            while not self.signal and b"\n" not in self._input and (until is None or self.clock() < until):
                self._changed.wait(None if until is None else TICK_SECONDS)
            self._rest()
            if self.signal or b"\n" not in self._input:
                return b""
            size = self._input.index(b"\n") + 1
            line = bytes(self._input[:size])
            del self._input[:size]
            return line

    def _rest(self, *, wakes: int | None = None, reads: bool = False) -> None:
        self._wakes, self._reads, self._since = wakes, reads, monotonic()
        self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Ended:
    """What is remembered of a process that somebody called by an identity, once it is over."""

    number: int
    finished: Finished
    digest: bytes

    def fits(self, wish: bytes) -> bool:
        """Whether this is what was asked for."""
        return self.digest == blake2b(wish).digest()


def ended_as(process: Process, finished: Finished) -> Ended:
    """What is remembered of it."""
    how = Finished(finished.exit_code, timed_out=finished.timed_out)
    return Ended(process.number, how, blake2b(process.wish).digest())
