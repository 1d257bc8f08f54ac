"""So many servers of one store, each a process, behind a balancer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from fakeserver.instants import at
from tests.support.asgi import EPOCH
from tests.support.command import serving
from tests.support.replicas.balancer import balanced

SIZE = 20
"""Documents that each provider begins with."""
WELL_SECONDS = 60.0
"""Until servers whose store is there again must have noticed it."""
BEGUN = ("--epoch", at(EPOCH), "--size", str(SIZE), "--no-rate-limits")


@dataclass(frozen=True)
class Replicas:
    """Servers that have the same worlds, and the port of what stands in front of them."""

    urls: Sequence[str]
    port: int

    @property
    def ports(self) -> list[int]:
        return [int(each.rpartition(":")[2]) for each in self.urls]

    def wait_until_well(self) -> None:
        """Until all say that nothing is wrong with them."""
        deadline = time.monotonic() + WELL_SECONDS
        while not all(httpx.get(f"{each}/__admin/health", trust_env=False).is_success for each in self.urls):
            assert time.monotonic() < deadline, "the servers have not recovered"
            time.sleep(0.05)


@contextmanager
def replicas(folder: Path, store: str, count: int, *arguments: str) -> Iterator[Replicas]:
    """Until the block ends."""
    with ExitStack() as stack:
        urls = []
        for number in range(count):
            place = folder / f"server {number}"
            place.mkdir()
            urls.append(stack.enter_context(serving(place, "--store", store, *BEGUN, *arguments)).base_url)
        yield stack.enter_context(in_front_of(urls))


@contextmanager
def in_front_of(urls: Sequence[str]) -> Iterator[Replicas]:
    """Servers with a balancer before them."""
    found = Replicas(urls, 0)
    with balanced(found.ports) as port:
        yield replace(found, port=port)
