"""A provider's error dialect, held at start against every kind of problem: it has to answer when all else fails."""

from __future__ import annotations

import orjson

from fakeserver.problems import (
    Issue,
    Problem,
    SpecError,
    bad_cursor,
    forbidden,
    internal,
    invalid,
    method_not_allowed,
    not_found,
    unauthenticated,
)
from fakeserver.provider import Provider

PROBLEMS = (
    unauthenticated(),
    forbidden("Forbidden"),
    not_found(),
    method_not_allowed(("GET",)),
    invalid((Issue(("query", "limit"), "must be at least 1", "greater_than_equal"),)),
    bad_cursor("The cursor is not valid", "cursor"),
    internal(),
    Problem(429, "rate_limited", "Too many requests"),
    Problem(418, "of a kind that no provider knows", "A failure that the spec does not document"),
)


def check_dialect(provider: Provider) -> None:
    """Hold `provider.errors` against each kind of problem under each choice of a switch, or raise a `SpecError`."""
    first = {name: choices[0] for name, choices in provider.switches.items()}
    chosen = [first, *({**first, name: each} for name, choices in provider.switches.items() for each in choices[1:])]
    for problem in PROBLEMS:
        for switches in chosen:
            try:
                status, body = provider.errors(problem, switches)
                orjson.dumps(body)
            except Exception as error:  # It is somebody else's code.
                raise SpecError(f"errors fails at a problem of the kind {problem.kind!r}: {error!r}") from error
            if not isinstance(status, int) or not 400 <= status <= 599:
                raise SpecError(f"errors gives a problem of the kind {problem.kind!r} the status {status!r}")
