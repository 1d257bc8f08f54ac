"""Crash points: the log of a store in a file, cut off behind each frame, as a machine leaves it that stops there.

Writers write at the same time, so that commits are of several of them. What is found behind each cut must be, to the
last byte, what was kept when the last commit ended that is in it; and all of what had been acknowledged by then.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakeserver.serving import keeping
from fakeserver.stores import sqlite
from fakeserver.stores.sqlite import SQLiteChange, SQLiteStore
from fakeserver.stores.store import Kept
from tests.support.asgi import credential
from tests.support.stores import stored_app

WRITERS = 8
ROWS_TO_COMPACT = 40
HEAD_BYTES, FRAME_HEAD_BYTES, PAGE_BYTES = 32, 24, 4_096
FRAME_BYTES = FRAME_HEAD_BYTES + PAGE_BYTES
EACH = 12
"""Writes of a writer between two checkpoints."""
LOOKED_INTO = 8
"""Of so many cuts, one whose world is made and looked into."""
CREATE = {"docker_image": "python:3.11", "name": "made"}


def digest_of(kept: Kept) -> bytes:
    """Of all that is kept of a world."""
    rows = [(row.number, row.at, row.entries) for row in kept.rows]
    told = (kept.epoch, kept.anchor, kept.snapshot, rows, kept.left, kept.counters, kept.journal)
    return hashlib.blake2b(repr(told).encode()).digest()


@dataclass
class Episode:
    """What is known of some writes: by commit, how long the log was behind it and a digest of what was kept; and of
    each write that was acknowledged, how long the log was then, the sandbox, and whether that has ended by it."""

    ends: list[int] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    acknowledged: list[tuple[int, str, bool]] = field(default_factory=list)


@dataclass
class Found:
    """Cuts that were tried, of how many commits and acknowledged writes, and a line for each that was wrong."""

    cuts: int = 0
    commits: int = 0
    writes: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = f"{self.cuts} cuts through {self.commits} commits of {self.writes} acknowledged writes"
        return f"{told}, {len(self.wrong)} wrong"


def cut_again_and_again(folder: Path, points: int, seed: int) -> Found:
    """So many crash points, or a few more."""
    found, chance, path = Found(), random.Random(seed), folder / "worlds.db"
    with pytest.MonkeyPatch.context() as patch:
        # Nothing leaves the log by itself.
        patch.setattr(sqlite, "PAGES_TO_CHECKPOINT", 0)
        patch.setattr(keeping, "ROWS_TO_COMPACT", ROWS_TO_COMPACT)
        patch.setattr(keeping, "PER_ROW", 10**9)
        app, watching = stored_app(path), SQLiteStore(path)
        size, episode = Path(f"{path}-wal"), Episode()
        commit = SQLiteChange.commit

        def watched(change: SQLiteChange) -> int:
            position = commit(change)
            kept = watching.read("")
            assert kept is not None
            episode.ends.append(size.stat().st_size)
            episode.digests.append(digest_of(kept))
            return position

        patch.setattr(SQLiteChange, "commit", watched)
        alive: list[str] = []

        async def write(client: httpx.AsyncClient, number: int) -> None:
            for _ in range(EACH):
                if alive and chance.random() < 0.3:
                    identity = alive.pop(chance.randrange(len(alive)))
                    answer = await client.delete(f"/prime/api/v1/sandbox/{identity}")
                else:
                    answer = await client.post("/prime/api/v1/sandbox", json=CREATE)
                    identity = answer.json()["id"]
                    alive.append(identity)
                assert answer.status_code < 300, answer.text
                ended = answer.request.method == "DELETE"
                episode.acknowledged.append((size.stat().st_size, identity, ended))

        async def write_all() -> None:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://store", headers=credential("prime")
            ) as client:
                await asyncio.gather(*(write(client, number) for number in range(WRITERS)))
            while app.keeper.compacting:
                await asyncio.sleep(0.001)

        with asyncio.Runner() as runner:
            while found.cuts < points:
                watching._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                kept = watching.read("")
                assert kept is not None
                episode = Episode([0], [digest_of(kept)])
                base = folder / "base.db"
                shutil.copyfile(path, base)
                runner.run(write_all())
                found.commits += len(episode.ends) - 1
                found.writes += len(episode.acknowledged)
                for point in points_of(size.stat().st_size, chance):
                    found.cuts += 1
                    look = found.cuts % LOOKED_INTO == 0
                    wrong = wrong_with(folder / "cut.db", base, size, point, episode, app if look else None)
                    if wrong:
                        found.wrong.append(f"behind {point} bytes: {wrong}")
            runner.run(app.close())
        watching.close()
    return found


def points_of(size: int, chance: random.Random) -> Iterator[int]:
    """Behind each frame, and within some."""
    for end in range(HEAD_BYTES, size + 1, FRAME_BYTES):
        yield end
        if chance.random() < 0.1 and end < size:
            yield end + chance.randrange(1, FRAME_BYTES)


def wrong_with(cut: Path, base: Path, wal: Path, point: int, episode: Episode, app: Any) -> str:
    """What is wrong with a store whose log ends at a point, if anything is."""
    for suffix in ("-wal", "-shm"):
        Path(f"{cut}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(base, cut)
    with wal.open("rb") as file:
        Path(f"{cut}-wal").write_bytes(file.read(point))
    store = SQLiteStore(cut)
    try:
        kept = store.read("")
        last = bisect_right(episode.ends, point) - 1
        if kept is None or digest_of(kept) != episode.digests[last]:
            return f"not what commit {last} had kept"
        if app is None:
            return ""
        world, provider = app.stored.build(kept), app.services["prime"].provider
        documents = world.collections(provider, "", world.clock.now)["main"]
        ended = {identity for size, identity, ends in episode.acknowledged if ends and size <= point}
        for size, identity, _ in episode.acknowledged:
            rank = documents.locate(identity) if size <= point else None
            if size <= point and rank is None:
                return f"{identity} was acknowledged, and is lost"
            if rank is not None and identity in ended and documents.document(rank)["status"] != "TERMINATED":
                return f"the end of {identity} was acknowledged, and is lost"
        return ""
    finally:
        store.close()
