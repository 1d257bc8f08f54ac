"""Servers of a store that are killed while they write: nothing that was acknowledged is lost, nor half there."""

from __future__ import annotations

import io
import os
import random
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from fakeserver.cli import main
from tests.support.asgi import credential
from tests.support.command import Served, serving
from tests.support.postgresql import PostgreSQL, running

WRITERS = 8
KILLS = 2
SOAKED = 200
"""Kills in the suite, and in the soak."""
CREATE = {"docker_image": "python:3.11"}
FLAGS = ("--size", "20", "--no-rate-limits", "--only", "prime")


class Writer(threading.Thread):
    """Creates sandboxes and ends some until its server is gone; `made` and `ended` were acknowledged, and of each id
    there is at most one change that was asked for and not acknowledged."""

    def __init__(self, root: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.root, self.choose = root, random.Random(seed)
        self.made: set[str] = set()
        self.ended: set[str] = set()
        self.doubtful: set[str] = set()

    def run(self) -> None:
        with httpx.Client(trust_env=False, timeout=20, headers=credential("prime")) as client:
            try:
                while True:
                    self.write(client)
            except httpx.TransportError:
                return

    def write(self, client: httpx.Client) -> None:
        if self.made and self.choose.random() < 0.3:
            identity = self.choose.choice(sorted(self.made))
            self.doubtful.add(identity)
            answer = client.delete(f"{self.root}/prime/api/v1/sandbox/{identity}")
            assert answer.status_code < 300, answer.text
            self.made.discard(identity)
            self.doubtful.discard(identity)
            self.ended.add(identity)
        else:
            answer = client.post(f"{self.root}/prime/api/v1/sandbox", json={**CREATE, "name": "made"})
            assert answer.status_code < 300, answer.text
            self.made.add(answer.json()["id"])


def answer_of(served: Served, path: str) -> httpx.Response:
    """As soon as the store answers, which on a busy machine may take longer than a request waits."""
    deadline = time.monotonic() + 20
    while (answer := served.get(path, **credential("prime"))).status_code == 503 and time.monotonic() < deadline:
        assert "The store of this fake is slow" in answer.text or "is locked" in answer.text
        time.sleep(0.1)
    assert answer.status_code == 200, answer.text
    return answer


def states(served: Served) -> Iterator[tuple[str, str]]:
    """Of all sandboxes that were made."""
    page = 1
    while True:
        path = f"/prime/api/v1/sandbox?per_page=1000&page={page}"
        body = answer_of(served, path).json()
        yield from ((row["id"], row["status"]) for row in body["sandboxes"] if row["name"] == "made")
        if not body["has_next"]:
            return
        page += 1


def kill_again_and_again(folder: Path, store: str, kills: int, seed: int) -> None:
    made: set[str] = set()
    ended: set[str] = set()
    doubtful: set[str] = set()
    for number in range(kills + 1):
        with serving(folder, "--store", store, *FLAGS) as served:
            found = dict(states(served))
            assert made <= found.keys()
            assert {identity for identity in made - doubtful if found[identity] == "TERMINATED"} == set()
            assert {found[identity] for identity in ended} <= {"TERMINATED"}
            # Each writer may have had one more on the way.
            assert len(found.keys() - made - ended) <= WRITERS * number
            if number == kills:
                return
            writers = [Writer(served.base_url, seed * 1_000 + number * WRITERS + index) for index in range(WRITERS)]
            for writer in writers:
                writer.start()
            writers[0].join(random.Random(seed + number).uniform(0.1, 0.6))
            served.process.kill()
            for writer in writers:
                writer.join(30)
                made |= writer.made
                ended |= writer.ended
                doubtful |= writer.doubtful
            made -= ended


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new one of each kind."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'worlds.db'}"
    database: PostgreSQL = request.getfixturevalue("postgresql")
    return database.url(f"crash_{secrets.token_hex(8)}")


def test_what_was_acknowledged_outlives_a_killed_server(tmp_path: Path, store: str) -> None:
    kill_again_and_again(tmp_path, store, KILLS, seed=1)


@pytest.mark.soak
def test_what_was_acknowledged_outlives_many_killed_servers(tmp_path: Path, store: str) -> None:
    kill_again_and_again(tmp_path, store, SOAKED, seed=2)


@pytest.mark.parametrize("times", [1, pytest.param(SOAKED, marks=pytest.mark.soak)])
def test_what_was_acknowledged_outlives_a_killed_database(tmp_path: Path, times: int) -> None:
    """PostgreSQL is killed and started again under servers that go on: who writes then is refused, or acknowledged for
    good, whichever server is asked."""
    with running(fsync="on", full_page_writes="on") as database:
        store = ("--store", database.url())
        with serving(tmp_path, *store, *FLAGS) as one, serving(tmp_path, *store, *FLAGS) as two:
            stop = threading.Event()
            writers = [Persistent(each.base_url, index, stop) for index, each in enumerate((one, two) * 4)]
            for writer in writers:
                writer.start()
            for number in range(times):
                writers[0].join(random.Random(number).uniform(0.2, 0.6))
                database.kill()
                database.start()
                written = sum(len(writer.made) for writer in writers)
                until(lambda written=written: sum(len(writer.made) for writer in writers) > written)  # type: ignore[misc]
            stop.set()
            for writer in writers:
                writer.join(30)
            made, ended, doubtful = (
                set[str]().union(*(getattr(each, name) for each in writers)) for name in ("made", "ended", "doubtful")
            )
            for each in (one, two):
                until(partial(is_well, each))
                found = dict(states(each))
                assert made | ended <= found.keys()
                assert {identity for identity in made - doubtful if found[identity] == "TERMINATED"} == set()
                assert {found[identity] for identity in ended} <= {"TERMINATED"}


def is_well(served: Served) -> bool:
    return served.get("/__admin/health").status_code == 200


class Persistent(Writer):
    """Goes on until it is told to stop, whatever it is answered: what it was refused was done all the same where nobody
    knew of that."""

    def __init__(self, root: str, seed: int, stop: threading.Event) -> None:
        super().__init__(root, seed)
        self.stop = stop

    def run(self) -> None:
        with httpx.Client(trust_env=False, timeout=30, headers=credential("prime")) as client:
            while not self.stop.is_set():
                try:
                    self.write(client)
                except AssertionError as refused:
                    assert "The store of this fake is" in str(refused)  # noqa: PT017  # It says what it was answered.
                    time.sleep(0.02)


# Workers


def workers_of(served: Served) -> list[int]:
    leader = served.process.pid
    return [int(each) for each in Path(f"/proc/{leader}/task/{leader}/children").read_text("ascii").split()]


def is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def send(served: Served, method: str, path: str, **more: object) -> httpx.Response:
    """A request on a connection of its own, which any worker may take; one that is killed just then is no answer."""
    for _ in range(50):
        try:
            url = served.base_url + path
            return httpx.request(method, url, headers=credential("prime"), trust_env=False, timeout=20, **more)  # type: ignore[arg-type]
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("no worker answers")


@pytest.mark.skipif(sys.platform != "linux", reason="it looks for the processes in /proc")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_workers_have_one_store_and_are_replaced(tmp_path: Path, end: signal.Signals) -> None:
    """Each sees what the others acknowledged; all of them end with the one that leads them, however that ends."""
    store = f"sqlite:{tmp_path / 'worlds.db'}"
    with serving(tmp_path, "--store", store, "--workers", "2", *FLAGS) as served:
        first = workers_of(served)
        assert len(first) == 2
        for _ in range(10):
            made = send(served, "POST", "/prime/api/v1/sandbox", json={**CREATE, "name": "made"}).json()
            assert send(served, "GET", f"/prime/api/v1/sandbox/{made['id']}").status_code == 200
        os.kill(first[0], signal.SIGKILL)
        until(lambda: len({*workers_of(served)} - {first[0]}) == 2)
        assert len(dict(states(served))) == 10
        last = workers_of(served)
        served.process.send_signal(end)
        assert served.process.wait(20) in (128 + end, -end)
        until(lambda: not any(map(is_alive, last)))


def test_workers_in_memory_are_refused() -> None:
    err = io.StringIO()
    assert main(["serve", "--workers", "2"], io.StringIO(), err) == 2
    assert "--store" in err.getvalue()
    assert err.getvalue().count("\n") == 1
