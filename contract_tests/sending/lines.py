"""The sockets of a run, cut when one answer takes too long as a whole: no time-out of a client ever passes while a byte
arrives now and then."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

OPENED = (".connect_tcp.complete", ".start_tls.complete")
"""How the names of the client's events end that bring a socket."""


class Lines:
    """Every open socket, since nobody tells which of them an answer came over; at most two are in use."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._cuts = 0

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """An event of the client, as its extension `trace` tells it."""
        if event.endswith(OPENED):
            opened = info["return_value"].get_extra_info("socket")
            with self._lock:
                self._sockets = [each for each in self._sockets if each.fileno() >= 0]
                self._sockets.append(opened)

    def cut(self) -> None:
        """End whatever is under way; who waits for it is told that the connection broke."""
        with self._lock:
            self._cuts += 1
            for each in self._sockets:
                with suppress(OSError):
                    # An SSL socket's own method is not made for another thread.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

    @contextmanager
    def within(self, seconds: float) -> Iterator[Callable[[], bool]]:
        """Cut what is not over by then. The value tells whether anything was cut meanwhile, since an answer that only
        its connection's end delimits looks whole then."""
        before = self._cuts
        timer = threading.Timer(seconds, self.cut)
        timer.daemon = True
        timer.start()
        try:
            yield lambda: self._cuts != before
        finally:
            timer.cancel()
