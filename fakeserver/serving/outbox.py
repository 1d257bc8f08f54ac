"""Answers to requests that came together leave together.

Whoever waits for an answer is woken when it leaves, and to wake somebody on another processor takes as long as half a
page. A client of many connections is woken once for all that it asked at once, and the server does not go back and
forth between requests and the network.
"""

from __future__ import annotations

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary

from fakeserver.machine import time

HELD_NS = 2_000_000
"""Nanoseconds that the first answer waits for others, and for the one that is being made by then."""


class Sender(Protocol):
    """A connection, which writes its answer when it is told to."""

    def write_held(self, head: bytes, body: bytes) -> None: ...


class Outbox:
    """The answers of one loop that wait for each other: until all packets are read that are there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._held: list[tuple[Sender, bytes, bytes]] = []
        self._until = 0

    def put(self, sender: Sender, head: bytes, body: bytes) -> None:
        """Have an answer wait."""
        if not self._held:
            # It comes behind all that is to be read in this turn of the loop.
            self._loop.call_soon(self.send)
            self._until = time.monotonic_ns() + HELD_NS
        self._held.append((sender, head, body))

    def send_late(self) -> None:
        """Let them leave if the first has waited for long enough."""
        if self._held and time.monotonic_ns() >= self._until:
            self.send()

    def send(self) -> None:
        """Let them leave."""
        held, self._held = self._held, []
        for sender, head, body in held:
            sender.write_held(head, body)


_outboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()


def outbox_of(loop: asyncio.AbstractEventLoop) -> Outbox:
    """The one of a loop."""
    outbox = _outboxes.get(loop)
    if outbox is None:
        outbox = _outboxes[loop] = Outbox(loop)
    return outbox
