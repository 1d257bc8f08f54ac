"""The report as text, for a terminal."""

from __future__ import annotations

from contract_tests.reporting.report import Report, decide
from contract_tests.reporting.wording import causes_of, explained, in_full, mark, power, printable, sentence_of, spent

MAX_SAID = 110
"""How much of a witness or a reason fits into a line."""
MARK_WIDTH, TIER_WIDTH = 8, 6
RED, PLAIN = "\x1b[31m", "\x1b[0m"


def render(report: Report, *, colour: bool = False) -> str:
    """The verdict, what is broken with its symptoms, law × result, and behind the slug the verdict again, in the last
    line."""
    _, sentence = decide(report)
    if report.could_not_check and not report.outcomes:
        return printable(f"{sentence}\n")
    lines = [sentence, ""]
    for cause in causes_of(report):
        lines += [*in_full(report, cause.outcome), *(f"  {line}" for line in explained(report, cause)), ""]
    lines += table(report)
    lines += ["", *(f"note: {note}" for note in report.notes)]
    lines += [line for line in (power(report), f"{spent(report)}, {report.seconds:.1f} s") if line]
    text = printable("\n".join([*lines, f"{report.slug}: {sentence}"]) + "\n")
    return text if not colour else text.replace("BROKEN", f"{RED}BROKEN{PLAIN}")


def table(report: Report) -> list[str]:
    """One line for each law."""
    marks = [mark(report, outcome) for outcome in report.outcomes]
    first = max((MARK_WIDTH, *map(len, marks)))
    width = max((len(outcome.law) for outcome in report.outcomes), default=0)
    lines = []
    for outcome, result in zip(report.outcomes, marks, strict=True):
        head = f"{result:<{first}} {outcome.tier.value:<{TIER_WIDTH}} {outcome.law:<{width}}"
        lines.append(f"{head}  {sentence_of(outcome)[:MAX_SAID]}".rstrip())
    return lines
