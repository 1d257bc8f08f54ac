"""One provider, served: its spec, its meaning and its fixture, compiled at start. `Service.answer` is one request."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from pyroaring import BitMap

from fakeserver import forced
from fakeserver.auth import Caller, authenticate, credentials
from fakeserver.collection import Collection
from fakeserver.filters import AnyOf, Filter, Pairs
from fakeserver.fixtures import Fixture
from fakeserver.pages import Context, Page
from fakeserver.params import Decoder, Values, decoder, query_pairs
from fakeserver.params import Pairs as Query
from fakeserver.problems import (
    FakeProblem,
    Issue,
    Problem,
    internal,
    method_not_allowed,
    not_found,
)
from fakeserver.provider import Counting, Listing, Provider, Scope
from fakeserver.spec import Operation, Spec, SpecError
from fakeserver.world import World

MAX_HEADERS = 128
CHUNK_ROWS = 1_000
"""A longer list is sent in pieces of this many rows, so that no answer holds the server or its memory."""
RETRY_AFTER_SECONDS = "1"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"

log = logging.getLogger("fakeserver")


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived, behind the provider's prefix. Header names are in lower case."""

    method: str
    path: str
    query: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Answer:
    """What is sent. A body in pieces is sent as it is made."""

    status: int
    body: bytes | Iterator[bytes]
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON

    def text(self) -> bytes:
        """The whole body."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)


@dataclass(frozen=True, slots=True)
class Route:
    """An operation with its meaning and its decoder."""

    operation: Operation
    meaning: Listing | Counting
    decoder: Decoder


class Service:
    """A provider behind its base URL."""

    def __init__(self, provider: Provider, spec: Spec, fixture: Fixture) -> None:
        self.provider = provider
        self.spec = spec
        self.fixture = fixture
        self.routes = [self._route(operation) for operation in spec.operations.values()]
        unknown = sorted(set(provider.operations) - set(spec.operations))
        if unknown:
            raise SpecError(f"openapi/{spec.name}.yaml: operation {unknown[0]!r} is served but not in the spec")
        self._patterns = [(route.operation.pattern, route) for route in self.routes]

    def answer(self, request: Request, world: World) -> Answer:
        """One request, from its path to its body. Whatever goes wrong becomes a refusal in the provider's dialect."""
        applied = ""
        try:
            if len(request.headers) > MAX_HEADERS:
                raise Problem(431, "too_many", f"The request has more than {MAX_HEADERS} headers")
            route, segments = self.match(request)
            query = query_pairs(request.query)
            keys, wanted = asked(request, route.operation, query)
            if not wanted.empty:
                failure = forced.answer(wanted, route.operation)
                applied = str(wanted)
                if failure is not None:
                    return self._forced(failure, route.operation, applied)
            caller = authenticate(keys, self.fixture.callers)
            values = route.decoder.decode(segments, query)
            answer = self.read(route, caller, values, world)
        except Problem as problem:
            answer = self.refusal(problem)
        except FakeProblem as problem:
            answer = own_refusal(problem)
        except Exception:
            log.exception("%s %s: unforeseen", self.provider.slug, request.method)
            answer = self.refusal(internal())
        if applied:
            answer.headers["Preference-Applied"] = applied
        return answer

    def match(self, request: Request) -> tuple[Route, dict[str, str]]:
        """The operation at this path, and the path's parameters."""
        allowed: list[str] = []
        for pattern, route in self._patterns:
            match = pattern.fullmatch(request.path)
            if match is None:
                continue
            if request.method in (route.operation.method, "HEAD" if route.operation.method == "GET" else ""):
                return route, match.groupdict()
            allowed += [route.operation.method, *(["HEAD"] if route.operation.method == "GET" else [])]
        raise method_not_allowed(allowed) if allowed else not_found()

    def read(self, route: Route, caller: Caller, values: Values, world: World) -> Answer:
        """The page or the counts that these values ask for."""
        meaning, tenants = route.meaning, world.tenants(self.provider)
        scope = meaning.tenant(caller, values, tenants)
        collection = tenants[scope.tenant]
        found = select(meaning.filters, collection, scope, values)
        headers = dict(self.provider.headers)
        if isinstance(meaning, Counting):
            counts = {name: facet.counts(found, collection) for name, facet in meaning.facets.items()}
            return Answer(200, orjson.dumps(counts), headers)
        context = Context(world.secret, binding(route.operation, meaning.filters, scope, values), world.now)
        page = meaning.pages.page(found, values, collection, context)
        return Answer(200, body_of(page, collection), {**headers, **page.headers})

    def refusal(self, problem: Problem) -> Answer:
        """The problem in the provider's dialect."""
        status, body = self.provider.errors(problem, self.fixture.switches)
        headers = dict(self.provider.headers) | problem.headers
        documented = self.routes[0].operation.responses.get(status)
        if documented is not None and "WWW-Authenticate" in documented.headers:
            headers["WWW-Authenticate"] = "Bearer"
        return Answer(status, orjson.dumps(body), headers)

    def _forced(self, failure: forced.Forced, operation: Operation, applied: str) -> Answer:
        if failure.body is None:
            answer = self.refusal(Problem(failure.status, "forced", "A failure that the spec does not document"))
            answer.status = failure.status
        else:
            answer = Answer(failure.status, failure.body, dict(self.provider.headers))
            declared = operation.responses[failure.status].headers
            if "Retry-After" in declared:
                answer.headers["Retry-After"] = RETRY_AFTER_SECONDS
            if "WWW-Authenticate" in declared:
                answer.headers["WWW-Authenticate"] = "Bearer"
        answer.headers["Preference-Applied"] = applied
        return answer

    def _route(self, operation: Operation) -> Route:
        """Hold an operation's meaning against its spec: a declared parameter is served or refused, never dropped."""
        meaning = self.provider.operations.get(operation.id)
        where = f"openapi/{self.spec.name}.yaml: {operation.id}"
        if meaning is None:
            raise SpecError(f"{where}: has no meaning in providers/{self.provider.slug}.py")
        if meaning.parameters != operation.query_names:
            missing = sorted(operation.query_names - meaning.parameters)
            extra = sorted(meaning.parameters - operation.query_names)
            raise SpecError(
                f"{where}: the spec declares {missing} which nothing reads; the provider reads {extra} undeclared"
            )
        for response in operation.responses.values():
            if response.status >= 400 and not response.examples:
                raise SpecError(f"{where}: status {response.status} has no named example to answer with")
        return Route(
            operation,
            meaning,
            decoder(
                operation,
                commas=frozenset(each.parameter for each in meaning.filters if isinstance(each, AnyOf) and each.commas),
                optional_text=self.provider.optional_text,
                checks=[check_of(each) for each in meaning.filters if isinstance(each, Pairs)],
            ),
        )


