"""Packets that are known again: the answer is the one that would be made anew, whatever has happened in between."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import re
import socket
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from uvicorn.server import ServerState

from fakeserver.listing import kept_pages
from fakeserver.listing.kept_pages import KeptPages, Whole
from fakeserver.pipeline.exchange import Answer
from fakeserver.pipeline.repeats import Opening, Repeat
from fakeserver.serving import remembering
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.serving.configuration import server_config
from fakeserver.serving.protocol import Protocol
from fakeserver.testing.admin import Admin
from fakeserver.testing.handles import World
from fakeserver.worlds.entries import Exchange
from tests.support.asgi import EPOCH, Reply, call, header_of
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
        """The same in bytes that were never sent before, and of a server that keeps no pages."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(KeptPages, "find", lambda pages, key: None)
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
def opened(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The queries of packets that were known but for them."""
    found: list[bytes] = []
    ask = App.ask

    def noted(app: App, opening: Opening, query: bytes, body: bytes = b"", *, again: bool = False) -> Answer | None:
        found.append(query)
        return ask(app, opening, query, body, again=again)

    monkeypatch.setattr(App, "ask", noted)
    return found


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each page that was asked for was kept."""
    found: list[bool] = []
    find = KeptPages.find

    def noted(pages: KeptPages, key: Hashable) -> Whole | None:
        page = find(pages, key)
        found.append(page is not None)
        return page

    monkeypatch.setattr(KeptPages, "find", noted)
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
def test_an_answer_is_the_one_that_would_be_made_anew(
    live: Live, wire: Wire, repeated: list[bool], opened: list[bytes], pages: list[bool], seed: int
) -> None:
    """In any history of writes, moves of the clock, settings, faults, snapshots and resets, whether the packet was
    known, or all of it but the query, or what it asks for in other words."""
    chance, others, clock = random.Random(seed), random.Random(seed), World(f"{live.root}/ns/mine", live.app).clock
    for step in range(STEPS):
        if chance.random() < 0.25:
            chance.choice(events(live, "mine", chance))()
        # Two looks are at one instant, which a new world's clock begins with again.
        clock.freeze()
        slug, target = chance.choice(TARGETS)
        new = f"&number={step}" if "?" in target and others.random() < 0.2 else ""
        line = f"GET /ns/mine/{slug}{target}{new}"
        again, anew = wire.ask(line, key(slug)), wire.ask_anew(line, key(slug))
        if b" 429 " not in again + anew:
            assert again == anew, (step, line)
    assert repeated.count(True) > STEPS / 12
    assert repeated.count(False) > 5
    assert len(opened) > STEPS / 4
    assert pages.count(True) > 5
    assert pages.count(False) > STEPS / 4


def test_a_page_is_kept_whatever_words_ask_for_it(live: Live, wire: Wire, pages: list[bool]) -> None:
    """Once it was asked for twice, until a document is shown otherwise; and it is no other page."""
    asked = [f"GET /prime/api/v1/sandbox?status=RUNNING&per_page={'0' * zeros}3" for zeros in range(4)]
    first, *others = [wire.ask(line, key("prime")) for line in asked]
    assert {*others} == {first}
    assert pages == [False, False, True, True]
    unlike = ["per_page=3", "status=RUNNING&per_page=4", "status=RUNNING&page=2&per_page=3", "status=ERROR&per_page=3"]
    for other in unlike:
        for _ in range(3):
            assert wire.ask(f"GET /prime/api/v1/sandbox?{other}&number={len(pages)}", key("prime")) != first
    identity = re.findall(rb'"id":"([^"]+)"', first)[0].decode()
    httpx.delete(f"{live.root}/prime/api/v1/sandbox/{identity}", headers=key("prime"), trust_env=False)
    del pages[:]
    assert identity.encode() not in wire.ask(asked[0] + "&now=1", key("prime"))
    assert pages == [False]


def test_another_caller_is_shown_his_own_page(live: Live, wire: Wire, pages: list[bool]) -> None:
    """And another world its own, in which something else has happened."""
    line = "/prime/api/v1/sandbox?per_page=3"
    callers = [key("prime"), header_of("prime", "prime-member-key")]
    places = [(line, headers) for line in (f"GET {line}", f"GET /ns/other{line}") for headers in callers]
    for headers in callers:
        httpx.post(
            f"{live.root}/ns/other/prime{CREATIONS[0][1]}", json=CREATIONS[0][2], headers=headers, trust_env=False
        )
    answers = [[wire.ask(f"{line}&number={number}", headers) for line, headers in places] for number in range(4)]
    assert pages.count(True) >= 2 * len(places)
    assert len({*answers[0]}) == len(places)
    assert all(each == answers[0] for each in answers)


@pytest.mark.parametrize("headers", [{}, {"prefer": "scenario=many"}])
def test_a_page_has_the_cursor_of_its_own_world(pages: list[bool], headers: dict[str, str]) -> None:
    """Even where worlds are shown the same documents, and where a snapshot has made one world of another."""
    app, wanted = create_app(Settings(size=120, epoch=EPOCH)), {**key("dreadnode"), **headers}

    def ask(name: str, more: str = "") -> Reply:
        return call(app, f"/ns/{name}/dreadnode/api/v1/org/acme/sandboxes?limit=5{more}", headers=wanted)

    def follow(name: str) -> int:
        cursors = {ask(name).value["next_cursor"] for _ in range(4)}
        return ask(name, f"&cursor={cursors.pop()}").status

    for _ in range(4):
        ask("one")
    assert follow("other") == 200
    snapshot = call(app, "/ns/third/__admin/snapshot").body
    assert call(app, "/ns/other/__admin/snapshot", method="PUT", body=snapshot).status == 204
    assert follow("other") == 200
    assert pages.count(True) >= 6


def test_kept_pages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes, the oldest going first; long pages are not kept, nor is what was asked for once."""
    monkeypatch.setattr(kept_pages, "MAX_BYTES", 20_000)
    monkeypatch.setattr(kept_pages, "MAX_PAGE_BYTES", 4_000)
    pages = KeptPages()
    for number in range(50):
        pages.keep(number, b"", bytes(number * 100), None)
        assert pages.find(number) is None
        for _ in range(3):
            pages.keep(number, b"", bytes(number * 100), {"X-Number": str(number)})
        assert (pages.find(number) is None) is (number > 40)
        assert pages.size <= 20_000
    assert [number for number in range(50) if pages.find(number)] == [39, 40]
    assert pages.find(40) == (bytes(4_000), {"X-Number": "40"})
    for _ in range(3):
        pages.keep("long", bytes(kept_pages.MAX_QUERY_BYTES + 1), b"", None)
    assert pages.find("long") is None


def test_a_long_query_is_not_kept(live: Live, wire: Wire, pages: list[bool]) -> None:
    """Its text would take more room than the page."""
    for number in range(4):
        wire.ask(f"GET /prime/api/v1/sandbox?labels={'a' * 600}&number={number}", key("prime"))
    assert pages == [False] * 4


def test_a_repeated_request_is_noted_and_counted(live: Live, wire: Wire, repeated: list[bool]) -> None:
    """Its journal entry is like the first one, and the limit ends it where it would end any other."""
    Admin(live.root).call("PUT", "/settings", {"rate_limits": {"superserve": "enforced"}})
    found = [wire.ask("GET /superserve/sandboxes?limit=1", key("superserve")) for _ in range(200)]
    statuses = [int(text.split(b" ")[1]) for text in found]
    assert set(statuses) == {200, 429}
    assert statuses.index(429) > 20
    assert b"retry-after" in found[statuses.index(429)]
    assert repeated.count(True) >= statuses.index(429) - 2
    shared = [each.about for each in live.app.world.journal._ring if isinstance(each, Exchange)]
    assert len({id(each) for each in shared if each.status == 200 and not each.remarks}) < 10
    rows = Admin(live.root).call("GET", "/requests?limit=1000")["requests"]
    assert [each["status"] for each in reversed(rows)] == statuses
    fields = ("operation", "caller", "query", "path", "method")
    assert {tuple(each[name] for name in fields) for each in rows} == {tuple(rows[0][name] for name in fields)}
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


QUERIES = (
    *(f"per_page=2&x={chr(code)}" for code in range(33, 127) if not chr(code).isalnum()),
    *("", "page=0", "page=2&page=1", "per_page=00", "per_page=%31", "page=%32&per_page=1", "labels=a&labels=b&page=1"),
    *("&&page=1&", "page", "page=&per_page=1", "status=NO&page=x&per_page=0", "x=%00", "x=%ff", "__code=503"),
    *("__cod=503", "__scenario=empty&page=1", "__fault=HTML_GATEWAY", "user_id=somebody", "x=" + "y" * 1_500),
)


def test_any_query_is_asked_as_ever(live: Live, wire: Wire, opened: list[bytes]) -> None:
    """With all around it known, whatever it holds: the same bytes, and the same in the journal."""
    for number in (1, 2):
        wire.ask(f"GET /prime/api/v1/sandbox?per_page={number}", key("prime"))
    World(live.root, live.app).clock.freeze()
    for query in QUERIES:
        line = f"GET /prime/api/v1/sandbox?{query}"
        assert wire.ask(line, key("prime")) == wire.ask_anew(line, key("prime")), query
        fields = ("operation", "caller", "query", "path", "status", "fault", "warnings")
        known, anew = Admin(live.root).call("GET", "/requests?limit=2")["requests"]
        assert [known[name] for name in fields] == [anew[name] for name in fields], query
    assert opened == [query.encode() for query in QUERIES if "#" not in query]


def test_a_connection_knows_no_more_than_its_application(live: Live, wire: Wire, opened: list[bytes]) -> None:
    """What was known of its packets ends when other services are served, as after a change of a spec."""
    for number in (1, 2, 3):
        wire.ask(f"GET /prime/api/v1/sandbox?per_page={number}", key("prime"))
    assert opened == [b"per_page=3"]
    live.app.serve_from(live.app.services)
    wire.ask("GET /prime/api/v1/sandbox?per_page=4", key("prime"))
    assert opened == [b"per_page=3"]


def test_an_answer_that_is_known_and_has_to_wait_is_made_once(live: Live, wire: Wire, opened: list[bytes]) -> None:
    for number in (1, 2, 3):
        wire.ask(f"GET /prime/api/v1/sandbox?per_page={number}", key("prime"))
    assert b" 200 " in wire.ask(f"{PRIME}&__delay=5", key("prime"))
    assert opened == [b"per_page=3", b"per_page=2&__delay=5"]
    assert live.app.world.journal.total == 4


def test_what_is_not_known_by_another_query(live: Live, opened: list[bytes]) -> None:
    """What may ask the fake for something before the query does, what is no list, and what is no provider's."""
    path = "/prime/api/v1/sandbox"
    requests: tuple[tuple[str, dict[str, str]], ...] = (
        (f"GET {path}?per_page=", {"Prefer": "respond-async"}),
        (f"GET {path}?per_page=", {"Authorization": "Bearer prime-admin-key+code=503"}),
        (f"GET {path}?per_page=", {"Authorization": "Bearer nobody"}),
        (f"GET {path}?per_page=", {"Origin": "http://localhost:3000"}),
        (f"HEAD {path}?per_page=", {}),
        (f"GET {path}#?per_page=", {}),
        (f"GET {path}/nobody?page=", {}),
        ("GET /__admin/requests?limit=", {}),
    )
    for line, headers in requests:
        for number in range(1, 4):
            with socket.create_connection(("127.0.0.1", int(live.root.rpartition(":")[2])), SECONDS) as connection:
                connection.sendall(packet(f"{line}{number}", {**key("prime"), **headers}))
                assert connection.recv(1 << 16).startswith(b"HTTP/1.1 ")
        assert opened == [], line


WISH = '{"name": "mine", "docker_image": "python:3.11-slim"'
BODIES = (
    *(
        f"{WISH}}}",
        f'{WISH}, "labels": ["a"]}}',
        f'{WISH}, "vm": 1}}',
        f'{WISH}, "name": "b"}}',
        "{",
        "[]",
        '"a\\u0000"',
    ),
    *(f'{WISH}, "idempotency_key": "k"}}', f'{WISH}, "idempotency_key": "k"}}', f'{WISH}, "cpu_cores": 2.0}}'),
)


@pytest.fixture
def known_heads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of bodies in packets of which all else was known."""
    found: list[int] = []
    ask = App.ask

    def noted(app: App, opening: Opening, query: bytes, body: bytes = b"", *, again: bool = False) -> Answer | None:
        found.extend([len(body)] if body else [])
        return ask(app, opening, query, body, again=again)

    monkeypatch.setattr(App, "ask", noted)
    return found


def posted(body: str, **headers: str) -> bytes:
    """A creation in a packet; bodies are filled up to one length, so that all of them have one head."""
    fields = {**key("prime"), "Content-Type": "application/json", "Content-Length": "120", **headers}
    return packet("POST /prime/api/v1/sandbox", fields) + body.ljust(120).encode()


def test_any_body_is_answered_as_ever(known_heads: list[int]) -> None:
    """With its head known, whatever it holds: the same bytes, and the same in the journal, as with one that is new."""
    answers, journals = [], []
    for changing in (False, True):
        with serving(create_app(Settings(size=120, epoch=1_767_225_600_000_000))) as live:
            World(live.root, live.app).clock.freeze("2026-01-02T00:00:00Z")
            wire = Wire(live)
            with wire.connection:
                for number, body in enumerate((*BODIES[:2], *BODIES, *BODIES)):
                    raw = posted(body, **({"X-Number": str(number)} if changing else {}))
                    answers.append(wire.send(raw))
                # Two in one packet, one in two packets, and what is behind one.
                raw = posted(BODIES[0])
                for _ in range(2):
                    wire.connection.sendall(raw + raw)
                    answers += [wire.send(b""), wire.send(b"")]
                    wire.connection.sendall(raw[:-7])
                    answers.append(wire.send(raw[-7:] + packet(PRIME, key("prime"))))
                    answers.append(wire.send(b""))
            journals.append(Admin(live.root).call("GET", "/requests")["requests"])
            # What somebody sent may be secret, and nobody needs it any more.
            assert not any(each.request.body for each in live.app.remembered.openings.values())
    assert answers[: len(answers) // 2] == answers[len(answers) // 2 :]
    assert journals[0] == journals[1]
    assert known_heads == [120] * 2 * len(BODIES)


def test_creations_with_the_same_body_share_what_the_journal_has(live: Live, wire: Wire) -> None:
    """As far as it is the same: not with another body, another answer, or a failure that somebody wants."""
    world = World(live.root, live.app)
    for _ in range(2):
        wire.send(posted(BODIES[0]))
    live.app.world.journal.clear()
    told = []
    for body in (BODIES[0], BODIES[0], BODIES[1], BODIES[2], BODIES[2], BODIES[0], BODIES[0]):
        wire.send(posted(body))
        told.append(live.app.world.journal._ring[-1])
    world.prime.fault(operation="createSandbox", code=503, times=1)
    for _ in range(2):
        wire.send(posted(BODIES[0]))
        told.append(live.app.world.journal._ring[-1])
    abouts = [each.about for each in told if isinstance(each, Exchange)]
    shared = [one is other for one, other in itertools.pairwise(abouts)]
    assert shared == [True, False, False, True, False, True, False, False]
    rows = Admin(live.root).call("GET", "/requests")["requests"][::-1]
    assert [row["status"] for row in rows] == [201, 201, 201, 422, 422, 201, 201, 503, 201]
    assert [bool(row["warnings"]) for row in rows] == [False] * 8 + [True]


def test_an_answer_to_a_known_head_that_has_to_wait_takes_effect_once(
    live: Live, wire: Wire, known_heads: list[int]
) -> None:
    """It is sent through ASGI, and not asked for again there."""
    world = World(live.root, live.app)
    for _ in range(3):
        wire.send(posted(BODIES[0]))
    world.prime.fault(operation="createSandbox", delay_ms=5, phase="after")
    before = live.app.world.writes
    assert b" 201 " in wire.send(posted(BODIES[0]))
    assert (live.app.world.writes - before, len(known_heads)) == (1, 2)


@pytest.mark.parametrize(
    "headers",
    [
        {"Prefer": "respond-async"},
        {"Authorization": "Bearer prime-admin-key+code=503"},
        {"Authorization": "Bearer nobody"},
        {"Origin": "http://localhost:3000"},
        {"Connection": "close"},
        {"Expect": "100-continue"},
    ],
)
def test_what_is_not_known_by_a_head(live: Live, known_heads: list[int], headers: dict[str, str]) -> None:
    """What may ask the fake for something, or is not simply answered."""
    for _ in range(4):
        with socket.create_connection(("127.0.0.1", int(live.root.rpartition(":")[2])), SECONDS) as connection:
            connection.sendall(posted(BODIES[0], **headers))
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 ")
    assert known_heads == []


def test_a_known_packet_keeps_its_connection() -> None:
    """A timer that an earlier answer through ASGI has left behind does not end a connection that is in use."""

    class Sink(asyncio.Transport):
        def write(self, piece: Any) -> None:
            pass

        def is_closing(self) -> bool:
            return False

        def close(self) -> None:
            pass

    async def talk() -> None:
        config = server_config(create_app(Settings(size=10)))
        config.load()
        protocol = Protocol(config, ServerState(), {})
        protocol.connection_made(Sink())
        for number in (1, 2, 2, 2, 3):
            timer = protocol.timeout_keep_alive_task = asyncio.get_running_loop().call_later(60, print)
            protocol.data_received(packet(f"GET /prime/api/v1/sandbox?per_page={number}", key("prime")))
            assert timer.cancelled()
        protocol.connection_lost(None)

    asyncio.run(talk())


def test_what_made_room_is_gone_at_once(live: Live, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a page, and nobody looks for garbage for a long while."""
    monkeypatch.setattr(remembering, "MAX_BYTES", 20_000)
    gc.collect()
    gc.disable()
    try:
        for number in range(30):
            for _ in range(3):
                wire.ask(f"{PRIME}&page={number + 1}", key("prime"))
        there = [each for each in gc.get_objects() if isinstance(each, Repeat)]
    finally:
        gc.enable()
    assert 0 < len(live.app.remembered._kept) <= len(there) <= len(live.app.remembered._kept) + 1


def test_memory_is_bounded(live: Live, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest make room; what is asked once is not kept at all."""
    monkeypatch.setattr(remembering, "MAX_BYTES", 20_000)
    remembered = live.app.remembered
    remembered._seen.most = 30
    remembered.openings.most = 20
    for number in range(100):
        wire.ask(f"{PRIME}&page={number + 1}", key("prime"))
    assert (len(remembered._kept), len(remembered._seen)) == (0, 26)
    for number in range(100):
        for _ in range(2):
            wire.ask(f"{PRIME}&page={number + 1}", key("prime"))
        sizes = [remembering.size_of(*each) for each in remembered._kept.items()]
        assert sum(sizes) == remembered._size <= 20_000
    assert 1 < len(remembered._kept) < 20
    for number in range(40):
        for page in (1, 2):
            wire.ask(f"{PRIME}&page={page}", {**key("prime"), "X-Number": str(number)})
    assert len(remembered.openings) == 20
    wire.ask(f"{PRIME}&page=1&padding={'a' * remembering.MAX_PACKET}", key("prime"))
    assert len(remembered._seen) <= 30
