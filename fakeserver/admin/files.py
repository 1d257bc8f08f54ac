"""The files of a sandbox, as the admin API shows them."""

from __future__ import annotations

import asyncio
import posixpath

from fakeserver.commands.files import Facts, Files
from fakeserver.commands.guest import INSTALL, Guest
from fakeserver.instants import SECOND, at
from fakeserver.problems import Document, FakeProblem, Problem
from fakeserver.provider import Provider
from fakeserver.worlds.world import World

BYTES = "application/octet-stream"
MAX_ENTRIES = 10_000
"""Names in a directory that are shown."""
MAX_BYTES = 16 * 2**20
"""Bytes of a file that is shown."""
MAX_SHOWN = 64
"""Characters of an unknown id that a refusal repeats."""
ROOT = "/"
UNSERVED = 501


async def find(world: World, provider: Provider, identity: str) -> Guest:
    """The sandbox that an id means: its own, or that of what has one, such as a session; a 404 where there is none, or
    not any more."""
    for kind in ("", *provider.kinds):
        for collection in world.collections(provider, kind, world.clock.now).values():
            for _ in collection.file_identities():
                await asyncio.sleep(0)
    now, asked = world.clock.now, identity[:MAX_SHOWN]
    meant = meant_by(world, provider, identity, now)
    if meant is None:
        raise FakeProblem(404, f"{provider.slug} has no sandbox {asked!r}", field="id")
    if not meant:
        raise FakeProblem(404, f"{asked!r} is none of {provider.slug}'s sandboxes, and has no files", field="id")
    if not world.living(provider, now)(meant):
        raise FakeProblem(404, f"The sandbox of {asked!r} has ended, and its files with it", field="id")
    return world.guests.of(provider.slug, meant)


def meant_by(world: World, provider: Provider, identity: str, now: int) -> str | None:
    """The id under which files are kept that somebody looks for by this one; empty for what has none, and nothing for
    what there is not."""
    for kind in ("", *provider.kinds):
        for collection in world.collections(provider, kind, now).values():
            rank = collection.locate(identity)
            life = None if rank is None else collection.life(rank, now - world.epoch)
            if life is not None:
                return provider.kind(kind).files(life) if kind else identity
    return provider.also_called(identity)


def look(guest: Guest, path: str | None) -> bytes | Document:
    """What a sandbox has at a path: the bytes of a file, or the entries of a directory."""
    # Every path begins at the root, and nothing is above that.
    place = posixpath.normpath(posixpath.join(ROOT, path or ROOT))
    place = ROOT + place.lstrip(ROOT)
    try:
        return guest.files(lambda files: look_in(files, place), changes=False)
    except Problem as problem:
        told = f"There are no files to show: {INSTALL}" if problem.status == UNSERVED else problem.detail
        raise FakeProblem(problem.status, told) from problem


def look_in(files: Files, place: str) -> bytes | Document:
    try:
        found = files.stat(place)
        if found["file_type"] == "directory":
            return directory(files, place)
        if found["size"] > MAX_BYTES:
            told = f"{place} has {found['size']} bytes; a file is shown that has at most {MAX_BYTES}"
            raise FakeProblem(413, told, field="path")
        content = files.read_file(place)
    except RuntimeError as error:
        # The interpreter knows one class of errors; what it says is about its own files alone.
        told = str(error).removeprefix("io error: ")
        raise FakeProblem(404, f"{place[:MAX_SHOWN]}: {told}", field="path") from error
    return content[:MAX_BYTES]


def directory(files: Files, place: str) -> Document:
    """What is in a directory, by name."""
    rows = sorted(files.read_dir(place), key=lambda row: row["name"])
    return {
        "path": place,
        "entries": [entry(files, place, row["name"], row["metadata"]) for row in rows[:MAX_ENTRIES]],
        "total": len(rows),
    }


def entry(files: Files, place: str, name: str, about: Facts) -> Document:
    link = about["file_type"] == "symlink"
    target = str(files.read_link(posixpath.join(place, name))) if link else None
    return {
        "name": name,
        "kind": about["file_type"],
        # Of a link the interpreter does not always know it.
        "size": about["size"] if target is None else len(target.encode()),
        "mode": f"{about['mode']:o}",
        "modified": at(round(about["modified"] * SECOND)),
        "target": target,
    }
