"""How often the kit accuses a correct server: seeds × sizes of the world × documents that come, go and change.

`python -m contract_tests.planted.false_alarms` prints the table and exits with 1 on an accusation it cannot explain.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from contract_tests.outcome import Outcome, Verdict
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.promises import BY_SLUG
from contract_tests.sending.in_process import Handler
from fakeserver.documents.collection import Collection
from fakeserver.pipeline.exchange import Request
from fakeserver.serving.app import App, Settings, create_app, load_services

SIZES = (0, 1, 2, 40, 1_000)
CHURNS = (0.0, 0.1, 1.0)
SEEDS = 34
SPARES = 60
EPOCH = 1_735_689_600_000_000
"""1 January 2025: two runs of one seed see the same world."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trial:
    """One run against a correct server, and what it was accused of."""

    slug: str
    seed: int
    size: int
    churn: float
    accusations: tuple[Outcome, ...]
    exercised: int
    requests: int


class Churning:
    """A correct server whose documents come, go and change between requests."""

    def __init__(
        self, app: App, slug: str, churn: float, rng: Random, spares: Mapping[str, Sequence[Document]]
    ) -> None:
        self.service = app.services[slug]
        self.world = app.world
        self.churn, self.rng, self.spares = churn, rng, spares
        self.slug, self.born = slug, 0
        self._lock = threading.Lock()

    def __call__(
        self, method: str, path: str, query: bytes, headers: dict[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        with self._lock:
            if self.churn and self.rng.random() < self.churn:
                self.move()
            answer = self.service.answer(Request(method, path, query, headers), self.world)
            return answer.status, {**answer.headers, "content-type": answer.media_type}, answer.text()

    def move(self) -> None:
        """One document more, one less, or one that changes."""
        tenants = self.world.tenants(self.service.provider)
        name = self.rng.choice(sorted(name for name in tenants if self.spares.get(name)))
        collection = tenants[name]
        kind = self.rng.choice(("add", "remove", "change"))
        ranks = list(collection.everything)
        if kind == "add" or not ranks:
            self.add(collection, name)
            return
        rank = self.rng.choice(ranks)
        if kind == "remove":
            collection.remove(type(collection.everything)([rank]))
        else:
            collection.change({rank: self.changed(dict(collection.document(rank)), name)})

    def add(self, collection: Collection, tenant: str) -> None:
        document = dict(self.rng.choice(self.spares[tenant]))
        self.born += 1
        identity = BY_SLUG[self.slug].listing.identity
        text = str(document[identity])
        document[identity] = text[:-4] + f"{self.born:04x}"
        collection.add(document, self.service.fixture.callers[self.service.fixture.credential].user)

    def changed(self, document: Document, tenant: str) -> Document:
        """The same document in another state, or with other tags, its fields still in agreement."""
        return CHANGES[self.slug](document, self.rng.choice(self.spares[tenant]), self.rng)


def with_metadata(document: Document, spare: Document, rng: Random) -> Document:
    return document | {"metadata": spare["metadata"]}


def relabelled_or_ended(document: Document, spare: Document, rng: Random) -> Document:
    """Prime's: other labels, or terminated, or back again."""
    if rng.random() < 0.5 or document.get("errorType") or not document.get("startedAt"):
        return document | {"labels": spare.get("labels", [])}
    if document["status"] == "TERMINATED":
        return document | {"status": "RUNNING", "terminatedAt": None}
    return document | {"status": "TERMINATED", "terminatedAt": document["updatedAt"]}


def moved_or_paused(document: Document, spare: Document, rng: Random) -> Document:
    """Dreadnode's: in another project, or in the next state."""
    if rng.random() < 0.5:
        names = ("project_id", "project_key", "project_name")
        return document | {name: spare.get(name) for name in names}
    if "stopped_at" not in document:
        return document
    stopped = document["stopped_at"] or document["last_started_at"] or document["created_at"]
    match document["state"]:
        case "running":
            return document | {"state": "paused", "stopped_at": stopped, "pause_reason": "user"}
        case "paused":
            return document | {"state": "killed", "killed_at": stopped, "pause_reason": None}
    return document | {"state": "running", "killed_at": None, "stopped_at": None}


CHANGES: Mapping[str, Callable[[Document, Document, Random], Document]] = {
    "dreadnode": moved_or_paused,
    "instavm": with_metadata,
    "prime": relabelled_or_ended,
    "superserve": with_metadata,
}
"""How a provider's documents change, given another one of the same tenant."""
SERVICES = load_services()


def spares(slug: str) -> Mapping[str, Sequence[Document]]:
    """Documents of another world, for those that are born."""
    other = create_app(Settings(seed=9_999, size=SPARES * 5, epoch=EPOCH), SERVICES)
    tenants = other.world.tenants(SERVICES[slug].provider)
    fake = BY_SLUG[slug].fake
    names = dict.fromkeys((fake.home, *(fake.orgs if BY_SLUG[slug].scopes.in_query else ())))
    return {name: list(tenants[name].documents())[:SPARES] for name in names}


def handler(slug: str, seed: int, size: int, churn: float = 0.0) -> Handler:
    """A correct server in this process."""
    app = create_app(Settings(seed=seed, size=size, epoch=EPOCH), SERVICES)
    return Churning(app, slug, churn, Random(f"{slug} {seed} {size} {churn}"), spares(slug) if churn else {})


def trial(slug: str, seed: int, size: int, churn: float, profile: str = "default") -> Trial:
    """One run of laws and oracle, strict, with both credentials."""
    options = default_options(slug, seed=seed, profile=profile)
    session = exercise(slug, handler(slug, seed, size, churn), options)
    outcomes = session.outcomes
    return Trial(
        slug,
        seed,
        size,
        churn,
        tuple(outcome for outcome in outcomes if outcome.verdict is Verdict.BROKEN),
        sum(1 for outcome in outcomes if outcome.verdict is Verdict.HOLDS),
        session.transport.sent,
    )


def trials(
    seeds: Iterable[int],
    sizes: Sequence[int] = SIZES,
    churns: Sequence[float] = CHURNS,
    slugs: Iterable[str] = BY_SLUG,
) -> Iterator[Trial]:
    for slug in slugs:
        for size in sizes:
            for churn in churns:
                for seed in seeds:
                    yield trial(slug, seed, size, churn)


def table(found: Sequence[Trial]) -> str:
    """Runs with a false alarm, by provider, size and churn."""
    lines = [
        f"{'provider':<12}{'rows':>6}{'churn':>7}{'runs':>6}{'false alarms':>14}{'laws that held':>16}{'requests':>10}"
    ]
    groups: dict[tuple[str, int, float], list[Trial]] = {}
    for each in found:
        groups.setdefault((each.slug, each.size, each.churn), []).append(each)
    for (slug, size, churn), runs in groups.items():
        alarms = sum(1 for each in runs if each.accusations)
        held = sum(each.exercised for each in runs) / len(runs)
        sent = sum(each.requests for each in runs) / len(runs)
        lines.append(f"{slug:<12}{size:>6}{churn:>7g}{len(runs):>6}{alarms:>14}{held:>16.1f}{sent:>10.1f}")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="false-alarms", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--size", type=int, action="append")
    parser.add_argument("--only", action="append", choices=sorted(BY_SLUG))
    given = parser.parse_args(argv)
    started, found = time.perf_counter(), []
    for each in trials(range(given.seeds), given.size or SIZES, CHURNS, given.only or BY_SLUG):
        found.append(each)
        for outcome in each.accusations:
            asks = ", ".join(ask.target for ask in outcome.asks[:2])
            where = f"{each.slug} seed {each.seed}, {each.size} rows, churn {each.churn:g}"
            print(f"{where}: {outcome.law}: {outcome.sentence} [{asks}]")
    print(table(found))
    alarms = sum(1 for each in found if each.accusations)
    print(f"{len(found)} runs, {alarms} with a false alarm, {time.perf_counter() - started:.0f} s")
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
