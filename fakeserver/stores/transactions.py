"""A change of a store in PostgreSQL: one transaction, which has the lock of all who change that store."""

from __future__ import annotations

import secrets
import uuid
from time import sleep
from typing import Any

from psycopg import Error
from psycopg.pq import TransactionStatus

from fakeserver.machine import monotonic, time
from fakeserver.stores import tables
from fakeserver.stores.sessions import CALL_SECONDS, Connection, Lost, Session
from fakeserver.stores.store import Counters, Journalled, Key, Lease, Left, Look, Mark, Unavailable

RESOLVE_SECONDS = 5.0
"""Until a commit of which nobody can say whether it was made counts as unknown."""
RETRY_SECONDS = 0.05
COMMIT_SECONDS = 10.0
"""That PostgreSQL may take to make a commit."""
KEPT_MICROSECONDS = 3_600_000_000
"""That the row which says that a world is dropped, and a commit, are kept for whoever has not followed them."""
EVERY = 100
"""Commits between two at which old ones are forgotten."""


class PostgresChange:
    """See `store.RemoteChange`. What is changed is sent when somebody reads what has come of it, and with the commit:
    most changes are one round trip."""

    def __init__(self, session: Session, connection: Connection, look: Look, name: str, holder: str, key: int) -> None:
        self.look = look
        self.stale: frozenset[Lease] = frozenset()
        self._session = session
        self._connection = connection
        self._name = name
        self._holder = holder
        self._key = key
        self._position = look.mark.position
        self._mark = look.mark
        self._queued: list[tuple[str, tuple[Any, ...]]] = []
        self.written: set[str] = set()

    def mark(self) -> Mark:
        return self._mark

    def _add(self, query: str, *values: Any) -> None:
        self._queued.append((query, values))

    def _read(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query has behind all that was changed so far."""
        with self._session.used(COMMIT_SECONDS) as connection:
            self._check(connection)
            self._send(connection)
            return tables.every(connection, query, values)

    def _check(self, connection: Connection) -> None:
        if connection is not self._connection or connection.info.transaction_status != TransactionStatus.INTRANS:
            raise Lost("unreachable", f"the store {self._name}: the session was lost")

    def _send(self, connection: Connection) -> None:
        queued, self._queued = self._queued, []
        if queued:
            with connection.pipeline():
                for query, values in queued:
                    connection.execute(query, values)

    # Worlds

    def add_world(self, name: str, epoch: int, anchor: str, at: int) -> None:
        place = self._position
        row = (name, epoch, anchor, place, place, place, at, 0, "")
        self._add("INSERT INTO worlds VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", *row)

    def drop_world(self, name: str, at: int) -> None:
        self._add("DELETE FROM log WHERE world = %s", name)
        self._add("DELETE FROM log WHERE at < %s AND world NOT IN (SELECT name FROM worlds)", at - KEPT_MICROSECONDS)
        self._add("DELETE FROM worlds WHERE name = %s", name)
        for table in tables.BY_WORLD:
            self._add(f"DELETE FROM {table} WHERE world = %s", name)

    def append(self, world: str, at: int, entries: bytes) -> None:
        self._position += 1
        self.written.add(world)
        self._add("INSERT INTO log VALUES (%s, %s, %s, %s)", self._position, world, at, entries)
        self._add("UPDATE worlds SET newest = %s WHERE name = %s", self._position, world)

    def put_snapshot(self, world: str, snapshot: bytes, upto: int | None = None) -> None:
        found = self._read("SELECT upto FROM worlds WHERE name = %s", world)
        upto = self._position if upto is None else upto
        if not found or found[0][0] >= upto:
            return
        self._add(
            "INSERT INTO snapshots VALUES (%s, %s) ON CONFLICT (world) DO UPDATE SET snapshot = excluded.snapshot",
            world,
            snapshot,
        )
        self._add("DELETE FROM log WHERE world = %s AND number <= %s", world, found[0][0])
        self._add("UPDATE worlds SET held_from = upto, upto = %s WHERE name = %s", upto, world)

    # What sandboxes have left

    def put_left(self, world: str, key: Key, left: Left | None) -> None:
        digest = tables.digest_of(key)
        self._add("DELETE FROM left_behind WHERE world = %s AND digest = %s", world, digest)
        if left is not None:
            self._add(
                "INSERT INTO left_behind (world, digest, key, files, variables) VALUES (%s, %s, %s, %s, %s)",
                *(world, digest, tables.key_text(key), *left),
            )

    def clear_left(self, world: str) -> None:
        self._add("DELETE FROM left_behind WHERE world = %s", world)

    # What was used of rate limits

    def counters(self, world: str) -> Counters:
        with self._session.used(COMMIT_SECONDS) as connection:
            self._check(connection)
            self._send(connection)
            return tables.read_counters(connection, world)

    def put_counters(self, world: str, counters: Counters) -> None:
        for key, (used, instant) in counters.items():
            self._add(
                "INSERT INTO counters (world, digest, key, used, instant) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (world, digest) DO UPDATE SET used = excluded.used, instant = excluded.instant",
                *(world, tables.digest_of(key), tables.key_text(key), used, instant),
            )

    def clear_counters(self, world: str) -> None:
        self._add("DELETE FROM counters WHERE world = %s", world)

    # Its journal

    def journal_total(self, world: str) -> int | None:
        found = self._read("SELECT total FROM worlds WHERE name = %s", world)
        return int(found[0][0]) if found else None

    def put_journal(self, world: str, journal: Journalled, most: int | None) -> None:
        if journal.entries:
            numbers, entries = zip(*journal.entries, strict=True)
            self._add(
                "INSERT INTO journal SELECT %s, number, entry"
                " FROM unnest(%s::bigint[], %s::bytea[]) AS new (number, entry)",
                *(world, [*numbers], [*entries]),
            )
        if most is not None:
            # By their count: numbers have gaps, where entries made room untold.
            self._add(
                "DELETE FROM journal WHERE world = %s AND number <="
                " (SELECT number FROM journal WHERE world = %s ORDER BY number DESC LIMIT 1 OFFSET %s)",
                *(world, world, most),
            )
        self._add("UPDATE worlds SET total = %s, journal = %s WHERE name = %s", journal.total, journal.state, world)

    def clear_journal(self, world: str) -> None:
        self._add("DELETE FROM journal WHERE world = %s", world)
        self._add("UPDATE worlds SET total = 0, journal = '' WHERE name = %s", world)

    def use(self, world: str, at: int) -> None:
        self._add("UPDATE worlds SET used_at = %s WHERE name = %s AND used_at < %s", at, world, at)

    # Notes

    def note(self, name: str, text: str | None) -> None:
        if text is None:
            self._add("DELETE FROM notes WHERE name = %s", name)
        else:
            query = "INSERT INTO notes VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET text = excluded.text"
            self._add(query, name, text)

    def notes(self) -> dict[str, str]:
        return dict(self._read("SELECT name, text FROM notes"))

    # Its end

    def commit(self) -> int:
        token = str(uuid.UUID(bytes=secrets.token_bytes(16)))
        at, number = time.time_ns() // 1_000, self.look.mark.number + 1
        if self.written:
            query = "DELETE FROM leases WHERE holder = %s AND world = ANY(%s)"
            self._add(query, self._holder, [*self.written])
        if number % EVERY == 0:
            self._add("DELETE FROM commits WHERE number < %s AND at < %s", number - EVERY, at - KEPT_MICROSECONDS)
        self._add("INSERT INTO commits VALUES (%s, %s, %s, %s)", number, token, self._position, at)
        try:
            with self._session.used(COMMIT_SECONDS) as connection:
                self._check(connection)
                try:
                    with connection.pipeline():
                        self._send(connection)
                        connection.execute("COMMIT")
                        stale = tables.cursor(connection).execute(tables.STALE, (self._holder,))
                    self.stale = frozenset(Lease(*each) for each in stale.fetchall())
                except Error:
                    tables.roll_back(connection)
                    raise
        except Lost as error:
            self._resolve(token, error)
        self._mark = Mark(self._position, number, token)
        return self._position

    def _resolve(self, token: str, error: Lost) -> None:
        """Find out whether a commit was made whose session was lost, or raise that it was not, or that nobody knows."""
        deadline = monotonic() + RESOLVE_SECONDS
        while True:
            try:
                with self._session.used(CALL_SECONDS) as connection, connection.transaction():
                    # Whoever still makes it has the lock.
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (self._key,))
                    made = tables.every(connection, "SELECT 1 FROM commits WHERE token = %s::uuid", (token,))
                    stale = tables.every(connection, tables.STALE, (self._holder,))
                    standby = tables.one(connection, tables.STATE)[1]
                if not standby:
                    break
            except Unavailable as failure:
                error = Lost(failure.reason, str(failure))
            if monotonic() > deadline:
                raise Unavailable(error.reason, str(error), unknown=True) from error
            sleep(RETRY_SECONDS)
        if not made:
            raise Unavailable(error.reason, str(error)) from error
        self.stale = frozenset(Lease(*each) for each in stale)

    def undo(self) -> None:
        """Without a word where it cannot be done: what is lost is undone by PostgreSQL."""
        try:
            with self._session.used() as connection:
                if connection is self._connection:
                    tables.roll_back(connection)
        except Unavailable:
            pass
