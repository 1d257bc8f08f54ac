"""JUnit XML that common readers take: the elements and attributes of Jenkins' own schema, and no others."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from contract_tests.outcome import Options, Outcome, Power, Tier, Verdict, broken, holds, inconclusive
from contract_tests.reporting import exit_codes, junit
from contract_tests.reporting.report import Report, decide
from contract_tests.sending.ask import Ask
from tests.support.deployments import judged, planted

# What https://github.com/jenkinsci/xunit-plugin (junit-10.xsd) allows where: attributes, then children. Required are
# the names of suites, cases and properties.
SCHEMA = {
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package"},
        {"testcase", "properties", "system-out", "system-err"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": (
        {"name", "classname", "time", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "skipped": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}
COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}
STARTED = datetime(2026, 2, 3, 4, 5, 6, 789, UTC)
LAWS = (
    holds("a.held", "7 rows | of 9", seconds=0.25),
    broken("b.lost", "one <row> is\x00lost", (Ask("/x"),), ({"id": "x" * 500},), promise="None is lost.", page="003"),
    broken("c.odd", "out of order", tier=Tier.SHOULD),
    inconclusive("d.unsaid", "there are no rows"),
    Outcome("e.known", Verdict.ACCEPTED, sentence="known until then"),
    holds("op: check", "3 cases", layer="conformance"),
)
REPORT = Report("prime", "https://prime.example.test", Options(), LAWS, ("a note",), seconds=1.26, started=STARTED)


def parse(report: Report) -> ElementTree.Element:
    return ElementTree.fromstring(junit.render(report).split("\n", 1)[1])


def check_schema(root: ElementTree.Element) -> None:
    """Attributes, children, and counts that are those of the cases."""
    assert root.tag == "testsuite"
    for element in root.iter():
        attributes, children = SCHEMA[element.tag]
        assert set(element.attrib) <= attributes, element.tag
        assert {child.tag for child in element} <= children, element.tag
    cases = root.findall("testcase")
    assert root.attrib["tests"] == str(len(cases))
    for name, tag in COUNTED.items():
        assert root.attrib[name] == str(sum(case.find(tag) is not None for case in cases)), name
    assert not [case for case in cases if len([each for each in case if each.tag in COUNTED.values()]) > 1]
    assert all(float(element.attrib["time"]) >= 0 for element in (root, *cases))
    assert datetime.fromisoformat(root.attrib["timestamp"]).utcoffset() == UTC.utcoffset(None)


def test_one_suite_with_counts_time_and_timestamp() -> None:
    """The layers are told apart by the class names; what fails has its evidence, what was not asked its reason."""
    root = parse(REPORT)
    check_schema(root)
    assert {**root.attrib} == {
        "name": "contract of prime",
        "tests": "6",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
        "time": "1.260",
        "timestamp": "2026-02-03T04:05:06+00:00",
    }
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert {case.attrib["classname"] for case in cases.values()} == {"prime.laws", "prime.conformance"}
    assert [case.attrib["time"] for case in cases.values()][:2] == ["0.250", "0.000"]
    failure = cases["b.lost"].find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "one <row> is\ufffdlost", "type": "MUST"}
    assert "curl -s" in (failure.text or "")
    said = {name: case.findtext("system-out") for name, case in cases.items()}
    assert said["a.held"] == "7 rows | of 9"
    assert (said["c.odd"] or "").startswith("warning: c.odd")
    assert (said["e.known"] or "").startswith("accepted: e.known")
    assert cases["d.unsaid"].find("skipped") is not None
    assert root.findtext("system-out") == "a note"
    told = {each.attrib["name"]: each.attrib["value"] for each in root.iter("property")}
    assert (told["verdict"], told["exit_code"]) == ("1 promise is broken: b.lost", "1")


@pytest.mark.parametrize(
    ("report", "name", "tag"),
    [
        (Report("prime", "", Options(), could_not_check="gone"), "preflight", "error"),
        (Report("prime", "", Options(), could_not_check="gone", outcomes=LAWS), "preflight", "error"),
        (Report("prime", "", Options(), (inconclusive("a", "no rows"),)), "preflight", "error"),
        (Report("prime", "", Options(), (holds("a"),), power=Power(0, 1, ()), min_power=0.8), "power", "failure"),
    ],
)
def test_a_run_that_proves_nothing_is_no_success(report: Report, name: str, tag: str) -> None:
    """Whatever runs jobs must not take it for one."""
    root = parse(report)
    check_schema(root)
    found = root.find(f".//testcase[@name='{name}']/{tag}")
    assert found is not None
    assert found.attrib["message"] == decide(report)[1]


@pytest.mark.parametrize("code", [*range(0x20), 0x7F, 0x9B, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF, 0xE000, 0xFFFD, 0x1F680])
def test_every_character_gives_xml(code: int) -> None:
    """In names, messages, texts and notes: what XML does not have is replaced, and all else stays."""
    text = f"a{chr(code)}b"
    laws = (broken(text, text, promise=text), holds(text, text), inconclusive(text, text))
    root = parse(Report("prime", text, Options(), laws, (text,)))
    root_text = junit.render(Report("prime", text, Options(), laws, (text,)))
    root_text.encode("utf-8")
    check_schema(root)
    kept = root.find("testcase/failure")
    assert kept is not None
    allowed = code in (0x9, 0xA, 0xD, 0xE000, 0xFFFD, 0x1F680)
    assert kept.attrib["message"] == (text if allowed else "a\ufffdb")


def test_a_law_takes_the_time_of_its_requests() -> None:
    """Of a whole run: the seconds of the laws that asked are those of the run at most, and passive laws take none."""
    report = judged(planted("prime", "status_ignored"))
    root = parse(report)
    check_schema(root)
    times = {case.attrib["name"]: float(case.attrib["time"]) for case in root.iter("testcase")}
    assert {outcome.law for outcome in report.outcomes if outcome.seconds > 0} >= {"filters.single", "pages.windows"}
    assert times["schema.body"] == times["rows.same"] == 0
    assert sum(outcome.seconds for outcome in report.outcomes) <= report.seconds
    assert decide(report)[0] == exit_codes.BROKEN
