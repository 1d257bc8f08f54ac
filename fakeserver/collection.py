"""A tenant's documents, newest first, and the bitmaps that answer its filters.

A document's place in the order is its *rank*, ascending from the newest. Seeded documents begin at `FIRST`, in the
order of their ordinals; what comes later is newer and gets lower ranks, so that no rank changes and cursors stay true.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import orjson
from pyroaring import BitMap

from fakeserver.draws import UNIQUE, Column, Draw, instant, substitute
from fakeserver.filters import Filing, Key, whole
from fakeserver.problems import Document, Json

FIRST = 2**31
LAST = 2**32 - 1
MAX_CACHED_BODIES = 50_000
MAX_REMEMBERED = 256
"""Answers of the index that a collection keeps until it changes."""
OWNER = "(owner)"
"""The name under which owners are filed; no wire field is called so."""

T = TypeVar("T")
Make = Callable[[Draw], Document]
Postings = dict[Key, BitMap]
OrderKey = tuple[int, str]
EMPTY = BitMap()


@dataclass(frozen=True, slots=True)
class Ageing:
    """How time changes documents. `age(document, then, now)` is the document at `now`, the same one if nothing
    changed, None if it is gone; only documents whose `field` has one of `values` change (None: any may)."""

    age: Callable[[Document, int, int], Document | None]
    epoch: int
    field: str | None = None
    values: frozenset[str] = frozenset()


class Source(Protocol):
    """Seeded documents: a pure function of their ordinal."""

    @property
    def ranks(self) -> BitMap: ...
    def bodies(self, ranks: list[int]) -> list[bytes]: ...
    def value(self, ordinal: int, field: str) -> Json: ...
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
        self.ranks = BitMap(range(FIRST, FIRST + size))
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

    def value(self, ordinal: int, field: str) -> Json:
        """One field of a document; a column's is drawn without making the rest."""
        column = self._columns.get(field)
        if column is None or ordinal in self._pins:
            return self.document(ordinal).get(field)
        return column.value(self._key, ordinal)

    def body(self, ordinal: int) -> bytes:
        body = self._bodies.get(ordinal)
        if body is None:
            if len(self._bodies) >= MAX_CACHED_BODIES:
                self._bodies.clear()
            body = self._bodies[ordinal] = orjson.dumps(self.document(ordinal))
        return body

    def bodies(self, ranks: list[int]) -> list[bytes]:
        """The bodies of several ranks; those that were read before cost one look-up each."""
        known = self._bodies
        try:
            return [known[rank - FIRST] for rank in ranks]
        except KeyError:
            return [self.body(rank - FIRST) for rank in ranks]

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
        for value, ordinals, template in column.groups(self._key, self.size):
            ranks = BitMap(ordinals).shift(FIRST)
            if not ranks:
                continue
            keys = list(filing(value))
            unique = [key for key in keys if substitute(key, UNIQUE, "") != key] if template else []
            for key in keys:
                if key not in unique:
                    postings[key] = postings[key] | ranks if key in postings else ranks
            for rank in ranks if unique else ():
                for key in unique:
                    postings[column.expanded(key, self._key, rank - FIRST)] = BitMap((rank,))
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
    """One tenant's documents: the seeded ones, over them what was added, replaced or removed since, and over both the
    view at a later instant (`see`), in which lifetimes have ended and transient states have settled."""

    def __init__(
        self, source: Source | None, order: Callable[[Document], OrderKey], ageing: Ageing | None = None
    ) -> None:
        self._source = source
        self._order = order
        self._ageing = ageing
        self._stored: dict[int, Document] = {}
        self._owners: dict[int, str] = {}
        self._since: dict[int, int] = {}
        self._bodies: dict[int, bytes] = {}
        self._filed: dict[tuple[str, Filing], Postings] = {}
        self._ranks = source.ranks if source else EMPTY
        self._aged: dict[int, Document | None] = {}
        self._aged_by = 0
        self._aged_filed: dict[tuple[str, Filing], Postings] = {}
        self._everything = self._ranks
        self._remembered: dict[Hashable, Any] = {}
        self.version = 0

    @property
    def everything(self) -> BitMap:
        return self._everything

    @property
    def untouched(self) -> bool:
        """Whether these are still exactly the seeded documents."""
        return not self.version

    def __len__(self) -> int:
        return len(self._everything)

    def filed(self, field: str, filing: Filing, key: Key) -> BitMap:
        """The ranks of the documents that are filed under this key."""
        return self.postings(field, filing).get(key, EMPTY)

    def postings(self, field: str, filing: Filing) -> Postings:
        """Every key of a field with the ranks filed under it."""
        stored = self._stored_postings(field, filing)
        if not self._aged:
            return stored
        found = self._aged_filed.get((field, filing))
        if found is None:
            found = dict(stored)
            gone: dict[Key, list[int]] = {}
            come: dict[Key, list[int]] = {}
            for rank, document in self._aged.items():
                for key in filing(self._field(self._stored_document(rank), rank, field)):
                    gone.setdefault(key, []).append(rank)
                for key in filing(self._field(document, rank, field)) if document is not None else ():
                    come.setdefault(key, []).append(rank)
            for key in gone.keys() | come.keys():
                found[key] = found.get(key, EMPTY) - BitMap(gone.get(key, ())) | BitMap(come.get(key, ()))
            self._aged_filed[field, filing] = found
        return found

    def _stored_postings(self, field: str, filing: Filing) -> Postings:
        found = self._filed.get((field, filing))
        if found is None:
            found = self._source.postings(field, filing) if self._source else {}
            if self._stored:
                found = dict(found)
            for rank, document in self._stored.items():
                if self._source and rank in self._source.ranks:
                    seeded = self._source.document(rank - FIRST)
                    owner = self._source.owner(rank - FIRST)
                    refile(found, rank, filing(owner if field == OWNER else seeded.get(field)), remove=True)
                if rank in self._ranks:
                    refile(found, rank, filing(self._field(document, rank, field)))
            self._filed[field, filing] = found
        return found

    def remembered(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, kept until a document changes: an account's users ask the same questions all day."""
        try:
            found: T = self._remembered[key]
        except KeyError:
            found = make()
            if len(self._remembered) >= MAX_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[key] = found
        return found

    def owned_by(self, owner: str) -> BitMap:
        return self.filed(OWNER, whole, owner)

    def document(self, rank: int) -> Document:
        document = self._aged.get(rank)
        return self._stored_document(rank) if document is None else document

    def _stored_document(self, rank: int) -> Document:
        document = self._stored.get(rank)
        if document is None:
            assert self._source is not None
            document = self._source.document(rank - FIRST)
        return document

    def value(self, rank: int, field: str) -> Json:
        """One field of a document, None where it is absent."""
        if self._source is None or rank in self._stored or rank in self._aged:
            return self.document(rank).get(field)
        return self._source.value(rank - FIRST, field)

    def body(self, rank: int) -> bytes:
        """The document as JSON bytes, encoded again only when it changes."""
        if rank not in self._stored and rank not in self._aged:
            assert self._source is not None
            return self._source.body(rank - FIRST)
        body = self._bodies.get(rank)
        if body is None:
            body = self._bodies[rank] = orjson.dumps(self.document(rank))
        return body

    def bodies(self, ranks: list[int]) -> list[bytes]:
        """The bodies of these ranks."""
        if self._source is not None and not self._stored and not self._aged:
            return self._source.bodies(ranks)
        return [self.body(rank) for rank in ranks]

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
        return int(ranks[index]) if index < len(ranks) else LAST

    def see(self, aged: int) -> None:
        """Show the documents as they are `aged` microseconds later than they were stored."""
        if aged == self._aged_by or self._ageing is None:
            return
        self._aged_by = aged
        self._aged, self._aged_filed, self._bodies, self._remembered = {}, {}, {}, {}
        then = self._ageing.epoch
        for rank in self.candidates() if aged else ():
            since = self._since.get(rank, 0)
            before = self._stored_document(rank)
            after = self._ageing.age(before, then + since, then + max(since, aged))
            if after is not before:
                self._aged[rank] = after
        gone = [rank for rank, document in self._aged.items() if document is None]
        self._everything = self._ranks - BitMap(gone) if gone else self._ranks

    def candidates(self) -> BitMap:
        """The stored documents that time can change."""
        assert self._ageing is not None
        if self._ageing.field is None:
            return self._ranks
        postings = self._stored_postings(self._ageing.field, whole)
        return BitMap.union(EMPTY, *(postings.get(value, EMPTY) for value in self._ageing.values))

    def replace(self, documents: Iterable[tuple[Document, str]]) -> None:
        """Exactly these documents, each with its owner, and none of those before."""
        ordered = sorted(documents, key=lambda each: self._order(each[0]))
        self._source = None
        self._stored = {FIRST + index: document for index, (document, _) in enumerate(ordered)}
        self._owners = {FIRST + index: owner for index, (_, owner) in enumerate(ordered)}
        self._since = dict.fromkeys(self._stored, self._aged_by)
        self._changed(BitMap(self._stored))

    def add(self, document: Document, owner: str) -> None:
        """One more document; at the front where it is the newest, else the others are ranked anew."""
        front = self._everything.min() if self._everything else FIRST + 1
        if not self._everything or self._order(document) < self.order(front):
            rank = front - 1
            self._stored[rank] = document
            self._owners[rank] = owner
            self._since[rank] = self._aged_by
            self._changed(self._ranks | BitMap((rank,)))
        else:
            everyone = [(self.document(each), self.owner(each)) for each in self._everything]
            self.replace([*everyone, (document, owner)])

    def change(self, changes: Mapping[int, Document]) -> None:
        """Other documents at the same ranks; their place in the order must be the same."""
        for rank, document in changes.items():
            self._owners[rank] = self.owner(rank)
            self._stored[rank] = document
            self._since[rank] = self._aged_by
        self._changed(self._ranks)

    def remove(self, ranks: BitMap) -> None:
        """These documents are gone; the ranks of the others stay."""
        for rank in ranks:
            self._stored.setdefault(rank, {})
        self._changed(self._ranks - ranks)

    def _changed(self, ranks: BitMap) -> None:
        self._ranks = self._everything = ranks
        self._filed, self._bodies, self._remembered = {}, {}, {}
        self.version += 1
        aged, self._aged_by = self._aged_by, 0
        self._aged, self._aged_filed = {}, {}
        self.see(aged)

    def state(self) -> Document:
        """What `restore` needs to make the same collection from the same seed."""
        return {
            "seeded": self._source is not None,
            "removed": list(self._possible() - self._ranks),
            "stored": [
                [rank, self._owners.get(rank), self._since.get(rank, 0), document]
                for rank, document in self._stored.items()
            ],
        }

    def restore(self, state: Document, aged: int) -> None:
        """Take over a state that `state` gave."""
        if not state["seeded"]:
            self._source = None
        self._stored = {rank: document for rank, _, _, document in state["stored"]}
        self._owners = {rank: owner for rank, owner, _, _ in state["stored"] if owner is not None}
        self._since = {rank: since for rank, _, since, _ in state["stored"]}
        self._aged_by = aged
        self._changed(self._possible() - BitMap(state["removed"]))

    def _possible(self) -> BitMap:
        """Every rank that has, or had, a document."""
        return BitMap(self._stored) | (self._source.ranks if self._source else EMPTY)

    def _field(self, document: Document, rank: int, field: str) -> object:
        return self.owner(rank) if field == OWNER else document.get(field)


def newest_first(created: str, identity: str) -> Callable[[Document], OrderKey]:
    """The total order of every listing: newest first, then id."""
    return lambda document: (-instant(document[created]), document[identity])
