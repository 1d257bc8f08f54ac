"""The laws as pytest tests, and a fixture for laws of your own.

    pytest --pyargs contract_tests --provider prime --base-url http://127.0.0.1:8000/prime --token prime-admin-key

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
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from contract_tests.judging.check import Check
    from contract_tests.judging.law import Law

OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--provider", {"help": "dreadnode, instavm, prime or superserve"}),
    ("--base-url", {"help": "where the provider's API is served"}),
    ("--token", {"help": "the credential (or FAKESERVER_TOKEN in the environment)"}),
    ("--other-token", {"help": "a credential of somebody who shares nothing with the first caller"}),
    ("--org", {"action": "append", "default": [], "help": "dreadnode: the org; prime: a team"}),
    ("--known", {"action": "append", "default": [], "help": "a sandbox that must be in the list"}),
    ("--rate", {"type": float, "help": "requests per second (default 5, or not throttled on this machine)"}),
    ("--contract-seed", {"default": 0, "type": int, "help": "same seed, same requests"}),
    ("--strict-contract", {"action": "store_true", "help": "fail on what is implied or assumed, too"}),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("contract", "contract of a sandbox provider")
    for name, more in OPTIONS:
        try:
            group.addoption(name, **more)
        except ValueError:
            continue  # Another plugin has this option already; its value is read all the same.


class Contract:
    """One deployment under test: `hold` exercises a law and fails the test that calls it when the law is broken."""

    def __init__(self, check: Check, base_url: str, *, strict: bool) -> None:
        self.check = check
        self._base_url = base_url
        self._strict = strict

    def hold(self, law: Law | Callable[[Check], None]) -> None:
        from contract_tests.judging.law import Law
        from contract_tests.outcome import Tier, Verdict
        from contract_tests.reporting.report import Report, fails
        from contract_tests.reporting.wording import shorten

        if not isinstance(law, Law):
            law = Law(law.__name__, law, Tier.MUST, page=lambda promises: "")
        self.check.run(law)
        self.check.finish()
        outcome = self.check.outcome(law)
        if outcome.lack is not None:
            pytest.skip(f"{outcome.verdict.value.replace('_', ' ')}: {outcome.sentence}")
        if outcome.verdict is Verdict.BROKEN:
            report = Report(self.check.slug, self._base_url, self.check.options)
            security = self.check.target.security
            curls = [ask.curl(report.base_url, security) for ask in outcome.asks]
            rows = [f"row: {shorten(row)}" for row in outcome.rows]
            text = "\n".join([outcome.sentence, f"promised: {outcome.promise}", *curls, *rows])
            text = self.check.transport.credentials.redact(text)
            if fails(outcome, strict=self._strict):
                pytest.fail(text, pytrace=False)
            pytest.skip(f"a warning ({outcome.tier.value}): {text}")


@pytest.fixture(scope="session")
def contract(request: pytest.FixtureRequest) -> Iterator[Contract]:
    """The deployment that the options name, ready for laws."""
    from contract_tests.judging.target import target
    from contract_tests.outcome import Options
    from contract_tests.promises import BY_SLUG
    from contract_tests.run import open_session
    from contract_tests.sending.wire import Wire
    from fakeserver.plugins import UnusablePlugin

    def given(name: str) -> Any:
        return request.config.getoption(name, None)

    slug, base_url = given("--provider"), given("--base-url")
    token = given("--token") or os.environ.get("FAKESERVER_TOKEN")
    if not (slug and base_url and token):
        pytest.skip("needs --provider, --base-url and --token")
    if slug not in BY_SLUG:
        pytest.fail(f"--provider {slug!r} does not exist; known are {', '.join(BY_SLUG)}", pytrace=False)
    try:
        security = target(slug).security
    except UnusablePlugin as error:
        pytest.fail(str(error), pytrace=False)
    credentials = {"token": token} | ({"other": given("--other-token")} if given("--other-token") else {})
    options = Options(
        orgs=tuple(given("--org") or ()),
        has_other="other" in credentials,
        known=tuple(given("--known") or ()),
        seed=given("--contract-seed") or 0,
    )
    wire = Wire(base_url, security, credentials, rate=given("--rate"))
    check = open_session(slug, wire, options).check
    with closing(wire):
        reason = why_not(check)
        if reason:
            pytest.fail(f"could not check: {reason}", pytrace=False)
        yield Contract(check, base_url, strict=bool(given("--strict-contract")))


def why_not(check: Check) -> str:
    """Why nothing can be judged, or nothing. A text, since pytest shows what an exception was raised from, with the
    local variables of its frames where it is asked for them, and the token is one of those."""
    from contract_tests.judging.session import CouldNotCheck
    from contract_tests.laws.preflight import preflight
    from contract_tests.sending.transport import BudgetExhausted, SendingStopped, Unreachable

    try:
        preflight(check)
    except (CouldNotCheck, BudgetExhausted, SendingStopped, Unreachable) as reason:
        return str(reason)
    return ""
