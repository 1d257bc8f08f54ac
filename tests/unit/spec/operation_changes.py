"""Changes of a spec, one at a time, beside the parameters' own keywords: what pages are cut by, paths, responses,
examples, security, and the fields of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from tests.support.asgi import PATHS, Row
from tests.unit.spec.parameter_changes import KINDS, LIST, Case, Change, operation, parameter, parameters


def of_page(name: str, **keywords: Any) -> Change:
    """A page's parameter whose schema says something else; None takes a keyword away."""

    def change(document: Row) -> None:
        declared = next(each for each in parameters(document) if each["name"] == name)
        declared["schema"] = {
            key: value for key, value in {**declared["schema"], **keywords}.items() if value is not None
        }

    return change


PAGES: Mapping[str, tuple[str, ...]] = {
    "dreadnode": ("limit",),
    "instavm": ("limit",),
    "prime": ("page", "per_page"),
    "superserve": ("limit", "offset"),
}


TEXT = {"type": "string", "format": None, "minimum": None, "maximum": None, "default": None}
NUMBERS = {
    "type": "array",
    "format": None,
    "items": {"type": "integer"},
    "minimum": None,
    "maximum": None,
    "default": None,
}
TEXTS = {"type": "array", "items": {"type": "string"}}
SHAPES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("text", TEXTS),
    ("choice", TEXTS),
    ("boolean", {"type": "string"}),
    ("list", TEXT),
    ("commas", TEXT),
)
"""Kinds of parameters with schemas of another shape than their filters take."""


def page_cases() -> Iterator[tuple[str, Case]]:
    """What pages are cut by, and the shapes of values that filters take."""
    for slug, names in PAGES.items():
        for name in names:
            changes: dict[str, tuple[dict[str, Any], str]] = {
                "as text": (TEXT, "whole number"),
                "as a list": (NUMBERS, "whole number"),
                "without a minimum": ({"minimum": None}, "minimum"),
                "from -1 on": ({"minimum": -1}, "minimum"),
            }
            if slug != "superserve":
                changes["without a default"] = {"default": None}, "default"
            for what, (keywords, word) in changes.items():
                yield f"{slug}: {name} {what}", Case(slug, of_page(name, **keywords), words=(LIST, name, word))
    listed = of_page("cursor", **TEXTS)
    yield "dreadnode: cursor as a list", Case("dreadnode", listed, words=(LIST, "cursor", "text"))
    above = of_page("page", minimum=None, exclusiveMinimum=1, default=2)
    yield "prime: page from above 1 on", Case("prime", above, query="page=1", issue="greater_than")
    for kind, bare in SHAPES:
        slug, name, _ = KINDS[kind]
        plain = {keyword: value for keyword, value in bare.items() if value is not None}
        change = replacing(kind, schema=plain)
        yield f"{kind} as {plain['type']}", Case(slug, change, words=(LIST, name, plain["type"]))
    for kind in ("json", "pairs"):
        slug, name, _ = KINDS[kind]
        change = replacing(kind, schema={"type": "string"})
        yield f"{kind} as text", Case(slug, change, words=(LIST, name, "string"))


def replacing(kind: str, **keywords: Any) -> Change:
    """The parameter of a kind, declared anew."""

    def change(document: Row) -> None:
        declared = parameter(document, kind)
        name, where = declared["name"], declared["in"]
        declared.clear()
        declared.update({"name": name, "in": where, **keywords})

    return change


# The rest of an operation


def responses(document: Row, slug: str = "prime") -> Row:
    found: Row = operation(document)["responses"]
    return found


def content(document: Row, code: str = "401", slug: str = "prime") -> Row:
    found: Row = responses(document, slug)[code]["content"]
    return found


def example(document: Row, **keywords: Any) -> None:
    content(document)["application/json"]["examples"] = {"one": keywords}


