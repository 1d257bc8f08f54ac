"""Changes of a spec, one at a time: every keyword that a schema or a parameter can have × every kind of parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.asgi import Row

LIST = "listSandboxes"

Change = Callable[[Row], object]


def nothing(document: Row) -> None:
    """No change."""


@dataclass(frozen=True)
class Case:
    """One change of a spec. Either `words` are in the refusal, or the request `query` has the status and the type of
    issue, which the same request does not have without the change; with `same_as`, the answer of the unchanged server
    to that query. `base` is done to the spec that is compared with as well."""

    slug: str
    change: Change
    words: tuple[str, ...] = ()
    query: str = ""
    issue: str = ""
    same_as: str | None = None
    base: Change = nothing


# Parameters: every keyword × every kind of parameter

KINDS: Mapping[str, tuple[str, str, str]] = {
    "text": ("prime", "team_id", ""),
    "uuid": ("dreadnode", "project_id", ""),
    "choice": ("prime", "status", ""),
    "integer": ("superserve", "limit", ""),
    "boolean": ("prime", "is_active", ""),
    "list": ("prime", "labels", ""),
    "items": ("prime", "labels", "items"),
    "commas": ("dreadnode", "state", ""),
    "json": ("instavm", "metadata", ""),
    "pairs": ("superserve", "metadata", ""),
    "pair": ("superserve", "metadata", "patternProperties"),
    "path": ("dreadnode", "org", ""),
}
"""One parameter of each kind: its provider, its name, and the part of its schema that is changed."""
ID, OTHER_ID = "4d2f0c8e-6a57-4f0b-9a35-1f3f6e0f7c55", "11111111-1111-1111-1111-111111111111"

# What a schema may say, with a value for those kinds that must refuse it.
SCHEMA: Mapping[str, Any] = {
    "type": "number",
    "format": "email",
    "enum": ["a"],
    "const": "a",
    "pattern": "^a",
    "minLength": 9,
    "maxLength": 1,
    "minimum": 4,
    "maximum": 2,
    "exclusiveMinimum": 3,
    "exclusiveMaximum": 3,
    "multipleOf": 2,
    "minItems": 3,
    "maxItems": 1,
    "uniqueItems": True,
    "default": "a",
    "items": {"type": "string"},
    "prefixItems": [{"type": "string"}],
    "contains": {"type": "string"},
    "properties": {"a": {"type": "string"}},
    "patternProperties": {"^a": {"type": "string"}},
    "additionalProperties": {"type": "string"},
    "propertyNames": {"pattern": "^a"},
    "required": ["a"],
    "minProperties": 1,
    "maxProperties": 1,
    "dependentRequired": {"a": ["b"]},
    "allOf": [{"minLength": 9}],
    "anyOf": [{"minLength": 9}],
    "oneOf": [{"minLength": 9}],
    "not": {"const": "research"},
    "if": {"const": "research"},
    "nullable": True,
    "readOnly": True,
    "contentMediaType": "application/json",
    "$id": "https://example.com/a",
    "$defs": {},
    "minlength": 9,
    "discriminator": {"propertyName": "a"},
}
# kind, keyword → (value, the request that tells, the type of its issue); where there are four, the last is the request
# to the unchanged server that has the same answer.
TOLD: Mapping[tuple[str, str], tuple[Any, str, str] | tuple[Any, str, None, str]] = {
    ("text", "format"): ("uuid", "team_id=research", "uuid_parsing"),
    ("text", "enum"): (["main"], "team_id=research", "enum"),
    ("text", "const"): ("main", "team_id=research", "literal_error"),
    ("text", "pattern"): ("^x", "team_id=research", "string_pattern_mismatch"),
    ("text", "minLength"): (9, "team_id=research", "string_too_short"),
    ("text", "maxLength"): (7, "team_id=research", "string_too_long"),
    ("text", "default"): ("research", "", None, "team_id=research"),
    ("uuid", "enum"): ([OTHER_ID], f"project_id={ID}", "enum"),
    ("uuid", "const"): (OTHER_ID, f"project_id={ID}", "literal_error"),
    ("uuid", "default"): (OTHER_ID, "", None, f"project_id={OTHER_ID}"),
    ("choice", "enum"): (["PAUSED", "ERROR"], "status=RUNNING", "enum"),
    ("choice", "const"): ("PAUSED", "status=RUNNING", "literal_error"),
    ("choice", "pattern"): ("D$", "status=RUNNING", "string_pattern_mismatch"),
    ("choice", "minLength"): (8, "status=RUNNING", "string_too_short"),
    ("choice", "maxLength"): (6, "status=RUNNING", "string_too_long"),
    ("choice", "default"): ("PAUSED", "", None, "status=PAUSED"),
    ("integer", "enum"): ([1, 2], "limit=3", "enum"),
    ("integer", "const"): (1, "limit=3", "literal_error"),
    ("integer", "minimum"): (4, "limit=3", "greater_than_equal"),
    ("integer", "maximum"): (2, "limit=3", "less_than_equal"),
    ("integer", "exclusiveMinimum"): (3, "limit=3", "greater_than"),
    ("integer", "exclusiveMaximum"): (3, "limit=3", "less_than"),
    ("integer", "multipleOf"): (2, "limit=3", "multiple_of"),
    ("integer", "default"): (2, "", None, "limit=2"),
    ("boolean", "enum"): ([False], "is_active=1", "enum"),
    ("boolean", "const"): (False, "is_active=1", "literal_error"),
    ("boolean", "default"): (True, "", None, "is_active=true"),
    ("list", "minItems"): (3, "labels=a&labels=b", "too_short"),
    ("list", "maxItems"): (1, "labels=a&labels=b", "too_long"),
    ("list", "uniqueItems"): (True, "labels=a&labels=a", "unique_items"),
    ("list", "default"): (["prod"], "", None, "labels=prod"),
    ("list", "items"): ({"type": "integer"}, "labels=a", "int_parsing"),
    ("items", "type"): ("boolean", "labels=a", "bool_parsing"),
    ("items", "format"): ("date-time", "labels=a", "datetime_from_date_parsing"),
    ("items", "enum"): (["prod"], "labels=a", "enum"),
    ("items", "const"): ("prod", "labels=a", "literal_error"),
    ("items", "pattern"): ("^p", "labels=a", "string_pattern_mismatch"),
    ("items", "minLength"): (2, "labels=a", "string_too_short"),
    ("items", "maxLength"): (2, "labels=prod", "string_too_long"),
    ("commas", "minItems"): (3, "state=running,paused", "too_short"),
    ("commas", "maxItems"): (1, "state=running,paused", "too_long"),
    ("commas", "uniqueItems"): (True, "state=paused&state=running,paused", "unique_items"),
    ("commas", "default"): (["paused"], "", None, "state=paused"),
    ("commas", "items"): ({"type": "string", "enum": ["paused"]}, "state=running", "enum"),
    ("json", "type"): ("array", "metadata={}", "list_type"),
    ("json", "default"): ({"env": "prod"}, "", None, "metadata=%7B%22env%22:%22prod%22%7D"),
    ("path", "type"): ("integer", "", "int_parsing"),
    ("path", "format"): ("date", "", "date_from_datetime_parsing"),
    ("path", "enum"): (["globex"], "", "enum"),
    ("path", "const"): ("globex", "", "literal_error"),
    ("path", "pattern"): ("^.me$", "", "string_pattern_mismatch"),
    ("path", "minLength"): (5, "", "string_too_short"),
    ("path", "maxLength"): (3, "", "string_too_long"),
}
# What would change nothing about these: the value is the one that they have, or the one that is always given.
SAME = {("pairs", "patternProperties"), ("pairs", "additionalProperties"), ("path", "default")}


def operation(document: Row) -> Row:
    """The listing of a spec."""
    found: Row
    every = (one for item in document["paths"].values() for one in item.values() if isinstance(one, dict))
    (found,) = (one for one in every if one.get("operationId") == LIST)
    return found


def parameters(document: Row) -> list[Row]:
    """Its parameters, behind their references."""
    raws = operation(document)["parameters"]
    shared = document["components"].get("parameters", {})
    return [shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in raws]


def parameter(document: Row, kind: str) -> Row:
    """The parameter of a kind."""
    return next(each for each in parameters(document) if each["name"] == KINDS[kind][1])


def schema(document: Row, kind: str) -> Row:
    """The part of a parameter's schema that is changed."""
    declared = parameter(document, kind)
    found: Row = declared["content"]["application/json"]["schema"] if "content" in declared else declared["schema"]
    part = KINDS[kind][2]
    if part == "patternProperties":
        found = next(iter(found[part].values()))
    elif part:
        found = found[part]
    return found


