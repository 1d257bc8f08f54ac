"""Which parts of the engine a provider's table needs: what nobody asks for is not in a page's bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fakeserver.problems import Document, Json

HEAD = "// Written by `fakeserver export`: of what the engine can do, what this provider's table asks for.\n"
KINDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "filters": {"filters": ("equal", "anyOf", "within", "allOf", "excluding", "pairs"), "questions": ("containing",)},
    "positions": {"positions": ("everything", "first", "window", "numbered"), "cursors": ("cursor",)},
    "values": {"values": ("text", "integer", "uuid", "boolean"), "questions": ("json",)},
}
"""By what it is of: the modules, and the kinds that each has."""
TYPES = """
export interface Parts {
  readonly filters: Readonly<Record<string, Test>>;
  readonly positions: Readonly<Record<string, Place>>;
  readonly values: Readonly<Record<string, Reader>>;
  readonly countFacets: typeof count | null;
  readonly locationOf: Redirect | null;
  readonly credentialIn: CredentialIn | null;
  readonly explain: Explain;
}

"""


def module(table: Document, *, redirects: bool) -> bytes:
    """The module that imports them."""
    wanted = {"filters": {*filters_in(table)}, "positions": {*positions_in(table)}, "values": {*values_in(table)}}
    facets = any("facets" in each for each in table["operations"].values())
    unions = any(alternatives_in(each["body"]) for each in table["operations"].values())
    imports: dict[str, list[str]] = {}
    for what, modules in KINDS.items():
        for name, kinds in modules.items():
            imports.setdefault(name, []).extend(each for each in kinds if each in wanted[what])
    if unions:
        imports["unions"] = ["explain"]
    inside = any(each.get("credential") for each in table["operations"].values())
    if inside:
        imports["credentials"] = ["credentialIn"]
    if redirects:
        imports["redirects"] = ["locationOf"]
    if facets:
        imports["facets"] = ["countFacets"]
    lines = [
        'import type { Explain } from "./bodies.js";',
        'import type { CredentialIn } from "./credentials.js";',
        'import type { countFacets as count } from "./facets.js";',
        'import type { Test } from "./filters.js";',
        'import type { Reader } from "./inputs.js";',
        'import type { Place } from "./listing.js";',
        'import type { Redirect } from "./redirects.js";',
        *(f'import {{ {", ".join(names)} }} from "./{name}.js";' for name, names in sorted(imports.items()) if names),
    ]
    members = [f"{what}: {{ {', '.join(sorted(names))} }}" for what, names in wanted.items()]
    members.append("countFacets" if facets else "countFacets: null")
    members.append("locationOf" if redirects else "locationOf: null")
    members.append("credentialIn" if inside else "credentialIn: null")
    members.append("explain" if unions else "explain: (breach) => [breach]")
    text = "".join(f"  {each},\n" for each in members)
    return (HEAD + "\n".join(lines) + "\n" + TYPES + f"export const parts: Parts = {{\n{text}}};\n").encode()


def filters_in(table: Document) -> Iterator[str]:
    for operation in table["operations"].values():
        yield from (each["kind"] for each in (*operation["filters"], *operation["fixed"]))


def positions_in(table: Document) -> Iterator[str]:
    for operation in table["operations"].values():
        if "pages" in operation:
            yield operation["pages"]["position"]["kind"]


def values_in(table: Document) -> Iterator[str]:
    for operation in table["operations"].values():
        for each in operation["inputs"]:
            yield from (each[name]["kind"] for name in ("value", "items") if name in each)


def alternatives_in(value: Json) -> bool:
    """Whether a schema has any; a property that is called so costs no more than what it would need."""
    if isinstance(value, dict):
        return bool({"anyOf", "oneOf"} & value.keys()) or any(map(alternatives_in, value.values()))
    return isinstance(value, list) and any(map(alternatives_in, value))
