"""`python -m tests.kit.other_make.measure [PROVIDER …]`: which bugs the kit catches, what it accuses right builds of.

Bugs are caught by a promise of tier MUST; those that break an assumption only, by one of tier SHOULD as well; those
that the provider's own server is known to have, by what is told as known. Every build is judged by laws and oracle.
`--write` writes the tables of variants and bugs, and measures nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from contract_tests.judging.session import Layer
from contract_tests.outcome import Tier, Verdict
from contract_tests.planted.layers import JUDGES
from tests.kit.other_make.build import HERE, SLUGS, Bug, Build, alone, bugs, combination, variants
from tests.kit.other_make.trial import TOKENS, try_build

COMBINATIONS = 50
"""Random combinations of answers for each provider: two hundred in all."""
PROFILES = ("default", "deep", "polite")
CHUNK = 4


@dataclass(frozen=True, slots=True)
class Unit:
    """One build to be judged."""

    build: Build
    profile: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Found:
    """What the kit said about a build: by tier every way in which a law is broken, each with the law and a sentence."""

    must: tuple[str, ...]
    should: tuple[str, ...]
    known: tuple[str, ...] = ()
    """The same of what the ledger knows of the provider's own server, and sets aside."""
    unjudged: str = ""
    """Why nothing could be said, if nothing could."""


def judge(unit: Unit, layers: Sequence[Layer] = JUDGES) -> Found:
    """One build, judged in this process."""
    trial = try_build(unit.build, profile=unit.profile, tokens=unit.tokens, layers=layers)

    def told(verdict: Verdict, *tiers: Tier) -> tuple[str, ...]:
        return tuple(
            f"{outcome.law}: {each.sentence} [{', '.join(ask.target for ask in each.asks[:2])}]"
            for outcome in trial.report.outcomes
            if outcome.verdict is verdict
            for each in outcome.evidence
            if each.tier in tiers
        )

    must, should = told(Verdict.BROKEN, Tier.MUST), told(Verdict.BROKEN, Tier.SHOULD)
    return Found(must, should, told(Verdict.KNOWN, *Tier), trial.report.could_not_check)


def laws(lines: Sequence[str]) -> set[str]:
    return {line.partition(": ")[0] for line in lines}


def sentences(lines: Sequence[str]) -> set[str]:
    """What was said, with its law and without the requests, which may hold a cursor of the day."""
    return {line.rpartition(" [")[0] for line in lines}


def catches(bug: Bug, found: Found, clean: Found) -> bool:
    """Whether the kit caught this bug: something is broken that is not where the bug is missing."""
    if bug.tier == "KNOWN":
        return bool(laws(found.known) - laws(clean.known))
    expected = bug.tier == "SHOULD" and sentences(found.should) - sentences(clean.should)
    return bool(laws(found.must) - laws(clean.must) or expected)


def bug_of(build: Build) -> Bug:
    return next(each for each in bugs(build.slug) if each.name == build.bug)


def right_builds(slug: str, combinations: int = COMBINATIONS, seed: int = 0) -> list[Build]:
    """The build by the page, every other answer alone, and random combinations."""
    mixed = [combination(slug, each) for each in range(seed, seed + combinations)]
    return [Build(slug), *alone(slug), *mixed]


def wrong_builds(slug: str) -> list[Build]:
    return [Build(slug, bug=each.name) for each in bugs(slug)]


