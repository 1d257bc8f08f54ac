"""Namespaces: worlds of their own, made at first use, never lost in silence."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx
import pytest

from fakeserver.serving.app import App, Settings
from fakeserver.testing.server import running
from tests.support.admin import admin, arrive, done, listing, refused, small_app
from tests.support.asgi import PATHS, SLUGS, credential
from tests.support.counting import steps

FAULT = {"provider": "prime", "operation": "listSandboxes", "code": 503}


@pytest.fixture
def app() -> App:
    """A server of the test's own."""
    return small_app(size=20)


def names(app: App) -> list[tuple[str, bool]]:
    return [(each["name"], each["touched"]) for each in done(admin(app, "GET", "/namespaces"))["namespaces"]]


def test_namespaces_come_into_being_at_first_use(app: App) -> None:
    """A namespace answers like the root as soon as it is named, is listed from then on, and can be deleted."""
    assert names(app) == []
    assert [listing(app, slug, ns="a").status for slug in SLUGS] == [200] * 4
    assert listing(app, "prime", ns="a").body == listing(app, "prime").body
    assert admin(app, "GET", "/health", ns="b").status == 200
    assert names(app) == [("a", False), ("b", False)]
    done(admin(app, "DELETE", "/namespaces/a"))
    assert names(app) == [("b", False)]
    refused(admin(app, "DELETE", "/namespaces/a"), 404, "namespace")


def test_deleted_namespaces_start_anew(app: App) -> None:
    """After a deletion, the next use of the name finds the seed."""
    before = listing(app, "superserve", ns="a").body
    done(admin(app, "PUT", "/documents/superserve/main", [], ns="a"))
    assert listing(app, "superserve", ns="a").body == b"[]"
    done(admin(app, "DELETE", "/namespaces/a"))
    assert listing(app, "superserve", ns="a").body == before


@pytest.mark.parametrize("name", ["a", "Test-1", "run.7_x", "0", "x" * 64])
def test_good_names(app: App, name: str) -> None:
    """Letters, digits, dots, dashes and underscores make a name."""
    assert listing(app, "prime", ns=name).status == 200


@pytest.mark.parametrize("name", ["", ".a", "-a", "a b", "a%0Ab", "x" * 65, "é", "a;b", "a%2Fb:c"])
def test_bad_names(app: App, name: str) -> None:
    """Whatever cannot be a name is the fake's own 400, and makes no namespace."""
    path = f"/ns/{name}{'/prime' + PATHS['prime']}".replace("%0A", "\n").replace("%2F", "\x00")
    reply = arrive(app, path, authorization="Bearer prime-admin-key")
    assert (reply.status, reply.media_type) == (400, "application/problem+json")
    assert reply.value["field"] == "namespace"
    assert names(app) == []


def test_everything_is_apart(app: App) -> None:
    """Documents, faults, clock, settings, cursors and journal of one world show in no other."""
    before = {slug: listing(app, slug, ns="b").body for slug in SLUGS}
    done(admin(app, "PUT", "/documents/superserve/main", [], ns="a"))
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 10**6}, ns="a"))
    done(admin(app, "POST", "/faults", FAULT, ns="a"))
    done(admin(app, "PUT", "/settings", {"journal": False}, ns="a"))
    assert listing(app, "prime", ns="a").status == 503
    assert {slug: listing(app, slug, ns="b").body for slug in SLUGS} == before
    assert names(app) == [("a", True), ("b", False)]
    cursor = listing(app, "dreadnode", "limit=3").value["next_cursor"]
    assert listing(app, "dreadnode", f"limit=3&cursor={cursor}").status == 200
    assert listing(app, "dreadnode", f"limit=3&cursor={cursor}", ns="b").status == 400


CHANGES: list[tuple[str, str, Any]] = [
    ("PUT", "/documents/superserve/main", []),
    ("PUT", "/clock", {"action": "advance", "seconds": 1}),
    ("PUT", "/clock", {"action": "freeze"}),
    ("PUT", "/clock", {"action": "scale", "factor": 2}),
    ("POST", "/faults", FAULT),
    ("PUT", "/settings", {"journal": False}),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES, ids=str)
