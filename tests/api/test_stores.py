"""Worlds in a store: they outlive their server, several servers have the same, and what cannot be kept is a 503."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import itertools
import json
import random
import secrets
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from fakeserver.cli import main, serve_parser
from fakeserver.providers import PROVIDERS
from fakeserver.serving import founding, keeping, stored_worlds, telling
from fakeserver.serving.app import Settings
from fakeserver.serving.keeping import Keeper
from fakeserver.serving.over_store import create_stored
from fakeserver.serving.stored_worlds import StoredWorlds, encode, shared_of, snapshot_of
from fakeserver.stores.postgres import PostgresStore
from fakeserver.stores.sqlite import SQLiteStore
from fakeserver.stores.store import Change, Kept, StoreError, Unavailable
from fakeserver.worlds import shared
from fakeserver.worlds.entries import Exchange, Particulars
from fakeserver.worlds.room import Room
from fakeserver.worlds.world import World
from tests.support.admin import FREEZE
from tests.support.asgi import PATHS, SLUGS
from tests.support.postgresql import PostgreSQL
from tests.support.stores import Node, node, stored_app

FILTERED = (
    ("prime", "?labels=late"),
    ("prime", "?status=RUNNING"),
    ("dreadnode", "?state=running"),
    ("superserve", "?metadata.env=dev"),
    ("instavm", ""),
)
FAULT = {"provider": "prime", "operation": "listSandboxes", "code": 503}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Servers that were killed are waited for, and there are many here.
    monkeypatch.setattr(telling, "ANSWER_SECONDS", 0.3)
    return tmp_path / "worlds.db"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, path: Path) -> str:
    """A new store of each kind."""
    if request.param == "sqlite":
        return f"sqlite:{path}"
    database: PostgreSQL = request.getfixturevalue("postgresql")
    return database.url(f"store_{secrets.token_hex(8)}")


def accepted(answer: Any) -> Any:
    assert answer.status_code < 300, (answer.status_code, answer.text[:500])
    return answer.json() if answer.content else None


def live_a_life(at: Node, ns: str = "") -> dict[str, Any]:
    """Something of everything that a restart could miss; what is known of it."""
    made = at.create("first", ns=ns, idempotency_key="key-1")
    gone = at.create("second", ns=ns)
    accepted(at.ask("prime", f"/api/v1/sandbox/{gone['id']}", "DELETE", ns=ns))
    box = accepted(at.ask("superserve", "/sandboxes", "POST", {"name": "box"}, ns=ns))
    accepted(at.ask("superserve", f"/sandboxes/{box['id']}/pause", "POST", ns=ns))
    rows = accepted(at.admin("GET", "/documents/dreadnode/acme", ns=ns))
    accepted(at.admin("PUT", "/documents/dreadnode/globex", [], ns=ns))
    accepted(at.admin("PATCH", "/documents/dreadnode/acme", rows[2:4], ns=ns))
    accepted(at.admin("PUT", "/clock", {"action": "advance", "seconds": 90}, ns=ns))
    accepted(at.admin("PUT", "/settings", {"transitions": "clock", "credentials": "any"}, ns=ns))
    accepted(at.admin("POST", "/faults", {**FAULT, "times": 2}, ns=ns))
    assert at.ask("prime", ns=ns).status_code == 503
    assert at.ask("superserve", suffix="+code=503,times=1", ns=ns).status_code == 503
    accepted(at.admin("PUT", "/commands", [{"pattern": "make*", "stdout": "made\n"}], ns=ns))
    accepted(at.admin("PUT", "/clock", FREEZE, ns=ns))
    return {"made": made, "box": box}


def test_all_of_a_world_outlives_its_server_byte_for_byte(place: str) -> None:
    """Without an orderly end: what was answered was kept by then. The second life goes on from where the first was."""
    with node(place) as first:
        known = live_a_life(first)
        live_a_life(first, "a")
        accepted(first.admin("DELETE", "/namespaces/a"))
        live_a_life(first, "b")
        accepted(first.admin("POST", "/reset", ns="b"))
        first.create("behind the reset", ns="b")
        accepted(first.admin("PUT", "/clock", FREEZE, ns="b"))
        accepted(first.admin("PUT", "/snapshot", json.loads(first.snapshot()), ns="c"))
        first.create("behind the snapshot", ns="c")
        before = {ns: first.snapshot(ns) for ns in ("", "b", "c")}
    with node(place) as second:
        assert {ns: second.snapshot(ns) for ns in before} == before
        names = [each["name"] for each in accepted(second.admin("GET", "/namespaces"))["namespaces"]]
        assert sorted(names) == ["b", "c"]
        assert second.create("first", idempotency_key="key-1")["id"] == known["made"]["id"]
        assert [second.ask("prime").status_code for _ in range(2)] == [503, 200]
        assert second.ask("superserve", suffix="+code=503,times=1").status_code == 200
        assert accepted(second.ask("superserve", f"/sandboxes/{known['box']['id']}"))["status"] == "paused"
        assert {"behind the reset"} <= second.names("b")
        assert "first" not in second.names("b")
        accepted(second.admin("DELETE", "/faults", ns="c"))
        assert "behind the snapshot" in second.names("c")


def test_a_log_is_right_wherever_it_ends(path: Path) -> None:
    """A process that was killed has kept some number of rows: of each number a world is made that the next row fits,
    and all of them together are the world that it was. A snapshot in the place of rows changes nothing."""
    with node(path) as one:
        live_a_life(one)
        kept = one.app.store.read("")
        whole = one.snapshot()
    assert kept is not None
    assert len(kept.rows) > 10
    app = stored_app(path)
    for count in range(len(kept.rows) + 1):
        assert app.stored.build(rows_of(kept, count)).documents.dump() is not None
    with node(path) as two:
        world = two.app.stored.root
        encoded = encode(snapshot_of(world))
        change = two.app.store.change(1)
        assert change is not None
        change.put_snapshot("", encoded)
        change.commit()
    app.store.close()
    with node(path) as three:
        found = three.app.store.read("")
        assert found is not None
        assert not found.rows
        assert three.snapshot() == whole


@pytest.mark.parametrize("clock", ["stationary", "live"])
def test_what_a_store_has_worked_out_is_what_would_be_worked_out_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    """Lists, filters and what passes by itself are the same of a world that trusts its snapshot and of one that does
    not, since another program wrote it: now, and at every later hour. The latter is written anew soon."""
    live = {"live": clock == "live"}
    with node(path, **live) as one:
        live_a_life(one)
        accepted(one.admin("DELETE", "/faults"))
        for slug, query in FILTERED:
            accepted(one.ask(slug, PATHS[slug] + query))
        change = one.app.store.change(1)
        assert change is not None
        change.put_snapshot("", encode(snapshot_of(one.app.stored.root)))
        change.commit()
        accepted(one.admin("PUT", "/clock", {"action": "scale", "factor": 1}))
        late = one.create("late", labels=["late"])
        accepted(one.ask("prime", f"/api/v1/sandbox/{one.create('gone')['id']}", "DELETE"))
        accepted(one.admin("PUT", "/clock", FREEZE))
        kept = one.app.store.read("")
        answers = [one.ask(slug, PATHS[slug] + query).content for slug, query in FILTERED]
    assert kept is not None
    assert len(kept.rows) > 2
    app = stored_app(path, **live)
    trusted = app.stored.build(kept)
    assert not app.stored.outdated
    monkeypatch.setattr(stored_worlds, "fingerprint_of", lambda slug: "another program")
    doubted = app.stored.build(kept)
    assert app.stored.outdated == {""}
    monkeypatch.undo()
    for hours in range(0, 60, 7):
        shown = []
        for world in (trusted, doubted):
            # A live world may show what was so within the last second.
            world.clock.advance((2 + hours * 3_600) * 1_000_000)
            kinds = [(each.provider, kind) for each in app.services.values() for kind in ("", *each.provider.kinds)]
            shown.append(
                [
                    (name, [(each.order(rank), each.body(rank), each.owner(rank)) for rank in each.everything])
                    for provider, kind in kinds
                    for name, each in world.collections(provider, kind, world.clock.now).items()
                ]
            )
        assert shown[0] == shown[1]
    app.store.close()
    with node(path, **live) as two:
        assert [two.ask(slug, PATHS[slug] + query).content for slug, query in FILTERED] == answers
        assert [row["id"] for row in two.ask("prime", "/api/v1/sandbox?labels=late").json()["sandboxes"]] == [
            late["id"]
        ]


def rows_of(kept: Kept, count: int) -> Kept:
    return replace(kept, rows=kept.rows[:count])


def test_files_and_variables_of_sandboxes_outlive_the_server(place: str) -> None:
    pytest.importorskip("bashkit")
    command = {"command": "echo $GREETING; echo kept > /root/note; cat /root/note"}
    with node(place) as first:
        made = accepted(
            first.ask("superserve", "/sandboxes", "POST", {"name": "box", "env_vars": {"GREETING": "hello"}})
        )
        ran = accepted(first.ask("superserve", f"/sandboxes/{made['id']}/exec", "POST", command))
        assert ran["stdout"] == "hello\nkept\n"
    with node(place) as second:
        again = {"command": "echo $GREETING; cat /root/note"}
        ran = accepted(second.ask("superserve", f"/sandboxes/{made['id']}/exec", "POST", again))
        assert ran["stdout"] == "hello\nkept\n"


@pytest.mark.parametrize("first", ["one", "two"])
def test_of_two_servers_that_work_in_a_sandbox_at_once_one_is_kept_and_the_other_refused(
    place: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim of one was lost before it had kept what its command left, as when its session with the store ended, and
    another server has claimed the sandbox. Whoever is kept first stands, and nothing acknowledged is overwritten."""
    pytest.importorskip("bashkit")
    with node(place) as one, node(place) as two, ThreadPoolExecutor(2) as threads:
        nodes = {"one": one, "two": two}
        box = accepted(one.ask("superserve", "/sandboxes", "POST", {"name": "box"}))["id"]

        def run(at: Node, text: str) -> httpx.Response:
            return at.ask("superserve", f"/sandboxes/{box}/exec", "POST", {"command": text})

        accepted(run(one, "echo begun > /root/note"))
        accepted(run(two, "true"))
        events = {name: (threading.Event(), threading.Event()) for name in nodes}
        asked = {}
        for name, at in nodes.items():
            # It would keep what it finds.
            stop_looking(at)
            monkeypatch.setattr(at.app.claims, "wait_for", pausing(at.app.claims.wait_for, *events[name]))
            asked[name] = threads.submit(run, at, f"echo {name} >> /root/note")
            assert events[name][0].wait(20)
            if isinstance(one.app.store, PostgresStore):
                lose_claims(one.app.store)
        monkeypatch.undo()
        last = "one" if first == "two" else "two"
        events[first][1].set()
        accepted(asked[first].result(20))
        events[last][1].set()
        refused = asked[last].result(20)
        assert (refused.status_code, refused.headers["X-Fakeserver-Store"]) == (503, "overtaken")
        for at in nodes.values():
            assert accepted(run(at, "cat /root/note"))["stdout"] == f"begun\n{first}\n"


