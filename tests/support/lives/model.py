"""The plain model: what sandboxes there are, what state they are in, and when that ends by itself."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fakeserver.instants import instant
from fakeserver.pipeline.exchange import Request
from fakeserver.serving.app import App
from tests.support.asgi import Reply, Row, credential

Predicate = Callable[["Sandbox"], bool]


@dataclass
class Sandbox:
    """A sandbox as the model knows it: the fields that lists show and filter by, and what else its states hang on."""

    id: str
    state: str
    created: int
    tenant: str
    row: Row
    facts: Row = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """A request as one of the callers."""

    method: str
    path: str
    body: Any = None
    who: str = "admin"


@dataclass(frozen=True)
class Question:
    """A drawn request for a list: whom it asks as, what it finds, and which of that it shows."""

    ask: Ask
    tenant: str
    finds: Predicate
    order: Callable[[Iterable[Sandbox]], list[Sandbox]]
    window: slice


def newest_first(sandboxes: Iterable[Sandbox]) -> list[Sandbox]:
    return sorted(sandboxes, key=lambda each: (-each.created, each.id))


class Provider:
    """What the model knows of a provider; each says it in its own words, and from nothing of the fake's."""

    slug: str
    callers: tuple[tuple[str, str], ...]
    """Who asks, and in which tenant; whoever stands first for a tenant sees all of it."""
    events: Mapping[str, tuple[frozenset[str], str]]
    """What is asked of a sandbox: the states in which it may be, and the state that follows (empty: it is gone)."""
    final: frozenset[str] = frozenset()
    """The states in which a sandbox stays for ever."""

    def creation(self, chance: random.Random, send: Callable[[Ask], Reply]) -> tuple[Ask, str]:
        """A request that creates, and the tenant that it creates in; what it needs first is sent."""
        raise NotImplementedError

    def created(self, answer: Row, sent: Ask, tenant: str, now: int) -> Sandbox:
        raise NotImplementedError

    def name_in(self, answer: Row) -> str | None:
        """The id that a sandbox has after an event, where that may be another one."""
        return None

    def request(self, event: str, sandbox: Sandbox, who: str) -> Ask:
        raise NotImplementedError

    def change(self, chance: random.Random, sandbox: Sandbox) -> tuple[Ask, Row] | None:
        """A request that changes fields, and those fields; None if the provider has none."""
        return None

    def may(self, event: str, sandbox: Sandbox, who: str) -> bool:
        """Whether a caller may do this to a sandbox at all, whatever state it is in."""
        return True

    def sees(self, sandbox: Sandbox, who: str) -> bool:
        """Whether a caller of its tenant sees a sandbox."""
        return True

    def follow(self, event: str, sandbox: Sandbox, now: int, answer: Row) -> None:
        """What else an event changes, by what it was answered with."""

    def age(self, sandbox: Sandbox, now: int) -> bool:
        """What time has made of a sandbox; False if it is gone."""
        return True

    def question(self, chance: random.Random, model: Model) -> Question:
        raise NotImplementedError

    def rows(self, reply: Reply) -> tuple[list[Row], int | None]:
        """The rows of a list, and how many the filters find in all, where the answer says so."""
        raise NotImplementedError

    def everything(self, tenant: str, who: str) -> Iterator[Ask]:
        """Requests whose rows together are all that a tenant has."""
        raise NotImplementedError

    def seeded(self, row: Row, tenant: str) -> Sandbox:
        raise NotImplementedError

    def learn(self, model: Model, send: Callable[[Ask], Reply]) -> None:
        """What a list does not say of the seeded sandboxes."""

    def more(self, model: Model, send: Callable[[Ask], Reply]) -> None:
        """What else must hold, such as facets."""


class Model:
    """All sandboxes by tenant and id."""

    def __init__(self, provider: Provider, now: int) -> None:
        self.provider = provider
        self.now = now
        self.sandboxes: dict[tuple[str, str], Sandbox] = {}

    def of(self, tenant: str) -> list[Sandbox]:
        return [each for each in self.sandboxes.values() if each.tenant == tenant]

    def add(self, sandbox: Sandbox) -> None:
        assert (sandbox.tenant, sandbox.id) not in self.sandboxes, f"{sandbox.id} was given out twice"
        self.sandboxes[sandbox.tenant, sandbox.id] = sandbox

    def rename(self, sandbox: Sandbox, identity: str) -> None:
        """It goes on under another id."""
        self.remove(sandbox)
        sandbox.id = identity
        self.add(sandbox)

    def remove(self, sandbox: Sandbox) -> None:
        del self.sandboxes[sandbox.tenant, sandbox.id]

    def advance(self, seconds: int) -> None:
        self.now += seconds * 1_000_000
        self.age()

    def age(self) -> None:
        """Everything as it is by now."""
        for sandbox in [*self.sandboxes.values()]:
            if not self.provider.age(sandbox, self.now):
                self.remove(sandbox)


def ask(app: App, slug: str, wanted: Ask) -> Reply:
    """What the server answers; the way through ASGI is other tests' business, and would take most of the time."""
    body = b"" if wanted.body is None else json.dumps(wanted.body).encode()
    headers = credential(slug, wanted.who) | ({"content-type": "application/json"} if body else {})
    path, _, query = wanted.path.partition("?")
    request = Request(wanted.method, path, query.encode(), headers, body=body)
    answer = app.services[slug].answer(request, app.world)
    return Reply(answer.status, {name.lower(): text for name, text in answer.headers.items()}, answer.text(), ())


def when(text: str) -> int:
    return instant(text)