def test_changes_are_never_dropped_in_silence(
    app: App, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    """The least recently used world that nobody changed makes room; when all are changed, a new one is refused."""
    monkeypatch.setattr("fakeserver.worlds.namespaces.MAX_WORLDS", 3)
    done(admin(app, method, path, body, ns="changed"))
    for name in ("a", "b"):
        listing(app, "prime", ns=name)
    listing(app, "prime", ns="a")
    listing(app, "prime", ns="c")
    assert names(app) == [("changed", True), ("a", False), ("c", False)]
    for name in ("a", "c"):
        done(admin(app, method, path, body, ns=name))
    problem = refused(admin(app, "GET", "/health", ns="d"), 503, "namespace")
    assert "DELETE" in problem["detail"]
    assert listing(app, "prime", ns="d").status == 503
    assert [name for name, _ in names(app)] == ["changed", "a", "c"]
    done(admin(app, "DELETE", "/namespaces/a"))
    assert admin(app, "GET", "/health", ns="d").status == 200


def test_restored_and_half_spent_worlds_are_changed_ones(app: App) -> None:
    """A world with another's snapshot, or with a wish half granted, is not dropped either; a reset one is."""
    other = small_app(size=20, seed=5)
    done(admin(app, "PUT", "/snapshot", admin(other, "GET", "/snapshot").body, ns="guest"))
    listing(app, "prime", ns="wish", suffix="+code=503,times=2")
    assert names(app) == [("guest", True), ("wish", True)]
    for name in ("guest", "wish"):
        done(admin(app, "POST", "/reset", ns=name))
    assert names(app) == [("guest", False), ("wish", False)]


def test_making_a_world_costs_next_to_nothing() -> None:
    """It takes a handful of steps, however many documents the world has and however many worlds there are."""
    small, large = small_app(size=20), small_app(size=5_000)
    small.worlds.named("before")  # The first of a process fills the interpreter's own caches.
    first = steps(lambda: small.worlds.named("first"))
    assert first < 100
    assert steps(lambda: large.worlds.named("first")) == first
    for number in range(500):
        small.worlds.named(f"w{number}")
    assert steps(lambda: small.worlds.named("last")) == first


def test_a_thousand_worlds_at_least(app: App) -> None:
    """More than a thousand changed worlds live at once."""
    for number in range(1_000):
        done(admin(app, "PUT", "/settings", {"journal": False}, ns=f"w{number}"))
    assert len(names(app)) == 1_000
    assert done(admin(app, "GET", "/settings", ns="w0"))["journal"] is False


# In parallel, on a live server

THREADS = 4


async def live_through(client: httpx.AsyncClient, root: str, number: int) -> None:
    """One test's life in a world of its own: its document, its fault, its time, its journal."""
    base = f"{root}/ns/parallel-{number}"
    document = {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "name": f"only-{number}",
        "status": "active",
        "vcpu_count": 1,
        "memory_mib": 512,
        "created_at": "2026-01-18T10:00:00Z",
        "metadata": {"number": str(number)},
    }

    async def told(method: str, path: str, body: Any = None) -> Any:
        content = None if body is None else json.dumps(body)
        reply = await client.request(method, f"{base}/__admin{path}", content=content)
        assert reply.status_code < 300, reply.text
        return reply.json() if reply.content else None

    async def listed(slug: str, query: str = "") -> httpx.Response:
        return await client.get(f"{base}/{slug}{PATHS[slug]}{query}", headers=credential(slug))

    await told("PUT", "/documents/superserve/main", [document])
    moved = await told("PUT", "/clock", {"action": "freeze"})
    moved = await told("PUT", "/clock", {"action": "advance", "seconds": number})
    times = 1 + number % 3
    await told("POST", "/faults", {**FAULT, "times": times, "headers": {"X-Number": str(number)}})
    for _ in range(times):
        reply = await listed("prime", f"?page={number + 1}&per_page=1")
        assert (reply.status_code, reply.headers["x-number"]) == (503, str(number))
    assert (await listed("prime", f"?page={number + 1}&per_page=1")).status_code == 200
    assert (await listed("superserve")).json() == [document]
    assert (await listed("superserve", f"?metadata.number={number}")).json() == [document]
    assert (await listed("superserve", f"?metadata.number={number + 1}")).json() == []
    assert await told("GET", "/clock") == moved
    entries = (await told("GET", "/requests"))["requests"]
    assert len(entries) == times + 4
    assert {each["query"] for each in entries if each["provider"] == "prime"} == {f"page={number + 1}&per_page=1"}
    (script,) = (await told("GET", "/faults"))["faults"]
    assert (script["hits"], script["completed"], script["headers"]) == (times, True, {"X-Number": str(number)})


@pytest.mark.parametrize("count", [60, pytest.param(200, marks=pytest.mark.soak)])
def test_parallel_worlds_do_not_talk(count: int) -> None:
    """Worlds, driven at once by tasks of several threads on one server, each see their own state and no other."""
    failures: list[BaseException] = []

    async def several(root: str, numbers: range) -> None:
        limits = httpx.Limits(max_connections=10)
        async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
            await asyncio.gather(*(live_through(client, root, number) for number in numbers))

    def work(root: str, first: int) -> None:
        try:
            asyncio.run(several(root, range(first, count, THREADS)))
        except BaseException as error:
            failures.append(error)

    with running(Settings(size=50, rate_limits=False)) as server:
        threads = [threading.Thread(target=work, args=(server.base_url, first)) for first in range(THREADS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert not failures, failures
        worlds = server.app.worlds.listed()
    assert len(worlds) == count
    assert all(each["touched"] for each in worlds)
