"""Servers in process whose documents come, go and change between requests, and a reader that the oracle works with."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from contract_tests.judging.target import target
from contract_tests.outcome import Options, Row, Snapshot
from contract_tests.planted import Handler, correct
from contract_tests.planted.backend import Backend, collection_of, documents_of, load
from contract_tests.promises import BY_SLUG
from contract_tests.promises.form import Promises
from contract_tests.sending.ask import Ask
from contract_tests.sending.in_process import InProcess
from contract_tests.sending.transport import Transport

STATES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "dreadnode": ("state", ("running", "paused", "killed")),
    "instavm": ("status", ("active", "killed")),
    "prime": ("status", ("RUNNING", "PAUSED", "TERMINATED")),
    "superserve": ("status", ("active", "paused")),
}
ORGS = {"dreadnode": ("acme",)}
SPARES = 200
OTHER_SEED = 1_000


def moving(slug: str, *, size: int, seed: int = 0, churn: float = 0.0) -> Handler:
    """The correct server; before a request, with this probability, a document comes, goes or changes."""
    tenant = BY_SLUG[slug].fake.home
    rng = random.Random(f"{slug} {seed}")
    held = [*pairs(load(slug, size=size, seed=seed), tenant)]
    spare = [*pairs(load(slug, size=SPARES, seed=seed + OTHER_SEED), tenant)]
    name, states = STATES[slug]
    backend = load(slug, size=size, seed=seed)

    def handler(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        nonlocal backend
        if rng.random() < churn:
            what = rng.choice(("comes", "goes", "changes"))
            if what == "comes" and spare:
                held.append(spare.pop(rng.randrange(len(spare))))
            elif what == "goes" and held:
                held.pop(rng.randrange(len(held)))
            elif held:
                place = rng.randrange(len(held))
                document, owner = held[place]
                held[place] = ({**document, name: rng.choice(states)}, owner)
            backend = replace(backend, tenants={**backend.tenants, tenant: collection_of(slug, held)})
        return backend.handler()(method, path, query, headers)

    return handler


def pairs(backend: Backend, tenant: str) -> list[tuple[Row, str]]:
    collection = backend.tenants[tenant]
    return [(collection.document(rank), collection.owner(rank)) for rank in collection.everything]


@dataclass
class Reader:
    """What `contract_tests.outcome.Context` asks for, and nothing else: it reads lists and judges nothing."""

    slug: str
    transport: Transport
    options: Options
    budget: int = 10_000
    snapshots: dict[str, Snapshot] = field(default_factory=dict)

    @property
    def promises(self) -> Promises:
        return BY_SLUG[self.slug]

    @property
    def scopes(self) -> tuple[str, ...]:
        return self.options.orgs or ("",)

    @property
    def remaining(self) -> int:
        return self.budget - self.transport.sent

    def knows(self, parameter: str) -> bool:
        return True

    def path(self, scope: str | None = None) -> str:
        return self.promises.path(scope or self.scopes[0])

    def filters(self, scope: str | None = None) -> tuple[tuple[str, str], ...]:
        return ()

    def snapshot(self, scope: str | None = None) -> Snapshot:
        name = self.scopes[0] if scope is None else scope
        return self.snapshots.get(name) or self.refresh(name)

    def refresh(self, scope: str | None = None) -> Snapshot:
        name = self.scopes[0] if scope is None else scope
        listing = self.promises.listing
        asks: list[Ask] = []
        rows: list[Row] = []
        cursor = ""
        while cursor or not asks:
            page = listing.paging.query(size=listing.paging.largest, cursor=cursor)
            asks.append(Ask(self.path(name), page))
            reply = self.transport.send(asks[-1])
            body = listing.body_of(reply)
            assert body is not None
            rows += body.rows
            cursor = listing.next_page(reply)
        largest = listing.paging.largest
        whole = listing.cursor is not None or largest is None or len(rows) < largest
        self.snapshots[name] = Snapshot(name, tuple(rows), whole, tuple(asks), self.transport.sent)
        return self.snapshots[name]


def reader(slug: str, handler: Handler, *, seed: int = 0, profile: str = "default", token: str = "") -> Reader:
    """A reader of this server with the admin's credential."""
    transport = InProcess(handler, target(slug).security, {"token": token or f"{slug}-admin-key"})
    return Reader(slug, transport, Options(orgs=ORGS.get(slug, ()), seed=seed, profile=profile))


@dataclass
class Changing:
    """A server in process that keeps a script: by the number of the request, how many of its newest rows are gone
    (negative: how many of its oldest are left), what becomes of the rows of an answer, and what is refused."""

    slug: str
    gone: Callable[[int], int] = lambda number: 0
    damage: Callable[[int, bytes, list[Row]], list[Row]] = lambda number, query, rows: rows
    refuses: Callable[[int, bytes], bool] = lambda number, query: False
    size: int = 60
    number: int = field(default=0, init=False)
    _handlers: dict[int, Handler] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __call__(
        self, method: str, path: str, query: bytes, headers: dict[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        with self._lock:
            self.number += 1
            if self.refuses(self.number, query):
                return 404, {"content-type": "application/json"}, b'{"detail": "Not Found"}'
            status, sent, body = self._handler(self.gone(self.number))(method, path, query, headers)
            if status == 200 and method == "GET":
                rows = json.loads(body)
                left = self.damage(self.number, query, rows)
                if left is not rows:
                    body = json.dumps(left).encode()
                    # A list that is short says so itself, so that only other answers contradict it.
                    counted = {name: str(len(left)) for name in sent if name.lower() == "x-total-count"}
                    sent = {**sent, **counted}
        return status, sent, body

    def _handler(self, gone: int) -> Handler:
        if gone not in self._handlers:
            tenant = BY_SLUG[self.slug].fake.home
            rows = documents_of(load(self.slug, size=self.size))[tenant]
            self._handlers[gone] = correct(self.slug, {tenant: rows[gone:]})
        return self._handlers[gone]
