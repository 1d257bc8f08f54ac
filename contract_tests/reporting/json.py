"""The report as JSON, for scripts."""

from __future__ import annotations

import json
from typing import Any

from contract_tests.outcome import Outcome
from contract_tests.reporting.report import Report, decide
from contract_tests.reporting.wording import curls, mark


def render(report: Report) -> str:
    """One object: what was checked, the verdict with its exit code, and every law with its evidence."""
    code, sentence = decide(report)
    value: dict[str, Any] = {
        "provider": report.slug,
        "base_url": report.base_url,
        "exit_code": code,
        "verdict": sentence,
        "profile": report.options.profile,
        "seed": report.options.seed,
        "strict": report.options.strict,
        "requests": dict(report.requests),
        "seconds": round(report.seconds, 2),
        "power": _power(report),
        "notes": list(report.notes),
        "laws": [_law(report, outcome) for outcome in report.outcomes],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _power(report: Report) -> dict[str, Any] | None:
    if report.power is None:
        return None
    return {
        "caught": report.power.caught,
        "total": report.power.total,
        "unseen": list(report.power.unseen),
        "minimum": report.min_power,
    }


def _law(report: Report, outcome: Outcome) -> dict[str, Any]:
    return {
        "law": outcome.law,
        "layer": outcome.layer,
        "tier": outcome.tier.value,
        "result": mark(report, outcome).lower() if outcome.lack is None else outcome.verdict.value,
        "lack": None if outcome.lack is None else outcome.lack.value,
        "sentence": outcome.sentence,
        "witness": outcome.witness,
        "promise": outcome.promise,
        "page": outcome.page,
        "requests": curls(report, outcome),
        "rows": list(outcome.rows),
    }
