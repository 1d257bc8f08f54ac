"""What takes long is done in several goes: others are answered in between, and see all of it or nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakeserver.documents import allowance, seeded
from fakeserver.documents.allowance import DRAWN_AT_ONCE
from fakeserver.serving.app import App
from tests.support.asgi import app_of
from tests.support.stores import stored_app

KEY = {"Authorization": "Bearer prime-admin-key"}
PATH = "/prime/api/v1/sandbox"
EVERYBODY = {"team_id": "research", "all_users": True}
RUNNING = f"{PATH}?team_id=research&status=RUNNING&per_page=1"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents were drawn between two turns of the loop; the last is still being counted."""
    counted = [0]
    draw = seeded.Seeded._draw

    def counting(source: seeded.Seeded, ordinal: int) -> dict[str, Any]:
        counted[-1] += 1
        return draw(source, ordinal)

    monkeypatch.setattr(seeded.Seeded, "_draw", counting)
    return counted


def client_of(app: App) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", headers=KEY)


async def delete_all(app: App, drawn: list[int], **headers: str) -> tuple[httpx.Response, list[int]]:
    """The answer to a deletion, and how many there were to others meanwhile."""
    async with client_of(app) as client:
        before = (await client.get(RUNNING)).json()["total"]
        deletion = asyncio.ensure_future(client.request("DELETE", PATH, json=EVERYBODY, headers=headers))
        totals = []
        while not deletion.done():
            drawn.append(0)
            await asyncio.sleep(0)
            totals.append((await client.get(RUNNING)).json()["total"])
        after = (await client.get(RUNNING)).json()["total"]
    return await deletion, [before, *totals, after]


def test_many_are_deleted_in_several_goes_and_as_one(drawn: list[int]) -> None:
    """Nobody waits for more than so many documents, or sees some of them deleted; and the request counts once."""
    app = app_of(size=20_000)
    answer, totals = asyncio.run(delete_all(app, drawn))
    assert len(answer.json()["succeeded"]) > 2 * DRAWN_AT_ONCE
    assert answer.json()["failed"] == []
    assert max(drawn) <= DRAWN_AT_ONCE + 2
    assert {*totals} == {totals[0], totals[-1]}
    assert totals.count(totals[0]) > 2
    assert (totals[-1] < totals[0], app.world.writes) == (True, 1)
    entries = app.world.journal.rows()
    assert [each["status"] for each in entries if each["method"] == "DELETE"] == [200]
    # The same as of who waits for all of it.
    alone = app_of(size=20_000)
    allowed = allowance.DRAWN_AT_ONCE
    try:
        allowance.DRAWN_AT_ONCE = 10**6
        again, _ = asyncio.run(delete_all(alone, drawn))
    finally:
        allowance.DRAWN_AT_ONCE = allowed
    assert again.json() == answer.json()


def test_what_is_counted_is_counted_once(drawn: list[int]) -> None:
    """The request, and the fault that somebody wants for one: it is in force however many goes it takes."""
    app = app_of(size=20_000, rate_limits=True)

    async def ask() -> tuple[int, list[Any]]:
        async with client_of(app) as client:
            await client.put("/__admin/settings", json={"rate_limits": {"prime": "enforced"}})
            fault = {"provider": "prime", "operation": "deleteSandboxes", "times": 1, "code": 503, "phase": "after"}
            assert (await client.post("/__admin/faults", json=fault)).status_code == 201
            answers = [await client.request("DELETE", PATH, json=EVERYBODY) for _ in range(2)]
            return answers[0].status_code, [each.status_code for each in answers]

    assert asyncio.run(ask()) == (503, [503, 200])
    assert app.world.writes == 1
    assert [int(used) for used, _ in app.world.limits.counters.values()] == [2]


def test_a_store_keeps_what_took_several_goes(drawn: list[int], tmp_path: Path) -> None:
    """Each go is a turn, and the last one is what is kept."""
    app = stored_app(tmp_path / "store", size=20_000)

    async def ask() -> tuple[httpx.Response, list[int]]:
        try:
            return await delete_all(app, drawn)
        finally:
            await app.close()

    answer, totals = asyncio.run(ask())
    assert (answer.status_code, {*totals}) == (200, {totals[0], totals[-1]})
    assert max(drawn) <= DRAWN_AT_ONCE + 2
