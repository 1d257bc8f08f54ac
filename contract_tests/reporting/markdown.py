"""The report as Markdown, for a job's summary."""

from __future__ import annotations

import re

from contract_tests.reporting.report import Report, decide
from contract_tests.reporting.wording import causes_of, explained, in_full, mark, power, printable, sentence_of, spent

MAX_SAID = 200
"""How much of a witness or a reason fits into a cell."""
FENCE = "```"


def render(report: Report) -> str:
    """A heading with the verdict, every cause in full with its symptoms, and a table of the laws."""
    code, sentence = decide(report)
    lines = [f"### Contract of {report.slug}", "", f"**{cell(sentence)}** (exit {code})", ""]
    for cause in causes_of(report):
        lines += [*block(in_full(report, cause.outcome)), ""]
        lines += [f"- {cell(line)}" for line in explained(report, cause)]
        lines += [""] if cause.symptoms else []
    lines += [f"- {cell(note)}" for note in report.notes]
    lines += [""] if report.notes else []
    if report.outcomes:
        lines += ["| result | tier | law | witness or reason |", "|---|---|---|---|"]
        for outcome in report.outcomes:
            law, reason = cell(outcome.law), cell(sentence_of(outcome)[:MAX_SAID])
            lines.append(f"| {cell(mark(report, outcome))} | {outcome.tier.value} | {law} | {reason} |")
        lines.append("")
    lines += [line for line in (cell(power(report)), f"{spent(report)}, {report.seconds:.1f} s", "") if line]
    return printable("\n".join(lines) + "\n")


def block(lines: list[str]) -> list[str]:
    """The lines as code, behind a fence that is longer than any in them."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(len(FENCE), longest + 1)
    return [fence, *lines, fence]


def cell(text: str) -> str:
    """The text as it may stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
