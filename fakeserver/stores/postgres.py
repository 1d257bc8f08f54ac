"""Worlds in a schema of a PostgreSQL database, which the processes of many machines share."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fakeserver.stores import tables
from fakeserver.stores.claims import wait_for
from fakeserver.stores.glances import PostgresGlances
from fakeserver.stores.sessions import CALL_SECONDS, Connection, Session, Watch, place_of
from fakeserver.stores.store import (
    WRITTEN,
    Change,
    Journalled,
    Kept,
    Key,
    Lease,
    Left,
    Listed,
    Look,
    Mark,
    StoreError,
    Unavailable,
)
from fakeserver.stores.transactions import PostgresChange


class PostgresStore:
    """See `store.RemoteStore`. One session reads, another changes, a third has the claims, and glances have one."""

    def __init__(self, url: str, *, there: bool = False) -> None:
        self._place = place_of(url)
        self.name = self._place.name
        self._holder = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._watch = Watch()
        self._reader, self._writer, self._claims = (Session(self._place, self._watch) for _ in range(3))
        self._write_key = self._key("write")
        try:
            with self._writer.used() as connection:
                tables.prepare(connection, self._place, self._write_key, make=not there)
        except BaseException as error:
            self.close()
            if not isinstance(error, StoreError) or isinstance(error, Unavailable):
                raise
            raise StoreError(f"the store {self.name} cannot be used: {error}") from error

    def _key(self, name: str) -> int:
        """A number of 64 bits for a lock of PostgreSQL's, which all of a database share."""
        text = f"fakeserver/{self._place.schema}/{name}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), signed=True)

    # Looking

    def check(self) -> None:
        def ask(connection: Connection) -> None:
            reading, standby = tables.one(connection, tables.STATE)
            connection.execute("SELECT 1 FROM commits LIMIT 1")
            tables.refuse_standby(self.name, standby)
            if reading == "on":
                raise tables.read_only(self.name)

        self._reader.again(ask)

    def mark(self) -> Mark:
        return self._reader.again(tables.mark_of)

    def look(self, mark: Mark) -> Look:
        values = tables.look_values(mark, self._holder)
        found = self._reader.again(lambda connection: tables.every(connection, tables.LOOK, values))
        return tables.look_of(found, self.name)

    def glances(self) -> PostgresGlances:
        return PostgresGlances(self._place, self._watch)

    def has(self, world: str) -> bool:
        return bool(self._read("SELECT 1 FROM worlds WHERE name = %s", (world,)))

    def rows_of(self, world: str) -> int:
        query = "SELECT count(*) FROM log JOIN worlds ON name = world WHERE world = %s AND number > upto"
        return int(self._read(query, (world,))[0][0])

    def read(self, world: str) -> Kept | None:
        def ask(connection: Connection) -> Kept | None:
            with tables.snapshot(connection):
                return tables.read_world(connection, world)

        return self._reader.again(ask)

    def left(self, world: str, key: Key) -> Left | None:
        query = "SELECT files, variables FROM left_behind WHERE world = %s AND digest = %s"
        found = self._read(query, (world, tables.digest_of(key)))
        return None if not found else (found[0][0], found[0][1])

    def journal_after(self, world: str, number: int) -> Journalled | None:
        def ask(connection: Connection) -> Journalled | None:
            with tables.snapshot(connection):
                return tables.read_journal(connection, world, number)

        return self._reader.again(ask)

    def worlds(self) -> list[Listed]:
        return [
            Listed(name, epoch, bool(rows or snapshot), used_at, rows, size, total)
            for name, epoch, used_at, total, rows, size, snapshot in self._read(tables.LISTED)
        ]

    def count(self) -> int:
        ((count,),) = self._read("SELECT count(*) FROM worlds")
        return int(count)

    def written(self) -> dict[str, bool]:
        return dict(self._read(WRITTEN))

    def notes(self) -> dict[str, str]:
        return dict(self._read("SELECT name, text FROM notes"))

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._reader.again(lambda connection: tables.every(connection, query, values))

    # Changing

    def change(self, seconds: float) -> Change | None:
        return self.begin(seconds, Mark(tables.NOWHERE, 0, tables.NO_TOKEN))

    def begin(self, seconds: float, mark: Mark) -> PostgresChange | None:
        def ask(connection: Connection) -> PostgresChange:
            wait = f"{int(seconds * 1_000) or 1}ms"
            values = tables.look_values(mark, self._holder)
            try:
                with connection.pipeline():
                    connection.execute("BEGIN")
                    connection.execute("SELECT set_config(%s, %s, true)", ("lock_timeout", wait))
                    connection.execute("SELECT set_config(%s, %s, true)", ("statement_timeout", "0"))
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (self._write_key,))
                    state = connection.execute(tables.STATE)
                    found = tables.cursor(connection).execute(tables.LOOK, values)
                look = tables.look_of(found.fetchall(), self.name)
                if state.fetchone() != ("off", False):
                    raise tables.read_only(self.name)
            except BaseException:
                tables.roll_back(connection)
                raise
            return PostgresChange(self._writer, connection, look, self.name, self._holder, self._write_key)

        try:
            # Nothing has been changed yet, so it may be asked once more.
            return self._writer.again(ask, seconds + CALL_SECONDS)
        except Unavailable as error:
            if error.reason != "locked":
                raise
            return None

    # Leases

    def lease(self, worlds: Collection[str], position: int) -> None:
        self._reader.again(
            lambda connection: connection.execute(
                "INSERT INTO leases SELECT %s, name, %s FROM unnest(%s::text[]) AS name"
                " ON CONFLICT (holder, world) DO UPDATE SET position = excluded.position",
                (self._holder, position, [*worlds]),
            )
        )

    def give_up(self, worlds: Collection[str]) -> None:
        query = "DELETE FROM leases WHERE holder = %s AND world = ANY(%s)"
        self._reader.again(lambda connection: connection.execute(query, (self._holder, [*worlds])))

    def void(self, leases: Collection[Lease]) -> None:
        query = (
            "DELETE FROM leases USING unnest(%s::text[], %s::text[], %s::bigint[]) AS void (who, what, at)"
            " WHERE holder = who AND world = what AND position = at"
        )
        rows = ([each.holder for each in leases], [each.world for each in leases], [each.position for each in leases])
        self._reader.again(lambda connection: connection.execute(query, rows))

    # Claims

    @contextmanager
    def claim(self, number: int) -> Iterator[None]:
        key = self._key(f"claim/{number}")
        wait_for(lambda: self._ask_claims("SELECT pg_try_advisory_lock(%s)", key))
        try:
            yield
        finally:
            # With its session a claim ends by itself.
            with contextlib.suppress(Unavailable):
                self._ask_claims("SELECT pg_advisory_unlock(%s)", key)

    def _ask_claims(self, query: str, key: int) -> bool:
        with self._claims.used() as connection:
            return bool(tables.one(connection, query, (key,))[0])

    def close(self) -> None:
        self._watch.end()
        for session in (self._reader, self._writer, self._claims):
            session.end()
