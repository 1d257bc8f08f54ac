"""The report as text, for a terminal."""

from __future__ import annotations

from contract_tests.outcome import Verdict
from contract_tests.reporting import exit_codes
from contract_tests.reporting.report import Report, decide
from contract_tests.reporting.wording import in_full, mark, power, sentence_of, spent

MAX_SAID = 110
"""How much of a witness or a reason fits into a line."""


def render(report: Report, *, colour: bool = False) -> str:
    """Law × result, then every broken law in full."""
    code, sentence = decide(report)
    if report.could_not_check:
        return f"{sentence}\n"
    width = max((len(outcome.law) for outcome in report.outcomes), default=0)
    lines = [f"{report.slug}: {sentence}", ""] if code == exit_codes.UNDER_POWERED else []
    for outcome in report.outcomes:
        result = f"{mark(report, outcome):<9}{outcome.tier.value:<7}{outcome.law:<{width}}"
        lines.append(f"{result}  {sentence_of(outcome)[:MAX_SAID]}".rstrip())
    for outcome in report.outcomes:
        if outcome.verdict is Verdict.BROKEN:
            lines += ["", *in_full(report, outcome)]
    lines += ["", *(f"note: {note}" for note in report.notes)]
    lines += [line for line in (power(report), f"{spent(report)}, {report.seconds:.1f} s") if line]
    lines.append(f"{report.slug}: {sentence}")
    text = "\n".join(lines) + "\n"
    return text if not colour else text.replace("BROKEN", "\x1b[31mBROKEN\x1b[0m")
