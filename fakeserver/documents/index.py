"""The index: for each field that is looked up, which documents are filed under which key."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from pyroaring import BitMap

from fakeserver.documents.ageing import Ageing
from fakeserver.documents.answers import Shown
from fakeserver.documents.keys import Key, KeyFunction
from fakeserver.documents.overlay import Overlay
from fakeserver.documents.packing import Packed, Packing
from fakeserver.documents.ranks import Layout
from fakeserver.documents.seeded import EMPTY, FIRST, OWNER, Postings
from fakeserver.problems import Json

MAX_MISSED = 10_000
"""Ranks whose changes are noted for filings that nobody has read; if there are more, those are made anew."""
NOTHING: Any = object()
"""What a rank has for a field where it has no document."""
Values = Iterable[tuple[int, Any, Any]]
"""Ranks, each with the value that a field had there, and the one that it has now."""


class Filing:
    """One field's postings: those of the seeded documents, and in their place the ones that differ (`_own`). A bitmap
    that was handed out is never changed but replaced; one that was not is changed in place."""

    __slots__ = ("_laid_out", "_layout", "_lent", "_own", "_seeded")

    def __init__(self, seeded: Postings, layout: Layout) -> None:
        self._seeded = seeded
        self._layout = layout
        self._laid_out: Postings = {}
        self._own: Postings = {}
        self._lent: set[Key] = set()

    def fork(self) -> Filing:
        """The same, for somebody who will change it."""
        new = Filing(self._seeded, self._layout)
        new._own = dict(self._own)
        new._lent = set(self._own)
        return new

    @property
    def own(self) -> Postings:
        """Those that are not as the seed made them."""
        self._lent = set(self._own)
        return self._own

    def adopt(self, own: Postings) -> None:
        """Have these in the place of those that the seed made, and be nobody else's."""
        self._own = own

    def filed(self, key: Key) -> BitMap:
        """The ranks of the documents that are filed under this key."""
        bitmap = self._own.get(key)
        if bitmap is None:
            return self._below(key)
        self._lent.add(key)
        return bitmap

    def postings(self) -> Postings:
        """Every key with the ranks that are filed under it."""
        if self._layout.dense and not self._own:
            return self._seeded
        self._lent = set(self._own)
        return {**{key: self._below(key) for key in self._seeded}, **self._own}

    def refile(self, values: Values, keys: KeyFunction) -> None:
        """File documents under the keys of the values that they have now, no longer under those that they had."""
        gone: dict[Key, list[int]] = {}
        come: dict[Key, list[int]] = {}
        for rank, before, after in values:
            if before is after:
                continue
            for key in keys(before) if before is not NOTHING else ():
                gone.setdefault(key, []).append(rank)
            for key in keys(after) if after is not NOTHING else ():
                come.setdefault(key, []).append(rank)
        for key in {**gone, **come}:
            bitmap = self._own.get(key)
            if bitmap is None or key in self._lent:
                bitmap = self._own[key] = (self._below(key) if bitmap is None else bitmap).copy()
                self._lent.discard(key)
            # Most writes change a single document.
            left, entered = gone.get(key, ()), come.get(key, ())
            if len(left) > 1:
                bitmap.difference_update(BitMap(left))
            elif left:
                bitmap.discard(left[0])
            if len(entered) > 1:
                bitmap.update(entered)
            elif entered:
                bitmap.add(entered[0])

    def _below(self, key: Key) -> BitMap:
        bitmap = self._seeded.get(key, EMPTY)
        if self._layout.dense:
            return bitmap
        placed = self._laid_out.get(key)
        if placed is None:
            placed = self._laid_out[key] = self._layout.lay_out(bitmap)
        return placed


