"""State that requests share by accident: caches with too short a key, variables that outlive a request, races."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

from contract_tests.planted.backend import FACETS, LIST, Backend, Next
from contract_tests.planted.bug import Plant, table
from contract_tests.planted.plants import query_of, with_query
from fakeserver.pipeline.exchange import Answer, Request

RACE_SECONDS = 0.25
"""How long a request waits at most for the next one to take its place in what they share."""

T = TypeVar("T")


class Shared(Generic[T]):
    """A variable that all requests share. Each waits until the next one has written to it, so that two that are sent
    together always race, however slow the machine is; the last one waits in vain."""

    def __init__(self) -> None:
        self._written = threading.Condition()
        self._writes = 0
        self._value: T

    def exchange(self, value: T) -> T:
        """Write the value, and read what is there a moment later."""
        with self._written:
            self._value = value
            self._writes += 1
            mine = self._writes
            self._written.notify_all()
            # Alone in its process, a request has nobody beside it to wait for.
            if threading.current_thread() is not threading.main_thread():
                self._written.wait_for(lambda: self._writes > mine, RACE_SECONDS)
            return self._value


def cached(key: Callable[[Request, Mapping[str, str]], Any]) -> Plant:
    """Answers are kept under a key that leaves something out."""

    def plant(backend: Backend, operation: str) -> Backend:
        kept: dict[Any, Answer] = {}

        def change(request: Request, following: Next) -> Answer:
            name = key(request, dict(query_of(request)))
            if name not in kept:
                answer = following(request)
                if answer.status != 200:
                    return answer
                kept[name] = answer
            return replace(kept[name])

        return backend.wrapped(change, operation)

    return plant


def caching_without(*parameters: str) -> Plant:
    """These parameters are left out of the key."""
    return cached(
        lambda request, query: (
            request.path,
            repr(sorted(request.headers.items())),
            repr([pair for pair in query_of(request) if pair[0] not in parameters]),
        )
    )


CACHE_WITHOUT_CALLER = cached(lambda request, query: (request.path, request.query))


def racing(backend: Backend, operation: str) -> Backend:
    """The filters lie in a variable that all requests share."""
    query: Shared[bytes] = Shared()

    def change(request: Request, following: Next) -> Answer:
        return following(replace(request, query=query.exchange(request.query)))

    return backend.wrapped(change, operation)


def sharing_the_caller(backend: Backend, operation: str) -> Backend:
    """Who asks lies in a variable that all requests share."""
    caller: Shared[Mapping[str, str]] = Shared()

    def change(request: Request, following: Next) -> Answer:
        return following(replace(request, headers=caller.exchange(request.headers)))

    return backend.wrapped(change, operation)


def accumulating(name: str) -> Plant:
    """Values of a filter are added to a list that outlives the request."""

    def plant(backend: Backend, operation: str) -> Backend:
        kept: list[tuple[str, str]] = []

        def change(request: Request, following: Next) -> Answer:
            given = [pair for pair in query_of(request) if pair[0] == name]
            answer = following(with_query(request, [*query_of(request), *kept] if given else query_of(request)))
            if given and answer.status == 200:
                kept[:] = dict.fromkeys([*kept, *given])
            return answer

        return backend.wrapped(change, operation)

    return plant


def _shared(**more: tuple[str, Plant]) -> dict[str, tuple[str, Plant]]:
    return {
        "cache_without_caller": ("Answers are cached under the address, whoever asks.", CACHE_WITHOUT_CALLER),
        "race_on_filters": ("The filters lie in a variable that all requests share.", racing),
        "caller_in_a_global": ("The current user lies in a variable that all requests share.", sharing_the_caller),
        **more,
    }


PRIME = table(
    "prime",
    LIST,
    "state",
    **_shared(
        cache_without_labels=("Answers are cached under a key without the labels.", caching_without("labels")),
        cache_without_page=("Answers are cached under a key without the page.", caching_without("page")),
        cache_without_status=("Answers are cached under a key without the status.", caching_without("status")),
        labels_accumulate=("The labels of earlier requests are asked for again.", accumulating("labels")),
    ),
)

INSTAVM = table(
    "instavm",
    LIST,
    "state",
    **_shared(cache_without_metadata=("Answers are cached under a key without metadata.", caching_without("metadata"))),
)

SUPERSERVE = table(
    "superserve",
    LIST,
    "state",
    **_shared(cache_without_offset=("Answers are cached under a key without the offset.", caching_without("offset"))),
)

DREADNODE = (
    *table(
        "dreadnode",
        LIST,
        "state",
        **_shared(
            cache_without_state=("Answers are cached under a key without the state.", caching_without("state")),
            cache_without_cursor=("Answers are cached under a key without the cursor.", caching_without("cursor")),
            cache_without_org=(
                "Answers are cached under a key without the org.",
                cached(lambda request, query: (request.query, request.headers.get("authorization"))),
            ),
        ),
    ),
    *table(
        "dreadnode",
        FACETS,
        "state",
        facets_cache_without_org=(
            "Facets are cached under a key without the org.",
            cached(lambda request, query: (request.query, request.headers.get("authorization"))),
        ),
        facets_cache_without_project=(
            "Facets are cached under a key without the project.",
            caching_without("project_id"),
        ),
        facets_cache_without_caller=("Facets are cached under the address, whoever asks.", CACHE_WITHOUT_CALLER),
        facets_caller_in_a_global=(
            "The current user lies in a variable that all requests share.",
            sharing_the_caller,
        ),
        facets_race=("The filters lie in a variable that all requests share.", racing),
    ),
)
