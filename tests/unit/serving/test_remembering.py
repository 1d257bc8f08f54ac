"""Packets that are known again: the answer is the one that would be made anew, whatever has happened in between."""

from __future__ import annotations

import itertools
import random
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from fakeserver.pipeline.exchange import Answer
from fakeserver.pipeline.repeats import Repeat
from fakeserver.serving import remembering
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.testing.admin import Admin
from fakeserver.testing.handles import World
from tests.support.asgi import header_of
from tests.support.server import Live, serving

pytestmark = pytest.mark.slow

SECONDS = 10.0
STEPS = 150
CHANGING = re.compile(rb"\r\n(date|(?:x-)?ratelimit-(?:remaining|reset)): [^\r]*")
"""Headers in which two answers to the same request may differ."""
TARGETS = (
    ("dreadnode", "/api/v1/org/acme/sandboxes?state=running&limit=3"),
    ("dreadnode", "/api/v1/org/acme/sandboxes"),
    ("instavm", "/v1/sessions/sandboxes?limit=20"),
    ("instavm", "/v1/sessions/sandboxes/facets"),
    ("prime", "/api/v1/sandbox?per_page=5&status=RUNNING"),
    ("prime", "/api/v1/sandbox?per_page=0"),
    ("superserve", "/sandboxes?limit=5"),
    ("superserve", "/sandboxes?status=paused"),
)
PRIME = "GET /prime/api/v1/sandbox?per_page=2"
CREATIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("prime", "/api/v1/sandbox", {"name": "mine", "docker_image": "python:3.11-slim", "timeout_minutes": 1}),
    ("superserve", "/sandboxes", {"name": "mine", "timeout_seconds": 60}),
    ("instavm", "/v1/vms", {"metadata": {"env": "prod"}}),
)


class Wire:
    """One connection, over which the same packets may be sent again and again."""

    def __init__(self, live: Live) -> None:
        self.connection = socket.create_connection(("127.0.0.1", int(live.root.rpartition(":")[2])), SECONDS)
        self._numbers = itertools.count()
        self._read = b""

    def send(self, packet: bytes) -> bytes:
        """One answer, but for what changes in it by itself."""
        self.connection.sendall(packet)
        while b"\r\n\r\n" not in self._read:
            self._read += self.connection.recv(1 << 16)
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        length = int(re.findall(rb"content-length: (\d+)", head)[0])
        while len(self._read) < length:
            self._read += self.connection.recv(1 << 16)
        body, self._read = self._read[:length], self._read[length:]
        return CHANGING.sub(b"", head) + b"\r\n\r\n" + body

    def ask(self, line: str, headers: Mapping[str, str]) -> bytes:
        return self.send(packet(line, headers))

    def ask_anew(self, line: str, headers: Mapping[str, str]) -> bytes:
        """The same in bytes that were never sent before."""
        return self.send(packet(line, {**headers, "X-Number": str(next(self._numbers))}))


