"""A tenant's documents, newest first, and the bitmaps that answer its filters.

A document's place in the order is its *rank*, ascending from the newest. Seeded documents begin at `FIRST`, in the
order of their ordinals; what comes later is newer and gets lower ranks, so that no rank ever changes and a cursor stays true.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import orjson
from pyroaring import BitMap

from fakeserver.draws import Column, Draw, instant
from fakeserver.filters import Filing, Key, whole
from fakeserver.problems import Document

FIRST = 2**31
MAX_CACHED_BODIES = 50_000
OWNER = "(owner)"
"""The name under which owners are filed; no wire field is called so."""

Make = Callable[[Draw], Document]
Postings = dict[Key, BitMap]
OrderKey = tuple[int, str]
EMPTY = BitMap()


class Source(Protocol):
    """Seeded documents: a pure function of their ordinal."""

    @property
    def size(self) -> int: ...
    def document(self, ordinal: int) -> Document: ...
    def body(self, ordinal: int) -> bytes: ...
    def owner(self, ordinal: int) -> str: ...
    def postings(self, field: str, filing: Filing) -> Postings: ...


@dataclass(frozen=True, slots=True)
class Pin:
    """What a recipe lays down by hand for one ordinal: values of columns, fields to set, and fields to leave out."""

    draw: Document = field(default_factory=dict)
    set: Document = field(default_factory=dict)
    drop: frozenset[str] = frozenset()


class Seeded:
    """The documents that a recipe makes for one tenant; `pins` lay some of them down by hand."""

    def __init__(
        self,
        make: Make,
        *,
        key: bytes,
        epoch: int,
        size: int,
        columns: Mapping[str, Column],
        vocabularies: Mapping[str, list[object]],
        pins: Mapping[int, Pin],
    ) -> None:
        self.size = size
        self._make = make
        self._key = key
        self._epoch = epoch
        self._columns = columns
        self._vocabularies = vocabularies
        self._pins = {ordinal: pin for ordinal, pin in pins.items() if ordinal < size}
        self._bodies: dict[int, bytes] = {}
        self._postings: dict[tuple[str, Filing], Postings] = {}

    def document(self, ordinal: int) -> Document:
        pin = self._pins.get(ordinal)
        if pin is None:
            return self._make(Draw(self._key, ordinal, self._epoch, self._columns, self._vocabularies))
        draw = Draw(self._key, ordinal, self._epoch, self._columns, self._vocabularies, pin.draw)
        document = {**self._make(draw), **pin.set}
        return {name: value for name, value in document.items() if name not in pin.drop}

    def body(self, ordinal: int) -> bytes:
        body = self._bodies.get(ordinal)
        if body is None:
            if len(self._bodies) >= MAX_CACHED_BODIES:
                self._bodies.clear()
            body = self._bodies[ordinal] = orjson.dumps(self.document(ordinal))
        return body

    def owner(self, ordinal: int) -> str:
        pin = self._pins.get(ordinal)
        if pin is not None and "owner" in pin.draw:
            return str(pin.draw["owner"])
        return str(self._columns["owner"].value(self._key, ordinal))

    def postings(self, field: str, filing: Filing) -> Postings:
        """Every key with the ranks filed under it: from the column in bulk, else from the documents one by one."""
        found = self._postings.get((field, filing))
        if found is None:
            found = self._postings[field, filing] = self._file(field, filing)
        return found

    def _file(self, field: str, filing: Filing) -> Postings:
        column = self._columns.get("owner" if field == OWNER else field)
        postings: Postings = {}
        if column is None:
            for ordinal in range(self.size):
                for key in filing(self.document(ordinal).get(field)):
                    postings.setdefault(key, BitMap()).add(FIRST + ordinal)
            return postings
        for value, ordinals in column.groups(self._key, self.size):
            ranks = BitMap(ordinals).shift(FIRST)
            if ranks:
                for key in filing(value):
                    postings[key] = postings[key] | ranks if key in postings else ranks
        for ordinal in self._pins:
            value = self.owner(ordinal) if field == OWNER else self.document(ordinal).get(field)
            refile(postings, FIRST + ordinal, filing(column.value(self._key, ordinal)), remove=True)
            refile(postings, FIRST + ordinal, filing(value))
        return postings


def refile(postings: Postings, rank: int, keys: Iterable[Key], *, remove: bool = False) -> None:
    """Put a rank under the keys, or take it away; bitmaps that others may hold are replaced, never changed."""
    one = BitMap((rank,))
    for key in keys:
        old = postings.get(key, EMPTY)
        postings[key] = old - one if remove else old | one


class Collection:
    """One tenant's documents: the seeded ones, and over them what was added, replaced or removed since."""

    def __init__(self, source: Source | None, order: Callable[[Document], OrderKey]) -> None:
        self._source = source
        self._order = order
        self._changed: dict[int, Document] = {}
        self._owners: dict[int, str] = {}
        self._bodies: dict[int, bytes] = {}
        self._filed: dict[tuple[str, Filing], Postings] = {}
        self._everything = BitMap(range(FIRST, FIRST + source.size)) if source else BitMap()
        self.version = 0

    @property
    def everything(self) -> BitMap:
        return self._everything

    def __len__(self) -> int:
        return len(self._everything)

    def filed(self, field: str, filing: Filing, key: Key) -> BitMap:
        """The ranks of the documents that are filed under this key."""
        return self.postings(field, filing).get(key, EMPTY)

    def postings(self, field: str, filing: Filing) -> Postings:
        found = self._filed.get((field, filing))
        if found is None:
            found = dict(self._source.postings(field, filing)) if self._source else {}
            for rank, document in self._changed.items():
                if self._source and FIRST <= rank < FIRST + self._source.size:
                    refile(found, rank, self._keys(rank, field, filing, seeded=True), remove=True)
                if rank in self._everything:
                    refile(found, rank, filing(self._field(document, rank, field)))
            self._filed[field, filing] = found
        return found

    def owned_by(self, owner: str) -> BitMap:
        return self.filed(OWNER, whole, owner)

    def document(self, rank: int) -> Document:
        document = self._changed.get(rank)
        if document is None:
            assert self._source is not None
            document = self._source.document(rank - FIRST)
        return document

    def body(self, rank: int) -> bytes:
        """The document as JSON bytes, encoded again only when it changes."""
        if rank not in self._changed:
            assert self._source is not None
            return self._source.body(rank - FIRST)
        body = self._bodies.get(rank)
        if body is None:
            body = self._bodies[rank] = orjson.dumps(self._changed[rank])
        return body

    def owner(self, rank: int) -> str:
        owner = self._owners.get(rank)
        if owner is None:
            assert self._source is not None
            owner = self._source.owner(rank - FIRST)
        return owner

    def documents(self) -> Iterable[Document]:
        """Every document, newest first."""
        return (self.document(rank) for rank in self._everything)

    def order(self, rank: int) -> OrderKey:
        return self._order(self.document(rank))

    def after(self, key: OrderKey, hint: int) -> int:
        """The first rank behind this place in the order; `hint` is the rank that probably has it."""
        if hint in self._everything and self.order(hint) == key:
            return hint + 1
        ranks = self._everything
        index = bisect_left(range(len(ranks)), key, key=lambda position: self.order(ranks[position]))
        if index < len(ranks) and self.order(ranks[index]) == key:
            index += 1
        return int(ranks[index]) if index < len(ranks) else 2**32 - 1

    def replace(self, documents: Iterable[tuple[Document, str]]) -> None:
        """Exactly these documents, each with its owner, and none of those before."""
        ordered = sorted(documents, key=lambda each: self._order(each[0]))
        self._source = None
        self._changed = {FIRST + index: document for index, (document, _) in enumerate(ordered)}
        self._owners = {FIRST + index: owner for index, (_, owner) in enumerate(ordered)}
        self._everything = BitMap(self._changed)
        self._forget()

    def add(self, document: Document, owner: str) -> None:
        """One more document; at the front where it is the newest, else the others are ranked anew."""
        front = self._everything.min() if self._everything else FIRST + 1
        if not self._everything or self._order(document) < self.order(front):
            rank = front - 1
            self._changed[rank] = document
            self._owners[rank] = owner
            self._everything = self._everything | BitMap((rank,))
            self._forget()
        else:
            everyone = [(self.document(each), self.owner(each)) for each in self._everything]
            self.replace([*everyone, (document, owner)])

    def change(self, changes: Mapping[int, Document]) -> None:
        """Other documents at the same ranks; their place in the order must be the same."""
        for rank, document in changes.items():
            self._owners[rank] = self.owner(rank)
            self._changed[rank] = document
            self._bodies.pop(rank, None)
        self._forget()

    def remove(self, ranks: BitMap) -> None:
        """These documents are gone; the ranks of the others stay."""
        self._everything = self._everything - ranks
        for rank in ranks:
            self._changed.setdefault(rank, {})
        self._forget()

    def _forget(self) -> None:
        self._filed = {}
        self.version += 1

    def _field(self, document: Document, rank: int, field: str) -> object:
        return self.owner(rank) if field == OWNER else document.get(field)

    def _keys(self, rank: int, field: str, filing: Filing, *, seeded: bool) -> Iterable[Key]:
        assert self._source is not None
        ordinal = rank - FIRST
        return filing(self._source.owner(ordinal) if field == OWNER else self._source.document(ordinal).get(field))


def newest_first(created: str, identity: str) -> Callable[[Document], OrderKey]:
    """The total order of every listing: newest first, then id."""
    return lambda document: (-instant(document[created]), document[identity])
