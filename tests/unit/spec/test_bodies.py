"""Bodies of requests: from bytes to a value, or one problem with every issue; nothing else is ever raised."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fakeserver.problems import Issue, Problem, SpecError
from fakeserver.spec.bodies import (
    MAX_BODY_BYTES,
    MAX_BODY_VALUES,
    MAX_SEARCHED,
    RequestBody,
    may_have_more,
    read_request_body,
)
from fakeserver.spec.json_text import MAX_JSON_DEPTH, read_json
from fakeserver.spec.strict_json import MAX_ISSUES, MAX_NAME, read_strictly
from fakeserver.spec.wording import ValueRefused
from tests.support.asgi import Row
from tests.support.soak import examples

JSON = "application/json"
SCHEMA: Row = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[a-z]+$"},
        "state": {"type": "string", "enum": ["running", "paused"], "default": "running"},
        "kind": {"const": "sandbox"},
        "id": {"type": "string", "format": "uuid"},
        "since": {"type": ["string", "null"], "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "address": {"type": "string", "format": "ipv4"},
        "cores": {"type": "integer", "minimum": 1, "maximum": 8, "default": 2},
        "bits": {"type": "integer", "format": "int32"},
        "memory": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 64, "multipleOf": 0.5},
        "keep": {"type": "boolean"},
        "labels": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3, "uniqueItems": True},
        "env": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 2},
        "headers": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}},
        "network": {"type": "object", "properties": {"port": {"type": "integer"}}},
        "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "move": {
            "oneOf": [
                {
                    "type": "object",
                    "required": ["action"],
                    "additionalProperties": False,
                    "properties": {"action": {"const": "stop"}},
                },
                {
                    "type": "object",
                    "required": ["action", "by"],
                    "additionalProperties": False,
                    "properties": {"action": {"const": "step"}, "by": {"type": "integer"}},
                },
                {"type": "null"},
            ]
        },
        "never": {"not": {}},
    },
}


def body_of(schema: Any, **keywords: Any) -> RequestBody:
    return json_body({}, {"content": {JSON: {"schema": schema}}, **keywords})


def json_body(document: Row, declared: Row) -> RequestBody:
    body = read_request_body(document, declared)
    assert isinstance(body, RequestBody)
    return body


BODY = body_of(SCHEMA, required=True)


def refusal(body: RequestBody, raw: bytes, content_type: str = JSON) -> Problem:
    with pytest.raises(Problem) as caught:
        body.decode(raw, content_type)
    return caught.value


def issues(body: RequestBody, value: Any) -> list[tuple[str, str]]:
    """Place and type of everything that is refused in a value, or in bytes."""
    problem = refusal(body, value if isinstance(value, bytes) else json.dumps(value).encode())
    assert (problem.status, problem.kind) == (422, "invalid")
    assert all(issue.loc[0] == "body" and issue.msg for issue in problem.issues)
    return [(issue.field, issue.type) for issue in problem.issues]


# One thing wrong at a time

WRONG: list[tuple[str, Any, str]] = [
    ("name", 7, "string_type"),
    ("name", None, "string_type"),
    ("name", "a", "string_too_short"),
    ("name", "abcdef", "string_too_long"),
    ("name", "ABC", "string_pattern_mismatch"),
    ("name", "abc\n", "string_pattern_mismatch"),
    ("state", "killed", "enum"),
    ("kind", "volume", "literal_error"),
    ("id", "one", "uuid_parsing"),
    ("since", "soon", "datetime_from_date_parsing"),
    ("since", "2026-02-30T00:00:00Z", "datetime_from_date_parsing"),
    ("day", "2026-02-30", "date_from_datetime_parsing"),
    ("address", "localhost", "value_error"),
    ("cores", "2", "int_type"),
    ("cores", 2.5, "int_type"),
    ("cores", True, "int_type"),
    ("cores", 0, "greater_than_equal"),
    ("cores", 9, "less_than_equal"),
    ("bits", 2**31, "less_than_equal"),
    ("bits", -(2**31) - 1, "greater_than_equal"),
    ("memory", "1", "float_type"),
    ("memory", 0, "greater_than"),
    ("memory", 64, "less_than"),
    ("memory", 1.25, "multiple_of"),
    ("keep", 1, "bool_type"),
    ("keep", "true", "bool_type"),
    ("labels", {}, "list_type"),
    ("labels", [], "too_short"),
    ("labels", ["a", "b", "c", "d"], "too_long"),
    ("labels", ["a", "a"], "unique_items"),
    ("env", [], "dict_type"),
    ("env", {"a": "", "b": "", "c": ""}, "too_long"),
    ("network", "none", "dict_type"),
    ("limit", "1", "int_type"),
    ("move", 7, "dict_type"),
    ("never", 1, "value_error"),
    ("surprise", 1, "extra_forbidden"),
]


@pytest.mark.parametrize(("name", "value", "type_"), WRONG, ids=str)
def test_a_wrong_member_is_named(name: str, value: Any, type_: str) -> None:
    assert issues(BODY, {"name": "abc", name: value}) == [(name, type_)]


@pytest.mark.parametrize(
    ("member", "field", "type_"),
    [
        ({"labels": ["a", 7]}, "labels.1", "string_type"),
        ({"env": {"a": 7}}, "env.a", "string_type"),
        ({"env": {"1": 7}}, "env.1", "string_type"),
        ({"headers": {"A": 7}}, "headers.A", "string_pattern_mismatch"),
        ({"network": {"port": "80"}}, "network.port", "int_type"),
        ({"move": {}}, "move.action", "missing"),
        ({"move": {"action": "go"}}, "move.action", "enum"),
        ({"move": {"action": "step"}}, "move.by", "missing"),
        ({"move": {"action": "step", "by": "1"}}, "move.by", "int_type"),
        ({"move": {"action": "stop", "by": 1}}, "move.by", "extra_forbidden"),
    ],
    ids=str,
)
def test_what_is_wrong_inside_is_named_by_its_place(member: Row, field: str, type_: str) -> None:
    """Of alternatives, the one that was meant says what is wrong."""
    assert issues(BODY, {"name": "abc", **member}) == [(field, type_)]


def test_a_name_that_looks_like_an_index() -> None:
    body = body_of({"type": "object", "properties": {"0": {"type": "object", "properties": {"1": {"enum": ["a"]}}}}})
    assert issues(body, {"0": {"1": "b"}}) == [("0.1", "enum")]


def test_every_issue_is_named() -> None:
    """All that is wrong, each once, and the words are those of parameters."""
    value = {"state": "killed", "cores": 0, "labels": [1, 2], "a": 1, "b": 2, "move": {"action": "step", "x": 1}}
    problem = refusal(BODY, json.dumps(value).encode())
    assert {(issue.field, issue.msg) for issue in problem.issues} == {
        ("name", "Field required"),
        ("state", "Input should be 'running' or 'paused'"),
        ("cores", "Input should be greater than or equal to 1"),
        ("labels.0", "Input should be a valid string"),
        ("labels.1", "Input should be a valid string"),
        ("a", "Extra inputs are not permitted"),
        ("b", "Extra inputs are not permitted"),
        ("move.by", "Field required"),
        ("move.x", "Extra inputs are not permitted"),
    }
    assert len(problem.issues) == 9


def test_issues_and_names_are_bounded() -> None:
    found = issues(BODY, {"name": "abc", **{f"{index:03}{'x' * 100}": 1 for index in range(2 * MAX_ISSUES)}})
    assert len(found) == MAX_ISSUES
    assert all(len(field) == MAX_NAME for field, _ in found)


@pytest.mark.slow
def test_large_bodies_with_much_in_them_that_is_wrong() -> None:
    """As many members, items and repeated names as a body may have end in a few issues."""
    most = MAX_BODY_VALUES - 10
    names = b",".join(b'"%06d":1' % (index // 2) for index in range(most))
    assert len(issues(BODY, b"{" + names + b"}")) == MAX_ISSUES
    members = b",".join(b'"%06d":1' % index for index in range(most))
    assert issues(BODY, b"{" + members + b"}")
    assert issues(BODY, b"{" + members + b',"000007":1}') == [("000007", "repeated_key")]
    assert len(issues(BODY, b'{"name": "abc", "labels": [' + b"1," * (MAX_SEARCHED // 2) + b"1]}")) == MAX_ISSUES
    ((field, _),) = issues(BODY, b'{"name": "abc", "labels": [' + b"1," * most + b"1]}")
    assert field.split(".")[0] == "labels"


def test_large_objects_whose_names_are_wrong() -> None:
    """What else is wrong there is told; where it is the names alone, only that: telling each costs all the others."""
    plain: Row = {"type": "object", "propertyNames": {"pattern": "^x"}, "additionalProperties": {"type": "integer"}}
    for schema in (plain, {"anyOf": [plain, {"type": "null"}]}):
        body = body_of({"properties": {"propertyNames": schema}})
        few, many = ({f"k{index}": 0 for index in range(count)} for count in (3, MAX_BODY_VALUES - 9))
        assert issues(body, {"propertyNames": few})[0] == ("propertyNames.k0", "string_pattern_mismatch")
        assert issues(body, {"propertyNames": many}) == [("body", "value_error")]
        assert issues(body, {"propertyNames": many | {"k7": "a"}}) == [("propertyNames.k7", "int_type")]
        sound = {f"x{index}": 0 for index in range(1_000)}
        assert body.decode(json.dumps({"propertyNames": sound}).encode(), JSON) == {"propertyNames": sound}


def test_alternatives_that_nothing_tells_apart() -> None:
    """What none of them wants is refused once, as a whole."""
    either = body_of({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]})
    assert issues(either, {}) == [("body", "union_error")]
    both = body_of({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]})
    assert issues(both, {"a": 1, "b": 1}) == [("body", "union_error")]
    texts = body_of({"anyOf": [{"type": "string"}, {"type": "integer"}]})
    problem = refusal(texts, b"[]")
    assert problem.issues == (Issue(("body",), "Input should be a valid string or integer", "string_type"),)


# What no JSON is, and what nobody should read

SOUND: Row = {
    "name": "abc",
    "state": "paused",
    "since": "2026-01-18T10:30:00Z",
    "cores": 4,
    "memory": 1.5,
    "keep": True,
    "labels": ["a"],
    "env": {"a": "b"},
    "move": {"action": "step", "by": 1},
}
HOLDERS = {"a member": "%s", "a list": "[%s]", "an object": '{"a": %s}', "a list in an object": '{"a": [1, %s]}'}
HOSTILE = {
    "NaN": ("NaN", "json_invalid"),
    "Infinity": ("Infinity", "json_invalid"),
    "-Infinity": ("-Infinity", "json_invalid"),
    "a number without end": ("1e999", "json_invalid"),
    "thirty digits": ("1" * 30, "int_parsing_size"),
    "minus thirty digits": ("-" + "1" * 30, "int_parsing_size"),
    "more digits than Python converts": ("1" * 5_000, "int_parsing_size"),
    "leading zeros": ("007", "json_invalid"),
    "a plus": ("+1", "json_invalid"),
    "NUL": ('"a\\u0000b"', "string_nul"),
    "NUL unescaped": ('"a\0b"', "json_invalid"),
    "a lone surrogate": ('"\\ud800"', "string_unicode"),
    "the other surrogate": ('"\\uDFFF!"', "string_unicode"),
    "a name with NUL": ('{"\\u0000": 1}', "string_nul"),
    "a name with a surrogate": ('{"\\ud800": 1}', "string_unicode"),
    "a repeated key": ('{"x": 1, "x": 1}', "repeated_key"),
    "a key repeated by an escape": ('{"x": 1, "\\u0078": 2}', "repeated_key"),
    "a trailing comma": ("[1,]", "json_invalid"),
    "single quotes": ("'a'", "json_invalid"),
    "a comment": ("1 /* one */", "json_invalid"),
    "too deep": ("[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH, "json_invalid"),
    "four thousand levels": ("[" * 4_000 + "]" * 4_000, "json_invalid"),
    "four thousand objects": ('{"a":' * 4_000 + "1" + "}" * 4_000, "json_invalid"),
}


def hostile() -> Iterator[tuple[str, str, str, str]]:
    """Each kind of nonsense in the place of each member, by itself and inside of lists and objects."""
    for what, (text, type_) in HOSTILE.items():
        for name in SOUND:
            for holder, frame in HOLDERS.items():
                yield f"{what} as {holder} of {name}", name, frame % text, type_


def test_hostile_bodies_are_refused() -> None:
    """Each with the issue that belongs to it, at or under the member, or of the body where it is no JSON at all."""
    cases = list(hostile())
    assert len(cases) > 800
    for what, name, text, type_ in cases:
        members = [f'"{known}": {json.dumps(value)}' for known, value in SOUND.items() if known != name]
        raw = ("{" + ", ".join([*members, f'"{name}": {text}']) + "}").encode()
        found = issues(BODY, raw)
        assert [found_type for _, found_type in found] == [type_], what
        ((field, _),) = found
        assert field == "body" if type_ == "json_invalid" else field.split(".")[0] == name, what


def test_issues_can_be_written() -> None:
    """Whatever a client sent, an answer can carry its refusal."""
    problem = refusal(BODY, b'{"\\ud800": {"x": 1, "x": 2}, "\\ud800": 1}')
    for issue in problem.issues:
        json.dumps(issue.loc, ensure_ascii=False).encode()
    assert [issue.type for issue in problem.issues] == ["repeated_key", "string_unicode"]


@pytest.mark.parametrize(
    "raw", [b"{", b"\xff", b'{"name": "\xff"}', b'\xef\xbb\xbf{"name": "abc"}', b" ", b"abc", b"{}{}"]
)
def test_what_is_not_json(raw: bytes) -> None:
    assert issues(BODY, raw) == [("body", "json_invalid")]


@pytest.mark.parametrize("raw", [b"null", b"7", b'"abc"', b"[]", b"true"])
def test_what_is_not_an_object(raw: bytes) -> None:
    assert issues(BODY, raw) == [("body", "dict_type")]


def test_an_empty_body() -> None:
    """Missing where it is required, and nothing where it is not."""
    assert issues(BODY, b"") == [("body", "missing")]
    assert body_of(SCHEMA).decode(b"", "") is None


@pytest.mark.parametrize(
    "raw", [b'{"name": "abc"}', b'{"labels":["a"],"name":"ab","memory":1.5}', b'{"name": "\\u0061b"}']
)
def test_the_same_body_again(raw: bytes) -> None:
    """It says the same, whatever was done to what it said before; and whoever sends it as something else is refused."""
    body = body_of(SCHEMA)
    first = body.decode(raw, JSON)
    wanted = deepcopy(first)
    for _ in range(3):
        again = body.decode(raw, JSON)
        assert again == wanted
        assert [*again] == [*wanted]
        again["name"] = "changed"
        again.setdefault("labels", []).append("changed")
    first.clear()
    assert body.decode(raw, JSON) == wanted
    assert body.decode(b'{"name": "other"}', JSON)["name"] == "other"
    assert issues(body, b'{"name": 1}') == [("name", "string_type")]
    assert body.decode(b'{"name": "other"}', JSON)["name"] == "other"
    with pytest.raises(Problem):
        body.decode(b'{"name": "other"}', "text/plain")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ";"])
def test_another_content_type(content_type: str) -> None:
    problem = refusal(BODY, b'{"name": "abc"}', content_type)
    assert [(issue.loc, issue.type) for issue in problem.issues] == [(("body",), "content_type")]


@pytest.mark.parametrize("content_type", ["", JSON, "application/json; charset=utf-8", "Application/JSON"])
def test_the_content_type_of_json(content_type: str) -> None:
    assert BODY.decode(b'{"name": "abc"}', content_type)["name"] == "abc"


def test_the_size_is_limited() -> None:
    """Exactly, and before anything is parsed."""
    free = body_of({})
    assert free.decode(b'"' + b"a" * (MAX_BODY_BYTES - 2) + b'"', JSON)
    for size in (MAX_BODY_BYTES + 1, 10 * 2**20):
        problem = refusal(free, b" " * size)
        assert (problem.status, problem.kind, problem.issues) == (413, "too_long", ())


def test_the_number_of_values_is_limited() -> None:
    """Exactly, wherever they are; commas and brackets in a text are none."""
    free = body_of({})
    texts = ((b"1", 1), (b'{"a":1}', 2), (b'"a,b"', 1), (rb'"a\\\",[{"', 1), (b"[[1]]", 3))
    for member, values in texts:
        fitting = (MAX_BODY_VALUES - 1) // values
        assert len(free.decode(b"[" + b", ".join([member] * fitting) + b"]", JSON)) == fitting
        problem = refusal(free, b"[" + b",".join([member] * (fitting + 1)) + b"]")
        assert (problem.status, problem.kind, problem.issues) == (413, "too_long", ())
    assert free.decode(json.dumps("[,{" * 100_000).encode(), JSON)
    assert free.decode(json.dumps('"[,{\\' * 100_000).encode(), JSON)
    for unfinished in (b"[" * MAX_BODY_BYTES, b"," * MAX_BODY_BYTES, b'{"a":' * 200_000):
        assert refusal(free, unfinished).status == 413


punctuation = st.text('a,[{"\\', max_size=4)


@given(st.recursive(punctuation, lambda each: st.lists(each) | st.dictionaries(punctuation, each)))
def test_values_are_counted_by_punctuation(value: Any) -> None:
    """An empty object or list counts twice."""

    def count(each: Any) -> int:
        inner = each.values() if isinstance(each, dict) else each
        return 1 + (sum(map(count, inner)) or 1) if isinstance(each, dict | list) else 1

    raw, most = json.dumps(value).encode(), count(value)
    assert not may_have_more(raw, most)
    assert may_have_more(raw, most - 1)


def test_the_depth_is_limited() -> None:
    """Exactly: each bracket is a level, and what is in the innermost one too."""
    free = body_of({})
    for levels in (MAX_JSON_DEPTH - 1, MAX_JSON_DEPTH):
        raw = b"[" * levels + b"1" + b"]" * levels
        if levels < MAX_JSON_DEPTH:
            assert free.decode(raw, JSON)
        else:
            assert issues(free, raw) == [("body", "json_invalid")]
    assert free.decode(b"[" + b",".join([b"[]"] * 500) + b"]", JSON) == [[]] * 500
    assert free.decode(json.dumps({"[" * 99: '\\"{' * 99}).encode(), JSON) == {"[" * 99: '\\"{' * 99}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '[["' + "[" * 99 + '\\"", ' + "[" * 100_000])
def test_a_deep_text_is_refused_before_it_is_read(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader at the end of the stack leaves none to the finalizers that the garbage collector calls just then."""
    monkeypatch.setattr(json, "loads", None)
    value, (issue,) = read_strictly(text.encode())
    assert (value, issue.type, "deeper" in issue.msg) == (None, "json_invalid", True)
    with pytest.raises(ValueRefused, match="JSON"):
        read_json(text)


