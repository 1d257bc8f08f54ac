"""Ageing: time is a view of the documents that are stored, so going back is exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pyroaring import BitMap

from fakeserver.documents.keys import itself
from fakeserver.documents.overlay import Overlay, Stored
from fakeserver.documents.seeded import EMPTY
from fakeserver.problems import Document


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How time changes documents. `age(document, then, now)` is the document at `now`, the same one if nothing
    changed, None if it is gone; only documents whose `field` has one of `values` change (None: any may)."""

    age: Callable[[Document, int, int], Document | None]
    epoch: int
    field: str | None = None
    values: frozenset[str] = frozenset()


class Ageing:
    """The documents that are not as they were stored, as they are when the seeded ones are `at` microseconds older, and
    those that were stored see a clock that is `lead` ahead of that."""

    def __init__(self, lifetimes: Lifetimes | None) -> None:
        self.lifetimes = lifetimes
        self.at = self.lead = 0
        self.aged: dict[int, Document | None] = {}
        """By rank; None for a document that is gone."""
        self.gone = EMPTY

    def fork(self) -> Ageing:
        """The same, for somebody who will change it."""
        new = Ageing(self.lifetimes)
        new.at, new.lead, new.aged, new.gone = self.at, self.lead, dict(self.aged), self.gone
        return new

    def candidates(self, overlay: Overlay) -> BitMap:
        """The stored documents that time can change."""
        if self.lifetimes is None:
            return EMPTY
        field, values = self.lifetimes.field, self.lifetimes.values
        if field is None:
            return overlay.ranks
        changeable = BitMap(rank for rank, stored in overlay.stored.items() if self._may_change(stored))
        if overlay.source is not None:
            postings = overlay.source.postings(field, itself)
            seeded = BitMap.union(EMPTY, *(postings.get(value, EMPTY) for value in values))
            changeable |= overlay.layout.lay_out(seeded - overlay.hidden)
        return changeable

    def _may_change(self, stored: Stored) -> bool:
        """Whether time can change a document that somebody stored."""
        lifetimes = self.lifetimes
        if lifetimes is None:
            return False
        return lifetimes.field is None or stored.document.get(lifetimes.field) in lifetimes.values

    def advance(self, overlay: Overlay, at: int, lead: int = 0) -> None:
        """Look at the documents when the seeded ones are `at` microseconds older, and those that were stored by `lead`
        more."""
        aged = dict(self._age(overlay, at, lead))
        # All at once and last, so that the view is never half of one instant and half of another.
        self.at, self.lead, self.aged = at, lead, aged
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

    def _age(self, overlay: Overlay, at: int, lead: int) -> Iterator[tuple[int, Document | None]]:
        assert self.lifetimes is not None
        then = self.lifetimes.epoch
        # At the epoch the seeded ones, who may be many, are as they were made.
        for rank in self.candidates(overlay) if at else [*overlay.stored]:
            stored = overlay.stored.get(rank)
            stored_at, now = (0, at) if stored is None else (stored.stored_at, at + lead)
            if stored_at >= now or (stored is not None and not self._may_change(stored)):
                # What was stored at this instant, or later, is as it was stored.
                continue
            before = overlay.document(rank)
            try:
                after = self.lifetimes.age(before, then + stored_at, then + now)
            except (ValueError, OverflowError, TypeError, KeyError):
                # The spec leaves some dates free; a document whose dates cannot be read does not age.
                continue
            if after is not before:
                yield rank, after
