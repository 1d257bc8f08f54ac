"""The report as JUnit XML, one suite per layer, for whatever runs jobs."""

from __future__ import annotations

from xml.etree import ElementTree

from contract_tests.outcome import Verdict
from contract_tests.reporting import exit_codes
from contract_tests.reporting.report import Report, decide, failing
from contract_tests.reporting.wording import in_full


def printable(text: str) -> str:
    """The text without control characters, which XML does not have."""
    kept = (char if char in "\t\n\r" or " " <= char <= "\ud7ff" or char >= "\ue000" else "�" for char in text)
    return "".join(kept)


def render(report: Report) -> str:
    """A law that fails the check is a failure, an inconclusive one is skipped; too little power is a failure too."""
    code, sentence = decide(report)
    root = ElementTree.Element("testsuites", name=f"contract of {report.slug}")
    if report.could_not_check:
        case = _case(root, report.slug, "preflight", errors="1")
        ElementTree.SubElement(case, "error", message=printable(sentence))
    for layer in dict.fromkeys(outcome.layer for outcome in report.outcomes):
        _suite(root, report, layer)
    if code == exit_codes.UNDER_POWERED:
        case = _case(root, f"{report.slug}.power", "power", failures="1")
        ElementTree.SubElement(case, "failure", message=printable(sentence))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(root: ElementTree.Element, suite: str, name: str, **counts: str) -> ElementTree.Element:
    """The one case of a suite of its own."""
    parent = ElementTree.SubElement(root, "testsuite", {"name": suite, "tests": "1", **counts})
    return ElementTree.SubElement(parent, "testcase", classname=suite, name=name)


def _suite(root: ElementTree.Element, report: Report, layer: str) -> None:
    outcomes = [outcome for outcome in report.outcomes if outcome.layer == layer]
    failures = failing(outcomes, strict=report.options.strict)
    skipped = [outcome for outcome in outcomes if outcome.lack is not None]
    name = f"{report.slug}.{layer}"
    counts = {"tests": len(outcomes), "failures": len(failures), "skipped": len(skipped), "errors": 0}
    suite = ElementTree.SubElement(root, "testsuite", {"name": name, **{key: str(n) for key, n in counts.items()}})
    for outcome in outcomes:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=printable(outcome.law))
        if outcome in failures:
            failure = ElementTree.SubElement(case, "failure", message=printable(outcome.sentence))
            failure.text = printable("\n".join(in_full(report, outcome)))
        elif outcome.lack is not None:
            ElementTree.SubElement(case, "skipped", message=printable(outcome.sentence))
        elif outcome.verdict is Verdict.HOLDS:
            ElementTree.SubElement(case, "system-out").text = printable(outcome.witness)
        else:
            ElementTree.SubElement(case, "system-out").text = printable("\n".join(in_full(report, outcome)))
