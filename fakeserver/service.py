"""One provider, served: its spec, its meaning and its fixture, compiled at start. `Service.answer` is one request."""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

import orjson
from pyroaring import BitMap

from fakeserver import forced
from fakeserver.auth import Caller, credentials
from fakeserver.collection import Collection
from fakeserver.faults import Dribble, Failure
from fakeserver.filters import Filter
from fakeserver.fixtures import Fixture
from fakeserver.journal import MAX_TEXT, MAX_WARNINGS, Entry, Record, masked
from fakeserver.limits import meters_of
from fakeserver.manners import declared, warnings
from fakeserver.pages import Context, Page
from fakeserver.params import MAX_QUERY_BYTES, Values, check_size, query_pairs
from fakeserver.problems import (
    FakeProblem,
    Problem,
    internal,
    unauthenticated,
)
from fakeserver.provider import Counting, Provider, Scope
from fakeserver.routes import Matcher, route_of
from fakeserver.spec import Operation, Spec, SpecError
from fakeserver.world import World

MAX_HEADERS = 128
MAX_METERS = 1_024
"""Addresses and callers whose meters are kept at hand; any other's are made again."""
FAULT_HEADER = "X-Fakeserver-Fault"
CHUNK_ROWS = 1_000
"""A longer list is sent in pieces of this many rows, so that no answer holds the server or its memory."""
RETRY_AFTER_SECONDS = "1"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"

log = logging.getLogger("fakeserver")


@dataclass(slots=True)
class Request:
    """What arrived, behind the provider's prefix. Header names are in lower case; `address` is the client's."""

    method: str
    path: str
    query: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"


