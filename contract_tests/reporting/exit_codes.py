"""From a report to an exit code and one sentence."""

from __future__ import annotations

from contract_tests.outcome import Verdict
from contract_tests.reporting.report import Report

HOLDS, BROKEN, USAGE, COULD_NOT_CHECK, UNDER_POWERED = 0, 1, 2, 3, 4
MIN_POWER = 0.8
"""The default fixtures of the fake reach it with one credential; a nearly empty account does not."""


def decide(report: Report) -> tuple[int, str]:
    """0 holds, 1 a promise is broken, 3 nothing could be judged, 4 holds but the run proves too little."""
    if report.could_not_check:
        return COULD_NOT_CHECK, f"could not check: {report.could_not_check}"
    failing = report.failing
    if failing:
        promises = "1 promise is" if len(failing) == 1 else f"{len(failing)} promises are"
        return BROKEN, f"{promises} broken: {', '.join(dict.fromkeys(each.law for each in failing))}"
    held = report.counted(Verdict.HOLDS)
    if not held:
        return COULD_NOT_CHECK, f"could not check: {'; '.join(report.notes) or 'no law could be exercised'}"
    if report.cut_short:
        return UNDER_POWERED, f"{held} laws hold, but the run was cut short: {report.cut_short}"
    if report.power is None:
        return HOLDS, f"{held} laws hold"
    share = report.power.caught / report.power.total if report.power.total else 0.0
    caught = f"it would have caught {report.power.caught} of {report.power.total} known fault types"
    if share < report.min_power:
        return UNDER_POWERED, f"{held} laws hold, but the run proves too little: {caught}"
    return HOLDS, f"{held} laws hold; {caught}"
