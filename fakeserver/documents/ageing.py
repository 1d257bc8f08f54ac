"""Ageing: time is a view of the documents that are stored, so going back is exact."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping

import orjson
from pyroaring import BitMap

from fakeserver.documents.dues import Dues, Lifetimes
from fakeserver.documents.keys import itself
from fakeserver.documents.overlay import Overlay
from fakeserver.documents.packing import LONG, SHORT, Packed, Packing
from fakeserver.documents.seeded import EMPTY, FIRST
from fakeserver.documents.states import MAX_STEPS, SINCE, Life
from fakeserver.documents.stored import Stored
from fakeserver.instants import LAST_INSTANT
from fakeserver.problems import Document

SPARE_DUES = 1_000
"""Dues that may stand beside those of the documents that there are."""
NEVER = 2 * LAST_INSTANT
"""Beyond the calendar, after whatever epoch."""


class Ageing:
    """The documents that are not as they were stored, as they are when the seeded ones are `at` microseconds older, and
    those that were stored see a clock that is `lead` ahead of that. Those of which something is kept live by the
    running clock, which is at `now` microseconds after the epoch.

    Under a live clock (`dues`) they are those that were due by then; what else time changes of a document, and nobody
    looks up, is worked out when it is read (`read`)."""

    def __init__(self, lifetimes: Lifetimes | None, dues: Dues | None = None) -> None:
        self.lifetimes = lifetimes
        self.dues = dues
        self._stored_dues: list[tuple[int, str]] = []
        """A heap: when documents that were stored are due, after the epoch, with their ids."""
        self._passing: set[str] = set()
        """The ids of those of them that change in between."""
        self.at = self.lead = self.now = 0
        self.aged: dict[int, Document | bytes | None] = {}
        """By rank; None for a document that is gone. Where it comes from a store, it is bytes until it is read."""
        self.gone = EMPTY

    @property
    def object_to(self) -> Callable[[Document], str | None] | None:
        """The first member of what is kept beside a document that cannot be kept there, if anything can be."""
        return None if self.lifetimes is None else self.lifetimes.machine.object_to

    def fork(self) -> Ageing:
        """The same, for somebody who will change it."""
        new = Ageing(self.lifetimes, self.dues)
        new._stored_dues, new._passing = [*self._stored_dues], set(self._passing)
        new.at, new.lead, new.now = self.at, self.lead, self.now
        new.aged, new.gone = dict(self.aged), self.gone
        return new

    def candidates(self, overlay: Overlay) -> BitMap:
        """The stored documents that time can change, but those that live by the running clock under a live one, which
        are looked at when they are due."""
        if self.lifetimes is None:
            return EMPTY
        field, values = self.lifetimes.machine.field, self.lifetimes.machine.moving
        changeable = BitMap(
            rank
            for rank, stored in overlay.stored.items()
            if self.lifetimes.may_change(stored.document) and (self.dues is None or not stored.lives)
        )
        if overlay.source is not None:
            postings = overlay.source.postings(field, itself)
            seeded = BitMap.union(EMPTY, *(postings.get(value, EMPTY) for value in values))
            changeable |= overlay.layout.lay_out(seeded - overlay.hidden)
        return changeable

    def advance(self, overlay: Overlay, at: int, lead: int, now: int) -> None:
        """Look at all documents when it is that late."""
        aged: dict[int, Document | bytes | None] = dict(self._age(overlay, at, lead, now))
        # All at once and last, so that the view is never half of one instant and half of another.
        self.at, self.lead, self.now, self.aged = at, lead, now, aged
        self.gone = BitMap(rank for rank, document in aged.items() if document is None)

    def clear(self) -> None:
        """No document is left that could be older."""
        self.aged, self.gone = {}, EMPTY

    def renew(self, rank: int) -> None:
        """What was stored at this rank just now is as it was stored, or there is nothing any more."""
        if rank in self.aged:
            del self.aged[rank]
            self.gone = self.gone - BitMap((rank,))

    def move(self, moved: Mapping[int, int]) -> None:
        """Follow documents to other ranks."""
        if not self.aged.keys().isdisjoint(moved):
            self.aged = {moved.get(rank, rank): document for rank, document in self.aged.items()}
            self.gone = BitMap(rank for rank, document in self.aged.items() if document is None)

    def _age(self, overlay: Overlay, at: int, lead: int, now: int) -> Iterator[tuple[int, Document | None]]:
        # At the epoch the seeded ones, who may be many, are as they were made.
        for rank in self.candidates(overlay) if at else [*overlay.stored]:
            before = overlay.document(rank)
            after = self._look(overlay, rank, before, at, lead, now)
            if after is not before:
                yield rank, after

    def _look(self, overlay: Overlay, rank: int, before: Document, at: int, lead: int, now: int) -> Document | None:
        """What a document, which was stored as `before`, is by then; the same one if nothing changed."""
        assert self.lifetimes is not None
        stored, epoch = overlay.stored.get(rank), self.lifetimes.epoch
        if stored is not None and stored.kept is not None:
            life = self.lifetimes.live(Life(before, stored.kept), epoch + stored.stored_at, epoch + now)
            return None if life is None else life.document
        stored_at, then = (0, at) if stored is None else (stored.stored_at, at + lead)
        if stored_at >= then or not self.lifetimes.may_change(before):
            # What was stored at this instant, or later, is as it was stored.
            return before
        return self.lifetimes.look(before, epoch + stored_at, epoch + then)

    def life(self, overlay: Overlay, rank: int, now: int) -> Life | None:
        """The document at a rank with what is kept of it, as it lives by the running clock from `now` on; None if it is
        gone by then."""
        stored, document = overlay.stored.get(rank), overlay.document(rank)
        if self.lifetimes is None:
            return Life(document, {} if stored is None else stored.kept or {})
        epoch = self.lifetimes.epoch
        if stored is not None and stored.kept is not None:
            kept = {SINCE: epoch + stored.stored_at, **stored.kept}
            return self.lifetimes.live(Life(document, kept), epoch + stored.stored_at, epoch + now)
        stored_at, then = (0, self.at) if stored is None else (stored.stored_at, self.at + self.lead)
        seen = max(then, stored_at)
        life = self.lifetimes.live(Life(document, {}), epoch + stored_at, epoch + seen)
        if life is None:
            return None
        return self.lifetimes.machine.put_on_clock(life, epoch + stored_at, max(0, now - seen))

    def read_aged(self, rank: int) -> Document | None:
        """One of the documents that are not as they were stored."""
        aged = self.aged[rank]
        if isinstance(aged, bytes):
            aged = self.aged[rank] = orjson.loads(aged)
        return aged

    # Stores

    def pack(self, packing: Packing, overlay: Overlay) -> Document:
        """All that is known of the stored documents by now, for a store."""
        numbers = {stored.place[1]: number for number, stored in enumerate(overlay.stored.values())}
        aged = [*self.aged.items()]
        bodies = [each if isinstance(each, bytes) else b"" if each is None else orjson.dumps(each) for _, each in aged]
        # In the order in which they are here, they are a heap there; what is gone has a number that is nobody's.
        places = (numbers.get(identity, len(numbers)) for _, identity in self._stored_dues)
        return {
            "at": self.at,
            "lead": self.lead,
            "now": self.now,
            "aged": packing.numbers(SHORT, (rank for rank, _ in aged)),
            "bodies": packing.each(bodies),
            "dues": packing.numbers(LONG, (due for due, _ in self._stored_dues)),
            "due": packing.numbers(SHORT, places),
            "passing": packing.numbers(SHORT, (numbers[each] for each in self._passing if each in numbers)),
        }

    def unpack(self, part: Document, packed: Packed, overlay: Overlay) -> None:
        """What `pack` wrote, over the same documents."""
        identities = [*(stored.place[1] for stored in overlay.stored.values()), ""]
        self.at, self.lead, self.now = part["at"], part["lead"], part["now"]
        bodies = (each or None for each in packed.each(part["bodies"]))
        self.aged = dict(zip(packed.numbers(SHORT, part["aged"]), bodies, strict=True))
        self.gone = BitMap(rank for rank, document in self.aged.items() if document is None)
        due = map(identities.__getitem__, packed.numbers(SHORT, part["due"]))
        self._stored_dues = [*zip(packed.numbers(LONG, part["dues"]), due, strict=True)]
        self._passing = {*map(identities.__getitem__, packed.numbers(SHORT, part["passing"]))}

    # Under a live clock

    @property
    def meters(self) -> bool:
        """Whether some of the documents that somebody stored change all the time."""
        return bool(self._passing)

    @property
    def next_due(self) -> int:
        """When the next of the documents is due that somebody stored."""
        return self._stored_dues[0][0] if self._stored_dues else NEVER

    def is_stale(self, now: int) -> bool:
        """Whether the running clock, which is at `now`, may have changed a document since it was last looked at."""
        dues = self._stored_dues
        return now < self.now or (bool(dues) and now >= dues[0][0]) or (now != self.now and bool(self._passing))

    def is_due(self, at: int, now: int) -> bool:
        """Whether by then a document is due that was not by now."""
        return self.next_due <= now or (self.dues is not None and self.dues.next(self.at) <= at)

    def take_due(self, overlay: Overlay, at: int, now: int) -> list[int]:
        """The ranks of the documents that are due by then and were not by now."""
        seeded = self.dues is not None and overlay.source is not None
        ordinals = set(self.dues.between(self.at, at)) if seeded and self.dues is not None else set[int]()
        ranks = {overlay.layout.rank(each) for each in ordinals if FIRST + each not in overlay.hidden}
        while self.next_due <= now:
            rank = overlay.find(heapq.heappop(self._stored_dues)[1])
            if rank is not None:
                ranks.add(rank)
        return sorted(ranks)

    def look_at(self, overlay: Overlay, ranks: Iterable[int], at: int, lead: int, now: int) -> None:
        """It is that late, and these are all the documents that are due."""
        self.at, self.lead, self.now = at, lead, now
        gone = set[int]()
        for rank in ranks:
            before = overlay.document(rank)
            after = self._look(overlay, rank, before, at, lead, now)
            if after is not before:
                self.aged[rank] = after
                if after is None:
                    gone.add(rank)
        if gone:
            self.gone = self.gone | BitMap(gone)

    def is_passing(self, overlay: Overlay, rank: int, filed: Document) -> bool:
        """Whether a document changes by itself before it is next due; `filed` is what it was when it was last."""
        if self.lifetimes is None or not self.lifetimes.may_change(filed):
            return False
        stored = overlay.stored.get(rank)
        if stored is not None:
            return stored.place[1] in self._passing
        return self.dues is not None and overlay.layout.ordinal(rank) in self.dues.passing

    def read(self, overlay: Overlay, rank: int) -> Document:
        """Such a document as it is by now."""
        stored = overlay.document(rank)
        return self._look(overlay, rank, stored, self.at, self.lead, self.now) or stored

    def schedule(self, rank: int, stored: Stored, overlay: Overlay) -> bool:
        """Remember when a document is due that was stored just now; one that lives by the running clock may be at once,
        where any other stays for that instant as it was stored. Whether it is shown so until it is due."""
        if self._remember(stored) and stored.kept is not None:
            self.look_at(overlay, (rank,), self.at, self.lead, max(self.now, stored.stored_at))
            return False
        return stored.place[1] not in self._passing

    def _remember(self, stored: Stored) -> bool:
        """Whether a document was due when it was stored."""
        lifetimes, kept = self.lifetimes, stored.kept
        if lifetimes is None or (self.dues is None and kept is None):
            return False
        epoch, identity = lifetimes.epoch, stored.place[1]
        then = epoch + stored.stored_at
        if kept is None and not lifetimes.may_change(stored.document):
            return False
        dues, passes = lifetimes.dues_of(Life(stored.document, kept or {}), then)
        for due in dues:
            # What is stored by hand stays for that instant as it was stored.
            offset = max(due, then + 1) - epoch if kept is None else due - epoch
            if offset > self.now:
                heapq.heappush(self._stored_dues, (offset, identity))
        if passes:
            self._passing.add(identity)
        else:
            self._passing.discard(identity)
        return bool(dues) and dues[0] <= then

    def tidy(self, overlay: Overlay) -> None:
        """Forget what was due of documents that have been stored anew since, once that is most of it."""
        if len(self._stored_dues) > MAX_STEPS * len(overlay.stored) + SPARE_DUES:
            self.schedule_all(overlay)

    def schedule_all(self, overlay: Overlay) -> None:
        """The same for all documents, when it is another instant or others are stored."""
        self._stored_dues, self._passing = [], set()
        for stored in overlay.stored.values():
            self._remember(stored)
