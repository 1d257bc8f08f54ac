"""`python -m benchmarks`: one run of everything, written to RESULTS.md, results.json and two charts."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import charts, correctness, creations, growth, kept, load, overhead, rounds, walks, writes
from benchmarks.machine import HERE, describe
from benchmarks.queries import Query
from benchmarks.report import Run, markdown
from benchmarks.servers import Launch
from benchmarks.subjects import ROOT, Material, Missing, Subject, install, ours, references, rivals
from benchmarks.targets import targets

DRAFT = ROOT / "build" / "benchmarks"


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how large a run is."""

    # Many short stretches rather than few long ones: a noisy moment then falls on every subject.
    rounds: int = 11
    seconds: float = 2.0
    warm_up_seconds: float = 15.0
    start_rounds: int = 5
    growth_rounds: int = 5
    growth_seconds: float = 1.0
    sizes: tuple[int, ...] = growth.SIZES
    written_rounds: int = 5
    written_sizes: tuple[int, ...] = (1_000, 100_000, 1_000_000)
    created_rounds: int = 5
    created_sizes: tuple[int, ...] = (1_000, 1_000_000)
    walked_size: int = 1_000_000
    walked_rounds: int = 5
    checked_seconds: float = 10.0
    checked_queries: int = 200
    checked_size: int = 1_000_000


FULL = Plan()
QUICK = Plan(
    rounds=1,
    warm_up_seconds=2.0,
    start_rounds=1,
    growth_rounds=1,
    sizes=(1_000, 10_000),
    written_rounds=1,
    written_sizes=(1_000, 10_000),
    created_rounds=1,
    created_sizes=(1_000, 10_000),
    walked_size=10_000,
    walked_rounds=1,
    checked_seconds=2.0,
    checked_queries=50,
    checked_size=10_000,
)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m benchmarks", description="Side by side with other mock servers.")
    top.add_argument("--quick", action="store_true", help="one short round, small worlds; for trying things out")
    top.add_argument("--only", choices=("ours",), help="leave the rivals out")
    top.add_argument("--part", choices=PART, action="append", help="measure only this part; may be repeated")
    top.add_argument(
        "--rounds", type=int, help=f"of load, side by side and growth (default: {FULL.rounds} and {FULL.growth_rounds})"
    )
    top.add_argument("--seconds", type=float, help=f"of load per subject and round (default: {FULL.seconds:g})")
    top.add_argument("--keep", action="store_true", help="with --part: put it into the run that is kept, dated")
    top.add_argument("--setup", action="store_true", help="only install the rivals")
    top.add_argument("--out", type=Path, help="folder to write to (by default only a full run replaces what is kept)")
    return top


def main(arguments: Sequence[str]) -> int:
    parsed = parser().parse_args(arguments)
    if parsed.keep and (parsed.part is None or parsed.quick):
        parser().error("--keep is for parts, at their full length")
    chosen = [PART[name] for name in parsed.part or PART]
    try:
        if any(part.loads for part in chosen):
            load.require()
        if parsed.only is None and any(part.rivals for part in chosen):
            install(say)
        if parsed.setup:
            return 0
    except load.LoadError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    plan = plan_of(parsed)
    before = kept.read(HERE / "results.json") if parsed.keep else None
    run, failed = measured(plan, parsed.part or [*PART], before, with_rivals=parsed.only is None)
    whole = not parsed.quick and parsed.only is None and parsed.part is None
    written = write(run, parsed.out or (HERE if whole or parsed.keep else DRAFT))
    print(written.read_text(encoding="utf-8"))
    say(f"written to {written.parent}")
    return 1 if failed else 0


def plan_of(parsed: argparse.Namespace) -> Plan:
    plan = QUICK if parsed.quick else FULL
    if parsed.rounds:
        plan = replace(plan, rounds=parsed.rounds, growth_rounds=parsed.rounds)
    return replace(plan, seconds=parsed.seconds) if parsed.seconds else plan


def measured(plan: Plan, parts: Sequence[str], before: Run | None, *, with_rivals: bool) -> tuple[Run, bool]:
    """Every part that was asked for, and whether one of them failed; what the others found is kept all the same. A part
    takes its place in the run `before`, if there is one, with a line of its own about when and where."""
    date, machine, load_average = datetime.now(UTC).date().isoformat(), describe(), os.getloadavg()[0]
    run = before or Run(date, machine, plan.rounds, plan.seconds, load_average)
    apart = (
        f"{date}, {machine.model}, {machine.system}, Python {machine.python}; load average before: {load_average:.2f}"
    )
    failed = False
    with tempfile.TemporaryDirectory() as name:
        for part in parts:
            try:
                run = replace(run, **PART[part].measure(plan, Path(name), with_rivals))
                if before is not None:
                    run = replace(run, apart={**run.apart, part: apart})
            except rounds.FAILURES as error:
                failed = True
                say(f"{part} failed: {error}")
    measured = run.outcomes, run.starts, run.growth, run.overhead, run.writes, run.checks, run.creations, run.walks
    reached = targets(*measured)
    return replace(run, targets=reached), failed


