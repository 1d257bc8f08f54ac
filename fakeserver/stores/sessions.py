"""Sessions with PostgreSQL: each is made when it is used, made again when it was lost, and cut when nothing comes of
it for too long; and what went wrong with one, told without a password."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import conninfo

from fakeserver.machine import monotonic
from fakeserver.stores.store import StoreError, Unavailable
from fakeserver.stores.urls import masked

CALL_SECONDS = 3.0
"""That PostgreSQL may take for one call, beside waiting for a lock."""
WATCH_SECONDS = 0.5
"""Between two looks whether it has taken longer: a thread that wakes up under load holds the loop up."""
IDLE_SECONDS = 30
"""Within a transaction: a server that stands still keeps the others out no longer."""
OLDEST = 15_00_00
SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
DEFAULT_SCHEMA = "fakeserver"
DEFAULTS: dict[str, str | int | None] = {
    "connect_timeout": 3,
    "application_name": "fakeserver",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What libpq is told, so that it notices when the other side is gone."""
REASONS = {
    "55P03": "locked",
    "57014": "slow",
    "25006": "read-only",
    "42P01": "gone",
    "3F000": "gone",
    "3D000": "gone",
    "XX001": "corrupt",
    "XX002": "corrupt",
}
CLASSES = {"53": "full", "28": "refused", "42": "refused"}
"""What is wrong, by the code that PostgreSQL gives, or by its class; anything else is that it cannot be reached."""
NO_CONNECTION = "53300"

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is: what libpq is told, which may hold a password, and the schema."""

    conninfo: str = field(repr=False)
    schema: str
    name: str
    secret: str = field(repr=False, default="")


def place_of(url: str) -> Place:
    """The place that a URL names, which may have `schema` in its query."""
    name = masked(url)
    try:
        split = urlsplit(url)
        query = parse_qsl(split.query, keep_blank_values=True)
        schema = dict(query).get("schema", DEFAULT_SCHEMA)
        left = urlencode([each for each in query if each[0] != "schema"])
        text = urlunsplit((split.scheme, split.netloc, split.path, left, ""))
        read = conninfo.conninfo_to_dict(text)
        for port in str(read.get("port") or "5432").split(","):
            int(port)
    except (ValueError, psycopg.Error):
        # What libpq says of it repeats parts of it, which may be those of a password.
        raise StoreError(f"the store {name} is no URL of PostgreSQL's: postgresql://USER@HOST:PORT/DATABASE") from None
    if SCHEMA_NAME.fullmatch(schema) is None:
        raise StoreError(f"the store {name}: its schema is not 1 to 63 lower-case letters, digits and underscores")
    return Place(text, schema, name, str(read.get("password") or unquote(split.password or "")))


class Lost(Unavailable):
    """A session ended while it was used: whether the last that it was told was done is not known by this."""


class Session:
    """One connection, which commits each statement by itself unless told otherwise; one thread uses it at a time."""

    def __init__(self, place: Place, watch: Watch) -> None:
        self._place = place
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._is_cut = self._is_ended = False
        self.deadline: float | None = None
        watch.add(self)

    @contextmanager
    def used(self, seconds: float = CALL_SECONDS) -> Iterator[Connection]:
        """The connection, for one call that may take so long; what goes wrong is told as the store's."""
        with self._lock:
            if self._is_ended:
                raise Unavailable("gone", f"the store {self._place.name} was closed")
            self._is_cut, self.deadline = False, monotonic() + seconds
            try:
                if self._connection is None:
                    self._connection = connect(self._place)
                yield self._connection
            except psycopg.Error as error:
                raise self._told(error) from None
            finally:
                self.deadline = None

    def again(self, work: Callable[[Connection], Found], seconds: float = CALL_SECONDS) -> Found:
        """What a call comes to that may be made twice, which it is where a connection was lost."""
        try:
            with self.used(seconds) as connection:
                return work(connection)
        except Lost as error:
            if error.reason == "slow":
                raise
        with self.used(seconds) as connection:
            return work(connection)

    def _told(self, error: psycopg.Error) -> Unavailable:
        detail = f"the store {self._place.name}: {line_of(error, self._place)}"
        lost = self._connection is not None and self._connection.broken
        reason = "slow" if self._is_cut else reason_of(error)
        if lost:
            self.close()
        if self._is_cut:
            detail = f"the store {self._place.name} does not answer"
        return Lost(reason, detail) if lost else Unavailable(reason, detail)

    def cut(self) -> None:
        """Called by another thread: end what goes on there."""
        connection = self._connection
        self._is_cut = True
        if connection is not None:
            with contextlib.suppress(OSError, psycopg.Error), dup(connection.fileno()) as wire:
                wire.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """For ever."""
        with self._lock:
            self._is_ended = True
            self.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()


def dup(number: int) -> socket.socket:
    """Another name for a connection's socket, which is closed without closing that."""
    return socket.socket(fileno=os.dup(number))


class Watch:
    """Cuts the sessions of which nothing has come for too long: no timeout of PostgreSQL's own ends a call to a server
    that stands still."""

    def __init__(self) -> None:
        self._sessions: list[Session] = []
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, session: Session) -> None:
        self._sessions.append(session)
        if self._thread is None:
            self._thread = threading.Thread(target=self._look_on, name="fakeserver-store-watch", daemon=True)
            self._thread.start()

    def _look_on(self) -> None:
        while not self._ended.wait(WATCH_SECONDS):
            now = monotonic()
            for session in self._sessions:
                deadline = session.deadline
                if deadline is not None and now > deadline:
                    session.cut()

    def end(self) -> None:
        self._ended.set()


def connect(place: Place) -> Connection:
    connection = psycopg.connect(conninfo.make_conninfo(place.conninfo, **DEFAULTS), autocommit=True)
    try:
        if connection.info.server_version < OLDEST:
            version = connection.info.parameter_status("server_version")
            raise psycopg.NotSupportedError(f"PostgreSQL {version} is older than {OLDEST // 10_000}")
        settings = {
            "search_path": place.schema,
            "client_encoding": "UTF8",
            "statement_timeout": f"{int(CALL_SECONDS * 1_000)}",
            "idle_in_transaction_session_timeout": f"{IDLE_SECONDS * 1_000}",
            "default_transaction_isolation": "read committed",
        }
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        # What was acknowledged lasts, whatever the database is set to.
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
    except BaseException:
        connection.close()
        raise
    return connection


def reason_of(error: psycopg.Error) -> str:
    code = error.sqlstate or ""
    if code == NO_CONNECTION:
        return "unreachable"
    return REASONS.get(code) or CLASSES.get(code[:2], "unreachable")


def line_of(error: psycopg.Error, place: Place) -> str:
    """What PostgreSQL or libpq says, in one line without the password."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.replace(place.secret, "***") if place.secret else text
