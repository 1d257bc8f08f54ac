"""How all reports put one outcome, a count and the power of a run. None holds a credential."""

from __future__ import annotations

import json
from collections.abc import Sequence

from contract_tests.judging.target import target
from contract_tests.outcome import Evidence, Outcome, Row, Since, Verdict
from contract_tests.reporting.causes import Cause, find_causes
from contract_tests.reporting.report import Report, binds, fails, plural
from contract_tests.sending.ask import Ask

MAX_ROW = 360
"""Characters of a row, besides those of the fields in question, which are shown whole."""
MAX_UNSEEN = 5
MARKS = {
    Verdict.HOLDS: "ok",
    Verdict.BROKEN: "BROKEN",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_ASKED: "unasked",
    Verdict.NOT_APPLICABLE: "n/a",
    Verdict.ACCEPTED: "accepted",
}
REPLACEMENT = "\ufffd"


def printable(text: str) -> str:
    """The text without the characters that XML does not have and that a terminal may obey: control characters, lone
    surrogates, and the two that are no characters."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(char if _is_char(char) else REPLACEMENT for char in text)


def _is_char(char: str) -> bool:
    """Whether it is a `Char` of XML, and no control character of the second block either."""
    return (
        char in "\t\n\r"
        or " " <= char <= "\x7e"
        or "\xa0" <= char <= "\ud7ff"
        or "\ue000" <= char <= "\ufffd"
        or char >= "\U00010000"
    )


def shorten(row: Row, *whole: str) -> str:
    """The row in one line. One that is too long begins with these fields, whole, and is cut behind them."""
    text = json.dumps(row, ensure_ascii=False, separators=(", ", ": "))
    if len(text) <= MAX_ROW:
        return text
    names = dict.fromkeys((*(name for name in whole if name in row), *row))
    text = json.dumps({name: row[name] for name in names}, ensure_ascii=False, separators=(", ", ": "))
    shown = {name: row[name] for name in whole if name in row}
    least = len(json.dumps(shown, ensure_ascii=False, separators=(", ", ": "))) if shown else 0
    return text if len(text) <= least + MAX_ROW else f"{text[: least + MAX_ROW]} …"


def rows_of(report: Report, evidence: Evidence) -> list[str]:
    """The rows of a breach, with their ids and the fields in question whole."""
    identity = target(report.slug).listing.identity
    return [shorten(row, identity, *evidence.fields) for row in evidence.rows]


def curls(report: Report, asks: Sequence[Ask]) -> list[str]:
    """These requests as lines for a shell."""
    security = target(report.slug).security
    return [ask.curl(report.base_url, security, report.options.headers) for ask in asks]


def causes_of(report: Report) -> tuple[Cause, ...]:
    """What is broken, each cause with its symptoms."""
    return find_causes(report.outcomes, target(report.slug).promises, report.options)


def mark(report: Report, outcome: Outcome) -> str:
    if outcome.since is Since.STILL and binds(outcome, report.options.strict):
        return "still"
    if outcome.verdict is Verdict.BROKEN and not fails(outcome, strict=report.options.strict):
        return "warning"
    return MARKS.get(outcome.verdict, outcome.verdict.value)


def sentence_of(outcome: Outcome) -> str:
    return outcome.witness if outcome.verdict is Verdict.HOLDS else outcome.sentence


def spent(report: Report) -> str:
    parts = [f"{count} for {layer}" for layer, count in report.requests.items()]
    total = plural(sum(report.requests.values()), "request", "requests")
    return f"{total} ({', '.join(parts)})" if parts else "no request"


def power(report: Report) -> str:
    if report.power is None:
        return ""
    sentence = f"This run {report.power.sentence}"
    unseen = "; ".join(report.power.unseen[:MAX_UNSEEN])
    return f"{sentence}; not seen: {unseen}." if unseen else sentence + "."


def promised(outcome: Outcome) -> str:
    """What was promised, and where."""
    origin = f"reference page {outcome.page}" if outcome.page else outcome.source
    where = f" ({origin})" if origin else ""
    return f"promised: {outcome.promise}{where}" if outcome.promise else ""


def in_full(report: Report, outcome: Outcome) -> list[str]:
    """A broken promise with the requests and the rows that show it, and every other way in which it is broken, as
    lines."""
    new = " (new)" if outcome.since is Since.NEW else ""
    lines = [f"{mark(report, outcome)}{new}: {outcome.law}: {outcome.sentence}"]
    lines += [f"  {line}" for line in (promised(outcome), *_shown(report, outcome.evidence[0])) if line]
    for evidence in outcome.evidence[1:]:
        tier = "" if evidence.tier is outcome.tier else f" ({evidence.tier.value})"
        lines += [f"  also{tier}: {evidence.sentence}", *(f"    {line}" for line in _shown(report, evidence))]
    if outcome.untold:
        lines.append(f"  and {plural(outcome.untold, 'more way', 'more ways')} in which it is broken")
    return lines


def _shown(report: Report, evidence: Evidence) -> list[str]:
    """The requests and rows of one way in which a law is broken, and the other requests that show the same."""
    lines = [*curls(report, evidence.asks), *(f"row: {row}" for row in rows_of(report, evidence))]
    lines += [f"alike: {line}" for line in curls(report, evidence.alike)]
    return lines


def explained(report: Report, cause: Cause) -> list[str]:
    """The symptoms of a cause, one line each."""
    return [f"explains {mark(report, each)}: {each.law}: {each.sentence}" for each in cause.symptoms]
