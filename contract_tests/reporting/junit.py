"""The report as JUnit XML, for whatever runs jobs.

Its root is one `<testsuite>`, as Ant's own reports have it: readers that expect `<testsuites>` take it as well, and the
counts of one suite are those of the run. Layers are told apart by the class name of their cases.
"""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

from contract_tests.outcome import Outcome, Verdict
from contract_tests.reporting import exit_codes
from contract_tests.reporting.report import Report, decide, fails
from contract_tests.reporting.wording import in_full, printable

RESULTS = {"failure": "failures", "error": "errors", "skipped": "skipped"}
"""The elements that say what became of a case, and the attributes of the suite that count them."""


def render(report: Report) -> str:
    """A law that fails the check is a failure, one without a verdict is skipped; too little power is a failure too."""
    code, sentence = decide(report)
    suite = ElementTree.Element("testsuite", name=f"contract of {report.slug}")
    properties = ElementTree.SubElement(suite, "properties")
    told = {"verdict": sentence, "exit_code": code, "base_url": report.base_url, "profile": report.options.profile}
    for name, value in {**told, "seed": report.options.seed}.items():
        ElementTree.SubElement(properties, "property", name=name, value=printable(str(value)))
    if code == exit_codes.COULD_NOT_CHECK:
        _add(_case(suite, report.slug, "preflight"), "error", sentence)
    for outcome in report.outcomes:
        _add_law(suite, report, outcome)
    if code == exit_codes.UNDER_POWERED:
        _add(_case(suite, f"{report.slug}.power", "power"), "failure", sentence)
    if report.notes:
        ElementTree.SubElement(suite, "system-out").text = printable("\n".join(report.notes))
    _count(suite, report)
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _count(suite: ElementTree.Element, report: Report) -> None:
    """What the suite says of its cases, and when it ran and how long, in seconds."""
    cases = suite.findall("testcase")
    results = Counter(child.tag for case in cases for child in case)
    suite.set("tests", str(len(cases)))
    for tag, name in RESULTS.items():
        suite.set(name, str(results[tag]))
    suite.set("time", f"{report.seconds:.3f}")
    suite.set("timestamp", report.started.isoformat(timespec="seconds"))


def _case(suite: ElementTree.Element, classname: str, name: str, seconds: float = 0.0) -> ElementTree.Element:
    given = {"classname": classname, "name": printable(name), "time": f"{seconds:.3f}"}
    return ElementTree.SubElement(suite, "testcase", given)


def _add(case: ElementTree.Element, tag: str, message: str, kind: str = "", text: str = "") -> None:
    """Say what became of a case."""
    found = ElementTree.SubElement(case, tag, {"message": printable(message)} | ({"type": kind} if kind else {}))
    found.text = printable(text) if text else None


def _add_law(suite: ElementTree.Element, report: Report, outcome: Outcome) -> None:
    case = _case(suite, f"{report.slug}.{outcome.layer}", outcome.law, outcome.seconds)
    if outcome.evidence:
        text = "\n".join(in_full(report, outcome))
        if fails(outcome, strict=report.options.strict):
            _add(case, "failure", outcome.sentence, outcome.tier.value, text)
        else:
            ElementTree.SubElement(case, "system-out").text = printable(text)
    elif outcome.verdict is Verdict.HOLDS:
        ElementTree.SubElement(case, "system-out").text = printable(outcome.witness)
    else:
        _add(case, "skipped", outcome.sentence)
