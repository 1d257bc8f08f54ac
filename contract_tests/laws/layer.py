"""Layer 2: the laws, each with the probes that the profile has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from contract_tests.judging.check import Check
from contract_tests.judging.law import Law
from contract_tests.judging.probes import Shares
from contract_tests.judging.session import SHARED_ACCOUNT, Findings, Session
from contract_tests.laws.plan import CALLERS, is_planned
from contract_tests.laws.preflight import preflight
from contract_tests.outcome import Lack
from contract_tests.sending.transport import BudgetExhausted

ONE_ORDER = "repeats.order"
"""The law that asks for the same twice at once."""


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
        # What binds most has its turn first, between callers before all others; what is left goes to the rest.
        laws = sorted(
            (law for law in session.laws if not law.passive),
            key=lambda law: (-law.tier_for(check.promises).rank, law.name not in CALLERS),
        )
        try:
            if most is None or check.plan is not None or is_planned(check.slug):
                run_all(check, laws)
            else:
                run_by_shares(check, laws)
        except BudgetExhausted as reason:
            session.notes.append(f"{reason}; the laws behind it were not exercised")
        # Looking again goes before the questions of the oracle, which would find the same.
        recorder.limit = session.budget.shared
        check.finish()
        session.complete = bool(check.snapshots)
        return Findings()


def run_all(check: Check, laws: Sequence[Law]) -> None:
    """Exercise every law. Those behind the end of the budget still have their turn, since they may need no request,
    or may know that they lack something else; then it raises BudgetExhausted."""
    ended: BudgetExhausted | None = None
    waiting = list(laws)
    while waiting:
        # A list that wavers costs every law more requests; if it is two replicas that take turns, this one tells.
        early = (law for law in waiting if law.name == ONE_ORDER and check.confirmation.wavers)
        law = next(early, waiting[0])
        waiting.remove(law)
        try:
            check.run(law)
        except BudgetExhausted as reason:
            ended = ended or reason
            check.reasons.ended = Lack.BUDGET, str(ended)
    if ended is not None:
        raise ended


def run_by_shares(check: Check, laws: Sequence[Law]) -> None:
    """Exercise laws whose probes nobody has planned, so that the first ones leave room for the others; then the probes
    that had no room, as far as the budget goes. Raises BudgetExhausted where not every law had its turn."""
    check.plan = shares = Shares(lambda: check.transport.sent)
    try:
        _exercise_round(check, laws, shares)
    except BudgetExhausted as reason:
        check.reasons.ended = Lack.BUDGET, str(reason)
        raise
    by_name = {law.name: law for law in laws}
    try:
        while shares.held_back and check.remaining:
            _exercise_round(check, [by_name[name] for name in shares.held_back], shares)
    except BudgetExhausted:
        return


def _exercise_round(check: Check, laws: Sequence[Law], shares: Shares) -> None:
    shares.new_round()
    for index, law in enumerate(laws):
        shares.allot(-(-check.remaining // (len(laws) - index)))
        check.run(law)
