"""`python -m contract_tests.planted`: every planted bug, the laws that catch it, and what plain Schemathesis does."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract_tests.judging.session import CouldNotCheck
from contract_tests.planted import BUGS, correct, mutants
from contract_tests.planted.backend import Handler
from contract_tests.planted.bug import Bug
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.planted.probes import session as recorded
from contract_tests.planted.replay import Replay, transport
from contract_tests.promises import BY_SLUG
from contract_tests.reporting.report import failing
from contract_tests.sending.ask import Ask

REPORT = Path(__file__).parent / "BUGS.md"
KNOWN_ROWS = 100
MOST_LAWS = 3
"""Laws named per bug; a broken server breaks many."""


@dataclass(frozen=True, slots=True)
class Line:
    """One bug and who saw it. `schemathesis` is None where it was not asked."""

    bug: Bug
    laws: tuple[str, ...]
    schemathesis: tuple[str, ...] | None = None


Judge = Callable[[Bug, Handler], tuple[str, ...]]


def by_laws(bug: Bug, handler: Handler, **more: object) -> tuple[str, ...]:
    """The laws (and the oracle) that call this server broken, with the kit's default profile."""
    try:
        session = exercise(bug.slug, handler, default_options(bug.slug, **more))
    except CouldNotCheck as reason:
        return (f"could not check ({reason})",)
    return tuple(dict.fromkeys(outcome.law for outcome in failing(session.outcomes, strict=session.options.strict)))


def by_must(bug: Bug, handler: Handler) -> tuple[str, ...]:
    """The same with known ids, of those promises alone that a page states."""
    return by_laws(bug, handler, known=known_ids(bug.slug), strict=False)


def by_laws_with_known_ids(bug: Bug, handler: Handler) -> tuple[str, ...]:
    """The same for a caller who can name three sandboxes of each list: a server that lies consistently, about a team
    too, is told by nothing else."""
    return by_laws(bug, handler, known=known_ids(bug.slug))


@functools.cache
def known_ids(slug: str) -> tuple[str, ...]:
    """Three sandboxes of each list that the correct server shows, one near each end and one between."""
    promises, found = BY_SLUG[slug], list[str]()
    listing, server = promises.listing, transport(slug, correct(slug))
    for scope in promises.scopes.of(default_options(slug)):
        ask = Ask(promises.path(scope), (*promises.scopes.query(scope), *listing.paging.query(size=KNOWN_ROWS)))
        body = listing.body_of(server.send(ask))
        assert body is not None
        found += [str(body.rows[index][listing.identity]) for index in (0, len(body.rows) // 2, -1)]
    return tuple(found)


def by_probes(bug: Bug, handler: Handler) -> tuple[str, ...]:
    """The first probe whose answer differs; used where the laws are left out."""
    found = recorded(bug.slug, bug.operation).difference(Replay(bug.slug, handler))
    return () if found is None else (f"`{found.target[:80]}`",)


@functools.cache
def plan(slug: str) -> Any:
    """The requests of Schemathesis, which are the same for every bug."""
    from contract_tests.conformance import cases

    return cases.plan(slug)


def by_schemathesis(bug: Bug, handler: Handler) -> tuple[str, ...]:
    """The checks of plain Schemathesis that fail, and do not with the right server: every phase, every check that
    reads only."""
    return tuple(each for each in failing_checks(bug.slug, handler) if each not in false_alarms(bug.slug))


def failing_checks(slug: str, handler: Handler) -> tuple[str, ...]:
    from contract_tests.conformance import cases

    outcomes = cases.check(plan(slug), transport(slug, handler))
    return tuple(dict.fromkeys(each.law for each in outcomes if each.verdict == "broken"))


@functools.cache
def false_alarms(slug: str) -> frozenset[str]:
    """What fails with the right server: its examples change with every constant in the code around, and some of them
    are sound for the provider and not for the schema, as an empty number is."""
    return frozenset(failing_checks(slug, correct(slug)))


def lines(bugs: Iterable[Bug], judge: Judge, also: Judge | None) -> Iterable[Line]:
    for bug in bugs:
        seen = judge(bug, bug.handler())
        yield Line(bug, seen, None if also is None else also(bug, bug.handler()))


def table(found: Sequence[Line], title: str) -> str:
    """The lines as Markdown."""
    asked = any(each.schemathesis is not None for each in found)
    caught = sum(bool(each.laws) for each in found)
    rows = [f"## {title}", "", f"{caught} of {len(found)} caught.", ""]
    rows += ["| bug | family | mistake | caught by |" + (" Schemathesis |" if asked else "")]
    rows += ["|---|---|---|---|" + ("---|" if asked else "")]
    for each in found:
        cells = [f"`{each.bug.name}`", each.bug.family, each.bug.summary, list_laws(each.laws)]
        if asked:
            cells.append(list_laws(each.schemathesis or ()))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*rows, ""])


