"""A provider's table as data, for the engine that answers requests in the browser.

Its functions are said in the engine's language (`functions`). Whatever cannot be is left out by name: a parameter whose
meaning is such a function, and an operation, are answered with 501 and listed. What would make a list answer otherwise
than the server stops the export (`Unexportable`).
"""

from __future__ import annotations

import ast
import json
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from fakeserver.documents.states import Life
from fakeserver.export.functions import Functions
from fakeserver.export.inputs import describe_input
from fakeserver.export.listings import describe_facet, describe_filter, describe_pages, fixed_filter, own_functions
from fakeserver.export.natives import REFUSED
from fakeserver.export.source import Source
from fakeserver.export.sources import node_of, scope_of
from fakeserver.export.unexportable import Unexportable
from fakeserver.faults.scenarios import FAILURES
from fakeserver.lifecycle.calls import Call
from fakeserver.lifecycle.records import Record
from fakeserver.listing.listing import Facets, Listing
from fakeserver.listing.meaning import Job
from fakeserver.pipeline.refusals import challenge
from fakeserver.pipeline.routes import UNSERVED_HEADER, Route, unserved_problem
from fakeserver.pipeline.service import NOBODY, RETRY_AFTER_SECONDS
from fakeserver.problems import Document, Json, Problem
from fakeserver.spec import wording
from fakeserver.spec.bodies import RequestBody
from fakeserver.spec.parameters import MAX_QUERY_BYTES, MAX_QUERY_FIELDS
from fakeserver.spec.reader import UNSERVED_STATUS, Endpoint
from fakeserver.spec.schemas import LISTED, NAMED, SINGLE

ALWAYS_LEFT_OUT = (
    "The admin API, rate limits, scripted faults, the moved clock and the journal.",
    "Faults on the wire: of what requests can ask for, phase, fault and header are answered with 501.",
    "Passing states: they end at once, as in a world whose settings nobody has changed.",
)
KEYWORDS = frozenset(
    "$ref $defs type enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength "
    "pattern format minItems maxItems uniqueItems items minProperties maxProperties required properties "
    "patternProperties additionalProperties propertyNames allOf anyOf oneOf default".split()
)
"""Keywords of a body's schema that the engine knows."""
FORMATS = frozenset({"uuid"})


