"""What a store costs: the same requests to a server in memory and to one of an SQLite file or of a PostgreSQL, two side
by side, since even idle servers take something from each other; and to one process beside two.

By processor time of the servers, since a machine may be busy, and as ratios of rounds that take turns. After a few of
them the servers are others, with new stores: a program may be a tenth slower in one process than in another, by where
its memory happens to be. Rates and waits are those of the moment. `wrk` reads, and its own processor time is told,
since it bounds what several processes gain.
Run it with `python -m benchmarks.stores` (Linux, with wrk).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

from benchmarks import load
from benchmarks.queries import HEADERS, LABELS, STATUSES, Query, fresh, unlike
from tests.support.postgresql import running, why_not

CONNECTIONS = 16
LIST = "/prime/api/v1/sandbox?per_page=20"
CREATE = json.dumps({"name": "made", "docker_image": "python:3.11"}).encode()
HUNDRED = 100
WRITE_SECONDS = 0.2
ONE, OTHER = {0}, {1}
"""Processors."""
WARM_SECONDS = 2
"""Of load before what is measured: a world is shown under a lease when it has been quiet and read for a while."""
OF_A_PAIR = 2
"""Rounds, until servers are started anew."""
REPLICAS = 3
POLLED, FRESH, UNLIKE = "reads, unwritten", "reads, all different", "reads, no page twice"
UNREAD = "reads, unread documents"
MILLION, PAGES = ("--size", "1000000"), 35_000
"""A world, and so many pages of 20 rows that prime has in it."""
CREATES, WRITTEN, WHILE_WRITTEN = "creates", "reads, written", "reads, while written"
MEMORY, SQLITE, WORKERS, POSTGRESQL = "memory", "SQLite", "SQLite, 2 workers", "PostgreSQL"
Measure = Callable[["Server"], "Load"]


@contextmanager
def confined(to: set[int] | None) -> Iterator[None]:
    """What is started meanwhile runs on these processors alone."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, before if to is None else to & before or before)
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its process, where it listens, and the processors of whoever asks it."""

    process: subprocess.Popen[str]
    port: int
    asked_from: set[int] | None = None

    @property
    def seconds(self) -> float:
        """Of processor time that it and its workers have taken."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("ascii").split()
        return sum(map(seconds_of, (str(self.process.pid), *children)))


@dataclass(frozen=True, slots=True)
class Load:
    """What came of some requests: microseconds of processor time for each, of the server and of who asked; how many a
    second; and how long they took (milliseconds)."""

    cpu_us: float
    rate: float
    p50: float
    p99: float
    client_us: float = 0.0


def seconds_of(process: str) -> float:
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


@contextmanager
def served(*flags: str) -> Iterator[Server]:
    """A server of one process has one processor, and whoever asks it another: the more they share one, the more of its
    requests come together and the less each of them takes."""
    alone = "--workers" not in flags
    command = [sys.executable, "-m", "fakeserver", "serve", "--port", "0", "--no-rate-limits", *flags]
    with confined(ONE if alone else None):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        port = urlsplit(process.stdout.readline().strip()).port
        assert port is not None, "the server did not start"
        try:
            yield Server(process, port, OTHER if alone else None)
        finally:
            process.terminate()


def request(method: str, path: str, body: bytes = b"") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer prime-admin-key\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


CREATING = request("POST", LIST.partition("?")[0], CREATE)


