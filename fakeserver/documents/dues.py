"""Dues: the instants at which time changes what a document is filed under, or takes it away.

A provider says what a document is at an instant, and not when it changes; so that is looked for. A live clock then has
to look only at the documents that are due, and not at all of them whenever some time has passed.
"""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from fakeserver.documents.seeded import FIRST, Seeded
from fakeserver.documents.states import Life, Machine
from fakeserver.instants import LAST_INSTANT, SECOND
from fakeserver.problems import Document, Json

MAX_DUES = 8
"""Of one document: more than any provider's states have on one way."""
GONE = ("gone",)
"""What a document that is gone has in the place of a value."""
UNREADABLE = (ValueError, OverflowError, TypeError, KeyError)
"""What `age` raises for a document whose dates cannot be read. The spec leaves some free; such a one does not age."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How time changes documents. `age(document, then, now)` is the document at `now`, the same one if nothing
    changed, None if it is gone; only documents whose `field` has one of `values` change (None: any may)."""

    age: Callable[[Document, int, int], Document | None]
    epoch: int
    field: str | None = None
    values: frozenset[str] = frozenset()
    machine: Machine | None = None
    """By whose table documents live of which something is kept."""

    @classmethod
    def of(cls, machine: Machine, epoch: int) -> Lifetimes:
        return cls(machine.age, epoch, machine.field, machine.moving, machine)

    def may_change(self, document: Document) -> bool:
        """Whether time can change a document."""
        return self.field is None or document.get(self.field) in self.values

    def look(self, document: Document, then: int, now: int) -> Document | None:
        """What a document, which was stored then, is now; the same one if nothing changed."""
        try:
            return self.age(document, then, now)
        except UNREADABLE:
            return document

    def live(self, life: Life, then: int, now: int) -> Life | None:
        """The same with what is kept beside the document."""
        if self.machine is None:
            return life
        try:
            return self.machine.live(life, then, now)
        except UNREADABLE:
            return life

    def dues_of(self, life: Life, then: int) -> tuple[list[int], bool]:
        """When such a document is due, and whether it changes in between."""
        if self.machine is None:
            return [], False
        try:
            return [*self.machine.dues(life, then)], bool(self.machine.meters)
        except UNREADABLE:
            return [], False

    def value(self, document: Document, then: int, now: int) -> Json:
        """What the field of a document is at an instant."""
        assert self.field is not None
        after = self.look(document, then, now)
        return GONE if after is None else after.get(self.field)


def find_dues(document: Document, then: int, lifetimes: Lifetimes) -> Iterator[int]:
    """The instants after `then` at which the document's field changes, in order."""
    assert lifetimes.field is not None
    now, value = then, document.get(lifetimes.field)
    for _ in range(MAX_DUES):
        if value not in lifetimes.values:
            return
        due = _find_change(functools.partial(_has, document, then, lifetimes, value), now)
        if due is None:
            return
        yield due
        now, value = due, lifetimes.value(document, then, due)


def is_passing(document: Document, then: int, dues: Iterable[int], lifetimes: Lifetimes) -> bool:
    """Whether a document changes between the instants at which it is due, too, as one does that counts its seconds."""
    steps = pairwise((then, *dues, LAST_INSTANT + 1))
    look = lifetimes.look
    return any(look(document, then, start) != look(document, then, end - 1) for start, end in steps)


def _has(document: Document, then: int, lifetimes: Lifetimes, value: Json, now: int) -> bool:
    return bool(lifetimes.value(document, then, now) == value)


def _find_change(holds: Callable[[int], bool], now: int) -> int | None:
    """The first instant after `now` at which something does not hold any more; None: it always will."""
    if holds(LAST_INSTANT):
        return None
    start, end = now + 1, now + SECOND
    while end < LAST_INSTANT and holds(end):
        start, end = end + 1, now + 4 * (end - now)
    instants = range(start, min(end, LAST_INSTANT))
    return start + bisect_left(instants, True, key=lambda instant: not holds(instant))


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
            dues = [*find_dues(document, epoch, lifetimes)]
            found += [(due - epoch, ordinal) for due in dues]
            if is_passing(document, epoch, dues, lifetimes):
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
