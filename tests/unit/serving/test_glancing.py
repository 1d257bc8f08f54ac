"""Glances, which the loop waits for by itself: who shares one, and what becomes of those who wait when none comes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fakeserver.serving import glancing
from fakeserver.serving.glancing import Glancing
from fakeserver.stores.store import Mark, Unavailable


class Database:
    """What answers when a test lets it: with the number of questions it has had."""

    def __init__(self, seconds: float = 60) -> None:
        self.seconds = seconds
        self.asked = self.opened = self.closed = 0
        self._pair = socket.socketpair()

    def open(self) -> int:
        self.opened += 1
        return self._pair[0].fileno()

    def ask(self) -> None:
        self.asked += 1

    def let_answer(self, said: bytes) -> None:
        self._pair[1].send(said)

    def answer(self) -> Mark | None:
        said = self._pair[0].recv(1)
        if said == b"!":
            raise Unavailable("unreachable", "it is gone")
        return Mark(0, self.asked, "") if said == b"." else None

    def slow(self) -> Unavailable:
        return Unavailable("slow", "it does not answer")

    def close(self) -> None:
        self.closed += 1

    def end(self) -> None:
        for each in self._pair:
            each.close()


def run(test: Callable[[Database, Glancing], Awaitable[None]], database: Database) -> None:
    async def opened() -> None:
        found = Glancing(database)
        try:
            assert await found.newest() is None, "there is no session yet"
            found.open()
            while not found.session:
                await asyncio.sleep(0)
            await test(database, found)
        finally:
            found.end()

    try:
        asyncio.run(opened())
    finally:
        database.end()


def started(*works: Awaitable[Any]) -> list[asyncio.Task[Any]]:
    return [asyncio.ensure_future(each) for each in works]


def test_who_asks_is_answered_by_a_glance_that_began_later() -> None:
    async def test(database: Database, found: Glancing) -> None:
        first = started(found.newest())
        await asyncio.sleep(0)
        later = started(found.newest(), found.newest())
        # In pieces, and with a client that leaves meanwhile.
        later[0].cancel()
        database.let_answer(b"+.")
        assert (await first[0]) == Mark(0, 1, "")
        assert not later[1].done()
        assert database.asked == 2
        database.let_answer(b".")
        assert (await later[1]) == Mark(0, 2, "")

    run(test, Database())


def test_a_session_that_is_lost_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits has to look; and nobody opens one again and again."""

    async def test(database: Database, found: Glancing) -> None:
        waiting = started(found.newest(), found.newest())
        await asyncio.sleep(0)
        database.let_answer(b"!")
        assert await asyncio.gather(*waiting) == [None, None]
        assert (found.session, database.closed) == (0, 1)
        found.open()
        assert database.opened == 1
        monkeypatch.setattr(glancing, "elapsed", lambda: float("inf"))
        found.open()
        while not found.session:
            await asyncio.sleep(0)
        assert (found.session, database.opened) == (2, 2), "it is another one"

    run(test, Database())


def test_a_database_that_stands_still_is_given_up() -> None:
    async def test(database: Database, found: Glancing) -> None:
        for each in await asyncio.gather(found.newest(), found.newest(), return_exceptions=True):
            assert isinstance(each, Unavailable)
            assert each.reason == "slow"
        assert not found.session

    run(test, Database(seconds=0.01))
