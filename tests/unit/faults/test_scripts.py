"""Fault rules and counted faults: which request gets an effect, and what is kept of it."""

from __future__ import annotations

from typing import Any

import pytest

from fakeserver.faults.scripts import MAX_COUNTED, Effect, FaultRule, Faults

CREDENTIAL = "prime listSandboxes ['prime-admin-key'] code=503"


def rule(name: str = "one", **more: Any) -> FaultRule:
    return FaultRule(name, "prime", {"listSandboxes": Effect(name, 503)}, {}, **more)


def faults(*rules: FaultRule) -> Faults:
    made = Faults(seed=0)
    for each in rules:
        made.add(each)
    return made


def match(made: Faults, query: bytes = b"", caller: str | None = "admin", operation: str = "listSandboxes") -> str:
    found = made.match("prime", operation, caller, query)
    return "" if found is None else found.effects[operation].label


def test_the_first_rule_that_is_not_spent_has_the_effect() -> None:
    """Both count the requests that they are about up to the one that acts."""
    made = faults(rule("one", times=1), rule("two", after=1))
    assert [match(made) for _ in range(3)] == ["one", "", "two"]
    assert [(each.matched, each.hits) for each in made.rules.values()] == [(3, 1), (2, 1)]


@pytest.mark.parametrize(
    ("query", "hit"),
    [
        (b"page=2&status=RUNNING", True),
        (b"status=RUNNING&page=1&page=2", True),
        (b"page=2&page=1&status=RUNNING", False),
        (b"page=2", False),
        (b"p%61ge=2&status=RUNNING", True),
        (b"", False),
    ],
)
def test_a_query_is_compared_as_it_is_understood(query: bytes, hit: bool) -> None:
    """Percent-decoded, and by the last value of a parameter."""
    made = faults(rule(query={"page": "2", "status": "RUNNING"}))
    assert bool(match(made, query)) is hit


def test_a_rule_is_about_one_caller_and_operation() -> None:
    made = faults(rule(caller="member"))
    assert match(made, caller="member", operation="getSandbox") == ""
    assert match(made, caller=None) == ""
    assert match(made, caller="member") == "one"
    assert made.rules["one"].matched == 1


def test_a_request_is_admitted_so_many_times_after_so_many_others() -> None:
    made = faults()
    assert [made.admit("key", 2, 1) for _ in range(5)] == [False, True, True, False, False]
    assert [made.admit("other", None, 1) for _ in range(3)] == [False, True, True]


def test_a_fault_without_a_count_is_not_remembered() -> None:
    """It happens every time, so there is nothing to count."""
    made = faults()
    assert made.admit(CREDENTIAL, None, 0)
    assert not made.changed


def test_no_credential_is_kept() -> None:
    """The counters go into snapshots, which somebody may pass on."""
    made = faults()
    made.admit(CREDENTIAL, 2, 0)
    assert made.changed
    assert "admin-key" not in str(vars(made))
    assert list(made.counters.values()) == [1]


def test_counters_are_bounded() -> None:
    """The one that was asked for longest ago makes room; one that was just asked for again stays."""
    made = faults()
    made.admit("first", 2, 0)
    for number in range(MAX_COUNTED - 1):
        made.admit(str(number), 1, 0)
    assert made.admit("first", 2, 0)
    made.admit("one more", 1, 0)
    assert len(made.counters) == MAX_COUNTED
    assert not made.admit("first", 2, 0)
    assert made.admit("0", 1, 0)
