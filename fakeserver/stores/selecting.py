"""What is read of an SQLite file, with whichever connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import orjson

from fakeserver.stores.store import Counters, Journalled, Kept, Row


def position_of(execute: Callable[..., sqlite3.Cursor]) -> int:
    # What AUTOINCREMENT remembers stays when rows are gone.
    row = execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
    return 0 if row is None else int(row[0])


def read_world(connection: sqlite3.Connection, world: str) -> Kept | None:
    execute = connection.execute
    found = execute("SELECT epoch, anchor, upto FROM worlds WHERE name = ?", (world,)).fetchone()
    if found is None:
        return None
    epoch, anchor, upto = found
    snapshot = None
    for (row,) in execute("SELECT rowid FROM snapshots WHERE world = ?", (world,)):
        # A row would be copied once more, and it may be long.
        with connection.blobopen("snapshots", "snapshot", row, readonly=True) as blob:
            snapshot = blob.read()
    rows = execute(
        "SELECT number, world, at, entries FROM log WHERE world = ? AND number > ? ORDER BY number", (world, upto)
    )
    left = execute("SELECT slug, identity, files, variables FROM left_behind WHERE world = ? ORDER BY rowid", (world,))
    journal = read_journal(execute, world, 0)
    return Kept(
        world,
        epoch,
        anchor,
        snapshot,
        [Row(*each) for each in rows],
        {(slug, identity): (files, variables) for slug, identity, files, variables in left},
        read_counters(execute, world),
        journal or Journalled(0, (), ""),
        upto,
    )


def read_counters(execute: Callable[..., sqlite3.Cursor], world: str) -> Counters:
    rows = execute("SELECT key, used, instant FROM counters WHERE world = ? ORDER BY rowid", (world,))
    return {tuple(orjson.loads(key)): (used, instant) for key, used, instant in rows}


def read_journal(execute: Callable[..., sqlite3.Cursor], world: str, number: int) -> Journalled | None:
    row = execute("SELECT total, journal FROM worlds WHERE name = ?", (world,)).fetchone()
    if row is None:
        return None
    entries = execute(
        "SELECT number, entry FROM journal WHERE world = ? AND number > ? ORDER BY number", (world, number)
    )
    return Journalled(row[0], entries.fetchall(), row[1])
