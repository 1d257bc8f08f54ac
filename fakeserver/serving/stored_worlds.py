"""Worlds of a store: made of what is kept of them, and told what other processes did to them."""

from __future__ import annotations

import base64
import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import partial

import orjson

from fakeserver.admin.part import Part
from fakeserver.admin.snapshots import VERSION, Serving, secret_of, seeding_of
from fakeserver.commands.guests import Left
from fakeserver.commands.ran import Key
from fakeserver.documents.overlay import Check
from fakeserver.documents.packing import Packed, Packing
from fakeserver.faults.scripts import FaultRule
from fakeserver.machine import time
from fakeserver.parts import Part as AnyPart
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document, FakeProblem
from fakeserver.provider import Provider
from fakeserver.serving.asking import Asking
from fakeserver.serving.fingerprints import fingerprint_of
from fakeserver.stores import store as stores
from fakeserver.stores.store import Kept, Row, Store
from fakeserver.worlds.ledger import ANEW, DROPPED, FILES, Entry, Ledger, OutOfTurn, anchor_of, repeat
from fakeserver.worlds.namespaces import NAME, Worlds
from fakeserver.worlds.shared import SharedJournal, SharedLimits
from fakeserver.worlds.world import World

PARTS = ("settings", "faults")
"""Of a world, those that a snapshot in a store has as they write themselves, beside the documents; the others are kept
by themselves."""
MAX_STORED = 100_000
"""Namespaces that a store keeps."""
IS_ANEW, IS_DROPPED = orjson.dumps([[ANEW]]), orjson.dumps([[DROPPED]])
"""Rows by which whoever has a world learns that another has taken its place, or none."""


NOTHING: stores.Left = (None, "{}")
"""What a sandbox has left that has left nothing."""


class Wall:
    """The clock of the worlds, in microseconds since 1970, which no process sees go back behind what is kept."""

    def __init__(self) -> None:
        self._least = 0

    def now(self) -> int:
        # Requests ask this.
        now = time.time_ns() // 1_000
        if now > self._least:
            self._least = now
        return self._least

    def reach(self, instant: int) -> None:
        """It is at least so late."""
        self._least = max(self._least, instant)


@dataclass(frozen=True, slots=True)
class Trusting:
    """What is kept is held against nothing but its form: it was checked when it came."""

    services: Mapping[str, Service]

    @property
    def providers(self) -> Mapping[str, Provider]:
        return {slug: service.provider for slug, service in self.services.items()}

    def script(self, part: AnyPart, identity: str) -> FaultRule:
        return Serving(self.services).script(part, identity)

    def check(self, slug: str, kind: str = "") -> Check:
        return lambda documents, part: None


@dataclass(slots=True)
class New:
    """A world that is not kept yet."""

    epoch: int
    anchor: str


