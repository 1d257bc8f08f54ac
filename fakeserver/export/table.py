"""A provider's table as data, for the engine that answers requests in the browser.

Whatever the engine does not know is left out by name: a parameter of the provider's own meaning, and an operation that
is a function of its own, are answered with 501 and listed. What would make a list answer otherwise than the server
stops the export (`Unexportable`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from fakeserver.export import dialects, scopes
from fakeserver.export.inputs import describe_input
from fakeserver.export.listings import describe_facet, describe_filter, describe_pages, fixed_filter
from fakeserver.export.source import Source
from fakeserver.export.unexportable import Unexportable, name_of
from fakeserver.listing.listing import Facets, Listing
from fakeserver.pipeline.routes import UNSERVED_HEADER, Route, unserved_problem
from fakeserver.pipeline.service import RETRY_AFTER_SECONDS, challenge
from fakeserver.problems import Document, Problem, bad_cursor, method_not_allowed, not_found
from fakeserver.spec.parameters import MAX_QUERY_BYTES, MAX_QUERY_FIELDS
from fakeserver.spec.reader import UNSERVED_STATUS, Endpoint

CURSOR_REFUSALS = {
    "malformed": "The cursor is not one that this API handed out",
    "foreign": "The cursor is not one that this API handed out for these filters",
}
ALWAYS_LEFT_OUT = (
    "The admin API, rate limits, scripted faults, the moved clock and the journal.",
    "Scenarios and faults on the wire: of what requests can ask for (Prefer, __code), code and example are answered.",
    "Writes: documents are those that the world began with.",
)


@dataclass
class Table:
    """What is exported of one provider; `left_out` has a line on everything that is not."""

    source: Source
    left_out: list[str] = field(default_factory=lambda: [*ALWAYS_LEFT_OUT])

    def __post_init__(self) -> None:
        provider = self.source.provider
        self.switches = dict(self.source.world.settings.switches[provider.slug])

    def refuse(self, operation: str) -> Callable[[Problem], Document]:
        return lambda problem: dialects.refusal(self.source.provider, problem, self.switches, operation)

    def describe(self) -> Document:
        source, provider, world = self.source, self.source.provider, self.source.world
        fixture = source.service.fixture
        operations = {
            route.operation.id: self.operation(route, route.meaning)
            for route in source.service.routes
            if isinstance(route.meaning, Listing | Facets)
        }
        if not operations:
            raise Unexportable(f"{provider.slug} has no list that the engine could answer")
        plain = self.refuse("")
        too_long = f"The query is longer than {MAX_QUERY_BYTES} bytes"
        too_many = f"The query has more than {MAX_QUERY_FIELDS} fields"
        return {
            "provider": provider.slug,
            "mediaType": provider.media_type,
            "headers": dict(provider.headers),
            "unservedHeader": UNSERVED_HEADER,
            "redirects": provider.routing.slash == "redirected",
            "allow": provider.routing.allow,
            "world": {"secret": world.secret.hex(), "epoch": str(world.epoch), "asOf": str(world.as_of)},
            "callers": {key: caller.name for key, caller in fixture.callers.items()},
            "endpoints": self.endpoints({*operations}),
            "operations": operations,
            "refusals": {
                "notFound": plain(not_found()),
                "methodNotAllowed": plain(method_not_allowed(("GET",))),
            },
            "query": {"bytes": MAX_QUERY_BYTES, "fields": MAX_QUERY_FIELDS,
                      "tooLong": self._at_list(operations, Problem(414, "too_long", too_long)),
                      "tooMany": self._at_list(operations, Problem(400, "too_many", too_many))},
        }  # fmt: skip

    def _at_list(self, operations: Document, problem: Problem) -> Document:
        """A refusal that comes after the operation was found; one that says something else of each stops the export."""
        told = [self.refuse(each)(problem) for each in operations]
        if any(each != told[0] for each in told):
            raise Unexportable(f"errors: says something else of {problem.detail!r} for each operation")
        return told[0]

    def endpoints(self, exported: set[str]) -> list[Document]:
        """Every path in the order in which they are looked at, with the operation, or what is answered instead."""
        service, provider = self.source.service, self.source.provider
        found: list[tuple[Endpoint, Document]] = []
        for route in service.routes:
            if route.operation.id in exported:
                found.append((route.operation, {"operation": route.operation.id}))
            else:
                what = f"{route.operation.method} {route.operation.path}"
                self.left_out.append(f"{what}: {name_of(route.meaning)}, a function of the provider's own")
                found.append((route.operation, {"refusal": self.missing(what, route.operation.id)}))
        for endpoint in (*service.spec.unserved, *provider.unserved):
            found.append((endpoint, {"refusal": self.refuse("")(unserved_problem(endpoint))}))
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
        return self.refuse(operation)(problem)

    def operation(self, route: Route, meaning: Listing | Facets) -> Document:
        """One list, or the facets of one."""
        operation, provider, identity = route.operation, self.source.provider, route.operation.id
        inputs, missing = [], {}
        filters: list[Document] = []
        unknown: dict[str, str] = {}
        for kind in meaning.filters:
            try:
                filters.append(describe_filter(kind))
            except Unexportable as error:
                unknown[kind.parameter] = str(error)
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
        shapes = {each.name: each.shape for each in operation.parameters}
        personal = meaning.personal is not None and meaning.personal.is_made(self.switches)
        callers = [*self.source.service.fixture.callers.values()]
        refuse = self.refuse(identity)
        return {
            "id": identity,
            "inputs": inputs,
            "missing": missing,
            "invalid": dialects.learn(provider, identity, known, self.switches),
            "filters": filters,
            "scopes": scopes.table_of(meaning, callers, self.source.tenants, shapes, refuse, personal),
            "security": [{"header": each.header, "prefix": each.prefix} for each in operation.security],
            "strangers": [self.stranger(keys, identity, route) for keys in ([], [scopes.NOBODY])],
            "examples": self.examples(route),
            **self.answer(meaning, identity, filters),
        }

    def answer(self, meaning: Listing | Facets, identity: str, filters: list[Document]) -> Document:
        """What the operation makes of the documents that it finds."""
        if isinstance(meaning, Facets):
            found = [describe_facet(name, each, self.source.tenants) for name, each in meaning.facets.items()]
            return {"facets": found, "fixed": []}
        if meaning.extras is not None and meaning.extras.choice.is_made(self.switches):
            raise Unexportable(f"{identity}: its rows have fields that the provider derives from others")
        pages = describe_pages(meaning.pages)
        position = pages["position"]
        if position["kind"] == "cursor":
            if any(each["kind"] == "containing" for each in filters):
                raise Unexportable(f"{identity}: the engine binds no cursor to a question in JSON")
            refuse, name = self.refuse(identity), position["cursor"]
            position["refusals"] = {each: refuse(bad_cursor(text, name)) for each, text in CURSOR_REFUSALS.items()}
        return {"pages": pages, "fixed": fixed_filter(meaning, self.switches)}

    def stranger(self, keys: list[str], operation: str, route: Route) -> Document:
        told = self.refuse(operation)(self.source.provider.stranger(keys, self.switches))
        told["headers"] |= challenge(route.operation, told["status"])
        return told

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
