"""A tenant's documents, newest first, and the bitmaps that answer its filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pyroaring import BitMap

from fakeserver.documents.answers import Answers, Shown
from fakeserver.documents.changes import Change, Put, Remove
from fakeserver.documents.dues import Lifetimes
from fakeserver.documents.effects import Effects, carried, effects_of
from fakeserver.documents.order import Order
from fakeserver.documents.overlay import Check, Overlay
from fakeserver.documents.packing import Packed, Packing
from fakeserver.documents.showing import Showing
from fakeserver.documents.stored import Stored
from fakeserver.instants import SECOND
from fakeserver.parts import Part
from fakeserver.problems import Document

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


class Collection(Showing):
    """One tenant's documents: the stored ones (`Overlay`), as they are by now (`Ageing`), filed (`Index`). A copy
    (`copy.copy`) is a view that stays whole: both share what they have until one of them is changed."""

    _gathered: Gathered | None = None

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
        return self._ageing.is_stale(now)

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
        elif not self._enter(effects):
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
            if before is not None:
                # Nothing is shown at a rank that is free, but what was there until just now.
                before.setdefault(placement.rank, None)
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

    def _enter(self, effects: Effects) -> bool:
        """Do it where it is one more document and no other has to make room, as with most; else False, and nothing is
        done."""
        if len(effects.documents) != 1 or self._gathered is not None:
            return False
        [(known, stored)] = effects.documents.values()
        if known is not None or stored is None:
            return False
        overlay, ageing = self._overlay, self._ageing
        rank, moved, opened = overlay.placement(stored.place)
        if moved or opened is not None:
            return False
        overlay.put(rank, stored)
        as_stored = ageing.schedule(rank, stored, overlay)
        ageing.tidy(overlay)
        shown = (stored.document, stored.owner) if as_stored else self.shown(rank)
        self._index.refile([(rank, None, shown)])
        # The next reader of a list finds all of its bodies in one go.
        if as_stored:
            self._keep(rank, stored.body)
        elif shown is not None:
            self.body(rank)
        self.answers.note([rank])
        self._show()
        return True

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