def put(path: str, value: Any) -> Change:
    """Sets what stands at a path of keys, `~` for a slash in one."""

    def change(document: Row) -> None:
        *parts, last = [part.replace("~", "/") for part in path.split("/")]
        place: Any = document
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = value

    return change


def secured(value: Any, **schemes: Any) -> Change:
    def change(document: Row) -> None:
        document["components"]["securitySchemes"] |= schemes
        operation(document)["security"] = value

    return change


def path_of(name: str) -> Change:
    def change(document: Row) -> None:
        served = document["paths"].pop(PATHS["prime"])
        document["paths"][name] = served

    return change


OF_PRIME: Mapping[str, tuple[Change, tuple[str, ...]]] = {
    "a misspelt operation keyword": (lambda d: operation(d).update(parametres=[]), ("parametres",)),
    "parameters that are no list": (lambda d: operation(d).update(parameters={}), ("parameters", "list")),
    "a parameter twice": (lambda d: operation(d)["parameters"].append(parameter(d, "text")), ("team_id", "twice")),
    "a parameter that is no mapping": (lambda d: operation(d)["parameters"].append(7), ("parameter", "7")),
    "a misspelt path keyword": (put(f"paths/{PATHS['prime'].replace('/', '~')}/parametres", []), ("parametres",)),
    "a place without a parameter": (path_of("/api/{version}/sandbox"), ("version",)),
    "a place that is no word": (path_of("/api/{my-version}/sandbox"), ("my-version",)),
    "a path parameter without a place": (
        lambda d: operation(d)["parameters"].append(
            {"name": "org", "in": "path", "required": True, "schema": {"type": "string"}}
        ),
        ("org", "path"),
    ),
    "a second media type": (
        lambda d: content(d, "200").update({"text/csv": {"schema": {"minlength": 1}}}),
        ("200", "text/csv", "minlength"),
    ),
    "a second media type with a reference into nothing": (
        lambda d: content(d, "200").update({"text/csv": {"schema": {"$ref": "#/components/schemas/Nobody"}}}),
        ("200", "text/csv", "Nobody"),
    ),
    "only another media type": (
        lambda d: responses(d)["401"].update(content={"text/plain": {"examples": {"a": {"value": "x"}}}}),
        ("401", "text/plain"),
    ),
    "a default response": (lambda d: responses(d).update(default={"description": "x"}), ("default",)),
    "a range of statuses": (lambda d: responses(d).update({"4XX": {"description": "x"}}), ("4XX",)),
    "a status that is none": (lambda d: responses(d).update({"999": {"description": "x"}}), ("999",)),
    "a response without a description": (lambda d: responses(d)["401"].pop("description"), ("401", "description")),
    "no list of rows": (lambda d: content(d, "200")["application/json"].update(schema={}), ("sandboxes", "envelope")),
    "rows that are no list": (
        lambda d: d["components"]["schemas"]["SandboxListResponse"]["properties"].update(sandboxes={"type": "object"}),
        ("200", "not a list of rows"),
    ),
    "rows without fields": (put("components/schemas/SandboxResponse", {"type": "object"}), ("200", "rows with fields")),
    "no success": (lambda d: responses(d).pop("200"), ("200",)),
    "an example without a value": (lambda d: example(d, externalValue="x"), ("one", "externalValue")),
    "an example with nothing": (lambda d: example(d), ("one", "value")),
    "an example that is too large a number": (lambda d: example(d, value={"a": [2**70]}), ("one.a[0]", "too large")),
    "an example whose name no header carries": (
        lambda d: content(d)["application/json"].update(examples={"zu früh": {"value": {}}}),
        ("zu früh", "name of an example"),
    ),
    "an error without an example": (lambda d: content(d)["application/json"].pop("examples"), ("401", "example")),
    "a misspelt field of a schema": (
        put("components/schemas/SandboxResponse/properties/id/minlength", 1),
        ("minlength", "SandboxResponse"),
    ),
    "an unknown format in a schema": (
        put("components/schemas/SandboxResponse/properties/id/format", "uid"),
        ("uid", "SandboxResponse"),
    ),
    "no security": (secured([]), ("security",)),
    "optional security": (secured([{}]), ("security",)),
    "two schemes at once": (secured([{"bearer": [], "other": []}], other={}), ("security",)),
    "an unknown scheme": (secured([{"nobody": []}]), ("nobody",)),
    "scopes": (secured([{"bearer": ["read"]}]), ("bearer", "scopes")),
    "a key in the query": (secured([{"k": []}], k={"type": "apiKey", "in": "query", "name": "k"}), ("'k'",)),
    "a key in a cookie": (secured([{"k": []}], k={"type": "apiKey", "in": "cookie", "name": "k"}), ("'k'",)),
    "basic": (secured([{"k": []}], k={"type": "http", "scheme": "basic"}), ("'k'",)),
    "a misspelt scheme": (secured([{"k": []}], k={"type": "http", "schema": "bearer"}), ("schema",)),
    "security that is no list": (secured({"bearer": []}), ("security", "list")),
    "a renamed field of the rows": (
        lambda d: d["components"]["schemas"]["SandboxResponse"]["properties"].update(
            team_id=d["components"]["schemas"]["SandboxResponse"]["properties"].pop("teamId")
        ),
        ("prime", "team_id", "teamId"),
    ),
    "an id that is neither text nor a whole number": (
        put("components/schemas/SandboxResponse/properties/id", {"type": "number"}),
        ("prime", "identity", "'id'"),
    ),
    "a value that a field cannot have": (
        put("components/schemas/SandboxResponse/properties/status/enum", ["PENDING", "RUNNING", "ENDED"]),
        ("prime", "status", "'ENDED'", "can have"),
    ),
}


