"""Interleaved rounds: every subject once per round, so that a noisy minute falls on all of them alike."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import load
from benchmarks.figures import Figure, Speed, figure, speed
from benchmarks.queries import HEADERS, PAGE_ROWS, Query, Row, all_rows, full_pages, row_of
from benchmarks.servers import Launch, Server, ServerError
from benchmarks.subjects import ROOT, WORLD_ROWS, Material, Missing, Subject, fakeserver

SETTLE_SECONDS = 1.0
CLOSE_ENOUGH = 0.85
"""A page of fewer bytes than this share of ours is left out of a rival's load."""
NOTE_CHARACTERS = 200
IMPORTS = "import starlette.applications, uvicorn"
BASELINE = f'python -c "{IMPORTS}"'
TRY_PATHS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "dreadnode": ("/dreadnode/api/v1/org/acme/sandboxes", {"Authorization": "Bearer dreadnode-admin-key"}),
    "instavm": ("/instavm/v1/sessions/sandboxes?limit=50", {"X-API-Key": "instavm-admin-key"}),
    "prime": ("/prime/api/v1/sandbox", HEADERS),
    "superserve": ("/superserve/sandboxes?limit=50", {"X-API-Key": "superserve-admin-key"}),
}

Report = Callable[[str], None]
FAILURES = (Missing, ServerError, load.LoadError, ValueError, OSError)
"""What may go wrong with one subject without ending the run."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured of one subject; `note` says why something was not."""

    name: str
    version: str
    work: str
    rival: bool
    note: str = ""
    rows: int = PAGE_ROWS
    speed: Speed | None = None
    idle_mb: float | None = None
    loaded_mb: float | None = None
    cpu_us: Figure | None = None
    """Processor time per answer: other programs on the machine disturb it far less than the requests per second."""


@dataclass(slots=True)
class Running:
    """A subject's server under load."""

    subject: Subject
    server: Server
    targets: Path
    rows: int
    idle_mb: float | None
    readings: list[load.Reading]
    loaded_mb: float | None = None

    cpu_us: list[float] = field(default_factory=list)

    def run(self, seconds: float) -> load.Reading:
        return load.run(self.server.base_url, self.targets, self.subject.launch.headers, seconds)

    def measure(self, seconds: float) -> load.Reading:
        """One reading, with the processor time and the memory that it took."""
        before = self.server.cpu_seconds()
        reading = self.run(seconds)
        after = self.server.cpu_seconds()
        self.readings.append(reading)
        if before is not None and after is not None and reading.answers:
            self.cpu_us.append((after - before) / reading.answers * 1e6)
        self.loaded_mb = self.server.memory_mb()
        return reading


def material(folder: Path) -> tuple[Material, list[Query], list[Query]]:
    """Our own answer and rows, and the queries that fill a page: of our world, and of the rivals' thousand rows."""
    with Server(fakeserver()) as server:
        queries = full_pages(all_rows(server))
        page = server.get(queries[0].target()).body
    with Server(fakeserver("--size", str(2 * WORLD_ROWS))) as server:
        body = server.get(Query(rows=WORLD_ROWS).target()).body
    sandboxes = json.loads(body)["sandboxes"]
    rows: list[Row] = [row_of(each) for each in sandboxes]
    return Material(folder, page, sandboxes), queries, full_pages(rows)


