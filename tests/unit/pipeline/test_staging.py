"""Scenarios change a row at every depth that its schema declares, and leave it sound."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from fakeserver.pipeline.staging import ADDED, CHANGES, MAX_CHANGES, MAX_DEPTH, Shape, Staging

Row = dict[str, Any]

COMPONENTS: Row = {
    "schemas": {
        "Node": {
            "type": "object",
            "required": ["kind"],
            "properties": {
                "kind": {"type": "string", "enum": ["leaf", "branch", "root"]},
                "label": {"type": ["string", "null"]},
                "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
            },
        },
        "Place": {
            "allOf": [
                {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
                {"properties": {"zone": {"type": ["string", "null"], "enum": ["a", "b", None]}}},
            ]
        },
    }
}
SCHEMA: Row = {
    "type": "object",
    "required": ["id", "created", "place", "count"],
    "properties": {
        "id": {"type": "string"},
        "created": {"type": "string", "format": "date-time"},
        "count": {"type": "integer", "minimum": 3},
        "place": {"$ref": "#/components/schemas/Place"},
        "tree": {"$ref": "#/components/schemas/Node"},
        "levels": {"type": "array", "items": {"type": "string", "enum": ["low", "high"]}},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        "error": {"type": ["string", "null"]},
        "error_code": {"type": ["integer", "null"]},
        "owner": {"oneOf": [{"type": "null"}, {"type": "object", "properties": {"name": {"type": "string"}}}]},
        "serial": {"type": "string", "pattern": "^x[0-9]+$"},
    },
    # What no place says by itself: a row with an error has a code, and one without has none.
    "if": {"properties": {"error": {"type": "null"}}},
    "then": {"properties": {"error_code": {"type": "null"}}},
}
ROWS: list[Row] = [
    {
        "id": str(number),
        "created": "2026-01-18T10:30:00Z",
        "count": 3 + number,
        "place": {"city": "Oslo", "zone": "a"},
        **(
            {"tree": {"kind": "leaf", "label": "one", "children": [{"kind": "leaf", "label": None}]}}
            if number % 2
            else {}
        ),
        "levels": [],
        "tags": {"env": "prod"},
        "error": None,
        "error_code": None,
        "owner": None,
    }
    for number in range(6)
]
VALIDATOR = Draft202012Validator({**SCHEMA, "components": COMPONENTS})


def staged(name: str, schema: Row = SCHEMA, rows: list[Row] = ROWS) -> tuple[list[Row], int]:
    """The rows in a scenario, and how often the spec was asked about one."""
    asked = 0
    validator = Draft202012Validator({**schema, "components": COMPONENTS})

    def permits(row: Row) -> bool:
        nonlocal asked
        asked += 1
        return validator.is_valid(row)

    shape = Shape({"components": COMPONENTS}, schema)
    return Staging(shape, ("created", "id"), permits, rows).staged(CHANGES[name]), asked


@pytest.mark.parametrize("name", [each for each in CHANGES if each != "next-version"])
def test_what_a_scenario_shows_is_sound_and_the_stored_rows_stay(name: str) -> None:
    before = deepcopy(ROWS)
    found, _ = staged(name)
    assert before == ROWS
    assert [VALIDATOR.is_valid(row) for row in found] == [True] * len(ROWS)
    assert [(row["id"], row["created"]) for row in found] == [(row["id"], row["created"]) for row in ROWS]


def test_every_value_of_an_enumeration_is_shown_at_every_depth() -> None:
    found, _ = staged("all-enums")
    assert {row["place"]["zone"] for row in found} == {"a", "b"}
    assert {row["tree"]["kind"] for row in found} == {"leaf", "branch", "root"}
    assert {child["kind"] for row in found for child in row["tree"]["children"]} == {"leaf", "branch", "root"}
    assert {level for row in found for level in row["levels"]} == {"low", "high"}


def test_what_can_be_null_or_absent_is_at_every_depth() -> None:
    found, _ = staged("all-null")
    kept = {name: ROWS[1][name] for name in ("id", "created", "count")}
    assert found[1] == {
        **kept,
        "place": {"city": "Oslo", "zone": None},
        "error": None,
        "error_code": None,
        "owner": None,
    }
    # What has to be there stays, and what is in it is emptied.
    required = {**SCHEMA, "required": [*SCHEMA["required"], "tree"]}
    (row,), _ = staged("all-null", required, [ROWS[1]])
    assert row["tree"] == {"kind": "leaf", "label": None}


def test_something_is_in_every_field_at_every_depth() -> None:
    found, _ = staged("all-set")
    for row in found:
        # No sample has the pattern of a serial number, and the spec comes first.
        assert set(row) == set(SCHEMA["properties"]) - {"serial"}
        assert (row["owner"], row["levels"]) == ({"name": "text"}, ["low"])
        assert row["error"]
        assert row["error_code"]
        assert row["tree"]["label"]
        assert row["tree"]["children"][0]["label"]
        assert row["tree"]["children"][0]["children"]


def test_texts_are_other_ones_at_every_depth_unless_they_name_something() -> None:
    found, _ = staged("long-text")
    assert len(found[1]["place"]["city"]) > 200
    assert len(found[1]["tree"]["label"]) > 200
    assert len(found[1]["tags"]["env"]) > 200
    assert (found[1]["place"]["zone"], found[1]["tree"]["kind"]) == ("a", "leaf")


def test_a_later_version_knows_other_values_at_every_depth() -> None:
    found, _ = staged("next-version", rows=ROWS[1:])
    assert found[0]["tree"]["kind"] == "leaf_next"
    assert found[0]["tree"]["children"][0]["kind"] == "leaf_next"
    assert ADDED in found[0]
    assert found[1] == ROWS[2]


def test_the_spec_is_asked_once_for_a_row_that_is_sound_at_once() -> None:
    """So that the first who asks for a scenario holds nobody up."""
    assert staged("long-text")[1] == len(ROWS)
    assert staged("all-null")[1] == len(ROWS)


def test_a_schema_that_holds_itself_has_an_end() -> None:
    """A row is changed so deep, and so often, and no further."""
    recursive = {**SCHEMA, "required": ["id"], "properties": {**SCHEMA["properties"]}}
    row = staged("all-set", recursive)[0][0]
    depth, node = 0, row["tree"]
    while node.get("children"):
        depth, node = depth + 1, node["children"][0]
    assert 0 < depth <= MAX_DEPTH
    wide = {
        "type": "object",
        "properties": {"created": {}, "id": {}, **{f"f{n}": {"type": ["string", "null"]} for n in range(2_000)}},
    }
    full = staged("all-set", wide, [{"created": "2026-01-18T10:30:00Z", "id": "1"}])[0][0]
    assert len(full) == MAX_CHANGES + 2
