"""Our fake with a deployment's own rows in it: what the deployment should have answered."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contract_tests.judging.target import target
from contract_tests.outcome import Row
from contract_tests.promises.form import Promises
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.in_process import InProcess
from fakeserver.documents.collection import Collection
from fakeserver.documents.order import OrderKey
from fakeserver.listing.listing import Facets, Listing
from fakeserver.listing.pages import Cursor, First, Numbered
from fakeserver.listing.pages import Window as WindowPosition
from fakeserver.pipeline.exchange import Request
from fakeserver.pipeline.routes import Route
from fakeserver.pipeline.service import Service
from fakeserver.problems import Problem
from fakeserver.serving.app import Settings, create_app, load_services

EPOCH = 1_735_689_600_000_000
"""1 January 2025: equal rows make equal answers, cursors included."""


@functools.cache
def service_of(slug: str) -> Service:
    return load_services((slug,))[slug]


def default_credentials(slug: str) -> dict[str, str]:
    """The first caller of the provider's recipe, one who shares nothing with it, and one who shares a tenant."""
    fixture = service_of(slug).fixture
    further = {"other": fixture.stranger, "colleague": fixture.colleague}
    return {"token": fixture.credential} | {name: key for name, key in further.items() if key}


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the matching rows a page shows: from `start` on, at most `count` rows (None: all)."""

    start: int
    count: int | None
    cursor: bool = False
    """The start is where a cursor says, which no number tells."""

    @property
    def end(self) -> float:
        return float("inf") if self.count is None else self.start + self.count


class Twin:
    """A server in process that owns exactly these rows, in exactly this order, and knows the deployment's caller as
    its admin."""

    def __init__(self, promises: Promises, rows: Mapping[str, Sequence[Row]]) -> None:
        self.promises, slug = promises, promises.slug
        self.service = copy.copy(service_of(slug))
        self.provider = self.service.provider
        fixture = self.service.fixture
        key = fixture.credential
        admin, owner = fixture.callers[key], promises.listing.owner
        # The empty scope is the caller's own list; every other one is an org or a team of that name.
        tenants = {scope: scope or admin.home for scope in rows}
        self.caller = replace(
            admin,
            user=(owner.most_common(rows.get("", ())) if owner is not None else None) or admin.user,
            tenants=dict.fromkeys([admin.home, *tenants.values()], "admin"),
        )
        self.service.fixture = replace(fixture, callers={**fixture.callers, key: self.caller})
        self.world = create_app(
            Settings(size=0, epoch=EPOCH, only=(slug,), rate_limits=False), {slug: self.service}
        ).world
        self.world.settings.journal = False
        self.tenants = self.world.tenants(self.provider)
        for scope, documents in rows.items():
            self.tenants[tenants[scope]] = as_served(documents, promises.listing.identity, self.caller.user)
        self.transport = InProcess(self.handle, target(slug).security, default_credentials(slug))

    def handle(
        self, method: str, path: str, query: bytes, headers: dict[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        answer = self.service.answer(Request(method, path, query, headers), self.world)
        sent = {name.lower(): text for name, text in answer.headers.items()}
        return answer.status, {**sent, "content-type": answer.media_type}, answer.text()

    def send(self, ask: Ask) -> Reply:
        return self.transport.send(ask)

    def find_ids(self, ask: Ask) -> list[str] | None:
        """The ids of all rows that the ask's filters let through, in the order of the list; None for a refusal."""
        try:
            route, values = self._read(ask)
            meaning = route.meaning
            assert isinstance(meaning, Listing | Facets)
            scope = meaning.tenant(self.caller, values, self.tenants)
        except Problem:
            return None
        holds = [
            filter.predicate(values[filter.parameter])
            for filter in meaning.filters
            if values[filter.parameter] is not None
        ]
        documents = self.tenants[scope.tenant].documents()
        return [str(row[self.promises.listing.identity]) for row in documents if all(keep(row) for keep in holds)]

    def window(self, ask: Ask) -> Window:
        """The part of the list that the ask's page parameters select."""
        route, values = self._read(ask)
        if not isinstance(route.meaning, Listing):
            return Window(0, None)
        position = route.meaning.pages.position
        if isinstance(position, Numbered):
            return Window((values[position.number] - 1) * values[position.size], values[position.size])
        if isinstance(position, WindowPosition):
            limit = values[position.limit]
            return Window(values[position.offset] or 0, None if limit is None else min(limit, position.most))
        if isinstance(position, Cursor):
            return Window(0, values[position.limit], cursor=values[position.cursor] is not None)
        assert isinstance(position, First)
        return Window(0, values[position.limit])

    def _read(self, ask: Ask) -> tuple[Route, dict[str, Any]]:
        route, segments = self.service.match("GET", ask.path)
        return route, route.read(segments, ask.query_string.encode()).values


def as_served(rows: Sequence[Row], identity: str, owner: str) -> Collection:
    """The rows in the deployment's own order, whatever that is: a page is judged against the whole list."""
    place = {row[identity]: index for index, row in enumerate(rows)}

    def order(row: Row) -> OrderKey:
        return place[row[identity]], str(row[identity])

    return Collection.of(((row, owner) for row in rows), order)
