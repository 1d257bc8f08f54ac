"""The operations of a provider: which one a path names, and what its texts mean."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fakeserver.listing.filters import AnyOf, parsing
from fakeserver.listing.listing import Facets, Listing, objections
from fakeserver.listing.select import question_of
from fakeserver.problems import SpecError, method_not_allowed, not_found
from fakeserver.provider import Provider
from fakeserver.spec.parameters import Decoder, Values, decoder, query_pairs
from fakeserver.spec.reader import Operation, Spec

MAX_READINGS = 1_024
LONGEST_READING = 1_024
"""Texts of path and query whose values an operation remembers, and the characters that one may have."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a path and a query ask an operation for; `question` is what its filters were given (`question_of`)."""

    values: Values
    question: bytes


class Route:
    """An operation with its meaning and its decoder."""

    def __init__(self, operation: Operation, meaning: Listing | Facets, decoder: Decoder) -> None:
        self.operation = operation
        self.meaning = meaning
        self.decoder = decoder
        # A GET answers HEAD as well.
        self.methods = ["GET", "HEAD"] if operation.method == "GET" else [operation.method]
        self._cached = functools.lru_cache(MAX_READINGS)(self._read)

    def read(self, segments: Mapping[str, str], query: bytes) -> Reading:
        """The typed values of a request, or a Problem. The same text always means the same, so it is read once."""
        parts = tuple(segments.items())
        short = len(query) + sum(len(text) for _, text in parts) <= LONGEST_READING
        return (self._cached if short else self._read)(parts, query)

    def _read(self, segments: tuple[tuple[str, str], ...], query: bytes) -> Reading:
        values = self.decoder.decode(dict(segments), query_pairs(query) if query else ())
        return Reading(values, question_of(self.operation.id, self.meaning.filters, values))


class Matcher:
    """Finds the operation at a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._patterns = [(route.operation.pattern, route) for route in routes]
        # A path without parameters needs no pattern.
        self._literal = {
            (method, route.operation.path): route
            for _, route in self._patterns
            for method in route.methods
            if "{" not in route.operation.path
        }

    def __call__(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The operation at this path, and the path's parameters, or a Problem."""
        literal = self._literal.get((method, path))
        if literal is not None:
            return literal, {}
        allowed: list[str] = []
        for pattern, route in self._patterns:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if method in route.methods:
                return route, match.groupdict()
            allowed += route.methods
        raise method_not_allowed(allowed) if allowed else not_found()


def route_of(provider: Provider, spec: Spec, operation: Operation) -> Route:
    """Hold an operation's meaning against its spec: a declared parameter is served or refused, never dropped."""
    meaning = provider.operations.get(operation.id)
    where = f"openapi/{spec.name}.yaml: {operation.id}"
    if meaning is None:
        raise SpecError(f"{where}: has no meaning in providers/{provider.slug}.py")
    if meaning.parameters != operation.query_names:
        missing = sorted(operation.query_names - meaning.parameters)
        extra = sorted(meaning.parameters - operation.query_names)
        raise SpecError(
            f"{where}: the spec declares {missing} which nothing reads; the provider reads {extra} undeclared"
        )
    for objection in objections(meaning, operation):
        raise SpecError(f"{where}: {objection}")
    for response in operation.responses.values():
        if response.status >= 400 and not response.examples:
            raise SpecError(f"{where}: status {response.status} has no named example to answer with")
    return Route(
        operation,
        meaning,
        decoder(
            operation,
            commas=frozenset(each.parameter for each in meaning.filters if isinstance(each, AnyOf) and each.commas),
            optional_text=provider.optional_text,
            checks=[parsing(kind) for kind in meaning.filters],
        ),
    )
