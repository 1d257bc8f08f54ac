"""How workers share the connections that come to their one socket: none has more than any other for long.

What waits at a socket goes to whoever asks first, and a loop that is awake takes all of it: of sixteen connections one
worker often had them all. So each takes one at a time, and one that has more than another lets the others go first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import mmap
import socket
import ssl
from collections.abc import Callable

ABSENT = -1
YIELD_SECONDS = 0.005
"""That a worker leaves to those who have fewer connections. One that stands still holds the others up by no more."""
FULL_SECONDS = 1.0
"""Until a connection is taken again where the process may have no more of them."""
BYTES = 4
"""Of a number that all workers see."""

log = logging.getLogger("fakeserver")


class Shares:
    """How many connections each of so many workers has, where all of them and their leader see it."""

    def __init__(self, workers: int) -> None:
        self._numbers = memoryview(mmap.mmap(-1, BYTES * workers)).cast("i")
        for worker in range(workers):
            self.leave(worker)

    def leave(self, worker: int) -> None:
        """It is gone, or not there yet."""
        self._numbers[worker] = ABSENT

    def note(self, worker: int, connections: int) -> None:
        self._numbers[worker] = connections

    def is_ahead(self, worker: int) -> bool:
        """Whether it has more than another."""
        own = self._numbers[worker]
        return any(ABSENT < number < own for number in self._numbers)


class Taking:
    """Takes connections of a socket for one worker, of which `count` says how many it serves."""

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[], asyncio.Protocol],
        count: Callable[[], int],
        context: ssl.SSLContext | None,
        shares: Shares,
        worker: int,
    ) -> None:
        self._listener = listener
        self._make = make
        self._count = count
        self._context = context
        self._shares = shares
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        listener.setblocking(False)
        self.note()
        self._loop.add_reader(listener, self._come)

    def note(self) -> None:
        """Have the others see how many there are by now."""
        self._shares.note(self._worker, self._count() + len(self._tasks))

    def _come(self) -> None:
        self.note()
        if self._shares.is_ahead(self._worker):
            self._pause(YIELD_SECONDS)
        else:
            self._take()

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._timer = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        self._loop.add_reader(self._listener, self._come)
        # Nobody else has.
        self._take()

    def _take(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            log.error("no connection can be taken: %s", error.strerror)
            return self._pause(FULL_SECONDS)
        task = self._loop.create_task(self._serve(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.note()

    async def _serve(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        # A client may leave, or fail in the handshake of TLS.
        with contextlib.suppress(OSError):
            await self._loop.connect_accepted_socket(self._make, connection, ssl=self._context)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        else:
            self._loop.remove_reader(self._listener)
