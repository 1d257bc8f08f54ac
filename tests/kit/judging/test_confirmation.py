"""What contradicts the list is believed when it shows again; a list that moves while it is read convicts nobody."""

from __future__ import annotations

from collections.abc import Callable, Container

import pytest

from contract_tests.judging.session import Session
from contract_tests.laws.layer import Laws
from contract_tests.outcome import Outcome, Row, Verdict
from contract_tests.planted.exercise import default_options, exercise
from tests.support.moving import Changing

pytestmark = pytest.mark.slow

SLUGS = ("instavm", "superserve")
"""Their answers are bare lists, so that a row that is missing contradicts other answers and not its own."""
EARLY = 12
"""A request among the first filtered ones."""

Damage = Callable[[int, bytes, list[Row]], list[Row]]


def loses_a_row(number: int, query: bytes, rows: list[Row]) -> list[Row]:
    """A filter that leaves out one row that matches."""
    return rows[1:] if b"metadata" in query and len(rows) > 1 else rows


def in_requests(numbers: Container[int]) -> Damage:
    return lambda number, query, rows: loses_a_row(number, query, rows) if number in numbers else rows


def judged(server: Changing, profile: str = "deep", **more: object) -> Session:
    """The laws alone, which are what confirms."""
    return exercise(server.slug, server, default_options(server.slug, profile=profile, **more), (Laws(),))


def broken(judgement: Session) -> list[Outcome]:
    return [each for each in judgement.outcomes if each.verdict is Verdict.BROKEN]


def usual(slug: str) -> int:
    """How many requests a correct server is asked that stands still."""
    server = Changing(slug)
    assert broken(judged(server)) == []
    return server.number


MOVES: dict[str, Callable[[int], Callable[[int], int]]] = {
    "never": lambda last: lambda number: 0,
    "at once": lambda last: lambda number: int(number > 2),
    "once, early": lambda last: lambda number: int(number > 30),
    "once, at the end": lambda last: lambda number: int(number > last - 6),
    "now and then": lambda last: lambda number: number // 17 % 5,
}


@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.parametrize("slug", SLUGS)
def test_a_row_that_is_always_missing_is_convicted(slug: str, moves: str) -> None:
    """However the list moves meanwhile: what is wrong between any two snapshots is wrong."""
    found = broken(judged(Changing(slug, MOVES[moves](usual(slug)), loses_a_row)))
    assert any("missing" in each.sentence for each in found)
    assert all(each.asks for each in found)


@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.parametrize("profile", ["default", "deep"])
@pytest.mark.parametrize("slug", SLUGS)
def test_a_list_that_moves_is_not_accused(slug: str, profile: str, moves: str) -> None:
    """The same movement without the mistake contradicts nothing that holds."""
    assert broken(judged(Changing(slug, MOVES[moves](usual(slug))), profile)) == []


@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.parametrize("slug", SLUGS)
def test_what_was_seen_once_is_excused(slug: str, moves: str) -> None:
    """One answer that contradicts the list may be the list that moved and moved back between two requests."""
    last = usual(slug)
    for number in (EARLY, last // 3, last // 2):
        server = Changing(slug, MOVES[moves](last), in_requests([number]))
        assert broken(judged(server)) == [], number


@pytest.mark.parametrize("slug", SLUGS)
def test_what_came_to_an_end_is_excused(slug: str) -> None:
    """A mistake that is gone when the run asks for the last time is not shown to anybody who looks into it."""
    last = usual(slug)
    for moves in ("never", "once, at the end"):
        server = Changing(slug, MOVES[moves](last), in_requests(range(last - 20)))
        assert broken(judged(server)) == []


@pytest.mark.parametrize("slug", SLUGS)
def test_what_comes_and_goes_is_convicted(slug: str) -> None:
    """A fault of every fifth answer shows more than once, though hardly ever when it is looked for; where it begins
    decides how many filtered answers have it, and of one run in five those may be too few."""
    runs = [broken(judged(Changing(slug, damage=in_requests(range(first, 10_000, 5))))) for first in range(5)]
    convicted = [found for found in runs if any("missing" in each.sentence for each in found)]
    assert len(convicted) >= len(runs) - 1


@pytest.mark.parametrize("slug", SLUGS)
def test_a_polite_run_keeps_its_budget_whatever_moves(slug: str) -> None:
    """Looking again is paid from the same 25 requests; what they do not settle is not claimed."""
    server = Changing(slug, lambda number: number // 4)
    judgement = judged(server, "polite")
    assert server.number == judgement.check.transport.sent <= 25
    assert broken(judgement) == []


@pytest.mark.parametrize(("moves", "convicted"), [("never", True), ("at once", False)])
@pytest.mark.parametrize("slug", SLUGS)
def test_a_list_that_can_no_longer_be_read(slug: str, moves: str, convicted: bool) -> None:
    """What it contradicted while it stood still is believed without a last look at it; if it moved, nothing is."""

    def refuses(number: int, query: bytes) -> bool:
        return number > EARLY and b"metadata" not in query

    server = Changing(slug, MOVES[moves](usual(slug)), loses_a_row, refuses)
    assert any("missing" in each.sentence for each in broken(judged(server))) is convicted


@pytest.mark.parametrize("slug", SLUGS)
def test_fail_fast_ends_with_the_first_conviction(slug: str) -> None:
    """One broken promise is enough for somebody who only wants to know whether there is one."""
    whole = judged(Changing(slug, damage=loses_a_row))
    first = judged(Changing(slug, damage=loses_a_row), fail_fast=True)
    assert len(broken(first)) == 1
    assert first.check.transport.sent < whole.check.transport.sent / 2
