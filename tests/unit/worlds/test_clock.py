"""The clock by itself, on a machine whose time stands still until a test moves it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fakeserver.admin.part import Part
from fakeserver.instants import SECOND
from fakeserver.problems import FakeProblem
from fakeserver.worlds.clock import MAX_FACTOR, STEP, Clock

EPOCH = 1_768_732_200 * SECOND


class Machine:
    """Microseconds of real time."""

    def __init__(self) -> None:
        self.passed = 77

    def __call__(self) -> int:
        return self.passed


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> Clock:
    return Clock(EPOCH, machine)


MOVES: dict[str, Callable[[Clock], None]] = {
    "freeze": lambda clock: clock.freeze(),
    "advance": lambda clock: clock.advance(SECOND),
    "set": lambda clock: clock.set(EPOCH + SECOND),
    "scale": lambda clock: clock.scale(2.0),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_move_changes_the_clock_and_a_reset_undoes_it(clock: Clock, machine: Machine, move: str) -> None:
    machine.passed += 5 * SECOND
    assert not clock.changed
    MOVES[move](clock)
    assert clock.changed
    clock.reset()
    assert not clock.changed
    assert (clock.now, clock.aged) == (EPOCH, 0)


def test_real_time_passes_without_ageing(clock: Clock, machine: Machine) -> None:
    """Only what somebody adds makes seeded documents older: jumps, and all time under a scaled clock."""
    machine.passed += 10 * SECOND
    assert (clock.now - EPOCH, clock.aged) == (10 * SECOND, 0)
    clock.advance(SECOND)
    assert (clock.now - EPOCH, clock.aged) == (11 * SECOND, SECOND)
    clock.scale(3.0)
    machine.passed += 2 * SECOND
    assert (clock.now - EPOCH, clock.aged) == (17 * SECOND, 7 * SECOND)
    clock.scale(1.0)
    machine.passed += 100 * SECOND
    assert (clock.now - EPOCH, clock.aged) == (117 * SECOND, 7 * SECOND)


def test_a_set_clock_has_the_age_of_its_instant(clock: Clock, machine: Machine) -> None:
    """However much real time went by before."""
    machine.passed += 10 * SECOND
    clock.set(EPOCH + SECOND)
    assert (clock.now - EPOCH, clock.aged) == (SECOND, SECOND)
    clock.set(EPOCH)
    assert (clock.aged, clock.changed) == (0, False)


def test_a_frozen_clock_can_jump_and_thaws_with_its_pace(clock: Clock, machine: Machine) -> None:
    clock.freeze(EPOCH + 5 * SECOND)
    machine.passed += SECOND
    clock.advance(SECOND)
    assert clock.frozen
    assert clock.now - EPOCH == clock.aged == 6 * SECOND
    clock.scale(1.0)
    machine.passed += SECOND
    assert (clock.now - EPOCH, clock.aged, clock.frozen) == (7 * SECOND, 6 * SECOND, False)


@pytest.mark.parametrize("factor", [0.5, 2.0, 3_600.0])
def test_age_comes_in_steps_under_a_scaled_clock(clock: Clock, machine: Machine, factor: float) -> None:
    """One step is a tenth of a real second, so that not every request finds every document older."""
    clock.scale(factor)
    views = set()
    for _ in range(100):
        machine.passed += SECOND // 100
        views.add(clock.stepped)
        assert 0 <= clock.aged - clock.stepped < STEP * factor
    assert len(views) == 11


def test_age_is_exact_under_any_other_clock(clock: Clock, machine: Machine) -> None:
    clock.advance(1)
    assert clock.stepped == clock.aged == 1
    clock.scale(3_600.0)
    machine.passed += 1
    clock.freeze()
    assert clock.stepped == clock.aged == 3_601


@pytest.mark.parametrize(
    ("move", "field"),
    [
        (lambda clock: clock.advance(-1), "seconds"),
        (lambda clock: clock.advance(10**18), "seconds"),
        (lambda clock: clock.set(10**18), "instant"),
        (lambda clock: clock.set(EPOCH - 1), "instant"),
        (lambda clock: clock.freeze(EPOCH - 1), "instant"),
        (lambda clock: clock.scale(0), "factor"),
        (lambda clock: clock.scale(MAX_FACTOR * 2), "factor"),
    ],
)
def test_a_move_that_is_refused_changes_nothing(
    clock: Clock, machine: Machine, move: Callable[[Clock], None], field: str
) -> None:
    machine.passed += SECOND
    with pytest.raises(FakeProblem) as refusal:
        move(clock)
    assert refusal.value.body["field"] == field
    machine.passed += SECOND
    assert (clock.now - EPOCH, clock.aged, clock.changed) == (2 * SECOND, 0, False)


def test_a_restored_clock_goes_on_where_it_was(clock: Clock, machine: Machine) -> None:
    clock.scale(2.0)
    machine.passed += 3 * SECOND
    other = Clock(EPOCH, machine)
    other.load(Part(clock.dump()))
    machine.passed += SECOND
    assert other.dump() == clock.dump()
    assert (other.aged, other.now - EPOCH) == (8 * SECOND, 8 * SECOND)
