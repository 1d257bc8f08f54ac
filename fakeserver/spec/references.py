"""References of an OpenAPI document, followed and written out."""

from __future__ import annotations

from typing import Any

from fakeserver.problems import Document, Json, SpecError


def dereference(document: Document, value: Document) -> Document:
    reference = value.get("$ref")
    if reference is None:
        return value
    if not reference.startswith("#/"):
        raise SpecError(f"reference {reference!r} is not local")
    found: Any = document
    for part in reference[2:].split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if found is None:
            raise SpecError(f"reference {reference!r} leads nowhere")
    return dereference(document, found)


def expand(document: Document, value: Json) -> Json:
    if isinstance(value, dict):
        if "$ref" in value:
            return expand(document, dereference(document, value))
        return {key: expand(document, each) for key, each in value.items()}
    if isinstance(value, list):
        return [expand(document, each) for each in value]
    return value
