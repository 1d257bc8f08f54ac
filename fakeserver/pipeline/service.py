"""One provider, served: its spec, its meaning and its fixture, compiled at start. `Service.answer` is one request."""

from __future__ import annotations

import functools
import logging

import orjson

from fakeserver.faults import on_request
from fakeserver.faults.scripts import Failure
from fakeserver.listing.listing import Facets
from fakeserver.listing.pages import Context
from fakeserver.listing.select import body_of, count_facets, select
from fakeserver.pipeline.exchange import FAULT_HEADER, Answer, Exchange, Request, own_refusal
from fakeserver.pipeline.routes import Matcher, route_of
from fakeserver.problems import (
    FakeProblem,
    Problem,
    SpecError,
    internal,
    unauthenticated,
)
from fakeserver.provider import Provider
from fakeserver.recipes.fixture import Fixture
from fakeserver.spec.credentials import Caller, credentials
from fakeserver.spec.parameters import MAX_QUERY_BYTES, check_size, query_pairs
from fakeserver.spec.reader import Operation, Spec
from fakeserver.worlds.entries import MAX_TEXT
from fakeserver.worlds.rate_limits import meters_of
from fakeserver.worlds.world import World

MAX_HEADERS = 128
MAX_METERS = 1_024
"""Addresses and callers whose meters are kept at hand; any other's are made again."""
RETRY_AFTER_SECONDS = "1"

log = logging.getLogger("fakeserver")


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
        found = collection.cached(question, lambda: select(meaning.filters, collection, scope, values))
        headers = {**self.provider.headers, **reported}
        if isinstance(meaning, Facets):
            counts = collection.cached((Facets, question), lambda: count_facets(meaning, found, collection))
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
        self, request: Request, wanted: on_request.Wish | None, keys: list[str], world: World, exchange: Exchange
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


def asked(request: Request, operation: Operation) -> tuple[list[str], on_request.Wish | None]:
    """The credentials of a request without their suffixes, and the failure that it asks for."""
    keys: list[str] = []
    suffix: dict[str, str] = {}
    for credential in credentials(operation, request.headers):
        if "+" in credential:
            credential, wishes = on_request.split_credential(credential)
            suffix |= wishes
        keys.append(credential)
    prefer = request.headers.get("prefer")
    if prefer is None and not suffix and b"__" not in request.query:
        return keys, None
    return keys, on_request.wish(prefer, query_pairs(request.query), suffix, operation)
