"""`python -m benchmarks.soak`: what counts in thousands, and too long for every change; the result is SOAK.md.

Every planted bug and every mechanical mutant is judged by the laws, correct servers are judged for false alarms under
every seed, several servers of one store are asked by many clients at the same time, and the tests run that a usual run
leaves out: all hostile requests, and many more random examples.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar
from xml.etree import ElementTree

from benchmarks import consistency
from benchmarks.machine import HERE, Machine, describe
from contract_tests.planted import BUGS, false_alarms, mutants
from contract_tests.planted.__main__ import by_laws, by_laws_with_known_ids, by_must
from contract_tests.planted.bug import Bug
from contract_tests.promises import BY_SLUG
from tests.kit.other_make import measure
from tests.kit.other_make.build import Build
from tests.kit.other_make.trial import TOKENS
from tests.support import postgresql

ROOT = HERE.parent
DRAFT = ROOT / "build" / "benchmarks"
PAGE = "SOAK.md"
EXAMPLES = 20
"""Random examples, for each one of a usual run."""
LEAST_MUTANTS = 0.95
"""Share of the mutants that a run must catch, of those that a page contradicts. Some tell themselves by nothing that a
law may rely on."""
MOST_LINES = 60
"""Failures that the page names per part."""
CRASHES = ("tests/api/test_stores_crash.py", "tests/api/test_stores_cuts.py")
OUTAGE_SECONDS = 2.0
"""That a database is away."""
CHUNK = 4
"""Units that a process takes at a time."""

Unit = TypeVar("Unit")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much a run takes. `every` third bug, mutant and trial is a third of the work; `seeds` are those of trials."""

    seed: int = 0
    seeds: int = false_alarms.SEEDS
    examples: int = EXAMPLES
    every: int = 1
    providers: tuple[str, ...] = tuple(BY_SLUG)
    jobs: int = os.cpu_count() or 1


FULL = Plan()


@dataclass(frozen=True, slots=True)
class Result:
    """What one part found: how much was tried, the outcome in a sentence, and a line for each failure."""

    part: str
    tried: int
    outcome: str
    passed: bool
    failures: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Source:
    """The commit that was judged; `changed` where the files are not those of the commit."""

    commit: str
    changed: bool


def named(bug: Bug) -> str:
    return f"{bug.slug}, {bug.operation}, `{bug.name}`: {bug.summary}"


# One unit of work each, in a process of the pool.


def judge_bug(number: int) -> str:
    """A planted bug that no law caught, else nothing."""
    bug = BUGS[number]
    return "" if by_laws(bug, bug.handler()) else named(bug)


def judge_mutant(number: int) -> tuple[str, str]:
    """What became of a mechanical change, and the mutant where a law should have said otherwise: it was missed, or it
    is convicted of what a page is taken to permit."""
    placed = mutants.place(mutants.everything()[number])
    if isinstance(placed, str):
        return placed, ""
    if not placed.unstated:
        return ("caught", "") if by_laws_with_known_ids(placed, placed.handler()) else ("missed", named(placed))
    if laws := by_must(placed, placed.handler()):
        return "convicted", f"{named(placed)} A page permits it, and it is convicted all the same: {', '.join(laws)}."
    return "noticed" if by_laws_with_known_ids(placed, placed.handler()) else "permitted", ""


def judge_correct(trial: tuple[str, int, int, float]) -> str:
    """What a correct server was accused of, else nothing."""
    slug, seed, size, churn = trial
    found = false_alarms.trial(slug, seed, size, churn).accusations
    said = "; ".join(f"{each.law}: {each.sentence}" for each in found)
    return f"{slug}, seed {seed}, {size} rows, churn {churn:g}: {said}" if found else ""


def spread(judge: Callable[[Unit], Found], units: Sequence[Unit], plan: Plan) -> list[Found]:
    """The findings about all units, from as many processes as the plan has, each with a fresh interpreter."""
    with ProcessPoolExecutor(plan.jobs, mp_context=get_context("spawn")) as pool:
        return list(pool.map(judge, units, chunksize=CHUNK))


# The parts.


def planted(plan: Plan) -> Result:
    numbers = [number for number, bug in enumerate(BUGS) if bug.slug in plan.providers][:: plan.every]
    missed = [line for line in spread(judge_bug, numbers, plan) if line]
    caught = len(numbers) - len(missed)
    return Result("planted bugs", len(numbers), f"{caught} of {len(numbers)} caught", not missed, tuple(missed))


