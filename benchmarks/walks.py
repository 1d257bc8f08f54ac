"""A walk through a whole list, a thousand rows on a page: what a document costs that nobody has read before."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import NamedTuple

from benchmarks.figures import Figure, figure
from benchmarks.growth import launch_of
from benchmarks.queries import LONGEST_PAGE
from benchmarks.rounds import Report
from benchmarks.servers import HOST, Server

PROVIDER = "prime"
"""The one whose pages may have a thousand rows."""
FIELD = b'"createdAt":'
"""What every row has once: to read the rows would take the client as long as it takes the server to make them."""
MORE, TAIL = b'"has_next":true', 200
"""What stands in the last bytes of a page that another follows."""
ROOT, NAMESPACE = "at the root", "in a namespace"
PREFIXES = {ROOT: "", NAMESPACE: "/ns/walked"}
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Walk:
    """Walks through one list: seconds on the wall that a million documents would take, and microseconds of the server's
    processor time for each of them."""

    where: str
    size: int
    documents: int
    million_seconds: Figure
    cpu_us: Figure


class Steps(NamedTuple):
    """One walk: how many documents, in how many seconds on the wall and of the server's processor."""

    documents: int
    seconds: float
    cpu_seconds: float

    @property
    def million_seconds(self) -> float:
        """How long a million documents would take."""
        return self.seconds / self.documents * MILLION

    @property
    def cpu_us(self) -> float:
        """Of one document."""
        return self.cpu_seconds / self.documents * 1e6


def measure(size: int, rounds: int, report: Report) -> list[Walk]:
    """Both walks by turns, each in a server that nobody has asked anything before."""
    walked: dict[str, list[Steps]] = {where: [] for where in PREFIXES}
    for number in range(rounds):
        for where, prefix in PREFIXES.items():
            with Server(launch_of(PROVIDER, size)) as server:
                last = walk(server, prefix)
            walked[where].append(last)
            told = f"{last.documents:,} documents {where}: {last.cpu_us:.1f} us each, {last.seconds:.1f} s"
            report(f"walks: round {number + 1}/{rounds}: {told}")
    return [
        Walk(
            where,
            size,
            several[0].documents,
            figure([each.million_seconds for each in several]),
            figure([each.cpu_us for each in several]),
        )
        for where, several in walked.items()
    ]


def walk(server: Server, prefix: str) -> Steps:
    connection = HTTPConnection(HOST, server.port)
    found, page, goes_on = 0, 1, True

    def ask() -> None:
        target = f"{prefix}/{PROVIDER}/api/v1/sandbox?per_page={LONGEST_PAGE}&page={page}"
        connection.request("GET", target, headers=dict(server.launch.headers))

    begun, used = time.perf_counter(), server.cpu_seconds() or 0.0
    ask()
    while goes_on:
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise ValueError(f"page {page} of {prefix}/{PROVIDER} was answered {response.status}")
        goes_on = MORE in body[-TAIL:]
        if goes_on:
            page += 1
            ask()
        # While the server makes the next page.
        rows = body.count(FIELD)
        found += rows
        if goes_on and rows != LONGEST_PAGE:
            raise ValueError(f"page {page - 1} of {prefix}/{PROVIDER} has {rows} rows")
    spent, cpu = time.perf_counter() - begun, (server.cpu_seconds() or 0.0) - used
    connection.close()
    return Steps(found, spent, cpu)
