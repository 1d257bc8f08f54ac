"""A tenant's documents, newest first, and the bitmaps that answer its filters.

Seeded documents have the ranks of their ordinals (`seeded.FIRST` on); what comes later is newer and gets lower ranks,
so that no rank changes and cursors stay true.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pyroaring import BitMap

from fakeserver.documents.keys import Key, KeyFunction, itself
from fakeserver.documents.seeded import EMPTY, FIRST, OWNER, Postings, Seeded, encoded, refile
from fakeserver.instants import instant
from fakeserver.problems import Document, Json

LAST = 2**32 - 1
MAX_REMEMBERED = 256
"""Answers of the index that a collection keeps until it changes."""

T = TypeVar("T")
OrderKey = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Ageing:
    """How time changes documents. `age(document, then, now)` is the document at `now`, the same one if nothing
    changed, None if it is gone; only documents whose `field` has one of `values` change (None: any may)."""

    age: Callable[[Document, int, int], Document | None]
    epoch: int
    field: str | None = None
    values: frozenset[str] = frozenset()


class Collection:
    """One tenant's documents: the seeded ones, over them what was added, replaced or removed since, and over both the
    view at a later instant (`see`), in which lifetimes have ended and transient states have settled."""

    def __init__(
        self, source: Seeded | None, order: Callable[[Document], OrderKey], ageing: Ageing | None = None
    ) -> None:
        self._source = source
        self._order = order
        self._ageing = ageing
        self._stored: dict[int, Document] = {}
        self._owners: dict[int, str] = {}
        self._since: dict[int, int] = {}
        self._bodies: dict[int, bytes] = {}
        self._filed: dict[tuple[str, KeyFunction], Postings] = {}
        self._ranks = source.ranks if source else EMPTY
        self._aged: dict[int, Document | None] = {}
        self._aged_by = 0
        self._aged_filed: dict[tuple[str, KeyFunction], Postings] = {}
        self._everything = self._ranks
        self._cached: dict[Hashable, Any] = {}
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

    def filed(self, field: str, keys: KeyFunction, key: Key) -> BitMap:
        """The ranks of the documents that are filed under this key."""
        return self.postings(field, keys).get(key, EMPTY)

    def postings(self, field: str, keys: KeyFunction) -> Postings:
        """Every key of a field with the ranks filed under it."""
        stored = self._stored_postings(field, keys)
        if not self._aged:
            return stored
        found = self._aged_filed.get((field, keys))
        if found is None:
            found = dict(stored)
            gone: dict[Key, list[int]] = {}
            come: dict[Key, list[int]] = {}
            for rank, document in self._aged.items():
                for key in keys(self._field(self._stored_document(rank), rank, field)):
                    gone.setdefault(key, []).append(rank)
                for key in keys(self._field(document, rank, field)) if document is not None else ():
                    come.setdefault(key, []).append(rank)
            for key in gone.keys() | come.keys():
                found[key] = found.get(key, EMPTY) - BitMap(gone.get(key, ())) | BitMap(come.get(key, ()))
            self._aged_filed[field, keys] = found
        return found

    def _stored_postings(self, field: str, keys: KeyFunction) -> Postings:
        found = self._filed.get((field, keys))
        if found is None:
            found = self._source.postings(field, keys) if self._source else {}
            if self._stored:
                found = dict(found)
            for rank, document in self._stored.items():
                if self._source and rank in self._source.ranks:
                    seeded = self._source.document(rank - FIRST)
                    owner = self._source.owner(rank - FIRST)
                    refile(found, rank, keys(owner if field == OWNER else seeded.get(field)), remove=True)
                if rank in self._ranks:
                    refile(found, rank, keys(self._field(document, rank, field)))
            self._filed[field, keys] = found
        return found

    def cached(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, kept until a document changes: an account's users ask the same questions all day."""
        try:
            found: T = self._cached[key]
        except KeyError:
            found = make()
            if len(self._cached) >= MAX_REMEMBERED:
                del self._cached[next(iter(self._cached))]
            self._cached[key] = found
        return found

    def owned_by(self, owner: str) -> BitMap:
        return self.filed(OWNER, itself, owner)

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
            return self._source.body(rank)
        body = self._bodies.get(rank)
        if body is None:
            body = self._bodies[rank] = encoded(self.document(rank))
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
        return self.cached(rank, lambda: self._order(self.document(rank)))

    def after(self, key: OrderKey, hint: int) -> int:
        """The first rank behind this place in the order; `hint` is the rank that probably has it."""
        if hint in self._everything and self.order(hint) == key:
            return hint + 1
        ranks = self._everything
        index = bisect_left(range(len(ranks)), key, key=lambda position: self._order(self.document(ranks[position])))
        if index < len(ranks) and self.order(ranks[index]) == key:
            index += 1
        return int(ranks[index]) if index < len(ranks) else LAST

    def advance_to(self, aged: int) -> None:
        """Show the documents as they are `aged` microseconds later than they were stored."""
        if aged == self._aged_by or self._ageing is None:
            return
        view: dict[int, Document | None] = {}
        then = self._ageing.epoch
        for rank in self.candidates() if aged else ():
            since = self._since.get(rank, 0)
            if since >= aged:
                # What was stored at this instant, or later, is as it was stored.
                continue
            before = self._stored_document(rank)
            try:
                after = self._ageing.age(before, then + since, then + aged)
            except (ValueError, OverflowError, TypeError, KeyError):
                # The spec leaves some dates free; a document whose dates cannot be read does not age.
                continue
            if after is not before:
                view[rank] = after
        # All at once and last, so that a view is never half of one instant and half of another.
        self._aged, self._aged_by = view, aged
        self._aged_filed, self._bodies, self._cached = {}, {}, {}
        gone = [rank for rank, document in view.items() if document is None]
        self._everything = self._ranks - BitMap(gone) if gone else self._ranks

    def candidates(self) -> BitMap:
        """The stored documents that time can change."""
        assert self._ageing is not None
        if self._ageing.field is None:
            return self._ranks
        postings = self._stored_postings(self._ageing.field, itself)
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
            self._store({rank: document}, {rank: owner})
            self._changed(self._ranks | BitMap((rank,)))
        else:
            everyone = [(self.document(each), self.owner(each)) for each in self._everything]
            self.replace([*everyone, (document, owner)])

    def change(self, changes: Mapping[int, Document]) -> None:
        """Other documents at the same ranks; their place in the order must be the same."""
        self._store(changes, {rank: self.owner(rank) for rank in changes})
        self._changed(self._ranks)

    def remove(self, ranks: BitMap) -> None:
        """These documents are gone; the ranks of the others stay."""
        self._stored = {**{rank: {} for rank in ranks}, **self._stored}
        self._changed(self._ranks - ranks)

    def _store(self, documents: Mapping[int, Document], owners: Mapping[int, str]) -> None:
        """New state beside the old, which somebody may still be reading."""
        self._stored = {**self._stored, **documents}
        self._owners = {**self._owners, **owners}
        self._since = {**self._since, **dict.fromkeys(documents, self._aged_by)}

    def _changed(self, ranks: BitMap) -> None:
        self._ranks = self._everything = ranks
        self._filed, self._bodies, self._cached = {}, {}, {}
        self.version += 1
        aged, self._aged_by = self._aged_by, 0
        self._aged, self._aged_filed = {}, {}
        self.advance_to(aged)

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
