"""What several processes count together of one world."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fakeserver.admin.part import Part
from fakeserver.instants import SECOND
from fakeserver.listing.limit import Limit
from fakeserver.worlds import shared
from fakeserver.worlds.entries import Exchange, Particulars
from fakeserver.worlds.rate_limits import meters_of
from fakeserver.worlds.shared import Fresh, SharedJournal, SharedLimits, counted, share_out, told

WINDOW = Limit("window", 10, 60, ("caller",))
BUCKET = Limit("bucket", 10, 10, ("caller",), bucket=True)
KNOWN = {("prime", each.name): each for each in (WINDOW, BUCKET)}


def exchange(instant: int) -> Exchange:
    return Exchange(instant, Particulars("prime", "GET", f"/{instant}", b"", None, None, None, 200, None, None))


def test_a_journal_tells_in_order_what_is_then_seen_by_all() -> None:
    """In parts, and what could not be told is told the next time; nothing counts twice among the metrics."""
    one, other = SharedJournal(), SharedJournal()
    for instant in range(5):
        one.add(exchange(instant))
    first = one.take(2)
    one.give_back(first)
    assert first == Fresh([exchange(0), exchange(1)])
    entries = told(one.take(2), 0) + told(one.take(9), 2)
    assert one.fresh == 0
    assert sum(one.count().requests.values()) == 5
    for journal in (one, other):
        journal.merge(5, entries, Part)
        assert [(entry.number, entry.instant) for entry in journal.entries()] == [(5 - n, 4 - n) for n in range(5)]
    assert not other.count().requests


def test_a_journal_that_nobody_asks_for_stays_bounded() -> None:
    journal = SharedJournal()
    for instant in range(shared.MAX_SHARED_ENTRIES + 3):
        journal.add(exchange(instant))
    assert journal.fresh == shared.MAX_SHARED_ENTRIES
    assert sum(journal.count().requests.values()) == shared.MAX_SHARED_ENTRIES + 3
    taken = journal.take(1)
    assert (taken.lost, taken.exchanges[0].instant) == (3, 3)
    assert [number for number, _ in told(taken, 10)] == [14], "those that made room have had numbers"
    assert journal.take(1).lost == 0
    journal.clear()
    assert journal.take(9) == Fresh([])


def test_what_is_told_at_a_time_pushes_none_of_it_out() -> None:
    journal = SharedJournal(2)
    for instant in range(5):
        journal.add(exchange(instant))
    assert journal.take(4) == Fresh([exchange(2), exchange(3)], 2)
    assert journal.take(4) == Fresh([exchange(4)])


@given(st.lists(st.integers(1, 60), max_size=12), st.integers(1, 200))
def test_nothing_short_waits_for_what_is_long(waiting: list[int], most: int) -> None:
    found = share_out(dict(enumerate(waiting)), most)
    assert found.keys() == {*range(len(waiting))}
    assert sum(found.values()) <= max(most, len(waiting))
    waits = [place for place, number in found.items() if number < waiting[place]]
    assert all(found[place] + 1 >= max(found.values()) for place in waits), "as much as any other has"
    assert not waits or sum(found.values()) >= min(most, sum(waiting)), "and no turn is wasted"


def test_what_came_to_nothing_is_not_lost() -> None:
    journal = SharedJournal()
    journal.batch = []
    journal.add(exchange(1))
    journal.forget_batch()
    journal.add(exchange(2))
    assert journal.take(9) == Fresh([exchange(2)])


def test_a_journal_overflows_where_half_of_it_comes_at_a_time() -> None:
    """Not for what came before, nor in another world's place."""
    journal, half = SharedJournal(), shared.MAX_SHARED_ENTRIES // 2
    for number, overflows in ((half, False), (half + 1, True), (1, False)):
        for instant in range(number):
            journal.add(exchange(instant))
        renewed = SharedJournal()
        renewed.inherit(journal)
        assert journal.overflows() is renewed.overflows() is overflows


def test_what_a_full_journal_could_not_tell_is_what_it_has_no_room_for() -> None:
    journal = SharedJournal()
    for instant in range(2):
        journal.add(exchange(instant))
    taken = journal.take(9)
    for instant in range(2, shared.MAX_SHARED_ENTRIES + 2):
        journal.add(exchange(instant))
    journal.give_back(taken)
    assert journal.fresh == shared.MAX_SHARED_ENTRIES
    again = journal.take(1)
    assert (again.lost, again.exchanges[0].instant) == (2, 2)
    assert sum(journal.count().requests.values()) == shared.MAX_SHARED_ENTRIES + 2, "all are counted, and once"


def test_what_is_polled_is_told_in_the_words_of_any_other_request() -> None:
    """Alike but for the instant, or for anything else, and in turns."""
    polled = Particulars("prime", "GET", "/a", b"page=2", None, "me", {"page": 2}, 200, None, None)
    several = [
        Exchange(instant, replace(polled, status=200 + instant % 3, caller="you" if instant == 7 else "me"))
        for instant in range(9)
    ]
    several += [Exchange(instant, polled) for instant in (9, 10)]
    alone = [entry for number, each in enumerate(several) for entry in told(Fresh([each]), number)]
    assert told(Fresh(several), 0) == alone
    assert len({entry for _, entry in alone}) == len(several)


def test_who_takes_the_place_of_another_tells_what_that_had_to_tell() -> None:
    old, new, emptied = SharedJournal(), SharedJournal(), SharedJournal()
    old.merge(3, told(Fresh([exchange(instant) for instant in range(3)]), 0), Part)
    new.merge(4, told(Fresh([exchange(instant) for instant in range(4)]), 0), Part)
    old.add(exchange(9))
    emptied.inherit(old)
    assert emptied.fresh == 0
    new.inherit(old)
    assert sum(new.count().requests.values()) == 1
    assert [each.instant for each in new.take(9).exchanges] == [9]

    key, now = ("prime", "window", "me"), 1_000 * SECOND
    used, renewed = SharedLimits(), SharedLimits()
    renewed.counters[key] = 5.0, now
    used.take(meters_of("prime", [WINDOW], "default", "", "me", ""), now, enforced=True)
    renewed.inherit(used)
    assert renewed.counters[key] == (6.0, now)
    assert renewed.take_fresh() == {key: (1, (6.0, now))}


def test_what_processes_used_of_limits_adds_up() -> None:
    """A window that two began is the one that was told first; a bucket is paid back for the time in between."""
    key, now = ("prime", "window", "me"), 1_000 * SECOND
    one, other = SharedLimits(), SharedLimits()
    for limits, times in ((one, 4), (other, 3)):
        for _ in range(times):
            limits.take(meters_of("prime", [WINDOW], "default", "", "me", ""), now, enforced=True)
    kept = counted(KNOWN, {}, one.take_fresh())
    kept = counted(KNOWN, kept, other.take_fresh())
    assert kept == {key: (7.0, now)}
    other.adopt(kept)
    assert other.counters == kept
    assert not other.has_fresh
    later = counted(KNOWN, kept, {key: (1, (1.0, now + 61 * SECOND))})
    assert later == {key: (1.0, now + 61 * SECOND)}
    paid = counted(
        KNOWN, {("prime", "bucket", "me"): (6.0, now)}, {("prime", "bucket", "me"): (1, (1.0, now + 2 * SECOND))}
    )
    assert paid == {("prime", "bucket", "me"): (5.0, now + 2 * SECOND)}
