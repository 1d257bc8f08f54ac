"""`prime-sandboxes` 0.2.39 does on the fake what 0.5.1 does: the same tests, in a process that has the older one."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.clients.others import needs, run
from tests.clients.table import TESTS

NAME = "prime-sandboxes-0.2.39"
TESTED = ("test_prime.py", "test_prime_life.py", "test_prime_commands.py")

pytestmark = needs(NAME)


def outcome_of(case: ElementTree.Element) -> str:
    """As pytest calls it."""
    kinds = {each.tag for each in case}
    return "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"


def test_the_older_sdk_passes_the_same_tests(tmp_path: Path, record_property: Any) -> None:
    report = tmp_path / "report.xml"
    folder = Path(__file__).parent
    done = run(
        NAME,
        *("-m", "pytest", "-q", "-n", "0", "-p", "no:schemathesis", "-p", "no:cacheprovider"),
        *(f"--junitxml={report}", *(str(folder / each) for each in TESTED)),
    )
    assert report.exists(), done.stdout + done.stderr
    cases = [
        (str(each.get("classname")).rpartition(".")[2], str(each.get("name")), outcome_of(each))
        for each in ElementTree.parse(report).iter("testcase")
    ]
    record_property(TESTS, cases)
    assert done.returncode == 0, done.stdout
    assert sum(outcome == "passed" for *_, outcome in cases) > len(cases) * 0.8
    assert ("test_prime_life", "test_ports_are_exposed", "passed") in cases
