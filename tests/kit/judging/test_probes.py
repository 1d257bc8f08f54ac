"""A profile leaves probes out that were planned; what nobody has planned is sent."""

from __future__ import annotations

import pytest

from contract_tests.judging.probes import Plan
from contract_tests.laws import LAWS, OURS
from contract_tests.laws.plan import read_plan

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
    assert plan.laws == OURS <= set(LAWS)
    assert {name.partition(":")[0] for name in plan.probes} <= OURS
    assert read_plan("prime", "deep") is None
