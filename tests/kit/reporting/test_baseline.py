"""An earlier report: only what it does not have fails a check."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract_tests.outcome import Evidence, Options, Outcome, Since, Tier, broken, holds, inconclusive
from contract_tests.reporting import exit_codes, text
from contract_tests.reporting import json as json_report
from contract_tests.reporting.baseline import Baseline, BaselineError, compare, read, way_of
from contract_tests.reporting.report import Report, decide
from contract_tests.sending.ask import Ask
from tests.support.deployments import judged, planted

ASK = Ask("/api", (("status", "RUNNING"),))


def report(*outcomes: Outcome, strict: bool = False) -> Report:
    return Report("prime", "", Options(strict=strict), outcomes)


def baseline(path: Path, *outcomes: Outcome, strict: bool = False) -> Baseline:
    """What these outcomes are as a baseline, by way of the file."""
    path.write_text(json_report.render(report(*outcomes, strict=strict)))
    return read(path, "prime")


LOST = broken("a.law", "12 of 30 rows do not match the filter status=RUNNING", (ASK,))
AGAIN = broken("a.law", "7 of 31 rows do not match the filter status=ERROR", (Ask("/x", (("status", "ERROR"),)),))
OTHER = broken("a.law", "the rows are repeated")
WARNED = broken("b.law", "odd", tier=Tier.SHOULD)


@pytest.mark.parametrize(
    ("before", "after", "code", "verdict"),
    [
        ((LOST,), (AGAIN, holds("c")), 0, "1 law holds; 0 new, 1 still broken (baseline), 0 fixed"),
        ((LOST,), (AGAIN,), 0, "0 laws hold; 0 new, 1 still broken (baseline), 0 fixed"),
        ((LOST,), (OTHER,), 1, "1 promise is broken: a.law; 1 new, 0 still broken (baseline), 0 fixed"),
        ((LOST,), (holds("a.law"),), 0, "1 law holds; 0 new, 0 still broken (baseline), 1 fixed"),
        (
            (LOST,),
            (inconclusive("a.law", "no rows"), holds("c")),
            0,
            "1 law holds; 0 new, 0 still broken (baseline), 0 fixed",
        ),
        ((holds("a.law"),), (LOST,), 1, "1 promise is broken: a.law; 1 new, 0 still broken (baseline), 0 fixed"),
        ((LOST,), (LOST, broken("c", "x")), 1, "1 promise is broken: c; 1 new, 1 still broken (baseline), 0 fixed"),
        ((WARNED,), (WARNED, holds("c")), 0, "1 law holds; 0 new, 0 still broken (baseline), 0 fixed"),
        ((), (WARNED, holds("c")), 0, "1 law holds; 0 new, 0 still broken (baseline), 0 fixed"),
    ],
)
def test_what_a_comparison_comes_to(
    tmp_path: Path, before: tuple[Outcome, ...], after: tuple[Outcome, ...], code: int, verdict: str
) -> None:
    """The verdict says how much is new, still broken and fixed."""
    compared = compare(report(*after), baseline(tmp_path / "a.json", *before))
    assert decide(compared) == (code, verdict)


def test_a_second_way_to_break_a_law_is_new(tmp_path: Path) -> None:
    """It is told first, with its own tier; the old one stands behind it."""
    both = replace(AGAIN, others=(Evidence("the rows are repeated", Tier.SHOULD, (ASK,)),))
    known = baseline(tmp_path / "a.json", LOST)
    (outcome,) = compare(report(both), known).outcomes
    assert (outcome.since, outcome.sentence, outcome.tier) == (Since.NEW, "the rows are repeated", Tier.SHOULD)
    assert [each.sentence for each in outcome.others] == [AGAIN.sentence]
    assert decide(compare(report(both, holds("c")), known))[0] == exit_codes.HOLDS
    assert decide(compare(report(both, holds("c"), strict=True), known))[0] == exit_codes.BROKEN
    (outcome,) = compare(report(both), baseline(tmp_path / "b.json", both)).outcomes
    assert outcome.since is Since.STILL


def test_the_reports_say_what_is_new_and_what_is_not(tmp_path: Path) -> None:
    """In a line per law, and in JSON, which may be the next baseline."""
    before = baseline(tmp_path / "a.json", LOST, broken("d", "gone"))
    compared = compare(report(AGAIN, broken("c", "lost"), WARNED, holds("d")), before)
    told = text.render(compared)
    assert "still    MUST   a.law" in told
    assert "BROKEN (new): c: lost" in told
    assert "note: fixed since the baseline: d" in told
    value = json.loads(json_report.render(compared))
    assert {each["law"]: (each["result"], each["baseline"]) for each in value["laws"]} == {
        "a.law": ("broken", "still"),
        "c": ("broken", "new"),
        "b.law": ("warning", "new"),
        "d": ("ok", None),
    }
    assert value["fixed"] == ["d"]
    (tmp_path / "next.json").write_text(json.dumps(value))
    following = compare(report(AGAIN, broken("c", "lost")), read(tmp_path / "next.json", "prime"))
    assert [each.since for each in following.outcomes] == [Since.STILL, Since.STILL]


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("12 of 30 rows are missing", "1 of 5 rows are missing", True),
        ("id 3f2a-1 occurs twice in one answer", "id 9c9c-7 occurs twice in one answer", True),
        ("the 200 does not fit its schema at /3/status: x", "the 200 does not fit its schema at /14/status: x", True),
        ("the 200 does not fit its schema at /3/status: x", "the 200 does not fit its schema at /3/name: x", False),
        ('"failed" is not one of "active"', '"bogus" is not one of "active"', False),
        ("limit=0 was not refused", "limit=17 was not refused", True),
        ("limit=0 was not refused", "offset=0 was not refused", False),
    ],
)
def test_two_ways_are_the_same_but_for_what_an_account_brings_along(one: str, two: str, same: bool) -> None:
    """Numbers and ids come and go; the field, the parameter and the value of a closed set do not."""
    first, second = (way_of(Evidence(each, asks=(Ask("/x", query_in(each)),))) for each in (one, two))
    assert (first == second) is same


def query_in(sentence: str) -> tuple[tuple[str, str], ...]:
    name, sign, value = sentence.split()[0].partition("=")
    return ((name, value),) if sign else ()


LAW: dict[str, Any] = {"law": "a", "result": "broken", "sentence": "x"}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("[", "is not JSON"),
        ("[]", "is no report"),
        ('{"provider": "prime"}', "is no report"),
        ('{"provider": "prime", "laws": [{"law": "a"}]}', "is no report"),
        ('{"provider": "prime", "laws": [{"law": "a", "result": "ok", "others": [1]}]}', "is no report"),
        ('{"provider": "instavm", "laws": []}', "is a report on instavm, not on prime"),
        ('{"laws": []}', "is a report on None, not on prime"),
    ],
)
def test_what_is_no_report_of_the_provider_is_refused(tmp_path: Path, value: str, says: str) -> None:
    """One sentence that names the file."""
    path = tmp_path / "a.json"
    path.write_text(value)
    with pytest.raises(BaselineError, match=says):
        read(path, "prime")
    with pytest.raises(BaselineError, match="No such file"):
        read(tmp_path / "b.json", "prime")


def test_a_report_of_three_keys_is_enough(tmp_path: Path) -> None:
    """As scripts write them: law, result and sentence."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"provider": "prime", "laws": [LAW]}))
    assert decide(compare(report(broken("a", "x"), holds("c")), read(path, "prime")))[0] == exit_codes.HOLDS


def test_a_real_run_against_its_own_report_has_nothing_new(tmp_path: Path) -> None:
    """And another seed of the same bug has nothing new either, while another bug has."""
    first = judged(planted("prime", "status_ignored"))
    (tmp_path / "a.json").write_text(json_report.render(first))
    known = read(tmp_path / "a.json", "prime")
    assert first.failing
    assert not compare(judged(planted("prime", "status_ignored")), known).failing
    assert compare(judged(planted("prime", "total_unfiltered")), known).failing
