"""Threads with deep stacks that are watched.

The interpreter takes a piece of its thread's stack for each `eval` within another, and counts none of them: a command
that goes on like this would end the whole process. It is ended itself when its stack has become too deep,
and also when it makes the process grow too much.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Event
from typing import Any, Protocol

STACK_BYTES = 256 * 2**20
"""Of addresses that a thread's stack has; it takes no more memory than it comes to need."""
DEEP_BYTES = 48 * 2**20
"""From here on a stack is too deep: about a thousand commands within each other."""
GRACE_SECONDS = 3.0
"""How long it may take what is to end."""
WATCH_SECONDS = 0.05
"""How often a stack is looked at. In this time none gets from too deep to its end."""
LEAST_SECONDS = 0.001
MAX_IDLE = 32
"""Threads that wait for the next command."""
ATTRIBUTES_BYTES = 256
"""More than `pthread_attr_t` has anywhere."""
STARTING = threading.Lock()
"""The size of new stacks is the whole process's."""


class Lost(Exception):
    """What should have ended goes on; nobody waits for it any longer."""


class Watched(Protocol):
    """What is worked: whether it is to end, and what ends it because it has taken too long, its stack is too deep, or
    the process has grown too much."""

    over: bool

    @property
    def longest(self) -> float:
        """Seconds that it may go on."""
        ...

    def end(self) -> None: ...
    def overflow(self) -> None: ...
    def starve(self) -> None: ...


class Hand:
    """A thread with a deep stack, which works what it is given, one after the other."""

    def __init__(self) -> None:
        self.mark: tuple[int, ...] = ()
        self._given: SimpleQueue[tuple[Callable[[], Any], Event, list[Any]]] = SimpleQueue()
        thread = threading.Thread(target=self._run, name="fakeserver-command", daemon=True)
        with STARTING:
            before = threading.stack_size(STACK_BYTES)
            try:
                thread.start()
            finally:
                threading.stack_size(before)

    def work(self, work: Callable[[], Any]) -> tuple[Event, list[Any]]:
        """When it is done, and then what has come of it."""
        done, came = Event(), list[Any]()
        self._given.put((work, done, came))
        return done, came

    def _run(self) -> None:
        self.mark = too_deep_from()
        while True:
            work, done, came = self._given.get()
            if work is sys.exit:
                return
            try:
                came += (True, work())
            except BaseException as error:  # It belongs to whoever waits.
                came += (False, error)
            # Nothing of it is held until the next one comes.
            del work, came
            done.set()

    def let_go(self) -> None:
        """It ends; whatever its stack has grown to is given back."""
        self._given.put((sys.exit, Event(), []))


IDLE: list[Hand] = []
AT_ONCE = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))
"""Commands that run at once: more than there are processors would only keep the loop from its own."""
PATIENCE_SECONDS = 1.0
"""How long a command waits for its turn; then it runs beside those that have kept it waiting."""


@contextmanager
def in_turn() -> Iterator[None]:
    """When there is a processor, or when it has waited long enough."""
    free = AT_ONCE.acquire(timeout=PATIENCE_SECONDS)
    try:
        yield
    finally:
        if free:
            AT_ONCE.release()


def on_deep_stack(work: Callable[[], Any], watched: Watched, growth: int) -> Any:
    """What is worked on a stack of its own, while the process grows by no more bytes than that; a `Lost` if it is to
    end and does not."""
    with STARTING:
        hand = IDLE.pop() if IDLE else None
    hand = hand or Hand()
    most, late = resident_bytes() + growth, 0.0
    done, came = hand.work(work)
    while not done.wait(WATCH_SECONDS if watched.over else min(WATCH_SECONDS, max(watched.longest, LEAST_SECONDS))):
        if watched.over:
            late += WATCH_SECONDS
            if late > GRACE_SECONDS:
                raise Lost
        elif not watched.longest:
            watched.end()
        elif hand.mark and is_touched(hand.mark[0]):
            watched.overflow()
        elif resident_bytes() > most:
            watched.starve()
    with STARTING:
        if not watched.over and len(IDLE) < MAX_IDLE:
            IDLE.append(hand)
            hand = None
    if hand is not None:
        hand.let_go()
    fine, result = came
    if not fine:
        raise result
    return result


def too_deep_from() -> tuple[int, ...]:
    """The page of this thread's stack that is touched when it is too deep; nothing where that cannot be found out."""
    if sys.platform != "linux":
        return ()
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.pthread_self.restype = ctypes.c_void_p
        attributes = ctypes.create_string_buffer(ATTRIBUTES_BYTES)
        start, size = ctypes.c_void_p(), ctypes.c_size_t()
        if library.pthread_getattr_np(ctypes.c_void_p(library.pthread_self()), attributes) == 0:
            library.pthread_attr_getstack(attributes, ctypes.byref(start), ctypes.byref(size))
            library.pthread_attr_destroy(attributes)
            if size.value > 2 * DEEP_BYTES:
                place = (start.value or 0) + size.value - DEEP_BYTES
                return (place - place % mmap.PAGESIZE,)
    return ()


def resident_bytes() -> int:
    """Memory of the process, where that can be found out in no time."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * mmap.PAGESIZE
    except OSError:
        return 0


def is_touched(page: int) -> bool:
    """Whether a page of memory is there."""
    seen = ctypes.create_string_buffer(1)
    library = ctypes.CDLL(None)
    there = library.mincore(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), seen) == 0
    return there and bool(seen.raw[0] & 1)
