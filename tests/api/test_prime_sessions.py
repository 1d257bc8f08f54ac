"""Sessions of Prime's gateway while they go on: several clients listen to one, write to it and end it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from zlib import crc32

import httpx
import pytest

from fakeserver.providers.prime import wire
from tests.api.test_prime_gateway import SESSION, start_request
from tests.support.server import Live

KEY = {"authorization": "Bearer prime-admin-key"}
SIGKILL = 9
MOST_LOOKS = 1_000
"""Requests until the server must have noticed that a client has left."""


class Stream:
    """The events of an answer, one by one as they come."""

    def __init__(self, response: httpx.Response) -> None:
        assert response.status_code == 200
        self._pieces = response.iter_raw()
        self._buffer = b""

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += next(self._pieces)
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        return piece

    def next(self) -> tuple[int, Any]:
        """The number of an event and its first field; of the last frame 0 and its JSON."""
        flags, size = struct.unpack(">BI", self._take(5))
        message = self._take(size)
        if flags:
            return 0, message
        event = wire.read_message(wire.read_message(message, "answer")[1][0], "event")
        ((number, (inner,)),) = event.items()
        return number, next(iter(wire.read_message(inner, "inner").values()))[0]


class Client:
    """Talks to one sandbox."""

    def __init__(self, base_url: str, stack: ExitStack) -> None:
        self.stack = stack
        self.http = stack.enter_context(httpx.Client(trust_env=False, timeout=20))
        wish = {"name": "mine", "docker_image": "python:3.11-slim", "vm": True}
        self.world = base_url.split("/")[-2]
        box = self.box = self.http.post(f"{base_url}/api/v1/sandbox", json=wish, headers=KEY).json()["id"]
        self.http.get(f"{base_url}/api/v1/sandbox/{box}", headers=KEY)
        auth = self.http.post(f"{base_url}/api/v1/sandbox/{box}/auth", headers=KEY).json()
        self.url = f"{auth['gateway_url']}/{auth['user_ns']}/{auth['job_id']}/{SESSION}"
        self.token = {"authorization": f"Bearer {auth['token']}"}

    def stream(self, name: str, message: bytes) -> Stream:
        headers = self.token | {"content-type": wire.STREAM_TYPE}
        asked = self.http.stream("POST", self.url + name, content=wire.frame(message), headers=headers)
        return Stream(self.stack.enter_context(asked))

    def ask(self, name: str, *fields: tuple[int, Any]) -> httpx.Response:
        headers = self.token | {"content-type": wire.CONTENT_TYPE}
        return self.http.post(self.url + name, content=wire.write_message(fields), headers=headers)


@pytest.fixture
def client(live: Live, request: pytest.FixtureRequest) -> Iterator[Client]:
    with ExitStack() as stack:
        yield Client(live.base_url("prime", f"sessions-{crc32(request.node.name.encode())}"), stack)


def by_name(name: str) -> tuple[int, bytes]:
    return 1, wire.write_message([(3, name)])


def by_number(number: int) -> tuple[int, bytes]:
    return 1, wire.write_message([(1, number)])


def given(text: bytes) -> tuple[int, bytes]:
    return 2, wire.write_message([(1, text)])


def test_several_clients_listen_to_one_session(client: Client) -> None:
    first = client.stream(
        "Start", start_request("read a; echo $a; read b; echo $b; exit 4", stdin=True, identity="one")
    )
    kind, number = first.next()
    assert (kind, number > 1_000) == (1, True)
    second = client.stream("Connect", wire.write_message([by_number(number)]))
    third = client.stream(
        "Start", start_request("read a; echo $a; read b; echo $b; exit 4", stdin=True, identity="one")
    )
    assert second.next() == third.next() == (1, number)

    assert client.ask("SendInput", by_name("one"), given(b"x\n"), (3, "a")).status_code == 200
    assert client.ask("SendInput", by_name("one"), given(b"x\n"), (3, "a")).status_code == 200, "the same once more"
    assert first.next() == second.next() == third.next() == (2, b"x\n")
    assert client.ask("Update", by_name("one"), (2, b"")).content == b""
    listed = wire.read_message(wire.read_message(client.ask("List").content, "answer")[1][0], "session")
    assert (listed[2], listed[4]) == ([number], [b"one"])
    assert wire.read_message(listed[1][0], "command")[1] == [b"/bin/bash"]

    assert client.ask("SendInput", by_number(number), given(b"y\n")).content == b""
    for each in (first, second, third):
        assert each.next() == (2, b"y\n")
        assert each.next() == (3, wire.zigzag(4))
        assert each.next() == (0, b"{}")
    assert client.ask("List").content == b""
    assert client.ask("SendInput", by_name("one"), given(b"z\n")).json()["code"] == "not_found"


def test_a_session_goes_on_when_nobody_listens_and_ends_by_a_signal(client: Client) -> None:
    with ExitStack() as leaving:
        client.stack, stack = leaving, client.stack
        kind, number = client.stream("Start", start_request("sleep 1000", identity="two")).next()
        client.stack = stack
    assert kind == 1
    assert client.ask("SendSignal", by_name("two"), (2, 1)).json()["code"] == "invalid_argument"
    joined = client.stream("Connect", wire.write_message([by_name("two")]))
    assert joined.next() == (1, number)
    assert client.ask("SendSignal", by_name("two"), (2, SIGKILL), (3, "s")).content == b""
    assert joined.next() == (3, wire.zigzag(128 + SIGKILL))
    assert joined.next() == (0, b"{}")


def test_a_client_that_leaves_is_not_told_any_more(client: Client, live: Live) -> None:
    with ExitStack() as leaving:
        client.stack, stack = leaving, client.stack
        client.stream("Start", start_request("cat", stdin=True, identity="left")).next()
        client.stack = stack
    guests = next(world.guests for world in live.app.worlds if world.name == client.world)
    (process,) = guests.of("prime", client.box).processes
    for _ in range(MOST_LOOKS):
        if not process._listeners:
            break
        client.ask("List")
    assert process._listeners == []
    client.ask("SendSignal", by_name("left"), (2, SIGKILL))


def test_what_is_not_read_has_a_limit(client: Client) -> None:
    stream = client.stream("Start", start_request("sleep 1000", stdin=True, identity="three"))
    assert stream.next()[0] == 1
    half = b"x" * 600_000
    assert client.ask("SendInput", by_name("three"), given(half)).status_code == 200
    refused = client.ask("SendInput", by_name("three"), given(half))
    assert (refused.status_code, refused.json()["code"]) == (429, "resource_exhausted")
    client.ask("SendSignal", by_name("three"), (2, SIGKILL))
    assert stream.next()[0] == 3
