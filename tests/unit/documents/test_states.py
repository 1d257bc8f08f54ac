"""Tables of states: events, passing states, outcomes, and what happens by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.documents.states import (
    ABSENT,
    GONE,
    HELD,
    OUTCOME,
    SINCE,
    STATE,
    Life,
    Machine,
    Moment,
    Transition,
    on_clock,
)
from fakeserver.instants import SECOND, at
from fakeserver.problems import Problem

START = 1_768_732_200_000_000
"""2026-01-18T10:30:00Z."""


def started(moment: Moment) -> dict[str, Any]:
    return {"started": at(moment.now), "note": ABSENT}


def end(document: dict[str, Any], kept: dict[str, Any], since: int) -> int | None:
    return on_clock(document["started"], kept) + 60 * SECOND if "started" in document else None


def spend(document: dict[str, Any], then: int, now: int) -> dict[str, Any]:
    return {**document, "spent": document["spent"] + now - then}


TABLE = Machine(
    "state",
    (
        Transition("placed", ("new",), "booting", seconds=5),
        Transition("booted", ("booting",), "running", started, seconds=10),
        Transition("broken", ("booting",), "failed", seconds=10, outcome="boot_failed"),
        Transition("pause", ("running",), "pausing", keeps=lambda moment: {"by": moment.given.get("by", "nobody")}),
        Transition("paused", ("pausing",), "paused", seconds=2),
        Transition("stays", ("pausing",), "running", seconds=2, outcome="pause_failed"),
        Transition("pause", ("running",), "failed", outcome="lost"),
        Transition("time out", ("running",), "ended", due=end),
        Transition("delete", ("new", "booting", "running", "pausing", "paused", "failed", "ended"), GONE),
    ),
    shown={"pausing": "running"},
    meters={"running": spend},
    facts={"by": str},
)
NEW = Life({"state": "new", "note": "x", "spent": 0}, {})


def running() -> Life:
    life = TABLE.settle(NEW, START)
    assert life is not None
    return life


def test_passing_states_pass_at_once_or_as_time_does() -> None:
    settled = running()
    assert settled.document == {"state": "running", "started": at(START), "spent": 0}
    seconds = (4.999999, 5, 14.999999, 15)
    lives = [TABLE.live(NEW, START, START + round(second * SECOND)) for second in seconds]
    assert [life and life.document["state"] for life in lives] == ["new", "booting", "booting", "running"]
    assert lives[0] is NEW
    assert lives[3] is not None
    assert lives[3].document["started"] == at(START + 15 * SECOND)


def test_what_was_held_waits_for_somebody() -> None:
    held = TABLE.under("manual", NEW, START)
    assert held is not None
    assert TABLE.live(held, START, START + 999 * SECOND) == held
    booting = TABLE.release(held, START)
    assert booting is not None
    assert (booting.document["state"], booting.kept[HELD]) == ("booting", True)
    assert TABLE.live(booting, START, START + 999 * SECOND) == booting
    timed = TABLE.under("clock", booting, START)
    assert timed is not None
    free = TABLE.live(timed, START, START + 10 * SECOND)
    assert free is not None
    assert free.document["state"] == "running"


def test_an_event_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    life = running()
    before = (dict(life.document), dict(life.kept))
    paused = TABLE.fire(life, "pause", START)
    assert paused is not None
    with pytest.raises(Problem, match="Cannot pause while pausing"):
        TABLE.fire(paused, "pause", START)
    with pytest.raises(Problem, match="Cannot pause while new"):
        TABLE.fire(NEW, "pause", START)
    assert (life.document, life.kept) == before


def test_a_state_without_a_word_is_kept_beside() -> None:
    paused = TABLE.fire(running(), "pause", START, given={"by": "me"})
    assert paused is not None
    assert (paused.document["state"], paused.kept) == ("running", {SINCE: START, STATE: "pausing", "by": "me"})
    after = TABLE.live(paused, START, START + 2 * SECOND)
    assert after is not None
    assert (after.document["state"], after.kept) == ("paused", {SINCE: START + 2 * SECOND, "by": "me"})


@pytest.mark.parametrize(("outcome", "state"), [("pause_failed", "running"), ("", "paused"), ("boot_failed", "paused")])
def test_an_outcome_comes_about_where_the_passing_state_ends(outcome: str, state: str) -> None:
    """What the way cannot turn out to be is forgotten, so that nothing later does."""
    fired = TABLE.fire(running(), "pause", START, outcome)
    assert fired is not None
    after = TABLE.settle(fired, START)
    assert after is not None
    assert (TABLE.state_of(after), OUTCOME in after.kept) == (state, False)


def test_an_outcome_of_the_event_itself() -> None:
    fired = TABLE.fire(running(), "pause", START, "lost")
    assert fired is not None
    assert TABLE.state_of(fired) == "failed"
    assert TABLE.fire(fired, "delete", START) is None


def test_what_happens_by_itself_happens_at_its_instant_and_is_paid_for() -> None:
    life = running()
    for seconds, state, spent in ((59.5, "running", 59.5), (60, "ended", 60), (600, "ended", 60)):
        after = TABLE.live(life, START, START + round(seconds * SECOND))
        assert after is not None
        assert (after.document["state"], after.document["spent"]) == (state, spent * SECOND)
    behind = Life(life.document, {**life.kept, "behind": 100 * SECOND})
    after = TABLE.live(behind, START, START + 159 * SECOND)
    assert after is not None
    assert after.document["state"] == "running"


@given(st.lists(st.integers(0, 100 * SECOND), min_size=1, max_size=6))
def test_time_in_pieces_is_time_at_once(steps: list[int]) -> None:
    """Whoever looks in between changes nothing."""
    life, now = TABLE.put_on_clock(NEW, START, 0), START
    for step in steps:
        looked = TABLE.live(life, now, now + step)
        assert looked is not None
        life, now = looked, now + step
    assert life.document == (TABLE.live(NEW, START, now) or life).document


@given(st.integers(0, 200 * SECOND))
def test_dues_are_all_instants_at_which_something_happens(later: int) -> None:
    dues = [*TABLE.dues(NEW, START)]
    assert dues == [START + seconds * SECOND for seconds in (5, 15, 75)]
    states = [
        (TABLE.live(NEW, START, instant) or NEW).document["state"] for instant in (START + later, START + later + 1)
    ]
    assert (states[0] != states[1]) == (START + later + 1 in dues)


def test_what_is_kept_is_held_against_the_table() -> None:
    sound = {SINCE: START, STATE: "pausing", HELD: True, OUTCOME: "lost", "by": "me", "behind": 0}
    assert TABLE.object_to(sound) is None
    wrong = {SINCE: -1, STATE: "no", HELD: 1, OUTCOME: "no", "by": 1, "behind": 1.5, "other": 1}
    assert {TABLE.object_to({**sound, name: value}) for name, value in wrong.items()} == set(wrong)


def test_the_table_is_read_by_others() -> None:
    assert TABLE.states == ("new", "booting", "running", "failed", "pausing", "paused", "ended")
    assert TABLE.outcomes == ("boot_failed", "pause_failed", "lost")
    assert TABLE.moving == {"new", "booting", "running"}
