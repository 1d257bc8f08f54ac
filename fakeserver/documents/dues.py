"""Dues: the instants at which time changes what a document is filed under, or takes it away.

A live clock then has to look only at the documents that are due, and not at all of them whenever some time has passed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from fakeserver.documents.seeded import FIRST, Seeded
from fakeserver.documents.states import Life, Machine
from fakeserver.instants import LAST_INSTANT
from fakeserver.problems import Document

UNREADABLE = (ValueError, OverflowError, TypeError, KeyError)
"""What a table raises for a document whose dates cannot be read. The spec leaves some free; such a one does not age."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How time changes documents that were dated from an epoch (microseconds since 1970): by this table."""

    machine: Machine
    epoch: int

    def may_change(self, document: Document) -> bool:
        """Whether time can change a document."""
        return document.get(self.machine.field) in self.machine.moving

    def look(self, document: Document, then: int, now: int) -> Document | None:
        """What a document, which was stored then, is now; the same one if nothing changed, None if it is gone."""
        life = self.live(Life(document, {}), then, now)
        return None if life is None else life.document

    def live(self, life: Life, then: int, now: int) -> Life | None:
        """The same with what is kept beside the document."""
        try:
            return self.machine.live(life, then, now)
        except UNREADABLE:
            return life

    def dues_of(self, life: Life, then: int) -> tuple[list[int], bool]:
        """The instants after `then` at which such a document is due, and whether it changes in between."""
        try:
            return self.machine.dues(life, then), bool(self.machine.meters)
        except UNREADABLE:
            return [], False


@dataclass(frozen=True, slots=True)
class Dues:
    """When seeded documents are due, in microseconds after the epoch, ascending; and which ones, by their ordinals.
    `passing` are those that change in between. All worlds share them, since none of it depends on the epoch."""

    offsets: tuple[int, ...]
    ordinals: tuple[int, ...]
    passing: frozenset[int]

    @classmethod
    def of(cls, source: Seeded, lifetimes: Lifetimes, ordinals: Iterable[int]) -> Dues:
        """Those of the documents that time can change; `lifetimes` are at the epoch of the source."""
        epoch, ordinals = lifetimes.epoch, [*ordinals]
        # Whoever finds that a document was due has to read it, and need not draw it again.
        source.bodies([FIRST + ordinal for ordinal in ordinals])
        found, passing = list[tuple[int, int]](), set[int]()
        for ordinal in ordinals:
            document = source.document(ordinal)
            dues, passes = lifetimes.dues_of(Life(document, {}), epoch)
            found += [(due - epoch, ordinal) for due in dues]
            if passes:
                passing.add(ordinal)
        found.sort()
        return cls(tuple(due for due, _ in found), tuple(ordinal for _, ordinal in found), frozenset(passing))

    def between(self, after: int, until: int) -> tuple[int, ...]:
        """The ordinals of the documents that are due after one instant and not after another."""
        return self.ordinals[bisect_right(self.offsets, after) : bisect_right(self.offsets, until)]

    def next(self, after: int) -> int:
        """When the next one is due; beyond the calendar if none is."""
        index = bisect_right(self.offsets, after)
        return self.offsets[index] if index < len(self.offsets) else LAST_INSTANT + 1