class StoredWorlds(Worlds):
    """The worlds of a store that this process has at hand. `is_turn` says whether they may be changed now; only then
    does one come into being, since all processes must have the same. `attend` is told of each that is at hand, to have
    its sandboxes kept."""

    def __init__(
        self,
        store: Store,
        make: Callable[[str, int | None], World],
        served: Trusting,
        wall: Wall,
        attend: Callable[[World, Ledger], None],
    ) -> None:
        self._store = store
        self.asking = Asking(store)
        self.attend = attend
        self._make_of = make
        self._served = served
        self._wall = wall
        self.is_turn = True
        self._journals: dict[World, SharedJournal] = {}
        """Of those that somebody has in this batch of turns."""
        self.used: dict[World, None] = {}
        """Those that somebody may have changed since they were asked what has happened."""
        self.asked_for: set[str] = set()
        """Namespaces that were asked for since it was told that they are used."""
        self.left_late: set[World] = set()
        """Those in whose sandboxes something was left by what goes on there by itself; any thread adds to it."""
        self.stale: set[str] = set()
        self._replaced: set[str] = set()
        """Of these, in whose place another world has come."""
        """Those that are no longer as they are kept."""
        self.new: dict[str, New] = {}
        self.gone: set[str] = set()
        """Those that were dropped in this batch of turns."""
        self.to_drop: list[str] = []
        self.outdated: set[str] = set()
        """Those of whose snapshot another program worked out what is there beside the documents."""
        self.ledgers: dict[World, Ledger] = {}
        self.rows: dict[str, int] = {}
        """By world, about how many rows its log has behind its snapshot."""
        self._reached: dict[str, int] = {}
        """By world, the newest row that it was made with."""
        self.shows: Callable[[str], bool] = lambda name: True
        """Whether somebody may see a world whose turn it is not."""
        super().__init__(self._find)

    # What requests ask

    def at(self, name: str | None) -> World:
        """The world of a namespace, or the one at the root."""
        if name is not None:
            return self.named(name)
        if self.is_turn:
            self._begin_batch(self.root)
        elif not self.shows(""):
            raise OutOfTurn
        return self.root

    def named(self, name: str) -> World:
        if not self.is_turn and not self.shows(name):
            raise OutOfTurn
        world = super().named(name)
        if self.is_turn:
            self._begin_batch(world)
        self.used[world] = None
        self.asked_for.add(name)
        return world

    def _begin_batch(self, world: World) -> None:
        if world not in self._journals:
            journal = self._journals[world] = shared_of(world)[0]
            journal.batch = []

    def end_batch(self, *, kept: bool) -> None:
        """What was noted in journals meanwhile is so, or the batch came to nothing."""
        journals, self._journals = self._journals, {}
        for world, journal in journals.items():
            if kept:
                journal.batch = None
            else:
                journal.forget_batch()
                # It may have been reset, which has come to nothing as well.
                world.journal = journal

    def use_late(self) -> None:
        """Those count as used."""
        late, self.left_late = self.left_late, set()
        for world in late:
            if world in self.ledgers:
                self.used[world] = None

    def known(self, name: str) -> World:
        return self.at(name if name in self._named or (name and self._is_kept(name)) else None)

    def _is_kept(self, name: str) -> bool:
        return NAME.fullmatch(name) is not None and name not in self.gone and self.asking.ask(self._store.has, name)

    def _make_room(self) -> None:
        """Let go of the one that was used least lately: it is kept in the store."""
        for name in self._named:
            if name not in self.new:
                return self.let_go(name)

    def listed(self) -> list[Document]:
        written = self.asking.ask(self._store.written)
        return [{"name": name, "touched": touched} for name, touched in written.items() if name]

    def delete(self, name: str) -> None:
        if name not in self._named and not self._is_kept(name):
            raise FakeProblem(404, f"Namespace {name[:64]!r} does not exist", field="namespace")
        if not self.is_turn:
            raise OutOfTurn
        self.let_go(name)
        self.new.pop(name, None)
        self.gone.add(name)
        self.to_drop.append(name)

    def let_go(self, name: str) -> None:
        """Have it no longer at hand."""
        world = self._named.pop(name, None)
        if world is not None:
            world.guests.machines.close()
            self.ledgers.pop(world, None)
            self.used.pop(world, None)
        self.stale.discard(name)
        self.outdated.discard(name)

    # Coming into being

    def _find(self, name: str) -> World:
        """A world as it is kept, or a new one."""
        if not self.is_turn:
            raise OutOfTurn
        kept = None if name in self.gone else self.asking.ask(self._store.read, name)
        if kept is None:
            if self.asking.ask(self._store.count) > MAX_STORED:
                told = f"The store keeps {MAX_STORED} namespaces; `fakeserver store prune` makes room"
                raise FakeProblem(503, told, field="namespace")
            world = self._make_of(name, None)
            self.new[name] = New(world.seeding.epoch, orjson.dumps(world.clock.anchor).decode())
        else:
            world = self.build(kept)
        self._watch(world)
        self.used[world] = None
        return world

    def read_root(self) -> None:
        """Have the world at the root that somebody else has begun, in the place of what would have been that."""
        world = self.root
        world.guests.machines.close()
        self.ledgers.pop(world, None)
        self.used.pop(world, None)
        self.new.pop("", None)
        self.root = self._find("")

    def _watch(self, world: World) -> None:
        ledger = self.ledgers[world] = Ledger(world, lambda: self.is_turn)
        self.attend(world, ledger)

    def build(self, kept: Kept) -> World:
        """A world as it is kept."""
        world = self._make_of(kept.name, kept.epoch)
        world.clock.resume(anchor_of(orjson.loads(kept.anchor)))
        if kept.snapshot is not None:
            world.take_over(self._read(world, Packed(kept.snapshot)))
        for key, left in kept.left.items():
            world.guests.adopt(key, left_of(left))
        journal, limits = shared_of(world)
        journal.merge(kept.journal.total, kept.journal.entries, Part)
        if kept.journal.state:
            journal.remember(Part(orjson.loads(kept.journal.state)))
        limits.counters = OrderedDict(kept.counters)
        with world.documents.gathering():
            for row in kept.rows:
                self._repeat(world, row, kept.left.get)
        self.rows[kept.name], self._reached[kept.name] = len(kept.rows), kept.reached
        return world

    def _read(self, world: World, packed: Packed) -> World:
        snapshot = packed.head
        new = world.anew(seeding_of(Part(snapshot["recipe"])))
        new.secret = secret_of(snapshot["secret"])
        for name in PARTS:
            new.parts[name].load(Part(snapshot[name]), self._served)
        trusted = {slug for slug, told in snapshot["tables"].items() if told and told == fingerprint_of(slug)}
        new.documents.unpack(snapshot["documents"], packed, self._served.providers, trusted)
        if len(trusted) < len(snapshot["tables"]):
            self.outdated.add(world.name)
        new.guests.read_scripts(Part({"scripts": snapshot["scripts"]}), self._served)
        new.clock.resume(anchor_of(snapshot["anchor"]))
        return new

    # What other processes did

    def follow(self, row: Row) -> None:
        """Do what a row says, if the world is at hand."""
        self._wall.reach(row.at)
        world = self.at_hand(row.world)
        if world is None or row.number <= self._reached.get(row.world, 0):
            return
        if row.entries == IS_ANEW:
            self.stale.add(row.world)
            self._replaced.add(row.world)
        elif row.world in self.stale:
            return
        elif row.entries == IS_DROPPED:
            self.let_go(row.world)
        else:
            ledger, entries = self.ledgers[world], self._repeat(world, row, partial(self.asking.left, world.name))
            ledger.catch_up()
            for name, *rest in entries:
                if name == FILES:
                    ledger.know((rest[0], rest[1]))

    def _repeat(self, world: World, row: Row, left: Callable[[Key], stores.Left | None]) -> list[Entry]:
        self._wall.reach(row.at)
        entries: list[Entry] = orjson.loads(row.entries)
        repeat(world, entries, self._served, Part, lambda key: left_of(left(key) or NOTHING))
        return entries

    def find_left(self, rows: Iterable[Row]) -> None:
        """Called by a thread before these rows are followed."""
        self.asking.find_left(row for row in rows if self.at_hand(row.world) is not None)

    def doubt(self, names: Iterable[str]) -> None:
        """These may not be as they are kept: nobody sees them until they were read again."""
        for name in names:
            if name == "" or name in self._named:
                self.stale.add(name)

    def renew(self, name: str, kept: Kept | None) -> None:
        """Have a world that is in doubt be as it is kept."""
        world = self.root if name == "" else self._named[name]
        if kept is None and name:
            return self.let_go(name)
        assert kept is not None, "the world at the root is never dropped"
        journal, limits = shared_of(world)
        # Work that goes on in a sandbox leaves it in a world that nobody sees any more; where that was reset, it may.
        world.guests.overtaken = name not in self._replaced
        world.take_over(self.build(kept))
        if name not in self._replaced:
            # What this process has not told the others yet has happened all the same.
            now = shared_of(world)
            now[0].inherit(journal)
            now[1].inherit(limits)
        self._replaced.discard(name)
        self.ledgers[world].forget()
        self.attend(world, self.ledgers[world])
        self.stale.discard(name)


