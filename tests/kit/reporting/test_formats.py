"""A report as text, Markdown, JUnit, JSON and HTML: the whole story, and no credential."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from contract_tests.outcome import Options, Outcome, Power, Tier, Verdict, broken, holds, inconclusive
from contract_tests.reporting import exit_codes, html, junit, markdown, text
from contract_tests.reporting import json as json_report
from contract_tests.reporting.report import Report, decide
from contract_tests.sending.ask import Ask
from contract_tests.sending.credentials import Credentials
from tests.support.deployments import judged, planted

CANARY = "prime-admin-key"


def test_a_broken_promise_is_told_in_full_and_without_credentials() -> None:
    """One sentence, the requests as curl lines, the page; the token is in no artefact."""
    report = judged(planted("prime", "status_ignored"))
    assert decide(report)[0] == exit_codes.BROKEN
    told = text.render(report)
    assert "rows do not match the filter status=" in told
    assert "$TOKEN" in told
    assert "reference page 003" in told
    artefacts = [told, markdown.render(report), json_report.render(report), junit.render(report), html.render(report)]
    assert not [each for each in artefacts if CANARY in each]
    failures = ElementTree.fromstring(artefacts[3].split("\n", 1)[1]).findall(".//failure")
    assert len(failures) == len(report.failing)
    assert json.loads(artefacts[2])["exit_code"] == 1
    assert "<script" not in artefacts[4]
    assert "http" not in artefacts[4].split("<style>")[0]


def test_redaction_is_the_last_line_of_defence() -> None:
    """Even a law that puts a credential into a sentence does not publish it."""
    report = Report("prime", "", Options(), (broken("x", f"saw {CANARY}"),))
    assert CANARY not in Credentials({"token": CANARY}).redact(text.render(report))


ASK = Ask("/api/v1/sandbox", (("status", "<&|>"),))
REPORT = Report(
    "prime",
    "https://prime.example.test",
    Options(seed=7),
    (
        holds("a.held", "7 rows | of 9"),
        broken("b.lost", "one <row> is\x00lost", (ASK,), ({"id": "x" * 500},), promise="None is lost.", page="003"),
        broken("c.odd", "out of order", tier=Tier.SHOULD),
        inconclusive("d.unsaid", "there are no rows"),
        Outcome("e.known", Verdict.ACCEPTED, sentence="known until then"),
        holds("op: check", "3 cases", layer="conformance"),
    ),
    ("the <budget> is used up",),
    {"laws and oracle": 12, "conformance": 3},
    1.26,
    Power(9, 10, ("no team was given",)),
    0.8,
)


def test_text() -> None:
    """A line per law, what is broken in full, the notes, the power, the requests and the verdict, in this order."""
    lines = text.render(REPORT).splitlines()
    assert lines[:6] == [
        "ok       MUST   a.held     7 rows | of 9",
        "BROKEN   MUST   b.lost     one <row> is\x00lost",
        "warning  SHOULD c.odd      out of order",
        "?        MUST   d.unsaid   there are no rows",
        "accepted MUST   e.known    known until then",
        "ok       MUST   op: check  3 cases",
    ]
    assert lines[7:10] == [
        "BROKEN: b.lost: one <row> is\x00lost",
        "  promised: None is lost. (reference page 003)",
        """  curl -s -H "Authorization: Bearer $TOKEN" 'https://prime.example.test/api/v1/sandbox?status=%3C%26%7C%3E'""",
    ]
    assert lines[10].startswith('  row: {"id": "xxx')
    assert lines[10].endswith("x …")
    assert lines[12:] == [
        "warning: c.odd: out of order",
        "",
        "note: the <budget> is used up",
        "This run would have caught 9 of 10 known fault types; not seen: no team was given.",
        "15 requests (12 for laws and oracle, 3 for conformance), 1.3 s",
        "prime: 1 promise is broken: b.lost",
    ]
    assert "\x1b[31mBROKEN\x1b[0m" in text.render(REPORT, colour=True)


def test_junit() -> None:
    """One suite per layer with its counts; control characters, which XML does not have, are replaced."""
    root = ElementTree.fromstring(junit.render(REPORT).split("\n", 1)[1])
    counts = [{**suite.attrib} for suite in root]
    assert counts == [
        {"name": "prime.laws", "tests": "5", "failures": "1", "skipped": "1", "errors": "0"},
        {"name": "prime.conformance", "tests": "1", "failures": "0", "skipped": "0", "errors": "0"},
    ]
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    failure = cases["b.lost"].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "one <row> is\ufffdlost"
    assert "curl -s" in (failure.text or "")
    said = {name: case.findtext("system-out") for name, case in cases.items()}
    assert said["a.held"] == "7 rows | of 9"
    assert (said["c.odd"] or "").startswith("warning: c.odd")
    assert cases["d.unsaid"].find("skipped") is not None


@pytest.mark.parametrize(
    ("report", "name", "tag"),
    [
        (Report("prime", "", Options(), could_not_check="gone"), "preflight", "error"),
        (Report("prime", "", Options(), (holds("a"),), power=Power(0, 1, ()), min_power=0.8), "power", "failure"),
    ],
)
def test_junit_of_a_run_that_proves_nothing(report: Report, name: str, tag: str) -> None:
    """Whatever runs jobs must not take it for a success."""
    root = ElementTree.fromstring(junit.render(report).split("\n", 1)[1])
    assert root.find(f".//testcase[@name='{name}']/{tag}") is not None


def test_json() -> None:
    """All of it, for scripts: results by name, and the power with what it must be."""
    told = json.loads(json_report.render(REPORT))
    assert [law["result"] for law in told["laws"]] == ["ok", "broken", "warning", "inconclusive", "accepted", "ok"]
    assert told["power"] == {"caught": 9, "total": 10, "unseen": ["no team was given"], "minimum": 0.8}
    assert (told["exit_code"], told["seed"], told["seconds"], told["requests"]["conformance"]) == (1, 7, 1.26, 3)
    assert told["laws"][1]["rows"] == [{"id": "x" * 500}]
    assert json.loads(json_report.render(Report("prime", "", Options())))["power"] is None


def test_html() -> None:
    """Nothing in a report is taken for HTML."""
    told = html.render(REPORT)
    assert "one &lt;row&gt; is" in told
    assert "<li>the &lt;budget&gt; is used up</li>" in told
    assert '<td class="warning">warning</td>' in told
    assert "<row>" not in told


def test_markdown() -> None:
    """Cells survive a pipe, and what is broken stands in a block of its own."""
    told = markdown.render(REPORT)
    assert "| ok | MUST | a.held | 7 rows \\| of 9 |" in told
    assert "| BROKEN | MUST | b.lost | one &lt;row> is\x00lost |" in told
    assert told.count("```") == 4
    assert "**1 promise is broken: b.lost** (exit 1)" in told