def stop_looking(at: Node) -> None:
    """Nothing is kept or followed but in the turns of whoever asks."""

    async def stop(task: asyncio.Task[None]) -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    assert at.app.claims.loop is not None
    assert at.app.telling._task is not None
    asyncio.run_coroutine_threadsafe(stop(at.app.telling._task), at.app.claims.loop).result(20)


def pausing(
    wait_for: Callable[[Coroutine[Any, Any, None]], None], worked: threading.Event, go_on: threading.Event
) -> Callable[[Coroutine[Any, Any, None]], None]:
    """What waits behind the work in a sandbox, before what that left is kept."""
    calls = itertools.count()

    def wait(work: Coroutine[Any, Any, None]) -> None:
        if next(calls) == 1:
            worked.set()
            assert go_on.wait(20)
        wait_for(work)

    return wait


def lose_claims(at: PostgresStore) -> None:
    connection = at._claims._connection
    assert connection is not None
    pid = connection.info.backend_pid
    at._reader.again(lambda reader: reader.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,)))


@pytest.mark.parametrize(
    ("rows", "seed"),
    [(keeping.ROWS_TO_COMPACT, 0), (3, 1), *(pytest.param(3, seed, marks=pytest.mark.soak) for seed in range(2, 100))],
)
def test_two_servers_of_one_store_have_the_same_worlds(
    place: str, rows: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever one has acknowledged, the other shows with its next answer; both then are the same byte for byte, and so
    is a third that begins with what is kept. Snapshots take the place of rows all the time, or never."""
    monkeypatch.setattr(keeping, "ROWS_TO_COMPACT", rows)
    choose = random.Random(seed)
    with node(place) as one, node(place) as two:
        for number in range(60):
            writer, reader = choose.sample([one, two], 2)
            ns = choose.choice(["", "a"])
            match choose.randrange(5):
                case 0 | 1:
                    writer.create(f"made {number}", ns)
                    assert f"made {number}" in reader.names(ns)
                case 2:
                    accepted(writer.admin("PUT", "/clock", {"action": "advance", "seconds": 5}, ns=ns))
                    added = [accepted(each.admin("GET", "/clock", ns=ns))["aged_seconds"] for each in (one, two)]
                    assert added[0] == added[1]
                case 3:
                    accepted(writer.admin("POST", "/faults", {**FAULT, "times": 1}, ns=ns))
                    assert sorted(each.ask("prime", ns=ns).status_code for each in (one, two)) == [200, 503]
                case 4:
                    assert writer.admin("DELETE", "/namespaces/a").status_code in (204, 404)
                    accepted(writer.admin("PUT", "/settings", {"credentials": "any"}, ns=ns))
                    assert accepted(reader.admin("GET", "/settings", ns=ns))["credentials"] == "any"
        whole = {}
        for ns in ("", "a"):
            accepted(one.admin("PUT", "/clock", FREEZE, ns=ns))
            whole[ns] = one.snapshot(ns)
            assert whole[ns] == two.snapshot(ns)
            first, second = (each.app.stored.at_hand(ns) for each in (one, two))
            assert first is not None
            assert second is not None
            assert first.documents.dump() == second.documents.dump()
        compacted = one.app.store.read("")
        assert compacted is not None
        assert (compacted.snapshot is not None) == (rows == 3)
    with node(place) as three:
        assert {ns: three.snapshot(ns) for ns in whole} == whole


def test_the_journal_and_rate_limits_are_of_all_servers(place: str) -> None:
    with node(place, rate_limits=True) as one, node(place, rate_limits=True) as two:
        for _ in range(3):
            one.ask("prime")
            two.ask("superserve")
        for each in (one, two):
            found = accepted(each.admin("GET", "/requests"))
            assert found["meta"]["total"] == 6
            assert {entry["provider"] for entry in found["requests"]} == {"prime", "superserve"}
            assert [entry["id"] for entry in found["requests"]] == [6, 5, 4, 3, 2, 1]
            assert accepted(each.admin("POST", "/requests/count", {"urlPathPattern": "/prime/.*"})) == {"count": 3}
        accepted(one.admin("DELETE", "/requests"))
        assert accepted(two.admin("GET", "/requests"))["meta"]["total"] == 0
        used = [{**each.app.store.read("").counters} for each in (one, two)]  # type: ignore[union-attr]
        assert used[0] == used[1]
        assert used[0]


@pytest.mark.parametrize("path_there", ["/__admin/health", "/__admin/requests", "/", "/prime/api/v1/sandbox"])
def test_a_namespace_comes_into_being_whatever_is_asked_first(place: str, path_there: str) -> None:
    with node(place) as one, node(place) as two:
        assert one.client.get(f"{one.root}{path_there}").status_code in (200, 401)
        assert one.client.get(f"{one.root}/ns/new{path_there}").status_code in (200, 401)
        names = [each["name"] for each in accepted(two.admin("GET", "/namespaces"))["namespaces"]]
        assert names == ["new"]


@pytest.mark.parametrize("reason", ["a turn goes on", "the store does not answer"])
def test_what_others_have_done_is_followed_even_if_it_could_not_be_at_once(
    path: Path, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store tells once that there is something new. Whoever was told when nothing could be followed is behind until
    it was, and answers nobody from what they have."""
    two = stored_app(path)
    with node(path) as one:
        one.create("made")
        with monkeypatch.context() as patch:
            if reason == "a turn goes on":
                patch.setattr(two.stored, "is_turn", True)
            else:
                patch.setattr(two.store, "rows_after", unreachable)
            with contextlib.suppress(Unavailable):
                asyncio.run(two.keeper.shared.look())
        assert two.keeper.is_current()
        assert two.stored.root.documents.dump() == one.app.stored.root.documents.dump()
    two.store.close()


def unreachable(position: int) -> None:
    raise Unavailable("unreachable", "the store does not answer")


def test_writers_of_several_servers_lose_nothing(place: str) -> None:
    with node(place) as one, node(place) as two:

        def write(at: Node, name: str) -> None:
            for number in range(15):
                at.create(f"{name} {number}")

        threads = [threading.Thread(target=write, args=(at, f"{index}")) for index, at in enumerate((one, two) * 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = {f"{index} {number}" for index in range(4) for number in range(15)}
        for each in (one, two):
            assert expected <= each.names()


# What goes wrong


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "LOCK_SECONDS", 0.05)
    monkeypatch.setattr(telling, "CHECK_SECONDS", 0.05)


def break_lock(at: Node, path: Path) -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


def break_full(at: Node, path: Path) -> Iterator[None]:
    writer = at.app.store._writer  # type: ignore[attr-defined]
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    # The next write finds its pages full sooner or later.
    yield
    writer.execute("PRAGMA max_page_count = 1000000000")


def break_read_only(at: Node, path: Path) -> Iterator[None]:
    writer = at.app.store._writer  # type: ignore[attr-defined]
    writer.execute("PRAGMA query_only = ON")
    yield
    writer.execute("PRAGMA query_only = OFF")


def break_gone(at: Node, path: Path) -> Iterator[None]:
    def check() -> None:
        assert at.app.claims.loop is not None
        asyncio.run_coroutine_threadsafe(at.app.telling._check(), at.app.claims.loop).result(20)

    path.rename(path.with_suffix(".aside"))
    check()
    yield
    path.with_suffix(".aside").rename(path)
    check()


@pytest.mark.parametrize(
    ("reason", "breaking"),
    [("locked", break_lock), ("full", break_full), ("read-only", break_read_only), ("gone", break_gone)],
)
@pytest.mark.usefixtures("hurried")
def test_what_cannot_be_kept_is_a_503_and_undone(path: Path, reason: str, breaking: Any) -> None:
    """In the dialect of each provider; who only reads finds what was, or a 503, and nothing that was not kept. It
    is well again by itself."""
    with node(path) as at:
        at.create("before")
        broken = breaking(at, path)
        next(broken)
        refused = None
        for number in range(200):
            refused = at.ask("prime", method="POST", body={"name": f"lost {number}" + "x" * 40, "docker_image": "a"})
            if refused.status_code == 503:
                break
        assert refused is not None
        assert (refused.status_code, refused.headers["x-fakeserver-store"]) == (503, reason)
        assert "detail" in refused.json()
        lost = f"lost {number}" + "x" * 40
        reading = at.ask("prime", "/api/v1/sandbox?per_page=1000")
        if reason == "gone":
            assert reading.status_code == 503
        else:
            assert lost not in {row["name"] for row in reading.json()["sandboxes"]}
        # What changes nothing needs no room.
        for slug in SLUGS if reason != "full" else ():
            answer = at.ask(slug, "/nowhere", "POST", {})
            assert (answer.status_code, answer.headers["x-fakeserver-store"]) == (503, reason), slug
        # Here a full file has room for what takes no new page, so it may be well from one moment to the next.
        if reason != "full":
            health = at.admin("GET", "/health")
            assert (health.status_code, health.headers["x-fakeserver-store"]) == (503, reason)
            assert at.admin("PUT", "/clock", FREEZE).status_code == 503
        next(broken, None)
        at.create("behind")
        assert {"before", "behind"} <= at.names()
        assert lost not in at.names()
        assert at.admin("GET", "/health").json()["status"] == "ok"


def test_what_was_refused_is_in_the_journal_as_it_was_answered(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it was carried out and could not be kept, or nothing could be changed from the first; once, and what was
    answered in between is as it was."""
    with node(place) as at, node(place) as other:
        at.create("kept")
        body = {"name": "lost", "docker_image": "a"}
        for name, broken in (("commit", refuse), ("Keeper._begin", refuse_at_once)):
            with monkeypatch.context() as patch:
                patch.setattr(f"fakeserver.serving.keeping.{name}", broken)
                assert at.ask("prime", method="POST", body=body).status_code == 503
            at.ask("prime")
        for each in (at, other):
            found = accepted(each.admin("GET", "/requests"))["requests"]
            assert [(entry["operation"], entry["status"], entry["caller"]) for entry in found] == [
                ("listSandboxes", 200, "admin"),
                ("createSandbox", 503, "admin"),
                ("listSandboxes", 200, "admin"),
                ("createSandbox", 503, "admin"),
                ("createSandbox", 201, "admin"),
            ]
        assert 'status="503"' in at.admin("GET", "/metrics").text


async def refuse_at_once(keeper: Keeper) -> Change:
    raise Unavailable("full", "the store takes no more")


def test_what_a_journal_has_not_told_outlives_a_change_that_cannot_be_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The world is read again, and requests that were answered before are in its journal all the same; those before a
    reset by another server are not."""
    with node(path) as at, node(path) as other:
        asked = {"provider": "prime", "operation": "listSandboxes"}
        for _ in range(3):
            at.ask("prime")
        with monkeypatch.context() as patch:
            patch.setattr(keeping, "commit", refuse)
            assert at.ask("prime", method="POST", body={"name": "lost", "docker_image": "a"}).status_code == 503
        at.create("behind")
        at.ask("prime")
        assert at.admin("POST", "/requests/count", asked).json()["count"] == 4
        at.ask("prime")
        assert other.admin("POST", "/reset").status_code == 204
        assert at.admin("POST", "/requests/count", asked).json()["count"] == 0


def refuse(change: Change, acts: Sequence[Callable[[Change], None]]) -> int:
    raise Unavailable("full", "the store takes no more")


def start(*arguments: str) -> tuple[int, str]:
    err = io.StringIO()
    code = main(["serve", "--port", "0", *arguments], io.StringIO(), err)
    return code, err.getvalue()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--seed", "8"], "--seed"),
        (["--size", "21"], "--size"),
        (["--epoch", "2026-01-18T10:31:00Z"], "--epoch"),
        (["--clock", "live"], "--clock"),
        (["--only", "prime"], "--only"),
        (["--watch"], "--watch"),
    ],
)
def test_what_differs_from_a_store_is_refused_by_its_name(path: Path, flags: list[str], named: str) -> None:
    stored_app(path).store.close()
    before = path.read_bytes()
    code, told = start("--store", f"sqlite:{path}", *flags)
    assert (code, told.count("\n")) == (2, 1)
    assert named in told
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("setting", "named"),
    [({"seed": 8}, "--seed"), ({"size": 21}, "--size"), ({"rate_limits": True}, "--no-rate-limits")],
)
def test_of_two_servers_that_begin_a_store_one_is_refused_by_what_differs(
    path: Path, setting: dict[str, Any], named: str
) -> None:
    """Both have found it new, so neither could be told before."""
    stored_app(path).store.close()
    with pytest.raises(StoreError, match=named):
        stored_app(path, **setting)


