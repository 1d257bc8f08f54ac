"""Snapshots: everything a world is, as one JSON value; a restored world answers byte for byte the same.

A snapshot is untrusted: each value that it restores is checked for its type and range before anything is changed.
"""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fakeserver import parts
from fakeserver.admin import bodies
from fakeserver.admin.bodies import LEAST_FACTOR, MAX_RETRY_DIGITS
from fakeserver.admin.fields import ABSENT, MAX_COUNT, MAX_DEPTH, MAX_NAME, MAX_TEXT, Fields, deeper, refused
from fakeserver.documents.collection import Collection
from fakeserver.faults.scripts import MAX_COUNTED, MAX_FAULTS, Faults
from fakeserver.instants import FIRST_INSTANT, LAST_INSTANT, SECOND, instant
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document, FakeProblem, Json
from fakeserver.worlds.clock import MAX_FACTOR
from fakeserver.worlds.entries import MAX_WARNINGS, Entry
from fakeserver.worlds.journal import MAX_ENTRIES, Client, Journal
from fakeserver.worlds.rate_limits import MAX_COUNTERS, Limits
from fakeserver.worlds.settings import Settings
from fakeserver.worlds.world import Seeding, World

VERSION = 2
"""2: stored documents over hidden ones, in the place of removed ranks that had an empty document (1)."""
SECRET_BYTES = 32
MAX_SEED = 2**63 - 1
MAX_SIZE = 10_000_000
EARLIEST_EPOCH, LATEST_EPOCH = instant("1990-01-01T00:00:00Z"), instant("2200-01-01T00:00:00Z")
"""What the command line takes as an epoch, and leaves room for documents before it."""
LATEST_RETRY = LAST_INSTANT + 10**MAX_RETRY_DIGITS * SECOND
LEAST_STATUS, MOST_STATUS = 100, 599
MAX_LABEL = 2**17
"""A label of the journal repeats what a request asked for in its headers, which may be long."""
MAX_ENTRY_WARNINGS = 2 * MAX_WARNINGS
FAULT_ID = re.compile(r"fault-([1-9][0-9]{0,14})")
DIGEST = re.compile(r"[0-9a-f]{32}")


class Part(Fields):
    """A snapshot's object; unlike in a call, nothing of it may be absent."""

    def members(self, name: str) -> dict[str, Json]:
        """An object of anything."""
        value = self.take(name, ABSENT)
        if not isinstance(value, dict):
            raise self.wrong(name, "must be an object")
        return value

    def array(self, name: str, most: int | None = None) -> list[Json]:
        value = self.take(name, ABSENT)
        if not isinstance(value, list):
            raise self.wrong(name, "must be an array")
        if most is not None and len(value) > most:
            raise self.wrong(name, f"must have at most {most} elements")
        return value

    def part(self, name: str) -> Part:
        """An object within this one."""
        return Part(self.members(name), f"{self.where}{name}")

    def elements(self, name: str, most: int | None = None) -> Part:
        """An array, as an object whose members are called by their places."""
        return Part({str(index): each for index, each in enumerate(self.array(name, most))}, f"{self.where}{name}")

    def row(self, name: str, columns: tuple[str, ...]) -> Part:
        """An array with an element for each of these columns, as an object of them."""
        value = self.array(name)
        if len(value) != len(columns):
            raise self.wrong(name, f"must be an array of {', '.join(columns)}")
        return Part(dict(zip(columns, value, strict=True)), f"{self.where}{name}")

    def maybe(self, name: str, most: int = MAX_TEXT) -> str | None:
        """A string or null."""
        if self.left.get(name, ABSENT) is None:
            del self.left[name]
            return None
        text: str = self.text(name, most=most)
        return text

    def anything(self, name: str) -> Json:
        return self.take(name, ABSENT)

    def rest(self) -> dict[str, Json]:
        """What nobody has taken yet, taken."""
        rest, self.left = self.left, {}
        return rest

    def wrong(self, name: str, detail: str) -> FakeProblem:
        """The refusal of a member for more than its type."""
        return refused(f"{self.where}{name[:MAX_NAME]}", detail)


@contextmanager
def inside(where: str) -> Iterator[None]:
    """A call's body within a snapshot: what is refused in it is refused as a field of the snapshot."""
    try:
        yield
    except FakeProblem as problem:
        field = problem.body.get("field", "body")
        name = where if field == "body" else f"{where}.{field}"
        raise FakeProblem(422, f"{where}: {problem.body['detail']}", field=name) from problem


