"""Transitions that somebody asks for: passing states of a world's documents end when the admin API says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fakeserver.arguments import near
from fakeserver.documents.collection import Collection
from fakeserver.documents.states import BEHIND, OUTCOME, Life, Machine
from fakeserver.lifecycle.records import Record
from fakeserver.listing.meaning import Write
from fakeserver.problems import Document, FakeProblem
from fakeserver.provider import Provider
from fakeserver.worlds.world import World

AT_ONCE = 200
"""Documents that are changed in one piece: the server answers others between two."""
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


class Piece(NamedTuple):
    """Some documents of a kind as of now, together with what they live by."""

    now: int
    kind: str
    machine: Machine
    records: list[Record]


def end_passing(world: World, ending: Ending) -> Iterator[list[Document]]:
    """End them, in pieces, and say of each from which state it came into which (None: it is gone). A FakeProblem says
    what cannot be done; nothing has changed then."""
    check_outcome(ending)
    found = False
    for now, kind, machine, records in pieces_of(world, ending.provider, ending.kinds, ending.tenant, ending.identity):
        writes, moved = list[Write](), list[Document]()
        for record in records:
            found = True
            wrong = objection(machine, record, ending.outcome)
            if wrong and ending.identity is not None:
                raise FakeProblem(409, f"{ending.identity[:MAX_SHOWN]!r} {wrong}", field="id")
            if wrong:
                continue
            before = machine.state_of(record.life)
            wanted = {**record.kept, OUTCOME: ending.outcome} if ending.outcome else record.kept
            life = machine.release(Life(record.document, wanted), now)
            writes.append(record.remove() if life is None else record.after(life).put())
            after = None if life is None else machine.state_of(life)
            place = {"kind": kind or SANDBOXES, "tenant": record.tenant, "id": record.identity}
            moved.append({**place, "from": before, "to": after})
        world.write(ending.provider, writes, now)
        yield moved
    if ending.identity is not None and not found:
        raise FakeProblem(404, f"There is no document {ending.identity[:MAX_SHOWN]!r}", field="id")


def check_outcome(ending: Ending) -> None:
    machines = (ending.provider.kind(kind).machine for kind in ending.kinds)
    known = [outcome for machine in machines if machine is not None for outcome in machine.outcomes]
    if ending.outcome and ending.outcome not in known:
        shown = ending.outcome[:MAX_SHOWN]
        raise FakeProblem(422, f"outcome {shown!r} is not known{near(shown, known)}", field="outcome")


def pieces_of(
    world: World, provider: Provider, kinds: Sequence[str], tenant: str | None = None, identity: str | None = None
) -> Iterator[Piece]:
    """What lives by the running clock, of a tenant or of all; or the document with an id, whatever it lives by. Between
    two pieces others may change anything, so that each is found by its id when it comes to it."""
    for kind in kinds:
        machine = provider.kind(kind).machine
        if machine is None:
            continue
        for name in [*world.collections(provider, kind, world.clock.now)] if tenant is None else [tenant]:
            collection = world.collections(provider, kind, world.clock.now)[name]
            found = map(collection.order, collection.living)
            named = [each for _, each in found] if identity is None else [identity]
            for start in range(0, len(named), AT_ONCE):
                now = world.clock.now
                collection = world.collections(provider, kind, now)[name]
                some, offset = named[start : start + AT_ONCE], now - world.epoch
                ranks = (rank for each in some if (rank := collection.locate(each)) is not None)
                yield Piece(now, kind, machine, [*records_of(collection, name, kind, ranks, offset)])


def objection(machine: Machine, record: Record, outcome: str) -> str:
    """Why a document's state does not end so; empty if it does."""
    state = machine.state_of(record.life)
    if not machine.is_passing(record.life):
        return f"is {state}, and that is no passing state"
    if outcome and outcome not in machine.outcomes_in(state):
        return f"is {state}, which cannot end in {outcome!r}"
    return ""


def records_of(collection: Collection, tenant: str, kind: str, ranks: Iterable[int], offset: int) -> Iterator[Record]:
    """The documents at some ranks, as of an instant after the epoch."""
    for each in ranks:
        life = collection.life(each, offset)
        if life is not None:
            named = collection.order(each)[1]
            yield Record(life, collection.owner(each), tenant, named, collection.ordinal(each), kind, found=True)


def change_mode(world: World, provider: Provider, mode: str) -> Iterator[None]:
    """Let everything that lives go on under another mode, in pieces, until that is not the mode any longer: nothing
    waits any more unless it is `manual`, and under `immediate` passing states end as of now."""
    for now, _, machine, records in pieces_of(world, provider, ("", *provider.kinds)):
        if world.settings.transitions != mode:
            return
        writes = list[Write]()
        for record in records:
            if machine.is_passing(record.life):
                life = machine.under(mode, record.life, now)
                writes.append(record.remove() if life is None else record.after(life).put())
        world.write(provider, writes, now)
        yield


def find_left(world: World, provider: Provider) -> Iterator[Document]:
    """The sandboxes that somebody created through the provider's API and nobody ended so far."""
    now, machine = world.clock.now, provider.machine
    if machine is None or not world.documents.has(provider):
        return
    for tenant, collection in world.advance(provider, now).items():
        for record in records_of(collection, tenant, "", collection.living, now - world.epoch):
            state = machine.state_of(record.life)
            # What was there before somebody changed it was behind the running clock then.
            if BEHIND not in record.kept and state not in machine.ended:
                yield {"provider": provider.slug, "tenant": tenant, "id": record.identity, "state": state}