def saying(kind: str, keyword: str, value: Any) -> Change:
    return lambda document: schema(document, kind).update({keyword: value})


def schema_cases() -> Iterator[tuple[str, Case]]:
    """Every keyword of a schema × every kind of parameter."""
    for kind, (slug, parameter_name, _) in KINDS.items():
        # The path's own minimum would be in the way of some.
        base = dropping_minimum if kind == "path" else nothing
        for keyword, wrong in SCHEMA.items():
            if (kind, keyword) in SAME:
                continue
            told = TOLD.get((kind, keyword))
            if told is None:
                case = Case(slug, saying(kind, keyword, wrong), words=(LIST, parameter_name, keyword), base=base)
            elif len(told) == 4:
                case = Case(slug, saying(kind, keyword, told[0]), query=told[1], same_as=told[3], base=base)
            else:
                case = Case(slug, saying(kind, keyword, told[0]), query=told[1], issue=told[2], base=base)
            yield f"{kind}: {keyword}", case


def dropping_minimum(document: Row) -> None:
    schema(document, "path").pop("minLength")


def declaring(kind: str, **keywords: Any) -> Change:
    return lambda document: parameter(document, kind).update(keywords)


PRESENT = {
    "text": "team_id=research",
    "uuid": f"project_id={ID}",
    "choice": "status=ERROR",
    "integer": "limit=1",
    "boolean": "is_active=true",
    "list": "labels=a",
    "commas": "state=paused",
    "json": "metadata={}",
    "pairs": "metadata.env=prod",
}


