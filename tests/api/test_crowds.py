"""Fifty clients at once, over real connections: none of their sandboxes is lost or made twice, and every list is right
afterwards."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.asgi import PATHS, Row, app_of, credential, identity
from tests.support.server import Live, serving

pytestmark = pytest.mark.slow

CLIENTS = 50
EACH = 4
"""Sandboxes that a client makes; it keeps the last one."""
SIZE = 30
RUNTIMES = "/api/v1/org/acme/ws/main/runtimes"


@dataclass(frozen=True)
class Client:
    """A connection of its own, on which one request follows the other."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    slug: str

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status, and the value of the body if there is one."""
        content = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} /{self.slug}{path} HTTP/1.1", "host: localhost", f"content-length: {len(content)}"]
        lines += [f"{name}: {text}" for name, text in credential(self.slug).items()]
        lines += ["content-type: application/json"] if content else []
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await self.writer.drain()
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *told = head.decode("latin-1").strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in told)
        answer = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(first.split(" ")[1]), json.loads(answer) if answer else None

    async def done(self, method: str, path: str, body: Any = None) -> Any:
        """The value of an answer that says yes."""
        status, value = await self.ask(method, path, body)
        assert 200 <= status < 300, (method, path, status, value)
        return value


def posting(path: str, body: Row, name: str = "name") -> Callable[[Client, str], Awaitable[Row]]:
    """Making a sandbox by one request, with its name in this member of the body."""
    return lambda client, text: client.done("POST", path, {**body, name: text})


@dataclass(frozen=True)
class Provider:
    """How a provider makes a sandbox of this name, what its id is called in the answer, its path with fields of that,
    the statuses of deleting it there for the first time and of any later one, and what a list then shows (None:
    nothing)."""

    create: Callable[[Client, str], Awaitable[Row]]
    made: str
    path: str
    ends: tuple[int, int]
    ended: str | None
    state: str = "status"
    running: str = "active"
    counted: Mapping[str, str] = field(default_factory=dict)
    """Queries whose answers say how many there are in a state, by the state."""


async def start_runtime(client: Client, name: str) -> Row:
    """Dreadnode's sandboxes come with runtimes."""
    runtime = await client.done("POST", RUNTIMES, {"key": name, "name": name})
    started: Row = await client.done("POST", f"{RUNTIMES}/{runtime['id']}/start", {})
    instance: Row = started["instance"]
    return instance


CROWD = {
    "dreadnode": Provider(
        start_runtime,
        made="sandbox_id",
        path=PATHS["dreadnode"] + "/{provider_sandbox_id}",
        ends=(204, 204),
        ended="killed",
        state="state",
        running="running",
    ),
    "instavm": Provider(
        posting("/v1/vms", {}, "snapshot_name"), made="vm_id", path="/v1/vms/{vm_id}", ends=(200, 409), ended="killed"
    ),
    "prime": Provider(
        posting("/api/v1/sandbox", {"docker_image": "python:3.11"}),
        made="id",
        path="/api/v1/sandbox/{id}",
        ends=(200, 200),
        ended="TERMINATED",
        running="RUNNING",
        counted={"RUNNING": "?per_page=1&status=RUNNING", "TERMINATED": "?per_page=1&status=TERMINATED"},
    ),
    "superserve": Provider(posting("/sandboxes", {}), made="id", path="/sandboxes/{id}", ends=(204, 404), ended=None),
}
"""What each provider's own operations are; nothing else here knows one."""


@pytest.fixture(params=CROWD)
def slug(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def live() -> Iterator[Live]:
    with serving(app_of(size=SIZE)) as running:
        yield running


@asynccontextmanager
async def connected(live: Live, slug: str) -> AsyncIterator[list[Client]]:
    """The clients, each connected."""
    where = urlsplit(live.root)
    pairs = [await asyncio.open_connection(where.hostname, where.port) for _ in range(CLIENTS)]
    try:
        yield [Client(reader, writer, slug) for reader, writer in pairs]
    finally:
        for _, writer in pairs:
            writer.close()


def states(live: Live, slug: str) -> dict[str, str]:
    """The state of each sandbox that is listed now; no id stands there twice."""
    rows = Live(live.app, live.root).rows(slug)
    found = {row[identity(slug)]: row[CROWD[slug].state] for row in rows}
    assert len(found) == len(rows)
    return found


def test_a_crowd_creates_and_kills(live: Live, slug: str) -> None:
    """Each client makes sandboxes, sees each at once, and ends all but its last; a list afterwards has what was there
    before, what was kept, and what has ended as far as the provider shows that, each once and in the right state."""
    provider = CROWD[slug]
    before = states(live, slug)

    async def work(client: Client, number: int) -> list[str]:
        found = []
        for turn in range(EACH):
            made = await provider.create(client, f"c{number}-{turn}")
            found.append(made[provider.made])
            assert found[-1] in json.dumps(await client.done("GET", provider.path.format(**made)))
            assert await client.done("GET", PATHS[slug])
            if turn < EACH - 1:
                status, _ = await client.ask("DELETE", provider.path.format(**made))
                assert status == provider.ends[0]
        return found

    async def crowd() -> list[list[str]]:
        async with connected(live, slug) as clients:
            return await asyncio.gather(*(work(each, number) for number, each in enumerate(clients)))

    made = asyncio.run(crowd())
    everyone = [each for found in made for each in found]
    assert len({*everyone, *before}) == CLIENTS * EACH + len(before), "ids are given out once"
    expected = dict(before)
    for *ended, kept in made:
        expected[kept] = provider.running
        if provider.ended is not None:
            expected |= dict.fromkeys(ended, provider.ended)
    assert states(live, slug) == expected
    counts = Counter(expected.values())
    for state, query in provider.counted.items():
        assert live.request(slug, PATHS[slug] + query).json()["total"] == counts[state]


def test_a_crowd_ends_one_sandbox(live: Live, slug: str) -> None:
    """It ends once, one of them is told so, and the others what is so then."""
    provider = CROWD[slug]
    before = states(live, slug)

    async def crowd() -> tuple[str, Counter[int]]:
        async with connected(live, slug) as clients:
            made = await provider.create(clients[0], "one")
            path = provider.path.format(**made)
            answers = await asyncio.gather(*(each.ask("DELETE", path) for each in clients))
            return made[provider.made], Counter(status for status, _ in answers)

    made, statuses = asyncio.run(crowd())
    first, later = provider.ends
    assert statuses == Counter([first, *[later] * (CLIENTS - 1)])
    expected = before if provider.ended is None else {**before, made: provider.ended}
    assert states(live, slug) == expected


def test_a_crowd_with_one_key_makes_one_sandbox(live: Live) -> None:
    """Prime's idempotency key holds while the first request is under way too."""
    before = states(live, "prime")
    wish = {"name": "one", "docker_image": "python:3.11", "idempotency_key": "same"}

    async def crowd() -> set[str]:
        async with connected(live, "prime") as clients:
            made = await asyncio.gather(*(each.done("POST", PATHS["prime"], wish) for each in clients))
            return {each["id"] for each in made}

    (made,) = asyncio.run(crowd())
    assert states(live, "prime") == {**before, made: "RUNNING"}
