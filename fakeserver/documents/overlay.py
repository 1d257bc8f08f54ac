"""The overlay: what was stored over the seeded documents, what they were hidden by, and where everything stands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise, repeat

import orjson
from pyroaring import BitMap

from fakeserver.documents.heads import Heads
from fakeserver.documents.order import Order, OrderKey
from fakeserver.documents.packing import LONG, SHORT, Packed, Packing
from fakeserver.documents.ranks import (
    GAP,
    LAST,
    NOWHERE,
    ROOM,
    STEP,
    WIDENED,
    Layout,
    Placement,
    in_front_of,
    layout_of,
    placement,
)
from fakeserver.documents.seeded import EMPTY, FIRST, Seeded
from fakeserver.documents.stored import Stored
from fakeserver.instants import LAST_INSTANT
from fakeserver.parts import Part
from fakeserver.problems import Document

Check = Callable[[list[Document], Part], None]
"""Refuses documents that are not the provider's, each in the name of its place in the part."""
KeptCheck = Callable[[Document], str | None]
"""The first member of what is kept beside a document that cannot be kept there."""


NO_PLACE: OrderKey = 0, ""


class Overlay:
    """A tenant's documents as they are stored: those of `source`, but for the hidden ones, and the stored ones."""

    def __init__(self, source: Seeded | None, order: Order) -> None:
        self.source = source
        self.order = order
        self.layout = Layout()
        self.stored: dict[int, Stored] = {}
        self.hidden = EMPTY
        """The seeded documents that were removed or replaced, by their dense ranks (`FIRST` + ordinal)."""
        self.ranks = source.ranks if source else EMPTY
        """Of all documents. Once it is this overlay's own, it is changed in place: what is to last has to be a copy."""
        self._own = False
        self._identities: dict[str, int] = {}
        self._references: dict[str, dict[str, int]] = {}
        """The ranks of stored documents by other fields that name them, as far as somebody looked for one."""
        self._last = LAST
        """The rank of the document that was stored most recently: the next one is likely to stand beside it."""
        self._heads = Heads()

    def fork(self) -> Overlay:
        """The same, for somebody who will change it."""
        new = Overlay(self.source, self.order)
        self._own = False
        new.layout, new.hidden, new.ranks, new._last = self.layout, self.hidden, self.ranks, self._last
        new.stored, new._identities, new._heads = dict(self.stored), dict(self._identities), self._heads.fork()
        return new

    # Reading

    def ordinal(self, rank: int) -> int:
        """The ordinal of a document that is not stored but seeded."""
        return self.layout.ordinal(rank)

    def document(self, rank: int) -> Document:
        stored = self.stored.get(rank)
        return self.seeded.document(self.layout.ordinal(rank)) if stored is None else stored.document

    def body(self, rank: int) -> bytes:
        """The document as JSON bytes."""
        stored = self.stored.get(rank)
        if stored is None:
            return self.seeded.body(FIRST + self.layout.ordinal(rank))
        return stored.body

    def owner(self, rank: int) -> str:
        stored = self.stored.get(rank)
        return self.seeded.owner(self.layout.ordinal(rank)) if stored is None else stored.owner

    def place(self, rank: int) -> OrderKey:
        """The document's place in the order."""
        stored = self.stored.get(rank)
        return self.seeded.place(self.layout.ordinal(rank)) if stored is None else stored.place

    @property
    def seeded(self) -> Seeded:
        """The source of a document that is not stored."""
        assert self.source is not None
        return self.source

    def find(self, identity: str, ordinal: int | None = None) -> int | None:
        """The rank of the document with this id; a seeded one is found by its ordinal as well, or not at all."""
        rank = self._identities.get(identity)
        if rank is not None or ordinal is None or self.source is None:
            return rank
        if ordinal >= self.source.size or FIRST + ordinal in self.hidden:
            return None
        rank = self.layout.rank(ordinal)
        return rank if self.place(rank)[1] == identity else None

    def locate(self, identity: str) -> int | None:
        """The same by the id alone."""
        rank = self._identities.get(identity)
        if rank is not None or self.source is None:
            return rank
        return self.find(identity, self.source.find(identity))

    def locate_by(self, field: str, text: str) -> int | None:
        """The rank of a document by another field that names it, among the seeded ones by the tag in it."""
        if field not in self._references:
            self._references[field] = {}
            for rank, stored in self.stored.items():
                self._refer(rank, stored, field)
        known = self._references[field].get(text, NOWHERE)
        there = self.stored.get(known)
        if there is not None and there.document.get(field) == text:
            return known
        ordinal = None if self.source is None else self.source.find_by(field, text)
        return None if ordinal is None or FIRST + ordinal in self.hidden else self.layout.rank(ordinal)

    def _refer(self, rank: int, stored: Stored, *fields: str) -> None:
        for field in fields:
            text = stored.document.get(field)
            if isinstance(text, str):
                self._references[field][text] = rank

    # Changing

    def has_room(self, more: int) -> bool:
        """Whether so many documents more can be stored wherever they belong, with all gaps that are opened for it."""
        if self.source is None or not self.ranks:
            return True
        # A gap that is widened holds twice as many documents as the last time, so all widths come to a multiple.
        widest = GAP * more + 4 * WIDENED * ROOM * (len(self.stored) + more)
        return max(FIRST, self.ranks.max()) + widest <= LAST

    def placement(self, place: OrderKey) -> Placement:
        """A rank for one more document, behind those of the same place; nothing is changed yet."""
        index = self._heads.index(place)
        if index is None:
            index = self._index(place)
        elif index == 0 and (first := self.ranks[0]) > 0:
            # As for all that is created while a clock runs.
            return Placement(in_front_of(first, self._heads.step(place, first)), {})
        return placement(self.ranks, self.stored, index, self._last)

    def open(self, start: int, width: int) -> None:
        """Raise every rank from `start`, which is a seeded document's, on."""
        self.layout = self.layout.with_gap(self.layout.ordinal(start), width)
        raised = self.ranks & BitMap(range(start, self.ranks.max() + 1))
        self.ranks, self._own = (self.ranks - raised) | raised.shift(width), True
        self._last += width if start <= self._last < LAST else 0
        self.stored = {rank + width if rank >= start else rank: stored for rank, stored in self.stored.items()}
        self._references = {}
        self._identities = {stored.place[1]: rank for rank, stored in self.stored.items()}

    def move(self, moved: dict[int, int]) -> None:
        """Give stored documents other ranks, in the same order."""
        self._references = {}
        leaving = [(new, self.stored.pop(old)) for old, new in moved.items()]
        for rank, stored in leaving:
            self.stored[rank] = stored
            self._identities[stored.place[1]] = rank
        ranks = self._own_ranks()
        ranks.difference_update(BitMap(moved.keys()))
        ranks.update(BitMap(moved.values()))
        self._last = moved.get(self._last, self._last)

    def put(self, rank: int, stored: Stored) -> None:
        """Store a document at a rank that is free or has a document of the same place."""
        if rank not in self.ranks:
            self._own_ranks().add(rank)
            self._last = rank
            self._enter(rank, stored.place)
        elif rank not in self.stored:
            self.hidden = self.hidden | BitMap((FIRST + self.layout.ordinal(rank),))
        self.stored[rank] = stored
        self._identities[stored.place[1]] = rank
        if self._references:
            self._refer(rank, stored, *self._references)

    def remove(self, rank: int) -> None:
        stored = self.stored.pop(rank, None)
        if stored is None:
            self.hidden = self.hidden | BitMap((FIRST + self.layout.ordinal(rank),))
        else:
            self._heads.leave(stored.place)
            if self._identities.get(stored.place[1]) == rank:
                del self._identities[stored.place[1]]
        self._own_ranks().discard(rank)

    def fill(self, documents: Iterable[Stored]) -> None:
        """Exactly these documents, and no seeded ones."""
        ordered = sorted(documents, key=lambda stored: stored.place)
        step = min(STEP, (LAST - FIRST) // (len(ordered) + 1))
        self.source, self.layout, self.hidden, self._last = None, Layout(), EMPTY, LAST
        self._references, self._heads = {}, Heads()
        self.stored = {FIRST + step * index: stored for index, stored in enumerate(ordered)}
        self._identities = {stored.place[1]: rank for rank, stored in self.stored.items()}
        self.ranks, self._own = BitMap(self.stored.keys()), True

    def _own_ranks(self) -> BitMap:
        if not self._own:
            self.ranks, self._own = self.ranks - EMPTY, True
        return self.ranks

    # Snapshots

    def dump(self) -> Document:
        """Everything that `load` needs besides the source."""
        return {
            "seeded": self.source is not None,
            "gaps": [list(gap) for gap in self.layout.gaps],
            "hidden": [rank - FIRST for rank in self.hidden],
            "last": self._last,
            "stored": [
                [rank, stored.owner, stored.stored_at, stored.document, stored.kept]
                for rank, stored in self.stored.items()
            ],
        }

    @classmethod
    def load(
        cls, part: Part, source: Seeded | None, order: Order, check: Check, object_to: KeptCheck | None = None
    ) -> Overlay:
        """What `dump` wrote, over the same source; what is wrong is refused in the name of its place. `object_to` says
        which member of what is kept beside a document cannot be."""
        new = cls(source if part.boolean("seeded") else None, order)
        size = new.source.size if new.source else 0
        new.layout = layout_of(_gaps(part.elements("gaps"), size))
        new.hidden = BitMap(_hidden(part.elements("hidden"), size))
        new.ranks = new.layout.lay_out(new.ranks - new.hidden)
        new._last = part.integer("last", 0, LAST)
        stored = part.elements("stored")
        part.end()
        rows = _rows(stored, new.ranks, object_to)
        check([each.document for _, each in rows], stored)
        new.stored = {rank: each.at(order(each.document)) for rank, each in rows}
        new._identities = {each.place[1]: rank for rank, each in new.stored.items()}
        new.ranks = new.ranks | BitMap(new.stored.keys())
        for index, rank in enumerate(new.stored):
            if not new._is_ordered(rank):
                raise stored.wrong(f"{index}.document", "is not in the order of the listing")
        return new

    # Stores

    def pack(self, packing: Packing) -> Document:
        """The same for a store: what is looked up in columns, and all else as bytes."""
        stored = [*self.stored.values()]
        owners = {owner: number for number, owner in enumerate(dict.fromkeys(each.owner for each in stored))}
        return {
            "seeded": self.source is not None,
            "gaps": self.layout.gaps,
            "hidden": packing.bitmap(self.hidden),
            "last": self._last,
            "ranks": packing.numbers(SHORT, self.stored),
            "owners": [*owners],
            "owned": packing.numbers(SHORT, (owners[each.owner] for each in stored)),
            "stored_at": packing.numbers(LONG, (each.stored_at for each in stored)),
            "instants": packing.numbers(LONG, (each.place[0] for each in stored)),
            "ids": packing.json([each.place[1] for each in stored]),
            "bodies": packing.each([each.body for each in stored]),
            "kept": packing.each([each.kept_body for each in stored]),
        }

    @classmethod
    def unpack(cls, part: Document, packed: Packed, source: Seeded | None, order: Order, *, trusted: bool) -> Overlay:
        """What `pack` wrote, over the same source. It was checked when it came; if it is not `trusted` to be in the
        order that is asked for now, the places of the documents are read from them."""
        new = cls(source if part["seeded"] else None, order)
        new.layout = layout_of((ordinal, width) for ordinal, width in part["gaps"])
        new.hidden, new._last = packed.bitmap(part["hidden"]), part["last"]
        ranks, bodies = packed.numbers(SHORT, part["ranks"]), packed.each(part["bodies"])
        places: Iterable[OrderKey] = zip(packed.numbers(LONG, part["instants"]), packed.json(part["ids"]), strict=True)
        if not trusted:
            places = map(order, map(orjson.loads, bodies))
        owners = map(part["owners"].__getitem__, packed.numbers(SHORT, part["owned"]))
        stored_at, kept = packed.numbers(LONG, part["stored_at"]), packed.each(part["kept"])
        stored = map(Stored, repeat(None), owners, stored_at, places, bodies, (each or None for each in kept))
        new.stored = dict(zip(ranks, stored, strict=True))
        new._identities = {each.place[1]: rank for rank, each in new.stored.items()}
        new.ranks = new.layout.lay_out(new.ranks - new.hidden) | BitMap(ranks)
        return new

    def _is_ordered(self, rank: int) -> bool:
        """Whether a document stands behind the one before it, and before the one behind it."""
        index = self.ranks.rank(rank) - 1
        places = [self.place(near) for near in self.ranks[max(0, index - 1) : index + 2]]
        return all(newer <= older for newer, older in pairwise(places))

    def _enter(self, rank: int, place: OrderKey) -> None:
        """Follow a document that is new at a rank in what is known of the newest instant."""
        if self._heads:
            self._heads.enter(place, rank)
            return
        front = self.ranks[:2]
        if front[0] == rank and (len(front) == 1 or self.place(front[1])[0] != place[0]):
            self._heads.begin(place, rank)

    def _index(self, place: OrderKey) -> int:
        ranks = self.ranks
        if ranks and place < self.place(ranks[0]):
            return 0
        # Most documents are stored in front of all seeded ones: of those no more than the first is then looked at.
        newer = ranks.rank(self.layout.rank(0) - 1) if self.source else len(ranks)
        if newer and place < self.place(ranks[0]):
            return 0
        if newer == len(ranks) or place < self.place(ranks[newer]):
            return bisect_right(range(newer), place, key=lambda index: self.place(ranks[index]))
        return bisect_right(range(len(ranks)), place, lo=newer, key=lambda index: self.place(ranks[index]))


def _gaps(part: Part, size: int) -> Iterator[tuple[int, int]]:
    last, room = NOWHERE, LAST - FIRST - size
    for index in part.names():
        gap = part.row(index, ("ordinal", "width"))
        ordinal, width = gap.integer("ordinal", 0, LAST), gap.integer("width", GAP, LAST)
        if not last < ordinal < size:
            raise gap.wrong("ordinal", "is not behind the one before, or is that of no seeded document")
        last, room = ordinal, room - width
        if room < 0:
            raise gap.wrong("width", "leaves no rank for the documents behind it")
        yield ordinal, width


def _hidden(part: Part, size: int) -> set[int]:
    hidden: set[int] = set()
    for index in part.names():
        ordinal = part.integer(index, 0, LAST)
        if ordinal >= size or FIRST + ordinal in hidden:
            raise part.wrong(index, "is not the ordinal of a seeded document, or stands there twice")
        hidden.add(FIRST + ordinal)
    return hidden


def _rows(part: Part, seeded: BitMap, object_to: KeptCheck | None) -> list[tuple[int, Stored]]:
    """The stored documents by rank; their places are not known yet."""
    rows, known = list[tuple[int, Stored]](), set[int]()
    for index in part.names():
        row = part.row(index, ("rank", "owner", "stored_at", "document", "kept"))
        rank = row.integer("rank", 0, LAST - 1)
        if rank in known or rank in seeded:
            raise row.wrong("rank", "stands there twice, or is that of a seeded document")
        known.add(rank)
        stored_at = row.integer("stored_at", 0, LAST_INSTANT)
        kept = row.anything("kept")
        if not isinstance(kept, dict | None):
            raise row.wrong("kept", "must be an object or null")
        wrong = None if kept is None or object_to is None else object_to(kept)
        if wrong is not None:
            raise row.wrong(f"kept.{wrong}", "cannot be kept of such a document")
        rows.append((rank, Stored(row.members("document"), row.text("owner"), stored_at, NO_PLACE, kept=kept)))
    return rows