def shared_of(world: World) -> tuple[SharedJournal, SharedLimits]:
    """What processes that have the same world count together."""
    journal, limits = world.journal, world.limits
    assert isinstance(journal, SharedJournal)
    assert isinstance(limits, SharedLimits)
    return journal, limits


def left_of(left: stores.Left) -> Left:
    files, variables = left
    return files, orjson.loads(variables)


def to_keep(left: Left) -> stores.Left | None:
    """What a sandbox left as a store keeps it; None if that is nothing."""
    files, variables = left
    return None if files is None and not variables else (files, orjson.dumps(variables).decode())


def snapshot_of(world: World) -> Document:
    """The parts of a world that its snapshot in a store has, as they are now: of the documents a view, which `encode`
    may take long to write down."""
    return {
        "version": VERSION,
        "recipe": dataclasses.asdict(world.seeding),
        "secret": base64.b64encode(world.secret).decode(),
        "anchor": world.clock.anchor,
        "scripts": world.guests.rows(),
        "settings": orjson.Fragment(orjson.dumps(world.settings.dump())),
        "faults": world.faults.dump(),
        "tables": {slug: fingerprint_of(slug) for slug in world.seeded.fixtures},
        "documents": copy(world.documents),
    }


def encode(snapshot: Document) -> bytes:
    """A snapshot's bytes. It may be done in a thread: nothing takes so long in one piece that others wait for it."""
    packing = Packing()
    return packing.whole({**snapshot, "documents": snapshot["documents"].pack(packing)})


def sandboxes_of(world: World) -> Iterator[tuple[Key, stores.Left]]:
    """What all sandboxes of a world have left."""
    for key, left in world.guests.all_left().items():
        kept = to_keep(left)
        if kept is not None:
            yield key, kept
