"""Worlds in one SQLite file, which the processes of one machine share."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from fakeserver.stores.claims import Claims
from fakeserver.stores.selecting import position_of, read_counters, read_journal, read_world
from fakeserver.stores.store import (
    FORMAT,
    WRITTEN,
    Counters,
    Journalled,
    Kept,
    Key,
    Left,
    Listed,
    Row,
    StoreError,
    Unavailable,
)
from fakeserver.stores.wal import head_of

APPLICATION_ID = 0x66_6B_73_76
"""What tells a store from any other SQLite file."""
MOST_SECONDS = 5.0
"""Until a file that somebody else holds counts as held."""
MAX_WAL_BYTES = 64 * 2**20
"""Of the log of SQLite, which is cut to this when all of it is in the file."""
PAGES_TO_CHECKPOINT = 4_000
"""Pages of it after which SQLite moves them to the file."""
KEPT_MICROSECONDS = 3_600_000_000
"""That the row which says that a world is dropped is kept for whoever still has that world."""
SCHEMA = (
    "CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE worlds (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, anchor TEXT NOT NULL, upto INTEGER NOT NULL,"
    " held_from INTEGER NOT NULL, used_at INTEGER NOT NULL, total INTEGER NOT NULL, journal TEXT NOT NULL)"
    " WITHOUT ROWID",
    # Every look asks which worlds have a snapshot that is newer than its position.
    "CREATE INDEX worlds_by_snapshot ON worlds (held_from)",
    "CREATE TABLE snapshots (world TEXT PRIMARY KEY, snapshot BLOB NOT NULL)",
    "CREATE TABLE log (number INTEGER PRIMARY KEY AUTOINCREMENT, world TEXT NOT NULL, at INTEGER NOT NULL,"
    " entries BLOB NOT NULL)",
    "CREATE INDEX log_of_world ON log (world, number)",
    "CREATE TABLE left_behind (world TEXT NOT NULL, slug TEXT NOT NULL, identity TEXT NOT NULL, files BLOB,"
    " variables TEXT NOT NULL, PRIMARY KEY (world, slug, identity))",
    "CREATE TABLE counters (world TEXT NOT NULL, key TEXT NOT NULL, used REAL NOT NULL, instant INTEGER NOT NULL,"
    " PRIMARY KEY (world, key))",
    "CREATE TABLE journal (world TEXT NOT NULL, number INTEGER NOT NULL, entry BLOB NOT NULL,"
    " PRIMARY KEY (world, number)) WITHOUT ROWID",
)
TABLES = ("snapshots", "left_behind", "counters", "journal")
"""What is kept by the name of a world, beside the log."""
REASONS = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_PERM: "read-only",
}
"""What is wrong, by SQLite's own code; anything else is that the file cannot be reached."""
PRIMARY_CODE = 0xFF


def reason_of(error: sqlite3.Error) -> str:
    return REASONS.get(getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE, "unreachable")