def parameter_cases() -> Iterator[tuple[str, Case]]:
    """Keywords beside a schema."""
    for kind in (*PRESENT, "path"):
        slug, name, _ = KINDS[kind]
        if kind in PRESENT:
            yield f"{kind}: required", Case(slug, declaring(kind, required=True), query="", issue="missing")
            yield f"{kind}: required as text", Case(slug, declaring(kind, required="yes"), words=(name, "required"))
        else:
            yield f"{kind}: required", Case(slug, declaring(kind, required=False), words=(name, "required"))
        for style in ("spaceDelimited", "pipeDelimited", "deepObject", "matrix", "label", "simple", "form", 7):
            if style == ("simple" if kind == "path" else "form") and kind != "json":
                continue
            yield f"{kind}: style {style}", Case(slug, declaring(kind, style=style), words=(name, "style"))
        for keyword in ("allowReserved", "allowEmptyValue"):
            yield f"{kind}: {keyword}", Case(slug, declaring(kind, **{keyword: True}), words=(name, keyword))
        for place in ("header", "cookie", "body", None):
            # In a header some kinds can be decoded, but no listing reads one there.
            words = (name,) if place == "header" else (name, "cannot be decoded")
            yield f"{kind}: in {place}", Case(slug, declaring(kind, **{"in": place}), words=words)
        yield f"{kind}: schema and content", Case(slug, declaring(kind, schema={}, content={}), words=(name, "content"))
        yield f"{kind}: misspelt", Case(slug, declaring(kind, exploded=True), words=("exploded",))
    labels = "labels=prod,gpu", "labels=prod&labels=gpu"
    yield "list: explode", Case("prime", declaring("list", explode=False), query=labels[0], same_as=labels[1])
    yield (
        "commas: explode",
        Case("dreadnode", declaring("commas", explode=True), query="state=running,paused", issue="enum"),
    )
    yield "pairs: explode", Case("superserve", declaring("pairs", explode=False), words=("metadata", "explode"))
    yield "json: explode", Case("instavm", declaring("json", explode=True), words=("metadata", "explode"))
    text = {"text/plain": {"schema": {"type": "string"}}}
    yield "json: media type", Case("instavm", declaring("json", content=text), words=("metadata", "text/plain"))
    two = {"application/json": {"schema": {"type": "object"}}, **text}
    yield "json: two media types", Case("instavm", declaring("json", content=two), words=("metadata", "text/plain"))
    encoding = {"application/json": {"schema": {"type": "object"}, "encoding": {}}}
    yield "json: encoding", Case("instavm", declaring("json", content=encoding), words=("metadata", "encoding"))


