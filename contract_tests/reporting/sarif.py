"""The report as SARIF 2.1.0, for whatever collects findings of tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from contract_tests.outcome import Evidence, Outcome, Tier, Verdict
from contract_tests.reporting import exit_codes
from contract_tests.reporting.report import Report, decide, fails
from contract_tests.reporting.wording import causes_of, in_full, printable

PACKAGE = "fakeserver"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {Tier.MUST: "error", Tier.SHOULD: "warning", Tier.INFO: "note"}
IN_URI = "!$%&'()*+,-./:;=?@_~#[]"
"""What a URI may hold as it stands, besides letters and digits."""


def render(report: Report) -> str:
    """One run: the laws as its rules, what is broken as its results, and the verdict with its exit code. What is known
    and accepted is a result that is suppressed; what got no verdict is a notification."""
    code, sentence = decide(report)
    laws = list(dict.fromkeys(outcome.law for outcome in report.outcomes))
    run = {
        "tool": {
            "driver": {
                "name": "fakeserver check",
                "version": version(PACKAGE),
                "rules": [_rule(report, law) for law in laws],
            }
        },
        "invocations": [_invocation(report, code, sentence)],
        "results": [*_results(report, laws)],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "verdict": sentence,
            "exitCode": code,
            "provider": report.slug,
            "baseUrl": report.base_url,
            "profile": report.options.profile,
            "seed": report.options.seed,
            "strict": report.options.strict,
            "requests": dict(report.requests),
            "notes": list(report.notes),
        },
    }
    value = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return printable(json.dumps(value, ensure_ascii=False, indent=1)) + "\n"


def _rule(report: Report, law: str) -> dict[str, Any]:
    """A law as a rule; where a layer says it more than once, with its highest tier."""
    outcomes = [outcome for outcome in report.outcomes if outcome.law == law]
    first, tier = outcomes[0], max((outcome.tier for outcome in outcomes), key=lambda tier: tier.rank)
    return {
        "id": law,
        "shortDescription": {"text": first.promise or law},
        "defaultConfiguration": {"level": LEVELS[tier]},
        "properties": {"tier": tier.value, "layer": first.layer, "page": first.page},
    }


def _invocation(report: Report, code: int, sentence: str) -> dict[str, Any]:
    """How the run went; a run that could not check is no success of the tool, whatever it would have found."""
    ended = report.started + timedelta(seconds=report.seconds)
    could_check = code != exit_codes.COULD_NOT_CHECK
    notes = [] if could_check and code != exit_codes.UNDER_POWERED else [_notification("error", sentence)]
    notes += [_notification("note", note) for note in report.notes]
    silent = (each for each in report.outcomes if not each.evidence and each.verdict is not Verdict.HOLDS)
    notes += [_notification("note", f"{each.verdict.value}: {each.sentence}", each.law) for each in silent]
    return {
        "executionSuccessful": could_check,
        "exitCode": code,
        "exitCodeDescription": sentence,
        "startTimeUtc": _instant(report.started),
        "endTimeUtc": _instant(ended),
        "toolExecutionNotifications": notes,
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _notification(level: str, text: str, law: str = "") -> dict[str, Any]:
    return {"level": level, "message": {"text": text}} | ({"associatedRule": {"id": law}} if law else {})


def _results(report: Report, laws: list[str]) -> Iterator[dict[str, Any]]:
    """One result for every way in which a law is broken, causes first; then what is known and accepted."""
    for cause in causes_of(report):
        explained_by = cause.outcome.law
        yield from _of_law(report, laws, cause.outcome, {})
        for symptom in cause.symptoms:
            yield from _of_law(report, laws, symptom, {"explainedBy": explained_by})
    for outcome in report.outcomes:
        if outcome.verdict is Verdict.ACCEPTED:
            yield from _of_law(report, laws, outcome, {})


def _of_law(report: Report, laws: list[str], outcome: Outcome, more: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for number, evidence in enumerate(outcome.evidence):
        text = "\n".join(in_full(report, outcome)) if number == 0 else evidence.sentence
        result = {
            "ruleId": outcome.law,
            "ruleIndex": laws.index(outcome.law),
            "level": _level(report, outcome, evidence),
            "message": {"text": text},
            "locations": [_location(report, outcome, evidence)],
            "properties": {"tier": evidence.tier.value, "fields": list(evidence.fields), **more},
        }
        if outcome.verdict is Verdict.ACCEPTED:
            result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": outcome.sentence}]
        yield result


def _level(report: Report, outcome: Outcome, evidence: Evidence) -> str:
    if outcome.verdict is Verdict.ACCEPTED:
        return "note"
    if evidence.tier is outcome.tier and fails(outcome, strict=report.options.strict):
        return "error"
    return "warning" if evidence.tier is not Tier.INFO else "note"


def _location(report: Report, outcome: Outcome, evidence: Evidence) -> dict[str, Any]:
    """The request that shows it, which is all the place that a deployment has."""
    name = {"logicalLocations": [{"fullyQualifiedName": f"{report.slug}.{outcome.layer}.{outcome.law}"}]}
    if not evidence.asks:
        return name
    uri = quote(report.base_url.rstrip("/") + evidence.asks[0].target, safe=IN_URI)
    return {"physicalLocation": {"artifactLocation": {"uri": uri}}, **name}
