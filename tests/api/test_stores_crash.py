"""Servers of a store that are killed while they write: nothing that was acknowledged is lost, nor half there."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.asgi import credential
from tests.support.command import Served, serving

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


def states(served: Served) -> Iterator[tuple[str, str]]:
    """Of all sandboxes that were made."""
    page = 1
    while True:
        path = f"/prime/api/v1/sandbox?per_page=1000&page={page}"
        body = served.get(path, **credential("prime")).json()
        yield from ((row["id"], row["status"]) for row in body["sandboxes"] if row["name"] == "made")
        if not body["has_next"]:
            return
        page += 1


def kill_again_and_again(folder: Path, kills: int, seed: int) -> None:
    store = f"sqlite:{folder / 'worlds.db'}"
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


def test_what_was_acknowledged_outlives_a_killed_server(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, KILLS, seed=1)


@pytest.mark.soak
def test_what_was_acknowledged_outlives_many_killed_servers(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, SOAKED, seed=2)