def list_laws(laws: Sequence[str]) -> str:
    if not laws:
        return "–"
    more = len(laws) - MOST_LAWS
    return ", ".join(laws[:MOST_LAWS]) + (f" and {more} more" if more > 0 else "")


def summary(found: Sequence[Line]) -> str:
    """How many of each family were caught."""
    total = Counter(each.bug.family for each in found)
    caught = Counter(each.bug.family for each in found if each.laws)
    by_others = Counter(each.bug.family for each in found if each.schemathesis)
    asked = any(each.schemathesis is not None for each in found)
    rows = [
        "| family | bugs | caught |" + (" Schemathesis |" if asked else ""),
        "|---|---|---|" + ("---|" if asked else ""),
    ]
    for family, count in total.items():
        rows.append(f"| {family} | {count} | {caught[family]} |" + (f" {by_others[family]} |" if asked else ""))
    return "\n".join([*rows, ""])


def permitted(bugs: Sequence[Bug]) -> list[str]:
    """The mutants that a page permits, each with the silence that does."""
    rows = [f"{len(bugs)} change only what no page states:", ""]
    return [*rows, *(f"- `{each.name}` ({', '.join(each.unstated)}): {each.summary}" for each in bugs), ""]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m contract_tests.planted", description=__doc__)
    parser.add_argument("report", nargs="?", type=Path, help="where the Markdown goes")
    parser.add_argument("--provider", action="append", help="only this provider; may be repeated")
    parser.add_argument("--bug", action="append", help="only the bug of this name; may be repeated")
    parser.add_argument("--schemathesis", action="store_true", help="also ask plain Schemathesis, which is slow")
    parser.add_argument("--mutants", action="store_true", help="the bugs that a machine thought of, instead")
    parser.add_argument("--differential", action="store_true", help="compare answers only, without the laws")
    options = parser.parse_args(arguments)
    judge: Judge = by_probes if options.differential else by_laws_with_known_ids if options.mutants else by_laws
    also: Judge | None = by_schemathesis if options.schemathesis else None
    started = time.perf_counter()
    survey = mutants.survey() if options.mutants else None
    chosen = [
        bug
        for bug in (survey.live if survey else BUGS)
        if (not options.provider or bug.slug in options.provider) and (not options.bug or bug.name in options.bug)
    ]
    found = list(lines(chosen, judge, also))
    parts = ["# Planted bugs", "", "Written by `python -m contract_tests.planted`.", "", summary(found)]
    for slug, operation in dict.fromkeys((bug.slug, bug.operation) for bug in chosen):
        own = [each for each in found if (each.bug.slug, each.bug.operation) == (slug, operation)]
        parts.append(table(own, f"{slug}: {operation}"))
    if survey:
        left_out = f"{len(survey.equivalent)} changes cannot be told from the correct server"
        others = f"{len(survey.stillborn)} do not start, {len(survey.stuck)} never answer"
        parts += [f"{left_out}; {others}.", "", *permitted(survey.permitted)]
    report = options.report or REPORT.with_name("MUTANTS.md" if survey else REPORT.name)
    report.write_text("\n".join(parts), encoding="utf-8")
    missed = [each for each in found if not each.laws]
    print(summary(found))
    for each in missed:
        print(f"not caught: {each.bug.slug} {each.bug.operation} {each.bug.name}: {each.bug.summary}")
    seconds = time.perf_counter() - started
    print(f"{len(found) - len(missed)} of {len(found)} caught in {seconds:.0f} s; the table is in {report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
