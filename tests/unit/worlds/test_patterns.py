"""Request patterns on single entries, and the work that they are."""

from __future__ import annotations

from typing import Any

import pytest

from fakeserver.admin.contract import contract
from fakeserver.worlds.entries import Entry
from fakeserver.worlds.expressions import compile_expression
from fakeserver.worlds.patterns import read_pattern

ENTRY = Entry(
    1,
    0,
    "GET",
    "/prime/api/v1/sandbox",
    "labels=Prod&labels=gpu&q=a%20b+c&empty=&page=2",
    200,
    provider="prime",
    operation="listSandboxes",
)


def matches(pattern: dict[str, Any]) -> bool:
    return read_pattern(pattern).matches(ENTRY)


def parameter(name: str, **operators: Any) -> bool:
    return matches({"queryParameters": {name: operators}})


FIELDS: list[tuple[str, Any, Any]] = [
    ("method", "GET", "POST"),
    ("method", "ANY", "get"),
    ("url", f"{ENTRY.path}?{ENTRY.query}", ENTRY.path),
    ("urlPath", ENTRY.path, f"{ENTRY.path}/"),
    ("urlPattern", ".*page=[0-9]", ".*page"),
    ("urlPathPattern", "/prime/[a-z0-9/]+", "/prime"),
    ("provider", "prime", None),
    ("operation", "listSandboxes", "getSandbox"),
    ("caller", None, "admin"),
    ("status", 200, 503),
    ("fault", None, "code=503"),
    ("queryParameters", {"page": {"equalTo": "2"}}, {"page": {"equalTo": "3"}}),
]


@pytest.mark.parametrize(("field", "right", "wrong"), FIELDS)
def test_each_field(field: str, right: Any, wrong: Any) -> None:
    assert matches({field: right})
    assert not matches({field: wrong})


def test_the_fields_above_are_all() -> None:
    """Each that the spec lets a pattern have; a body with any other does not come as far as this."""
    known = contract().document["components"]["schemas"]["Pattern"]["properties"]
    assert {field for field, *_ in FIELDS} == known.keys()


def test_all_of_a_pattern_must_hold() -> None:
    assert matches({})
    assert matches({"status": 200, "queryParameters": {"page": {"equalTo": "2"}, "empty": {"equalTo": ""}}})
    assert not matches({"status": 503, "queryParameters": {"page": {"equalTo": "2"}}})
    assert not matches({"status": 200, "queryParameters": {"page": {"equalTo": "2"}, "more": {"contains": ""}}})


def test_operators_hold_together_for_one_of_the_values() -> None:
    """One value must satisfy them all; a parameter that is absent satisfies none of them."""
    assert parameter("labels", contains="r", doesNotContain="g")
    assert not parameter("labels", contains="r", equalTo="gpu")
    assert parameter("labels", matches="[a-z]+", contains="p")
    assert parameter("q", equalTo="a b c")
    assert not parameter("more", doesNotContain="x")
    assert not parameter("more", doesNotMatch="x")


def test_absent() -> None:
    assert parameter("more", absent=True)
    assert not parameter("page", absent=True)
    assert parameter("page", absent=False, equalTo="2")


@pytest.mark.parametrize(
    ("operators", "found"),
    [
        ({"equalTo": "PROD"}, True),
        ({"contains": "RO"}, True),
        ({"doesNotContain": "RO", "contains": "P"}, True),
        ({"matches": "[A-Z]{4}"}, True),
        ({"matches": "[^P].*"}, True),
        ({"doesNotMatch": "[PG].*"}, False),
    ],
    ids=str,
)
def test_in_whatever_case(operators: dict[str, str], found: bool) -> None:
    """The operator's text and the value are compared as if both were in small letters."""
    assert parameter("labels", **operators, caseInsensitive=True) is found


def test_the_size_of_a_pattern_is_that_of_its_parts() -> None:
    """An expression counts for what it is, and anything else for nothing."""
    assert read_pattern({"status": 200, "queryParameters": {"page": {"equalTo": "2"}}}).size == 0
    one, other = compile_expression("a{500}", "x").size, compile_expression("b{100}", "x").size
    large = read_pattern({"urlPattern": "a{500}", "queryParameters": {"page": {"matches": "b{100}"}}})
    assert large.size == one + other