BODIES: Mapping[str, tuple[Row, tuple[str, ...]]] = {
    "a keyword that is not known": ({"schemas": {}}, ("schemas",)),
    "of a misspelt necessity": ({"requird": True}, ("requird",)),
    "that may be necessary": ({"required": "maybe"}, ("required", "maybe")),
    "without content": ({"content": None}, ("content", "mapping")),
    "of no media type": ({"content": {}}, ("content", "nothing")),
    "of another media type": ({"content": {"text/plain": {}}}, ("content", "text/plain")),
    "of two media types": ({"content": {"application/json": {"schema": {}}, "text/csv": {}}}, ("text/csv",)),
    "without a schema": ({"content": {"application/json": {}}}, ("must have a schema",)),
    "with an encoding": ({"content": {"application/json": {"schema": {}, "encoding": {}}}}, ("encoding",)),
    "behind a reference into nothing": ({"$ref": "#/components/requestBodies/Nobody"}, ("Nobody", "nowhere")),
}
"""Request bodies that cannot be honoured; each stands beside a sound schema."""
MEMBERS: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "that is misspelt": ({"minlength": 1}, ("minlength",)),
    "that is no schema": (7, ("mapping", "7")),
    "of an unknown type": ({"type": "text"}, ("type", "'text'")),
    "of no types": ({"type": []}, ("type",)),
    "of a type twice": ({"type": ["string", "string"]}, ("type", "twice")),
    "that is only read": ({"type": "string", "readOnly": True}, ("readOnly",)),
    "of nothing in an enum": ({"enum": []}, ("enum", "something in it")),
    "of an enum that is no list": ({"enum": "a"}, ("enum", "list")),
    "of a date in an enum": ({"enum": [date(2026, 1, 18)]}, ("enum", "quote it")),
    "of an endless constant": ({"const": float("inf")}, ("const", "too large")),
    "of an unknown format": ({"type": "string", "format": "uid"}, ("format", "uid")),
    "of bytes": ({"type": "string", "format": "byte"}, ("format", "byte")),
    "of a negative length": ({"minLength": -1}, ("minLength", "-1")),
    "of half a length": ({"maxLength": 1.5}, ("maxLength", "1.5")),
    "of a minimum in words": ({"minimum": "one"}, ("minimum", "'one'")),
    "of a maximum without end": ({"maximum": float("nan")}, ("maximum", "number")),
    "of no step": ({"multipleOf": 0}, ("multipleOf", "above 0")),
    "of a pattern that is none": ({"pattern": "("}, ("pattern", "'('")),
    "of a pattern of Python's": ({"pattern": "(?P<a>b)"}, ("pattern", "JSON Schema")),
    "of a name's pattern that is none": ({"patternProperties": {"[": {}}}, ("patternProperties", "'['")),
    "of items in a list": ({"items": [{}]}, ("items", "mapping")),
    "of flags in words": ({"uniqueItems": "yes"}, ("uniqueItems", "'yes'")),
    "of nothing in anyOf": ({"anyOf": []}, ("anyOf", "something in it")),
    "of needs that are no names": ({"required": [1]}, ("required", "1")),
    "of needs twice": ({"required": ["a", "a"]}, ("required", "twice")),
    "of conditional needs twice": ({"dependentRequired": {"a": ["b", "b"]}}, ("dependentRequired", "a", "twice")),
    "of a key that YAML changed": ({"properties": {False: {}}}, ("properties", "quote it")),
    "behind a reference into nothing": ({"$ref": "#/components/schemas/Nobody"}, ("Nobody", "nowhere")),
    "with a default of another type": ({"type": "integer", "default": "1"}, ("default", "'1'")),
    "with a default that is too short": ({"minLength": 2, "default": "a"}, ("default", "at least 2")),
    "with a default that is no choice": ({"enum": ["a", "b"], "default": "c"}, ("default", "'a' or 'b'")),
    "with a default between the steps": ({"multipleOf": 0.5, "default": 0.7}, ("default", "multiple")),
    "with a default that is a date": ({"default": date(2026, 1, 18)}, ("default", "quote it")),
    "with a default that is wrong behind its reference": (
        {"$ref": "#/components/schemas/SandboxResponse/properties/status", "default": "ENDED"},
        ("default", "ENDED"),
    ),
}
"""Schemas that no member of a body can have."""


