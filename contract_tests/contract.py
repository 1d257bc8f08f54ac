"""One deployment under pytest: the laws that are due are exercised in one run, and each of them is told apart."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import NoReturn

import pytest

from contract_tests.judging.check import NO_5XX, Check, StopEarly
from contract_tests.judging.law import Law
from contract_tests.judging.session import CouldNotCheck, Session
from contract_tests.laws import OURS
from contract_tests.laws.layer import Laws
from contract_tests.laws.preflight import preflight
from contract_tests.outcome import Options, Outcome, Tier, Verdict
from contract_tests.reporting.report import Report, fails
from contract_tests.reporting.wording import in_full
from contract_tests.run import judge, open_session
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.transport import BudgetExhausted, SendingStopped, Unreachable
from contract_tests.sending.wire import Wire

ENDS = (BudgetExhausted, CouldNotCheck, SendingStopped, StopEarly, Unreachable)
"""What ends a run; the message says why."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a run was given."""

    slug: str
    base_url: str
    options: Options
    credentials: Credentials
    open_wire: Callable[[int], Wire]
    """The way there, for one of so many processes: together they keep to the pace that was asked for."""

    def open_session(self, wire: Wire) -> Session:
        return open_session(self.slug, wire, self.options)


class Contract:
    """One deployment under test: `hold` exercises a law and fails the test that calls it when the law is broken."""

    def __init__(self, session: Session, base_url: str, due: Collection[str], unchecked: list[BaseException]) -> None:
        """`due` names the laws that this run tests. Those of the kit are exercised together, when the first of them is
        held. `unchecked` gets each failure that says why nothing could be checked."""
        self._session = session
        self._base_url = base_url
        self._due = OURS.intersection(due)
        self._unchecked = unchecked
        self._exercised = False
        self._opened = False
        self._over = ""
        """Why nothing more is exercised."""
        self._judged = False
        """Whether there is anything to tell; until the list can be read, whatever was noted proves nothing."""

    @property
    def check(self) -> Check:
        """What laws work with. Fails, or skips where that was said before, if the deployment cannot be read."""
        if not self._opened:
            self._opened = True
            self._over = self._over or why_not(self._session.check)
        if self._over:
            self._give_up(self._over)
        self._judged = True
        return self._session.check

    def hold(self, law: Law | Callable[[Check], None]) -> None:
        """Pass where the law holds and fail where it is broken; skip where it came to no verdict, or where it is only
        implied, unless the run is strict."""
        if not isinstance(law, Law):
            law = Law(law.__name__, law, Tier.MUST, page=lambda promises: "")
        if law.name in self._due:
            self._exercise_due()
        else:
            self._exercise(law)
        if not self._judged:
            self._give_up(self._over)
        outcome = self._session.check.outcome(law)
        if outcome.verdict is Verdict.BROKEN:
            self._tell(outcome)
        elif outcome.verdict is not Verdict.HOLDS:
            if self._over or outcome.is_missing:
                self._give_up(self._over or outcome.sentence)
            pytest.skip(self._redact(f"{outcome.verdict.value.replace('_', ' ')}: {outcome.sentence}"))

    def _exercise_due(self) -> None:
        """The run of the kit's own laws, once. What ends it early is noted; its verdicts until then are good."""
        if self._exercised or self._over:
            return
        self._exercised = True
        session = self._session
        session.laws = tuple(law for law in session.laws if law.name in self._due)
        try:
            judge(session, (Laws(),))
            self._judged = True
        except CouldNotCheck as reason:
            self._over = str(reason)
        except Exception as error:  # A mistake of the kit's own must not look like one of the deployment.
            self._over, self._judged = f"the kit itself has failed: {described(error)}", True
        self._over = self._over or session.cut_short
        if session.cut_short.startswith("interrupted"):
            raise KeyboardInterrupt

    def _exercise(self, law: Law) -> None:
        """A law of a team's own, which sends all that it wants to. An exception that it raises is its own as well."""
        check = self.check
        limit, check.transport.limit = check.transport.limit, None
        try:
            check.run(law)
            check.finish()
        except ENDS as reason:
            self._over = str(reason)
        finally:
            check.transport.limit = limit
        unread = [breach for found in check.breaches.values() for breach in found]
        if not check.snapshots and unread and not check.witnesses.get(law.name):
            self._over = self._over or f"the list could not be read: {unread[0].sentence}"

    def _tell(self, outcome: Outcome) -> None:
        session = self._session
        report = Report(session.target.slug, self._base_url, session.options)
        text = self._redact("\n".join(in_full(report, outcome)))
        if fails(outcome, strict=session.options.strict):
            pytest.fail(text, pytrace=False)
        pytest.skip(text)

    def _give_up(self, reason: str) -> NoReturn:
        """Say once, as a failure, why nothing can be checked."""
        reason = self._redact(reason)
        if self._unchecked:
            pytest.skip(f"not checked: {reason}")
        failure = pytest.fail.Exception(f"could not check: {reason}", pytrace=False)
        self._unchecked.append(failure)
        raise failure

    def _redact(self, text: str) -> str:
        return self._session.transport.credentials.redact(text)


def why_not(check: Check) -> str:
    """Why nothing can be judged, or nothing. A text, since pytest shows what an exception was raised from."""
    try:
        preflight(check)
    except BudgetExhausted:
        return "the credential is taken in another header than the main one only"
    except SendingStopped as reason:
        broken = check.breaches.get(NO_5XX)
        return broken[0].sentence if broken else str(reason)
    except (CouldNotCheck, Unreachable) as reason:
        return str(reason)
    return ""


def described(error: Exception) -> str:
    """An exception in one line: what it says, and where it was raised."""
    frames = extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
