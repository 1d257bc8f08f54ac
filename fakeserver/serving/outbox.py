"""Answers to requests that came together leave together.

Whoever waits for an answer is woken when it leaves, and to wake somebody on another processor takes as long as half a
page. A client of many connections is woken once for all that it asked at once, and the server does not go back and
forth between requests and the network.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol
from weakref import WeakKeyDictionary

from fakeserver.machine import time

HELD_NS = 2_000_000
"""Nanoseconds that the first answer waits for others, and for the one that is being made by then."""

log = logging.getLogger("fakeserver")


class Sender(Protocol):
    """A connection, which writes its answer when it is told to."""

    def write_held(self, head: bytes, body: bytes) -> None: ...


class Outbox:
    """The answers of one loop that wait for each other: until all packets are read that are there."""

    # It does not know its loop, which would never be forgotten then.
    def __init__(self) -> None:
        self._held: list[tuple[Sender, bytes, bytes]] = []
        self._until = 0
        self._hurries = False

    def put(self, loop: asyncio.AbstractEventLoop, sender: Sender, head: bytes, body: bytes) -> None:
        """Have an answer wait, unless tasks are to run before it could leave."""
        if self._hurries:
            return write(sender, head, body)
        if not self._held:
            # It comes behind all that is to be read in this turn of the loop.
            loop.call_soon(self.send)
            self._until = time.monotonic_ns() + HELD_NS
        self._held.append((sender, head, body))

    def hurry(self, loop: asyncio.AbstractEventLoop) -> None:
        """A task is about to be made, which may take long: what waits leaves before, and nothing waits behind it."""
        self.send()
        if not self._hurries:
            self._hurries = True
            loop.call_soon(self._calm_down)

    def _calm_down(self) -> None:
        self._hurries = False

    def send_late(self) -> None:
        """Let them leave if the first has waited for long enough."""
        if self._held and time.monotonic_ns() >= self._until:
            self.send()

    def send(self) -> None:
        """Let them leave."""
        held, self._held = self._held, []
        for each in held:
            write(*each)


def write(sender: Sender, head: bytes, body: bytes) -> None:
    """Have a connection write its answer; one that cannot does not keep others from theirs."""
    try:
        sender.write_held(head, body)
    except Exception:
        log.exception("an answer could not be sent")


_outboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()


def outbox_of(loop: asyncio.AbstractEventLoop) -> Outbox:
    """The one of a loop."""
    outbox = _outboxes.get(loop)
    if outbox is None:
        outbox = _outboxes[loop] = Outbox()
    return outbox