def starts(plan: Plan, folder: Path, with_rivals: bool) -> dict[str, Any]:
    material, _, _ = rounds.material(folder)
    return {"starts": rounds.starts(launches(subjects(material, with_rivals)), plan.start_rounds, say)}


def side_by_side(plan: Plan, folder: Path, with_rivals: bool) -> dict[str, Any]:
    material, our_queries, rival_queries = rounds.material(folder)

    def queries(subject: Subject) -> list[Query]:
        """A rival with rows of its own is asked for the pages that those rows fill."""
        return rival_queries if subject.elastic else our_queries

    size = len(material.page)
    makers = subjects(material, with_rivals)
    outcomes = rounds.side_by_side(makers, queries, size, folder, plan.rounds, plan.seconds, plan.warm_up_seconds, say)
    return {"page_bytes": size, "outcomes": outcomes}


def switched(plan: Plan, folder: Path, with_rivals: bool) -> dict[str, Any]:
    return {"overhead": overhead.measure(folder, plan.rounds, plan.seconds, say)}


def grown(plan: Plan, folder: Path, with_rivals: bool) -> dict[str, Any]:
    return {"growth": growth.measure(plan.sizes, folder, plan.growth_rounds, plan.growth_seconds, say)}


def written(plan: Plan, folder: Path, with_rivals: bool) -> dict[str, Any]:
    return {"writes": writes.measure(plan.written_sizes, plan.written_rounds, say)}


def created(plan: Plan, folder: Path, with_rivals: bool) -> dict[str, Any]:
    sizes, rounds = plan.created_sizes, plan.created_rounds
    return {"creations": creations.measure(folder, sizes, rounds, plan.start_rounds, plan.seconds, say)}


def walked(plan: Plan, folder: Path, with_rivals: bool) -> dict[str, Any]:
    return {"walks": walks.measure(plan.walked_size, plan.walked_rounds, say)}


def checked(plan: Plan, folder: Path, with_rivals: bool) -> dict[str, Any]:
    checks = [
        correctness.under_load(folder, plan.checked_seconds, plan.checked_queries),
        correctness.in_big_world(plan.checked_size, plan.checked_queries),
    ]
    for check in checks:
        say(f"{check.where}: {check.mismatches} of {check.answers} answers differ")
    return {"checks": checks}


@dataclass(frozen=True, slots=True)
class Part:
    """What measures a part of a run; whether it puts load on servers, with wrk, and whether on the rivals' too."""

    measure: Callable[[Plan, Path, bool], dict[str, Any]]
    loads: bool = True
    rivals: bool = False


PART: Mapping[str, Part] = {
    "starts": Part(starts, loads=False, rivals=True),
    "load": Part(side_by_side, rivals=True),
    "overhead": Part(switched),
    "growth": Part(grown),
    "writes": Part(written, loads=False),
    "creations": Part(created),
    "walks": Part(walked, loads=False),
    "correctness": Part(checked),
}
"""What stands alone comes first, so that nothing else runs beside it."""


def subjects(material: Material, with_rivals: bool) -> list[tuple[str, Callable[[], Subject]]]:
    """Every subject by name, with what makes it; a maker may find that the subject cannot be had."""
    found = [(each.name, lambda each=each: each) for each in [*ours(), *references(material)]]
    return [*found, *(rivals(material).items() if with_rivals else ())]


def launches(makers: Sequence[tuple[str, Callable[[], Subject]]]) -> dict[str, Launch]:
    """How each distinct program is started."""
    found: dict[str, Launch] = {}
    for name, make in makers:
        try:
            launch = make().launch
        except Missing:
            continue
        if launch not in found.values():
            found[name] = launch
    return found


def write(run: Run, folder: Path) -> Path:
    """The page, the raw figures and the charts; the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {}
    if run.outcomes:
        pictures["Requests per second, side by side"] = "results.svg"
        (folder / "results.svg").write_text(charts.results(run.outcomes), encoding="utf-8")
    if run.growth:
        pictures["Growth with the size of the world"] = "growth.svg"
        (folder / "growth.svg").write_text(charts.growth(run.growth), encoding="utf-8")
    (folder / "results.json").write_text(json.dumps(asdict(run), indent=1, default=str) + "\n", encoding="utf-8")
    page = folder / "RESULTS.md"
    page.write_text(markdown(run, pictures), encoding="utf-8")
    return page


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
