"""A value of a recipe and where it stands: read as what it should be, or refused with its place and the cause."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from fakeserver.recipes.located import MAX_DEPTH, MAX_SHOWN, MAX_TEXT, FixtureError, Located, kind

KNOWN = ("red", "green")
WORDS = ("people", "projects")


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(FixtureError) as caught:
        read()
    return str(caught.value)


def test_a_place_is_a_path_of_names_and_indexes() -> None:
    """Members behind a dot, entries in brackets; at the top nothing stands in front."""
    top = Located({"tenants": {"main": [{"share": 1}]}})
    share = top.members()["tenants"].members()["main"].entries()[0].members()["share"]
    assert (share.where, share.value) == ("tenants.main[0].share", 1)
    assert str(share.wrong("is too small")) == "tenants.main[0].share: is too small"
    assert str(top.wrong("is too small")) == "is too small"


def test_members_that_are_known() -> None:
    node = Located({"red": 1}, "colours")
    assert [*node.members(KNOWN)] == ["red"]
    assert [*node.members()] == ["red"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([1], "colours: must be a mapping, not a list"),
        (None, "colours: must be a mapping, not empty"),
        ({7: 1}, "colours: the key 7 must be text: quote it"),
        ({"": 1}, "colours: the key '' must be text: quote it"),
        ({"re\nd": 1}, "colours: the key 're\\nd' must be text: quote it"),
        ({"green": 1, "rde": 1}, "colours: unknown key 'rde'; did you mean 'red'?"),
        ({"red": 1, "violet": 1}, "colours: unknown key 'violet'; known are red, green"),
        ({"red": 1}, "colours: the key 'green' is missing"),
    ],
)
def test_members_that_are_not(value: object, says: str) -> None:
    assert refusal(lambda: Located(value, "colours").members(KNOWN, needed=KNOWN)) == says


@pytest.mark.parametrize("value", [[], {}, None, "red", {"red": 1}])
def test_entries_are_those_of_a_list_with_something_in_it(value: object) -> None:
    assert [entry.where for entry in Located([1, 2], "ports").entries()] == ["ports[0]", "ports[1]"]
    assert refusal(lambda: Located(value, "ports").entries()).startswith("ports: must be a list with something in it")


@pytest.mark.parametrize("value", ["", 7, None, ["a"], "a\nb", "a" * (MAX_TEXT + 1)])
def test_text_is_printable_and_bounded(value: object) -> None:
    assert Located("a" * MAX_TEXT).text() == "a" * MAX_TEXT
    assert refusal(lambda: Located(value, "name").text()).startswith("name: must be text, not ")


@pytest.mark.parametrize("value", [-1, 11, 2.0, True, "5", None])
def test_integers_lie_within_their_bounds(value: object) -> None:
    assert [Located(number).integer(0, 10) for number in (0, 10)] == [0, 10]
    says = refusal(lambda: Located(value, "share").integer(0, 10))
    assert says == f"share: must be a whole number from 0 to 10, not {kind(value)}"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("gren", "'gren' does not exist; did you mean 'green'?"),
        (7, "7 does not exist; known are red, green"),
        (["red"], "['red'] does not exist; did you mean 'red'?"),
    ],
)
def test_one_of_what_is_known(value: object, says: str) -> None:
    assert Located("red").one_of(KNOWN) == "red"
    assert refusal(lambda: Located(value).one_of(KNOWN)) == says


@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, 2**53, "", "{people}", ["{projects.key}", {"a": None}], nested(MAX_DEPTH)]
)
def test_what_an_answer_can_carry(value: object) -> None:
    """Comes through as it is, with its placeholders."""
    assert Located(value).json(WORDS) == value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("inf"), "row: is too large a number"),
        (float("nan"), "row: is too large a number"),
        (2**53 + 1, "row: is too large a number"),
        ([{"a": -(2**54)}], "row[0].a: is too large a number"),
        ({"when": datetime.date(2026, 1, 1)}, "row.when: is a date, which JSON does not have: quote it"),
        ({"people": None}, 'row: is a mapping; a placeholder must be quoted: "{people}"'),
        ([{"unique": None}], 'row[0]: is a mapping; a placeholder must be quoted: "{unique}"'),
        ({1: "a"}, "row: the key 1 must be text: quote it"),
        (["\ud800"], "row[0]: holds half a character"),
        (nested(MAX_DEPTH + 1), f"row{'[0]' * (MAX_DEPTH + 1)}: is nested deeper than {MAX_DEPTH}"),
    ],
)
def test_what_no_answer_can_carry(value: object, says: str) -> None:
    assert refusal(lambda: Located(value, "row").json(WORDS)) == says


def test_a_literal_value_has_no_placeholders() -> None:
    """Of a vocabulary that exists; other braces stand for themselves."""
    for value in ("{people}", "x {projects.key}", "{unique}"):
        says = refusal(lambda value=value: Located([value], "set").json(WORDS, literal=True))  # type: ignore[misc]
        assert says.startswith("set[0]: placeholders such as {")
    assert Located("{nobody}").json(WORDS, literal=True) == "{nobody}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "empty"),
        ("", "empty"),
        ([], "empty"),
        ({}, "empty"),
        (False, "False"),
        (0, "0"),
        ("red", "'red'"),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        (datetime.date(2026, 1, 1), "a date"),
    ],
)
def test_what_a_value_is_called(value: object, words: str) -> None:
    assert kind(value) == words


def test_of_a_long_value_a_message_repeats_the_beginning() -> None:
    assert len(kind("a" * 1_000)) == MAX_SHOWN
