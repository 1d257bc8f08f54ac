"""What a skeleton will serve: which operations with which documents, and why each of the others is not served."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlencode

import orjson

from fakeserver.arguments import near
from fakeserver.documents.draws import CODES
from fakeserver.problems import Document, Json, SpecError
from fakeserver.scaffold.code import Code, Members, literal
from fakeserver.scaffold.dialect import FALLBACK, Dialect
from fakeserver.scaffold.guesses import Guesser, Listed, created_in, identities_in
from fakeserver.scaffold.pruning import components_of
from fakeserver.scaffold.scalars import Unmakeable
from fakeserver.scaffold.source import UnusableSource
from fakeserver.scaffold.survey import MALFORMED, Found, Survey, Unserved, sentence_of
from fakeserver.scaffold.values import Draws, Values, identity_of
from fakeserver.spec.reader import JSON, UNSERVED_KEY, Reader
from fakeserver.spec.references import REFERENCE

TENANT = "main"
SAMPLES = 4
"""Values of a column that no enum spells out."""
SCALARS = {"string", "integer", "boolean"}
NO_SEGMENTS = ("", ".", "..")
"""Texts that are no part of a path, or that clients take away."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The documents of a skeleton: what makes one, the columns that it reads with their values, and the fields that
    order documents. `left_out` are the fields that no value was found for."""

    schema: Json
    make: Members
    columns: Mapping[str, list[Json]]
    created: str
    identity: str
    left_out: tuple[str, ...] = ()
    text_identity: bool = True

    @property
    def promised(self) -> bool:
        """Whether the contract kit can tell such documents apart and put them in order."""
        return bool(self.created) and self.text_identity


@dataclass(slots=True)
class Plan:
    """Everything that a skeleton says."""

    document: Document
    rows: Rows
    listings: list[Listed]
    unserved: list[Found]
    errors: Code = FALLBACK
    invalid_status: int = 422
    total: int = field(init=False)

    def __post_init__(self) -> None:
        self.total = len(self.listings) + len(self.unserved)

    @property
    def spec(self) -> Document:
        """The spec that is written: what is served in full, and the rest by name with its reason."""
        paths: dict[str, Document] = {}
        for listed in self.listings:
            paths.setdefault(listed.found.endpoint.path, {})["get"] = listed.found.body
        for found in self.unserved:
            endpoint = found.endpoint
            body = {"operationId": endpoint.id} if endpoint.id else {}
            paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = {**body, UNSERVED_KEY: found.reason}
        served = [listed.found.body for listed in self.listings]
        components = components_of(self.document, served)
        schemes = {name for body in served for alternative in body["security"] for name in alternative}
        declared = self.document["components"]["securitySchemes"]
        components["securitySchemes"] = {name: declared[name] for name in declared if name in schemes}
        info = self.document.get("info") if isinstance(self.document.get("info"), dict) else {}
        said = {name: str((info or {}).get(name) or "unknown") for name in ("title", "version")}
        return {"openapi": "3.1.0", "info": said, "paths": paths, "components": components}

    def leave_out(self, listed: Listed, reason: str) -> None:
        """Serve an operation no longer."""
        listed.found.reason = reason
        self.listings.remove(listed)
        self.unserved.append(listed.found)


def make_plan(document: Document, chosen: str | None = None) -> Plan:
    """A plan for a document in the form of 3.1; `chosen` is the id of the operation whose rows are the documents."""
    dialect = Dialect(document)
    operations = [*Survey(document).operations()]
    listings = [listed for found in operations if (listed := _read_list(document, dialect, found)) is not None]
    if chosen is not None and all(listed.found.endpoint.id != chosen for listed in listings):
        _refuse_choice(chosen, operations, listings)
    for group in _groups(listings, chosen):
        try:
            rows = make_rows(document, group)
        except (Unserved, Unmakeable, SpecError, *MALFORMED) as error:
            for listed in group:
                listed.found.reason = sentence_of(error)
            continue
        group = [listed for listed in group if _has_request(document, rows, listed)]
        if not group:
            continue
        for listed in listings:
            if listed not in group and not listed.found.reason:
                ids = group[0].found.endpoint.id
                listed.found.reason = f"its rows are not those of {ids!r}, and all lists have the same documents"
        return _complete(document, dialect, rows, group, operations)
    raise UnusableSource(_why_nothing(operations))


def _complete(
    document: Document, dialect: Dialect, rows: Rows, group: Sequence[Listed], operations: Sequence[Found]
) -> Plan:
    served = {id(listed.found) for listed in group}
    plan = Plan(document, rows, [*group], [found for found in operations if id(found) not in served])
    schemas = [_error_schema(response) for status, response in group[0].found.responses.items() if status >= "4"]
    try:
        plan.errors = next((dialect.body(schema) for schema in schemas if schema), FALLBACK)
    except (SpecError, *MALFORMED) as error:
        raise UnusableSource(f"none of its errors can be answered: {sentence_of(error)}") from error
    statuses = group[0].found.responses
    plan.invalid_status = 400 if "400" in statuses and "422" not in statuses else 422
    return plan


def _error_schema(response: Document) -> Json:
    return response.get("content", {}).get(JSON, {}).get("schema")


def _refuse_choice(chosen: str, operations: Sequence[Found], listings: Sequence[Listed]) -> None:
    for found in operations:
        if found.endpoint.id == chosen:
            raise UnusableSource(f"operation {chosen!r} cannot be served: {found.reason}")
    ids = [listed.found.endpoint.id for listed in listings]
    raise UnusableSource(f"no operation has the id {chosen!r}{near(chosen, ids)}")


def _why_nothing(operations: Sequence[Found]) -> str:
    """Why nothing can be served: the reason of the first list, else of the first operation."""
    reads = [found for found in operations if found.endpoint.method == "GET"] or operations
    lists = [found for found in reads if not found.reason.startswith("its answer is not a list")] or reads
    if not lists:
        return "has no operations"
    first = lists[0]
    return f"none of its {len(operations)} operations can be served; {first.endpoint.name}: {first.reason}"


def _read_list(document: Document, dialect: Dialect, found: Found) -> Listed | None:
    """How an operation lists its rows; None, and the reason is kept, where it cannot be served."""
    if found.reason:
        return None
    try:
        listed = Guesser(document, found).guess()
        for status, response in found.responses.items():
            if status >= "4" and (note := dialect.give_examples(status, response)):
                found.notes.append(note)
        check_readable(document, found)
    except (Unserved, Unmakeable, SpecError, *MALFORMED) as error:
        found.reason = sentence_of(error)
        return None
    return listed


def check_readable(document: Document, found: Found) -> None:
    """Read an operation as a server does; a SpecError names the keyword that is not honoured."""
    endpoint, item = found.endpoint, {"get": found.body}
    components = components_of(document, item)
    components["securitySchemes"] = document["components"].get("securitySchemes", {})
    try:
        Reader({"openapi": "3.1.0", "components": components}, {endpoint.id}).read_path(endpoint.path, item)
    except SpecError as error:
        reason = str(error).removeprefix(f"{endpoint.id} ({endpoint.method} {endpoint.path}): ")
        raise SpecError(reason.partition(" (honoured are ")[0]) from error


def _groups(listings: Sequence[Listed], chosen: str | None) -> Iterator[list[Listed]]:
    """The listings with equal rows: those of the chosen one, or else the largest group first."""
    groups: dict[bytes, list[Listed]] = {}
    for listed in listings:
        groups.setdefault(orjson.dumps(listed.row, option=orjson.OPT_SORT_KEYS), []).append(listed)
    for group in sorted(groups.values(), key=len, reverse=True):
        if chosen is None or any(listed.found.endpoint.id == chosen for listed in group):
            yield group


# The documents


def make_rows(document: Document, group: Sequence[Listed]) -> Rows:
    """The documents of listings with equal rows; Unserved or Unmakeable where there can be none."""
    values, schema = Values(document), group[0].row
    flat = values.flat(schema)
    fields, required = flat.get("properties", {}), flat.get("required", [])
    created = created_in(values, fields, required)
    identity, unique = _identity(
        values, fields, required, f"{group[0].found.endpoint.path}/{name_of(schema)}", bool(created)
    )
    made: dict[str, Code] = {}
    columns: dict[str, list[Json]] = {}
    left_out: list[str] = []
    filtered = {target for listed in group for _, _, target in listed.filters}
    for name, member in fields.items():
        try:
            if name == created:
                made[name] = _check(values, member, "at(draw.created)", name)
            elif name == identity:
                made[name] = unique
            else:
                made[name] = values.expression(member, name, 1)
                column = column_of(values, member, name, made[name], name in filtered)
                if column is not None:
                    made[name], columns[name] = f"draw.column({literal(name)})", column
        except Unmakeable:
            if name in required or name in filtered:
                raise
            left_out.append(name)
    for name in required:
        if name not in made:
            made[name] = values.expression(flat.get("additionalProperties", True), name, 1)
    rows = Rows(schema, Members(made), columns, created, identity, tuple(left_out), _is_text(values, fields[identity]))
    if not values.valid(schema, literal(Draws(columns).value(rows.make, 1))):
        raise Unmakeable("no row is found that its schema allows")
    return rows


def _check(values: Values, schema: Json, code: Code, name: str) -> Code:
    if not values.valid(schema, code):
        raise Unmakeable(f"{name}: an instant is not what its schema allows")
    return code


def _has_request(document: Document, rows: Rows, listed: Listed) -> bool:
    """Whether there is a request that the operation answers; it is kept, or the reason why there is none."""
    try:
        listed.request = _request(document, rows, listed)
    except (Unmakeable, *MALFORMED) as error:
        listed.found.reason = f"a parameter that it cannot do without: {sentence_of(error)}"
    return not listed.found.reason


def _request(document: Document, rows: Rows, listed: Listed) -> str:
    """A path and query that the operation answers: a value for each parameter that it cannot do without."""
    values, path = Values(document), listed.found.endpoint.path
    fields = {name: target for _, name, target in listed.filters}
    query: list[tuple[str, str]] = []
    for parameter in listed.found.body["parameters"]:
        name, flat = str(parameter["name"]), values.flat(parameter.get("schema", {}))
        if parameter["in"] == "path":
            text = TENANT if is_any_text(flat) else _segment(name, [values.sample(flat), *flat.get("enum", ())])
            path = path.replace(f"{{{name}}}", quote(text, safe=""))
        elif parameter.get("required"):
            known = rows.columns.get(fields.get(name, ""), [])
            value = next((each for each in known if values.valid(flat, literal(each))), None) or values.sample(flat)
            query.append((name, text_of(value[0] if isinstance(value, list) and value else value)))
    return path + (f"?{urlencode(query)}" if query else "")


def _segment(name: str, candidates: Sequence[Json]) -> str:
    """The first of the values that a path can hold between two slashes."""
    for text in map(text_of, candidates):
        if "/" not in text and text not in NO_SEGMENTS:
            return text
    raise Unmakeable(f"no value of {name!r} that was found stands between two slashes of a path")


def is_any_text(flat: Document) -> bool:
    return flat.get("type") == "string" and flat.keys() <= {"type", "description", "title"}


def text_of(value: Json) -> str:
    """A value as a path or a query has it."""
    return value if isinstance(value, str) else json.dumps(value)


def _is_text(values: Values, schema: Json) -> bool:
    return "string" in values.flat(schema).get("type", "string")


def name_of(row: Json) -> str:
    """The name of the schema of a row, where it has one."""
    return str(row.get(REFERENCE, "")).rpartition("/")[2] if isinstance(row, dict) else ""


def _identity(values: Values, fields: Document, required: list[str], path: str, dated: bool) -> tuple[str, Code]:
    """The field that tells documents apart, and the expression for it."""
    reason = "its rows have no text or number that tells them apart (id, uuid, name …)"
    for name in identities_in(values, fields, required, path):
        try:
            return name, identity_of(values, fields[name], name, dated)
        except Unmakeable as error:
            reason = str(error)
    raise Unserved(reason)


def column_of(values: Values, schema: Json, name: str, code: Code, filtered: bool) -> list[Json] | None:
    """The values of a field that documents are looked up by, or that are spelt out; None for any other field."""
    flat = values.flat(schema)
    if name == "owner":
        # Recipes have a column of this name: the user whose document it is.
        return None
    found: list[Json] = [*flat["enum"]] if "enum" in flat else []
    if not found and filtered and "boolean" in (flat.get("type") or ()):
        found = [True, False]
    elif not found and filtered:
        draws = Draws({})
        found = [draws.value(code, number) for number in range(1, SAMPLES + 1)]
    distinct = [*{orjson.dumps(value): value for value in found}.values()]
    if not 0 < len(distinct) <= CODES or any("{" in str(value) for value in distinct):
        return None
    return distinct if all(values.valid(schema, literal(value)) for value in distinct) else None


def alone(plan: Plan, listed: Listed) -> Plan:
    """The same plan with one listing only."""
    return replace(plan, listings=[listed], unserved=[])