def side_by_side(
    makers: Sequence[tuple[str, Callable[[], Subject]]],
    queries: Callable[[Subject], Sequence[Query]],
    page_bytes: int,
    folder: Path,
    rounds: int,
    seconds: float,
    longest_warm_up: float,
    report: Report,
) -> list[Outcome]:
    """Start every subject, load them in turns, and weigh them. One that fails gets a note and leaves the rounds."""
    outcomes: dict[str, Outcome] = {}
    running: list[Running] = []

    def leave(name: str, error: Exception) -> None:
        note = without_paths(f"not measured: {error}", folder)
        outcomes[name] = replace(outcomes[name], note=note)
        report(f"{name}: {note}")

    with ExitStack() as stack:
        for name, make in makers:
            outcomes[name] = Outcome(name, "-", "-", True)
            try:
                subject = make()
                outcomes[name] = Outcome(name, subject.version, subject.work, subject.rival)
                report(f"{name}: starts and warms up")
                server = stack.enter_context(Server(subject.launch))
                each = prepared(subject, server, queries(subject), page_bytes, folder)
                each.run(min(subject.warm_seconds, longest_warm_up))
            except FAILURES as error:
                leave(name, error)
                continue
            running.append(each)
        for number in range(rounds):
            # Another one begins each time, so that none always follows the same neighbour.
            turn = number % len(running) if running else 0
            for each in running[turn:] + running[:turn]:
                try:
                    reading = each.measure(seconds)
                except FAILURES as error:
                    leave(each.subject.name, error)
                    running.remove(each)
                    continue
                report(
                    f"round {number + 1}/{rounds} {each.subject.name}: {reading.requests_per_second:,.0f} requests/s"
                    + (f", {reading.failures} failed" if reading.failures else "")
                )
    for each in running:
        old = outcomes[each.subject.name]
        outcomes[old.name] = replace(
            old,
            rows=each.rows,
            speed=speed(each.readings),
            idle_mb=each.idle_mb,
            loaded_mb=each.loaded_mb,
            cpu_us=figure(each.cpu_us) if each.cpu_us else None,
        )
    return [*outcomes.values()]


def without_paths(words: str, folder: Path) -> str:
    """A short note that names no folder of this machine, since the results are kept."""
    return " ".join(words.replace(str(ROOT), ".").replace(str(folder), ".").split())[:NOTE_CHARACTERS]


def prepared(subject: Subject, server: Server, queries: Sequence[Query], page_bytes: int, folder: Path) -> Running:
    """The request targets whose answers are as long as ours, and the memory before any load."""
    if subject.name.startswith("fakeserver"):
        touch_all(server)
    time.sleep(SETTLE_SECONDS)
    idle = server.memory_mb()
    rows = fitting_rows(subject, server, queries, page_bytes) if subject.elastic else PAGE_ROWS
    targets = subject.targets(queries, rows)
    sizes = {target: answer_bytes(server, target) for target in targets[: 2 * len(queries)]}
    kept = [target for target in targets if sizes.get(target, page_bytes) >= CLOSE_ENOUGH * page_bytes]
    if not kept:
        raise ValueError(f"no answer comes near {page_bytes} bytes")
    name = "".join(letter if letter.isalnum() else "-" for letter in subject.name)
    return Running(subject, server, load.write_targets(folder / f"{name}.txt", kept), rows, idle, [])


def touch_all(server: Server) -> None:
    """One listing of every provider, since worlds are made when somebody first asks."""
    for path, headers in TRY_PATHS.values():
        if server.get(path, headers).status != 200:
            raise ValueError(f"{path} was not answered")


def fitting_rows(subject: Subject, server: Server, queries: Sequence[Query], page_bytes: int) -> int:
    """How many rows make a page of our size: some rivals indent their JSON."""
    rows = PAGE_ROWS
    for _ in range(2):
        size = answer_bytes(server, subject.targets(queries[:1], rows)[0])
        rows = max(1, round(rows * page_bytes / size))
    return min(rows, PAGE_ROWS)


def answer_bytes(server: Server, target: str) -> int:
    response = server.get(target)
    if response.status != 200:
        raise ValueError(f"{target} was answered {response.status}: {response.body[:200]!r}")
    return len(response.body)


def starts(launches: Mapping[str, Launch], rounds: int, report: Report) -> dict[str, Figure]:
    """Seconds from start to first answer, one server at a time, and those that Python needs for the bare imports."""
    seconds: dict[str, list[float]] = {BASELINE: []}
    for number in range(rounds):
        seconds[BASELINE].append(import_seconds())
        for name, launch in launches.items():
            try:
                with Server(launch) as server:
                    seconds.setdefault(name, []).append(server.start_seconds)
            except ServerError as error:
                report(f"{name}: {error}")
        report(f"starts: round {number + 1}/{rounds}")
    return {name: figure(readings) for name, readings in seconds.items()}


def import_seconds() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.perf_counter() - started