# Values of a keyword that make no sense: kind, keyword, value
NONSENSE: tuple[tuple[str, str, Any], ...] = (
    ("text", "minLength", -1),
    ("text", "minLength", "1"),
    ("text", "minLength", True),
    ("text", "maxLength", 1.5),
    ("text", "pattern", "("),
    ("text", "pattern", "\\p{L}"),
    ("text", "pattern", 7),
    ("text", "enum", []),
    ("text", "enum", "a"),
    ("text", "enum", ["a", None]),
    ("text", "enum", ["a", 1]),
    ("text", "enum", [False, "yes"]),
    ("text", "const", 1),
    ("text", "default", 1),
    ("text", "default", None),
    ("uuid", "enum", ["x"]),
    ("uuid", "default", "x"),
    ("choice", "default", "NOBODY"),
    ("choice", "format", "uuid"),
    ("integer", "minimum", "1"),
    ("integer", "minimum", True),
    ("integer", "maximum", [1]),
    ("integer", "exclusiveMinimum", True),
    ("integer", "multipleOf", 0),
    ("integer", "multipleOf", 0.5),
    ("integer", "enum", ["1"]),
    ("integer", "enum", [True]),
    ("integer", "default", "1"),
    ("integer", "default", 0),
    ("integer", "default", True),
    ("integer", "default", 1.0),
    ("boolean", "enum", ["true"]),
    ("boolean", "default", "true"),
    ("boolean", "default", 1),
    ("list", "minItems", -1),
    ("list", "uniqueItems", 1),
    ("list", "default", "prod"),
    ("list", "default", [1]),
    ("list", "items", {"type": "array", "items": {"type": "string"}}),
    ("list", "items", {"type": "object"}),
    ("list", "items", True),
    ("list", "items", None),
    ("commas", "default", ["nobody"]),
    ("json", "default", [1]),
    ("json", "type", ["object"]),
    ("json", "type", "string"),
    ("pairs", "patternProperties", {}),
    ("pairs", "patternProperties", {"^a": {"type": "string"}}),
    ("pairs", "patternProperties", {"^a\\..+$": {"type": "string"}, "^b\\..+$": {"type": "string"}}),
    ("pairs", "patternProperties", {"^a\\..+$": {"type": "integer"}}),
    ("pairs", "additionalProperties", True),
    ("text", "type", ["string", "null"]),
    ("text", "type", None),
    ("text", "type", "array"),
    ("text", "type", "object"),
    ("text", "$ref", "#/components/schemas/Nobody"),
    ("text", "$ref", "other.yaml"),
    ("text", "$ref", 7),
    ("path", "default", 7),
)


# What a refusal names where that is not the keyword itself.
ELSEWHERE = {
    ("type", "array"): "items",
    ("type", "object"): "patternProperties",
    ("format", "uuid"): "UUID",
    ("$ref", "#/components/schemas/Nobody"): "leads nowhere",
    ("$ref", "other.yaml"): "not local",
    ("$ref", "7"): "reference",
}


def nonsense_cases() -> Iterator[tuple[str, Case]]:
    for kind, keyword, value in NONSENSE:
        slug, name, _ = KINDS[kind]
        words = (LIST, name, ELSEWHERE.get((keyword, str(value)), keyword))
        yield f"{kind}: {keyword} is {value!r}"[:70], Case(slug, saying(kind, keyword, value), words=words)
