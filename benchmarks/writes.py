"""What a write costs, and the page after it, in worlds of a thousand to a million sandboxes.

In one process, by processor time: a write is a list of changes, and no provider's API hands one in yet.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.figures import Figure, figure, ratio
from benchmarks.rounds import Report
from fakeserver.documents.changes import Change, Put, Remove
from fakeserver.documents.collection import Collection
from fakeserver.documents.seeded import FIRST
from fakeserver.instants import SECOND, at, instant
from fakeserver.pipeline.exchange import Request
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document
from fakeserver.serving.app import Settings, create_app
from fakeserver.worlds.world import World

MOVING, FROZEN, BETWEEN = "created each in its own instant", "created in one frozen instant", "created between seeded"
CREATIONS = (MOVING, FROZEN, BETWEEN)
CHANGED, REMOVED = "changed", "removed"
KINDS: Mapping[str, int] = {MOVING: 200, FROZEN: 200, CHANGED: 200, REMOVED: 200, BETWEEN: 20}
"""Writes of each kind in a round, which begins with a world that nobody has touched."""
WARM_UP = 50
PAGES: Mapping[str, tuple[str, bytes, Mapping[str, str]]] = {
    "dreadnode": (
        "/api/v1/org/acme/sandboxes",
        b"limit=50&state=running",
        {"authorization": "Bearer dreadnode-admin-key"},
    ),
    "instavm": (
        "/v1/sessions/sandboxes",
        b"limit=50&metadata=%7B%22env%22%3A%22prod%22%7D",
        {"x-api-key": "instavm-admin-key"},
    ),
    "prime": ("/api/v1/sandbox", b"per_page=50&status=RUNNING", {"authorization": "Bearer prime-admin-key"}),
    "superserve": ("/sandboxes", b"limit=50&metadata.env=prod", {"x-api-key": "superserve-admin-key"}),
}
"""A filtered page of each provider: its path, query and headers."""


@dataclass(frozen=True, slots=True)
class Write:
    """Writes of one kind in one world, and a filtered page of 50 rows before and after each, in microseconds of
    processor time. A round's write is the mean, which has every document in it that had to move; its pages are
    medians."""

    provider: str
    kind: str
    size: int
    write_us: Figure
    before_us: Figure
    after_us: Figure

    @property
    def after_to_before(self) -> float:
        """The page after a write ÷ the page before it, both of the same round."""
        rounds = zip(self.after_us.readings, self.before_us.readings, strict=True)
        return median(ratio(after, before) for after, before in rounds)


def measure(sizes: Sequence[int], rounds: int, report: Report) -> list[Write]:
    """Provider by provider: all sizes at once, sizes and kinds in interleaved rounds."""
    writes = []
    for provider in PAGES:
        apps = {size: create_app(Settings(size=size, only=(provider,), rate_limits=False)) for size in sizes}
        readings: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
        # The first round warms the process up, and is not counted.
        for number in range(rounds + 1):
            for size, app in apps.items():
                for kind in KINDS:
                    world = app.worlds.named(f"{number}-{[*KINDS].index(kind)}")
                    reading = written(app.services[provider], world, kind)
                    readings.setdefault((kind, size), []).append(reading)
                    app.worlds.delete(world.name)
        for (kind, size), found in readings.items():
            figures = [figure(column) for column in zip(*found[1:], strict=True)]
            writes.append(Write(provider, kind, size, *figures))
        worst = max(write.after_to_before for write in writes if write.provider == provider and write.kind != BETWEEN)
        report(f"{provider}: the page after a write costs at most {worst:.2f} times the page before it")
    return writes


def written(service: Service, world: World, kind: str) -> tuple[float, float, float]:
    """(write, page before it, page after it), in microseconds."""
    path, query, headers = PAGES[service.provider.slug]
    request = Request("GET", path, query, headers)
    tenant = service.provider.default_tenant
    collection = world.advance(service.provider)[tenant]
    for _ in range(WARM_UP):
        page(service, request, world)
    writing, before, after = [], [], []
    for change in [*changes(collection, service, world.as_of, kind)]:
        before.append(page(service, request, world))
        started = time.process_time_ns()
        world.apply(service.provider, tenant, [change])
        writing.append((time.process_time_ns() - started) / 1e3)
        after.append(page(service, request, world))
    return fmean(writing), median(before), median(after)


def page(service: Service, request: Request, world: World) -> float:
    """The microseconds that a page takes."""
    started = time.process_time_ns()
    answer = service.answer(request, world)
    answer.text()
    spent = (time.process_time_ns() - started) / 1e3
    if answer.status != 200:
        raise ValueError(f"{request.path} was answered {answer.status}")
    return spent


def changes(collection: Collection, service: Service, now: int, kind: str) -> Iterator[Change]:
    """The writes of a kind. What is created may have any id; what is changed or removed are the newest sandboxes in
    turn, so that most pages after it have other rows than those before."""
    if kind in CREATIONS:
        owner = collection.owner(FIRST)
        yield from (Put(document, owner) for document in documents(collection, service, now, kind))
        return
    provider = service.provider
    count = min(KINDS[kind], len(collection) // 2)
    for ordinal in range(count):
        document = collection.document(FIRST + ordinal)
        kept = {name: document[name] for name in (provider.identity, provider.created)}
        if kind == REMOVED:
            yield Remove(document[provider.identity], ordinal)
        else:
            other = collection.document(FIRST + count + ordinal)
            yield Put({**other, **kept}, collection.owner(FIRST + ordinal), ordinal)


def documents(collection: Collection, service: Service, now: int, kind: str) -> Iterator[Document]:
    """Sandboxes as they might be created, with ids in any order; the seeded ones are told apart by their own."""
    provider = service.provider
    chance = random.Random(f"{provider.slug} {kind}")
    newest = collection.document(FIRST)
    old = [instant(collection.document(rank)[provider.created]) for rank in sampled(collection, chance)]
    for number in range(KINDS[kind]):
        created = {MOVING: now + (number + 1) * SECOND, FROZEN: now + SECOND, BETWEEN: old[number % len(old)]}[kind]
        text = at(created)
        text = text if newest[provider.created].endswith("Z") else text.rstrip("Z")
        identity = f"{chance.getrandbits(32):08x}{newest[provider.identity][8:]}"
        yield {**newest, provider.identity: identity, provider.created: text}


def sampled(collection: Collection, chance: random.Random) -> list[int]:
    """Ranks of seeded documents from all over the list."""
    return [collection.everything[chance.randrange(len(collection))] for _ in range(KINDS[BETWEEN])]
