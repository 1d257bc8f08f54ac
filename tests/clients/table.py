"""Which SDK, in which version, does what on the fake: a page that the results of these tests write (`make docs`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.clients.others import FOLDER
from tests.support.asgi import ROOT

VARIABLE = "FAKESERVER_SDK_TABLE"
"""Names the file that a run of these tests writes; nothing is written without it."""
TESTS = "tests"
"""The property of a test that others stand behind: their names and outcomes, which are told in its place."""
SDKS: Mapping[str, tuple[str, ...]] = {
    "test_dreadnode": ("dreadnode", "dreadnode"),
    "test_instavm": ("instavm", "instavm"),
    "test_prime": ("prime", "prime-sandboxes"),
    "test_superserve": ("superserve", "superserve"),
    "test_superserve_js": ("superserve", "@superserve/sdk"),
    "test_dreadnode_life": ("dreadnode", "dreadnode"),
    "test_dreadnode_commands": ("dreadnode", "dreadnode"),
    "test_instavm_life": ("instavm", "instavm"),
    "test_instavm_commands": ("instavm", "instavm"),
    "test_prime_life": ("prime", "prime-sandboxes"),
    "test_prime_commands": ("prime", "prime-sandboxes"),
    "test_prime_cli": ("prime", "prime", "prime-0.18.0"),
    "test_prime_older": ("prime", "prime-sandboxes", "prime-sandboxes-0.2.39"),
    "test_superserve_life": ("superserve", "superserve"),
    "test_superserve_life_js": ("superserve", "@superserve/sdk"),
    "test_superserve_commands": ("superserve", "superserve"),
    "test_superserve_commands_js": ("superserve", "@superserve/sdk"),
}
"""By the module of their tests: the provider, and the SDK's distribution (npm's begin with @), and its folder where it
does not stand in the suite's own environment."""
HEAD = """# SDKs

What each provider's own SDK does on the fake. `make docs` writes this page from the results of the tests in
`tests/clients`, where each line is a test of that name; those that take several forms count as one, and what a version
has not is left out.
"""
WORST = ("failed", "passed", "skipped")
"""Of several outcomes of one test, the first of these is told: what a version has not is skipped for it alone."""
TOLD = {"passed": "works", "failed": "does not", "skipped": "not run"}


def version_of(distribution: str, *folders: str) -> str:
    """The version that is installed; empty if none is."""
    if folders:
        path = [str(FOLDER / each) for each in folders]
        return next((each.version for each in metadata.distributions(name=distribution, path=path)), "")
    if distribution.startswith("@"):
        package = ROOT / "node_modules" / distribution / "package.json"
        return str(json.loads(package.read_text("utf-8"))["version"]) if package.exists() else ""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def words_of(test: str) -> str:
    """A test's name as words."""
    return test.partition("[")[0].removeprefix("test_").replace("_", " ")


class Table:
    """The outcomes of one run."""

    def __init__(self) -> None:
        self.outcomes: dict[tuple[str, ...], dict[str, set[str]]] = {}

    def note(self, report: pytest.TestReport) -> None:
        path, _, test = report.nodeid.rpartition("::")
        sdk = SDKS.get(Path(path).stem)
        if sdk is not None and (report.when == "call" or report.outcome != "passed"):
            behind: Any = dict(report.user_properties).get(TESTS) or [(test, report.outcome)]
            for name, outcome in behind:
                self.outcomes.setdefault(sdk, {}).setdefault(words_of(name), set()).add(outcome)

    def lines(self) -> Iterable[str]:
        for (slug, distribution, *folders), tests in sorted(self.outcomes.items()):
            version = version_of(distribution, *folders) or "not installed"
            yield f"\n## {slug}: `{distribution}` {version}\n"
            yield "| what | on the fake |\n|---|---|"
            results = {test: next(each for each in WORST if each in outcomes) for test, outcomes in tests.items()}
            installed = any(each != "skipped" for each in results.values())
            for test, result in results.items():
                if result != "skipped" or not installed:
                    yield f"| {test} | {TOLD[result]} |"

    def write(self, path: Path) -> None:
        path.write_text(HEAD + "\n".join(self.lines()) + "\n", encoding="utf-8")
