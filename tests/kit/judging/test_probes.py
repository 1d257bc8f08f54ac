"""A profile leaves probes out that were planned; what nobody has planned is sent."""

from __future__ import annotations

import pytest

from contract_tests.judging.probes import Plan, Shares
from contract_tests.laws import LAWS, OURS
from contract_tests.laws.plan import CALLERS, read_plan

PLAN = Plan(frozenset({"a.kept", "a.dropped"}), frozenset({"a.kept:one"}))


@pytest.mark.parametrize(
    ("law", "probe", "wants", "some"),
    [
        ("a.kept", "one", True, True),
        ("a.kept", "two", False, True),
        ("a.dropped", "one", False, False),
        ("ours.names", "one", True, True),
    ],
)
def test_a_planned_law_sends_what_there_is_room_for(law: str, probe: str, wants: bool, some: bool) -> None:
    """A law of a team sends all it has."""
    assert (PLAN.wants(law, probe), PLAN.wants_some(law)) == (wants, some)


def test_our_own_laws_are_those_that_are_planned() -> None:
    """In the profiles that have a plan; the deep one sends everything."""
    plan = read_plan("prime", "default")
    assert plan is not None
    assert plan.laws == OURS - CALLERS  # Those are asked whenever their token is given.
    assert set(LAWS) >= OURS
    assert {name.partition(":")[0] for name in plan.probes} <= OURS
    assert read_plan("prime", "deep") is None


def begun(room: int, laws: dict[str, int]) -> list[list[str]]:
    """By round: the probes that laws begin, each at the price of one request, that all want to send so many."""
    sent = 0
    shares = Shares(lambda: sent)
    rounds: list[list[str]] = []
    names = list(laws)
    while names and sent < room:
        shares.new_round()
        rounds.append([])
        for index, law in enumerate(names):
            shares.allot((room - sent) // (len(names) - index))
            for number in range(laws[law]):
                if shares.wants(law, str(number)):
                    assert shares.wants(law, str(number))
                    rounds[-1].append(f"{law}{number}")
                    sent += 1
        names = list(shares.held_back)
    return rounds


def test_laws_share_the_room_that_nobody_has_planned() -> None:
    """No law takes the room of those behind it; what is left over goes to those that had too little."""
    assert begun(6, {"a": 9, "b": 1, "c": 9}) == [["a0", "a1", "b0", "c0", "c1", "c2"]]
    assert begun(8, {"a": 4, "b": 1, "c": 1}) == [["a0", "a1", "b0", "c0"], ["a2", "a3"]]
    assert begun(100, {"a": 4, "b": 0}) == [["a0", "a1", "a2", "a3"]]


def test_every_law_begins_a_probe_in_every_round() -> None:
    """Even without room, so that a round never leaves things as they are."""
    shares = Shares(lambda: 5)
    for number in range(3):
        shares.new_round()
        shares.allot(0)
        assert shares.wants_some("a")
        assert [shares.wants("a", str(probe)) for probe in range(3)] == [probe == number for probe in range(3)]
        assert not shares.wants_some("a")
        assert list(shares.held_back) == ["a"]
