"""The operations of a provider: which one a path names, and what its texts mean."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson

from fakeserver.documents.cache import Cache
from fakeserver.faults.on_request import QUERY_PREFIX, RequestedFault, read_request
from fakeserver.listing.listing import Filtering
from fakeserver.listing.meaning import Asked, Meaning
from fakeserver.pipeline.agreement import check_agreement
from fakeserver.pipeline.exchange import Request
from fakeserver.problems import Issue, Moved, Problem, invalid, method_not_allowed, not_found
from fakeserver.provider import Provider
from fakeserver.spec.bodies import check_size
from fakeserver.spec.parameters import Decoder, Pairs, decoder, query_pairs
from fakeserver.spec.reader import UNSERVED_STATUS, Endpoint, Operation, Spec
from fakeserver.spec.routing import Routing

MAX_READINGS = 1_024
LONGEST_READING = 1_024
"""Texts of path and query whose values an operation remembers, and the characters that one may have."""
WISH = QUERY_PREFIX.encode()
Part = tuple[str, Any]
"""One field of a query that is read by itself: its name and its value."""
OTHER: Part = "", None
"""What any other field of a query is to whoever looks for those."""
UNSERVED_HEADER = "X-Fakeserver-Unserved"
"""Names, by its method and path, an operation that the provider has and the fake has not."""


class Route:
    """An operation with its meaning and its decoder."""

    def __init__(self, operation: Operation, meaning: Meaning, decoder: Decoder) -> None:
        self.operation = operation
        self.meaning = meaning
        self.decoder = decoder
        self.credential = meaning.credential
        self.plain = operation.body is None and not decoder.headers
        """Whether path and query are all that it reads."""
        self.whole = meaning.whole
        self.opens = isinstance(meaning, Filtering) if self.plain else bool(operation.body and not self.credential)
        """Whether what is found before its query, or its body, is looked at is worth keeping."""
        self.client = meaning.poll_seconds, meaning.idempotency, not meaning.whole
        self._cached = functools.lru_cache(MAX_READINGS)(self._read)
        prefixes = tuple(each.prefix for each in decoder.pairs)
        self._apart = frozenset(each for each in meaning.apart & decoder.query.keys() if not each.startswith(prefixes))
        self._parts: Cache[bytes, Part] = Cache(MAX_READINGS)

    def read(self, segments: Mapping[str, str], query: bytes) -> Asked:
        """The typed values of a request, or a Problem. The same text always means the same, so it is read once; what
        says which page is wanted changes nothing about the rest, so each of both is."""
        places: tuple[tuple[str, str], ...] = ()
        length = len(query)
        if segments:
            places = tuple(segments.items())
            length += sum(map(len, segments.values()))
        if length > LONGEST_READING:
            return self._read(places, query)
        if not self._apart:
            return self._cached(places, query)
        values, rest = {}, []
        parts = self._parts
        for text in query.split(b"&"):
            part = parts.get(text) or self._read_part(text)
            if part is OTHER:
                rest.append(text)
            elif part is None or part[0] in values:
                return self._cached(places, query)
            else:
                values[part[0]] = part[1]
        if not values:
            return self._cached(places, query)
        try:
            asked = self._cached(places, b"&".join(rest))
        except Problem:
            # Which may have more issues, in another order.
            return self._read(places, query)
        return Asked({**asked.values, **values}, asked.question, query)

    def _read_part(self, text: bytes) -> Part | None:
        """One field of a query if it is read by itself, None if it is refused."""
        part: Part = OTHER
        for name, value in self.pairs(text):
            if name in self._apart:
                issues: list[Issue] = []
                part = name, self.decoder.query[name].decode((value,), issues)
                if issues:
                    return None
        self._parts.keep(text, part)
        return part

    def read_whole(self, segments: Mapping[str, str], request: Request) -> Asked:
        """The same with the headers and the body that the operation takes: one Problem has the issues of all."""
        if len(request.body) > self.meaning.max_body:
            raise Problem(413, "too_long", f"The body is longer than {self.meaning.max_body} bytes")
        issues: list[Issue] = []
        asked, body, headers = None, None, {}
        try:
            asked = self.read(segments, request.query)
        except Problem as problem:
            issues += issues_of(problem)
        try:
            if self.decoder.headers:
                headers = self.decoder.decode_headers(request.headers)
        except Problem as problem:
            issues += issues_of(problem)
        try:
            if self.operation.body is not None:
                body = self.operation.body.decode(request.body, request.headers.get("content-type", ""))
        except Problem as problem:
            issues += issues_of(problem)
        if asked is None or issues:
            raise invalid(issues)
        return Asked(asked.values, asked.question, asked.query, body, headers)

    def read_wishes(self, request: Request) -> tuple[list[str], RequestedFault | None]:
        """The credentials of a request, and what it asks the fake itself for."""
        if request.opening is not None and WISH not in request.query:
            return request.opening.keys, None
        inside = self.credential_in(request.body) if self.credential else None
        return read_request(self.operation, request.headers, request.query, inside)

    def credential_in(self, body: bytes) -> str | None:
        """The credential that a body holds, where the operation looks for one in it."""
        name = self.credential
        if not name or not body:
            return None
        try:
            check_size(body)
            found = orjson.loads(body)
        except (Problem, orjson.JSONDecodeError):
            return None
        text = found.get(name) if isinstance(found, dict) else None
        return text if isinstance(text, str) else None

    def pairs(self, query: bytes) -> Pairs:
        return query_pairs(query)

    def _read(self, segments: tuple[tuple[str, str], ...], query: bytes) -> Asked:
        values = self.decoder.decode(dict(segments), self.pairs(query) if query else ())
        return Asked(values, self.meaning.question(self.operation.id, values), query)


def issues_of(problem: Problem) -> tuple[Issue, ...]:
    """What is wrong with an input; a problem of any other kind stands alone."""
    if problem.kind != "invalid":
        raise problem
    return problem.issues


class Matcher:
    """Finds the operation at a path, in the way of a provider's router."""

    def __init__(
        self, routes: Iterable[Route], unserved: Iterable[Endpoint] = (), routing: Routing | None = None
    ) -> None:
        self._routing = routing = routing or Routing()

        def methods_of(endpoint: Endpoint) -> tuple[str, ...]:
            return endpoint.methods if routing.head == "served" else (endpoint.method,)

        # A path without parameters needs no pattern.
        self._literal = {
            (method, route.operation.path): route
            for route in routes
            for method in methods_of(route.operation)
            if "{" not in route.operation.path
        }
        endpoints: list[tuple[Endpoint, Route | None]] = [(route.operation, route) for route in routes]
        endpoints += [(endpoint, None) for endpoint in unserved]
        # Of two paths that fit, OpenAPI prefers the one that spells out more.
        endpoints.sort(key=lambda entry: ["{" in part for part in entry[0].path.split("/")])
        # A parameter is one segment, so a path fits those alone that have as many; their patterns are compiled when the
        # first such path is asked for: there are hundreds.
        self._by_slashes: dict[int, list[tuple[tuple[str, ...], Endpoint, Route | None]]] = {}
        for endpoint, route in endpoints:
            alike = self._by_slashes.setdefault(endpoint.path.count("/"), [])
            alike.append((methods_of(endpoint), endpoint, route))

    def __call__(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The operation at this path, and the path's parameters, or a Problem; Moved, if another path is meant."""
        literal = self._literal.get((method, path))
        if literal is not None:
            return literal, {}
        allowed: list[tuple[str, ...]] = []
        for methods, endpoint, route in self._by_slashes.get(path.count("/"), ()):
            match = endpoint.pattern.fullmatch(path)
            if match is None:
                continue
            if method in methods:
                if route is None:
                    raise unserved_problem(endpoint)
                return route, match.groupdict()
            allowed.append(methods)
        if allowed:
            told = allowed[:1] if self._routing.allow == "first" else allowed
            raise method_not_allowed([*dict.fromkeys(method for methods in told for method in methods)])
        if self._routing.slash == "redirected":
            other = path.rstrip("/") if path.endswith("/") else path + "/"
            if any(each.pattern.fullmatch(other) for _, each, _ in self._by_slashes.get(other.count("/"), ())):
                raise Moved(other)
        raise not_found()


def unserved_problem(endpoint: Endpoint) -> Problem:
    """The provider has this operation, and the fake has not; a header says so to whoever looks for the cause."""
    name = f"{endpoint.method} {endpoint.path}"
    headers = {UNSERVED_HEADER: quote(name, safe=" /{}:")}
    detail = f"The fake does not serve {name}" + (endpoint.reason and f": {endpoint.reason}")
    if endpoint.status == UNSERVED_STATUS:
        return Problem(UNSERVED_STATUS, "unserved", detail, headers=headers)
    return Problem(endpoint.status, "not_found", detail, headers=headers)


def routes_of(provider: Provider, spec: Spec) -> list[Route]:
    """The operations that a provider serves, in the order of its spec, after both were held against each other."""
    check_agreement(provider, spec)
    return [route_of(provider, operation) for operation in spec.operations.values()]


def route_of(provider: Provider, operation: Operation) -> Route:
    """An operation with what the provider makes of it."""
    meaning = provider.operations[operation.id]
    decoding = decoder(
        operation.parameters, optional_text=provider.optional_text, checks=meaning.checks, reading=provider.reading
    )
    known = {outcome for each in provider.operations.values() for outcome in each.outcomes}
    others = frozenset(known.difference(meaning.outcomes))
    return Route(
        replace(
            operation, outcomes=tuple(meaning.outcomes), others_outcomes=others, shows_scenarios=meaning.shows_scenarios
        ),
        meaning,
        decoding,
    )
