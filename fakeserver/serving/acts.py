"""What is done to a store, so that it keeps what has happened to worlds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import orjson

from fakeserver.serving.stored_worlds import (
    IS_ANEW,
    IS_DROPPED,
    New,
    encode,
    sandboxes_of,
    shared_of,
    snapshot_of,
    to_keep,
)
from fakeserver.stores.store import Change, Journalled, Key, Left
from fakeserver.worlds.ledger import Taken
from fakeserver.worlds.world import World

Act = Callable[[Change], None]
"""What is done when a batch is committed."""


def add(name: str, new: New, at: int, change: Change) -> None:
    change.add_world(name, new.epoch, new.anchor, at)


def drop(name: str, at: int, change: Change) -> None:
    change.drop_world(name, at)
    change.append(name, at, IS_DROPPED)


def acts_of(world: World, taken: Taken, at: int) -> Iterator[Act]:
    """What keeps all that has happened to a world."""
    name = world.name
    if taken.anew:
        yield from replacing(world, at)
        return
    if taken.emptied:
        yield lambda change: change.clear_journal(name)
    for key, left in taken.left.items():
        yield partial(keep_left, name, key, to_keep(left))
    entries = orjson.dumps(taken.entries)
    yield lambda change: change.append(name, at, entries)


def keep_left(name: str, key: Key, left: Left | None, change: Change) -> None:
    change.put_left(name, key, left)


def replacing(world: World, at: int) -> Iterator[Act]:
    """What keeps another world in the place of the one that was there."""
    name, snapshot, left = world.name, snapshot_of(world), dict(sandboxes_of(world))
    counters, journal, most = dict(world.limits.counters), journal_of(world), world.journal.most

    def replace(change: Change) -> None:
        for clear in (change.clear_left, change.clear_counters, change.clear_journal):
            clear(name)
        for key, each in left.items():
            change.put_left(name, key, each)
        change.put_counters(name, counters)
        change.put_journal(name, journal, most)
        change.append(name, at, IS_ANEW)
        change.put_snapshot(name, encode(snapshot))

    yield replace


def journal_of(world: World) -> Journalled:
    """A journal as a store keeps it."""
    journal, _ = shared_of(world)
    entries = [(entry.number, orjson.dumps(entry.dump())) for entry in journal.entries()]
    return Journalled(journal.total, entries[::-1], orjson.dumps(journal.memory()).decode())
