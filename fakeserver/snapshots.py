"""Snapshots: everything a world is, as one JSON value; a restored world answers byte for byte the same."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any

from fakeserver import bodies
from fakeserver.collection import FIRST, LAST
from fakeserver.faults import Faults
from fakeserver.journal import Entry
from fakeserver.limits import Limits
from fakeserver.problems import Document, FakeProblem, Json
from fakeserver.service import Service
from fakeserver.world import Ground, Recipe, World

VERSION = 1


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
        "wishes": world.faults.wishes,
        "limits": [[list(key), used, instant] for key, (used, instant) in world.limits.counters.items()],
        "tenants": {
            slug: {name: each.state() for name, each in tenants.items() if not each.untouched}
            for slug, tenants in world.collections().items()
        },
        "journal": {"total": world.journal.total, "entries": [plain(each) for each in world.journal.entries]},
    }


def plain(entry: Entry) -> Document:
    row = entry.row()
    return {**row, "instant": entry.instant}


def restore(value: Json, world: World, services: Mapping[str, Service]) -> None:
    """Make the world what it was; a snapshot that cannot be used changes nothing."""
    fields = bodies.Fields(value)
    if fields.whole("version", 0, 2**31) != VERSION:
        raise bodies.refused("version", f"must be {VERSION}")
    try:
        restored = rebuilt(value, world, services)
    except FakeProblem:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise FakeProblem(422, f"The snapshot cannot be used: {error!r}", field="body") from error
    world.take_over(restored)


def rebuilt(value: Document, world: World, services: Mapping[str, Service]) -> World:
    """A new world from a snapshot, made aside, so that a bad one breaks nothing."""
    digests = {slug: service.fixture.digest for slug, service in services.items()}
    if value["fixtures"] != digests:
        raise FakeProblem(409, "The snapshot was taken with other providers or fixtures", field="fixtures")
    recipe = recipe_of(value["recipe"])
    ground = world.ground if recipe == world.ground.recipe else Ground(recipe, world.ground.fixtures)
    new = World(ground, world.name)
    new.secret = base64.b64decode(value["secret"], validate=True)
    if len(new.secret) != len(world.secret):
        raise bodies.refused("secret", "has the wrong length")
    new.clock.restore(clock_of(value["clock"]))
    new.settings = bodies.settings(value["settings"], new.settings, services)
    new.faults = faults_of(value, recipe.seed, services)
    new.limits = Limits()
    for key, used, instant in value["limits"]:
        new.limits.counters[tuple(str(part) for part in key)] = (float(used), int(instant))
    for slug, tenants in value["tenants"].items():
        for name, state in tenants.items():
            rows = state["stored"]
            bodies.documents([row[3] for row in rows if row[3]], services[slug])
            for rank, owner, since, document in rows:
                if not (isinstance(rank, int) and 0 <= rank <= LAST and isinstance(since, int)):
                    raise bodies.refused(f"tenants.{slug}.{name}.stored", "has a row that is none")
                if not (owner is None or isinstance(owner, str)) or not isinstance(document, dict):
                    raise bodies.refused(f"tenants.{slug}.{name}.stored", "has a row that is none")
                if owner is None and rank < FIRST:
                    raise bodies.refused(f"tenants.{slug}.{name}.stored", "has a row without an owner")
            new.tenants(services[slug].provider)[name].restore(state, new.clock.aged)
    for row in value["journal"]["entries"]:
        new.journal.entries.append(entry_of(row))
    new.journal.total = int(value["journal"]["total"])
    return new


def recipe_of(value: Document) -> Recipe:
    fields = bodies.Fields(value, "recipe")
    recipe = Recipe(
        seed=fields.whole("seed", 0, 2**63 - 1),
        size=fields.whole("size", 0, 10_000_000),
        epoch=fields.whole("epoch", -(2**55), 2**57),
    )
    fields.end()
    return recipe


def clock_of(value: Document) -> dict[str, Any]:
    fields = bodies.Fields(value, "clock")
    state = {
        "now": fields.whole("now", -(2**55), 2**57),
        "added": fields.whole("added", 0, 2**57),
        "factor": float(fields.number("factor", 1e-6, 1_000_000)),
        "frozen": fields.boolean("frozen"),
    }
    fields.end()
    return state


def faults_of(value: Document, seed: int, services: Mapping[str, Service]) -> Faults:
    faults = Faults(seed)
    for row in value["faults"]:
        raw = {name: each for name, each in row.items() if name not in ("id", "seen", "hits", "completed")}
        identity = str(row["id"])
        fault = bodies.fault(raw, services, lambda identity=identity: identity)  # type: ignore[misc]
        fault.seen, fault.hits = int(row["seen"]), int(row["hits"])
        faults.add(fault)
    faults.wishes = {str(wish): int(count) for wish, count in value["wishes"].items()}
    return faults


def entry_of(row: Document) -> Entry:
    return Entry(
        number=int(row["id"]),
        instant=int(row["instant"]),
        method=str(row["method"]),
        path=str(row["path"]),
        query=str(row["query"]),
        status=int(row["status"]),
        provider=row["provider"],
        operation=row["operation"],
        caller=row["caller"],
        values=row["values"],
        fault=row["fault"],
        warnings=tuple(row["warnings"]),
    )
