"""A tenant's documents, newest first, and the bitmaps that answer its filters."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping

from pyroaring import BitMap

from fakeserver.documents.ageing import Ageing
from fakeserver.documents.answers import Answers, Shown
from fakeserver.documents.changes import Change, Put, Remove
from fakeserver.documents.dues import Dues, Lifetimes
from fakeserver.documents.effects import Effects, carried, effects_of
from fakeserver.documents.index import Index
from fakeserver.documents.keys import Key, KeyFunction, itself
from fakeserver.documents.order import Order, OrderKey
from fakeserver.documents.overlay import Check, Overlay, Stored
from fakeserver.documents.packing import Packed, Packing
from fakeserver.documents.ranks import LAST
from fakeserver.documents.seeded import MAX_CACHED_BODIES, OWNER, Postings, Seeded, encode
from fakeserver.documents.states import Life
from fakeserver.instants import SECOND
from fakeserver.parts import Part
from fakeserver.problems import Document, Json

MAX_REFILED = 1_000
"""Documents that one write refiles in place; after a larger one, everything is filed anew when it is looked up."""
MAX_GATHERED = 10_000
"""The same for many writes that nobody looked at in between: they come from a log, and are few beside all documents."""


class Gathered:
    """Writes that nobody has looked at: the ids of their documents, and what was shown before at the ranks that they
    changed; None where everything has to be filed anew."""

    def __init__(self) -> None:
        self.written: dict[str, None] = {}
        self.before: dict[int, Shown | None] | None = {}


class Collection:
    """One tenant's documents: the stored ones (`Overlay`), as they are by now (`Ageing`), filed (`Index`). A copy
    (`copy.copy`) is a view that stays whole: both share what they have until one of them is changed."""

    def __init__(
        self, source: Seeded | None, order: Order, lifetimes: Lifetimes | None = None, dues: Dues | None = None
    ) -> None:
        self._overlay = Overlay(source, order)
        self._ageing = Ageing(lifetimes, dues)
        self._index = Index()
        self._bodies: dict[int, bytes] = {}
        self._passing: set[int] = set()
        """The ranks of bodies that a live clock soon makes wrong."""
        self._everything: BitMap | None = self._overlay.ranks
        self._as_seeded = source is not None and dues is None
        self._shared = False
        self._gathered: Gathered | None = None
        self.version = 0
        """Raised by every write."""
        self.writes = 0
        """How many writes there were since it was seeded, those before a snapshot counted."""
        self.answers = Answers()

    @classmethod
    def of(
        cls, documents: Iterable[tuple[Document, str]], order: Order, lifetimes: Lifetimes | None = None
    ) -> Collection:
        """These documents, each with its owner. Nothing is asked of them but a place in the order: two may have the
        same id, as another server's may."""
        new = cls(None, order, lifetimes)
        new._fill(Stored(document, owner, 0, order(document)) for document, owner in documents)
        return new

    def __copy__(self) -> Collection:
        new = Collection.__new__(Collection)
        new.__dict__.update(self.__dict__)
        new.answers = Answers()
        self._shared = new._shared = True
        return new

    # What there is

    @property
    def everything(self) -> BitMap:
        """The ranks of all documents, as they are now: a write leaves this bitmap as it is and makes another."""
        if self._everything is None:
            self._everything = self._overlay.ranks - self._ageing.gone
        return self._everything

    @property
    def untouched(self) -> bool:
        """Whether these are still exactly the seeded documents."""
        return not self.version

    def __len__(self) -> int:
        return len(self.everything)

    def filed(self, field: str, keys: KeyFunction, key: Key) -> BitMap:
        """The ranks of the documents that are filed under this key."""
        return self._index.filing(field, keys, self._overlay, self._ageing).filed(key)

    def postings(self, field: str, keys: KeyFunction) -> Postings:
        """Every key of a field with the ranks filed under it."""
        return self._index.filing(field, keys, self._overlay, self._ageing).postings()

    def owned_by(self, owner: str) -> BitMap:
        return self.filed(OWNER, itself, owner)

    def document(self, rank: int) -> Document:
        filed = self._filed(rank)
        passing = self._ageing.is_passing(self._overlay, rank, filed)
        return self._ageing.read(self._overlay, rank) if passing else filed

    def _filed(self, rank: int) -> Document:
        """The document as it was when time last changed what it is filed under."""
        document = self._ageing.read_aged(rank) if rank in self._ageing.aged else None
        return self._overlay.document(rank) if document is None else document

    def value(self, rank: int, field: str) -> Json:
        """One field of a document that is looked up, None where it is absent."""
        if rank in self._overlay.stored or rank in self._ageing.aged:
            return self._filed(rank).get(field)
        return self._overlay.seeded.value(self._overlay.ordinal(rank), field)

    @property
    def living(self) -> list[int]:
        """The ranks of the documents that live by the running clock."""
        return [rank for rank, stored in self._overlay.stored.items() if stored.lives and self.shows(rank)]

    def adopted(self, rank: int, document: Document, now: int) -> Document | None:
        """What is kept of the document at a rank if another one is put in its place `now` after the epoch."""
        stored, lifetimes = self._overlay.stored.get(rank), self._ageing.lifetimes
        life = None if stored is None or not stored.lives else self.life(rank, now)
        if life is None or lifetimes is None:
            return None if stored is None else stored.kept
        return lifetimes.machine.adopt(life.kept, life.document, document, lifetimes.epoch + now)

    def life(self, rank: int, now: int) -> Life | None:
        """The document at a rank with what is kept of it, as it lives by the running clock from `now` on (microseconds
        after the epoch); None if it is gone by then."""
        return self._ageing.life(self._overlay, rank, now)

    def kept(self, rank: int) -> Document:
        """What is kept of the document at a rank, as of the instant that it is shown at."""
        stored = self._overlay.stored.get(rank)
        life = None if stored is None or not stored.lives else self.life(rank, self._ageing.now)
        return {} if life is None else life.kept

    def owner(self, rank: int) -> str:
        return self._overlay.owner(rank)

    def documents(self) -> Iterable[Document]:
        """Every document, newest first."""
        return (self.document(rank) for rank in self.everything)

    def body(self, rank: int) -> bytes:
        """The document as JSON bytes, encoded again only when it changes."""
        body = self._bodies.get(rank)
        if body is None:
            if len(self._bodies) >= MAX_CACHED_BODIES:
                self._bodies.clear()
            body = self._encode(rank)
            self._bodies[rank] = body
        return body

    def _encode(self, rank: int) -> bytes:
        overlay, ageing = self._overlay, self._ageing
        if ageing.is_passing(overlay, rank, self._filed(rank)):
            self._passing.add(rank)
            return encode(ageing.read(overlay, rank))
        return encode(self._filed(rank)) if rank in ageing.aged else overlay.body(rank)

    def bodies(self, ranks: list[int]) -> list[bytes]:
        """The bodies of these ranks; those that were read before cost one look-up each."""
        if self._as_seeded:
            return self._overlay.seeded.bodies(ranks)
        try:
            return list(map(self._bodies.__getitem__, ranks))
        except KeyError:
            # Mostly a single row, which came onto the page by a write.
            known = self._bodies.get
            return [known(rank) or self.body(rank) for rank in ranks]

    def order(self, rank: int) -> OrderKey:
        """The document's place in the order."""
        return self._overlay.place(rank)

    def after(self, key: OrderKey, hint: int) -> int:
        """The first rank behind this place in the order; `hint` is the rank that probably has it."""
        if self.shows(hint) and self.order(hint) == key:
            return hint + 1
        ranks = self.everything
        index = bisect_left(range(len(ranks)), key, key=lambda index: self.order(ranks[index]))
        if index < len(ranks) and self.order(ranks[index]) == key:
            index += 1
        return int(ranks[index]) if index < len(ranks) else LAST

    def ordinal(self, rank: int) -> int | None:
        """Which seeded document this is; None if it was stored."""
        return None if rank in self._overlay.stored else self._overlay.ordinal(rank)

    def file_identities(self) -> Iterator[None]:
        """Make `locate` know every id, in pieces."""
        source = self._overlay.source
        return iter(()) if source is None else source.file_identities()

    def locate(self, identity: str, field: str | None = None) -> int | None:
        """The rank of the document with this id, or with this text in another field that names it."""
        rank = self._overlay.locate(identity) if field is None else self._overlay.locate_by(field, identity)
        return rank if rank is not None and self.shows(rank) else None

    # Time

    def advance_to(self, at: int, lead: int = 0, now: int | None = None) -> None:
        """Show the documents as they are when the seeded ones are `at` microseconds older, those that were put in by
        `lead` more, and those that live by the running clock when that is at `now` (None: as for the others)."""
        ageing, now = self._ageing, at + lead if now is None else now
        if ageing.lifetimes is None or (at, lead, now) == (ageing.at, ageing.lead, ageing.now):
            return
        moved = (at, lead) != (ageing.at, ageing.lead)
        by_itself = ageing.dues is not None and at >= ageing.at and at + lead >= ageing.at + ageing.lead
        if now >= ageing.now and (by_itself or not moved):
            if at - ageing.at >= SECOND or lead != ageing.lead or self.is_stale(now) or ageing.is_due(at, now):
                self._unshare()
                self._pass(at, lead, now)
            return
        self._unshare()
        self._ageing.advance(self._overlay, at, lead, now)
        self._ageing.schedule_all(self._overlay)
        self._show_anew()

    @property
    def stands(self) -> bool:
        """Whether what is shown is another only with another revision of its answers."""
        return not self._passing and not self._ageing.meters

    def is_stale(self, now: int) -> bool:
        """Whether the running clock, which is at `now`, may have changed what is shown since it was last looked at."""
        ageing = self._ageing
        return now < ageing.now or now >= ageing.next_due or (now != ageing.now and ageing.meters)

    def _pass(self, at: int, lead: int, now: int) -> None:
        """Time has passed by itself: look at what is due, and leave the rest to whoever reads it."""
        ageing, overlay = self._ageing, self._overlay
        due = ageing.take_due(overlay, at, now)
        few = len(due) <= MAX_REFILED
        before = {rank: self.shown(rank) for rank in due} if few else {}
        ageing.look_at(overlay, due, at, lead, now)
        for rank in self._passing:
            self._bodies.pop(rank, None)
        self._passing = set()
        if before:
            self._follow(before)
        elif due:
            self._show_anew()

    def candidates(self) -> BitMap:
        """The stored documents that time can change."""
        return self._ageing.candidates(self._overlay)

    # Writes

    def apply(self, changes: Iterable[Change], at: int | None = None) -> None:
        """Make these changes as one, `at` microseconds after the epoch (None: as of what is shown); if one of them
        cannot be made, a `ChangeError` says so and nothing has changed."""
        self.commit(self.effects_of(changes, at))

    def effects_of(self, changes: Iterable[Change], at: int | None = None) -> Effects:
        """What `apply` would do, so that several collections can be changed as one."""
        return effects_of(changes, self._overlay, self._ageing.at + self._ageing.lead if at is None else at)

    def commit(self, effects: Effects) -> None:
        """Do it, before anything else has changed here."""
        if not effects.cleared and not effects.documents:
            return
        self._unshare()
        self.version += 1
        self.writes += 1
        if effects.cleared:
            self._fill(effects.stored)
            if self._gathered is not None:
                self._gathered = Gathered()
        else:
            self._write(effects)

    def add(self, document: Document, owner: str) -> None:
        """One more document."""
        self.apply([Put(document, owner)])

    def change(self, changes: Mapping[int, Document]) -> None:
        """Other documents, with the ids of those at these ranks, and their owners."""
        self.apply([Put(each, self.owner(rank), self.ordinal(rank)) for rank, each in changes.items()])

    def remove(self, ranks: BitMap) -> None:
        """The documents at these ranks are gone."""
        self.apply([Remove(self.order(rank)[1], self.ordinal(rank)) for rank in ranks & self.everything])

    def _write(self, effects: Effects) -> None:
        """Put the effects into the overlay, and let the view and the index follow."""
        overlay, ageing, gathered = self._overlay, self._ageing, self._gathered
        # What was shown at each rank that changes; None where refiling them one by one would not pay.
        before: dict[int, Shown | None] | None = {} if len(effects.documents) <= MAX_REFILED else None
        if gathered is not None:
            before = gathered.before
            gathered.written.update(effects.documents.fromkeys(effects.documents))
        new = []
        for rank, stored in effects.documents.values():
            if rank is not None:
                self._note(before, (rank,))
                ageing.renew(rank)
                if stored is not None and stored.place == overlay.place(rank):
                    overlay.put(rank, stored)
                    if gathered is None:
                        ageing.schedule(rank, stored, overlay)
                    continue
                overlay.remove(rank)
            if stored is not None:
                new.append(stored)
        for stored in new:
            placement = overlay.placement(stored.place)
            if placement.opened is not None:
                start, width = placement.opened
                ageing.move({rank: rank + width for rank in ageing.aged if rank >= start})
                overlay.open(start, width)
                before = None
            if placement.moved:
                self._note(before, [*placement.moved, *placement.moved.values()])
                ageing.move(placement.moved)
                overlay.move(placement.moved)
            self._note(before, (placement.rank,))
            overlay.put(placement.rank, stored)
            if gathered is None:
                ageing.schedule(placement.rank, stored, overlay)
        if gathered is not None:
            gathered.before = before
            return
        ageing.tidy(overlay)
        if before is None or len(before) > MAX_REFILED:
            self._show_anew()
        else:
            self._follow(before)

    def gather(self) -> None:
        """Until `finish` nobody looks at this: what is written meanwhile is followed once and for all then."""
        self._gathered = Gathered()

    def finish(self) -> None:
        gathered, self._gathered = self._gathered, None
        if gathered is None or not gathered.written:
            return
        for identity in gathered.written:
            rank = self._overlay.find(identity)
            if rank is not None:
                self._ageing.schedule(rank, self._overlay.stored[rank], self._overlay)
        self._ageing.tidy(self._overlay)
        if gathered.before is None or len(gathered.before) > MAX_GATHERED:
            self._show_anew()
        else:
            self._follow(gathered.before)

    def _note(self, before: dict[int, Shown | None] | None, ranks: Iterable[int]) -> None:
        """Keep what is shown at these ranks, unless it is kept already, or no longer needed."""
        if before is not None:
            for rank in ranks:
                if rank not in before:
                    before[rank] = self.shown(rank)

    def shown(self, rank: int) -> Shown | None:
        """The document at a rank and its owner, if there is one."""
        stored = self._overlay.stored.get(rank)
        if stored is not None and rank not in self._ageing.aged:
            return stored.document, stored.owner
        return (self._filed(rank), self.owner(rank)) if self.shows(rank) else None

    def shows(self, rank: int) -> bool:
        """Whether there is a document at a rank."""
        return rank in self._overlay.ranks and rank not in self._ageing.gone

    def _follow(self, before: dict[int, Shown | None]) -> None:
        """Refile what has changed at these ranks."""
        after = {rank: self.shown(rank) for rank in before}
        self._index.refile([(rank, shown, after[rank]) for rank, shown in before.items()])
        for rank, shown in after.items():
            self._bodies.pop(rank, None)
            if shown is not None:
                # The next reader of a list finds all of its bodies in one go.
                self.body(rank)
        self.answers.note(before)
        self._show()

    def _show_anew(self) -> None:
        """Work out everything that is shown when it is asked for."""
        self._index.forget()
        self._bodies, self._passing = {}, set()
        self.answers = Answers(self.answers.revision + 1)
        self._show()

    def _show(self) -> None:
        overlay, ageing = self._overlay, self._ageing
        self._everything = None
        untouched = not overlay.stored and not ageing.aged and overlay.layout.dense and ageing.dues is None
        self._as_seeded = untouched and overlay.source is not None

    def _fill(self, documents: Iterable[Stored]) -> None:
        self._overlay.fill(documents)
        self._ageing.clear()
        self._ageing.schedule_all(self._overlay)
        self._show_anew()

    def _unshare(self) -> None:
        """Leave what a copy may still be reading to it."""
        if self._shared:
            self._overlay, self._ageing = self._overlay.fork(), self._ageing.fork()
            self._index, self._bodies, self._passing = self._index.fork(), dict(self._bodies), set(self._passing)
            self._shared = False

    def carry(self, old: Collection, refuse: Callable[[Document], str | None]) -> list[str]:
        """Take over what was stored and removed in a collection of the same seed but another recipe, as far as it fits;
        for what does not, its id and the reason that `refuse` has."""
        effects, refused = carried(self._overlay, old._overlay, refuse)
        self.commit(effects)
        return refused

    def dump(self) -> Document:
        """What `load` needs to make the same collection from the same seed."""
        return {"writes": self.writes, **self._overlay.dump()}

    def load(self, part: Part, check: Check) -> None:
        """Become what `dump` wrote, or refuse it and change nothing; `check` refuses documents that the provider would
        not have."""
        writes, ageing = part.count("writes"), self._ageing
        overlay = Overlay.load(part, self._overlay.source, self._overlay.order, check, ageing.object_to)
        self._unshare()
        self._overlay = overlay
        self.version, self.writes = self.version + 1, writes
        if ageing.at or ageing.lead or ageing.now:
            ageing.advance(overlay, ageing.at, ageing.lead, ageing.now)
        ageing.schedule_all(overlay)
        self._show_anew()

    # Stores

    def pack(self, packing: Packing) -> Document:
        """The same for a store, with all that was worked out of the documents."""
        overlay, ageing = self._overlay, self._ageing
        return {
            "writes": self.writes,
            "overlay": overlay.pack(packing),
            "ageing": ageing.pack(packing, overlay),
            "index": self._index.pack(packing, overlay, ageing),
        }

    def unpack(self, part: Document, packed: Packed, *, trusted: bool) -> tuple[int, int]:
        """What `pack` wrote of a collection of the same seed. What was worked out is `trusted` if tables and order are
        the same, and otherwise worked out anew. What it is shown at: see `advance_to`, `at` and `lead`."""
        self._overlay = Overlay.unpack(
            part["overlay"], packed, self._overlay.source, self._overlay.order, trusted=trusted
        )
        self.version, self.writes = self.version + 1, part["writes"]
        ageing = self._ageing
        if trusted and ageing.lifetimes is not None:
            ageing.unpack(part["ageing"], packed, self._overlay)
        else:
            ageing.schedule_all(self._overlay)
        self._show_anew()
        if trusted:
            self._index.unpack(part["index"], packed)
        return ageing.at, ageing.lead
