"""Worlds in PostgreSQL: what several servers show is what was acknowledged, whatever becomes of the database."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import httpx
import pytest

from fakeserver.serving import checking, keeping, telling
from fakeserver.serving.checking import Checking
from fakeserver.serving.glancing import Glancing
from fakeserver.stores import sessions, tables, transactions
from fakeserver.stores.postgres import PostgresStore
from fakeserver.stores.store import Look, Mark, StoreError, Unavailable
from tests.api.test_stores import live_a_life, start, store
from tests.support.asgi import SLUGS
from tests.support.postgresql import PASSWORD, PostgreSQL, running
from tests.support.stores import Node, node

pytestmark = pytest.mark.slow
SECONDS = 30


@pytest.fixture
def schema(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(telling, "ANSWER_SECONDS", 0.3)
    return f"store_{secrets.token_hex(8)}"


@pytest.fixture
def url(postgresql: PostgreSQL, schema: str) -> str:
    return postgresql.url(schema)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(telling, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(sessions, "CALL_SECONDS", 0.5)
    monkeypatch.setattr(transactions, "COMMIT_SECONDS", 0.5)
    monkeypatch.setattr(transactions, "RESOLVE_SECONDS", 0.5)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are leases on all that is read."""
    monkeypatch.setattr(checking, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(checking, "MANY_READS", 1)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def shared_of(at: Node) -> Checking:
    found = at.app.keeper.shared
    assert isinstance(found, Checking)
    return found


def read_until_leased(at: Node, ns: str = "") -> None:
    until(lambda: at.names(ns) is not None and shared_of(at).has_lease(ns))


# What a client may rely on


async def rest(seconds: float) -> None:
    pass


def see(at: Node) -> None:
    until(lambda: "behind" in at.names("a"))


@pytest.mark.usefixtures("eager")
def test_a_write_is_believed_when_no_lease_hides_it(
    url: str, postgresql: PostgreSQL, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One server shows a world under a lease, without a look at the store. Another one writes: nobody hears of it, and
    nobody else sees it, while the first may not know it."""
    monkeypatch.setattr(checking, "LEASE_SECONDS", 1_000.0)
    monkeypatch.setattr(checking, "HELD_SECONDS", 1_000.0)
    with node(url) as one, node(url) as two, node(url) as three, ThreadPoolExecutor(3) as threads:
        one.create("before", "a")
        for each in (one, two, three):
            assert "before" in each.names("a")
        read_until_leased(one, "a")
        # It looks no more, as one that stands still.
        monkeypatch.setattr(one.app.telling, "_look", rest)
        writing = threads.submit(two.create, "behind", "a")
        until(lambda: postgresql.sql(f"SELECT 1 FROM {schema}.worlds WHERE name = 'a' AND newest > 1"))
        seeing = [threads.submit(see, each) for each in (two, three)]
        for _ in range(20):
            assert "behind" not in one.names("a")
            assert not writing.done()
            assert not any(each.done() for each in seeing)
        assert "behind" not in two.names("b"), "other worlds go on"
        monkeypatch.undo()
        shared_of(one)._leases.clear()
        postgresql.sql(f"DELETE FROM {schema}.leases")
        assert writing.result(SECONDS)["name"] == "behind"
        for seen in seeing:
            seen.result(SECONDS)
        assert all("behind" in at.names("a") for at in (one, two, three))


@pytest.mark.usefixtures("eager")
def test_a_lease_of_a_server_that_is_gone_runs_out(url: str, postgresql: PostgreSQL, schema: str) -> None:
    with node(url) as one:
        one.create("first")
        postgresql.sql(f"INSERT INTO {schema}.leases VALUES ('gone', '', 1)")
        one.create("second")
        until(lambda: not postgresql.sql(f"SELECT 1 FROM {schema}.leases WHERE holder = 'gone'"))
        read_until_leased(one)
        one.create("its own lease holds nobody up")
        assert {"first", "second"} <= one.names()


@pytest.mark.usefixtures("eager")
def test_a_lease_stays_as_long_as_its_world_is_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with node(url) as one:
        read_until_leased(one)
        monkeypatch.setattr(one.app.telling, "_look", rest)
        shared, long = shared_of(one), 2 * checking.RENEW_SECONDS
        since = shared._leased_at[""]
        assert one.names()
        assert not shared._is_over("", since, since + long)
        assert shared._leased_at[""] == since + long
        assert shared._is_over("", since + long, since + 2 * long), "nobody has asked for it since"


def test_whoever_waits_for_what_nobody_changed_waits_for_no_thread(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads are answered by glances alone, until another server has written; what follows is seen at once, and when the
    session of the glances is lost, looks take their place until there is another."""
    with node(url) as one, node(url) as two:
        one.create("first")
        until(lambda: two.names() and glances_of(two).session == shared_of(two)._session > 0)
        looks: list[Mark] = []
        find = two.app.store.look  # type: ignore[attr-defined]

        def look(mark: Mark) -> Look:
            looks.append(mark)
            return cast(Look, find(mark))

        monkeypatch.setattr(two.app.store, "look", look)
        for _ in range(20):
            assert "first" in two.names()
        assert not looks
        one.create("second")
        assert "second" in two.names()
        assert looks
        session = glances_of(two).session
        glances_of(two)._glances._session.cut()  # type: ignore[attr-defined]
        one.create("third")
        assert "third" in two.names()
        until(lambda: two.names() and glances_of(two).session > session)


def glances_of(at: Node) -> Glancing:
    return shared_of(at)._glancing


def check_real_time(nodes: list[Node], count: int, seed: int) -> None:
    """Of creates and lists by several clients at once: a list has all that was acknowledged before it was asked for,
    and all that any list had which ended before; nothing is there that nobody asked for, or that was refused."""
    began: dict[str, float] = {}
    refused: set[str] = set()
    ended: dict[str, float] = {}
    lists: list[tuple[float, float, set[str]]] = []

    def live(number: int) -> None:
        choose = random.Random(seed * 1_000 + number)
        for turn in range(count):
            at, name = choose.choice(nodes), f"{number}-{turn}"
            if choose.random() < 0.15:
                began[name] = time.monotonic()
                answer = at.ask("prime", method="POST", body={"name": name, "docker_image": "python:3.11"}, ns="a")
                if answer.status_code == 503 and "locked" in answer.text:
                    refused.add(name)  # On a busy machine its turn did not come in time.
                else:
                    assert answer.status_code in (200, 201), answer.text
                    ended[name] = time.monotonic()
            else:
                asked = time.monotonic()
                found = at.names("a")
                lists.append((asked, time.monotonic(), {each for each in found if "-" in each and each in began}))
            time.sleep(choose.choice([0, 0, 0, 0.02, 0.05]))

    threads = [threading.Thread(target=live, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {*ended} == {*began} - refused
    assert len(ended) > len(refused)
    assert len(lists) + len(began) == 6 * count
    seen: set[str] = set()
    told_by = sorted(((told, found) for _, told, found in lists), key=lambda each: each[0], reverse=True)
    for asked, told, found in sorted(lists, key=lambda each: each[0]):
        while told_by[-1][0] < asked:
            seen |= told_by.pop()[1]
        assert seen <= found
        assert {name for name, at in ended.items() if at < asked} <= found
        assert all(began[name] < told for name in found)
        assert not found & refused


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("count", "seed"), [(60, 1), *(pytest.param(400, seed, marks=pytest.mark.soak) for seed in range(2, 6))]
)
def test_servers_show_what_was_acknowledged(url: str, count: int, seed: int) -> None:
    with node(url, size=1) as one, node(url, size=1) as two, node(url, size=1) as three:
        check_real_time([one, two, three], count, seed)


def test_packets_that_wait_are_answered_in_their_order(url: str) -> None:
    """Also those that come one behind another in one connection, in pieces, or when the server ends."""
    with node(url) as at:
        at.create("made")
        address = httpx.URL(at.root)
        head = (
            "GET /prime/api/v1/sandbox?per_page={} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer prime-admin-key\r\n\r\n"
        )
        import socket

        with socket.create_connection((address.host, address.port or 0), timeout=SECONDS) as client:
            for text in (head.format(1) + head.format(2), head.format(3)[:30], head.format(3)[30:], head.format(4)):
                client.sendall(text.encode())
            answered = b""
            while answered.count(b'"per_page"') < 4 or not answered.endswith(b"}"):
                answered += client.recv(65_536)
        places = [answered.find(f'"per_page":{number}'.encode()) for number in (1, 2, 3, 4)]
        assert places == sorted(places)
        assert -1 not in places


# What goes wrong


@pytest.fixture(scope="module")
def own() -> Iterator[PostgreSQL]:
    """One that may be stopped."""
    with running() as found:
        found.sql("CREATE DATABASE worlds")
        yield found


@contextmanager
def stopped(own: PostgreSQL, schema: str) -> Iterator[None]:
    own.stop()
    try:
        yield
    finally:
        own.start()


@contextmanager
def standing_still(own: PostgreSQL, schema: str) -> Iterator[None]:
    with own.standing_still():
        yield


@contextmanager
def read_only(own: PostgreSQL, schema: str) -> Iterator[None]:
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'fakeserver';"
    own.sql(f"ALTER DATABASE worlds SET default_transaction_read_only = on; {end}")
    try:
        yield
    finally:
        own.sql(f"ALTER DATABASE worlds RESET default_transaction_read_only; {end}")


@contextmanager
def full(own: PostgreSQL, schema: str) -> Iterator[None]:
    """As PostgreSQL says it when a disk has no room left."""
    own.sql(
        f"CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END$$;"
        f"CREATE TRIGGER refuse BEFORE INSERT ON {schema}.log EXECUTE FUNCTION {schema}.refuse()",
        "worlds",
    )
    try:
        yield
    finally:
        own.sql(f"DROP TRIGGER refuse ON {schema}.log", "worlds")


@contextmanager
def locked(own: PostgreSQL, schema: str) -> Iterator[None]:
    other = PostgresStore(own.url(schema, database="worlds"))
    change = other.change(SECONDS)
    assert change is not None
    try:
        yield
    finally:
        change.undo()
        other.close()


@contextmanager
def gone(own: PostgreSQL, schema: str) -> Iterator[None]:
    own.sql(f"ALTER SCHEMA {schema} RENAME TO aside", "worlds")
    try:
        yield
    finally:
        own.sql(f"ALTER SCHEMA aside RENAME TO {schema}", "worlds")


@contextmanager
def standby(own: PostgreSQL, schema: str) -> Iterator[None]:
    """It has become one, and takes the lead again: nothing says that it has all that was acknowledged."""
    own.stop()
    (own.state / "standby.signal").touch()
    own.start()
    try:
        yield
    finally:
        own.run("pg_ctl", "-D", str(own.state), "-w", "-s", "promote")


READABLE = ("read-only", "full", "locked")


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("reason", "breaking"),
    [
        ("unreachable", stopped),
        ("slow", standing_still),
        ("read-only", read_only),
        ("full", full),
        ("locked", locked),
        ("gone", gone),
        ("standby", standby),
    ],
)
def test_what_cannot_be_kept_or_read_is_a_503(own: PostgreSQL, schema: str, reason: str, breaking: Any) -> None:
    """In the dialect of each provider; who only reads finds what was, or a 503. All is well again by itself."""
    with node(own.url(schema, database="worlds")) as at:
        at.create("before")
        with breaking(own, schema):
            body = {"name": "lost", "docker_image": "a"}
            refused = at.ask("prime", method="POST", body=body)
            assert (refused.status_code, refused.headers["x-fakeserver-store"]) in told_of(reason)
            assert "nothing has changed" in refused.json()["detail"]
            until(lambda: health_of(at) in told_of(reason))
            reading = at.ask("prime", "/api/v1/sandbox?per_page=1000")
            if reason in READABLE:
                names = {row["name"] for row in reading.json()["sandboxes"]}
                assert ("before" in names, "lost" in names) == (True, False)
            else:
                assert (reading.status_code, reading.headers["x-fakeserver-store"]) in told_of(reason)
            # What changes nothing needs no room.
            for slug in SLUGS if reason != "full" else ():
                answer = at.ask(slug, "/nowhere", "POST", {})
                assert (answer.status_code, answer.headers["x-fakeserver-store"]) in told_of(reason), slug
        until(lambda: at.admin("GET", "/health").status_code == 200)
        at.create("behind")
        names = at.names()
        assert {"before", "behind"} <= names
        assert "lost" not in names


def health_of(at: Node) -> tuple[int, str | None]:
    answer = at.admin("GET", "/health")
    return answer.status_code, answer.headers.get("x-fakeserver-store")


def told_of(reason: str) -> set[tuple[int, str | None]]:
    """A server that stands still, or was just started again, may be told of as one that is not there."""
    absent = ("unreachable", "slow") if reason in ("unreachable", "slow", "standby") else ()
    return {(503, each) for each in (reason, *absent)}


def test_a_restart_between_two_requests_is_nobodys_concern(own: PostgreSQL, schema: str) -> None:
    with node(own.url(schema, database="worlds")) as at:
        at.create("before")
        own.stop("immediate")
        own.start()
        until(lambda: at.ask("prime").status_code == 200)
        at.create("behind")
        assert {"before", "behind"} <= at.names()


def test_a_past_that_was_lost_is_not_shown(own: PostgreSQL, schema: str) -> None:
    """A standby takes over that lacks what was acknowledged last: what is shown is what there is."""
    place = own.url(schema, database="worlds")
    with node(place) as at, node(place) as other:
        at.create("kept")
        own.sql(f"CREATE SCHEMA old_{schema}", "worlds")
        for table in ("commits", "log", "worlds"):
            own.sql(f"CREATE TABLE old_{schema}.{table} AS TABLE {schema}.{table}", "worlds")
        at.create("lost")
        assert {"kept", "lost"} <= other.names()
        back = "".join(
            f"DELETE FROM {schema}.{table}; INSERT INTO {schema}.{table} TABLE old_{schema}.{table};"
            for table in ("commits", "log", "worlds")
        )
        # Between two changes, as no session outlives the database that it is of.
        key = at.app.store._write_key  # type: ignore[attr-defined]
        own.sql(f"BEGIN; SELECT pg_advisory_xact_lock({key}); {back} COMMIT", "worlds")
        for each in (at, other):
            assert "kept" in each.names()
            assert "lost" not in each.names()
        other.create("made since")
        assert at.names() & {"kept", "lost", "made since"} == {"kept", "made since"}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("made", [True, False])
def test_a_commit_whose_answer_was_lost_is_found_out(
    own: PostgreSQL, schema: str, made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session ends behind the commit, or before it: what was made is acknowledged, and what was not refused."""
    monkeypatch.setattr(transactions, "RESOLVE_SECONDS", float(SECONDS))
    place = own.url(schema, database="worlds")
    with node(place) as at, node(place) as other:
        at.create("before")
        body = {"name": "doubtful", "docker_image": "a"}
        if made:
            monkeypatch.setattr(tables, "STALE", ending_session(at))
            answer = at.ask("prime", method="POST", body=body)
            monkeypatch.undo()
        else:
            own.sql(
                f"CREATE FUNCTION {schema}.leave() RETURNS trigger LANGUAGE plpgsql AS "
                "$$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END$$;"
                f"CREATE TRIGGER leave BEFORE INSERT ON {schema}.log EXECUTE FUNCTION {schema}.leave()",
                "worlds",
            )
            answer = at.ask("prime", method="POST", body=body)
            own.sql(f"DROP TRIGGER leave ON {schema}.log", "worlds")
        assert answer.status_code == (201 if made else 503), answer.text
        for each in (at, other):
            until(partial(answers, each))
            rows = each.ask("prime", "/api/v1/sandbox?per_page=1000").json()["sandboxes"]
            assert [row["name"] for row in rows].count("doubtful") == made
        if not made:
            assert "nothing has changed" in answer.json()["detail"]


def answers(at: Node) -> bool:
    return at.ask("prime").status_code == 200


def ending_session(at: Node) -> str:
    """A query that ends the session of the server's changes."""
    pid = at.app.store._writer._connection.info.backend_pid  # type: ignore[attr-defined]
    return f"SELECT '', '', 1 WHERE (pg_backend_pid() = {pid} AND pg_terminate_backend({pid})) OR %s = ''"


@pytest.mark.usefixtures("hurried")
def test_a_commit_of_which_nobody_knows_is_refused_as_that(
    own: PostgreSQL, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = own.url(schema, database="worlds")
    with node(place) as at:
        at.create("before")
        own.sql("ALTER DATABASE worlds ALLOW_CONNECTIONS false")
        with monkeypatch.context() as patched:
            patched.setattr(tables, "STALE", ending_session(at))
            answer = at.ask("prime", method="POST", body={"name": "doubtful", "docker_image": "a"})
        own.sql("ALTER DATABASE worlds ALLOW_CONNECTIONS true")
        assert answer.status_code == 503
        assert "is not known" in answer.json()["detail"]
        until(lambda: at.ask("prime").status_code == 200)
        assert "doubtful" in at.names(), "here it was made"


def test_a_store_that_hangs_holds_nobody_up_who_does_not_need_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does is in a namespace of which the server knows nothing, or lists namespaces; meanwhile a balancer hears
    that the server is not well."""
    monkeypatch.setattr(telling, "HEALTH_SECONDS", 0.1)
    with node(url) as at, ThreadPoolExecutor(1) as threads:
        at.create("before")
        store = at.app.store
        assert isinstance(store, PostgresStore)
        # Nothing is cut.
        store._watch.end()
        body = {"name": "made", "docker_image": "a"}
        for needing in (
            lambda: at.ask("prime", method="POST", body=body, ns="new"),
            lambda: at.admin("GET", "/namespaces"),
        ):
            with hanging(store):
                asked = threads.submit(needing)
                for _ in range(3):
                    assert health_of(at) == (503, "slow")
                assert not asked.done()
            assert asked.result(SECONDS).status_code < 300
        until(lambda: health_of(at) == (200, None))


def test_the_loop_never_waits_for_the_store(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a server wants to know, a thread asks for it."""
    pytest.importorskip("bashkit")
    monkeypatch.setattr(keeping, "ROWS_TO_COMPACT", 3)
    by_loop: list[str] = []
    with node(url) as at, node(url) as other:
        box = other.ask("superserve", "/sandboxes", "POST", {"name": "box"}).json()["id"]
        assert "box" in at.ask("superserve").text
        for name in (
            "has",
            "rows_of",
            "read",
            "left",
            "journal_after",
            "worlds",
            "notes",
            "mark",
            "look",
            "begin",
            "check",
        ):
            monkeypatch.setattr(at.app.store, name, telling_who(at, name, by_loop))
        for number in range(3):
            command = {"command": f"echo {number} > /root/note"}
            assert other.ask("superserve", f"/sandboxes/{box}/exec", "POST", command).status_code == 200
            shown = at.ask("superserve", f"/sandboxes/{box}/exec", "POST", {"command": "cat /root/note"})
            assert shown.json()["stdout"] == f"{number}\n"
        live_a_life(at, "a")
        other.create("there", "b")
        assert "there" in at.names("b")
        until(lambda: at.admin("GET", "/clock", ns="a").is_success and at.app.store.read("a").snapshot)  # type: ignore[union-attr]
        for path in ("/namespaces", "/requests", "/metrics", "/snapshot", "/health"):
            assert at.admin("GET", path, ns="c").status_code == 200
        for name in ("a", "b"):
            assert at.admin("DELETE", f"/namespaces/{name}").status_code == 204
        assert at.admin("DELETE", "/namespaces/d").status_code == 404
        assert at.admin("GET", "/requests").status_code == 200, "it tells which namespaces were used"
        assert at.app.claims.loop is not None
        asyncio.run_coroutine_threadsafe(at.app.telling.prune(-3_600), at.app.claims.loop).result(SECONDS)
        assert not at.app.store.has("c")
        monkeypatch.undo()
    assert not by_loop


def telling_who(at: Node, name: str, by_loop: list[str]) -> Callable[..., Any]:
    """A question to the store, with a list of those that the loop asks."""
    question = getattr(at.app.store, name)

    def ask(*values: Any) -> Any:
        if threading.get_ident() == at.app.claims.thread:
            by_loop.append(name)
        return question(*values)

    ask.__name__ = name
    return ask


@contextmanager
def hanging(store: PostgresStore) -> Iterator[None]:
    """The session that reads stands still."""
    connection = store._reader._connection
    assert connection is not None
    pid = connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# Beginning


def test_a_store_that_cannot_be_had_is_one_line_without_its_password(
    postgresql: PostgreSQL, schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = postgresql.url_with_password(schema)
    found = PostgresStore(good)
    assert PASSWORD not in repr(found) + repr(vars(found)) + found.name
    found.close()
    wrong = postgresql.url_with_password(schema, "wrong-Pa55")
    for place, password in (
        (wrong, "wrong-Pa55"),
        (good.replace("@127", "@127.0.0.1:1,127").replace("127.0.0.1:1,127.0.0.1:", "127.0.0.1:1"), PASSWORD),
        ("postgresql://me:half/secret@host/worlds", "secret"),
        ("postgresql://me@host/worlds?password=secret&nothing=there", "secret"),
        (good.replace(schema, "No Schema"), PASSWORD),
    ):
        for code, told in (start("--store", place), store("status", place)[::2]):
            assert (code, told.count("\n")) == (2, 1), told
            assert password not in told + caplog.text, told
    assert (code, "schema" in told) == (2, True)


def test_stores_of_other_formats_seeds_and_owners_are_refused(postgresql: PostgreSQL, schema: str) -> None:
    place = postgresql.url(schema)
    assert store("status", place)[0] == 2, "it is not there"
    with pytest.raises(StoreError):
        PostgresStore(place, there=True)
    assert store("migrate", place)[0] == 0
    assert store("migrate", place)[0] == 0
    with node(place, seed=7):
        pass
    code, told = start("--store", place, "--seed", "8")
    assert (code, told.count("\n"), "--seed" in told) == (2, 1, True)
    for version, word in ((99, "newer"), (0, "older")):
        postgresql.sql(f"UPDATE {schema}.format SET version = {version}")
        code, told = start("--store", place)
        assert (code, told.count("\n"), word in told) == (2, 1, True), told
    postgresql.sql(f"DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema} CREATE TABLE mine (a int)")
    code, told = start("--store", place)
    assert (code, told.count("\n")) == (2, 1)
    assert "left as it is" in told


def test_one_thread_at_a_time_has_a_claim(url: str) -> None:
    """Of all servers; one that is gone has none."""
    one, two = PostgresStore(url), PostgresStore(url)
    order: list[str] = []
    with ThreadPoolExecutor(1) as threads:
        with one.claim(7), two.claim(8):
            waiting: Future[None] = threads.submit(claim_and_note, two, order)
            time.sleep(0.05)
            order.append("first")
        waiting.result(SECONDS)
    assert order == ["first", "second"]
    held = one.claim(7)
    held.__enter__()
    one._claims.close()
    with two.claim(7):
        order.append("third")
    one.close()
    two.close()
    assert order[-1] == "third"


def claim_and_note(at: PostgresStore, order: list[str]) -> None:
    with at.claim(7):
        order.append("second")


def test_a_change_is_refused_when_its_session_was_lost(url: str) -> None:
    """None of it is done in another session, which would be outside of the transaction."""
    at = PostgresStore(url)
    change = at.begin(1, at.mark())
    assert change is not None
    change.append("", 1, b"[]")
    at._writer.close()
    with pytest.raises(Unavailable):
        change.commit()
    assert at.mark().number == 0
    at.close()