def mechanical(plan: Plan) -> Result:
    found = spread(judge_mutant, range(len(mutants.everything()))[:: plan.every], plan)
    fates = Counter(fate for fate, _ in found)
    missed = tuple(line for _, line in found if line)
    live = fates["caught"] + fates["missed"]
    silent = fates["noticed"] + fates["permitted"] + fates["convicted"]
    told = fates["caught"] + fates["noticed"] + fates["convicted"]
    sentence = (
        f"{fates['caught']} of {live} mutants caught ({share(fates['caught'], live)}); {silent} more change only what "
        f"no page states, {fates['noticed']} of them are noticed: with these {told} of {live + silent} "
        f"({share(told, live + silent)}); of the other changes {fates['equivalent']} change no answer, "
        f"{fates['stillborn']} do not start, {fates['stuck']} never answer"
    )
    passed = fates["caught"] >= LEAST_MUTANTS * live and not fates["convicted"]
    return Result("mechanical mutants", len(found), sentence, passed, missed)


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def correct(plan: Plan) -> Result:
    trials = [
        (slug, seed, size, churn)
        for slug in plan.providers
        for size in false_alarms.SIZES
        for churn in false_alarms.CHURNS
        for seed in range(plan.seed, plan.seed + plan.seeds)
    ][:: plan.every]
    accused = tuple(line for line in spread(judge_correct, trials, plan) if line)
    return Result("false alarms", len(trials), f"{len(accused)} correct servers accused", not accused, accused)


def other_bugs(plan: Plan) -> Result:
    """The bugs of the other make, which chose none of the kit's probes; a catch is a law that holds without the bug."""
    wrong = [build for slug in plan.providers for build in measure.wrong_builds(slug)][:: plan.every]
    asked = [*map(Build, plan.providers), *wrong]
    found = spread(measure.judge, [measure.Unit(build, "default", TOKENS[-1]) for build in asked], plan)
    clean = dict(zip(plan.providers, found, strict=False))
    judged = zip(wrong, found[len(plan.providers) :], strict=True)
    fair = [(build, each) for build, each in judged if not measure.bug_of(build).unfair]
    missed = tuple(
        f"{build.slug}, `{build.bug}`: {measure.bug_of(build).summary}"
        for build, each in fair
        if not measure.catches(measure.bug_of(build), each, clean[build.slug])
    )
    outcome = f"{len(fair) - len(missed)} of {len(fair)} caught"
    return Result("bugs of another make", len(fair), outcome, not missed, missed)


def other_answers(plan: Plan) -> Result:
    """Right builds of the other make, in every profile: other answers alone, and at random."""
    right = [build for slug in plan.providers for build in measure.right_builds(slug, seed=plan.seed)]
    units = [measure.Unit(build, profile, TOKENS[-1]) for build in right for profile in measure.PROFILES][:: plan.every]
    found = zip(units, spread(measure.judge, units, plan), strict=True)
    accused = tuple(
        f"{unit.build}, {unit.profile}: {'; '.join(each.must) or each.unjudged}"
        for unit, each in found
        if each.must or each.unjudged
    )
    return Result("answers of another make", len(units), f"{len(accused)} right builds accused", not accused, accused)


def random_tests(plan: Plan) -> Result:
    """All hostile requests, and the properties with more examples, drawn from the seed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        ignored = [f"--ignore={path}" for path in CRASHES]
        run_tests(plan, report, "-m", "soak or hypothesis", *ignored)
        told = f"with {plan.examples} times the usual examples"
        return of_tests(read_report(report), "hostile requests and random examples", told)


def crashes(plan: Plan) -> Result:
    """Servers of a store that are killed while they write, and logs that are cut off behind each frame."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        run_tests(plan, report, "-m", "soak", *CRASHES)
        told = "10,000 cuts through a log, and 200 kills of a server with eight writers for each store"
        return of_tests(read_report(report), "crashes of stores", told)


def run_tests(plan: Plan, report: Path, *which: str) -> None:
    quiet = ("-q", "-p", "no:cacheprovider", "--timeout", "0")
    command = [sys.executable, "-m", "pytest", *quiet, "-n", str(plan.jobs), *which]
    subprocess.run(
        [*command, f"--hypothesis-seed={plan.seed}", f"--junit-xml={report}"],
        cwd=ROOT,
        env={**os.environ, "FAKESERVER_EXAMPLES": str(plan.examples)},
        stdout=sys.stderr,
        check=False,
    )


def read_report(report: Path) -> str:
    return report.read_text(encoding="utf-8") if report.exists() else ""


