"""The same listings in worlds of a thousand to a million sandboxes."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlencode

from benchmarks import load
from benchmarks.figures import Figure, Speed, figure, ratio, speed
from benchmarks.queries import PAGE_ROWS
from benchmarks.rounds import SETTLE_SECONDS, TRY_PATHS, Report
from benchmarks.servers import HOST, Launch, Server
from benchmarks.subjects import fakeserver

SIZES = (1_000, 10_000, 100_000, 1_000_000)
FIRST, DEEPEST, ONE, THREE = "first page", "deepest page", "one filter", "three filters"
FACETS, FILTERED_FACETS = "facets", "facets, filtered"
SCATTERED = "pages all over"
"""More pages than the server keeps bodies for: this shows what making a body costs, and stands outside the targets."""
SCATTERED_PAGES = 2_000
SHORT_PAGE = 10
"""Rows of a page behind several filters, so that the smallest world fills it too."""
DREADNODE_PAGE = 100
FRESH_QUESTIONS = 100
PROJECTS = 10
STATES = ("killed", "paused", "running")

Kinds = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of request in one world."""

    provider: str
    kind: str
    size: int
    speed: Speed
    first_ms: float
    """What the very first such request took, with whatever had to be made for it."""
    fresh_ms: float | None = None
    """The median of the other questions of this kind when they were asked for the first time: nothing that the server
    remembers of an answer can help here. None where there is only one question."""


@dataclass(frozen=True, slots=True)
class Start:
    """How one provider's world of one size comes up."""

    provider: str
    size: int
    seconds: Figure
    idle_mb: float | None
    loaded_mb: float | None


@dataclass(frozen=True, slots=True)
class Growth:
    """Everything that was measured over the sizes."""

    lines: tuple[Line, ...]
    starts: tuple[Start, ...]

    def of(self, provider: str, kind: str) -> list[Line]:
        found = [line for line in self.lines if (line.provider, line.kind) == (provider, kind)]
        return sorted(found, key=lambda line: line.size)

    def kinds(self) -> list[tuple[str, str]]:
        return [*dict.fromkeys((line.provider, line.kind) for line in self.lines)]

    def growth_ratio(self, provider: str, kind: str) -> float:
        """Requests per second in the largest world ÷ in the smallest."""
        lines = self.of(provider, kind)
        return ratio(lines[-1].speed.requests_per_second.median, lines[0].speed.requests_per_second.median)

    def depth_ratio(self, provider: str) -> float | None:
        """Deepest ÷ first page in the largest world."""
        first, deepest = self.of(provider, FIRST), self.of(provider, DEEPEST)
        if not first or not deepest:
            return None
        return ratio(deepest[-1].speed.requests_per_second.median, first[-1].speed.requests_per_second.median)


def measure(
    sizes: Sequence[int],
    folder: Path,
    rounds: int,
    seconds: float,
    report: Report,
    providers: Sequence[str] = ("prime", "dreadnode", "instavm", "superserve"),
) -> Growth:
    """Provider by provider: all sizes up at once, their kinds of request in interleaved rounds."""
    lines: list[Line] = []
    starts: list[Start] = []
    for provider in providers:
        with ExitStack() as stack:
            worlds = []
            for size in sizes:
                launch = launch_of(provider, size)
                readings = [start_seconds(launch) for _ in range(min(rounds, 3) - 1)]
                server = stack.enter_context(Server(launch))
                readings.append(server.start_seconds)
                time.sleep(SETTLE_SECONDS)
                idle = server.memory_mb()
                report(f"{provider} {size:,}: up after {server.start_seconds:.2f} s, {idle or 0:.0f} MB")
                kinds, first_ms = prepared(provider, server)
                worlds.append((size, server, kinds, first_ms, readings, idle))
            asked = [*worlds[0][2]]
            taken: dict[tuple[str, int], list[load.Reading]] = {}
            for number in range(rounds):
                # Kinds and sizes both take turns, since a kind is compared with another one as well as over the sizes.
                for kind, (size, server, kinds, *_) in itertools.product(asked, worlds):
                    targets = load.write_targets(folder / f"{provider}-{size}.txt", kinds[kind])
                    reading = load.run(server.base_url, targets, server.launch.headers, seconds)
                    taken.setdefault((kind, size), []).append(reading)
                report(f"{provider}: round {number + 1}/{rounds}")
            for kind in asked:
                for size, _, _, first_ms, *_ in worlds:
                    lines.append(line_of(provider, kind, size, taken[kind, size], first_ms[kind]))
                rates = (f"{line.speed.requests_per_second.median:,.0f}" for line in lines[-len(sizes) :])
                report(f"{provider}, {kind}: {' / '.join(rates)} requests/s")
            for size, server, _, _, readings, idle in worlds:
                starts.append(Start(provider, size, figure(readings), idle, server.memory_mb()))
    return Growth(tuple(lines), tuple(starts))


def line_of(provider: str, kind: str, size: int, readings: Sequence[load.Reading], first_ms: Sequence[float]) -> Line:
    fresh = median(first_ms[1:]) if len(first_ms) > 1 else None
    return Line(provider, kind, size, speed(readings), first_ms[0], fresh)


def launch_of(provider: str, size: int) -> Launch:
    path, headers = TRY_PATHS[provider]
    command = fakeserver("--size", str(size), "--only", provider)
    return Launch(command.command, path, headers, command.folder)


