"""What a store costs: the same requests to servers in memory, of an SQLite file and of a PostgreSQL, side by side.

By processor time of the servers, since a machine may be busy; rates and waits are those of the moment. Run it with
`python -m benchmarks.stores` (Linux).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from tests.support.postgresql import running, why_not

CONNECTIONS = 16
LIST = "/prime/api/v1/sandbox?per_page=20"
CREATE = json.dumps({"name": "made", "docker_image": "python:3.11"}).encode()
HUNDRED = 100
WRITE_SECONDS, QUIET_SECONDS = 0.2, 1.5
Asking = Callable[[int, bytes, int], Coroutine[Any, Any, list[float]]]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its process, and where it listens."""

    process: subprocess.Popen[str]
    port: int

    @property
    def seconds(self) -> float:
        """Of processor time that it and its workers have taken."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("ascii").split()
        return sum(map(seconds_of, (str(self.process.pid), *children)))


@dataclass(frozen=True, slots=True)
class Load:
    """What came of some requests: microseconds of processor time for each, how many a second, and how long they took
    (milliseconds)."""

    cpu_us: float
    rate: float
    p50: float
    p99: float


def seconds_of(process: str) -> float:
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


@contextmanager
def served(*flags: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "fakeserver", "serve", "--port", "0", "--no-rate-limits", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = urlsplit(process.stdout.readline().strip()).port
        assert port is not None, "the server did not start"
        try:
            yield Server(process, port)
        finally:
            process.terminate()


def request(method: str, path: str, body: bytes = b"") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer prime-admin-key\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


READING, CREATING = request("GET", LIST), request("POST", LIST.partition("?")[0], CREATE)


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


async def ask_while_written(port: int, packet: bytes, times: int) -> list[float]:
    """The same while somebody writes now and then, so that nobody may show the world without asking."""

    async def write() -> None:
        while True:
            await ask(port, CREATING, 1, [])
            await asyncio.sleep(WRITE_SECONDS)

    writing = asyncio.create_task(write())
    try:
        return await ask_by_all(port, packet, times)
    finally:
        writing.cancel()


def measure(server: Server, packet: bytes, requests: int, asking: Asking) -> Load:
    before, began = server.seconds, time.perf_counter()
    waits = asyncio.run(asking(server.port, packet, requests // CONNECTIONS))
    passed, cpu = time.perf_counter() - began, server.seconds - before
    return Load(1e6 * cpu / len(waits), len(waits) / passed, median(waits), quantiles(waits, n=HUNDRED)[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=8_000, help="that read, in a round; a quarter of it that write")
    parsed = parser.parse_args()
    steps = (
        ("reads, unwritten", READING, 1, ask_by_all),
        ("creates", CREATING, 4, ask_by_all),
        ("reads, written", READING, 1, ask_by_all),
        ("reads, while written", READING, 1, ask_while_written),
    )
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stores = {
            "memory": (),
            "sqlite": ("--store", f"sqlite:{folder}/one.db"),
            "sqlite, 2 workers": ("--store", f"sqlite:{folder}/two.db", "--workers", "2"),
        }
        if why_not() is None:
            database = stack.enter_context(running(fsync="on", full_page_writes="on"))
            stores["postgresql"] = ("--store", database.url())
        else:
            print(f"without PostgreSQL: {why_not()}")
        servers = {kind: stack.enter_context(served(*flags)) for kind, flags in stores.items()}
        for name, packet, part, asking in steps:
            for kind, server in servers.items():
                # Whoever shows a world without asking does so when it has been quiet for a while.
                time.sleep(QUIET_SECONDS)
                loads = [measure(server, packet, parsed.requests // part, asking) for _ in range(parsed.rounds)]
                cpu, rate = median(each.cpu_us for each in loads), median(each.rate for each in loads)
                p50, p99 = median(each.p50 for each in loads), median(each.p99 for each in loads)
                print(
                    f"{name:20} {kind:18} {cpu:6.0f} us of processor time a request, {rate:6.0f} a second, "
                    f"p50 {p50:5.1f} ms, p99 {p99:5.1f} ms",
                    flush=True,
                )


if __name__ == "__main__":
    main()
