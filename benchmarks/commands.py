"""`python -m benchmarks.commands`: what commands in sandboxes cost: so many sandboxes with files in one process, one
command over a socket, and how long others wait for a listing while commands take all processors.

A client of the other side shares the machine with the server, and its processors with what the server runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.planes import Planes
from benchmarks.rounds import Report
from benchmarks.servers import HOST, Server
from benchmarks.subjects import fakeserver
from fakeserver.commands.guests import Guests
from fakeserver.commands.workers import LIVING
from fakeserver.interpreter.orders import Order
from fakeserver.interpreter.shell import Shell

SANDBOXES = 100_000
MOST_MEGABYTES = 512
MOST_DESCRIPTORS = 256
COMMANDS = 500
LISTINGS = 500
CLIENTS = 16
KEY = {
    "x-api-key": "instavm-admin-key",
    "authorization": "Bearer prime-admin-key",
    "content-type": "application/json",
}
BEGUN = {"api_key": "instavm-admin-key", "vm_lifetime_seconds": 3_600}
HEAVY = (
    "while :; do :; done",
    "for i in $(seq 100000); do echo $i; done",
    "while :; do ls -la / | sort | sha256sum; done",
    "python3 -c 'while True: pass'",
    "while :; do date; sleep 0; done",
    "x=a; while :; do x=$x$x; done",
    "while :; do python3 -c 'import time; print(time.time())'; done",
    "i=0; while :; do i=$((i + 1)); echo $i > f$i; done",
)
"""What the other clients run, in turn."""
HEAVY_SECONDS = 2
NOW = 1_767_225_600_000_000


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds."""

    p50: float
    p99: float
    most: float

    def __str__(self) -> str:
        return f"p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms, most {self.most:.2f} ms"


def spread(seconds: Sequence[float]) -> Spread:
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return Spread(*(ordered[round(last * part)] * 1e3 for part in (0.5, 0.99, 1.0)))


def timed(work: object, times: int) -> list[float]:
    """The seconds that each of so many calls takes."""
    assert callable(work)
    found = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return found


# In one process


def memory_mb() -> float:
    fields = Path("/proc/self/statm").read_text("ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def whole_memory_mb() -> float:
    """Of this process and of all workers; what several of them share counts once."""
    found = 0
    for number in ("self", *(str(each.number) for each in [*LIVING])):
        with suppress(OSError):
            rollup = Path(f"/proc/{number}/smaps_rollup").read_text("ascii")
            found += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return found / 1024


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def many(count: int, report: Report) -> bool:
    """Sandboxes that each have run a command, and hold a file of it. Whether they stay within the bounds."""
    guests, before = Guests(), memory_mb()
    untouched = [guests.of("prime", f"untouched-{index}") for index in range(count)]
    report(f"{len(untouched):,} sandboxes that nothing ran in: {memory_mb() - before:.0f} MB")
    del untouched
    started, highest = time.perf_counter(), 0
    for index in range(count):
        finished = guests.of("prime", f"sandbox-{index}").run(Order(f"echo {index} > number; echo {index}"), NOW)
        if finished.stdout != f"{index}\n".encode():
            raise ValueError(f"sandbox {index} has written {finished!r}")
        highest = max(highest, descriptors()) if index % 100 == 0 else highest
    spent, most, whole, workers = time.perf_counter() - started, memory_mb(), whole_memory_mb(), len(LIVING)
    for index in range(0, count, max(1, count // 100)):
        kept = guests.of("prime", f"sandbox-{index}").run(Order("cat number"), NOW).stdout
        if kept != f"{index}\n".encode():
            raise ValueError(f"sandbox {index} has kept {kept!r}")
    report(
        f"{count:,} sandboxes with files: {most:.0f} MB, with {workers} workers {whole:.0f} MB (at most"
        f" {MOST_MEGABYTES}), {highest} descriptors (at most {MOST_DESCRIPTORS}), {spent / count * 1e3:.2f} ms for each"
        " command"
    )
    return whole < MOST_MEGABYTES and highest < MOST_DESCRIPTORS


def parts(report: Report) -> None:
    """What a command is made of."""
    frozen = Shell(None).freeze()
    report(f"a frozen sandbox without files: {len(frozen):,} bytes")
    report(f"an interpreter: {spread(timed(lambda: Shell(None), COMMANDS))}")
    report(f"an interpreter with files: {spread(timed(lambda: Shell(frozen), COMMANDS))}")

    def whole(text: str) -> None:
        shell = Shell(frozen)
        shell.run(Order(text), NOW, lambda stream, piece: None)
        shell.freeze()

    for text in ("echo hi", "date", "ls -la /", "python3 -c 'print(1)'", "timeout 5 echo hi"):
        report(f"{text}, from frozen to frozen: {spread(timed(lambda text=text: whole(text), COMMANDS // 5))}")


# Over a socket


class Client:
    """One connection to InstaVM's API, with a session of its own in which commands run."""

    def __init__(self, server: Server) -> None:
        self.connection = HTTPConnection(HOST, server.port, timeout=60)
        self.session = self.send("POST", "/instavm/v1/sessions/session", BEGUN)["session_id"]

    def send(self, method: str, path: str, body: object = None) -> dict[str, str]:
        self.connection.request(method, path, None if body is None else json.dumps(body), KEY)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise ValueError(f"{path} was answered {answer.status}: {text[:200]!r}")
        found: dict[str, str] = json.loads(text)
        return found

    def run(self, command: str, seconds: int = 30) -> str:
        body = {"command": command, "session_id": self.session, "language": "bash", "timeout": seconds}
        return self.send("POST", "/instavm/execute", body)["stdout"]

    def listing(self) -> None:
        self.send("GET", "/prime/api/v1/sandbox?per_page=20")


def over_a_socket(report: Report) -> None:
    with Server(fakeserver()) as server:
        client = Client(server)
        if client.run("echo hi") != "hi\n":
            raise ValueError("echo says something else")
        report(f"echo hi over HTTP: {spread(timed(lambda: client.run('echo hi'), COMMANDS))}")
        for slug, plane in Planes(server.base_url).all().items():
            report(f"echo hi through {slug}'s data plane, with httpx: {spread(timed(plane, COMMANDS))}")
        # The server may have closed what nobody has used for that long; it is opened anew.
        client.connection.close()
        idle = spread(timed(client.listing, LISTINGS))
        report(f"a listing, while nothing runs: {idle}")
        stop = threading.Event()

        def work(number: int) -> None:
            mine = Client(server)
            while not stop.is_set():
                mine.run(HEAVY[number % len(HEAVY)], HEAVY_SECONDS)

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(CLIENTS)]
        for each in threads:
            each.start()
        time.sleep(1)
        busy = spread(timed(client.listing, LISTINGS))
        report(f"a listing, while {CLIENTS} clients run heavy commands: {busy}")
        stop.set()
        for each in threads:
            each.join()
        report(f"the longest wait is {busy.most - idle.p50:.1f} ms over the idle one (at most 50)")
        report(f"the server then has {server.memory_mb():.0f} MB")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commands", description=__doc__)
    parser.add_argument("--sandboxes", type=int, default=SANDBOXES)
    options = parser.parse_args(arguments)
    print(describe(), flush=True)

    def report(text: str) -> None:
        print(text, flush=True)

    parts(report)
    over_a_socket(report)
    return 0 if many(options.sandboxes, report) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