@dataclass(slots=True)
class Answer:
    """What is sent. A body in pieces is sent as made; `delay` (seconds), `dribble` and `fault` happen on the wire."""

    status: int
    body: bytes | Iterator[bytes]
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON
    delay: float = 0.0
    dribble: Dribble | None = None
    fault: str | None = None

    def text(self) -> bytes:
        """The whole body."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)


class Exchange(Record):
    """What is known about a request so far, for the journal and for the failure that somebody wants."""

    operation: Operation | None = None
    caller: Caller | None = None
    values: Values | None = None
    failure: Failure | None = None
    applied: str | None = None
    method = ""
    status = 0

    def write(self) -> Entry:
        path, query, caller = self.asked
        return Entry(
            number=0,
            instant=self.instant,
            method=self.method,
            path=f"/{self.provider}{path}"[:MAX_TEXT],
            query=masked(query.decode("utf-8", "replace"), declared(self.operation)),
            status=self.status,
            provider=self.provider,
            operation=None if self.operation is None else self.operation.id,
            caller=caller,
            values=self.values,
            fault=None if self.failure is None else self.failure.label,
            warnings=tuple(islice(warnings(path[:2], self.operation, query), MAX_WARNINGS)),
        )


class Service:
    """A provider behind its base URL."""

    def __init__(self, provider: Provider, spec: Spec, fixture: Fixture) -> None:
        self.provider = provider
        self.spec = spec
        self.fixture = fixture
        self.routes = [route_of(provider, spec, operation) for operation in spec.operations.values()]
        unknown = sorted(set(provider.operations) - set(spec.operations))
        if unknown:
            raise SpecError(f"openapi/{spec.name}.yaml: operation {unknown[0]!r} is served but not in the spec")
        self.match = Matcher(self.routes)
        self.meters = functools.lru_cache(MAX_METERS)(
            lambda address, caller, tenant: meters_of(
                provider.slug, provider.limits, {"address": address, "caller": caller, "tenant": tenant}
            )
        )

    def answer(self, request: Request, world: World) -> Answer:
        """One request, from its path to its body. Whatever goes wrong becomes a refusal in the provider's dialect."""
        exchange = Exchange()
        exchange.instant = world.clock.now
        try:
            answer = self.respond(request, world, exchange)
        except Problem as problem:
            answer = self.refusal(problem, world)
        except FakeProblem as problem:
            answer = own_refusal(problem)
        except Exception:
            log.exception("%s %s: unforeseen", self.provider.slug, request.method)
            answer = self.refusal(internal(), world)
        if exchange.failure is not None and exchange.failure.phase == "after" and answer.status >= 400:
            # Nothing was left to fail after the effect.
            exchange.failure = exchange.applied = None
        if exchange.failure is not None:
            answer = self.failed(answer, exchange.failure, exchange.operation, world)
        if exchange.applied:
            answer.headers["Preference-Applied"] = exchange.applied
        if world.settings.journal:
            self.note(request, exchange, answer, world)
        return answer

    def respond(self, request: Request, world: World, exchange: Exchange) -> Answer:
        """The stages of a request, in order; each may refuse."""
        if len(request.headers) > MAX_HEADERS:
            raise Problem(431, "too_many", f"The request has more than {MAX_HEADERS} headers")
        route, segments = self.match(request.method, request.path)
        exchange.operation = operation = route.operation
        check_size(request.query)
        keys, wanted = asked(request, operation)
        caller = exchange.caller = self.caller(keys)
        if wanted is not None or world.faults.scripts:
            exchange.failure = self.due(request, wanted, keys, world, exchange)
        failure = exchange.failure
        if failure is not None and failure.status is not None and failure.phase == "before":
            return Answer(failure.status, b"")
        if caller is None:
            raise unauthenticated()
        reported = self.limited(exchange, caller, request, world)
        reading = route.read(segments, request.query)
        values = exchange.values = reading.values
        meaning, tenants = route.meaning, world.tenants(self.provider)
        scope = meaning.tenant(caller, values, tenants)
        collection = tenants[scope.tenant]
        question = (scope.owner, reading.question)
        found = collection.remembered(question, lambda: select(meaning.filters, collection, scope, values))
        headers = {**self.provider.headers, **reported}
        if isinstance(meaning, Counting):
            counts = collection.remembered((Counting, question), lambda: counted(meaning, found, collection))
            return Answer(200, counts, headers)
        context = Context(world.secret, world.seen, lambda: scope.tenant.encode() + b" " + reading.question)
        page = meaning.pages.page(found, values, collection, context)
        return Answer(200, body_of(page, collection), {**headers, **page.headers} if page.headers else headers)

    def caller(self, keys: list[str]) -> Caller | None:
        """Who the first known credential belongs to."""
        for key in keys:
            caller = self.fixture.callers.get(key)
            if caller is not None:
                return caller
        return None

    def due(
        self, request: Request, wanted: forced.Wish | None, keys: list[str], world: World, exchange: Exchange
    ) -> Failure | None:
        """The failure that this request gets: the one it asks for itself, else the one that a script has for it."""
        operation = exchange.operation
        assert operation is not None
        if wanted is not None:
            wish = f"{self.provider.slug} {operation.id} {keys} {wanted.text}"
            if not world.faults.grant(wish, wanted.times, wanted.after):
                return None
            exchange.applied = wanted.text
            return wanted.failure if wanted.failure.acts else None
        name = None if exchange.caller is None else exchange.caller.name
        return world.faults.due(self.provider.slug, operation.id, name, dict(query_pairs(request.query)))

    def limited(self, exchange: Exchange, caller: Caller, request: Request, world: World) -> dict[str, str]:
        """The headers that report the caller's rate limits, or a 429."""
        mode = world.settings.rate_limits[self.provider.slug]
        if not self.provider.limits or mode == "off":
            return {}
        meters = self.meters(request.address, caller.name, caller.home)
        return world.limits.take(meters, exchange.instant, enforced=True if mode == "enforced" else None)

    def note(self, request: Request, exchange: Exchange, answer: Answer, world: World) -> None:
        """Put the exchange into the world's journal. The headers hold credentials, so they are not kept."""
        path, query = request.path[:MAX_TEXT], request.query
        if len(query) > MAX_QUERY_BYTES:
            # It was refused, and three bytes a character are more than the journal shows.
            query = query[: 3 * MAX_TEXT]
        exchange.asked = path, query, None if exchange.caller is None else exchange.caller.name
        exchange.provider, exchange.method, exchange.status = self.provider.slug, request.method, answer.status
        exchange.understood = exchange.values is not None
        world.journal.add(exchange, answer.headers.get("Retry-After"))

    def refusal(self, problem: Problem, world: World) -> Answer:
        """The problem in the provider's dialect."""
        status, body = self.provider.errors(problem, world.settings.switches[self.provider.slug])
        headers = dict(self.provider.headers) | problem.headers
        documented = self.routes[0].operation.responses.get(status)
        if documented is not None and "WWW-Authenticate" in documented.headers:
            headers["WWW-Authenticate"] = "Bearer"
        return Answer(status, orjson.dumps(body), headers)

    def failed(self, answer: Answer, failure: Failure, operation: Operation | None, world: World) -> Answer:
        """The answer, made to fail as somebody asked; a header says so."""
        assert operation is not None
        if failure.status is not None:
            answer = self.documented(failure.status, failure.body, operation, world)
        for name, text in failure.headers.items():
            spelled = next((each for each in answer.headers if each.lower() == name.lower()), name.title())
            answer.headers[spelled] = text
        answer.headers[FAULT_HEADER] = failure.label
        world.faults.failed += 1
        if failure.delay is not None:
            answer.delay = failure.delay.draw(world.faults.chance(failure.label, world.faults.failed))
        answer.dribble = failure.dribble
        answer.fault = failure.fault
        return answer

    def documented(self, status: int, body: bytes | None, operation: Operation, world: World) -> Answer:
        """A failure with the spec's own example as its body; without one, in the provider's dialect."""
        if body is None:
            answer = self.refusal(Problem(status, "forced", "A failure that the spec does not document"), world)
            answer.status = status
            return answer
        answer = Answer(status, body, dict(self.provider.headers))
        declared = operation.responses[status].headers
        if "Retry-After" in declared:
            answer.headers["Retry-After"] = RETRY_AFTER_SECONDS
        if "WWW-Authenticate" in declared:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer


