"""SARIF 2.1.0: what the specification requires of a run, its rules, results and invocation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract_tests.outcome import Evidence, Options, Outcome, Tier, Verdict, broken, holds, inconclusive
from contract_tests.reporting import sarif
from contract_tests.reporting.report import Report
from contract_tests.sending.ask import Ask

LAWS = (
    holds("a.held", "rows", promise="It holds."),
    broken("b.lost", "lost", (Ask("/x", raw="a=<b>"),), others=(Evidence("odd", Tier.SHOULD),)),
    broken("c.odd", "odd", tier=Tier.SHOULD),
    inconclusive("d.unsaid", "no rows"),
    Outcome("e.known", Verdict.ACCEPTED, sentence="known"),
)


def run_of(report: Report) -> dict[str, Any]:
    log = json.loads(sarif.render(report))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    found: dict[str, Any] = run
    return found


def test_rules_results_and_levels() -> None:
    """Every result names a rule that is there; what fails is an error, what is accepted is suppressed."""
    run = run_of(Report("prime", "http://h", Options(), LAWS))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["properties"]["tier"] for rule in rules] == ["MUST", "MUST", "SHOULD", "MUST", "MUST"]
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        ("b.lost", "error"),
        ("b.lost", "warning"),
        ("c.odd", "warning"),
        ("e.known", "note"),
    ]
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])
    assert ["suppressions" in each for each in run["results"]] == [False, False, False, True]
    place = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "http://h/x?a=%3Cb%3E"}
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert [(note["level"], note["associatedRule"]["id"]) for note in notes] == [("note", "d.unsaid")]


@pytest.mark.parametrize(
    ("report", "code", "successful"),
    [
        (Report("prime", "", Options(), LAWS), 1, True),
        (Report("prime", "", Options(), (holds("a"),)), 0, True),
        (Report("prime", "", Options(), (holds("a"),), cut_short="gone"), 4, True),
        (Report("prime", "", Options(), could_not_check="gone"), 3, False),
    ],
)
def test_the_verdict_is_in_the_invocation(report: Report, code: int, successful: bool) -> None:
    """The exit code, and whether the tool did its work at all."""
    run = run_of(report)
    (invocation,) = run["invocations"]
    assert (invocation["exitCode"], invocation["executionSuccessful"]) == (code, successful)
    assert run["properties"]["verdict"] == invocation["exitCodeDescription"]
    assert code < 3 or invocation["toolExecutionNotifications"][0]["level"] == "error"
