"""The components of a document that a part of it leads to."""

from __future__ import annotations

from collections.abc import Iterator

from fakeserver.problems import Document, Json
from fakeserver.spec.references import REFERENCE

ROOT = "#/components/"


def components_of(document: Document, value: Json) -> Document:
    """What stands behind the references of a value, and behind theirs, by kind and name."""
    components = document.get("components", {})
    found: dict[str, Document] = {}
    waiting = [value]
    while waiting:
        for reference in references_of(waiting.pop()):
            kind, _, name = reference.removeprefix(ROOT).partition("/")
            name = name.partition("/")[0].replace("~1", "/").replace("~0", "~")
            there = components.get(kind)
            if isinstance(there, dict) and name in there and name not in found.get(kind, {}):
                found.setdefault(kind, {})[name] = there[name]
                waiting.append(there[name])
    return dict(found)


def references_of(value: Json) -> Iterator[str]:
    """The references in a value that lead to a component."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict() as members:
                reference = members.get(REFERENCE)
                if isinstance(reference, str) and reference.startswith(ROOT):
                    yield reference
                waiting += members.values()
            case list() as items:
                waiting += items
