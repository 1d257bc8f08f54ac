"""Transitions that somebody asks for: passing states of a world's documents end when the admin API says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fakeserver.arguments import near
from fakeserver.documents.collection import Collection
from fakeserver.documents.states import BEHIND, OUTCOME, Life, Machine
from fakeserver.lifecycle.records import Record
from fakeserver.listing.meaning import Write
from fakeserver.problems import Document, FakeProblem
from fakeserver.provider import Provider
from fakeserver.worlds.world import World

MAX_SHOWN = 64
"""Characters of an unknown name that a refusal repeats."""
SANDBOXES = "sandboxes"
"""What the kind is called that has no name of its own."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Which documents' passing states end, and how: those of some kinds, of a tenant or of all; the one with an id, or
    all; in an outcome, or well."""

    provider: Provider
    kinds: tuple[str, ...]
    tenant: str | None = None
    identity: str | None = None
    outcome: str = ""


def end_passing(world: World, ending: Ending) -> list[Document]:
    """End them as of now, all as one, and say of each from which state it came into which (None: it is gone). A
    FakeProblem says what cannot be done; nothing has changed then."""
    now, writes, moved = world.clock.now, list[Write](), list[Document]()
    check_outcome(ending)
    for kind in ending.kinds:
        machine = ending.provider.kind(kind).machine
        for record in find_passing(world, ending, kind, now) if machine is not None else ():
            assert machine is not None
            before = machine.state_of(record.life)
            wanted = {**record.kept, OUTCOME: ending.outcome} if ending.outcome else record.kept
            life = machine.release(Life(record.document, wanted), now)
            writes.append(record.remove() if life is None else record.after(life).put())
            after = None if life is None else machine.state_of(life)
            place = {"kind": kind or SANDBOXES, "tenant": record.tenant, "id": record.identity}
            moved.append({**place, "from": before, "to": after})
    if ending.identity is not None and not moved:
        raise FakeProblem(404, f"There is no document {ending.identity[:MAX_SHOWN]!r}", field="id")
    world.write(ending.provider, writes, now)
    return moved


def check_outcome(ending: Ending) -> None:
    machines = (ending.provider.kind(kind).machine for kind in ending.kinds)
    known = [outcome for machine in machines if machine is not None for outcome in machine.outcomes]
    if ending.outcome and ending.outcome not in known:
        shown = ending.outcome[:MAX_SHOWN]
        raise FakeProblem(422, f"outcome {shown!r} is not known{near(shown, known)}", field="outcome")


def find_passing(world: World, ending: Ending, kind: str, now: int) -> Iterator[Record]:
    """The documents of a kind that are meant: those in a passing state that can turn out so. Where an id is given, a
    FakeProblem says why that one is not."""
    machine = ending.provider.kind(kind).machine
    collections = world.collections(ending.provider, kind, now)
    for tenant in [*collections] if ending.tenant is None else [ending.tenant]:
        for record in records_of(collections[tenant], tenant, kind, ending.identity, now - world.epoch):
            if machine is None or not objection(machine, record, ending.outcome):
                yield record
            elif ending.identity is not None:
                told = f"{ending.identity[:MAX_SHOWN]!r} {objection(machine, record, ending.outcome)}"
                raise FakeProblem(409, told, field="id")


def objection(machine: Machine, record: Record, outcome: str) -> str:
    """Why a document's state does not end so; empty if it does."""
    state = machine.state_of(record.life)
    if not machine.is_passing(record.life):
        return f"is {state}, and that is no passing state"
    if outcome and outcome not in machine.outcomes_in(state):
        return f"is {state}, which cannot end in {outcome!r}"
    return ""


def records_of(collection: Collection, tenant: str, kind: str, identity: str | None, offset: int) -> Iterable[Record]:
    """The document with an id, or all that live by the running clock, as of an instant after the epoch."""
    rank = None if identity is None else collection.locate(identity)
    ranks = collection.living if identity is None else [] if rank is None else [rank]
    for each in ranks:
        life = collection.life(each, offset)
        if life is not None:
            named = collection.order(each)[1]
            yield Record(life, collection.owner(each), tenant, named, collection.ordinal(each), kind, found=True)


def change_mode(world: World, provider: Provider, mode: str) -> None:
    """Let everything that lives go on under another mode: nothing waits any more unless it is `manual`, and under
    `immediate` passing states end as of now."""
    now, writes = world.clock.now, list[Write]()
    for kind in ("", *provider.kinds):
        machine = provider.kind(kind).machine
        for tenant, collection in world.collections(provider, kind, now).items() if machine is not None else ():
            assert machine is not None
            for record in records_of(collection, tenant, kind, None, now - world.epoch):
                if machine.is_passing(record.life):
                    life = machine.under(mode, record.life, now)
                    writes.append(record.remove() if life is None else record.after(life).put())
    world.write(provider, writes, now)


def find_left(world: World, provider: Provider) -> Iterator[Document]:
    """The sandboxes that somebody created through the provider's API and nobody ended so far."""
    now, machine = world.clock.now, provider.machine
    if machine is None or not world.documents.has(provider):
        return
    for tenant, collection in world.advance(provider, now).items():
        for record in records_of(collection, tenant, "", None, now - world.epoch):
            state = machine.state_of(record.life)
            # What was there before somebody changed it was behind the running clock then.
            if BEHIND not in record.kept and state not in machine.ended:
                yield {"provider": provider.slug, "tenant": tenant, "id": record.identity, "state": state}
