"""The documents that a recipe makes for one tenant, and the bitmaps of their columns.

A document's place in the order of a listing is its *rank*, ascending from the newest. Seeded documents begin at
`FIRST`, in the order of their ordinals.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

import orjson
from pyroaring import BitMap

from fakeserver.documents import tags
from fakeserver.documents.allowance import current_allowance, spend
from fakeserver.documents.cache import Cache
from fakeserver.documents.draws import UNIQUE, Column, Dealt, Draw, siblings, substitute
from fakeserver.documents.keys import Key, KeyFunction
from fakeserver.documents.order import Order, OrderKey
from fakeserver.documents.redating import Places, find_dates, may_be_dated, redate
from fakeserver.instants import SECOND
from fakeserver.problems import Document, Json

FIRST = 2**31
MAX_SIZE = 10_000_000
"""Seeded documents that a provider can have."""
MAX_CACHED_BODIES = 50_000
TRIAL_SECONDS = 40_000_007
"""How far apart the two epochs are at which a document is drawn to see which of its dates move."""
FILED_AT_ONCE = 500
"""Ids that are filed in one piece; it takes some 20 ms."""
MAX_PLACES = 4_096
"""Documents whose place in the order is kept at hand; any other's is read from the document again."""
MAX_DEALT = 64
"""Batches whose ids are kept at hand, for the next of their documents."""
OWNER = "(owner)"
"""The name under which owners are filed; no wire field is called so."""

Make = Callable[[Draw], Document]
Postings = dict[Key, BitMap]
EMPTY = BitMap()


@dataclass(frozen=True, slots=True)
class Pin:
    """What a recipe lays down by hand for one ordinal: values of columns, fields to set, and fields to leave out."""

    draw: Document = field(default_factory=dict)
    set: Document = field(default_factory=dict)
    drop: frozenset[str] = frozenset()


class Bodies:
    """The bodies of documents at epochs other than their own. All of them share one room, so that a world needs no
    more of it for being large."""

    def __init__(self) -> None:
        self.dates: dict[int, Places | None] = {}
        """By rank, where the dates stand that move with the epoch; None where the document has to be drawn again."""
        self.read = BitMap()
        """The ranks of those that were drawn at one of these epochs."""
        self._bodies: dict[int, dict[int, bytes]] = {}
        self._count = 0

    def at(self, epoch: int) -> dict[int, bytes]:
        """The bodies that are kept, by rank."""
        return self._bodies.get(epoch, {})

    def keep(self, epoch: int, rank: int, body: bytes) -> None:
        if self._count >= MAX_CACHED_BODIES:
            self._bodies, self._count = {}, 0
        self._bodies.setdefault(epoch, {})[rank] = body
        self._count += 1


class Identities:
    """Ordinals by id, as far as they were filed: nobody needs them but who adds or changes documents by their ids."""

    def __init__(self) -> None:
        self.ordinals: dict[str, int] = {}
        self.filed = 0


