"""Ranks: the numbers that stand for documents in bitmaps, ascending in the order of every listing.

Bitmaps of the seeded documents are dense, one rank after the other from `FIRST` on. With a spare rank between any two,
the bitmaps of a million would take twice the memory and more time, in every world, for what hardly any world does. So
there is no room between them until somebody stores a document there: then a gap is opened, and every document behind
it has a rank that is `GAP` higher. No document is looked at for that; a bitmap is shifted when it is next asked for
(30 µs for the largest of a million documents). Stored documents stand `STEP` apart, with room for more between them;
where that is used up, the nearest stored ones are moved apart: one or two for each document that is stored, on average,
and fewer than ten where ids come in the worst order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pyroaring import BitMap

from fakeserver.documents.seeded import FIRST

LAST = 2**32 - 1
"""Behind every rank."""
NOWHERE = -1
"""In front of every rank."""
STEP = 256
"""Ranks between two stored documents, where nothing forces them closer. Wide enough for a few more between them, and
narrow enough that a container of a bitmap, which covers 65,536 ranks, is well filled."""
GAP = 4_096
"""Ranks that are opened between two seeded documents."""
NEAR = 16
"""Distance of a document from the one stored just before, right next to it: ids are often dealt in order."""
ROOM = 16
"""Documents are moved apart until there are so many ranks for each of them."""
WIDENED = 4
"""A gap has so many times the room that its documents need, or is widened by it, so that this is rarely done."""
NEIGHBOURS = 8
"""So many documents on either side are moved first when there is no rank left between two; then twice as many …"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which rank each ordinal has. A run of ordinals between two gaps begins at one of `starts`, its ranks begin
    `FIRST` + the one in `offsets` beside it."""

    starts: tuple[int, ...] = (0,)
    offsets: tuple[int, ...] = (0,)

    @property
    def dense(self) -> bool:
        """Whether there is no gap."""
        return self.offsets == (0,)

    def rank(self, ordinal: int) -> int:
        run = bisect_right(self.starts, ordinal) - 1
        return FIRST + self.offsets[run] + ordinal - self.starts[run]

    def ordinal(self, rank: int) -> int:
        """The ordinal of a seeded document's rank."""
        run = bisect_right(self.offsets, rank - FIRST) - 1
        return rank - FIRST - self.offsets[run] + self.starts[run]

    def with_gap(self, ordinal: int, width: int) -> Layout:
        """With so many ranks more in front of an ordinal."""
        run = bisect_left(self.starts, ordinal)
        starts, offsets = self.starts, self.offsets
        if run == len(starts) or starts[run] != ordinal:
            starts = (*starts[:run], ordinal, *starts[run:])
            offsets = (*offsets[:run], self.rank(ordinal) - FIRST, *offsets[run:])
        return Layout(starts, (*offsets[:run], *(offset + width for offset in offsets[run:])))

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """Each gap: the ordinal behind it, and its width."""
        shifts = [offset - start for start, offset in zip(self.starts, self.offsets, strict=True)]
        widths = zip(self.starts, shifts, [0, *shifts], strict=False)
        return [(start, shift - before) for start, shift, before in widths if shift > before]

    def lay_out(self, dense: BitMap) -> BitMap:
        """A bitmap over dense ranks, with every document at the rank that it has here."""
        if self.dense or not dense:
            return dense
        # A range is as long as its bitmap, and a bitmap of all ranks there are is not short.
        ends = [*self.starts[1:], dense.max() + 1 - FIRST]
        return BitMap.union(
            *(
                (dense & BitMap(range(FIRST + start, FIRST + end))).shift(offset - start)
                for start, end, offset in zip(self.starts, ends, self.offsets, strict=True)
            )
        )


def layout_of(gaps: Iterable[tuple[int, int]]) -> Layout:
    """The layout with these gaps, in the order of their ordinals."""
    starts, offsets, shift = [0], [0], 0
    for start, width in gaps:
        shift += width
        if start == starts[-1]:
            offsets[-1] += width
        else:
            starts.append(start)
            offsets.append(start + shift)
    return Layout(tuple(starts), tuple(offsets))


class Placement(NamedTuple):
    """The rank of a document that is to be stored, and what has to move for it: first everything from a rank on, by so
    many ranks (`opened`), then single documents from one rank to another (`moved`)."""

    rank: int
    moved: dict[int, int]
    opened: tuple[int, int] | None = None


def placement(ranks: BitMap, stored: Container[int], index: int, last: int) -> Placement:
    """A rank for one more document, behind so many (`index`) of those that there are. Only `stored` ones can be moved;
    `last` is the rank of the one stored most recently."""
    before = ranks[index - 1] if index else NOWHERE
    behind = ranks[index] if index < len(ranks) else LAST
    if behind - before > 1:
        return Placement(between(before, behind, last), {})
    return move_apart(ranks, stored, index, last)


def in_front_of(first: int, step: int = STEP) -> int:
    """A rank in front of the first one, which is not the first of all: so far in front of it, if there is as much."""
    return first - min(step, (first - NOWHERE) // 2)


def between(before: int, behind: int, last: int) -> int:
    """A free rank between two, with room on both sides."""
    half = (behind - before) // 2
    if before == NOWHERE:
        return FIRST if behind == LAST else in_front_of(behind)
    if behind == LAST:
        return before + min(STEP, half)
    if before == last:
        return before + min(NEAR, half)
    return behind - min(NEAR, half) if behind == last else before + half


def move_apart(ranks: BitMap, stored: Container[int], index: int, last: int) -> Placement:
    """A rank between two that are neighbours. Of the room that is made, half is left where the next document is most
    likely to be stored: right here."""
    start = end = index
    reach, opened = NEIGHBOURS, None
    while True:
        while start and index - start < reach and ranks[start - 1] in stored:
            start -= 1
        while end < len(ranks) and end - index < reach and ranks[end] in stored:
            end += 1
        count = end - start + 1
        low, high = limits(ranks, start, end)
        enclosed = index - start < reach and end - index < reach
        needed = ROOM * (count + 1) * (WIDENED if enclosed else 1)
        if high - low >= needed:
            break
        if enclosed:
            # Seeded documents on both sides, which stay: those behind get higher ranks.
            width = max(GAP, needed)
            opened = high, width
            last += width if last >= high else 0
            high += width
            break
        reach *= 2
    unit = (high - low) // (2 * count)
    newer, older = ranks[start:index], ranks[index:end]
    moved = {rank: low + unit * number for number, rank in enumerate(newer, 1)}
    moved |= {rank: high - unit * number for number, rank in enumerate(reversed(older), 1)}
    before, behind = low + unit * len(newer), high - unit * len(older)
    return Placement(between(before, behind, moved.get(last, last)), moved, opened)


def limits(ranks: BitMap, start: int, end: int) -> tuple[int, int]:
    """The ranks around the documents from one index to another that may move; an end of the list is open, and so much
    of it is taken that there is a `STEP` for each."""
    low = ranks[start - 1] if start else NOWHERE
    high = ranks[end] if end < len(ranks) else LAST
    wanted = STEP * (end - start + 2)
    if not start:
        low = max(NOWHERE, min(ranks[0] - 1, (ranks[-1] + 1 if high == LAST else high) - wanted))
    if end == len(ranks):
        high = min(LAST, max(ranks[-1] + 1, low + wanted))
    return low, high
