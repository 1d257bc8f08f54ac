"""Handlers for the browser (`--format msw`): the engine as it stands here, the provider's table and functions, its
documents, and those of scenarios."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import NamedTuple

import orjson

from fakeserver.documents.collection import Collection
from fakeserver.export import parts, types
from fakeserver.export.source import Export, Source
from fakeserver.export.table import Table
from fakeserver.faults.scenarios import CHURN, SCENARIOS
from fakeserver.problems import Document

HAND_WRITTEN = (
    *("handlers.ts", "engine.ts", "preferences.ts", "inputs.ts", "values.ts", "questions.ts", "bodies.ts", "unions.ts"),
    *(
        "listing.ts",
        "filters.ts",
        "positions.ts",
        "cursors.ts",
        "facets.ts",
        "redirects.ts",
        "credentials.ts",
        "collections.ts",
    ),
    *("runtime.ts", "python.ts", "json.ts", "hashes.ts", "addresses.ts"),
)
CONTENTS = ("table", "constants", "documents", "scenarios")
"""The modules that are data."""
WRITTEN = "// Written by `fakeserver export`.\n"
OF_USERS = ("one", "exact-page")
"""Scenarios in which each user sees rows of their own."""
LATER = "later"
"""The rows of a scenario behind its first page, where they are others."""

Lines = dict[str, str]
NOTHING: Mapping[bytes, int] = {}


def export(source: Source) -> Export:
    """The files of the export, and what it says of itself; an `Unexportable` says what the engine does not know."""
    table = Table(source)
    written = files("fakeserver.export") / "typescript"
    found = {name: (written / name).read_bytes() for name in HAND_WRITTEN}
    described = table.describe()
    found["table.ts"] = module("table", "Table", described)
    found["parts.ts"] = parts.module(described, redirects=source.provider.routing.slash == "redirected")
    found["functions.ts"], found["constants.ts"] = table.module().encode(), table.functions.constants().encode()
    found["types.ts"] = types.module(source).encode()
    world = {"": source.tenants, **{kind: source.kind(kind) for kind in source.provider.kinds}}
    documents = {
        kind: {name: lines_of(rows_of(each)) for name, each in tenants.items()} for kind, tenants in world.items()
    }
    found["documents.ts"] = texts("documents", "Documents", documents)
    for name in SCENARIOS:
        found[f"scenarios/{name}.ts"] = texts("scene", "Scene", scene_of(source, name), "../")
    imports = "".join(
        f"  {json.dumps(name)}: () => import({json.dumps(f'./scenarios/{name}.js')}),\n" for name in SCENARIOS
    )
    head = f'{WRITTEN}import type {{ Scenes }} from "./engine.js";\n\n'
    found["scenarios.ts"] = f"{head}export const scenarios: Scenes = {{\n{imports}}};\n".encode()
    contents = {f"{name}.ts" for name in CONTENTS}
    code = {name for name in found if "/" not in name and name not in contents | {"types.ts"}}
    return Export(source.about("msw", table.left_out), found, frozenset(code))


def module(name: str, kind: str, value: Document) -> bytes:
    """A module of TypeScript that has one constant; a list of texts or numbers stands on one line."""
    head = f'{WRITTEN}import type {{ {kind} }} from "./engine.js";\n\n'
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


def texts(name: str, kind: str, value: Mapping[str, Mapping[str, str]], up: str = "./") -> bytes:
    """A module whose constant has texts of many lines: a browser need not read them before somebody asks."""
    blocks = []
    for outer, members in value.items():
        inner = "".join(f"    {json.dumps(each)}: String.raw`\n{_raw(lines)}`,\n" for each, lines in members.items())
        blocks.append(f"  {json.dumps(outer)}: {{\n{inner}  }},\n")
    head = f'{WRITTEN}import type {{ {kind} }} from "{up}engine.js";\n\n'
    return (head + f"export const {name}: {kind} = {{\n{''.join(blocks)}}};\n").encode()


def _raw(lines: str) -> str:
    """Lines of JSON as they can stand in a raw text of TypeScript. What ends it or begins something in it stands within
    a text of JSON, where it can be escaped."""
    return lines.replace("`", "\\u0060").replace("${", "\\u0024{")


class Row(NamedTuple):
    """A document with its place; or which one of the world's it is."""

    rank: int
    instant: int
    identity: str
    owner: str
    document: Document | int


def rows_of(collection: Collection, known: Mapping[bytes, int] = NOTHING) -> Iterator[Row]:
    """The rows of a collection; `known` are bodies of the world's documents, by which of them they are."""
    for rank in collection.everything:
        (order, identity), body = collection.order(rank), collection.body(rank)
        # A document is drawn whenever somebody reads it, and read from its body at a tenth of the cost.
        document: Document | int = known[body] if body in known else orjson.loads(body)
        yield Row(rank, -order, identity, collection.owner(rank), document)


def lines_of(rows: Iterable[Row]) -> str:
    """Rows as lines of cells, as `collections.ts` reads them: names of fields stand once, and a cell that is that of
    the row before is empty."""
    forms: dict[tuple[str, ...], int] = {}
    last: dict[int, list[str]] = {}
    lines = []
    for row in rows:
        if isinstance(row.document, int):
            lines.append(f"{row.rank}={row.document}")
            continue
        names = tuple(row.document)
        if names not in forms:
            forms[names] = len(forms)
            lines.append("#" + json.dumps(names, ensure_ascii=False))
        form = forms[names]
        cells = [orjson.dumps(value).decode() for value in row.document.values()]
        before = last.get(form, [""] * len(cells))
        last[form] = cells
        short = ["" if cell == old else cell for cell, old in zip(cells, before, strict=True)]
        head = [str(row.rank), str(row.instant), *(orjson.dumps(each).decode() for each in (row.identity, row.owner))]
        lines.append("\t".join([*head, str(form), *short]))
    return "".join(f"{line}\n" for line in lines)


def scene_of(source: Source, name: str) -> dict[str, Lines]:
    """The rows of a scenario by tenant: those of everybody, and of users who see others."""
    world, found = source.world, dict[str, Lines]()
    tenants = world.tenants(source.provider)
    for tenant, collection in source.tenants.items():
        users = users_in(source, tenant) if name in OF_USERS else []
        known = {collection.body(rank): index for index, rank in enumerate(collection.everything)}

        def lines(user: str, first: bool, tenant: str = tenant, known: Mapping[bytes, int] = known) -> str:
            return lines_of(rows_of(source.service.scenes.of(name, world, tenants, user, first)[tenant], known))

        found[tenant] = {"": lines("", True)}
        found[tenant] |= {user: rows for user in users if (rows := lines(user, True)) != found[tenant][""]}
        if name == CHURN:
            found[tenant][LATER] = lines("", False)
    return found


def users_in(source: Source, tenant: str) -> list[str]:
    """The callers who own any of the rows that a tenant may be shown with."""
    every = source.service.scenes.of("many", source.world, source.tenants, "", True)[tenant]
    owners = {every.owner(rank) for rank in every.everything}
    return sorted(owners & {each.user for each in source.service.fixture.callers.values()})
