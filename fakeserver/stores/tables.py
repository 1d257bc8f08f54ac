"""The tables of a store in PostgreSQL, how they come into being, and what is read of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
from psycopg.pq import TransactionStatus

from fakeserver.stores.sessions import Connection, Place
from fakeserver.stores.store import (
    FORMAT,
    Counters,
    Journalled,
    Kept,
    Key,
    Lease,
    Look,
    Mark,
    Row,
    StoreError,
    Unavailable,
)

NO_TOKEN = "00000000-0000-0000-0000-000000000000"
NOWHERE = 2**62
"""Behind all rows."""
SCHEMA = (
    "CREATE TABLE format (version integer NOT NULL)",
    "CREATE TABLE notes (name text PRIMARY KEY, text text NOT NULL)",
    # Each commit of a change, of which the newest says where the store is.
    "CREATE TABLE commits (number bigint PRIMARY KEY, token uuid NOT NULL UNIQUE, position bigint NOT NULL,"
    " at bigint NOT NULL)",
    'CREATE TABLE worlds (name text COLLATE "C" PRIMARY KEY, epoch bigint NOT NULL, anchor text NOT NULL,'
    " upto bigint NOT NULL, held_from bigint NOT NULL, newest bigint NOT NULL, used_at bigint NOT NULL,"
    " total bigint NOT NULL, journal text NOT NULL)",
    # Every look asks which worlds have a snapshot that is newer than its position.
    "CREATE INDEX worlds_by_snapshot ON worlds (held_from)",
    "CREATE TABLE snapshots (world text PRIMARY KEY, snapshot bytea NOT NULL)",
    "CREATE TABLE log (number bigint PRIMARY KEY, world text NOT NULL, at bigint NOT NULL, entries bytea NOT NULL)",
    "CREATE INDEX log_of_world ON log (world, number)",
    # Keys are JSON, which has no NUL, and are found by a digest, since they may be longer than an index takes.
    "CREATE TABLE left_behind (place bigint GENERATED ALWAYS AS IDENTITY, world text NOT NULL, digest bytea NOT NULL,"
    " key text NOT NULL, files bytea, variables text NOT NULL, PRIMARY KEY (world, digest))",
    "CREATE TABLE counters (place bigint GENERATED ALWAYS AS IDENTITY, world text NOT NULL, digest bytea NOT NULL,"
    " key text NOT NULL, used double precision NOT NULL, instant bigint NOT NULL, PRIMARY KEY (world, digest))",
    "CREATE TABLE journal (world text NOT NULL, number bigint NOT NULL, entry bytea NOT NULL,"
    " PRIMARY KEY (world, number))",
    "CREATE TABLE leases (holder text NOT NULL, world text NOT NULL, position bigint NOT NULL,"
    " PRIMARY KEY (holder, world))",
)
BY_WORLD = ("snapshots", "left_behind", "counters", "journal")
"""What is kept by the name of a world, beside the log."""
STATE = "SELECT current_setting('transaction_read_only'), pg_is_in_recovery()"
MARK = "SELECT number, token::text, position FROM commits ORDER BY number DESC LIMIT 1"
IS_STALE = "(w.name IS NULL OR l.position < w.newest)"
LOOK = (
    "SELECT 'row', number, world, at, entries FROM log WHERE number > %(position)s"
    " UNION ALL SELECT 'behind', NULL, name, NULL, NULL FROM worlds WHERE held_from > %(position)s"
    f" UNION ALL SELECT CASE WHEN l.holder <> %(holder)s THEN 'stale' WHEN {IS_STALE} THEN 'lost' ELSE 'own' END,"
    " l.position, l.world, NULL, convert_to(l.holder, 'UTF8') FROM leases l LEFT JOIN worlds w ON w.name = l.world"
    f" WHERE l.holder = %(holder)s OR {IS_STALE}"
    " UNION ALL (SELECT 'mark', c.number, c.token::text, c.position, NULL FROM commits c ORDER BY number DESC LIMIT 1)"
    " UNION ALL SELECT 'state', NULL, NULL, pg_is_in_recovery()::integer, NULL"
    " UNION ALL SELECT 'follows', NULL, NULL, NULL, NULL FROM commits"
    " WHERE number = %(number)s AND token = %(token)s::uuid"
    " ORDER BY 2"
)
LISTED = (
    "SELECT name, epoch, used_at, total, (SELECT count(*) FROM log WHERE world = name AND number > upto),"
    " ((SELECT coalesce(sum(length(entries)), 0) FROM log WHERE world = name)"
    " + coalesce((SELECT length(snapshot) FROM snapshots WHERE world = name), 0)"
    " + (SELECT coalesce(sum(length(files)), 0) FROM left_behind WHERE world = name))::bigint,"
    " EXISTS (SELECT 1 FROM snapshots WHERE world = name) FROM worlds ORDER BY used_at DESC, name"
)
STALE = (
    "SELECT l.holder, l.world, l.position FROM leases l LEFT JOIN worlds w ON w.name = l.world"
    f" WHERE l.holder <> %s AND {IS_STALE}"
)


def prepare(connection: Connection, place: Place, key: int, *, make: bool) -> None:
    """Make the tables of a new store, if that is wanted, or refuse one of another format."""
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (key,))
        version = version_of(connection, place.schema)
        if version is None:
            if not make:
                raise StoreError(f"there is none in the schema {place.schema}")
            if one(connection, STATE) != ("off", False):
                raise StoreError("it is read-only, and not begun yet")
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {place.schema}")
            for text in SCHEMA:
                connection.execute(text)
            connection.execute("INSERT INTO format VALUES (%s)", (FORMAT,))
            connection.execute("INSERT INTO commits VALUES (0, %s, 0, 0)", (NO_TOKEN,))
            version = FORMAT
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise
    if version != FORMAT:
        newer = "newer" if version > FORMAT else "older"
        raise StoreError(f"its format is {version}, which is {newer} than this fakeserver's, {FORMAT}")


def version_of(connection: Connection, schema: str) -> int | None:
    """The format of a store; None where there is none."""
    query = "SELECT count(*) FILTER (WHERE tablename = 'format'), count(*) FROM pg_tables WHERE schemaname = %s"
    format_, tables = one(connection, query, (schema,))
    if format_:
        return int(one(connection, "SELECT version FROM format")[0])
    if tables:
        raise StoreError(f"the schema {schema} has tables of something else, and is left as it is")
    return None


def roll_back(connection: Connection) -> None:
    if not connection.broken and connection.info.transaction_status != TransactionStatus.IDLE:
        connection.execute("ROLLBACK")


def one(connection: Connection, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The row that a query has."""
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row