class SQLiteStore:
    """See `store.Store`. One connection reads, and another changes; each is used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"sqlite:{path}"
        try:
            check_file(path)
            self._reader = connect(path)
            self._writer = connect(path)
            prepare(self._writer)
            self._file = stamp_of(path)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the store {self.name} cannot be used: {error}") from error
        self._version, self._ask_version = -1, self._reader.execute
        self._seen, self._head = b"", head_of(path)
        self._claims = Claims(path.with_name(f"{path.name}-claims"))

    @contextmanager
    def _telling(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """The connection that reads, whose errors are told as the store's."""
        try:
            yield self._reader.execute
        except sqlite3.Error as error:
            raise Unavailable(reason_of(error), f"the store {self.name}: {error}") from error

    def check(self) -> None:
        if stamp_of(self.path) != self._file:
            raise Unavailable("gone", f"the store {self.name} is gone, or another file has taken its place")
        with self._telling() as execute:
            execute("SELECT max(number) FROM log").fetchone()

    def has_news(self) -> bool:
        # Every request asks this.
        if self._head is not None:
            head = self._head()
            if head == self._seen:
                return False
            self._seen = head
            return True
        try:
            (version,) = self._ask_version("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise Unavailable(reason_of(error), f"the store {self.name}: {error}") from error
        if version == self._version:
            return False
        self._version = version
        return True

    def position(self) -> int:
        with self._telling() as execute:
            return position_of(execute)

    def rows_after(self, position: int) -> tuple[list[Row], set[str]]:
        with self._telling() as execute:
            execute("BEGIN")
            try:
                found = execute(
                    "SELECT number, world, at, entries FROM log WHERE number > ? ORDER BY number", (position,)
                )
                rows = [Row(*each) for each in found]
                behind = execute("SELECT name FROM worlds WHERE held_from > ?", (position,)).fetchall()
            finally:
                execute("COMMIT")
        return rows, {name for (name,) in behind}

    def has(self, world: str) -> bool:
        with self._telling() as execute:
            return execute("SELECT 1 FROM worlds WHERE name = ?", (world,)).fetchone() is not None

    def rows_of(self, world: str) -> int:
        with self._telling() as execute:
            query = "SELECT count(*) FROM log JOIN worlds ON name = world WHERE world = ? AND number > upto"
            return int(execute(query, (world,)).fetchone()[0])

    def read(self, world: str) -> Kept | None:
        with self._telling() as execute:
            execute("BEGIN")
            try:
                return read_world(self._reader, world)
            finally:
                execute("COMMIT")

    def left(self, world: str, key: Key) -> Left | None:
        with self._telling() as execute:
            found = execute(
                "SELECT files, variables FROM left_behind WHERE world = ? AND slug = ? AND identity = ?", (world, *key)
            )
            row: Left | None = found.fetchone()
        return row

    def journal_after(self, world: str, number: int) -> Journalled | None:
        with self._telling() as execute:
            return read_journal(execute, world, number)

    def worlds(self) -> list[Listed]:
        with self._telling() as execute:
            rows = execute(
                "SELECT name, epoch, upto, used_at, total,"
                " (SELECT count(*) FROM log WHERE world = name AND number > upto),"
                " (SELECT coalesce(sum(length(entries)), 0) FROM log WHERE world = name)"
                " + coalesce((SELECT length(snapshot) FROM snapshots WHERE world = name), 0)"
                " + (SELECT coalesce(sum(length(files)), 0) FROM left_behind WHERE world = name),"
                " EXISTS (SELECT 1 FROM snapshots WHERE world = name)"
                " FROM worlds ORDER BY used_at DESC, name"
            ).fetchall()
        return [
            Listed(name, epoch, bool(rows or snapshot), used_at, rows, size, total)
            for name, epoch, _, used_at, total, rows, size, snapshot in rows
        ]

    def count(self) -> int:
        with self._telling() as execute:
            return int(execute("SELECT count(*) FROM worlds").fetchone()[0])

    def written(self) -> dict[str, bool]:
        with self._telling() as execute:
            return {name: bool(written) for name, written in execute(WRITTEN)}

    def notes(self) -> dict[str, str]:
        with self._telling() as execute:
            return dict(execute("SELECT name, text FROM notes").fetchall())

    def change(self, seconds: float) -> SQLiteChange | None:
        try:
            self._writer.execute(f"PRAGMA busy_timeout = {int(seconds * 1_000)}")
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if reason_of(error) == "locked":
                return None
            raise Unavailable(reason_of(error), f"the store {self.name}: {error}") from error
        return SQLiteChange(self._writer, self.name)

    def claim(self, number: int) -> contextlib.AbstractContextManager[None]:
        return self._claims.claim(number)

    def close(self) -> None:
        self._claims.close()
        self._head = None
        for connection in (self._reader, self._writer):
            with contextlib.suppress(sqlite3.Error):
                connection.close()


class SQLiteChange:
    """See `store.Change`."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    def _execute(self, text: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(text, values)
        except sqlite3.Error as error:
            self.undo()
            raise Unavailable(reason_of(error), f"the store {self._name}: {error}") from error

    def add_world(self, name: str, epoch: int, anchor: str, at: int) -> None:
        position = position_of(self._execute)
        row = (name, epoch, anchor, position, position, at, 0, "")
        self._execute("INSERT INTO worlds VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def drop_world(self, name: str, at: int) -> None:
        self._execute("DELETE FROM log WHERE world = ?", (name,))
        self._execute(
            "DELETE FROM log WHERE at < ? AND world NOT IN (SELECT name FROM worlds)", (at - KEPT_MICROSECONDS,)
        )
        self._execute("DELETE FROM worlds WHERE name = ?", (name,))
        for table in TABLES:
            self._execute(f"DELETE FROM {table} WHERE world = ?", (name,))

    def append(self, world: str, at: int, entries: bytes) -> None:
        self._execute("INSERT INTO log (world, at, entries) VALUES (?, ?, ?)", (world, at, entries))

    def put_snapshot(self, world: str, snapshot: bytes, upto: int | None = None) -> None:
        row = self._execute("SELECT upto FROM worlds WHERE name = ?", (world,)).fetchone()
        upto = position_of(self._execute) if upto is None else upto
        if row is None or row[0] >= upto:
            return
        self._execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?)", (world, snapshot))
        self._execute("DELETE FROM log WHERE world = ? AND number <= ?", (world, row[0]))
        self._execute("UPDATE worlds SET held_from = upto, upto = ? WHERE name = ?", (upto, world))

    def put_left(self, world: str, key: Key, left: Left | None) -> None:
        place = (world, *key)
        self._execute("DELETE FROM left_behind WHERE world = ? AND slug = ? AND identity = ?", place)
        if left is not None:
            self._execute("INSERT INTO left_behind VALUES (?, ?, ?, ?, ?)", (*place, *left))

    def clear_left(self, world: str) -> None:
        self._execute("DELETE FROM left_behind WHERE world = ?", (world,))

    def counters(self, world: str) -> Counters:
        return read_counters(self._execute, world)

    def put_counters(self, world: str, counters: Counters) -> None:
        for key, (used, instant) in counters.items():
            self._execute(
                "INSERT INTO counters VALUES (?, ?, ?, ?)"
                " ON CONFLICT (world, key) DO UPDATE SET used = excluded.used, instant = excluded.instant",
                (world, orjson.dumps(key).decode(), used, instant),
            )

    def clear_counters(self, world: str) -> None:
        self._execute("DELETE FROM counters WHERE world = ?", (world,))

    def journal_total(self, world: str) -> int | None:
        row = self._execute("SELECT total FROM worlds WHERE name = ?", (world,)).fetchone()
        return None if row is None else int(row[0])

    def put_journal(self, world: str, journal: Journalled, most: int | None) -> None:
        for number, entry in journal.entries:
            self._execute("INSERT INTO journal VALUES (?, ?, ?)", (world, number, entry))
        if most is not None:
            # By their count: numbers have gaps, where entries made room untold.
            self._execute(
                "DELETE FROM journal WHERE world = ? AND number <="
                " (SELECT number FROM journal WHERE world = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (world, world, most),
            )
        values = (journal.total, journal.state, world)
        self._execute("UPDATE worlds SET total = ?, journal = ? WHERE name = ?", values)

    def clear_journal(self, world: str) -> None:
        self._execute("DELETE FROM journal WHERE world = ?", (world,))
        self._execute("UPDATE worlds SET total = 0, journal = '' WHERE name = ?", (world,))

    def use(self, world: str, at: int) -> None:
        self._execute("UPDATE worlds SET used_at = ? WHERE name = ? AND used_at < ?", (at, world, at))

    def note(self, name: str, text: str | None) -> None:
        self._execute("DELETE FROM notes WHERE name = ?", (name,))
        if text is not None:
            self._execute("INSERT INTO notes VALUES (?, ?)", (name, text))

    def notes(self) -> dict[str, str]:
        return dict(self._execute("SELECT name, text FROM notes").fetchall())

    def commit(self) -> int:
        position = position_of(self._execute)
        self._execute("COMMIT")
        return position

    def undo(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


# The file


def check_file(path: Path) -> None:
    """Refuse what is damaged, or no store, before a connection is made that could write to it."""
    if not path.exists() or path.stat().st_size == 0:
        return
    # Only SQLite opens the file: to close any other descriptor would end the locks that this process has there.
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            identity = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_NOTADB:
                raise
            raise sqlite3.DatabaseError("it is not a store of fakeserver, and left as it is") from error
        if identity != APPLICATION_ID and (identity or tables):
            raise sqlite3.DatabaseError("it is not a store of fakeserver, and left as it is")
        found = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
        if found != ["ok"]:
            raise sqlite3.DatabaseError(f"it is damaged, and left as it is ({str(found[0]).splitlines()[-1]})")


def connect(path: Path) -> sqlite3.Connection:
    # The files of sandboxes may hold secrets, so they are their owner's.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=MOST_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {MAX_WAL_BYTES}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {PAGES_TO_CHECKPOINT}")
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of a new store, or refuse one of another format."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    if not connection.execute("PRAGMA application_id").fetchone()[0]:
        for text in SCHEMA:
            connection.execute(text)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("COMMIT")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != FORMAT:
        newer = "newer" if version > FORMAT else "older"
        raise sqlite3.DatabaseError(f"its format is {version}, which is {newer} than this fakeserver's, {FORMAT}")


def stamp_of(path: Path) -> tuple[int, int] | None:
    """What tells a file from another in its place."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
