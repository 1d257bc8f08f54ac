"""Whatever a description says, its skeleton starts, lists valid rows, and answers every documented error; or one line
says why nothing can be served."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from fakeserver.scaffold.source import UnusableSource
from tests.support.skeletons import Made, skeleton, write_json
from tests.support.soak import examples

pytestmark = pytest.mark.slow

Schema = dict[str, Any]
FIELDS = ("id", "box_id", "name", "state", "created_at", "startedAt", "tags", "size", "labels", "owner", "größe", "x-y")
PARAMETERS = (
    *("limit", "per_page", "pageSize", "page", "offset", "cursor", "nextToken", "order", "state", "name", "tags"),
    *("size", "created_at", "labels", "q", "filter[x]", "owner"),
)
STATUSES = ("400", "401", "404", "429", "500", "503", "4XX", "5XX", "default", "418")
bounds = st.integers(-3, 12)
usually = st.integers(0, 9).map(lambda number: number < 9)
rarely = usually.map(lambda usual: not usual)


@st.composite
def texts(draw: st.DrawFn) -> Schema:
    schema: Schema = {"type": "string"}
    more = st.fixed_dictionaries(
        {},
        optional={
            "format": st.sampled_from("uuid date-time date uri email int64 unix-time ipv6 byte".split()),
            "pattern": st.sampled_from(["^a", "^bx_[0-9a-f]{24}$", "^[A-Z]{3}$", "[0-9]", "(?=x)y", "^(a|b)$"]),
            "minLength": st.integers(0, 70),
            "maxLength": st.integers(0, 80),
            "enum": st.lists(st.sampled_from(["on", "off", "{x}", "", "a,b", 'quoted "x"']), min_size=1, unique=True),
            "example": st.sampled_from(["abc", 7, "x" * 75]),
            "default": st.sampled_from(["a1", None]),
            "nullable": st.booleans(),
        },
    )
    return schema | draw(more)


@st.composite
def numbers(draw: st.DrawFn) -> Schema:
    more = st.fixed_dictionaries(
        {},
        optional={
            "format": st.sampled_from(["int32", "int64", "double", "decimal"]),
            "minimum": bounds,
            "maximum": bounds,
            "exclusiveMinimum": st.booleans() | bounds,
            "exclusiveMaximum": st.booleans() | bounds,
            "multipleOf": st.sampled_from([1, 2, 5, 0.5]),
            "enum": st.lists(bounds, min_size=1, max_size=3, unique=True),
            "default": bounds,
            "nullable": st.booleans(),
        },
    )
    return {"type": draw(st.sampled_from(["integer", "number"]))} | draw(more)


def composed(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    several = st.lists(inner, min_size=1, max_size=2)
    return (
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={"minItems": st.integers(0, 3), "maxItems": st.integers(0, 3), "uniqueItems": st.booleans()},
        )
        | objects(inner)
        | st.fixed_dictionaries({"allOf": several}, optional={"nullable": st.booleans()})
        | st.fixed_dictionaries({"oneOf": several})
        | st.fixed_dictionaries({"anyOf": several}, optional={"description": st.just("either")})
        | st.just({"$ref": "#/components/schemas/Node"})
    )


def objects(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    names = st.sampled_from(FIELDS)
    return st.fixed_dictionaries(
        {"properties": st.dictionaries(names, inner, max_size=5)},
        optional={
            "type": st.just("object"),
            "required": st.lists(names, max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
            "nullable": st.just(True),
        },
    )


scalars = texts() | numbers() | st.sampled_from([{"type": "boolean"}, {}]) | texts() | numbers()
wrong = st.sampled_from([{"$ref": "#/components/schemas/Gone"}, {"type": "nonsense"}, {"type": "string", "style": "x"}])
schemas = st.recursive(scalars, composed, max_leaves=6)


@st.composite
def rows(draw: st.DrawFn) -> Schema:
    """The schema of a row, which most often has an id."""
    row: Schema = draw(objects(schemas))
    likely: dict[str, Schema] = {
        "id": {"type": draw(st.sampled_from(["string", "integer"]))},
        "created_at": {"type": "string", "format": "date-time"},
        "state": {"type": "string", "enum": ["on", "off"]},
    }
    for name, schema in likely.items():
        if draw(usually):
            row["properties"][name] = schema
    if draw(rarely):
        row["properties"]["labels"] = draw(wrong)
    row["type"] = "object"
    return row


@st.composite
def answers(draw: st.DrawFn, row: Schema) -> Schema:
    """The schema of an answer: a list, or an object that has one."""
    listed = {"type": "array", "items": row}
    if draw(st.booleans()):
        return listed
    facts = st.sampled_from(["total", "has_more", "next_cursor", "page", "limit", "object", "meta"])
    around = draw(st.dictionaries(facts, scalars | objects(scalars), max_size=3))
    required = draw(st.lists(st.sampled_from([*around, "boxes"]), unique=True)) if draw(rarely) else ["boxes"]
    return {"type": "object", "properties": {"boxes": listed, **around}, "required": required}


@st.composite
def operations(draw: st.DrawFn, row: Schema) -> Schema:
    names = draw(st.lists(st.sampled_from(PARAMETERS), max_size=5, unique=True))
    usual: st.SearchStrategy[Schema] = st.sampled_from(
        [{"type": "string"}, {"type": "integer"}, {"type": "array", "items": {"type": "string"}}]
    )
    odd: st.SearchStrategy[Schema] = st.sampled_from(
        [{}, {"explode": False}, {"required": True}, {"style": "deepObject"}, {"x-y": 1}]
    )
    parameters = [
        {"name": name, "in": "query", "schema": draw(usual if draw(usually) else schemas)}
        | (draw(odd) if draw(rarely) else {})
        for name in names
    ]
    example = st.just({"message": "no"})
    error: st.SearchStrategy[Schema] = st.fixed_dictionaries({"schema": schemas}, optional={"example": example})
    content: st.SearchStrategy[Schema] = (
        st.fixed_dictionaries({"application/json": error}) | st.just({}) | st.just({"text/plain": {}})
    )
    responses = draw(
        st.dictionaries(
            st.sampled_from(STATUSES),
            st.fixed_dictionaries({"description": st.text(max_size=5)}, optional={"content": content}),
            max_size=4,
        )
    )
    ok = {"description": "ok", "content": {"application/json": {"schema": draw(answers(row))}}}
    several = [{"key": [], "bearer": []}, {"bearer": ["all"]}]
    securities: list[Schema] = [{}, {"security": []}, {"security": several}]
    more = draw(st.sampled_from(securities))
    return {"parameters": parameters, "responses": {"200": ok, **responses}, **more}


@st.composite
def descriptions(draw: st.DrawFn) -> Schema:
    row = draw(rows())
    shared = draw(st.booleans())
    names = st.sampled_from(["/boxes", "/v2/boxes", "/teams/{team}/boxes"])
    paths: dict[str, Schema] = {
        path: {"get": draw(operations({"$ref": "#/components/schemas/Row"} if shared else row))}
        for path in draw(st.lists(names, min_size=1, unique=True))
    }
    for path, item in paths.items():
        if "{" in path:
            item["parameters"] = [{"name": "team", "in": "path", "required": True, "schema": draw(scalars)}]
        elif draw(rarely):
            item["parameters"] = [{"$ref": "#/components/parameters/Limit"}]
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}, "n": draw(scalars)}}
    return {
        # In 3.1 there is no `nullable`, and most of these have one somewhere.
        "openapi": "3.0.3" if draw(usually) else "3.1.0",
        "info": {"title": draw(st.text(max_size=8)), "version": "1"},
        "servers": draw(st.sampled_from([[], [{"url": "https://acme.example/v1/"}], [{"url": "/"}]])),
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": {"Row": row, "Node": node},
            "parameters": {"Limit": {"name": "limit", "in": "query", "schema": draw(numbers())}},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def check(made: Made, value: str) -> None:
    """Rows are valid and tell apart, errors are as documented, and no question is an accident."""
    for listed in made.plan.listings:
        name = listed.found.endpoint.id
        found = made.rows(name)
        ids = [row[made.plan.rows.identity] for row in found]
        assert len(set(ids)) == len(ids)
        assert found or listed.size
        for status in made.operations[name].responses:
            if status >= 400:
                reply = made.get(name, prefer=f"code={status}")
                assert (reply.status, "x-fakeserver-fault" in reply.headers) == (status, True)
        assert made.get(name, caller="nobody").status == 401
        for parameter in made.operations[name].parameters:
            if parameter.where == "query":
                assert made.get(name, f"{quote(parameter.name)}={quote(value)}").status < 500


@settings(
    max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(description=descriptions(), value=st.text(max_size=4) | st.sampled_from(["1", "true", "on", "-1"]))
def test_a_generated_description_makes_a_skeleton_that_works(description: Schema, value: str) -> None:
    """It starts, its rows are valid, its errors are answered; what is refused is refused in one line."""
    with TemporaryDirectory() as folder:
        path = write_json(Path(folder), description)
        try:
            with skeleton(path, size=30) as made:
                check(made, value)
        except UnusableSource as error:
            refusal = str(error)
            event("nothing is served")
        else:
            return
    assert len(refusal.splitlines()) == 1
    assert "malformed" not in refusal
