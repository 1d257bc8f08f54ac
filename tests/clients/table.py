"""Which SDK, in which version, does what on the fake: a page that the results of these tests write (`make pages`)."""

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
TOPICS = {"life": "life", "commands": "commands and files", "cli": "command line"}
"""By the last word of a module's name."""
COLUMNS = ("lists", *TOPICS.values())
HEAD = """# SDKs

What each provider's own SDK does on the fake. `make pages` writes this page from the results of the tests in
`tests/clients`: the table counts them, and each has its name below. One that takes several forms counts once, and what
a version has not is left out.
"""
WORST = ("failed", "passed", "skipped")
"""Of several outcomes of one test, the first of these is told: what a version has not is skipped for it alone."""
TOLD = {"passed": "works", "failed": "does not work", "skipped": "was not run"}


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


def topic_of(module: str) -> str:
    """What the tests of a module are about."""
    return TOPICS.get(module.removesuffix("_js").rpartition("_")[2], COLUMNS[0])


class Table:
    """The outcomes of one run, by SDK, topic and test."""

    def __init__(self) -> None:
        self.outcomes: dict[tuple[str, ...], dict[tuple[str, str], set[str]]] = {}

    def note(self, report: pytest.TestReport) -> None:
        path, _, test = report.nodeid.rpartition("::")
        module = Path(path).stem
        sdk = SDKS.get(module)
        if sdk is not None and (report.when == "call" or report.outcome != "passed"):
            behind: Any = dict(report.user_properties).get(TESTS) or [(module, test, report.outcome)]
            for module, name, outcome in behind:
                tests = self.outcomes.setdefault(sdk, {})
                tests.setdefault((topic_of(module), words_of(name)), set()).add(outcome)

    def results(self, sdk: tuple[str, ...], topic: str) -> dict[str, list[str]]:
        """The names of tests, by what came of them."""
        found: dict[str, list[str]] = {}
        for (about, test), outcomes in self.outcomes[sdk].items():
            if about == topic:
                found.setdefault(TOLD[next(each for each in WORST if each in outcomes)], []).append(test)
        if len(found) > 1:
            found.pop(TOLD["skipped"], None)
        return found

    def lines(self) -> Iterable[str]:
        yield f"\n| provider | SDK | version | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 3)}"
        versions = {sdk: version_of(*sdk[1:]) or "not installed" for sdk in sorted(self.outcomes)}
        for sdk, version in versions.items():
            yield f"| {sdk[0]} | `{sdk[1]}` | {version} | {' | '.join(self.counted(sdk, each) for each in COLUMNS)} |"
        for sdk, version in versions.items():
            yield f"\n## {sdk[0]}: `{sdk[1]}` {version}"
            for topic in COLUMNS:
                for told, tests in self.results(sdk, topic).items():
                    yield f"\n{topic.capitalize()}, {told}:\n"
                    yield from (f"- {test}" for test in tests)

    def counted(self, sdk: tuple[str, ...], topic: str) -> str:
        results = self.results(sdk, topic)
        number = sum(map(len, results.values()))
        good = len(results.get(TOLD["passed"], ()))
        return "" if not number else f"all {number}" if good == number else f"{good} of {number}"

    def write(self, path: Path) -> None:
        path.write_text(HEAD + "\n".join(self.lines()) + "\n", encoding="utf-8")
