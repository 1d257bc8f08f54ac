"""An earlier report to compare with: what is broken anew fails a check, what was broken before does not.

Two breaches are the same where one law is broken in one way. That is told by the sentence without what an account or a
day brings along: numbers, ids, and the values that were asked for; the names of parameters and fields stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contract_tests.outcome import Evidence, Outcome, Since, Verdict
from contract_tests.reporting.report import Compared, Report
from contract_tests.sending.json_file import read_json

MAX_BYTES = 256 * 1024 * 1024
BROKEN = frozenset({"broken", "warning"})
"""What a report says of a law that is broken."""
HELD = frozenset({Verdict.HOLDS, Verdict.KNOWN, Verdict.ACCEPTED})
INDEX = re.compile(r"(?<=/)\d+(?=[/:\s]|$)")
VALUE = re.compile(r"[^\s,;:()/'\"]*\d[^\s,;:()/'\"]*")
BLANK = "…"
SHORTEST_VALUE = 3
"""Shorter texts of a row occur in any sentence."""


class BaselineError(ValueError):
    """A report that cannot be compared with; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was broken before: by law, the ways in which it was."""

    ways: Mapping[str, frozenset[str]]
    failing: frozenset[str] = frozenset()
    """The laws that failed that check."""


def read(path: Path, slug: str) -> Baseline:
    """The report of an earlier check of the provider, as `--json` writes it. BaselineError."""
    value = read_json(path, MAX_BYTES, BaselineError)
    value = value if isinstance(value, dict) else {}
    laws = value.get("laws")
    if not isinstance(laws, list) or not all(map(_is_law, laws)):
        raise BaselineError(f"{path} is no report of --json: it has no laws with their results")
    if value.get("provider") != slug:
        raise BaselineError(f"{path} is a report on {value.get('provider')}, not on {slug}")
    ways: dict[str, set[str]] = {}
    for law in laws:
        if law["result"] in BROKEN:
            ways.setdefault(law["law"], set()).update(_ways_of(law))
    failing = frozenset(law["law"] for law in laws if law["result"] == "broken")
    return Baseline({law: frozenset(found) for law, found in ways.items()}, failing)


def _is_law(law: Any) -> bool:
    if not isinstance(law, dict) or not all(isinstance(law.get(name), str) for name in ("law", "result")):
        return False
    others = law.get("others", [])
    return isinstance(others, list) and all(isinstance(each, dict) for each in others)


def _ways_of(law: Mapping[str, Any]) -> set[str]:
    return {str(each.get("way") or plain(str(each.get("sentence", "")))) for each in (law, *law.get("others", ()))}


def way_of(evidence: Evidence) -> str:
    """In which way a law is broken, equal for equal ways."""
    text = evidence.sentence
    for name, value in {pair: None for ask in evidence.asks for pair in ask.query}:
        text = text.replace(f"{name}={value}", f"{name}={BLANK}")
    shown = {value for row in evidence.rows for value in row.values() if isinstance(value, str)}
    for value in sorted(shown, key=len, reverse=True):
        if len(value) >= SHORTEST_VALUE and not value.isalpha():
            text = text.replace(value, BLANK)
    return plain(text)


def plain(sentence: str) -> str:
    """The sentence without numbers and whatever has a digit in it."""
    return VALUE.sub(BLANK, INDEX.sub(BLANK, sentence))


def compare(report: Report, baseline: Baseline) -> Report:
    """The report with what is new told from what was broken before, and what no longer is."""
    outcomes = tuple(
        _since(outcome, baseline.ways.get(outcome.law, frozenset())) if outcome.verdict is Verdict.BROKEN else outcome
        for outcome in report.outcomes
    )
    held = {outcome.law for outcome in outcomes if outcome.verdict in HELD}
    broken = {outcome.law for outcome in outcomes if outcome.verdict is Verdict.BROKEN}
    fixed = tuple(sorted(baseline.failing & held - broken))
    notes = (*report.notes, *([f"fixed since the baseline: {', '.join(fixed)}"] if fixed else []))
    return replace(report, outcomes=outcomes, notes=notes, compared=Compared(fixed))


def _since(outcome: Outcome, before: frozenset[str]) -> Outcome:
    """The outcome, told by the first way of breaking the law that is new, if there is one."""
    ways = [*outcome.evidence]
    new = next((each for each in ways if way_of(each) not in before), None)
    if new is None:
        return replace(outcome, since=Since.STILL)
    return replace(
        outcome,
        since=Since.NEW,
        sentence=new.sentence,
        tier=new.tier,
        asks=new.asks,
        rows=new.rows,
        fields=new.fields,
        alike=new.alike,
        times=new.times,
        others=tuple(each for each in ways if each is not new),
    )