async def ask(port: int, packet: bytes, times: int, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        began = time.perf_counter()
        writer.write(packet)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 20"), head
        await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        waits.append(1_000 * (time.perf_counter() - began))
    writer.close()


async def ask_by_all(port: int, packet: bytes, times: int) -> list[float]:
    waits: list[float] = []
    await asyncio.gather(*(ask(port, packet, times, waits) for _ in range(CONNECTIONS)))
    return waits


def creates(server: Server, requests: int) -> Load:
    before, began = server.seconds, time.perf_counter()
    with confined(server.asked_from):
        waits = asyncio.run(ask_by_all(server.port, CREATING, requests // CONNECTIONS))
    passed, cpu = time.perf_counter() - began, server.seconds - before
    return Load(1e6 * cpu / len(waits), len(waits) / passed, median(waits), quantiles(waits, n=HUNDRED)[-1])


def run_wrk(port: int, seconds: int, targets: Path | None = None) -> tuple[int, float, float, float]:
    """How many answers there were, how many a second, and how long they took; with targets, of those."""
    if targets is not None:
        found = load.run(f"http://127.0.0.1:{port}", targets, HEADERS, seconds)
        assert not found.failures, found
        return found.answers, found.requests_per_second, found.p50_ms, found.p99_ms
    how = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-H", "Authorization: Bearer prime-admin-key"]
    command = ["wrk", *how, f"http://127.0.0.1:{port}{LIST}"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in told, told
    assert "Socket errors" not in told, told
    answers, rate = (
        float(re.findall(pattern, told)[0]) for pattern in (r"(\d+) requests in", r"Requests/sec: +([\d.]+)")
    )
    p50, p99 = (milliseconds(re.findall(rf"{part}% +(\S+)", told)[0]) for part in (50, 99))
    return int(answers), rate, p50, p99


def milliseconds(text: str) -> float:
    number, unit = re.findall(r"([\d.]+)(\D+)", text)[0]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1_000.0}[unit]


def wrk_seconds() -> float:
    """Of processor time that all of them have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_requests(path: Path, several: Callable[[Sequence[Query]], list[str]]) -> Path:
    """Requests of which no two are alike, as `several` has it."""
    rows = [Query(status=status, labels=(label,), rows=20) for status in STATUSES for label in LABELS]
    return load.write_targets(path, several(rows))


def reads(servers: Sequence[Server], seconds: int, targets: Path | None = None) -> Load:
    """Of each of these servers, one after another, since they and wrk would wait for one processor; what those take
    that are not asked counts, too."""
    found, cpu, client = [], 0.0, 0.0
    for server in servers:
        with confined(server.asked_from):
            run_wrk(server.port, WARM_SECONDS, targets)
            before, client_before = sum(each.seconds for each in servers), wrk_seconds()
            found.append(run_wrk(server.port, seconds, targets))
        cpu += sum(each.seconds for each in servers) - before
        client += wrk_seconds() - client_before
    answers = sum(each[0] for each in found)
    rate, p50, p99 = (median(each[place] for each in found) for place in (1, 2, 3))
    return Load(1e6 * cpu / answers, rate, p50, p99, 1e6 * client / answers)


def reads_while_written(server: Server, seconds: int) -> Load:
    """While somebody writes now and then, so that nobody may show the world without asking."""
    over = threading.Event()

    def write() -> None:
        while not over.wait(WRITE_SECONDS):
            asyncio.run(ask(server.port, CREATING, 1, []))

    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(write)
        try:
            return reads([server], seconds)
        finally:
            over.set()
            writing.result()


def in_turns(subjects: Mapping[str, Callable[[], Load]], rounds: int) -> dict[str, list[Load]]:
    """Each of them once in each round, so that a noisy moment falls on all alike."""
    found: dict[str, list[Load]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, measure in subjects.items():
            found[name].append(measure())
    return found


def by_steps(
    pair: Mapping[str, Sequence[str]], steps: Mapping[str, Measure], rounds: int
) -> dict[str, dict[str, list[Load]]]:
    """What the steps find of two servers, by step and server; each pair of them has a few rounds of each, and where {}
    stands in their flags, its number."""
    found: dict[str, dict[str, list[Load]]] = {what: {kind: [] for kind in pair} for what in steps}
    for begun in range(0, rounds, OF_A_PAIR):
        with ExitStack() as serving:
            servers = {
                kind: serving.enter_context(served(*(each.format(begun) for each in flags)))
                for kind, flags in pair.items()
            }
            for what, measure in steps.items():
                each = {kind: partial(measure, server) for kind, server in servers.items()}
                for kind, loads in in_turns(each, min(OF_A_PAIR, rounds - begun)).items():
                    found[what][kind] += loads
    return found


def middle(loads: Sequence[Load], field: str) -> float:
    return float(median(getattr(each, field) for each in loads))


def ratio(one: Sequence[Load], other: Sequence[Load], field: str) -> float:
    """One by the other, as the median of what rounds say."""
    return float(median(getattr(mine, field) / getattr(its, field) for mine, its in zip(one, other, strict=True)))


def tell(what: str, found: Mapping[str, Sequence[Load]]) -> None:
    """What was found, each beside the first of them."""
    first = next(iter(found.values()))
    for name, loads in found.items():
        client = f", {middle(loads, 'client_us'):4.1f} us of wrk's" if middle(loads, "client_us") else ""
        print(
            f"{what:20} {name:18} {middle(loads, 'cpu_us'):6.1f} us of processor time a request{client}, "
            f"{ratio(first, loads, 'cpu_us'):5.2f} of the first; {middle(loads, 'rate'):6.0f} a second, "
            f"p50 {middle(loads, 'p50'):5.1f} ms, p99 {middle(loads, 'p99'):5.1f} ms",
            flush=True,
        )


def tell_workers(what: str, found: Mapping[str, Sequence[Load]]) -> None:
    """What two processes gain, and the most that they could, since wrk takes a part of the same processors."""
    one, two, processors = found[SQLITE], found[WORKERS], os.cpu_count() or 1
    cost, client = middle(one, "cpu_us"), middle(one, "client_us")
    most = min(2.0, processors * cost / (cost + client))
    gained = ratio(two, one, "rate")
    alike = ratio(one, two, "cpu_us")
    print(
        f"{what:20} 2 workers answer {gained:.2f} times as many as one, and {alike:.2f} times as many for the same "
        f"processor time; with wrk on the same {processors} processors no more than {most:.2f} times is possible",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=2, help="of reads in a round")
    parser.add_argument("--creates", type=int, default=2_000, help="in a round")
    parser.add_argument(
        "--step",
        choices=(POLLED, FRESH, UNLIKE, UNREAD, CREATES, WRITTEN, WHILE_WRITTEN),
        action="append",
        help="only this one; may be repeated",
    )
    parsed = parser.parse_args()
    rounds, seconds = parsed.rounds, parsed.seconds
    load.require()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        different = write_requests(Path(folder) / "different.txt", fresh)
        pages = write_requests(Path(folder) / "pages.txt", unlike)
        far = random.Random(0).sample(range(1, PAGES + 1), PAGES)
        unread = load.write_targets(Path(folder) / "unread.txt", [Query(rows=20, page=page).target() for page in far])
        steps: dict[str, Measure] = {
            POLLED: lambda server: reads([server], seconds),
            FRESH: lambda server: reads([server], seconds, different),
            UNLIKE: lambda server: reads([server], seconds, pages),
            CREATES: lambda server: creates(server, parsed.creates),
            WRITTEN: lambda server: reads([server], seconds),
            WHILE_WRITTEN: lambda server: reads_while_written(server, seconds),
        }
        of_a_million: dict[str, Measure] = {UNREAD: lambda server: reads([server], seconds, unread)}
        pairs: list[dict[str, tuple[str, ...]]] = [
            {MEMORY: (), SQLITE: ("--store", f"sqlite:{folder}/beside-memory-{{}}.db")},
            {
                SQLITE: ("--store", f"sqlite:{folder}/one-{{}}.db"),
                WORKERS: ("--store", f"sqlite:{folder}/two-{{}}.db", "--workers", "2"),
            },
        ]
        if why_not() is None:
            database = stack.enter_context(running(fsync="on", full_page_writes="on"))
            pairs.insert(0, {MEMORY: (), POSTGRESQL: ("--store", database.url("store_{}"))})
        else:
            print(f"without PostgreSQL: {why_not()}")
        million = {
            SQLITE: ("--store", f"sqlite:{folder}/one-of-a-million-{{}}.db", *MILLION),
            WORKERS: ("--store", f"sqlite:{folder}/two-of-a-million-{{}}.db", "--workers", "2", *MILLION),
        }
        for pair, each in (*((pair, steps) for pair in pairs), (million, of_a_million)):
            wanted = {what: measure for what, measure in each.items() if what in (parsed.step or each)}
            if not wanted:
                continue
            for what, found in by_steps(pair, wanted, rounds).items():
                tell(what, found)
                if WORKERS in pair and what in (POLLED, FRESH, UNLIKE, UNREAD):
                    tell_workers(what, found)
        if POSTGRESQL in pairs[0] and not parsed.step:
            replicas = [stack.enter_context(served("--store", database.url("shared"))) for _ in range(REPLICAS)]
            several = {f"{n} servers": partial(reads, replicas[:n], seconds) for n in range(1, REPLICAS + 1)}
            tell("reads, PostgreSQL", in_turns(several, rounds))


if __name__ == "__main__":
    main()
