"""Snapshots: everything a world is, as one JSON value; a restored world answers byte for byte the same."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any

from fakeserver import bodies
from fakeserver.bodies import Fields, refused
from fakeserver.collection import LAST, Collection, newest_first
from fakeserver.faults import Faults
from fakeserver.journal import Entry, Journal
from fakeserver.limits import Limits
from fakeserver.problems import Document, FakeProblem, Json
from fakeserver.seeded import FIRST
from fakeserver.service import Service
from fakeserver.world import Recipe, World

VERSION = 1
SECRET_BYTES = 32
EARLIEST, LATEST = -(2**55), 2**57
"""The years 828 and 6537: what a snapshot's instants lie between."""


def taken(world: World, services: Mapping[str, Service]) -> Document:
    """The world as it is now."""
    return {
        "version": VERSION,
        "recipe": dataclasses.asdict(world.ground.recipe),
        "fixtures": {slug: service.fixture.digest for slug, service in services.items()},
        "secret": base64.b64encode(world.secret).decode(),
        "clock": world.clock.state(),
        "settings": bodies.settings_row(world.settings),
        "faults": [each.status() for each in world.faults.scripts.values()],
        "faults_made": world.faults.made,
        "faults_failed": world.faults.failed,
        "wishes": world.faults.wishes,
        "limits": [[list(key), used, instant] for key, (used, instant) in world.limits.counters.items()],
        "tenants": {slug: changed for slug, tenants in world.collections().items() if (changed := states(tenants))},
        "journal": world.journal.state(),
    }


def states(tenants: Mapping[str, Collection]) -> Document:
    """The state of each collection that is not just as the seed made it."""
    return {name: each.state() for name, each in tenants.items() if not each.untouched}


def restore(value: Json, world: World, services: Mapping[str, Service]) -> None:
    """Make the world what it was; a snapshot that cannot be used changes nothing."""
    fields = Fields(value)
    if fields.whole("version", 0, 2**31) != VERSION:
        raise refused("version", f"must be {VERSION}")
    try:
        restored = rebuilt(fields, world, services)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise FakeProblem(422, f"The snapshot cannot be used: {error!r}", field="body") from error
    world.take_over(restored)


def rebuilt(fields: Fields, world: World, services: Mapping[str, Service]) -> World:
    """A new world from a snapshot, made aside, so that a bad one breaks nothing."""
    if fields.members("fixtures") != {slug: service.fixture.digest for slug, service in services.items()}:
        raise FakeProblem(409, "The snapshot was taken with other providers or fixtures", field="fixtures")
    new = World(world.ground_of(recipe_of(fields.members("recipe"))), world.name)
    new.secret = secret_of(fields.text("secret"))
    new.clock.restore(clock_of(fields.members("clock")))
    new.settings = bodies.settings(fields.members("settings"), new.settings, services)
    new.faults = faults_of(fields, new.ground.recipe.seed, services)
    new.limits = Limits()
    for key, used, instant in fields.array("limits"):
        new.limits.counters[tuple(str(part) for part in key)] = (float(used), int(instant))
    for slug, tenants in fields.members("tenants").items():
        if slug not in services:
            raise refused(f"tenants.{slug}", "is not a provider")
        for name, state in tenants.items():
            if name not in services[slug].fixture.tenants:
                raise refused(f"tenants.{slug}.{name}", "is not a tenant")
            checked = state_of(state, f"tenants.{slug}.{name}", services[slug])
            new.tenants(services[slug].provider)[name].restore(checked, new.clock.aged)
    restore_journal(new.journal, Fields(fields.members("journal"), "journal"))
    fields.end()
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


def state_of(value: Json, where: str, service: Service) -> Document:
    """What a collection stores, checked: rows of rank, owner, age and document, in the order of the listing."""
    fields = Fields(value, where)
    seeded, removed, rows = fields.boolean("seeded"), fields.array("removed"), fields.array("stored")
    fields.end()
    if not all(is_whole(rank) for rank in removed):
        raise refused(f"{where}.removed", "must hold ranks")
    gone = set(removed)
    kept = []
    for row in rows:
        rank, owner, since, document = row
        if not (is_whole(rank) and is_whole(since, most=2**57) and isinstance(document, dict)):
            raise refused(f"{where}.stored", "has a row that is none")
        if not isinstance(owner, str) and (owner is not None or (rank not in gone and (rank < FIRST or not seeded))):
            raise refused(f"{where}.stored", "has a row without an owner")
        if rank not in gone:
            kept.append((rank, document))
    kept.sort(key=lambda each: each[0])
    documents = bodies.documents([document for _, document in kept], service)
    order = newest_first(service.provider.created, service.provider.identity)
    if len({rank for rank, _ in kept}) < len(kept) or documents != sorted(documents, key=order):
        raise refused(f"{where}.stored", "is not in the order of the listing")
    return {"seeded": seeded, "removed": removed, "stored": rows}


def is_whole(value: Json, most: int = LAST) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def recipe_of(value: Document) -> Recipe:
    fields = Fields(value, "recipe")
    recipe = Recipe(
        seed=fields.whole("seed", 0, 2**63 - 1),
        size=fields.whole("size", 0, 10_000_000),
        epoch=fields.whole("epoch", EARLIEST, LATEST),
    )
    fields.end()
    return recipe


def clock_of(value: Document) -> dict[str, Any]:
    fields = Fields(value, "clock")
    state = {
        "now": fields.whole("now", EARLIEST, LATEST),
        "added": fields.whole("added", 0, 2**57),
        "factor": float(fields.number("factor", 1e-6, 1_000_000)),
        "frozen": fields.boolean("frozen"),
    }
    fields.end()
    return state


def faults_of(fields: Fields, seed: int, services: Mapping[str, Service]) -> Faults:
    faults = Faults(seed)
    for row in fields.array("faults"):
        raw = {name: each for name, each in row.items() if name not in ("id", "seen", "hits", "completed")}
        identity = str(row["id"])
        fault = bodies.fault(raw, services, lambda identity=identity: identity)  # type: ignore[misc]
        fault.seen, fault.hits = int(row["seen"]), int(row["hits"])
        faults.add(fault)
    faults.made = fields.whole("faults_made", len(faults.scripts), 2**53)
    faults.failed = fields.whole("faults_failed", 0, 2**53)
    faults.wishes = {str(wish): int(count) for wish, count in fields.members("wishes").items()}
    return faults


def restore_journal(journal: Journal, fields: Fields) -> None:
    entries = [entry_of(Fields(row, f"journal.entries.{index}")) for index, row in enumerate(fields.array("entries"))]
    retry_at = {(provider, caller): int(instant) for provider, caller, instant in fields.array("retry_at")}
    journal.restore(entries, fields.whole("total", 0, 2**53), fields.whole("repeated", 0, 2**53), retry_at)
    fields.end()


def entry_of(fields: Fields) -> Entry:
    fields.text("time")
    values, warnings = fields.anything("values"), fields.array("warnings")
    if not isinstance(values, dict | None) or bodies.deeper(values, bodies.MAX_DEPTH + 1):
        raise refused("journal.entries", "has values that are no object")
    entry = Entry(
        number=fields.whole("id", 0, 2**53),
        instant=fields.whole("instant", EARLIEST, LATEST),
        method=fields.text("method"),
        path=fields.text("path"),
        query=fields.text("query"),
        status=fields.whole("status", 100, 599),
        provider=fields.text("provider", None),
        operation=fields.text("operation", None),
        caller=fields.text("caller", None),
        values=values,
        fault=fields.text("fault", None),
        warnings=tuple(str(each) for each in warnings),
    )
    fields.end()
    return entry
