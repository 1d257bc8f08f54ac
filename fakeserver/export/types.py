"""Types of the spec as TypeScript: one for each of its schemas, and one for the rows of each list."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from fakeserver.export.source import Source
from fakeserver.listing.listing import Listing
from fakeserver.problems import Document, Json
from fakeserver.spec.references import REFERENCE

SCHEMAS = "#/components/schemas/"
PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
ANYTHING = "unknown"
NAME = re.compile(r"[A-Za-z_$][\w$]*")
OTHER = re.compile(r"[^\w$]")


def module(source: Source) -> str:
    """The types; a list's rows are called by its operation, as `ListSandboxesRow`."""
    document = source.service.spec.document
    schemas: Mapping[str, Json] = document.get("components", {}).get("schemas", {})
    lines = ["// Written by `fakeserver export` from the provider's spec.", ""]
    for name, schema in schemas.items():
        told = schema.get("description") if isinstance(schema, dict) else None
        lines += [*comment(told), f"export type {type_name(name)} = {type_of(schema)};", ""]
    for route in source.service.routes:
        if isinstance(route.meaning, Listing):
            row = route.meaning.row(route.operation, document)
            known = next((type_name(name) for name, schema in schemas.items() if schema == row), None)
            name = route.operation.id[:1].upper() + route.operation.id[1:]
            lines += [f"export type {name}Row = {known or type_of(row)};", ""]
    return "\n".join(lines)


def type_name(name: str) -> str:
    return OTHER.sub("_", name)


def comment(told: Json, indent: str = "") -> list[str]:
    if not isinstance(told, str):
        return []
    return [f"{indent}/** {' '.join(told.replace('*/', '* /').split())} */"]


def type_of(schema: Json, indent: str = "") -> str:
    """A schema's type; what no type says is left out."""
    if not isinstance(schema, dict):
        return ANYTHING if schema is not False else "never"
    return " & ".join(dict.fromkeys(parts_of(schema, indent))) or ANYTHING


def parts_of(schema: Document, indent: str) -> Iterator[str]:
    """Types that all hold."""
    if str(schema.get(REFERENCE, "")).startswith(SCHEMAS):
        yield behind(schema[REFERENCE].removeprefix(SCHEMAS))
    for each in schema.get("allOf", ()):
        yield grouped(type_of(each, indent))
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            yield either(type_of(each, indent) for each in schema[keyword])
    if "const" in schema:
        yield json.dumps(schema["const"])
    elif "enum" in schema:
        yield either(json.dumps(each, ensure_ascii=False) for each in schema["enum"])
    elif "type" in schema or "properties" in schema:
        kinds = schema.get("type", "object")
        yield either(type_of_kind(each, schema, indent) for each in (kinds if isinstance(kinds, list) else [kinds]))


def behind(place: str) -> str:
    """The type of a schema by its place, which may be within another one."""
    name, *inner = place.split("/")
    text = type_name(name)
    for kind, member in zip(inner[::2], inner[1::2], strict=False):
        if kind != "properties":
            return ANYTHING
        text = f"Exclude<{text}[{json.dumps(member)}], undefined>"
    return text


def either(types: Iterator[str]) -> str:
    found = [*dict.fromkeys(types)]
    return found[0] if len(found) == 1 else f"({' | '.join(found)})"


def grouped(text: str) -> str:
    return f"({text})" if " | " in text and not text.startswith(("(", "{")) else text


def type_of_kind(kind: str, schema: Document, indent: str) -> str:
    if kind in PLAIN:
        return PLAIN[kind]
    if kind == "array":
        return f"Array<{type_of(schema.get('items', True), indent)}>"
    inner, required = indent + "  ", schema.get("required", ())
    lines = []
    for name, member in schema.get("properties", {}).items():
        key = name if NAME.fullmatch(name) else json.dumps(name)
        told = member.get("description") if isinstance(member, dict) else None
        lines += comment(told, inner)
        lines.append(f"{inner}{key}{'' if name in required else '?'}: {type_of(member, inner)};")
    others = schema.get("additionalProperties")
    if not lines:
        value = type_of(others, inner) if isinstance(others, dict) else ANYTHING
        return f"{{ [name: string]: {value} }}"
    return "{\n" + "\n".join(lines) + f"\n{indent}}}"
