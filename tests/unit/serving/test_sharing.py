"""Workers share the connections that come, whoever is quicker, and nobody waits for one that stands still."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from functools import partial

import pytest

from fakeserver.serving.sharing import Shares, Taking

CONNECTIONS = 16


def served(shares: Shares, workers: Sequence[int]) -> list[int]:
    """How many connections each of these workers gets of those that came at once."""

    async def serve() -> list[int]:
        with socket.create_server(("127.0.0.1", 0), backlog=CONNECTIONS) as listener:
            clients = [socket.create_connection(listener.getsockname()) for _ in range(CONNECTIONS)]
            made: dict[int, list[asyncio.Protocol]] = {number: [] for number in workers}
            # Each process has a number of its own for the socket.
            sockets = [listener.dup() for _ in workers]

            def make(number: int) -> asyncio.Protocol:
                made[number].append(asyncio.Protocol())
                return made[number][-1]

            def count(number: int) -> int:
                return len(made[number])

            takings = [
                Taking(each, partial(make, number), partial(count, number), None, shares, number)
                for each, number in zip(sockets, workers, strict=True)
            ]
            while sum(map(len, made.values())) < CONNECTIONS:
                await asyncio.sleep(0.001)
            for each in takings:
                each.end()
            for one in (*clients, *sockets):
                one.close()
            return [*map(len, made.values())]

    return asyncio.run(serve())


def test_each_worker_has_its_share() -> None:
    assert served(Shares(2), [0, 1]) == [CONNECTIONS / 2, CONNECTIONS / 2]


@pytest.mark.parametrize("stands_still", [True, False])
def test_nobody_waits_for_long_for_one_that_takes_none(stands_still: bool) -> None:
    shares = Shares(2)
    if stands_still:
        shares.note(1, 0)
    assert served(shares, [0]) == [CONNECTIONS]


def test_a_worker_that_has_more_lets_others_go_first() -> None:
    shares = Shares(3)
    shares.note(0, 2)
    assert not shares.is_ahead(0), "those that are not there are not waited for"
    shares.note(2, 2)
    assert not shares.is_ahead(0)
    shares.note(0, 3)
    assert shares.is_ahead(0)
    assert not shares.is_ahead(2)
    shares.leave(2)
    assert not shares.is_ahead(0)
