"""Is what we send right? Checked while the load runs, and in a world of a million sandboxes."""

from __future__ import annotations

import itertools
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks import load
from benchmarks.queries import HEADERS, all_rows, fetch, full_pages, mismatch, mix, sample
from benchmarks.servers import Server
from benchmarks.subjects import fakeserver

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Check:
    """How many answers were compared with a comprehension over the whole list, and how many differed."""

    where: str
    rows: int
    answers: int
    mismatches: int
    examples: tuple[str, ...]
    load_requests_per_second: float | None = None


def under_load(folder: Path, seconds: float, queries: int) -> Check:
    """While wrk runs against the server, walk pages in this second process and compare every one."""
    with Server(fakeserver()) as server:
        rows = all_rows(server)
        expected = [*sample(rows, queries)]
        targets = load.write_targets(folder / "correctness.txt", mix(full_pages(rows)))
        command = load.command(server.base_url, targets, HEADERS, seconds)
        answers, wrong = 0, []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            for query, found in itertools.cycle(expected):
                if running.poll() is not None:
                    break
                difference = mismatch(query, found, fetch(server, query.target()))
                answers += 1
                wrong += [difference] if difference else []
            printed = running.stdout.read() if running.stdout else ""
        rate = load.read(printed).requests_per_second
        return Check("while wrk runs, 1 k world", len(rows), answers, len(wrong), tuple(wrong[:SHOWN]), rate)


def in_big_world(size: int, queries: int) -> Check:
    """A sample of queries, each answer compared with a comprehension over all rows of the world."""
    with Server(fakeserver("--size", str(size), "--only", "prime")) as server:
        rows = all_rows(server)
        answers, wrong = 0, []
        for query, found in sample(rows, queries):
            difference = mismatch(query, found, fetch(server, query.target()))
            answers += 1
            wrong += [difference] if difference else []
        return Check(f"{size:,} sandboxes in the world", len(rows), answers, len(wrong), tuple(wrong[:SHOWN]))