@dataclass
class Table:
    """What is exported of one provider; `left_out` has a line on everything that is not."""

    source: Source
    left_out: list[str] = field(default_factory=lambda: [*ALWAYS_LEFT_OUT])
    functions: Functions = field(init=False)
    named: dict[str, str] = field(default_factory=dict)
    """Expressions of functions by the name under which the engine asks for them."""

    called: dict[str, str] = field(default_factory=dict)
    """Expressions of the functions that answer operations, by operation."""

    def __post_init__(self) -> None:
        provider = self.source.provider
        self.switches = dict(self.source.world.settings.switches[provider.slug])
        self.functions = Functions(self.switches)

    def refuse(self, problem: Problem, operation: str = "") -> Document:
        """A refusal in the provider's words, as an answer of the export: status, body as text, headers."""
        problem.operation = operation
        status, body = self.source.provider.errors(problem, self.switches)
        return {"status": status, "body": orjson.dumps(body).decode(), "headers": problem.headers}

    def describe(self) -> Document:
        source, provider, world = self.source, self.source.provider, self.source.world
        fixture = source.service.fixture
        self._name("errors", provider.errors)
        self._name("stranger", provider.stranger)
        self._name("callers", dict(fixture.callers))
        self._name("nobody", NOBODY)
        operations = {}
        for route in source.service.routes:
            if isinstance(route.meaning, Listing | Facets):
                operations[route.operation.id] = self.operation(route, route.meaning)
        if not operations:
            raise Unexportable(f"{provider.slug} has no list that the engine could answer")
        self._name("Record", Record)
        self._name("Life", Life)
        self._name("machine ", provider.machine, "MACHINE")
        for name, kind in provider.kinds.items():
            self._name(f"machine {name}", kind.machine, f"{name.upper()}_MACHINE")
        for route in source.service.routes:
            if isinstance(route.meaning, Call):
                self._add_call(route, route.meaning, operations)
        return {
            "provider": provider.slug,
            "mediaType": provider.media_type,
            "headers": dict(provider.headers),
            "allow": provider.routing.allow,
            "world": {"secret": world.secret.hex(), "epoch": str(world.epoch), "asOf": str(world.as_of)},
            "switches": json.dumps(self.switches),
            "caps": json.dumps(dict(fixture.caps)),
            "words": json.dumps(self._words(), ensure_ascii=False),
            "endpoints": self.endpoints({*operations}),
            "operations": operations,
            "kinds": {
                name: {"created": each.created, "identity": each.identity}
                for name, each in {"": provider.kind(""), **provider.kinds}.items()
            },
            "wording": {
                "nouns": wording.TYPES,
                "phrases": wording.BOUNDS,
                "sizes": wording.SIZES,
                "others": wording.OTHERS,
            },
            "query": {"bytes": MAX_QUERY_BYTES, "fields": MAX_QUERY_FIELDS},
        }

    def _name(self, name: str, value: Any, hint: str = "") -> None:
        """Say a value, and give it a name for the engine."""
        self.named[name] = self.functions.reference(value, hint or name.rpartition(" ")[2] or "value")

    def module(self) -> str:
        """The functions, once the table is described."""
        return self.functions.text(self.named, self.called)

    def _words(self) -> Document:
        """The vocabularies that a function may look into: those that it names."""
        text = self.module()
        found = self.source.service.fixture.vocabularies
        return {name: each for name, each in found.items() if f'words, "{name}"' in text}

    def _add_call(self, route: Route, call: Call, operations: Document) -> None:
        identity, mark = route.operation.id, self.functions.mark()
        try:
            described = self.call(route, call)
            self.called[identity] = self.functions.reference(call.respond, identity)
            described["call"] = len(self.called) - 1
        except Unexportable as error:
            self.functions.back(mark)
            self.left_out.append(f"{route.operation.method} {route.operation.path}: {error}")
        else:
            operations[identity] = described

    def endpoints(self, exported: set[str]) -> list[Document]:
        """Every path in the order in which they are looked at, with the operation, or what is answered instead."""
        service, provider = self.source.service, self.source.provider
        found: list[tuple[Endpoint, Document]] = []
        for route in service.routes:
            if route.operation.id in exported:
                found.append((route.operation, {"operation": route.operation.id}))
                continue
            what = f"{route.operation.method} {route.operation.path}"
            if not any(line.startswith(f"{what}: ") for line in self.left_out):
                self.left_out.append(f"{what}: {type(route.meaning).__name__}, a meaning of the provider's own")
            found.append((route.operation, {"refusal": self.missing(what, route.operation.id)}))
        for endpoint in (*service.spec.unserved, *provider.unserved):
            found.append((endpoint, {"refusal": self.refuse(unserved_problem(endpoint))}))
        # Of two paths that fit, the one that spells out more is preferred; one without parameters goes before all.
        found.sort(key=lambda entry: ["{" in part for part in entry[0].path.split("/")])
        found.sort(key=lambda entry: "{" in entry[0].path)
        served = provider.routing.head == "served"
        return [
            {"methods": [*each.methods] if served else [each.method], "path": each.path, **answer}
            for each, answer in found
        ]

    def missing(self, what: str, operation: str = "") -> Document:
        """The answer of the export to what it has not."""
        problem = Problem(UNSERVED_STATUS, "unserved", f"The exported handlers do not serve {what}")
        problem.headers[UNSERVED_HEADER] = what.encode("ascii", "replace").decode()
        return self.refuse(problem, operation)

    def operation(self, route: Route, meaning: Listing | Facets) -> Document:
        """One list, or the facets of one."""
        operation, provider, identity = route.operation, self.source.provider, route.operation.id
        inputs, missing = [], {}
        filters: list[Document] = []
        unknown: dict[str, str] = {}
        for kind in meaning.filters:
            mark = self.functions.mark()
            try:
                described = describe_filter(kind)
                for name, function in own_functions(kind).items():
                    self._name(f"{identity} {kind.parameter} {name}", function)
                filters.append(described)
            except Unexportable as error:
                self.functions.back(mark)
                place, reason = f"parameter {kind.parameter!r}: ", str(error)
                unknown[kind.parameter] = reason if reason.startswith(place) else place + reason
        for parameter in operation.parameters:
            try:
                if parameter.name in unknown:
                    raise Unexportable(unknown[parameter.name])
                inputs.append(describe_input(parameter, provider))
            except Unexportable as error:
                if parameter.name not in {each.parameter for each in meaning.filters}:
                    raise Unexportable(f"{identity}: {error}") from error
                self.left_out.append(f"{identity}: {error}")
                told = self.missing(f"the parameter {parameter.name} of {identity}", identity)
                missing[parameter.name] = {"prefix": "" if parameter.pairs is None else parameter.prefix, **told}
        known = [each["name"] for each in inputs]
        filters = [each for each in filters if each["parameter"] in known]
        self._name(f"{identity} tenant", meaning.tenant)
        personal = meaning.personal is not None and meaning.personal.is_made(self.switches)
        return {
            **self.common(route),
            "inputs": inputs,
            "missing": missing,
            "filters": filters,
            "personal": personal,
            **self.answer(meaning, identity, filters),
        }

    def common(self, route: Route) -> Document:
        """What every operation has."""
        operation = route.operation
        return {
            "known": {
                "id": operation.id,
                "examples": self.examples(route),
                "parameters": [each.name for each in operation.parameters if each.where == "query"],
                "outcomes": [*operation.outcomes],
                "othersOutcomes": sorted(operation.others_outcomes),
                "scenarios": operation.shows_scenarios,
            },
            "body": None,
            "public": route.meaning.public,
            "missing": {},
            "filters": [],
            "fixed": [],
            "security": [{"header": each.header, "prefix": each.prefix} for each in operation.security],
            "challenges": [status for status in operation.responses if challenge(operation, status)],
            "personal": False,
            "flaky": next((each for each in FAILURES if each in operation.responses), FAILURES[0]),
        }

    def answer(self, meaning: Listing | Facets, identity: str, filters: list[Document]) -> Document:
        """What the operation makes of the documents that it finds."""
        if isinstance(meaning, Facets):
            found = [describe_facet(name, each) for name, each in meaning.facets.items()]
            for name, each in meaning.facets.items():
                self._name(f"{identity} {name} bucket", each.bucket)
            return {"facets": found}
        if meaning.extras is not None and meaning.extras.choice.is_made(self.switches):
            self._name(f"{identity} extras", meaning.extras.derive)
        pages = describe_pages(meaning.pages)
        kind = pages["position"]["kind"]
        if kind == "cursor" and any(each["kind"] == "containing" for each in filters):
            raise Unexportable(f"{identity}: the engine binds no cursor to a question in JSON")
        return {"pages": pages, "fixed": fixed_filter(meaning, self.switches)}

    def call(self, route: Route, call: Call) -> Document:
        """An operation that a function answers."""
        operation, body = route.operation, route.operation.body
        if needs_machine(call.respond):
            raise Unexportable(f"it needs {REFUSED[Job]}")
        if call.heads:
            raise Unexportable(f"it reads the headers {', '.join(call.heads)}")
        if call.checks:
            raise Unexportable("its parameters have checks")
        if body is not None and not isinstance(body, RequestBody):
            raise Unexportable("its body is no JSON")
        schema = None if body is None else self.schema(body)
        return {
            **self.common(route),
            "inputs": [describe_input(each, self.source.provider) for each in operation.parameters],
            "body": None if body is None else {"required": body.required, "schema": schema},
            "credential": call.credential,
        }

    def schema(self, body: RequestBody) -> Document:
        """The schema of a body, if the engine honours all of it."""
        for place in parts_of(body.schema):
            for keyword, value in place.items():
                if keyword not in KEYWORDS or (keyword == "format" and value not in FORMATS):
                    raise Unexportable(f"its body's schema has {keyword}: {value}")
                if isinstance(value, float) and value.is_integer():
                    raise Unexportable(f"its body's schema has {keyword}: {value}")
        found: Document = whole(body.schema, body.schema, ())
        return found

    def examples(self, route: Route) -> Document:
        """By documented status, what a request that asks for it gets: its body by name, the first where it names none,
        and headers."""
        found: Document = {}
        for status, response in route.operation.responses.items():
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if "Retry-After" in response.headers else {}
            bodies = {name: orjson.dumps(value).decode() for name, value in response.examples.items()}
            found[str(status)] = {
                "bodies": bodies,
                "headers": headers | challenge(route.operation, status),
            }
        return found