def asked(request: Request, operation: Operation) -> tuple[list[str], forced.Wish | None]:
    """The credentials of a request without their suffixes, and the failure that it asks for."""
    keys: list[str] = []
    suffix: dict[str, str] = {}
    for credential in credentials(operation, request.headers):
        if "+" in credential:
            credential, wishes = forced.split_credential(credential)
            suffix |= wishes
        keys.append(credential)
    prefer = request.headers.get("prefer")
    if prefer is None and not suffix and b"__" not in request.query:
        return keys, None
    return keys, forced.wish(prefer, query_pairs(request.query), suffix, operation)


def select(filters: tuple[Filter, ...], collection: Collection, scope: Scope, values: Values) -> BitMap:
    """The ranks of the documents in the scope that every given filter lets through."""
    found = None if scope.owner is None else collection.owned_by(scope.owner)
    for each in filters:
        value = values[each.parameter]
        if value is None:
            continue
        rows = each.rows(collection, value)
        found = rows.rows if found is None else found & rows.rows
        if not rows.exact:
            holds = each.predicate(value)
            found = BitMap([rank for rank in found if holds({each.field: collection.value(rank, each.field)})])
    return collection.everything if found is None else found


def counted(meaning: Counting, found: BitMap, collection: Collection) -> bytes:
    """The facets' body."""
    return orjson.dumps({name: facet.counts(found, collection) for name, facet in meaning.facets.items()})


def body_of(page: Page, collection: Collection) -> bytes | Iterator[bytes]:
    """The page's rows in their envelope."""
    if len(page.ranks) <= CHUNK_ROWS:
        rows = collection.bodies(page.ranks) or [b""]
        # The halves of the envelope go to the first and the last row, so that the whole is copied only once.
        rows[0] = page.before + rows[0]
        rows[-1] += page.after
        return b",".join(rows)
    # What changes meanwhile makes new state and leaves the old alone, so a shallow copy is a view that stays whole.
    return _pieces(page, copy.copy(collection))


def _pieces(page: Page, collection: Collection) -> Iterator[bytes]:
    yield page.before
    for start in range(0, len(page.ranks), CHUNK_ROWS):
        rows = b",".join(collection.bodies(page.ranks[start : start + CHUNK_ROWS]))
        yield b"," + rows if start else rows
    yield page.after


def own_refusal(problem: FakeProblem) -> Answer:
    """A refusal by the fake itself, never in a provider's dialect."""
    return Answer(problem.status, orjson.dumps(problem.body), media_type=PROBLEM_JSON)
