"""References of an OpenAPI document, followed one at a time: a schema may hold itself, since nothing here looks inside
of it, but a reference that leads to nothing but itself is a `SpecError`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from fakeserver.problems import Document, Json, SpecError

REFERENCE = "$ref"


def dereference(document: Mapping[str, Json], value: Json) -> Json:
    """What stands behind a reference; any other value as it is. What stands beside a reference does not count."""
    return _follow(document, value)[0]


def dereference_schema(document: Mapping[str, Json], schema: Json) -> Json:
    """A schema with what stands behind its reference, if it is one, and the keywords beside that: both hold."""
    target, passed = _follow(document, schema)
    if not passed or not isinstance(target, dict):
        return target
    merged = dict(target)
    for step in passed:
        beside = {name: member for name, member in step.items() if name != REFERENCE}
        for name in sorted(beside.keys() & merged.keys() & CONSTRAINTS):
            if beside[name] != merged[name]:
                raise SpecError(f"{name!r} stands beside the reference {step[REFERENCE]!r} and behind it")
        merged |= beside
    return merged


# Of these, the keyword beside a reference and the one behind it both hold, and neither can stand for the other.
CONSTRAINTS = frozenset(
    "type format enum const pattern minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf "
    "items prefixItems contains minItems maxItems uniqueItems properties patternProperties additionalProperties "
    "required minProperties maxProperties allOf anyOf oneOf not if then else".split()
)


def _follow(document: Mapping[str, Json], value: Json) -> tuple[Json, list[Document]]:
    """What a value leads to, and the references on the way there, the last one first."""
    passed: list[Document] = []
    while isinstance(value, dict) and REFERENCE in value:
        reference = value[REFERENCE]
        if any(step[REFERENCE] == reference for step in passed):
            raise SpecError(f"reference {reference!r} leads back to itself")
        passed.insert(0, value)
        value = _target(document, reference)
    return value, passed


def _target(document: Mapping[str, Json], reference: Json) -> Json:
    if not isinstance(reference, str) or not reference.startswith("#/"):
        raise SpecError(f"reference {reference!r} is not local")
    found: Any = document
    for part in unquote(reference[2:]).split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            raise SpecError(f"reference {reference!r} leads nowhere")
    return found
