"""Schemas of answers: which keywords they may have, and where a listing's rows and their fields stand in them."""

from __future__ import annotations

from collections.abc import Iterator

from fakeserver.problems import Document, Json, SpecError
from fakeserver.spec.keywords import keywords, read_names, sequence, show
from fakeserver.spec.references import REFERENCE, dereference, dereference_schema

SCHEMA = keywords(
    "$ref type enum const format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength "
    "pattern items prefixItems contains minContains maxContains minItems maxItems uniqueItems unevaluatedItems "
    "properties patternProperties additionalProperties propertyNames unevaluatedProperties required dependentRequired "
    "dependentSchemas minProperties maxProperties allOf anyOf oneOf not if then else",
    "title description default deprecated readOnly writeOnly example examples externalDocs discriminator xml $comment "
    "contentEncoding contentMediaType contentSchema",
)
"""The validators of documents and answers honour every keyword of JSON Schema that says what a value is."""
FORMATS = frozenset(
    "uuid date-time date time duration email idn-email hostname idn-hostname ipv4 ipv6 uri uri-reference iri "
    "iri-reference uri-template json-pointer relative-json-pointer regex int32 int64 double float byte binary "
    "password".split()
)
"""Names of JSON Schema and OpenAPI; any other is misspelt."""
SINGLE = (
    "items contains additionalProperties propertyNames unevaluatedItems unevaluatedProperties not if then else".split()
)
LISTED = ("prefixItems", "allOf", "anyOf", "oneOf")
NAMED = ("properties", "patternProperties", "dependentSchemas")
ALTERNATIVES = ("anyOf", "oneOf")
COMPOSED = ("allOf", *ALTERNATIVES)


class SchemaChecker:
    """Refuses keywords and formats that nothing honours. What stands behind a reference is looked at once, so that
    schemas may hold themselves."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._passed: set[str] = set()

    def check(self, schema: Json, where: str) -> None:
        """Look at a schema and everything in it and behind it; a `SpecError` names the place."""
        if isinstance(schema, bool):
            return
        schema = SCHEMA.read(schema, where)
        if schema.get("format", "uuid") not in FORMATS:
            raise SpecError(f"{where}: unknown format {show(schema['format'])}")
        if REFERENCE in schema:
            self._check_behind(schema, where)
        for name in SINGLE:
            if name in schema:
                self.check(schema[name], f"{where}.{name}")
        for name in LISTED:
            for index, member in enumerate(sequence(schema.get(name, []), f"{where}.{name}")):
                self.check(member, f"{where}.{name}[{index}]")
        for name in NAMED:
            for key, member in read_names(schema.get(name, {}), f"{where}.{name}").items():
                self.check(member, f"{where}.{name}.{key}")

    def _check_behind(self, schema: Document, where: str) -> None:
        reference = show(schema[REFERENCE])
        if reference in self._passed:
            return
        self._passed.add(reference)
        try:
            target = dereference(self._document, schema)
        except SpecError as error:
            raise SpecError(f"{where}: {error}") from error
        self.check(target, str(schema[REFERENCE]).removeprefix("#/").replace("/", "."))


def parts_of(document: Document, schema: Json) -> Iterator[Document]:
    """A schema, and every one that it is composed of: behind its reference, and in its allOf, anyOf and oneOf."""
    passed: list[Json] = []
    waiting: list[Json] = [schema]
    while waiting:
        part = waiting.pop(0)
        if not isinstance(part, dict) or any(part is known for known in passed):
            continue
        passed.append(part)
        yield part
        if REFERENCE in part:
            waiting.append(dereference(document, part))
        for name in COMPOSED:
            waiting += part.get(name, [])


def sure_parts_of(document: Document, schema: Document) -> Iterator[Document]:
    """Those of a schema's parts that hold for every value, whichever of its alternatives was meant."""
    return parts_of(document, {name: member for name, member in schema.items() if name not in ALTERNATIVES})


def fields_of(document: Document, schema: Json) -> dict[str, Json]:
    """The fields that a schema declares, each with its own schema."""
    found: dict[str, Json] = {}
    for part in parts_of(document, schema):
        for name, member in part.get("properties", {}).items():
            found.setdefault(name, member)
    return found


def keyword_of(document: Document, schema: Json, name: str) -> Json:
    """What the first part of a schema that has this keyword says there; None if none has."""
    return next((part[name] for part in parts_of(document, schema) if name in part), None)


def types_of(document: Document, schema: Json) -> frozenset[str]:
    """The types that a schema names, in any of its parts; empty where it leaves them open."""
    named = (part["type"] for part in parts_of(document, schema) if "type" in part)
    return frozenset(name for names in named for name in (names if isinstance(names, list) else [names]))


def rows_of(document: Document, answer: Json, items: str | None) -> Document | None:
    """The schema of one row of a listing: what is in the array that its answer is, or has as its member `items`. None
    if there is no such array."""
    rows = answer if items is None else fields_of(document, answer).get(items, {})
    if "array" not in types_of(document, rows):
        return None
    row = dereference_schema(document, keyword_of(document, rows, "items"))
    return row if isinstance(row, dict) else None
