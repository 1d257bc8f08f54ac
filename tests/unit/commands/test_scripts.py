"""Scripted commands: which orders a script answers, and with what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakeserver.admin.part import Part
from fakeserver.commands.guests import Guests
from fakeserver.commands.scripts import MAX_COMPARED, MAX_DELAY_MS, MAX_TEXT, Script, Scripts, read_script
from fakeserver.interpreter.orders import Finished, Order
from fakeserver.problems import FakeProblem

ROW: dict[str, Any] = {
    "pattern": "pytest*",
    "stdout": "a",
    "stderr": "b",
    "exit_code": 1,
    "delay_ms": 0.5,
    "provider": "prime",
    "times": 2,
    "hits": 1,
}


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("pytest*", "pytest", True),
        ("pytest*", "pytest -q tests", True),
        ("pytest*", "  pytest -q\n", True),
        ("pytest*", "cd /app && pytest", False),
        ("*pytest*", "cd /app && pytest", True),
        ("pytest*", "pytest\n-q", True),
        ("pytest", "pytest -q", False),
        ("PYTEST*", "pytest", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("[ab]c", "bc", True),
        ("[!ab]c", "bc", False),
        ("a.c", "abc", False),
        ("(", "(", True),
        ("*", "", True),
    ],
)
def test_a_pattern_is_about_the_whole_command(pattern: str, text: str, fits: bool) -> None:
    assert ([*Scripts([Script(pattern)]).matching("prime", Order(text))] != []) == fits


def test_a_pattern_of_many_stars_takes_no_time_over_a_long_command() -> None:
    """The expression that it becomes does not go back."""
    assert [*Scripts([Script("*a" * 400 + "b")]).matching("prime", Order("a" * 20_000))] == []


def test_of_a_long_command_the_beginning_is_compared() -> None:
    text = "echo " + "x" * MAX_COMPARED
    assert [*Scripts([Script("echo *")]).matching("prime", Order(f"{text}y"))] != []
    assert [*Scripts([Script("*y")]).matching("prime", Order(f"{text}y"))] == []


def test_the_first_that_matches_answers() -> None:
    guests = Guests()
    rows = [Script("pytest -q", provider="instavm"), Script("pytest*"), Script("*")]
    guests.script(rows)
    assert guests.find("prime", Order("pytest -q")) is rows[1]
    assert [each.hits for each in rows] == [0, 1, 0]


def test_a_script_of_one_provider_is_nobody_elses() -> None:
    guests = Guests()
    guests.script([Script("a", provider="prime")])
    assert guests.find("instavm", Order("a")) is None
    assert guests.find("prime", Order("a")) is not None


def test_a_script_that_is_spent_leaves_it_to_the_next() -> None:
    guests, rows = Guests(), [Script("a", times=2), Script("a")]
    guests.script(rows)
    assert [guests.find("prime", Order("a")) for _ in range(3)] == [rows[0], rows[0], rows[1]]
    assert [each.hits for each in rows] == [2, 1]


def test_a_script_says_what_the_command_comes_to() -> None:
    finished = Script("a", "out", "err", 3, 1_500).finish(Order("a"))
    assert finished == Finished(3, b"out", b"err", 1.5, answered_by="script")


def test_a_command_that_is_given_less_time_times_out() -> None:
    finished = Script("a", "out", delay_ms=1_500).finish(Order("a", seconds=1))
    assert finished == Finished(124, seconds=1, timed_out=True, answered_by="script")
    assert Script("a", "out", delay_ms=1_000).finish(Order("a", seconds=1)).exit_code == 0


def test_a_row_is_read_as_it_was_written() -> None:
    script = read_script(Part(ROW, "guests"), {"prime": None})
    assert json.loads(json.dumps(script.row())) == ROW


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("pattern", None),
        ("pattern", "x" * 1_001),
        ("stdout", "x" * (MAX_TEXT + 1)),
        ("stderr", 1),
        ("exit_code", 256),
        ("exit_code", -1),
        ("exit_code", True),
        ("delay_ms", -1),
        ("delay_ms", MAX_DELAY_MS + 1),
        ("provider", "nobody"),
        ("times", 0),
        ("times", "2"),
        ("hits", -1),
        ("more", 1),
    ],
)
def test_a_row_that_is_wrong_is_refused_by_the_name_of_its_member(member: str, value: Any) -> None:
    with pytest.raises(FakeProblem) as caught:
        read_script(Part({**ROW, member: value}, "guests"), {"prime": None})
    assert caught.value.body["field"] == f"guests.{member}"


def test_a_script_may_say_much() -> None:
    said = {**ROW, "stdout": "x" * MAX_TEXT, "times": None, "provider": None}
    assert read_script(Part(said), {}).row() == said
