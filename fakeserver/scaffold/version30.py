"""OpenAPI 3.0 written as 3.1.

It happens once, when a skeleton is made, and not whenever a server starts: the reader then knows one version, and the
spec of a skeleton is the one that is served.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fakeserver.problems import Document, Json
from fakeserver.spec.references import REFERENCE
from fakeserver.spec.schemas import FORMATS, LISTED, NAMED, SINGLE

NULL: Document = {"type": "null"}
BOUNDS = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))
HOLDERS = ("parameters", "headers", "responses", "schemas")


def to_31(document: Document, *, old: bool) -> Document:
    """The document in the form of 3.1; `old` says that it is 3.0. Formats that nobody knows are left out: JSON Schema
    calls them annotations."""
    components = document.get("components")
    holders = components if isinstance(components, dict) else {}
    for kind in HOLDERS:
        holder = holders[kind] if isinstance(holders.get(kind), dict) else {}
        for name, member in holder.items():
            if kind == "schemas":
                holder[name] = _schema(member, old)
            else:
                _convert_within(member, old)
    for item in document["paths"].values():
        for place in _places(item):
            _convert_within(place, old)
    document["openapi"] = "3.1.0"
    return document


def _places(item: Json) -> Iterator[Json]:
    """The parameters and responses of a path."""
    for body in (item, *(item.values() if isinstance(item, dict) else ())):
        if isinstance(body, dict):
            yield from _members(body.get("parameters"))
            yield from _members(body.get("responses"))


def _members(value: Json) -> list[Any]:
    return value if isinstance(value, list) else [*value.values()] if isinstance(value, dict) else []


def _convert_within(place: Json, old: bool) -> None:
    """The schemas of a parameter, a header or a response: its own, of its content, and of its headers."""
    if not isinstance(place, dict):
        return
    if "schema" in place:
        place["schema"] = _schema(place["schema"], old)
    for member in (*_members(place.get("content")), *_members(place.get("headers"))):
        _convert_within(member, old)


def _schema(schema: Json, old: bool) -> Json:
    if not isinstance(schema, dict):
        return schema
    if old and REFERENCE in schema:
        # What stands beside a reference does not count in 3.0.
        return {REFERENCE: schema[REFERENCE]}
    schema = dict(schema)
    if isinstance(schema.get("format"), str) and schema["format"] not in FORMATS:
        del schema["format"]
    for name in SINGLE:
        if name in schema:
            schema[name] = _schema(schema[name], old)
    for name in LISTED:
        if isinstance(schema.get(name), list):
            schema[name] = [_schema(member, old) for member in schema[name]]
    for name in NAMED:
        if isinstance(schema.get(name), dict):
            schema[name] = {key: _schema(member, old) for key, member in schema[name].items()}
    return _modern(schema) if old else schema


def _modern(schema: Document) -> Document:
    """The keywords of one schema that mean something else in 3.1."""
    for exclusive, bound in BOUNDS:
        if isinstance(schema.get(exclusive), bool) and schema.pop(exclusive) and bound in schema:
            schema[exclusive] = schema.pop(bound)
    if schema.pop("nullable", False) is not True:
        return schema
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    if schema.keys() & {"allOf", "anyOf", "oneOf", "enum"}:
        return {"anyOf": [schema, dict(NULL)]}
    return schema
