"""How all reports put one outcome, a count and the power of a run. None holds a credential."""

from __future__ import annotations

import json

from contract_tests.judging.target import target
from contract_tests.outcome import Outcome, Row, Verdict
from contract_tests.reporting.report import Report, fails, plural

MAX_ROW = 360
MAX_UNSEEN = 5
MARKS = {
    Verdict.HOLDS: "ok",
    Verdict.BROKEN: "BROKEN",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_ASKED: "unasked",
    Verdict.NOT_APPLICABLE: "n/a",
    Verdict.ACCEPTED: "accepted",
}


def shorten(row: Row) -> str:
    text = json.dumps(row, ensure_ascii=False, separators=(", ", ": "))
    return text if len(text) <= MAX_ROW else text[:MAX_ROW] + " …"


def curls(report: Report, outcome: Outcome) -> list[str]:
    security = target(report.slug).security
    return [ask.curl(report.base_url, security) for ask in outcome.asks]


def mark(report: Report, outcome: Outcome) -> str:
    if outcome.verdict is Verdict.BROKEN and not fails(outcome, strict=report.options.strict):
        return "warning"
    return MARKS[outcome.verdict]


def sentence_of(outcome: Outcome) -> str:
    return outcome.witness if outcome.verdict is Verdict.HOLDS else outcome.sentence


def spent(report: Report) -> str:
    parts = [f"{count} for {layer}" for layer, count in report.requests.items()]
    total = plural(sum(report.requests.values()), "request", "requests")
    return f"{total} ({', '.join(parts)})" if parts else "no request"


def power(report: Report) -> str:
    if report.power is None:
        return ""
    sentence = f"This run would have caught {report.power.caught} of {report.power.total} known fault types"
    unseen = "; ".join(report.power.unseen[:MAX_UNSEEN])
    return f"{sentence}; not seen: {unseen}." if unseen else sentence + "."


def in_full(report: Report, outcome: Outcome) -> list[str]:
    """A broken promise with the requests and the rows that show it, as lines."""
    lines = [f"{mark(report, outcome)}: {outcome.law}: {outcome.sentence}"]
    if outcome.promise:
        origin = f"reference page {outcome.page}" if outcome.page else outcome.source
        where = f" ({origin})" if origin else ""
        lines.append(f"  promised: {outcome.promise}{where}")
    lines += [f"  {line}" for line in curls(report, outcome)]
    lines += [f"  row: {shorten(row)}" for row in outcome.rows]
    return lines