def needs_machine(function: Any) -> bool:
    """Whether a function hands out work for a sandbox as a machine."""
    if not isinstance(function, types.FunctionType):
        return False
    scope = scope_of(function)
    return any(isinstance(each, ast.Name) and scope.get(each.id) is Job for each in ast.walk(node_of(function)))


def whole(schema: Json, root: Document, within: tuple[str, ...]) -> Any:
    """A schema with what it refers to in the place of references."""
    if isinstance(schema, list):
        return [whole(each, root, within) for each in schema]
    if not isinstance(schema, dict):
        return schema
    others = {name: whole(each, root, within) for name, each in schema.items() if name != "$defs"}
    if not isinstance(schema.get("$ref"), str):
        return others
    del others["$ref"]
    name = schema["$ref"].rpartition("/")[2]
    if name in within:
        raise Unexportable(f"its body's schema {name} refers to itself")
    found = whole(root["$defs"][name], root, (*within, name))
    return {**others, "allOf": [*others.get("allOf", ()), found]} if others else found


def parts_of(schema: Json) -> Iterator[Document]:
    """A schema and every one in it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for name in SINGLE:
        yield from parts_of(schema.get(name))
    for name in LISTED:
        for each in schema.get(name, ()):
            yield from parts_of(each)
    for name in (*NAMED, "$defs"):
        for each in schema.get(name, {}).values():
            yield from parts_of(each)
