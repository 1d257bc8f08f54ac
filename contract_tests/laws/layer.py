"""Layer 2: the laws, each with the probes that the profile has room for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from contract_tests.judging.session import SHARED_ACCOUNT, Findings, Session
from contract_tests.laws.preflight import preflight
from contract_tests.sending.transport import BudgetExhausted


@dataclass(frozen=True, slots=True)
class Laws:
    """All laws of the provider that send something, and the last look at what they suspect. What they found is in the
    session's check, since passive laws watch the answers to the oracle's questions as well."""

    name: ClassVar[str] = "laws"
    account: ClassVar[str] = SHARED_ACCOUNT

    def run(self, session: Session) -> Findings:
        check, recorder, most = session.check, session.check.transport, session.budget.laws
        recorder.limit = most
        preflight(check)
        if most is not None:
            # What is suspected is convicted by one last snapshot, and that has its price.
            last = sum(len(snapshot.asks) for snapshot in check.snapshots.values())
            recorder.limit = max(most - last, recorder.sent)
        try:
            for law in session.laws:
                if not law.passive:
                    check.run(law)
        except BudgetExhausted as reason:
            session.notes.append(f"{reason}; the laws behind it were not exercised")
        recorder.limit = most
        check.finish()
        session.complete = True
        return Findings()
