"""Ranks: every document finds a place between its neighbours, wherever it is stored and however often."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fakeserver.documents.draws import Draw
from fakeserver.documents.overlay import Overlay
from fakeserver.documents.ranks import GAP, LAST, STEP, Layout, layout_of
from fakeserver.documents.seeded import FIRST, Seeded
from fakeserver.documents.stored import Stored
from fakeserver.problems import Document

SIZE = 200
gaps = st.dictionaries(st.integers(0, SIZE - 1), st.integers(GAP, 10 * GAP), max_size=12).map(
    lambda widths: sorted(widths.items())
)


def seeded(size: int, distance: int = 1_000) -> Seeded:
    """Documents whose places in the order are 1000, 2000, …"""

    def make(draw: Draw) -> Document:
        # JSON has no numbers that are as long as some of these.
        return {"place": str((draw.ordinal + 1) * distance)}

    return Seeded(make, order, key=b"", epoch=0, size=size, columns={}, vocabularies={}, pins={})


def order(document: Document) -> tuple[int, str]:
    return int(document["place"]), ""


def stored(place: int) -> Stored:
    document = {"place": place}
    return Stored(document, "somebody", 0, order(document))


def store(overlay: Overlay, place: int) -> int:
    """Store one more document; how many others were moved for it."""
    placement = overlay.placement(order({"place": place}))
    if placement.opened is not None:
        overlay.open(*placement.opened)
    overlay.move(placement.moved)
    overlay.put(placement.rank, stored(place))
    return len(placement.moved)


def places(overlay: Overlay) -> list[int]:
    return [overlay.place(rank)[0] for rank in overlay.ranks]


# Layouts


@given(gaps)
def test_ordinals_and_ranks_are_two_names_of_one_place(widths: list[tuple[int, int]]) -> None:
    """Whatever gaps there are, ranks rise with the ordinals, leave just the gaps out, and lead back to them."""
    layout = layout_of(widths)
    ranks = [layout.rank(ordinal) for ordinal in range(SIZE)]
    assert [layout.ordinal(rank) for rank in ranks] == list(range(SIZE))
    before = dict(widths)
    steps = [rank - last for last, rank in zip([FIRST - 1, *ranks], ranks, strict=False)]
    assert steps == [1 + before.get(ordinal, 0) for ordinal in range(SIZE)]
    assert layout.gaps == widths
    assert layout.dense is not bool(widths)


@given(gaps, st.randoms())
def test_gaps_may_be_opened_in_any_order(widths: list[tuple[int, int]], chance: random.Random) -> None:
    """A layout depends on the gaps, not on which of them was opened first, and a gap may be opened twice."""
    opened = [(ordinal, part) for ordinal, width in widths for part in (width - 1, 1)]
    chance.shuffle(opened)
    layout = Layout()
    for ordinal, width in opened:
        layout = layout.with_gap(ordinal, width)
    assert layout == layout_of(widths)


@given(gaps, st.sets(st.integers(0, SIZE - 1)))
def test_bitmaps_are_laid_out_as_their_documents_are(widths: list[tuple[int, int]], ordinals: set[int]) -> None:
    """A bitmap over dense ranks, laid out, holds the ranks of the same documents."""
    layout = layout_of(widths)
    dense = BitMap(FIRST + ordinal for ordinal in ordinals)
    assert layout.lay_out(dense) == BitMap(layout.rank(ordinal) for ordinal in ordinals)


# Placements


@given(st.integers(0, 12), st.lists(st.integers(-500, 14_000), unique=True, max_size=60))
def test_documents_stand_where_they_belong(size: int, new: list[int]) -> None:
    """Documents that are stored one after the other, in front of seeded ones, between and behind them, are in order."""
    overlay = Overlay(seeded(size), order)
    there = [(ordinal + 1) * 1_000 for ordinal in range(size)]
    for place in [place for place in new if place not in there]:
        store(overlay, place)
        there.insert(bisect(there, place), place)
        assert places(overlay) == there


def rising() -> Iterator[int]:
    yield from range(10**6)


def falling() -> Iterator[int]:
    yield from range(-1, -(10**6), -1)


def at_random() -> Iterator[int]:
    yield from random.Random(0).sample(range(10**9), 10**5)


def into_the_middle() -> Iterator[int]:
    """Each between the two before."""
    width = 2**3_000
    while True:
        yield -width
        yield width
        width //= 2


def in_two_runs() -> Iterator[int]:
    for number in range(10**5):
        yield number
        yield 10**9 + number


def in_batches() -> Iterator[int]:
    """Each batch newer than all before, its own documents one behind the other."""
    for batch in range(10**4):
        yield from range(-100 * batch, -100 * batch + 20)


ORDERS = [(rising, 3), (falling, 3), (at_random, 5), (into_the_middle, 10), (in_two_runs, 10), (in_batches, 6)]


@pytest.mark.parametrize(("incoming", "most"), ORDERS)
@pytest.mark.parametrize("front", [True, False], ids=["in front", "between two seeded ones"])
def test_few_documents_are_moved(incoming: Callable[[], Iterator[int]], most: int, front: bool) -> None:
    """In whatever order the ids of one instant come, few stored documents get another rank for it: a handful for each
    that is stored, however many there are."""
    distance = 10**1_000
    overlay = Overlay(seeded(2, distance), order)
    offset = -distance if front else distance * 3 // 2
    sent: list[int] = []
    moved = 0
    for number in incoming():
        moved += store(overlay, offset + number)
        sent.append(offset + number)
        if len(sent) in (300, 1_000, 3_000):
            assert moved <= most * len(sent)
        if len(sent) == 3_000:
            break
    assert places(overlay) == sorted([distance, 2 * distance, *sent])


def test_every_rank_in_front_can_be_used() -> None:
    """Where the newest document has the lowest rank there is, newer ones still find a place."""
    overlay = Overlay(None, order)
    overlay.fill([stored(100)])
    overlay.move({FIRST: 0})
    for place in range(99, 60, -1):
        store(overlay, place)
    assert places(overlay) == list(range(61, 101))


def test_every_rank_behind_can_be_used() -> None:
    """And where the oldest has the highest, older ones."""
    overlay = Overlay(None, order)
    overlay.fill([stored(0)])
    overlay.move({FIRST: LAST - 1})
    for place in range(1, 40):
        store(overlay, place)
    assert places(overlay) == list(range(40))


def test_room_is_known_before_it_is_needed() -> None:
    """A write that might not find ranks between the seeded documents is told before anything is changed."""
    overlay = Overlay(seeded(3), order)
    assert overlay.has_room(1_000)
    overlay.layout = Layout().with_gap(1, LAST - FIRST - 3 - GAP)
    overlay.ranks = overlay.layout.lay_out(seeded(3).ranks)
    assert not overlay.has_room(1)
    assert Overlay(None, order).has_room(10**9), "without seeded documents, no gap is ever opened"


def test_a_filled_collection_leaves_room() -> None:
    """Documents that are stored all at once stand a step apart, closer only if there are very many."""
    overlay = Overlay(None, order)
    overlay.fill(stored(place) for place in (30, 10, 20))
    assert list(overlay.ranks) == [FIRST, FIRST + STEP, FIRST + 2 * STEP]
    assert places(overlay) == [10, 20, 30]
