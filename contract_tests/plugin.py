"""The laws as pytest tests, and a fixture for laws of your own.

    pytest --pyargs contract_tests --provider prime --base-url http://127.0.0.1:8000/prime --token prime-admin-key

The laws are exercised as the command does it, together and within the same budget, when the first of them is due; each
test then tells what has become of its law. Where nothing can be judged, the first test that needs the deployment fails
with one sentence, the others are skipped, and pytest's exit status is 3.

A law of a team is a function of a `check`; its docstring is the promise:

    def names_are_lower_case(check):
        \"\"\"Our sandboxes have names in lower case (our naming guide, section 2).\"\"\"
        rows = check.snapshot().rows
        wrong = [row for row in rows if row["name"] != row["name"].lower()]
        check.witness(f"{len(rows)} rows")
        if wrong:
            check.fail(f"{len(wrong)} names have capitals", *check.snapshot().asks, rows=wrong[:3])

    def test_names_are_lower_case(contract):
        contract.hold(names_are_lower_case)

A law may also be registered with `@contract_tests.laws.law("ours.names")`; then every check exercises it.

This module is loaded where an option of the kit was given; `fakeserver.pytest_plugin` has the options.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from contract_tests.reporting.exit_codes import COULD_NOT_CHECK

if TYPE_CHECKING:
    from contract_tests.contract import Contract, Deployment

LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
"""Who writes into the log what goes over the wire; an answer may well repeat a header that was sent."""
VERDICT, NO_VERDICT, UNCHECKED = "verdict", "no verdict", "could not check"


def begin(config: pytest.Config, deployment: Deployment, *, by_file: bool) -> None:
    """Check this deployment in the run that starts; `by_file` says that no two processes have tests of one file."""
    config.option.contract_provider = deployment.slug
    config.stash[COURSE] = course = Course(deployment, by_file)
    config.pluginmanager.register(course, "contract-course")
    for name in LOGGERS:
        logging.getLogger(name).addFilter(course.redact_record)


def uses_contract(item: pytest.Item) -> bool:
    return "contract" in getattr(item, "fixturenames", ())


def is_packaged(item: pytest.Item) -> bool:
    """Whether this is one of the kit's own tests."""
    return getattr(getattr(item, "module", None), "__name__", "") == "contract_tests.test_laws"


@dataclass(eq=False)
class Course:
    """What has become of a run; a plugin of its own."""

    deployment: Deployment
    by_file: bool
    unchecked: list[BaseException] = field(default_factory=list)
    """The failures that say why nothing could be checked, and of no promise that it is broken."""
    failures: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """What the tests of the packaged laws came to, and whichever said that nothing could be checked."""
    said: str = ""
    """Why the exit status is none of pytest's own."""

    def redact(self, text: str) -> str:
        return self.deployment.credentials.redact(text)

    def redact_record(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.redact(record.getMessage()), ()
        return True

    def pytest_unconfigure(self) -> None:
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(self.redact_record)

    def processes(self, session: pytest.Session) -> int:
        """How many processes may ask the deployment at the same time, each at its share of the pace."""
        worker = getattr(session.config, "workerinput", {"workercount": 1})
        files = {item.path for item in session.items if uses_contract(item)}
        most = len(files) if self.by_file else worker["workercount"]
        return min(int(worker["workercount"]), most)

    def pytest_report_header(self) -> str:
        deployment = self.deployment
        return f"contract: {deployment.slug} at {deployment.base_url}, {deployment.options.profile} profile"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note what a test of the deployment came to. And whatever was raised or printed: no report tells a credential,
        and one in which it stands after all becomes a text without it."""
        report = yield
        raised = call.excinfo.value if call.excinfo is not None else None
        # pytest-xdist hands on whatever a report has.
        if any(raised is each for each in self.unchecked):
            report.__dict__["contract"] = UNCHECKED
        elif is_packaged(item) and (call.when == "call" or not report.passed):
            report.__dict__["contract"] = NO_VERDICT if report.skipped else VERDICT
        if isinstance(report.longrepr, tuple):
            path, line, reason = report.longrepr
            report.longrepr = path, line, self.redact(reason)
        elif report.longrepr is not None and (said := str(report.longrepr)) != self.redact(said):
            report.longrepr = self.redact(said)
        report.sections = [(name, self.redact(text)) for name, text in report.sections]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failures += report.failed
        kind = getattr(report, "contract", None)
        if kind is not None:
            self.kinds[kind] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.failures += report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell what could not be checked from what is broken, as the command does: pytest has one exit status for both,
        and takes a run for a success whose tests were all skipped."""
        if session.exitstatus == pytest.ExitCode.TESTS_FAILED and self.failures == self.kinds[UNCHECKED]:
            self.said = "the deployment could not be checked; no promise was seen broken"
        elif session.exitstatus == pytest.ExitCode.OK and self.kinds[NO_VERDICT] and not self.kinds[VERDICT]:
            self.said = "could not check: no law came to a verdict, for the reasons that its test gives (-rs)"
        if self.said:
            session.exitstatus = COULD_NOT_CHECK

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.said:
            terminalreporter.write_line(f"contract: {self.said} (exit status {COULD_NOT_CHECK})")


COURSE = pytest.StashKey[Course]()


@pytest.fixture(scope="session")
def contract(request: pytest.FixtureRequest) -> Iterator[Contract]:
    """The deployment that --provider, --base-url and --token name: `contract.hold(law)` fails where it does not keep
    the law."""
    from contract_tests.contract import Contract
    from contract_tests.judging.law import Law

    course = request.config.stash[COURSE]
    wire = course.deployment.open_wire(course.processes(request.session))
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    laws = [spec.params["law"] for spec in parameters if spec is not None and "law" in spec.params]
    due = frozenset(law.name for law in laws if isinstance(law, Law))
    with closing(wire):
        session = course.deployment.open_session(wire)
        yield Contract(session, course.deployment.base_url, due, course.unchecked)