def every(connection: Connection, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
    return cursor(connection).execute(query, values).fetchall()


def cursor(connection: Connection) -> psycopg.Cursor[tuple[Any, ...]]:
    """One that reads bytes as they are."""
    return connection.cursor(binary=True)


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Have all queries see the same."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield
    finally:
        roll_back(connection)


# What is read


def refuse_standby(name: str, standby: bool) -> None:
    if standby:
        # What a standby has may be behind what somebody was told.
        raise Unavailable("standby", f"the store {name} is a standby, which may be behind")


def read_only(name: str) -> Unavailable:
    return Unavailable("read-only", f"the store {name} is read-only")


def mark_of(connection: Connection) -> Mark:
    number, token, position = one(connection, MARK)
    return Mark(position, number, token)


def look_values(mark: Mark, holder: str) -> dict[str, Any]:
    return {"position": mark.position, "number": mark.number, "token": mark.token, "holder": holder}


def look_of(found: Sequence[tuple[Any, ...]], name: str) -> Look:
    """What the query LOOK has found."""
    rows, names = list[Row](), {kind: set[str]() for kind in ("behind", "own", "lost")}
    stale, mark, follows = set[Lease](), Mark(0, 0, NO_TOKEN), False
    for kind, number, text, at, content in found:
        if kind == "row":
            rows.append(Row(number, text, at, content))
        elif kind == "stale":
            stale.add(Lease(content.decode(), text, number))
        elif kind == "mark":
            mark = Mark(at, number, text)
        elif kind == "follows":
            follows = True
        elif kind == "state":
            refuse_standby(name, bool(at))
        else:
            names[kind].add(text)
    behind, own, lost = (frozenset(names[kind]) for kind in ("behind", "own", "lost"))
    return Look(rows, behind, mark, follows, frozenset(stale), own, lost)


def digest_of(key: Sequence[str]) -> bytes:
    return hashlib.blake2b(orjson.dumps(key), digest_size=16).digest()


def read_world(connection: Connection, world: str) -> Kept | None:
    found = every(connection, "SELECT epoch, anchor, upto FROM worlds WHERE name = %s", (world,))
    if not found:
        return None
    epoch, anchor, upto = found[0]
    snapshots = every(connection, "SELECT snapshot FROM snapshots WHERE world = %s", (world,))
    query = "SELECT number, world, at, entries FROM log WHERE world = %s AND number > %s ORDER BY number"
    rows = [Row(*each) for each in every(connection, query, (world, upto))]
    query = "SELECT key, files, variables FROM left_behind WHERE world = %s ORDER BY place"
    left = {}
    for key, files, variables in every(connection, query, (world,)):
        slug, identity = orjson.loads(key)
        left[slug, identity] = (files, variables)
    journal = read_journal(connection, world, 0) or Journalled(0, (), "")
    counters = read_counters(connection, world)
    return Kept(world, epoch, anchor, snapshots[0][0] if snapshots else None, rows, left, counters, journal, upto)


def read_counters(connection: Connection, world: str) -> Counters:
    query = "SELECT key, used, instant FROM counters WHERE world = %s ORDER BY place"
    return {tuple(orjson.loads(key)): (used, instant) for key, used, instant in every(connection, query, (world,))}


def read_journal(connection: Connection, world: str, number: int) -> Journalled | None:
    found = every(connection, "SELECT total, journal FROM worlds WHERE name = %s", (world,))
    if not found:
        return None
    query = "SELECT number, entry FROM journal WHERE world = %s AND number > %s ORDER BY number"
    entries = [(number, entry) for number, entry in every(connection, query, (world, number))]
    return Journalled(found[0][0], entries, found[0][1])


def key_text(key: Key | Sequence[str]) -> str:
    return orjson.dumps(key).decode()
