"""The report as Markdown, for a job's summary."""

from __future__ import annotations

from contract_tests.outcome import Verdict
from contract_tests.reporting.report import Report, decide
from contract_tests.reporting.wording import in_full, mark, power, sentence_of

MAX_SAID = 200
"""How much of a witness or a reason fits into a cell."""


def render(report: Report) -> str:
    """A heading, a table of the laws, and every broken one in full."""
    code, sentence = decide(report)
    lines = [f"### Contract of {report.slug}", "", f"**{cell(sentence)}** (exit {code})", ""]
    if report.outcomes:
        lines += ["| result | tier | law | witness or reason |", "|---|---|---|---|"]
        for outcome in report.outcomes:
            law, reason = cell(outcome.law), cell(sentence_of(outcome)[:MAX_SAID])
            lines.append(f"| {mark(report, outcome)} | {outcome.tier.value} | {law} | {reason} |")
    for outcome in report.outcomes:
        if outcome.verdict is Verdict.BROKEN:
            lines += ["", "```", *in_full(report, outcome), "```"]
    return "\n".join([*lines, "", cell(power(report)), ""])


def cell(text: str) -> str:
    """The text as it may stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