def packet(line: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: localhost", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def key(slug: str) -> dict[str, str]:
    return header_of(slug, f"{slug}-admin-key")


@pytest.fixture
def repeated(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each packet that was known was answered by that."""
    found: list[bool] = []
    repeat = App.repeat

    def noted(app: App, kept: Repeat) -> Answer | None:
        answer = repeat(app, kept)
        found.append(answer is not None)
        return answer

    monkeypatch.setattr(App, "repeat", noted)
    return found


@pytest.fixture
def live() -> Iterator[Live]:
    with serving(create_app(Settings(size=120))) as live:
        yield live


@pytest.fixture
def wire(live: Live) -> Iterator[Wire]:
    wire = Wire(live)
    with wire.connection:
        yield wire


def events(live: Live, name: str, chance: random.Random) -> list[Callable[[], object]]:
    """What may happen to a world between two looks."""
    world = World(f"{live.root}/ns/{name}", live.app)
    call = Admin(world.base_url).call
    slug, path, body = chance.choice(CREATIONS)

    def create() -> object:
        return httpx.post(f"{world.base_url}/{slug}{path}", json=body, headers=key(slug), trust_env=False)

    def set_rate_limits() -> object:
        return call("PUT", "/settings", {"rate_limits": {"superserve": chance.choice(["off", "default"])}})

    return [
        create,
        create,
        create,
        lambda: world.clock.advance(chance.choice([1, 61, 90_000])),
        world.reset,
        set_rate_limits,
        lambda: call("PUT", "/settings", {"journal": chance.choice([True, False])}),
        lambda: world.superserve.scenario(chance.choice(["empty", None])),
        lambda: world.dreadnode.switch(admin_sees=chance.choice(["org", "own"])),
        lambda: world.prime.fault(code=429, times=2),
        lambda: world.restore(world.snapshot()),
        lambda: Admin(live.root).call("DELETE", f"/namespaces/{name}"),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_an_answer_is_the_one_that_would_be_made_anew(live: Live, wire: Wire, repeated: list[bool], seed: int) -> None:
    """In any history of writes, moves of the clock, settings, faults, snapshots and resets."""
    chance, clock = random.Random(seed), World(f"{live.root}/ns/mine", live.app).clock
    for step in range(STEPS):
        if chance.random() < 0.25:
            chance.choice(events(live, "mine", chance))()
        # Two looks are at one instant, which a new world's clock begins with again.
        clock.freeze()
        slug, target = chance.choice(TARGETS)
        line = f"GET /ns/mine/{slug}{target}"
        again, anew = wire.ask(line, key(slug)), wire.ask_anew(line, key(slug))
        if b" 429 " not in again + anew:
            assert again == anew, (step, line)
    assert repeated.count(True) > STEPS / 6
    assert repeated.count(False) > 5


def test_a_repeated_request_is_noted_and_counted(live: Live, wire: Wire, repeated: list[bool]) -> None:
    """Its journal entry is like the first one, and the limit ends it where it would end any other."""
    Admin(live.root).call("PUT", "/settings", {"rate_limits": {"superserve": "enforced"}})
    found = [wire.ask("GET /superserve/sandboxes?limit=1", key("superserve")) for _ in range(200)]
    statuses = [int(text.split(b" ")[1]) for text in found]
    assert set(statuses) == {200, 429}
    assert statuses.index(429) > 20
    assert b"retry-after" in found[statuses.index(429)]
    assert repeated.count(True) >= statuses.index(429) - 2
    first, *others = Admin(live.root).call("GET", "/requests?limit=1000")["requests"]
    fields = ("operation", "caller", "query", "path", "method")
    assert {tuple(each[name] for name in fields) for each in others} == {tuple(first[name] for name in fields)}
    assert live.app.world.journal.total == 200


def test_nothing_is_remembered_while_all_moves(live: Live, wire: Wire, repeated: list[bool]) -> None:
    """Under a clock that is scaled every row is older with each look; once it stands, or keeps time, answers do too."""
    line, clock = "GET /dreadnode/api/v1/org/acme/sandboxes?limit=3", World(live.root, live.app).clock
    clock.scale(1_000.0)
    for _ in range(4):
        wire.ask(line, key("dreadnode"))
    assert repeated == []
    clock.scale(1.0)
    for _ in range(4):
        wire.ask(line, key("dreadnode"))
    assert repeated == [True, True, True]


def test_a_fault_is_found_in_front_of_what_is_known(live: Live, wire: Wire) -> None:
    for _ in range(3):
        assert wire.ask(PRIME, key("prime")).startswith(b"HTTP/1.1 200 ")
    World(live.root, live.app).prime.fault(code=503, times=1)
    statuses = [wire.ask(PRIME, key("prime"))[9:12] for _ in range(3)]
    assert statuses == [b"503", b"200", b"200"]


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        ("HEAD /prime/api/v1/sandbox?per_page=2", {}),
        ("POST /prime/api/v1/sandbox", {"Content-Length": "0"}),
        (PRIME, {"Prefer": "code=500"}),
        (PRIME, {"Connection": "close"}),
        (PRIME, {"Origin": "http://localhost:3000"}),
        ("GET /prime/api/v1/sandbox?per_page=x", {}),
        ("GET /prime/api/v1/sandbox?__scenario=one", {}),
        ("GET /prime/api/v1/sandbox/nobody", {}),
        ("GET /__admin/health", {}),
    ],
)
def test_what_is_not_remembered(live: Live, repeated: list[bool], line: str, headers: dict[str, str]) -> None:
    """What changes something, fails, is under a fault or a scenario, or is no provider's page."""
    raw = packet(line, {**key("prime"), **headers})
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", int(live.root.rpartition(":")[2])), SECONDS) as connection:
            connection.sendall(raw)
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 ")
    assert repeated == []


def test_a_packet_is_one_request_from_its_beginning_to_its_end(live: Live, wire: Wire, repeated: list[bool]) -> None:
    """Two in one, one in two, and bytes behind one are read as ever, however often they come."""
    raw = packet(PRIME, key("prime"))
    whole = wire.send(raw)
    for _ in range(3):
        wire.connection.sendall(raw + raw)
        assert wire.send(b"") + wire.send(b"") == whole + whole
        wire.connection.sendall(raw[:50])
        assert wire.send(raw[50:]) == whole
    assert repeated == []
    assert [wire.send(raw) for _ in range(3)] == [whole] * 3
    assert repeated == [True, True]
    for _ in range(3):
        with socket.create_connection(wire.connection.getpeername(), SECONDS) as connection:
            connection.sendall(raw + b"nonsense\r\n\r\n")
            text = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        assert text.count(b"HTTP/1.1 ") == 2
        assert b"HTTP/1.1 400 " in text


def test_memory_is_bounded(live: Live, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest make room; what is asked once is not kept at all."""
    monkeypatch.setattr(remembering, "MAX_BYTES", 20_000)
    monkeypatch.setattr(remembering, "MAX_SEEN", 30)
    remembered = live.app.remembered
    for number in range(100):
        wire.ask(f"{PRIME}&page={number + 1}", key("prime"))
    assert (len(remembered._kept), len(remembered._seen | remembered._seen_before)) == (0, 25)
    for number in range(100):
        for _ in range(2):
            wire.ask(f"{PRIME}&page={number + 1}", key("prime"))
        sizes = [remembering.size_of(*each) for each in remembered._kept.items()]
        assert sum(sizes) == remembered._size <= 20_000
    assert 1 < len(remembered._kept) < 20
    wire.ask(f"{PRIME}&page=1&padding={'a' * remembering.MAX_PACKET}", key("prime"))
    assert len(remembered._seen | remembered._seen_before) <= 30
