"""Answers to requests that came together leave together, in their order, and none waits for long."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn.server import ServerState

from fakeserver.serving import outbox
from fakeserver.serving.app import Settings, create_app
from fakeserver.serving.configuration import server_config
from fakeserver.serving.protocol import Protocol

KEY = "authorization: Bearer prime-admin-key"


def page(number: int) -> bytes:
    return f"GET /prime/api/v1/sandbox?per_page={number} HTTP/1.1\r\nhost: localhost\r\n{KEY}\r\n\r\n".encode()


class Sink(asyncio.Transport):
    """What a connection has written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    @property
    def statuses(self) -> list[bytes]:
        return [each[9:12] for each in self.written]


Connect = Callable[[], tuple[Protocol, Sink]]


def talk(about: Callable[[Connect], Awaitable[None]]) -> None:
    """A conversation with one server, over as many connections as it opens."""

    async def begin() -> None:
        config = server_config(create_app(Settings(size=10)))
        config.load()
        state = ServerState()

        def connect() -> tuple[Protocol, Sink]:
            protocol, sink = Protocol(config, state, {}), Sink()
            protocol.connection_made(sink)
            return protocol, sink

        await about(connect)
        for protocol in [*state.connections]:
            protocol.connection_lost(None)

    asyncio.run(begin())


KNOWN = 2
"""How often a packet comes before it is known."""


async def ask(*connections: Protocol) -> None:
    """Make the packets of the first pages known, one on each connection."""
    for _ in range(KNOWN):
        for number, each in enumerate(connections, 1):
            each.data_received(page(number))
            await asyncio.sleep(0)


def test_answers_leave_together() -> None:
    async def about(connect: Connect) -> None:
        (one, to_one), (other, to_other) = connect(), connect()
        await ask(one, other)
        for number in range(KNOWN + 1, KNOWN + 4):
            one.data_received(page(1))
            other.data_received(page(2))
            assert (len(to_one.written), len(to_other.written)) == (number - 1, number - 1)
            await asyncio.sleep(0)
            assert (len(to_one.written), len(to_other.written)) == (number, number)
        assert {*to_one.statuses, *to_other.statuses} == {b"200"}
        assert len({each.partition(b"\r\n\r\n")[2] for each in to_one.written}) == 1

    talk(about)


def test_what_has_to_be_parsed_holds_up_no_answer() -> None:
    """It may take long, as a hostile body does."""

    async def about(connect: Connect) -> None:
        (one, to_one), (other, to_other) = connect(), connect()
        one.data_received(page(1))
        other.data_received(page(2))
        assert (to_one.statuses, to_other.statuses) == ([b"200"], [])
        await asyncio.sleep(0)
        assert to_other.statuses == [b"200"]

    talk(about)


def test_a_task_holds_up_no_answer() -> None:
    """Neither those in front of it nor those behind it, which would leave once all tasks of the turn have run."""

    async def about(connect: Connect) -> None:
        (one, to_one), (other, to_other), (browser, to_browser) = connect(), connect(), connect()
        await ask(one, other)
        one.data_received(page(1))
        browser.data_received(b"GET /__admin/clock HTTP/1.1\r\nhost: localhost\r\n\r\n")
        other.data_received(page(2))
        assert (len(to_one.written), len(to_other.written)) == (KNOWN + 1, KNOWN + 1)
        while not to_browser.written:
            await asyncio.sleep(0)
        one.data_received(page(1))
        assert len(to_one.written) == KNOWN + 1

    talk(about)


def test_a_connection_that_cannot_write_keeps_no_other_from_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def about(connect: Connect) -> None:
        (one, to_one), (other, to_other) = connect(), connect()
        await ask(one, other)
        monkeypatch = pytest.MonkeyPatch()
        monkeypatch.setattr(to_one, "write", broken)
        one.data_received(page(1))
        other.data_received(page(2))
        await asyncio.sleep(0)
        assert (len(to_one.written), len(to_other.written)) == (KNOWN, KNOWN + 1)

    def broken(data: bytes) -> None:
        raise RuntimeError("the handle is closed")

    talk(about)
    assert "an answer could not be sent" in caplog.text


def test_a_loop_is_forgotten() -> None:
    """Suites start a server, with a loop of its own, for hundreds of tests."""
    loops = []

    async def about(connect: Connect) -> None:
        (one, _), (other, _) = connect(), connect()
        await ask(one, other)
        loops.append(weakref.ref(asyncio.get_running_loop()))

    talk(about)
    gc.collect()
    assert [loop() for loop in loops] == [None]


def test_who_is_alone_does_not_wait() -> None:
    async def about(connect: Connect) -> None:
        one, to_one = connect()
        one.data_received(page(1))
        assert to_one.statuses == [b"200"]

    talk(about)


def test_a_connection_gets_its_answers_in_order() -> None:
    """Also what uvicorn itself answers, and what a packet has behind its first request."""

    async def about(connect: Connect) -> None:
        one, to_one = connect()
        connect()
        one.data_received(page(1))
        one.data_received(b"GET /prime/api/v1/nothing HTTP/1.1\r\n\r\n")
        assert to_one.statuses == [b"200"]
        await asyncio.sleep(0)
        assert to_one.statuses == [b"200", b"404"]
        one.data_received(page(1) + b"nonsense\r\n\r\n")
        assert to_one.statuses == [b"200", b"404", b"200", b"400"]
        assert to_one.closed

    talk(about)


def test_a_packet_of_many_requests_holds_up_no_answer() -> None:
    """The first one leaves before the others are looked at."""

    async def about(connect: Connect) -> None:
        one, to_one = connect()
        connect()
        one.data_received(page(1) + page(2))
        assert to_one.statuses == [b"200"]
        while len(to_one.written) < 2:
            await asyncio.sleep(0)

    talk(about)


def test_none_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has waited for long enough leaves before the next request is looked at."""

    async def about(connect: Connect) -> None:
        (one, to_one), (other, to_other) = connect(), connect()
        await ask(one, other)
        one.data_received(page(1))
        other.data_received(page(2))
        assert (len(to_one.written), len(to_other.written)) == (KNOWN + 1, KNOWN)
        await asyncio.sleep(0)
        assert len(to_other.written) == KNOWN + 1

    monkeypatch.setattr(outbox, "HELD_NS", 0)
    talk(about)


def test_a_server_that_ends_sends_what_waits() -> None:
    async def about(connect: Connect) -> None:
        (one, to_one), (other, _) = connect(), connect()
        one.data_received(page(1))
        other.shutdown()
        assert to_one.statuses == [b"200"]

    talk(about)


def test_a_client_that_sends_no_more_gets_its_answer() -> None:
    async def about(connect: Connect) -> None:
        (one, to_one), _ = connect(), connect()
        one.data_received(page(1))
        one.eof_received()
        assert to_one.statuses == [b"200"]

    talk(about)


def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    async def about(connect: Connect) -> None:
        (one, to_one), (other, to_other) = connect(), connect()
        await ask(one, other)
        one.data_received(page(1))
        other.data_received(page(2))
        to_one.closed = True
        await asyncio.sleep(0)
        assert (len(to_one.written), len(to_other.written)) == (KNOWN, KNOWN + 1)

    talk(about)