def check_of(pairs: Pairs) -> Any:
    """A decoder's check that lets a filter refuse a value that the grammar allows."""

    def check(values: Values, issues: list[Issue]) -> None:
        issues.extend(pairs.check(values[pairs.parameter] or ()))

    return check


def asked(request: Request, operation: Operation, query: Query) -> tuple[list[str], forced.Wish]:
    """The credentials of a request without their suffixes, and the failure that it asks for."""
    keys: list[str] = []
    suffix: dict[str, str] = {}
    for credential in credentials(operation, request.headers):
        key, wishes = forced.split_credential(credential)
        keys.append(key)
        suffix |= wishes
    return keys, forced.wish(request.headers.get("prefer"), query, suffix)


def select(filters: tuple[Filter, ...], collection: Collection, scope: Scope, values: Values) -> BitMap:
    """The ranks of the documents in the scope that every given filter lets through."""
    found = collection.everything if scope.owner is None else collection.owned_by(scope.owner)
    for each in filters:
        value = values[each.parameter]
        if value is None:
            continue
        rows = each.rows(collection, value)
        found = found & rows.rows
        if not rows.exact:
            holds = each.predicate(value)
            found = BitMap([rank for rank in found if holds(collection.document(rank))])
    return found


def binding(operation: Operation, filters: tuple[Filter, ...], scope: Scope, values: Values) -> bytes:
    """What a cursor belongs to; the order of a filter's values does not matter."""
    given = [(each.parameter, values[each.parameter]) for each in filters]
    return repr(
        (
            operation.id,
            scope.tenant,
            [(name, sorted(value) if isinstance(value, tuple) else value) for name, value in given],
        )
    ).encode()


def body_of(page: Page, collection: Collection) -> bytes | Iterator[bytes]:
    """The page's rows in their envelope."""
    body = collection.body
    if len(page.ranks) <= CHUNK_ROWS:
        return b"%s%s%s" % (page.before, b",".join([body(rank) for rank in page.ranks]), page.after)
    return _pieces(page, collection)


def _pieces(page: Page, collection: Collection) -> Iterator[bytes]:
    yield page.before
    for start in range(0, len(page.ranks), CHUNK_ROWS):
        rows = b",".join([collection.body(rank) for rank in page.ranks[start : start + CHUNK_ROWS]])
        yield b"," + rows if start else rows
    yield page.after


def own_refusal(problem: FakeProblem) -> Answer:
    """A refusal by the fake itself, never in a provider's dialect."""
    return Answer(problem.status, orjson.dumps(problem.body), media_type=PROBLEM_JSON)
