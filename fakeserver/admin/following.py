"""The journal as it grows: server-sent events for whoever looks on.

A look at the journal costs nothing where nothing happened, so the stream looks often; no request waits for, or knows
of, who looks on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import orjson

from fakeserver.problems import FakeProblem
from fakeserver.worlds.entries import Entry
from fakeserver.worlds.world import World

EVENTS = "text/event-stream"
EMPTIED = b"event: emptied\ndata: {}\n\n"
LOOK_SECONDS = 0.25
QUIET_LOOKS = 60
"""After so many looks at which there was nothing, a comment goes out: only so is a client found to have left."""
MAX_TOLD = 200
"""Entries that one look tells; of a crowd the newest are, and how many more there were."""
MAX_FOLLOWERS = 64
"""Streams that one server sends at a time."""


class Followers:
    """The streams of one server; `is_alive` says whether a world is still the one of its name."""

    def __init__(self, is_alive: Callable[[World], bool]) -> None:
        self._is_alive = is_alive
        self._count = 0

    def follow(self, world: World, after: int | None) -> AsyncIterator[bytes]:
        """The events of a world from now on, or from behind the entry of a number on."""
        if self._count >= MAX_FOLLOWERS:
            raise FakeProblem(503, f"{MAX_FOLLOWERS} streams of the journal are open, and no more can be")
        return self._follow(world, after)

    async def _follow(self, world: World, after: int | None) -> AsyncIterator[bytes]:
        self._count += 1
        try:
            quiet = 0
            yield b"retry: 1000\n\n"
            for news in look_on(world, after):
                if not self._is_alive(world):
                    return
                quiet = 0 if news else quiet + 1
                if news:
                    yield news
                elif quiet % QUIET_LOOKS == 0:
                    yield b": nothing happened\n\n"
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._count -= 1


def look_on(world: World, after: int | None) -> Iterator[bytes]:
    """At each look the events since the one before, oldest first."""
    journal = world.journal
    seen, era = journal.total if after is None else after, journal.era
    if seen > journal.total:
        # Whoever knows of more entries than there were has seen those of before the journal was emptied.
        seen = 0
        yield EMPTIED
    while True:
        if world.journal is not journal or journal.era is not era:
            journal = world.journal
            seen, era = 0, journal.era
            yield EMPTIED
        came, seen = journal.total - seen, journal.total
        yield b"".join(events_of(came, journal.newest(min(came, MAX_TOLD)), seen - came))


def events_of(came: int, newest: list[Entry], after: int) -> Iterator[bytes]:
    """One event for each of the newest entries behind a number, the newest of which comes first here and last there;
    of all that came, others may be too many, or have made room."""
    told = [entry for entry in newest if entry.number > after]
    if came > len(told):
        yield b'event: skipped\ndata: {"count": %d}\n\n' % (came - len(told))
    for entry in reversed(told):
        yield b"id: %d\ndata: %b\n\n" % (entry.number, orjson.dumps(entry.row()))
