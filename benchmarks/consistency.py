"""`python -m benchmarks.consistency`: are several servers of one store, behind a balancer, like one?

Clients ask them at the same time, and a judge looks for an order of all operations of a world that explains every
answer. Then the journal must have every request, and all servers the same world, byte for byte.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import cast

from tests.support.lives import PROVIDERS
from tests.support.replicas.clients import (
    Client,
    Shared,
    begin,
    compare_snapshots,
    count_journal,
    look_around,
    look_at_everything,
)
from tests.support.replicas.history import History
from tests.support.replicas.order import judge, judge_parts
from tests.support.replicas.servers import Replicas, replicas

OPERATIONS, REPLICAS, CLIENTS = 1_000_000, 3, 16
JUDGES = 2
"""Processes that judge at a time: that takes longer than to ask."""
FORK = get_context("fork")
OF_A_WORLD = 2_000
"""Operations, until another world is begun."""
OF_A_ROUND = 250
"""Operations of a world, until its clients pause and somebody looks at all of it: what came before is settled then."""
MOST_WRONG = 3
"""Worlds that are wrong, until it is no use to go on."""
MOST_TOLD = 4_000
"""Characters of what is wrong with one."""


@dataclass(frozen=True)
class Outcome:
    """How many operations of how many worlds were judged, of how many nobody knows the end, what is wrong with worlds,
    of how many the judge could not tell, and the seconds that the servers were asked for and that the judge took."""

    operations: int
    worlds: int
    lost: int
    wrong: tuple[str, ...]
    undecided: int
    asked_seconds: float
    judged_seconds: float

    @property
    def sentence(self) -> str:
        return (
            f"{self.operations:,} operations in {self.worlds} worlds, {self.lost:,} of them with an unknown end: "
            f"{len(self.wrong)} worlds wrong, {self.undecided} undecided "
            f"({self.asked_seconds:.0f} s asked, {self.judged_seconds:.0f} s judged)"
        )


class Countdown:
    """True so many times, for all threads together; `events` are what happens when so many are left."""

    def __init__(self, count: int, events: Mapping[int, Callable[[], None]]) -> None:
        self._left = count
        self._events = events
        self._lock = threading.Lock()
        self.happening: list[threading.Thread] = []

    def __call__(self) -> bool:
        with self._lock:
            self._left -= 1
            if self._left in self._events:
                self.happening.append(threading.Thread(target=self._events[self._left]))
                self.happening[-1].start()
            return self._left >= 0


def live(
    found: Replicas,
    ns: str,
    count: int,
    clients: int,
    slugs: Sequence[str],
    seed: int,
    events: Mapping[int, Callable[[], None]],
) -> Shared:
    """A world of which so many clients ask so much in all, at the same time."""
    shared = begin(found.port, ns, slugs, seed)
    sizes = [min(OF_A_ROUND, count - done) for done in range(0, count, OF_A_ROUND)]
    # An event happens when so many are left of all.
    left = [count - sum(sizes[: place + 1]) for place in range(len(sizes))]
    rounds = [
        Countdown(size, {at - behind: event for at, event in events.items() if behind <= at < behind + size})
        for size, behind in zip(sizes, left, strict=True)
    ]
    pause = threading.Barrier(clients, partial(look_around, found.port, shared))
    threads = [Client(number, found.port, shared, seed, rounds, pause) for number in range(clients)]
    for thread in threads:
        thread.start()
    for each in [*threads, *(event for part in rounds for event in part.happening)]:
        each.join()
    found.wait_until_well()
    return shared


def wrongs_of(history: History) -> tuple[list[str], str]:
    """What is wrong with the history of a world; and where that is nothing, what could not be decided: too many orders
    were tried of the whole, and some order explains each part by itself."""
    wrong, verdict = [*history.wrong], judge(history.operations, history.start)
    if verdict.holds:
        return wrong, ""
    parts = judge_parts(history.operations, history.start)
    apart = [f"by itself, {part}: {found}" for part, found in parts if not found.holds]
    if verdict.undecided and not apart:
        return wrong, str(verdict)
    return [*wrong, str(verdict), *apart], ""


class Judge:
    """A process that judges the history of a world while the next one is asked: it begins as a copy of this one, since
    what was asked holds functions. `wait` comes to what is wrong, what is undecided, and the seconds that it took."""

    def __init__(self, history: History) -> None:
        self.found, sending = FORK.Pipe(duplex=False)
        self._process = FORK.Process(target=self._judge, args=(history, sending), daemon=True)
        self._process.start()
        sending.close()

    @staticmethod
    def _judge(history: History, sending: Connection) -> None:
        began = time.monotonic()
        found = wrongs_of(history)
        sending.send((*found, time.monotonic() - began))

    def wait(self) -> tuple[list[str], str, float]:
        try:
            found: tuple[list[str], str, float] = self.found.recv()
        except (EOFError, OSError):
            found = ["the judge ended without a verdict"], "", 0.0
        self._process.join()
        return found


def run(
    store: str | None = None,
    *,
    operations: int = OPERATIONS,
    count: int = REPLICAS,
    clients: int = CLIENTS,
    slugs: Sequence[str] = tuple(PROVIDERS),
    seed: int = 0,
    judges: int = JUDGES,
    outage: Callable[[], None] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """So many operations, a world after the other, judged by so many processes at a time; by default of a file of
    SQLite. Without any, each is judged here before the next is asked. Where there is an `outage`, it happens twice."""
    wrong: list[str] = []
    done = worlds = lost = settled = undecided = 0
    asked = judged = 0.0
    judging: dict[Connection, tuple[str, int, list[str], Judge]] = {}

    def note(ns: str, size: int, told: list[str], unclear: str, seconds: float) -> None:
        nonlocal judged, settled, undecided
        if unclear:
            undecided += 1
            tell(f"{ns}: {unclear}"[:MOST_TOLD])
        if told:
            wrong.append(f"{ns}: " + "\n".join(told)[:MOST_TOLD])
            tell(wrong[-1])
        judged, settled = judged + seconds, settled + size
        tell(f"{settled:,} operations, {len(wrong)} worlds wrong")

    def wait_for(most: int) -> None:
        """Until no more than so many are judged."""
        while judging and (len(judging) > most or wait([*judging], 0)):
            for found in cast(list[Connection], wait([*judging])):
                ns, size, told, process = judging.pop(found)
                verdict, unclear, seconds = process.wait()
                note(ns, size, told + verdict, unclear, seconds)

    with tempfile.TemporaryDirectory() as folder:
        url = store or f"sqlite:{folder}/worlds.db"
        only = [flag for slug in slugs for flag in ("--only", slug)] if len(slugs) < len(PROVIDERS) else []
        with replicas(Path(folder), url, count, *only) as found:
            while done < operations and len(wrong) < MOST_WRONG:
                ns, size = f"w{seed}-{worlds}", min(OF_A_WORLD, operations - done)
                # In the middle of the first world, and of one in the middle.
                is_hit = outage is not None and (worlds == 0 or done <= operations // 2 < done + size)
                events = {size // 2: outage} if outage is not None and is_hit else {}
                began = time.monotonic()
                shared = live(found, ns, size, clients, slugs, seed + worlds, events)
                told = [*look_at_everything(found.port, shared)]
                told += count_journal(found.ports, shared)
                told += compare_snapshots(found.ports, shared)
                asked += time.monotonic() - began
                done, worlds = done + size, worlds + 1
                lost += len(shared.unknown) + len(shared.resumed) + shared.history.unknown
                if not judges:
                    began = time.monotonic()
                    verdict, unclear = wrongs_of(shared.history)
                    note(ns, size, told + verdict, unclear, time.monotonic() - began)
                    continue
                wait_for(judges - 1)
                process = Judge(shared.history)
                judging[process.found] = ns, size, told, process
            wait_for(0)
    return Outcome(done, worlds, lost, tuple(wrong), undecided, asked, judged)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.consistency", description="Servers of one store.")
    parser.add_argument("--operations", type=int, default=OPERATIONS, help=f"in all (default: {OPERATIONS})")
    parser.add_argument("--replicas", type=int, default=REPLICAS, help=f"servers (default: {REPLICAS})")
    parser.add_argument("--clients", type=int, default=CLIENTS, help=f"at the same time (default: {CLIENTS})")
    parser.add_argument("--store", metavar="URL", help="a new one (default: a file of SQLite)")
    parser.add_argument("--provider", choices=[*PROVIDERS], action="append", help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    outcome = run(
        given.store,
        operations=given.operations,
        count=given.replicas,
        clients=given.clients,
        slugs=tuple(given.provider or PROVIDERS),
        seed=given.seed,
        tell=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(*outcome.wrong, outcome.sentence, sep="\n")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
