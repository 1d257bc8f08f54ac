"""Glances at a store in PostgreSQL: one small question on a session of its own, whose answer no thread waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg.pq import ExecStatus

from fakeserver.stores import sessions
from fakeserver.stores.store import Mark, Unavailable

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

NAME = b"glance"
GLANCE = b"SELECT position, number, token::text FROM commits WHERE NOT pg_is_in_recovery() ORDER BY number DESC LIMIT 1"


class PostgresGlances:
    """See `store.Glances`."""

    def __init__(self, place: sessions.Place, watch: sessions.Watch) -> None:
        self._name = place.name
        self._session = sessions.Session(place, watch)
        self._wire: PGconn | None = None
        self._is_asked = False
        self._found: Mark | None = None

    @property
    def seconds(self) -> float:
        return sessions.CALL_SECONDS

    def open(self) -> int:
        with self._session.used() as connection:
            wire = connection.pgconn
            prepared = wire.prepare(NAME, GLANCE)
            if prepared.status != ExecStatus.COMMAND_OK:
                raise self._failure()
            wire.nonblocking = 1
            self._wire, self._is_asked, self._found = wire, False, None
            return wire.socket

    def ask(self) -> None:
        if self._wire is None:
            raise self._failure()
        try:
            self._wire.send_query_prepared(NAME, None)
            # So little always has room, unless nobody reads it.
            if self._wire.flush():
                raise self._failure()
        except psycopg.Error:
            raise self._failure() from None
        self._is_asked = True

    def answer(self) -> Mark | None:
        wire = self._wire
        if wire is None:
            raise self._failure()
        try:
            wire.consume_input()
            while self._is_asked and not wire.is_busy():
                result = wire.get_result()
                if result is not None:
                    self._found = mark_in(result)
                    continue
                self._is_asked = False
                if self._found is None:
                    raise self._failure()
                return self._found
        except psycopg.Error:
            raise self._failure() from None
        return None

    def slow(self) -> Unavailable:
        return Unavailable("slow", f"the store {self._name} does not answer")

    def _failure(self) -> Unavailable:
        return Unavailable("unreachable", f"the store {self._name} answers no glance")

    def close(self) -> None:
        self._wire = None
        self._session.close()


def mark_in(result: PGresult) -> Mark | None:
    """What was found; None where that is nothing, as on a standby, or an error: a look tells what it is."""
    if result.status != ExecStatus.TUPLES_OK or result.ntuples != 1:
        return None
    position, number, token = (result.get_value(0, column) or b"" for column in range(3))
    return Mark(int(position), int(number), token.decode("ascii"))