def spread(units: Sequence[Unit], jobs: int, judge: Callable[[Unit], Found] = judge) -> list[Found]:
    """What is found about all units, from as many processes."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return list(pool.map(judge, units, chunksize=CHUNK))


# The tables.


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def table_of_variants() -> str:
    """Every place where a page is silent, as Markdown."""
    found = dict.fromkeys((each.name, each.silence) for slug in SLUGS for each in variants(slug))
    others = sum(len(each.answers) - 1 for slug in SLUGS for each in variants(slug))
    lines = [
        "# Where the pages are silent",
        "",
        "Written by `python -m tests.kit.other_make.measure --write` from `variants.yaml`.",
        "",
        f"{len(found)} places; over the four providers {others} answers beside the default ones.",
    ]
    for slug in SLUGS:
        lines += ["", f"## {slug}", "", "| variant | the page | default | others | why |", "|---|---|---|---|---|"]
        for each in variants(slug):
            first, *more = map(cell, each.answers)
            lines.append(f"| `{each.name}` | {cell(each.silence)} | {first} | {'; '.join(more)} | {cell(each.why)} |")
    return "\n".join([*lines, ""])


def table_of_bugs() -> str:
    """Every bug, as Markdown."""
    count = sum(len(bugs(slug)) for slug in SLUGS)
    kinds = len({each.name for slug in SLUGS for each in bugs(slug)})
    lines = [
        "# What engineers got wrong",
        "",
        "Written by `python -m tests.kit.other_make.measure --write` from `bugs.yaml`.",
        "",
        f"{count} bugs of {kinds} names. The list was fixed before the kit was measured with it.",
    ]
    for slug in SLUGS:
        lines += ["", f"## {slug}", "", "| bug | mistake | breaks | tier | unfair |", "|---|---|---|---|---|"]
        for each in bugs(slug):
            lines.append(
                f"| `{each.name}` | {cell(each.summary)} | {cell(each.breaks)} | {each.tier} | {cell(each.unfair)} |"
            )
    return "\n".join([*lines, ""])


TABLES: dict[str, Callable[[], str]] = {"VARIANTS.md": table_of_variants, "BUGS.md": table_of_bugs}


def write_tables() -> None:
    for name, table in TABLES.items():
        (HERE / name).write_text(table(), encoding="utf-8")


# The measurement.


def measure(slugs: Sequence[str], given: argparse.Namespace) -> tuple[int, int]:
    """Print what is found; the number of fair bugs that were missed, and of right builds that were accused."""
    print("| set | tokens | profile | caught | alarms |\n|---|---|---|---|---|", flush=True)
    missed: list[str] = []
    accused: list[str] = []
    for slug in slugs:
        for tokens in given.tokens or TOKENS[-1:]:
            wrong = wrong_builds(slug)[:: given.every] if given.set != "variants" else []
            right = right_builds(slug, given.combinations, given.seed)[:: given.every] if given.set != "bugs" else []
            units = [Unit(build, given.profile, tokens) for build in (Build(slug), *wrong, *right)]
            clean, *found = spread(units, given.jobs)
            late = [
                build
                for build, each in zip(wrong, found, strict=False)
                if not catches(bug_of(build), each, clean) and not bug_of(build).unfair
            ]
            alarms = [(build, each) for build, each in zip(right, found[len(wrong) :], strict=True) if each.must]
            missed += [f"{build} ({tokens} tokens): {bug_of(build).summary}" for build in late]
            accused += [f"{build} ({tokens} tokens): {each}" for build, said in alarms for each in said.must]
            fair = [build for build in wrong if not bug_of(build).unfair]
            print(
                f"| {slug} | {tokens} | {given.profile} | {len(fair) - len(late)} of {len(fair)} | "
                f"{len(alarms)} of {len(right)} |",
                flush=True,
            )
    for title, lines in (("Not caught", missed), ("Accused", accused)):
        print("\n".join([f"\n{title}: {len(lines)}", *(f"- {line}" for line in lines)]))
    return len(missed), len(accused)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="measure", description=__doc__)
    parser.add_argument("provider", nargs="*", choices=[[], *SLUGS])
    parser.add_argument("--profile", choices=PROFILES, default="default")
    parser.add_argument("--tokens", type=int, choices=TOKENS, action="append")
    parser.add_argument("--set", choices=("both", "bugs", "variants"), default="both")
    parser.add_argument("--combinations", type=int, default=COMBINATIONS, help="for each provider")
    parser.add_argument("--seed", type=int, default=0, help="of the first combination")
    parser.add_argument("--every", type=int, default=1, help="only every so many builds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help="write the tables and stop")
    given = parser.parse_args(arguments)
    if given.write:
        write_tables()
        return 0
    return 1 if any(measure(given.provider or SLUGS, given)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