def of_tests(junit: str, part: str, told: str) -> Result:
    """The result that pytest's report tells; without a report nothing passed."""
    if not junit:
        return Result(part, 0, "the tests did not run", False)
    cases = list(ElementTree.fromstring(junit).iter("testcase"))
    failures = tuple(
        f"{case.get('classname')}.{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    )
    sentence = f"{len(failures)} tests failed, {told}"
    return Result(part, len(cases), sentence, bool(cases) and not failures, failures)


def consistent(plan: Plan) -> Result:
    """Several servers of one file of SQLite, which must be like one."""
    outcome = consistency.run(operations=consistency.OPERATIONS // plan.every, slugs=plan.providers, seed=plan.seed)
    return of_consistency("three servers of SQLite", outcome)


def consistent_through_outages(plan: Plan) -> Result:
    """The same of PostgreSQL, which ends twice meanwhile."""
    part, reason = "three servers of PostgreSQL, which ends twice", postgresql.why_not()
    if reason is not None:
        return Result(part, 0, f"not tried: {reason}", False)
    with postgresql.running(fsync="on") as database:

        def end() -> None:
            database.stop()
            time.sleep(OUTAGE_SECONDS)
            database.start()

        count = consistency.OPERATIONS // plan.every
        outcome = consistency.run(database.url(), operations=count, slugs=plan.providers, seed=plan.seed, outage=end)
    return of_consistency(part, outcome)


def of_consistency(part: str, outcome: consistency.Outcome) -> Result:
    return Result(part, outcome.operations, outcome.sentence, not outcome.wrong, outcome.wrong)


PARTS: Mapping[str, Callable[[Plan], Result]] = {
    "bugs": planted,
    "mutants": mechanical,
    "alarms": correct,
    "other-bugs": other_bugs,
    "other-answers": other_answers,
    "consistency": consistent,
    "outages": consistent_through_outages,
    "tests": random_tests,
    "crashes": crashes,
}


# The page.


def source() -> Source:
    """What git says about the checkout."""

    def said(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else "unknown"

    return Source(said("rev-parse", "HEAD"), bool(said("status", "--porcelain", "--", ".", f":!benchmarks/{PAGE}")))


def page(results: Sequence[Result], plan: Plan, where: Source, machine: Machine, date: str) -> str:
    """The results as Markdown."""
    changed = ", with changes that are in no commit" if where.changed else ""
    sample = "everything" if plan.every == 1 else f"one in {plan.every} bugs, mutants and correct servers"
    lines = [
        "# Soak",
        "",
        "Written by `make soak`.",
        "",
        f"- commit: `{where.commit}`{changed}",
        f"- date: {date}",
        f"- seed: {plan.seed}",
        f"- providers: {', '.join(plan.providers)}",
        f"- how much: {sample}, {plan.seeds} worlds per size and churn, {plan.examples} times the usual examples",
        f"- machine: {machine.processors} processors ({machine.model}), Python {machine.python}",
        "",
        "| part | tried | outcome | passed | minutes |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        minutes = result.seconds / 60
        verdict = "yes" if result.passed else "**no**"
        lines.append(f"| {result.part} | {result.tried:,} | {result.outcome} | {verdict} | {minutes:.1f} |")
    for result in results:
        if result.failures:
            lines += ["", f"## {result.part.capitalize()}: what was missed", ""]
            lines += [f"- {line}" for line in result.failures[:MOST_LINES]]
            if len(result.failures) > MOST_LINES:
                lines.append(f"- and {len(result.failures) - MOST_LINES} more")
    return "\n".join([*lines, ""])


def run(plan: Plan, parts: Iterable[str]) -> list[Result]:
    """The results of the parts, one after the other, with what each took."""
    found = []
    for part in parts:
        began = time.perf_counter()
        result = PARTS[part](plan)
        seconds = time.perf_counter() - began
        found.append(Result(result.part, result.tried, result.outcome, result.passed, result.failures, seconds))
        print(f"{result.part}: {result.outcome} ({seconds:.0f} s)", file=sys.stderr, flush=True)
    return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="What counts in thousands.")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part; may be repeated")
    parser.add_argument("--provider", choices=BY_SLUG, action="append", help="only this provider; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="of the worlds and of the random examples (default: 0)")
    parser.add_argument(
        "--seeds", type=int, default=FULL.seeds, help=f"worlds per size and churn (default: {FULL.seeds})"
    )
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="random examples for each usual one")
    parser.add_argument("--every", type=int, default=1, help="only every so many bugs, mutants and correct servers")
    parser.add_argument("--jobs", type=int, default=FULL.jobs, help="processes (default: one per processor)")
    parser.add_argument(
        "--out", type=Path, help="folder to write to (by default only a full run replaces what is kept)"
    )
    given = parser.parse_args(arguments)
    providers = tuple(given.provider or BY_SLUG)
    plan = Plan(given.seed, given.seeds, given.examples, given.every, providers, given.jobs)
    parts = tuple(given.part or PARTS)
    whole = parts == tuple(PARTS) and plan == Plan(seed=plan.seed, jobs=plan.jobs)
    where = source()
    results = run(plan, parts)
    text = page(results, plan, where, describe(), datetime.now(UTC).date().isoformat())
    folder = given.out or (HERE if whole else DRAFT)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(text, encoding="utf-8")
    print(text)
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