def taken(world: World, services: Mapping[str, Service]) -> Document:
    """The world as it is now."""
    return {
        "version": VERSION,
        "recipe": dataclasses.asdict(world.seeded.seeding),
        "fixtures": {slug: service.fixture.digest for slug, service in services.items()},
        "secret": base64.b64encode(world.secret).decode(),
        "clock": world.clock.state(),
        "settings": bodies.settings_row(world.settings),
        "faults": [rule.status() for rule in world.faults.rules.values()],
        "faults_made": world.faults.made,
        "faults_failed": world.faults.applied,
        "wishes": world.faults.counters,
        "limits": [[list(key), used, instant] for key, (used, instant) in world.limits.counters.items()],
        "tenants": {slug: changed for slug, tenants in world.collections().items() if (changed := states(tenants))},
        "journal": world.journal.state(),
    }


def states(tenants: Mapping[str, Collection]) -> Document:
    """The state of each collection that is not just as the seed made it."""
    return {name: collection.dump() for name, collection in tenants.items() if not collection.untouched}


def restore(value: Json, world: World, services: Mapping[str, Service]) -> None:
    """Make the world what it was; a snapshot that cannot be used changes nothing."""
    snapshot = Part(value)
    version = snapshot.integer("version", 0, MAX_COUNT)
    if version != VERSION:
        raise refused("version", f"is {version}; this fakeserver reads snapshots of version {VERSION} only")
    world.take_over(rebuilt(snapshot, world, services))


def rebuilt(snapshot: Part, world: World, services: Mapping[str, Service]) -> World:
    """A new world from a snapshot, made aside, so that a bad one breaks nothing."""
    if snapshot.members("fixtures") != {slug: service.fixture.digest for slug, service in services.items()}:
        raise FakeProblem(409, "The snapshot was taken with other providers or fixtures", field="fixtures")
    new = World(world.seeded_of(seeding_of(snapshot.part("recipe"))), world.name)
    new.secret = secret_of(snapshot.text("secret"))
    new.clock.restore(clock_of(snapshot.part("clock"), new.seeded.seeding.epoch))
    new.settings = settings_of(snapshot.part("settings"), new.settings, services)
    new.faults = faults_of(snapshot, new.seeded.seeding.seed, services)
    new.limits = limits_of(snapshot.elements("limits", MAX_COUNTERS), services)
    restore_journal(new.journal, snapshot.part("journal"))
    tenants = snapshot.part("tenants")
    snapshot.end()
    for slug in tenants.names():
        if slug not in services:
            raise tenants.wrong(slug, "is not a provider")
        states = tenants.part(slug)
        for name in states.names():
            if name not in services[slug].fixture.tenants:
                raise states.wrong(name, "is not a tenant")
            restore_collection(new, services[slug], name, states.part(name))
    if new.clock.aged:
        for service in services.values():
            new.check_ageing(service.provider)
    return new


def secret_of(text: str) -> bytes:
    try:
        secret = base64.b64decode(text, validate=True)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise refused("secret", f"must be {SECRET_BYTES} bytes in base64")
    return secret


def seeding_of(part: Part) -> Seeding:
    seeding = Seeding(
        seed=part.integer("seed", 0, MAX_SEED),
        size=part.integer("size", 0, MAX_SIZE),
        epoch=part.integer("epoch", EARLIEST_EPOCH, LATEST_EPOCH),
    )
    part.end()
    return seeding


def clock_of(part: Part, epoch: int) -> dict[str, Any]:
    state = {
        "now": part.integer("now", epoch, LAST_INSTANT),
        "added": part.integer("added", 0, LAST_INSTANT),
        "factor": float(part.number("factor", LEAST_FACTOR, MAX_FACTOR)),
        "frozen": part.boolean("frozen"),
    }
    part.end()
    return state


def settings_of(part: Part, old: Settings, services: Mapping[str, Service]) -> Settings:
    """The settings, all of them: what a call leaves as it was would be another's here."""
    value = dict(part.left)
    part.boolean("journal")
    limits, switches = part.part("rate_limits"), part.part("switches")
    part.end()
    for slug in services:
        limits.text(slug)
        chosen = switches.part(slug)
        for name in old.switches[slug]:
            chosen.text(name)
    with inside("settings"):
        return bodies.settings(value, old, services)


# Faults and limits