def test_other_fixtures_than_a_store_began_with_are_refused_by_their_provider(path: Path, tmp_path: Path) -> None:
    stored_app(path).store.close()
    folder = tmp_path / "fixtures"
    folder.mkdir()
    text = (Path(__file__).parents[2] / "fixtures" / "prime.yaml").read_text(encoding="utf-8")
    (folder / "prime.yaml").write_text(text.replace("prime-member-key", "another-key"), encoding="utf-8")
    code, told = start("--store", f"sqlite:{path}", "--fixtures", str(folder))
    assert (code, told.count("\n")) == (2, 1)
    assert "fixtures: prime (" in told


def test_a_store_of_some_providers_needs_not_be_told_which(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so itself, to a later start as to the command; a provider that is no longer installed is named."""
    flags, some = ["--store", f"sqlite:{path}"], ["--only", "prime", "--only", "superserve"]
    parser = serve_parser()
    create_stored(parser.parse_args([*flags, *some]), Settings(size=20, only=("prime", "superserve"))).store.close()
    again = create_stored(parser.parse_args(flags), Settings(size=20))
    again.store.close()
    assert [*again.services] == ["prime", "superserve"]
    assert store("export", f"sqlite:{path}")[0] == 0
    monkeypatch.setattr(founding, "PROVIDERS", {"prime": PROVIDERS["prime"]})
    code, told = start("--store", f"sqlite:{path}")
    assert (code, told.count("\n")) == (2, 1)
    assert "has superserve, which no package" in told


def damage_head(path: Path) -> None:
    path.write_bytes(b"not a store" * 1_000)


def damage_middle(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    for start in range(4_096, len(whole), 4_096):
        whole[start : start + 100] = bytes(100)
    path.write_bytes(whole)


def other_database(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (a)")
    connection.commit()
    connection.close()


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize("damage", [damage_head, damage_middle, other_database, newer])
def test_a_file_that_cannot_be_used_is_one_line_and_left_alone(path: Path, damage: Any) -> None:
    stored_app(path).store.close()
    damage(path)
    before = path.read_bytes()
    code, told = start("--store", f"sqlite:{path}")
    assert (code, told.count("\n")) == (2, 1), told
    assert f"sqlite:{path}" in told
    assert path.read_bytes() == before


@pytest.mark.parametrize("url", ["sqlite:", "file.db", "postgres://me:secret@db/x", "mysql://me:secret@db/x"])
def test_a_store_that_is_none_is_refused_without_its_password(url: str) -> None:
    code, told = start("--store", url)
    assert (code, told.count("\n")) == (2, 1)
    assert "secret" not in told


def test_rows_are_json_that_names_what_happened(path: Path) -> None:
    """What is kept can be read by anybody: the log of a world is JSON."""
    with node(path) as at:
        at.create()
        kept = at.app.store.read("")
    assert kept is not None
    assert [entry[0] for row in kept.rows for entry in orjson.loads(row.entries)] == ["write"]
    assert SQLiteStore(path).position() == 1


# Worlds in and out


def store(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main(["store", *arguments], out, err)
    return code, out.getvalue(), err.getvalue()


def test_worlds_move_between_stores_as_snapshots_byte_for_byte(place: str, tmp_path: Path) -> None:
    """Of one kind, and from each kind to a file of SQLite."""
    with node(place) as at:
        live_a_life(at, "a")
        whole = at.snapshot("a")
    other, nowhere = (f"{place}{each}" for each in ("_other", "_nowhere"))
    file, third = str(tmp_path / "a.json"), f"sqlite:{tmp_path / 'third.db'}"
    assert store("export", place, "--namespace", "a", "--out", file) == (0, "", "")
    assert Path(file).read_bytes() == whole
    assert store("import", third, file)[0] == 0
    assert store("export", third)[1].encode() == whole
    assert store("migrate", nowhere)[0] == 0
    assert store("status", nowhere)[0] == 0
    for namespace in ((), ("--namespace", "b")):
        assert store("import", other, file, *namespace)[0] == 0
        assert store("export", other, *namespace)[1].encode() == whole
    code, _, told = store("import", other, file)
    assert (code, told.count("\n")) == (2, 1)
    assert "--replace" in told
    assert store("import", other, file, "--replace")[0] == 0
    assert store("migrate", other)[0] == 0
    listed = json.loads(store("status", other, "--format", "json")[1])
    assert [each["namespace"] for each in listed["worlds"] if each["written"]] == ["b", None]
    assert (listed["seed"], listed["size"]) == (0, 1000)
    assert "b: " in store("status", other)[1]
    assert store("prune", other, "--unused-for", "0", "--dry-run")[1] == "would drop b\n"
    assert store("prune", other, "--unused-for", "0")[1] == "dropped b\n"
    assert store("export", other, "--namespace", "b")[0] == 2
    for wrong in (("status", f"{place}_absent"), ("status", "memory"), ("import", other, file + "x")):
        code, _, told = store(*wrong)
        assert (code, told.count("\n")) == (2, 1), told


def test_namespaces_that_nobody_uses_are_dropped(place: str) -> None:
    """When nobody has used them for so long, whichever server it was; the world at the root is never dropped."""
    with node(place) as one, node(place, namespace_ttl=3_600) as two:
        one.create(ns="a")
        one.create("at the root")

        def prune(seconds: int) -> None:
            assert two.app.claims.loop is not None
            asyncio.run_coroutine_threadsafe(two.app.telling.prune(seconds), two.app.claims.loop).result(20)

        assert "made" in two.names("a")
        for each in (one, two):
            # It tells what was used.
            accepted(each.admin("GET", "/requests"))
        prune(60)
        assert two.app.store.has("a")
        # As if it were an hour later.
        prune(-3_600)
        assert not two.app.store.has("a")
        assert "made" not in one.names("a")
        assert "at the root" in one.names()


def test_a_namespace_has_so_many_documents_and_no_more(path: Path) -> None:
    """Each says so in its dialect, on whichever server; what makes none goes on, and another namespace has room."""
    room = Room(documents=2)
    with node(path, room=room) as one, node(path, room=room) as two:
        made, _ = one.create("a", ns="a"), two.create("b", ns="a")
        for at in (one, two):
            refused = at.ask("prime", method="POST", body={"name": "c", "docker_image": "python:3.11"}, ns="a")
            assert (refused.status_code, refused.headers["X-Fakeserver-Store"]) == (503, "namespace-full")
            assert "2 documents" in refused.json()["detail"]
            refused = at.ask("superserve", "/sandboxes", "POST", {"name": "box"}, ns="a")
            assert (refused.status_code, "error" in refused.json()) == (503, True)
            rows = accepted(at.admin("GET", "/documents/dreadnode/acme", ns="a"))
            new = {**rows[0], "id": rows[0]["id"][:-1] + "0", "name": "new"}
            refused = at.admin("POST", "/documents/dreadnode/acme", [new], ns="a")
            assert (refused.status_code, refused.json()["field"]) == (503, "body")
        accepted(two.ask("prime", f"/api/v1/sandbox/{made['id']}", "DELETE", ns="a"))
        assert one.create("c", ns="b")["name"] == "c"
        snapshot = json.loads(one.snapshot("a"))
        accepted(one.admin("PUT", "/snapshot", snapshot, ns="b"))
        accepted(one.admin("POST", "/reset", ns="a"))
        assert two.create("d", ns="a")["name"] == "d"
    with node(path, room=Room(documents=1)) as three:
        refused = three.admin("PUT", "/snapshot", snapshot, ns="b")
        assert (refused.status_code, refused.json()["field"]) == (503, "documents")


def test_the_sandboxes_of_a_namespace_have_so_many_bytes_of_files_and_no_more(place: str) -> None:
    """What would leave more is refused in each dialect and undone; what leaves less goes on, and so does another
    namespace. A snapshot with more is refused, and one more sandbox with the files of another as well."""
    pytest.importorskip("bashkit")
    room = Room(file_bytes=20_000)
    noise = base64.b64encode(random.Random(1).randbytes(30_000)).decode()
    with node(place, room=room) as one, node(place, room=room) as two:
        box = accepted(one.ask("superserve", "/sandboxes", "POST", {"name": "box"}, ns="a"))["id"]
        wish = {"api_key": "instavm-admin-key", "vm_lifetime_seconds": 300}
        session = accepted(two.ask("instavm", "/v1/sessions/session", "POST", wish, ns="a"))["session_id"]

        def run(at: Node, text: str, ns: str = "a") -> httpx.Response:
            return at.ask("superserve", f"/sandboxes/{box}/exec", "POST", {"command": text}, ns=ns)

        accepted(run(one, "echo kept > /root/note"))
        before = one.app.store.read("a").left  # type: ignore[union-attr]
        for at in (one, two):
            refused = run(at, f"echo lost > /root/note; echo {noise} > /root/large")
            assert (refused.status_code, refused.headers["X-Fakeserver-Store"]) == (503, "namespace-full")
            assert "20000" in refused.json()["error"]["message"]
            body = {"session_id": session, "language": "bash", "command": f"echo {noise} > f"}
            refused = at.ask("instavm", "/execute", "POST", body, ns="a")
            assert (refused.status_code, "detail" in refused.json()) == (503, True)
            assert one.app.store.read("a").left == before  # type: ignore[union-attr]
            assert accepted(run(at, "cat /root/note; ls /root"))["stdout"] == "kept\nnote\n"
        half = noise[:14_000]
        accepted(run(two, f"echo {half} > /root/large"))
        copied = f"/sandboxes/{box}/snapshot"
        accepted(one.ask("superserve", copied, "POST", {}, ns="a"))
        refused = two.ask("superserve", copied, "POST", {}, ns="a")
        assert (refused.status_code, refused.headers["X-Fakeserver-Store"]) == (503, "namespace-full")
        snapshot = json.loads(one.snapshot("a"))
        refused = two.admin("PUT", "/snapshot", snapshot, ns="b")
        assert (refused.status_code, refused.json()["field"]) == (503, "guests")
        accepted(run(one, "rm /root/large"))
        accepted(two.ask("superserve", copied, "POST", {}, ns="a"))
        accepted(one.ask("superserve", f"/sandboxes/{box}", "DELETE", ns="a"))
        assert two.ask("superserve", "/sandboxes", "POST", {"name": "box"}, ns="a").status_code == 201


def test_the_journal_of_a_namespace_keeps_so_many_requests_and_says_how_many_it_dropped(place: str) -> None:
    room = Room(requests=3)
    with node(place, room=room) as one, node(place, room=room) as two:
        for at in (one, one, one, one, one, two):
            at.ask("prime", ns="a")
        for at in (one, two):
            found = accepted(at.admin("GET", "/requests", ns="a"))
            assert [each["id"] for each in found["requests"]] == [6, 5, 4]
            assert {**found["meta"], "left": []} == {"total": 6, "most": 3, "dropped": 3, "left": []}
    with node(place) as three:
        found = accepted(three.admin("GET", "/requests", ns="a"))
        assert ([each["id"] for each in found["requests"]], found["meta"]["most"]) == ([6, 5, 4], 10_000)


def test_servers_show_the_same_journal_where_requests_made_room_untold(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have had numbers, and count as dropped; of the others as many are kept as ever."""
    monkeypatch.setattr(shared, "MAX_SHARED_ENTRIES", 5)
    monkeypatch.setattr(telling, "AT_A_TIME", 2)
    room = Room(requests=5)
    busy = stored_app(place, room=room)
    with node(place, room=room) as one:
        for _ in range(4):
            one.ask("prime")
        assert accepted(one.admin("GET", "/requests"))["meta"]["total"] == 4
        about = Particulars("prime", "GET", "/sandboxes", b"", None, None, None, 200, None, None)
        for instant in range(8):
            shared_of(busy.world)[0].add(Exchange(instant, about))
        busy.keeper.do(partial(busy.telling._tell, journals=True, only={busy.world}))
        busy.telling.leave()
        with node(place, room=room) as two:
            for at in (one, two):
                found = accepted(at.admin("GET", "/requests"))
                assert [each["id"] for each in found["requests"]] == [9, 8, 4, 3, 2]
                assert {**found["meta"], "left": []} == {"total": 9, "most": 5, "dropped": 4, "left": []}


def test_servers_begin_a_store_at_the_same_time(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has seen that there is none; it is that of the first, also for the other."""
    attach, others = Keeper.attach, list[Any]()

    def attach_late(keeper: Keeper, worlds: StoredWorlds) -> None:
        if not others:
            others.append(None)
            others.append(stack.enter_context(node(place)))
            others[1].create("early")
        attach(keeper, worlds)

    monkeypatch.setattr(Keeper, "attach", attach_late)
    with contextlib.ExitStack() as stack, node(place) as late:
        early = others[1]
        late.create("late")
        accepted(late.admin("PUT", "/clock", FREEZE))
        for at in (early, late):
            assert {"early", "late"} <= at.names()
        assert early.snapshot() == late.snapshot()


def test_all_journals_together_tell_so_much_at_a_time(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is answered meanwhile; what is little is told whole."""
    monkeypatch.setattr(telling, "AT_A_TIME", 9)
    busy = stored_app(place)
    about = Particulars("prime", "GET", "/sandboxes", b"", None, None, None, 200, None, None)
    worlds = dict[str, World]()
    busy.keeper.do(lambda: worlds.update((name, busy.stored.named(name)) for name in "abc"))
    for name, number in (("a", 30), ("b", 2), ("c", 40)):
        for instant in range(number):
            shared_of(worlds[name])[0].add(Exchange(instant, about))
    busy.keeper.do(partial(busy.telling._tell, journals=True, only={*worlds.values()}))
    kept = {name: busy.store.journal_after(name, 0) for name in worlds}
    assert {name: journal and len(journal.entries) for name, journal in kept.items()} == {"a": 3, "b": 2, "c": 4}
    busy.keeper.close()


def test_a_store_looks_at_all_that_it_keeps_of_a_journal_once_for_many(place: str) -> None:
    """What is to make room stays for a while, and nobody sees it."""
    room = Room(requests=40)
    busy = stored_app(place, room=room)
    journal = shared_of(busy.world)[0]
    about = Particulars("prime", "GET", "/sandboxes", b"", None, None, None, 200, None, None)
    counts = list[int]()
    for instant in range(60):
        journal.add(Exchange(instant, about))
        busy.keeper.do(partial(busy.telling._tell, journals=True, only={busy.world}))
        kept = busy.store.journal_after("", 0)
        assert kept is not None
        counts.append(len(kept.entries))
    assert counts == [*range(1, 42)] + [40 + number % 2 for number in range(42, 61)]
    busy.telling.leave()
    with node(place, room=room) as two:
        found = accepted(two.admin("GET", "/requests?limit=1000"))
        assert [each["id"] for each in found["requests"]] == [*range(60, 20, -1)]
    busy.keeper.close()


def test_a_stream_goes_on_at_another_server(place: str) -> None:
    """That has to find out first what was seen at the one before."""
    with node(place) as one, node(place) as two:
        for _ in range(3):
            one.ask("prime")
        assert accepted(one.admin("GET", "/requests"))["meta"]["total"] == 3
        live = two.client.stream("GET", f"{two.root}/__admin/requests/live", headers={"Last-Event-ID": "2"})
        with live as response:
            lines = response.iter_lines()
            told = [*itertools.islice((line for line in lines if line.startswith(("id:", "event:"))), 1)]
        assert told == ["id: 3"]


@pytest.mark.parametrize(
    "flag", ["--namespace-ttl", "--namespace-documents", "--namespace-file-bytes", "--namespace-requests"]
)
def test_what_is_for_the_namespaces_of_a_store_needs_one(flag: str) -> None:
    code, told = start(flag, "5")
    assert (code, told.count("\n")) == (2, 1)
    assert "--store" in told


def test_no_world_is_read_to_make_another(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor to list them, or to count them: a store may keep a hundred thousand, and each as much as it likes."""
    with node(place) as at:
        for ns in ("written", "other"):
            at.create(ns=ns)
        accepted(at.admin("PUT", "/clock", FREEZE, ns="untouched"))
        store = at.app.store
        listed = {each.name: each.written for each in store.worlds()}
        assert store.written() == listed
        assert store.count() == len(listed) == 4
        assert (listed["written"], listed["other"]) == (True, True)

        def read_all(store: object) -> Any:
            raise AssertionError("all that is kept was read")

        monkeypatch.setattr(type(store), "worlds", read_all)
        at.create(ns="new")
        found = accepted(at.admin("GET", "/namespaces"))["namespaces"]
        assert {each["name"] for each in found} == {"written", "other", "untouched", "new"}
        assert at.admin("GET", "/metrics").status_code == 200
        monkeypatch.setattr(stored_worlds, "MAX_STORED", 4)
        refused = at.ask("prime", "/api/v1/sandbox", ns="another")
        assert refused.status_code == 503
        assert "The store keeps 4 namespaces" in refused.text