def bodied(body: Row) -> Change:
    """The operation with a request body, sound where this does not say otherwise."""

    def change(document: Row) -> None:
        sound = {} if "$ref" in body else {"content": {"application/json": {"schema": {"type": "object"}}}}
        operation(document)["requestBody"] = {**sound, **body}

    return change


def of_members(schema: Any) -> Row:
    """A body whose member `a`, in a list in an object, has this schema."""
    listed = {"type": "array", "items": {"type": "object", "properties": {"a": schema}}}
    return {"content": {"application/json": {"schema": {"type": "object", "properties": {"rows": listed}}}}}


def body_cases() -> Iterator[tuple[str, Row, tuple[str, ...]]]:
    """Request bodies with which no server starts, each with words of the refusal."""
    for name, (body, words) in BODIES.items():
        yield f"a body {name}", body, (LIST, "requestBody", *words)
    for name, (schema, words) in MEMBERS.items():
        yield f"a member {name}", of_members(schema), (LIST, "requestBody", "rows.items", *words)


def operation_cases() -> Iterator[tuple[str, Case]]:
    for name, (change, words) in OF_PRIME.items():
        yield f"prime: {name}", Case("prime", change, words=words)
    team = put("components/schemas/Team", {"type": "string"})
    beside = replacing("text", schema={"$ref": "#/components/schemas/Team", "maxLength": 7})
    yield (
        "prime: a keyword beside a reference",
        Case("prime", beside, query="team_id=research", issue="string_too_long", base=team),
    )
    both = put("components/schemas/Team", {"type": "string", "maxLength": 9})
    words = (LIST, "team_id", "maxLength", "beside")
    yield "prime: a keyword beside a reference and behind it", Case("prime", beside, words=words, base=both)
