"""What takes sound bodies in one walk, beside the validator and the careful reader, which both have the last word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakeserver.admin.contract import contract
from fakeserver.problems import Problem
from fakeserver.serving.app import load_services
from fakeserver.spec.bodies import FORMATS, RequestBody
from fakeserver.spec.breaches import Validator
from fakeserver.spec.schemas import fields_of, keyword_of
from fakeserver.spec.strict_json import read_plainly, read_strictly
from fakeserver.spec.takers import UNSURE, taker_of
from tests.support.asgi import Row
from tests.support.soak import examples

HARD = [
    {"type": "integer", "multipleOf": 2, "minimum": 2, "exclusiveMaximum": 8},
    {"type": ["integer", "number"], "exclusiveMinimum": 0},
    {"type": ["string", "null"], "enum": ["a", None], "minLength": 1},
    {"type": "string", "pattern": "^[a-z]+$", "maxLength": 3},
    {"type": "string", "format": "uuid"},
    {"const": "a"},
    {"anyOf": [{"type": "null"}, {"type": "integer"}]},
    {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
    {"type": "object", "propertyNames": {"pattern": "^[a-b]$"}, "additionalProperties": {"type": "number"}},
    {"allOf": [{"type": "number"}, {"type": "integer"}, {"maximum": 3}]},
    {"type": ["string", "object", "null"], "required": ["a"], "additionalProperties": False, "properties": {"a": {}}},
    {"properties": {"a": {"type": "integer"}}, "allOf": [{"properties": {"b": {"type": "string"}}, "required": ["b"]}]},
    {"enum": [1, True]},
    {"uniqueItems": True},
    {},
    True,
    False,
]
SYNTHETIC = [
    RequestBody(
        {"type": "object", "properties": {"a": each, "b": {"type": "integer", "default": 2}}, "$defs": {}}, True
    )
    for each in HARD
]
SERVED = [
    operation.body
    for service in load_services().values()
    for operation in service.spec.operations.values()
    if isinstance(operation.body, RequestBody)
]
CALLED = [contract().body(name) for name, each in contract().operations.items() if "requestBody" in each]
SCALARS = st.sampled_from(
    [None, True, False, 0, 1, 2, 4, 2.0, 2.5, 0.1, -1, 10**17, "", "a", "b", "ab\n", "A-1", "\u00e9", 'a"b', "a\\b"]
) | st.sampled_from(["6b8b4567-327b-43c6-a3c6-327b23c66b8b", "standard", "CPU_NODE", "python:3.11", "public"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x-1"]), inner, max_size=3),
    max_leaves=6,
)


def wholly(body: RequestBody, raw: bytes) -> Any:
    """What the validator and the careful reader make of a body."""
    value, issues = read_strictly(raw)
    assert not issues
    given_ = {**body._defaults, **value} if isinstance(value, dict) else value
    sound = Validator(body.schema, FORMATS).accepts(given_)
    return body._shapes.shape(given_, body.schema) if sound else UNSURE


def members_of(body: RequestBody) -> dict[str, Any]:
    """For each member a strategy of values that are often sound."""
    known = {}
    for name, schema in fields_of(body.schema, body.schema).items():
        choices = keyword_of(body.schema, schema, "enum") or ["a"]
        inner = dict.fromkeys(fields_of(body.schema, schema), VALUES)
        known[name] = VALUES | st.sampled_from(choices) | st.fixed_dictionaries({}, optional=inner)
    return {**known, "unknown": VALUES}


@settings(max_examples=examples(250))
@given(st.data())
def test_what_is_taken_is_what_the_validator_takes_in_the_same_shape(data: st.DataObject) -> None:
    """Of every body that is served, the admin API's too, and of schemas with what is hard: who is sure is right, types
    included."""
    body = data.draw(st.sampled_from([*SERVED, *CALLED, *SYNTHETIC]))
    value = data.draw(st.fixed_dictionaries({}, optional=members_of(body)) | VALUES)
    raw = json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode()
    expected = wholly(body, raw)
    try:
        decoded = body.decode(raw, "")
    except Problem:
        assert expected is UNSURE
    else:
        assert repr(decoded) == repr(expected)


def test_every_served_body_has_a_taker_that_is_sure_of_plain_ones() -> None:
    """Otherwise a creation pays for the validator, and nobody notices."""
    assert all(body._take is not None for body in SERVED)
    for body in SERVED:
        assert all(schema is not UNSURE for schema in map(sure_of, examples_of(body)))


def sure_of(pair: tuple[RequestBody, Row]) -> Any:
    body, example = pair
    assert body._take is not None
    return body._take(example)


def examples_of(body: RequestBody) -> Iterator[tuple[RequestBody, Row]]:
    """The least that it takes."""
    required = keyword_of(body.schema, body.schema, "required") or []
    if set(required) <= {"name", "docker_image", "command", "session_id"}:
        yield body, dict.fromkeys(required, "a")


@settings(max_examples=examples(150))
@given(
    raw=VALUES.map(lambda value: json.dumps(value, ensure_ascii=False).encode())
    | st.sampled_from(
        [
            b'{"a":1,"a":"b"}',
            b'[{"a":[],"a":{}}]',
            b"[" * 63 + b"]" * 63,
            b"[" * 64 + b"]" * 64,
            b"1e400",
            b"-0",
            b"1E5",
        ]
    )
    | st.integers(16, 22).map(lambda digits: b"[" + b"9" * digits + b"]")
    | st.binary(max_size=20)
)
def test_what_is_read_plainly_is_what_the_careful_reader_reads(raw: bytes) -> None:
    """The same value of the same types, or none at all."""
    value = read_plainly(raw)
    if value is not UNSURE:
        assert (repr(value), ()) == (repr(read_strictly(raw)[0]), read_strictly(raw)[1])


def test_a_taker_of_a_schema_that_holds_itself_is_made_once() -> None:
    """And not for ever: what is further down is left to the validator."""
    node: Row = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    take = taker_of({"$ref": "#/$defs/node"}, {"$defs": {"node": node}})
    assert take is not None
    assert take({}) == {}
    assert take({"next": {"next": {"next": {}}}}) is UNSURE


@pytest.mark.parametrize("name", ["not", "oneOf", "if", "contains", "minProperties", "dependentRequired"])
def test_a_keyword_that_no_taker_knows_leaves_the_word_to_the_validator(name: str) -> None:
    assert taker_of({"type": "object", name: {}}, {}) is None
