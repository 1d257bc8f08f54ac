"""Handlers for the browser (`--format msw`): the engine as it stands here, the provider's table and the documents."""

from __future__ import annotations

import json
from importlib.resources import files

from fakeserver.documents.collection import Collection
from fakeserver.export.source import Export, Source
from fakeserver.export.table import Table
from fakeserver.problems import Document

HAND_WRITTEN = ("engine.ts", "handlers.ts", "blake2b.ts", "python.ts", "inputs.ts")


def export(source: Source) -> Export:
    """The files of the export, and what it says of itself; an `Unexportable` says what the engine does not know."""
    table = Table(source)
    written = files("fakeserver.export") / "typescript"
    found = {name: (written / name).read_bytes() for name in HAND_WRITTEN}
    found["table.ts"] = module("table", "Table", table.describe())
    found["documents.ts"] = module("documents", "Documents", documents_of(source))
    return Export(source.about("msw", table.left_out), found)


def module(name: str, kind: str, value: Document) -> bytes:
    """A module of TypeScript that has one constant; a list of texts or numbers stands on one line."""
    head = f'// Written by `fakeserver export`.\nimport type {{ {kind} }} from "./engine.js";\n\n'
    return (head + f"export const {name}: {kind} = {_text(value)};\n").encode()


def _text(value: object, indent: str = "") -> str:
    """JSON with a line for each row, which a reader finds and a difference shows."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        lines = ",\n".join(f"{inner}{json.dumps(name)}: {_text(each, inner)}" for name, each in value.items())
        return f"{{\n{lines}\n{indent}}}"
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        lines = ",\n".join(f"{inner}{_text(each, inner)}" for each in value)
        return f"[\n{lines}\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def documents_of(source: Source) -> Document:
    """By tenant the documents as the server writes them, newest first: text, rank, instant, id and owner of each."""
    return {tenant: _rows(collection) for tenant, collection in source.tenants.items()}


def _rows(collection: Collection) -> list[object]:
    found: list[object] = []
    for rank in collection.everything:
        instant, identity = collection.order(rank)
        text = collection.body(rank).decode()
        found.append([text, rank, str(instant), identity, collection.owner(rank)])
    return found