class Index:
    """The filings of the fields that somebody looked up, each made at its first use and kept true from then on."""

    def __init__(self) -> None:
        self._filings: dict[tuple[str, KeyFunction], Filing] = {}
        self._unread: dict[tuple[str, str], Unread] = {}
        """What comes from a store, by field and by the name of its keys, until somebody looks it up."""
        self._missed: dict[int, tuple[Shown | None, Shown | None]] = {}
        """What has changed since, by rank: what was shown there, and what is shown now."""

    def fork(self) -> Index:
        """The same, for somebody who will change it."""
        new = Index()
        new._filings = {name: filing.fork() for name, filing in self._filings.items()}
        new._unread, new._missed = dict(self._unread), dict(self._missed)
        return new

    def filing(self, field: str, keys: KeyFunction, overlay: Overlay, ageing: Ageing) -> Filing:
        """A field's filing. The first time, it is made for the seeded documents and brought up to date."""
        filing = self._filings.get((field, keys))
        if filing is None:
            filing = Filing(overlay.source.postings(field, keys) if overlay.source else {}, overlay.layout)
            unread = self._unread.pop((field, name_of(keys)), None)
            if unread is None:
                filing.refile(values_of(field, overlay, ageing), keys)
            else:
                filing.adopt(unread())
                filing.refile(values_in(((rank, *each) for rank, each in self._missed.items()), field), keys)
                if not self._unread:
                    self._missed = {}
            self._filings[field, keys] = filing
        return filing

    def refile(self, changes: Iterable[tuple[int, Shown | None, Shown | None]]) -> None:
        """Follow changes: ranks, each with what was shown there and what is shown now."""
        if self._unread:
            for rank, before, after in changes:
                self._missed[rank] = self._missed[rank][0] if rank in self._missed else before, after
            if len(self._missed) > MAX_MISSED:
                self._unread, self._missed = {}, {}
        for (field, keys), filing in [*self._filings.items()]:
            try:
                filing.refile(values_in(changes, field), keys)
            except (TypeError, ValueError, AttributeError):
                # A value that has no keys is found when somebody looks this field up; a write is not refused for it.
                del self._filings[field, keys]

    def forget(self) -> None:
        """Everything is to be filed anew when it is next looked up."""
        self._filings.clear()
        self._unread, self._missed = {}, {}

    # Stores

    def pack(self, packing: Packing, overlay: Overlay, ageing: Ageing) -> list[Json]:
        """What is filed where, for a store; but for keys that are no JSON, and for those that cannot be found again."""
        rows: list[Json] = []
        unread = [(field, keys) for field, name in [*self._unread] if (keys := function_of(name)) is not None]
        for field, keys in [*self._filings, *unread]:
            name = name_of(keys)
            if function_of(name) is not keys:
                continue
            own = self.filing(field, keys, overlay, ageing).own
            try:
                written = packing.json([written_key(key) for key in own])
            except TypeError:
                continue
            rows.append([field, name, written, packing.each([each.serialize() for each in own.values()])])
        return rows

    def unpack(self, rows: Iterable[Json], packed: Packed) -> None:
        """What `pack` wrote, over the same documents."""
        for field, name, keys, bitmaps in rows:
            self._unread[field, name] = partial(read_postings, packed, keys, bitmaps)


Unread = Callable[[], Postings]


def read_postings(packed: Packed, keys: int, bitmaps: Sequence[int]) -> Postings:
    found = map(BitMap.deserialize, packed.each(bitmaps))
    return dict(zip(map(read_key, packed.json(keys)), found, strict=True))


def name_of(keys: KeyFunction) -> str:
    """How a function of keys is found again by another process."""
    return f"{keys.__module__}:{getattr(keys, '__qualname__', '')}"


def function_of(name: str) -> KeyFunction | None:
    """The function of this name, if it is one that a module has under its own name."""
    module, _, function = name.partition(":")
    keys: KeyFunction | None = getattr(sys.modules.get(module), function, None)
    return keys


def written_key(key: Key) -> Json:
    """A key as JSON, or a TypeError."""
    if isinstance(key, tuple):
        return [written_key(each) for each in key]
    if isinstance(key, Decimal):
        return {"number": str(key)}
    if key is None or isinstance(key, str | int | float):
        return key
    raise TypeError(f"{type(key)} is no JSON")


def read_key(written: Json) -> Key:
    if isinstance(written, list):
        return tuple(map(read_key, written))
    return Decimal(written["number"]) if isinstance(written, dict) else written


def values_of(field: str, overlay: Overlay, ageing: Ageing) -> Values:
    """What every document that is not as it was seeded had for a field, and has now."""
    for dense in overlay.hidden:
        ordinal = dense - FIRST
        yield overlay.layout.rank(ordinal), seeded_value(overlay, ordinal, field), NOTHING
    for rank, stored in overlay.stored.items():
        if rank not in ageing.aged:
            yield rank, NOTHING, value_of((stored.document, stored.owner), field)
    for rank in [*ageing.aged]:
        document = ageing.read_aged(rank)
        before = NOTHING if rank in overlay.stored else seeded_value(overlay, overlay.ordinal(rank), field)
        yield rank, before, NOTHING if document is None else value_of((document, overlay.owner(rank)), field)


def seeded_value(overlay: Overlay, ordinal: int, field: str) -> Any:
    source = overlay.seeded
    return source.owner(ordinal) if field == OWNER else source.value(ordinal, field)


def values_in(changes: Iterable[tuple[int, Shown | None, Shown | None]], field: str) -> Values:
    """What a field had before changes, and has now."""
    return ((rank, value_of(before, field), value_of(after, field)) for rank, before, after in changes)


def value_of(shown: Shown | None, field: str) -> Any:
    if shown is None:
        return NOTHING
    document, owner = shown
    return owner if field == OWNER else document.get(field)
