"""Expressions make valid values, or say why there are none."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fakeserver.documents.draws import Draw
from fakeserver.scaffold.code import literal, write
from fakeserver.scaffold.scalars import Unmakeable
from fakeserver.scaffold.values import Values, identity_of

VALUES = Values({"components": {"schemas": {"Loop": {"allOf": [{"$ref": "#/components/schemas/Loop"}]}}}})


@pytest.mark.parametrize(
    "schema",
    [
        *(
            {"type": "string", "format": name}
            for name in "uuid date-time date time uri email hostname ipv4 ipv6".split()
        ),
        {"type": "string", "minLength": 200, "maxLength": 200},
        {"type": "string", "maxLength": 0},
        {"type": "string", "pattern": "^sk-live_[A-Z]{3}$"},
        {"type": "string", "pattern": "^v[0-9]+$", "example": "v12"},
        {"type": "integer", "exclusiveMinimum": -3, "exclusiveMaximum": 0},
        {"type": "number", "minimum": 0.25, "maximum": 0.5},
        {"type": "integer", "multipleOf": 7, "minimum": 1},
        {"type": ["null", "string"]},
        {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "string"}},
        {"type": "array", "maxItems": 0, "items": {"type": "string"}},
        {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "integer", "minimum": 5}}}]},
        {"oneOf": [{"type": "string", "pattern": "(?=x)y"}, {"type": "integer"}]},
        {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
        {"type": "object", "additionalProperties": {"type": "string"}, "required": ["env"]},
        {"enum": ['a "b"', "{c}", "d\\e", "f\u2028g😀\n"]},
        {"const": {"a": [1, None, True, 0.5]}},
        {},
        True,
    ],
    ids=literal,
)
def test_an_expression_makes_valid_values(schema: Any) -> None:
    """Every keyword that says what a value is counts."""
    assert VALUES.valid(schema, VALUES.expression(schema, "field"))


@pytest.mark.parametrize("pattern", ["^[0-9]{6}$", "^[0-9]{12}$", "^[0-9]+$", "^sha-[0-9]{8}$"])
def test_what_is_served_later_is_valid_too(pattern: str) -> None:
    """Not only what was tried before."""
    code = write(VALUES.expression({"type": "string", "pattern": pattern}, "build"))
    drawn = [eval(code, {"draw": Draw(b"key", ordinal, 0, {}, {})}) for ordinal in range(200)]
    assert [text for text in drawn if re.search(pattern, text) is None] == []


@pytest.mark.parametrize(
    ("schema", "cause"),
    [
        ({"type": "string", "pattern": "(?=x)y"}, "matches its pattern"),
        ({"type": "string", "minLength": 10_000}, "needs 10000 characters"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "no whole number lies between its bounds"),
        ({"type": "array", "minItems": 100, "items": {}}, "needs 100 items"),
        ({"$ref": "#/components/schemas/Loop"}, "needs itself"),
        ({"$ref": "#/components/schemas/Gone"}, "leads nowhere"),
        ({"type": "nonsense"}, "is not one of JSON"),
        (False, "no value"),
    ],
    ids=literal,
)
def test_what_cannot_be_made_is_said(schema: Any, cause: str) -> None:
    """The reason names the field, or the reference."""
    with pytest.raises(Unmakeable, match=cause):
        VALUES.expression(schema, "field")


@pytest.mark.parametrize("text", ['quote " and \\', "line\nbreak", "\x00\x7f", "😀\u2028", "{braces}"])
def test_text_is_spelt_as_python_reads_it(text: str) -> None:
    """Whatever a description holds is a value in the code, and never code."""
    assert eval(write(literal({text: [text]}))) == {text: [text]}


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "string", "format": "uuid"},
        {"type": "integer"},
        {"type": "string", "maxLength": 18},
    ],
    ids=literal,
)
def test_ids_are_unique_and_in_order_where_nothing_else_orders(schema: Any, dated: bool) -> None:
    """Documents without a date are in the order of their ids, so ids ascend."""
    code = identity_of(VALUES, schema, "id", dated)
    ids = [VALUES.draw(code, number) for number in range(50)]
    assert len(set(ids)) == len(ids)
    assert dated or sorted(ids) == ids


def test_too_few_ids_are_no_ids() -> None:
    """Neither an enum nor three letters tell a million documents apart."""
    for schema in ({"type": "string", "enum": ["a", "b"]}, {"type": "string", "maxLength": 3}, {"const": 1}):
        with pytest.raises(Unmakeable):
            identity_of(VALUES, schema, "id", True)
