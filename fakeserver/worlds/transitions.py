"""Transitions that somebody asks for: passing states of a world's documents end when the admin API says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fakeserver.documents.collection import Collection
from fakeserver.documents.states import BEHIND, HELD, OUTCOME, Life, Machine
from fakeserver.lifecycle.records import Record
from fakeserver.problems import Document, FakeProblem
from fakeserver.provider import Provider
from fakeserver.worlds.world import World

MAX_SHOWN = 64
"""Characters of an unknown name that a refusal repeats."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Which documents' passing states end, and how: those of a tenant, or of all; the one with an id, or all; in an
    outcome, or well."""

    provider: Provider
    kind: str = ""
    tenant: str | None = None
    identity: str | None = None
    outcome: str = ""


def end_passing(world: World, ending: Ending) -> list[Document]:
    """End them as of now, all as one, and say of each from which state it came into which (None: it is gone). A
    FakeProblem says what cannot be done; nothing has changed then."""
    machine = ending.provider.kind(ending.kind).machine
    if machine is None:
        raise FakeProblem(409, f"{ending.provider.slug} has no states for these documents", field="kind")
    if ending.outcome and ending.outcome not in machine.outcomes:
        known = ", ".join(machine.outcomes) or "none"
        raise FakeProblem(
            422, f"outcome {ending.outcome[:MAX_SHOWN]!r} is not known; known are {known}", field="outcome"
        )
    now, writes, moved = world.clock.now, [], []
    for record in find_passing(world, ending, machine, now):
        before = machine.state_of(record.life)
        wanted = {**record.kept, OUTCOME: ending.outcome} if ending.outcome else record.kept
        life = machine.release(Life(record.document, wanted), now)
        writes.append(record.remove() if life is None else record.after(life).put())
        after = None if life is None else machine.state_of(life)
        moved.append({"tenant": record.tenant, "id": record.identity, "from": before, "to": after})
    world.write(ending.provider, writes, now)
    return moved


def go_on(world: World, provider: Provider, mode: str) -> None:
    """Under another mode than `manual`, let nothing wait any more; under `immediate`, passing states end as of now."""
    now = world.clock.now
    for kind in ("", *provider.kinds):
        machine = provider.kind(kind).machine
        writes = []
        for tenant, collection in world.collections(provider, kind, now).items() if machine is not None else ():
            for rank in collection.living:
                life = collection.life(rank, now - world.epoch)
                if machine is None or life is None or HELD not in life.kept:
                    continue
                after: Life | None = machine.hold(life, held=False)
                if mode == "immediate" and after is not None:
                    after = machine.settle(after, now)
                owner, identity = collection.owner(rank), collection.order(rank)[1]
                record = Record(life, owner, tenant, identity, collection.ordinal(rank), kind)
                writes.append(record.remove() if after is None else record.after(after).put())
        world.write(provider, writes, now)


def find_left(world: World, provider: Provider) -> Iterator[Document]:
    """The sandboxes that somebody created through the provider's API and nobody ended so far."""
    now, machine = world.clock.now, provider.machine
    if machine is None or not world.documents.has(provider):
        return
    for tenant, collection in world.advance(provider, now).items():
        for rank in collection.living:
            life = collection.life(rank, now - world.epoch)
            # What was there before somebody changed it was behind the running clock then.
            if life is None or BEHIND in life.kept:
                continue
            state = machine.state_of(life)
            if state not in machine.ended:
                identity = collection.order(rank)[1]
                yield {"provider": provider.slug, "tenant": tenant, "id": identity, "state": state}


def find_passing(world: World, ending: Ending, machine: Machine, now: int) -> list[Record]:
    """The documents that are meant; where an id is given, that one or a FakeProblem."""
    found = []
    collections = world.collections(ending.provider, ending.kind, now)
    names = [*collections] if ending.tenant is None else [ending.tenant]
    for tenant in names:
        collection = collections[tenant]
        for rank in ranks_of(collection, ending.identity):
            life = collection.life(rank, now - world.epoch)
            if life is None:
                continue
            if not machine.is_passing(life):
                if ending.identity is None:
                    continue
                state = machine.state_of(life)
                raise FakeProblem(409, f"{ending.identity[:MAX_SHOWN]!r} is {state}, which does not pass", field="id")
            owner, identity = collection.owner(rank), collection.order(rank)[1]
            found.append(Record(life, owner, tenant, identity, collection.ordinal(rank), ending.kind))
    if ending.identity is not None and not found:
        raise FakeProblem(404, f"There is no document {ending.identity[:MAX_SHOWN]!r}", field="id")
    return found


def ranks_of(collection: Collection, identity: str | None) -> Iterable[int]:
    """The document with an id, or all that live by the running clock."""
    if identity is None:
        return collection.living
    rank = collection.locate(identity)
    return () if rank is None else (rank,)
