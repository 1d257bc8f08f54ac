"""What a collection shows: the reading side of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from pyroaring import BitMap

from fakeserver.documents.ageing import Ageing
from fakeserver.documents.answers import Answers, Shown
from fakeserver.documents.dues import Dues, Lifetimes
from fakeserver.documents.index import Index
from fakeserver.documents.keys import Key, KeyFunction, itself
from fakeserver.documents.order import Order, OrderKey
from fakeserver.documents.overlay import Overlay
from fakeserver.documents.ranks import LAST
from fakeserver.documents.seeded import MAX_CACHED_BODIES, OWNER, Postings, Seeded, encode, found_in
from fakeserver.documents.states import Life
from fakeserver.problems import Document, Json


class Showing:
    """One tenant's documents: the stored ones (`Overlay`), as they are by now (`Ageing`), filed (`Index`)."""

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
        self.version = 0
        """Raised by every write."""
        self.writes = 0
        """How many writes there were since it was seeded, those before a snapshot counted."""
        self.answers = Answers()

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

    @property
    def written(self) -> int:
        """How many documents are stored, over the seeded ones or beside them."""
        return len(self._overlay.stored)

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
        return self._keep(rank, self._encode(rank)) if body is None else body

    def _keep(self, rank: int, body: bytes) -> bytes:
        """The body, which is at hand from now on."""
        if len(self._bodies) >= MAX_CACHED_BODIES:
            self._bodies.clear()
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
            return found_in(self._bodies, ranks)
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

    def shown(self, rank: int) -> Shown | None:
        """The document at a rank and its owner, if there is one."""
        stored = self._overlay.stored.get(rank)
        if stored is not None and rank not in self._ageing.aged:
            return stored.document, stored.owner
        return (self._filed(rank), self.owner(rank)) if self.shows(rank) else None

    def shows(self, rank: int) -> bool:
        """Whether there is a document at a rank."""
        return rank in self._overlay.ranks and rank not in self._ageing.gone
