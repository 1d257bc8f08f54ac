"""The report as JSON, for scripts."""

from __future__ import annotations

import json
from typing import Any

from contract_tests.judging.ledger import Standing
from contract_tests.outcome import Evidence, Outcome, Since
from contract_tests.reporting.baseline import way_of
from contract_tests.reporting.report import Report, binds, decide
from contract_tests.reporting.wording import causes_of, curls, mark, printable

SHARE_DIGITS = 4


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
        "fixed": list(report.compared.fixed) if report.compared is not None else None,
        "deviations": [_deviation(standing) for standing in report.deviations],
        "laws": _laws(report),
    }
    return printable(json.dumps(value, ensure_ascii=False, indent=1)) + "\n"


def _power(report: Report) -> dict[str, Any] | None:
    if report.power is None:
        return None
    estimate = report.power.estimate
    return {
        "caught": report.power.caught,
        "total": report.power.total,
        "estimate": {
            "share": round(estimate.share, SHARE_DIGITS),
            "interval": [round(end, SHARE_DIGITS) for end in estimate.interval],
            "caught": round(estimate.caught, SHARE_DIGITS),
            "total": estimate.total,
        },
        "unseen": list(report.power.unseen),
        "minimum": report.min_power,
    }


def _laws(report: Report) -> list[dict[str, Any]]:
    """Every law in the order of the run; those that are broken say which others they explain, or what explains them."""
    causes = causes_of(report)
    explains = {id(cause.outcome): [each.law for each in cause.symptoms] for cause in causes}
    explained_by = {id(each): cause.outcome.law for cause in causes for each in cause.symptoms}
    return [
        {
            **_law(report, outcome),
            "explains": explains.get(id(outcome), []),
            "explained_by": explained_by.get(id(outcome)),
        }
        for outcome in report.outcomes
    ]


def result(report: Report, outcome: Outcome) -> str:
    """The outcome in one word."""
    if outcome.since is Since.STILL and binds(outcome, report.options.strict):
        return "broken"
    return mark(report, outcome).lower() if outcome.lack is None else outcome.verdict.value


def _deviation(standing: Standing) -> dict[str, Any]:
    known = standing.deviation
    return {
        "law": known.law,
        "reason": known.reason,
        "source": known.source,
        "seen": known.seen.isoformat() if known.seen else None,
        "expires": known.expires.isoformat() if known.expires else None,
        "accepted": standing.accepted,
        "status": standing.status.value,
        "sentence": standing.sentence,
    }


def _law(report: Report, outcome: Outcome) -> dict[str, Any]:
    return {
        "law": outcome.law,
        "layer": outcome.layer,
        "tier": outcome.tier.value,
        "result": result(report, outcome),
        "lack": None if outcome.lack is None else outcome.lack.value,
        "baseline": outcome.since,
        "sentence": outcome.sentence,
        "way": way_of(outcome.evidence[0]) if outcome.evidence else "",
        "witness": outcome.witness,
        "promise": outcome.promise,
        "page": outcome.page,
        "seconds": round(outcome.seconds, 3),
        "requests": curls(report, outcome.asks),
        "rows": list(outcome.rows),
        "fields": list(outcome.fields),
        "alike": curls(report, outcome.alike),
        "others": [_evidence(report, each) for each in outcome.evidence[1:]],
        "untold": outcome.untold,
    }


def _evidence(report: Report, evidence: Evidence) -> dict[str, Any]:
    return {
        "sentence": evidence.sentence,
        "way": way_of(evidence),
        "tier": evidence.tier.value,
        "requests": curls(report, evidence.asks),
        "rows": list(evidence.rows),
        "fields": list(evidence.fields),
        "alike": curls(report, evidence.alike),
    }
