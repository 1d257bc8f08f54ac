"""The documents of the newest instant, which are the first of a list: whoever creates one more finds its place at once.

Some providers date by the second, and a clock may be frozen: then thousands are created at one instant, and their ids,
which nobody can guess, say in which order they stand.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from fakeserver.documents.order import OrderKey
from fakeserver.documents.ranks import STEP

MAX_HEADS = 16_384
"""Documents of one instant whose ids are kept at hand; where there are more, each is searched for."""
MAX_EXPECTED = 4_096
"""Documents of one instant that get room; more have to make some for each other."""


class Heads:
    """The ids of all documents of the newest instant, in order; none where they are not known."""

    __slots__ = ("_age", "_floor", "_ids")

    def __init__(self) -> None:
        self._age = 0
        self._ids: list[str] = []
        self._floor = 0
        """The rank down to which those have room that come in front of the others."""

    def __bool__(self) -> bool:
        return bool(self._ids)

    def fork(self) -> Heads:
        """The same, for somebody who will change it."""
        new = Heads()
        new._age, new._ids, new._floor = self._age, [*self._ids], self._floor
        return new

    def index(self, place: OrderKey) -> int | None:
        """How many documents stand in front of a place, those of the same place counted; None if that is not known."""
        age, identity = place
        if not self._ids or age > self._age:
            return None
        return bisect_right(self._ids, identity) if age == self._age else 0

    def step(self, place: OrderKey, first: int) -> int:
        """How far in front of the first rank of all a document gets its own, if that is its place. At the next instant
        as many are expected as at this one, one half on either side of the first."""
        if place[0] < self._age:
            return STEP * ((min(len(self._ids), MAX_EXPECTED) + 1) // 2)
        return max(STEP, (first - self._floor) // 2)

    def begin(self, place: OrderKey, rank: int) -> None:
        """This is the place of the only document of the newest instant."""
        self._floor = rank - STEP * (min(len(self._ids), MAX_EXPECTED) // 2)
        self._age, self._ids = place[0], [place[1]]

    def enter(self, place: OrderKey, rank: int) -> None:
        """One more document, where some are known."""
        age, identity = place
        if age == self._age:
            insort(self._ids, identity)
            if len(self._ids) > MAX_HEADS:
                self._ids = []
        elif age < self._age:
            self.begin(place, rank)

    def leave(self, place: OrderKey) -> None:
        """A document is gone; whichever of the same place, as they are alike here."""
        age, identity = place
        if self._ids and age == self._age:
            del self._ids[bisect_left(self._ids, identity)]
