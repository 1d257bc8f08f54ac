"""OpenAPI 3.0 means the same when it is written as 3.1."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from fakeserver.scaffold.version30 import to_31


def converted(schema: Any, *, old: bool = True) -> Any:
    """A schema of a component, in the form of 3.1."""
    document = {"openapi": "3.0.3", "paths": {}, "components": {"schemas": {"It": schema}}}
    return to_31(document, old=old)["components"]["schemas"]["It"]


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ({"type": "string", "nullable": True}, ["", None], [1]),
        ({"type": "string", "enum": ["a"], "nullable": True}, ["a", None], ["b"]),
        ({"allOf": [{"type": "string"}], "nullable": True}, ["", None], [1]),
        ({"type": "string", "nullable": False}, [""], [None]),
        ({"nullable": True}, [None, 1], []),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, [2], [1]),
        ({"type": "integer", "maximum": 1, "exclusiveMaximum": True}, [0], [1]),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": False}, [1], [0]),
        (
            {"type": "object", "properties": {"nullable": {"type": "string", "nullable": True}}},
            [{"nullable": None}],
            [1],
        ),
        ({"type": "array", "items": {"oneOf": [{"type": "integer", "nullable": True}]}}, [[None, 1]], [["a"]]),
        (
            {"type": "object", "additionalProperties": {"type": "integer", "nullable": True}},
            [{"a": None}],
            [{"a": "b"}],
        ),
    ],
)
def test_a_schema_takes_and_refuses_what_it_did(schema: Any, valid: list[Any], invalid: list[Any]) -> None:
    """Null where it is nullable, and bounds that are exclusive."""
    validator = Draft202012Validator(converted(schema))
    assert [value for value in valid if not validator.is_valid(value)] == []
    assert [value for value in invalid if validator.is_valid(value)] == []


def test_what_stands_beside_a_reference_does_not_count_in_the_old_version() -> None:
    """It does in the new one."""
    schema = {"$ref": "#/components/schemas/Other", "minLength": 3}
    assert converted(dict(schema)) == {"$ref": "#/components/schemas/Other"}
    assert converted(dict(schema), old=False) == schema


def test_formats_that_nobody_knows_are_left_out() -> None:
    """They are annotations; known ones stay, and so do keywords that are not honoured."""
    assert converted({"type": "integer", "format": "unix-time"}) == {"type": "integer"}
    assert converted({"type": "string", "format": "uuid", "maxLen": 3}, old=False) == {
        "type": "string",
        "format": "uuid",
        "maxLen": 3,
    }


def test_schemas_are_found_wherever_they_stand() -> None:
    """In parameters, responses and headers, of components and of paths."""
    old, new = {"schema": {"type": "string", "nullable": True}}, {"schema": {"type": ["string", "null"]}}

    def document(it: Any) -> Any:
        response = {"content": {"application/json": dict(it)}, "headers": {"X": dict(it)}}
        return {
            "openapi": "3.1.0",
            "paths": {
                "/a": {"parameters": [dict(it)], "get": {"parameters": [dict(it)], "responses": {"200": response}}}
            },
            "components": {"parameters": {"P": dict(it)}, "responses": {"R": response}, "headers": {"H": dict(it)}},
        }

    assert to_31(document(old), old=True) == document(new)