class Seeded:
    """The documents that a recipe makes for one tenant; `pins` lay some of them down by hand. Of the epoch nothing
    depends but their dates, which are counted from it."""

    def __init__(
        self,
        make: Make,
        order: Order,
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
        self._order = order
        self._key = key
        self._epoch = epoch
        self._columns = columns
        self._vocabularies = vocabularies
        self._pins = {ordinal: pin for ordinal, pin in pins.items() if ordinal < size}
        self._bodies: dict[int, bytes] = {}
        self._places: Cache[int, OrderKey] = Cache(MAX_PLACES)
        self._placed: Cache[str, int] = Cache(MAX_PLACES)
        """Their ordinals by their ids: who lists documents often asks for them one by one next."""
        self._dealt: Dealt = Cache(MAX_DEALT)
        self._postings: dict[tuple[str, KeyFunction], Postings] = {}
        self._dated_fields: set[str] = set()
        """The fields of those that may hold dates, and are filed elsewhere at another epoch."""
        self._at_others = Bodies()
        self._identities = Identities()

    def dated(self, epoch: int) -> Seeded:
        """The same documents with their dates counted from another epoch, which is whole seconds away."""
        if epoch == self._epoch:
            return self
        return Redated(self, epoch)

    def document(self, ordinal: int) -> Document:
        # Whoever reads a document reads it again, and from its bytes that costs a tenth of drawing it again.
        document: Document = orjson.loads(self.body(FIRST + ordinal))
        return document

    def _pass_by(self, ordinal: int) -> Document:
        """The same for somebody who reads all of them, once: nothing is kept."""
        return self.document(ordinal) if FIRST + ordinal in self._bodies else self._draw(ordinal)

    def _draw(self, ordinal: int) -> Document:
        pin = self._pins.get(ordinal)
        if pin is None:
            draw = Draw(self._key, ordinal, self._epoch, self._columns, self._vocabularies, None, self._dealt)
            return self._make(draw)
        draw = Draw(self._key, ordinal, self._epoch, self._columns, self._vocabularies, pin.draw, self._dealt)
        document = {**self._make(draw), **pin.set}
        return {name: value for name, value in document.items() if name not in pin.drop}

    def value(self, ordinal: int, field: str) -> Json:
        """One field of a document; a column's is drawn without making the rest."""
        column = self._columns.get(field)
        if column is None or ordinal in self._pins:
            return self.document(ordinal).get(field)
        return column.value(self._key, ordinal)

    def body(self, rank: int) -> bytes:
        body = self._bodies.get(rank)
        return next(self._read([rank])) if body is None else body

    def bodies(self, ranks: list[int]) -> list[bytes]:
        """The bodies of several ranks; those that were read before cost one look-up each."""
        try:
            return found_in(self._bodies, ranks)
        except KeyError:
            return [*self._read(ranks)]

    def _read(self, ranks: list[int]) -> Iterator[bytes]:
        """The same, where most are to be drawn."""
        bodies, draw, allowance = self._bodies, self._draw, current_allowance()
        for rank in ranks:
            body = bodies.get(rank)
            if body is None:
                if allowance is not None:
                    allowance.spend()
                if len(bodies) >= MAX_CACHED_BODIES:
                    bodies.clear()
                body = bodies[rank] = encode(draw(rank - FIRST))
            yield body

    def place(self, ordinal: int) -> OrderKey:
        """The document's place in the order."""
        place = self._places.get(ordinal)
        if place is None:
            place = self._order(self.document(ordinal))
            self._places.keep(ordinal, place)
            self._placed.keep(place[1], ordinal)
        return place

    def file_identities(self) -> Iterator[None]:
        """File all ids, in pieces, since a million of them take many seconds; nothing if they say it themselves."""
        known = self._identities
        if self.tagged:
            return
        while known.filed < self.size:
            end = min(known.filed + FILED_AT_ONCE, self.size)
            for ordinal in range(known.filed, end):
                known.ordinals[self._order(self._pass_by(ordinal))[1]] = ordinal
            known.filed = end
            yield

    def find(self, identity: str) -> int | None:
        """The ordinal of a document by its id: by the tag in it, or else once all are filed."""
        found = self._placed.get(identity)
        if found is None:
            found = self._find_tagged(identity)
        if found is None and not self.tagged:
            for _ in self.file_identities():
                pass
            found = self._identities.ordinals.get(identity)
        return found

    def _find_tagged(self, identity: str) -> int | None:
        return next((each for each in self._meant(identity) if self.place(each)[1] == identity), None)

    @functools.cached_property
    def tagged(self) -> bool:
        """Whether the ids say which documents they are of."""
        drawn = next((each for each in range(self.size) if each not in self._pins), None)
        return drawn is None or self._find_tagged(self.place(drawn)[1]) == drawn

    def find_by(self, field: str, text: str) -> int | None:
        """The ordinal of a document by another field that has a tag in it (`Draw.reference`)."""
        return next((each for each in self._meant(text) if self.document(each).get(field) == text), None)

    def _meant(self, text: str) -> Iterator[int]:
        """The ordinals that a text may be an id of. Pins are few, and may have been given ids by hand."""
        meant = [ordinal for tagged in tags.ordinals_in(self._key, text) for ordinal in (tagged, *siblings(tagged))]
        return (ordinal for ordinal in dict.fromkeys([*meant, *self._pins]) if ordinal < self.size)

    def owner(self, ordinal: int) -> str:
        pin = self._pins.get(ordinal)
        if pin is not None and "owner" in pin.draw:
            return str(pin.draw["owner"])
        return str(self._columns["owner"].value(self._key, ordinal))

    def postings(self, field: str, keys: KeyFunction) -> Postings:
        """Every key with the ranks filed under it: from the column in bulk, else from the documents one by one."""
        postings = self._postings.get((field, keys))
        if postings is None:
            postings = self._postings[field, keys] = self._file(field, keys)
        return postings

    def _file(self, field: str, keys: KeyFunction) -> Postings:
        column = self._columns.get("owner" if field == OWNER else field)
        postings: Postings = {}
        if column is None:
            for ordinal in range(self.size):
                value = self._pass_by(ordinal).get(field)
                if field not in self._dated_fields and may_be_dated(value):
                    self._dated_fields.add(field)
                for key in keys(value):
                    postings.setdefault(key, BitMap()).add(FIRST + ordinal)
            return postings
        for value, ordinals, template in column.groups(self._key, self.size):
            ranks = BitMap(ordinals).shift(FIRST)
            if not ranks:
                continue
            filed = list(keys(value))
            unique = [key for key in filed if substitute(key, UNIQUE, "") != key] if template else []
            for key in filed:
                if key not in unique:
                    postings[key] = postings[key] | ranks if key in postings else ranks
            for rank in ranks if unique else ():
                for key in unique:
                    postings[column.expand(key, self._key, rank - FIRST)] = BitMap((rank,))
        for ordinal in self._pins:
            value = self.owner(ordinal) if field == OWNER else self.document(ordinal).get(field)
            refile(postings, FIRST + ordinal, keys(column.value(self._key, ordinal)), remove=True)
            refile(postings, FIRST + ordinal, keys(value))
        return postings


class Redated(Seeded):
    """The documents of another with their dates counted from another epoch. What is not dated, they share."""

    def __init__(self, origin: Seeded, epoch: int) -> None:
        self.__dict__.update(origin.__dict__)
        self._origin = origin
        self._epoch = epoch
        self._seconds = (epoch - origin._epoch) // SECOND
        self._places, self._placed, self._dealt = Cache(MAX_PLACES), Cache(MAX_PLACES), Cache(MAX_DEALT)
        self._postings = {}

    def dated(self, epoch: int) -> Seeded:
        return self._origin.dated(epoch)

    def _pass_by(self, ordinal: int) -> Document:
        return self._draw(ordinal)

    def body(self, rank: int) -> bytes:
        body = self._at_others.at(self._epoch).get(rank)
        if body is None:
            spend()
            body = self._redate(rank)
            if body is None:
                body = encode(self._draw(rank - FIRST))
            self._at_others.keep(self._epoch, rank, body)
        return body

    def bodies(self, ranks: list[int]) -> list[bytes]:
        try:
            return found_in(self._at_others.at(self._epoch), ranks)
        except KeyError:
            return [self.body(rank) for rank in ranks]

    def file_identities(self) -> Iterator[None]:
        return self._origin.file_identities()

    def postings(self, field: str, keys: KeyFunction) -> Postings:
        shared = self._origin.postings(field, keys)
        return super().postings(field, keys) if field in self._dated_fields else shared

    def _redate(self, rank: int) -> bytes | None:
        """The body, from that of the origin; None if more than dates depends on the epoch, or if it was read nowhere
        yet: to find its dates takes a drawing, which pays only where the same is read at several epochs."""
        dates, read = self._at_others.dates, self._at_others.read
        if rank not in dates and rank not in self._bodies and rank not in read:
            read.add(rank)
            return None
        body = self._origin.body(rank)
        if rank not in dates:
            if len(dates) >= MAX_CACHED_BODIES:
                dates.clear()
            other = encode(Redated(self._origin, self._epoch_of_trial)._draw(rank - FIRST))
            dates[rank] = find_dates(body, other, TRIAL_SECONDS)
        places = dates[rank]
        return None if places is None else redate(body, places, self._seconds)

    @property
    def _epoch_of_trial(self) -> int:
        return self._origin._epoch + TRIAL_SECONDS * SECOND


def found_in(bodies: Mapping[int, bytes], ranks: list[int]) -> list[bytes]:
    """The bodies of these ranks, or a KeyError: all at once takes half as long as one by one."""
    return [*itemgetter(*ranks)(bodies)] if len(ranks) > 1 else [bodies[rank] for rank in ranks]


def encode(document: Document) -> bytes:
    """The document as JSON bytes of their own size: orjson's stay in a buffer that is many times larger. To join them
    with nothing is the quickest way to copy them."""
    return b"".join((orjson.dumps(document), b""))


def refile(postings: Postings, rank: int, keys: Iterable[Key], *, remove: bool = False) -> None:
    """Put a rank under the keys, or take it away; bitmaps that others may hold are replaced, never changed."""
    one = BitMap((rank,))
    for key in keys:
        old = postings.get(key, EMPTY)
        postings[key] = old - one if remove else old | one