def faults_of(snapshot: Part, seed: int, services: Mapping[str, Service]) -> Faults:
    faults = Faults(seed)
    rows = snapshot.elements("faults", MAX_FAULTS)
    faults.made = snapshot.integer("faults_made", len(rows.left), MAX_COUNT)
    faults.applied = snapshot.integer("faults_failed", 0, MAX_COUNT)
    for index in rows.names():
        row = rows.part(index)
        identity = row.text("id")
        number = FAULT_ID.fullmatch(identity)
        if number is None or int(number[1]) > faults.made or identity in faults.rules:
            raise row.wrong("id", "is not a name that a script of this world can have")
        matched = row.integer("seen", 0, MAX_COUNT)
        hits = row.integer("hits", 0, matched)
        row.boolean("completed")
        with inside(f"faults.{index}"):
            rule = bodies.fault_rule(row.rest(), services, lambda identity=identity: identity)  # type: ignore[misc]
        rule.matched, rule.hits = matched, hits
        faults.add(rule)
    counters = snapshot.part("wishes")
    if len(counters.left) > MAX_COUNTED:
        raise refused("wishes", f"must have at most {MAX_COUNTED} members")
    for digest in counters.names():
        if DIGEST.fullmatch(digest) is None:
            raise counters.wrong(digest, "is not the digest of a requested fault")
        faults.counters[digest] = counters.integer(digest, 0, MAX_COUNT)
    return faults


def limits_of(rows: Part, services: Mapping[str, Service]) -> Limits:
    limits = Limits()
    known = {(slug, each.name): each for slug, service in services.items() for each in service.provider.limits}
    for index in rows.names():
        row = rows.row(index, ("key", "used", "instant"))
        parts = row.elements("key")
        key = tuple(parts.text(place) for place in parts.names())
        limit = known.get(key[:2])
        if limit is None or len(key) != 2 + len(limit.by) or key in limits.counters:
            raise row.wrong("key", "is not a counter of a rate limit, or is there twice")
        used = float(row.number("used", 0, limit.capacity if limit.bucket else MAX_COUNT))
        limits.counters[key] = used, row.integer("instant", FIRST_INSTANT, LAST_INSTANT)
    return limits


# Documents


def restore_collection(world: World, service: Service, tenant: str, part: Part) -> None:
    """Give a tenant its documents back."""

    def check(documents: list[Document], stored: parts.Part) -> None:
        """Refuse documents that the spec does not allow."""
        try:
            for _ in bodies.check_documents(documents, service):
                pass
        except FakeProblem as problem:
            first = problem.body["errors"][0]
            raise stored.wrong(f"{first['document']}.document.{first['field']}", first["detail"]) from problem

    world.tenants(service.provider)[tenant].load(part, check)


# Journal


def restore_journal(journal: Journal, part: Part) -> None:
    rows = part.elements("entries", MAX_ENTRIES)
    entries: list[Entry] = []
    for index in rows.names():
        entries.append(entry_of(rows.part(index), after=entries[-1].number if entries else 0))
    retry_at: dict[Client, int] = {}
    waits = part.elements("retry_at", MAX_ENTRIES)
    for index in waits.names():
        row = waits.row(index, ("provider", "caller", "instant"))
        client = row.maybe("provider"), row.maybe("caller")
        retry_at[client] = row.integer("instant", FIRST_INSTANT, LATEST_RETRY)
    total = part.integer("total", entries[-1].number if entries else 0, MAX_COUNT)
    repeated = part.integer("repeated", 0, MAX_COUNT)
    part.end()
    journal.restore(entries, total, repeated, retry_at)


def entry_of(part: Part, after: int) -> Entry:
    """One entry; each has a higher number than the one before."""
    part.text("time")
    values, warnings = part.anything("values"), part.elements("warnings", MAX_ENTRY_WARNINGS)
    if not isinstance(values, dict | None) or deeper(values, MAX_DEPTH + 1):
        raise part.wrong("values", f"must be null, or an object that is nested at most {MAX_DEPTH} deep")
    entry = Entry(
        number=part.integer("id", after + 1, MAX_COUNT),
        instant=part.integer("instant", FIRST_INSTANT, LAST_INSTANT),
        method=part.text("method"),
        path=part.text("path"),
        query=part.text("query"),
        status=part.integer("status", LEAST_STATUS, MOST_STATUS),
        provider=part.maybe("provider"),
        operation=part.maybe("operation"),
        caller=part.maybe("caller"),
        values=values,
        fault=part.maybe("fault", MAX_LABEL),
        warnings=tuple(warnings.text(index) for index in warnings.names()),
    )
    part.end()
    return entry