# What becomes of a sound body


def test_defaults_of_members() -> None:
    """At the top, also those of a schema behind a reference; what a client sent stays."""
    assert BODY.decode(b'{"name": "abc"}', JSON) == {"name": "abc", "state": "running", "cores": 2}
    assert BODY.decode(b'{"name": "abc", "cores": 8}', JSON)["cores"] == 8
    document = {"components": {"schemas": {"A": {"properties": {"a": {"default": [1]}, "b": {}}}}}}
    raw = {"content": {JSON: {"schema": {"allOf": [{"$ref": "#/components/schemas/A"}]}}}}
    body = read_request_body(document, raw)
    assert body.decode(b"{}", JSON) == {"a": [1]}
    body.decode(b"{}", JSON)["a"].append(2)
    assert body.decode(b"{}", JSON) == {"a": [1]}


def test_unknown_members_are_dropped_where_the_schema_does_not_ask_for_them() -> None:
    """At every level; where it says what they are, or nothing at all, they stay."""
    assert BODY.decode(b'{"name": "abc", "network": {"port": 1, "x": 2}, "env": {"x": "y"}}', JSON) == {
        "name": "abc",
        "state": "running",
        "cores": 2,
        "network": {"port": 1},
        "env": {"x": "y"},
    }
    free = {"type": "object"}
    for schema, kept in (
        ({"properties": {"a": free}}, {"a": {"x": 1}}),
        ({"properties": {"a": free}, "additionalProperties": True}, {"a": {"x": 1}, "b": 2, "c1": 3}),
        ({"properties": {"b": {}}, "patternProperties": {"^c": {}}}, {"b": 2, "c1": 3}),
        ({"allOf": [{"properties": {"a": free}}, {"properties": {"b": {}}}]}, {"a": {"x": 1}, "b": 2}),
        (free, {"a": {"x": 1}, "b": 2, "c1": 3}),
    ):
        assert body_of(schema).decode(b'{"a": {"x": 1}, "b": 2, "c1": 3}', JSON) == kept