def start_seconds(launch: Launch) -> float:
    with Server(launch) as server:
        return server.start_seconds


def prepared(provider: str, server: Server) -> tuple[Kinds, dict[str, list[float]]]:
    """Every kind's targets, and the milliseconds that each question took when it was asked for the first time."""
    kinds: Kinds = {}
    first_ms: dict[str, list[float]] = {}
    for kind, targets in KINDS[provider](server):
        kinds[kind], first_ms[kind] = targets, []
        for target in targets[:FRESH_QUESTIONS]:
            started = time.perf_counter()
            response = server.get(target)
            first_ms[kind].append((time.perf_counter() - started) * 1e3)
            if response.status != 200:
                raise ValueError(f"{target} was answered {response.status}")
    return kinds, first_ms


def prime(server: Server) -> Iterator[tuple[str, list[str]]]:
    def page(**query: object) -> str:
        return "/prime/api/v1/sandbox?" + urlencode({"per_page": PAGE_ROWS, **query})

    def pages(target: str) -> int:
        total: int = json.loads(server.get(target).body)["total"]
        return total // PAGE_ROWS

    yield FIRST, [page()]
    last = pages(page())
    yield DEEPEST, [page(page=last)]
    statuses = [page(status=each) for each in ("TERMINATED", "RUNNING")]
    yield ONE, [*statuses, *(page(labels=each) for each in ("prod", "dev", "gpu", "eval"))]
    labels = ("prod", "dev", "gpu", "eval", "nightly")
    yield THREE, [page(is_active="true", status="RUNNING", labels=each, per_page=SHORT_PAGE) for each in labels]
    yield "one filter, deepest page", [page(status="TERMINATED", page=pages(statuses[0]))]
    numbers = random.Random(0).sample(range(1, last + 1), min(SCATTERED_PAGES, last))
    yield SCATTERED, [page(page=number) for number in numbers]


def dreadnode(server: Server) -> Iterator[tuple[str, list[str]]]:
    base = "/dreadnode/api/v1/org/acme/sandboxes"

    def page(query: Sequence[tuple[str, object]] = (), limit: int = PAGE_ROWS) -> str:
        return f"{base}?{urlencode([('limit', limit), *query])}"

    yield FIRST, [page()]
    yield DEEPEST, [page([("cursor", deepest_cursor(server, base))])]
    yield ONE, [page([("state", each)]) for each in STATES]
    stopped = [("state", "killed"), ("state", "paused")]
    projects = [each["project_id"] for each in json.loads(server.get(f"{base}/facets").body)["projects"][:PROJECTS]]
    yield "two filters", [page([*stopped, ("project_id", each)], SHORT_PAGE) for each in projects]
    yield FACETS, [f"{base}/facets"]
    some = [each for count in (1, 2, 3) for each in itertools.combinations(STATES, count)]
    questions: list[list[tuple[str, object]]] = [
        [*(("state", state) for state in states), *((("project_id", project),) if project else ())]
        for project in [None, *projects]
        for states in some
    ]
    yield FILTERED_FACETS, [f"{base}/facets?{urlencode(each)}" for each in questions]


def deepest_cursor(server: Server, base: str) -> str:
    """Walk the whole list, and keep the last cursor with a full page behind it."""
    connection = HTTPConnection(HOST, server.port)
    headers = dict(server.launch.headers)
    cursor, kept = "", ""
    while True:
        query = {"limit": str(DREADNODE_PAGE)} | ({"cursor": cursor} if cursor else {})
        connection.request("GET", f"{base}?{urlencode(query)}", headers=headers)
        body = json.loads(connection.getresponse().read())
        # The page that this cursor opened was at least as long as the pages that are measured.
        kept = cursor if len(body["items"]) >= PAGE_ROWS else kept
        if body["next_cursor"] is None:
            connection.close()
            return kept
        cursor = body["next_cursor"]


def instavm(server: Server) -> Iterator[tuple[str, list[str]]]:
    base = "/instavm/v1/sessions/sandboxes?limit="
    yield FIRST, [f"{base}{PAGE_ROWS}"]
    one = ('{"env":"prod"}', '{"env":"dev"}', '{"purpose":"eval"}')
    yield ONE, [f"{base}{PAGE_ROWS}&metadata={quote(each)}" for each in one]
    three = ('{"purpose":"eval","run":1,"attempt":1.5}', '{"purpose":"eval","run":2,"score":0.25}')
    yield THREE, [f"{base}{SHORT_PAGE}&metadata={quote(each)}" for each in three]


def superserve(server: Server) -> Iterator[tuple[str, list[str]]]:
    base = "/superserve/sandboxes?limit="
    yield FIRST, [f"{base}{PAGE_ROWS}"]
    total = int(server.get(f"{base}{PAGE_ROWS}").headers["x-total-count"])
    yield DEEPEST, [f"{base}{PAGE_ROWS}&offset={total - PAGE_ROWS}"]
    yield ONE, [f"{base}{PAGE_ROWS}&metadata.env={each}" for each in ("prod", "dev", "staging")]
    agent = f"{base}{SHORT_PAGE}&metadata.env=prod&metadata.owner=agent-7"
    yield THREE, [f"{agent}&status={each}" for each in ("active", "paused", "active,paused")]


KINDS: Mapping[str, Callable[[Server], Iterator[tuple[str, list[str]]]]] = {
    "prime": prime,
    "dreadnode": dreadnode,
    "instavm": instavm,
    "superserve": superserve,
}
