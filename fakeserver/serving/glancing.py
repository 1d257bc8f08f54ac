"""Glancing at a store behind a network: the loop asks by itself whether anything has happened, and no thread waits."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor

from fakeserver.machine import elapsed
from fakeserver.stores.store import Glances, Mark, Unavailable

OPEN_SECONDS = 1.0
"""Between two attempts to have a session for glances, which the database may not have."""


class Glancing:
    """Of one process. Those who ask while a glance is under way share the next one."""

    def __init__(self, glances: Glances) -> None:
        self._glances = glances
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fakeserver-store-glances")
        self._opening: asyncio.Future[int] | None = None
        self._open_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket = -1
        self._sessions = 0
        self._is_ended = False
        self._asking: list[asyncio.Future[Mark | None]] = []
        self._waiting: list[asyncio.Future[Mark | None]] = []
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def session(self) -> int:
        """The number of the session that there is; 0 where there is none."""
        return self._sessions if self._socket >= 0 else 0

    def open(self) -> None:
        """Have a session before long, where there is none. It is asked for where the store can be had."""
        if self._socket >= 0 or self._opening is not None or elapsed() < self._open_at or self._is_ended:
            return
        self._open_at = elapsed() + OPEN_SECONDS
        self._loop = asyncio.get_running_loop()
        self._opening = self._loop.run_in_executor(self._thread, self._glances.open)
        self._opening.add_done_callback(self._use)

    def _use(self, opening: asyncio.Future[int]) -> None:
        self._opening = None
        if self._is_ended or opening.cancelled() or opening.exception() is not None:
            return
        try:
            asyncio.get_running_loop().add_reader(opening.result(), self._read)
        except NotImplementedError:
            # Loops of Windows wait for no socket of somebody else's.
            self._open_at = math.inf
            self._glances.close()
        else:
            self._socket = opening.result()
            self._sessions += 1

    async def newest(self) -> Mark | None:
        """The newest commit, as of an instant after this was called. None: nothing is known of it, and whoever wants to
        know looks."""
        if self._socket < 0:
            return None
        future: asyncio.Future[Mark | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if not self._asking:
            self._ask()
        return await future

    def _ask(self) -> None:
        self._asking, self._waiting = self._waiting, []
        try:
            self._glances.ask()
        except Unavailable:
            self._lose(None)
        else:
            self._deadline = asyncio.get_running_loop().call_later(self._glances.seconds, self._give_up)

    def _read(self) -> None:
        try:
            mark = self._glances.answer()
        except Unavailable:
            return self._lose(None)
        if mark is not None:
            self._tell(mark)
            if self._waiting:
                self._ask()

    def _tell(self, found: Mark | Unavailable | None) -> None:
        """Let those go on who have asked."""
        if self._deadline is not None:
            self._deadline.cancel()
        asking, self._asking = self._asking, []
        for future in asking:
            if future.done():
                continue
            if isinstance(found, Unavailable):
                future.set_exception(found)
            else:
                future.set_result(found)

    def _give_up(self) -> None:
        self._lose(self._glances.slow())

    def _lose(self, error: Unavailable | None) -> None:
        """The session is of no more use; without an error, a look finds out what has become of the store."""
        if self._socket >= 0 and self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
        self._socket = -1
        self._glances.close()
        self._asking += self._waiting
        self._waiting = []
        self._tell(error)

    def end(self) -> None:
        """For ever."""
        self._is_ended = True
        self._thread.shutdown(cancel_futures=True)
        self._lose(None)