def test_whole_numbers_are_whole() -> None:
    """2.0 is a whole number in JSON Schema; where none is wanted it stays as it was sent."""
    value = BODY.decode(b'{"name": "abc", "cores": 4.0, "memory": 2.0, "limit": 1e1}', JSON)
    assert [repr(value[name]) for name in ("cores", "memory", "limit")] == ["4", "2.0", "10"]


@pytest.mark.slow
def test_the_validator_is_loaded_with_the_first_body_that_may_be_unsound() -> None:
    """Sound ones are taken without it, so that a server starts, and mostly goes on, without its weight."""
    code = (
        "import sys; from fakeserver.spec.bodies import read_request_body as read\n"
        "body = read({}, {'content': {'application/json': {'schema': {'type': 'object'}}}})\n"
        "body.decode(b'{}', '')\n"
        "assert 'jsonschema_rs' not in sys.modules\n"
        "try: body.decode(b'[]', '')\n"
        "except Exception: pass\n"
        "assert 'jsonschema_rs' in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Anything at all

NAMES = st.sampled_from([*SCHEMA["properties"], "action", "by", "port", "a", "1", "surprise"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**19) + 1, 10**19 - 1)
    | st.integers(-2, 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
    | st.sampled_from(["abc", "running", "sandbox", "stop", "step", "127.0.0.1", 0.5, 4.0])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=10
)
CHANGES = st.dictionaries(NAMES, VALUES, max_size=3)
SIMPLE = {name: member for name, member in SCHEMA["properties"].items() if "format" not in member}
ORACLE = Draft202012Validator({**SCHEMA, "properties": {**SIMPLE, "bits": {"type": "integer"}}})
PLAIN = body_of({**SCHEMA, "properties": {**SIMPLE, "bits": {"type": "integer"}}})


@settings(max_examples=examples(400))
@given(value=CHANGES.map(lambda change: {**SOUND, **change}) | CHANGES | VALUES)
def test_a_body_is_taken_where_the_schema_allows_it(value: Any) -> None:
    """Accepted by the decoder if and only if another validator finds nothing wrong with it, and read as it was sent."""
    value = deepcopy(value)
    if isinstance(value, dict):
        value.pop("since", None)
    decoded, problem = outcome(PLAIN, json.dumps(value).encode())
    assert (problem is None) == ORACLE.is_valid(value)
    if problem is None and isinstance(value, dict):
        assert all(decoded[name] == member for name, member in value.items() if name != "network")


def outcome(body: RequestBody, raw: bytes) -> tuple[Any, Problem | None]:
    """The value, or the problem with at least one issue of the body."""
    try:
        return body.decode(raw, JSON), None
    except Problem as problem:
        found = problem
    assert found.status == 422
    assert found.issues
    assert all(issue.loc[0] == "body" for issue in found.issues)
    return None, found


@settings(max_examples=examples(300))
@given(raw=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value, ensure_ascii=False).encode()[:-1]))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """No body raises anything but a problem, with issues of the body."""
    value, problem = outcome(BODY, raw)
    assert (problem is None) == isinstance(value, dict)


def test_a_recursive_schema_ends() -> None:
    """A schema that leads only to itself is refused at start; one that holds itself takes values of any depth."""
    document: Row = {"components": {"schemas": {"A": {"$ref": "#/components/schemas/A"}}}}
    with pytest.raises(SpecError, match="itself"):
        read_request_body(document, {"content": {JSON: {"schema": {"$ref": "#/components/schemas/A"}}}})
    document = {"components": {"schemas": {"A": {"type": "array", "items": {"$ref": "#/components/schemas/A"}}}}}
    body = json_body(document, {"content": {JSON: {"schema": {"$ref": "#/components/schemas/A"}}}})
    levels = MAX_JSON_DEPTH - 1
    assert body.decode(b"[" * levels + b"]" * levels, JSON)
    assert issues(body, b"[" * (levels - 1) + b"1" + b"]" * (levels - 1)) == [
        (".".join("0" * (levels - 1)), "list_type")
    ]
