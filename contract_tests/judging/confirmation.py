"""Confirmation of soft contradictions: a list that moves while it is read convicts nobody.

A suspicion is asked again at once. As long as no snapshot differs from another, the suspicions wait for one last
snapshot; once the list has been seen to move, each is settled alone between two fresh snapshots, three times or more.
What breaks no binding promise costs nothing before all laws had their turn: it is asked again in the end, a few times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from contract_tests.judging.judge import Breach
from contract_tests.judging.lacking import Reasons
from contract_tests.outcome import Context, Lack, ListUnreadable, Snapshot, Tier
from contract_tests.promises.form import Listing
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.transport import BudgetExhausted, NotRecorded, SendingStopped, Unreachable

CONFIRMATIONS = 3
MANY_CONFIRMATIONS = 8
"""For a short list: where one of its two rows comes and goes, chance contradicts one time in three."""
REPEATS = 3
LEAST_BINDING = 3
"""Suspicions of one promise that does not bind that are looked at again; more of them would tell nothing new."""
LEAST_BINDING_IN_ALL = 10
FEW = 4
"""Shorter lists move and move back too easily for a fleeting contradiction to mean anything."""

UNSURE = (BudgetExhausted, ListUnreadable, NotRecorded)
"""Why something cannot be looked at again."""

Look = Callable[[Snapshot, Snapshot], list[Breach]]
"""Judges one answer against the snapshot in front of it and the one behind it."""


class Subject(Context, Protocol):
    """The check whose suspicions are confirmed."""

    moved: bool
    snapshots: dict[str, Snapshot]
    reasons: Reasons

    @property
    def law(self) -> str: ...

    @property
    def account(self) -> str: ...

    @property
    def listing(self) -> Listing: ...

    def send(self, ask: Ask) -> Reply: ...

    def breach(self, breach: Breach) -> None: ...

    def convict(self, law: str, account: str, found: Sequence[Breach]) -> None: ...


@dataclass(slots=True)
class Suspicion:
    """A soft contradiction, and how to look again."""

    law: str
    account: str
    before: Snapshot
    look: Look
    """Judge the answer that was repeated against two snapshots."""
    again: Callable[[], Look]
    """Ask once more, and judge that answer."""
    breaches: list[Breach]
    steady: bool = False
    """It showed again."""
    enclosed: bool = False
    """A snapshot behind it was equal to the one in front."""
    times: int = 1
    """How often it showed, where it did not always show."""


class Confirmation:
    """The suspicions of one check, until each is a conviction or an excuse."""

    def __init__(self, check: Subject) -> None:
        self.check = check
        self.suspicions: list[Suspicion] = []
        self.waiting: list[Suspicion] = []
        """Those by which no binding promise is broken."""

    @property
    def wavers(self) -> bool:
        """Whether the list moved, or something was wrong and then right again."""
        return self.check.moved or any(not suspicion.steady for suspicion in self.suspicions)

    def settle(
        self, ask: Ask, looking: Callable[[Reply], Look], reply: Reply, before: Snapshot, *, alone: bool = True
    ) -> None:
        """Convict what is hard at once; look at the rest again, now where a promise is at stake that binds."""
        check = self.check
        look = looking(reply)
        found = look(before, before)
        for breach in found:
            if not breach.soft:
                check.breach(breach)
        if not soft(found):
            return

        def again() -> Look:
            return looking(check.send(ask))

        suspicion = Suspicion(check.law, check.account, before, look, again, soft(found))
        if alone and not check.options.fail_fast and not binds(suspicion):
            suspicion.steady = True  # As far as anybody has looked.
            self.waiting.append(suspicion)
            return
        try:
            self._look_again(suspicion, alone=alone)
        except BudgetExhausted:
            self._leave_open(suspicion, Lack.BUDGET, "the budget left no room to look again")
            raise
        except NotRecorded as reason:
            self._leave_open(suspicion, Lack.RECORDING, str(reason))
            raise
        except (SendingStopped, Unreachable) as reason:
            self._leave_open(suspicion, Lack.STOPPED, str(reason))
            raise

    def _look_again(self, suspicion: Suspicion, *, alone: bool) -> None:
        """Ask again at once, and keep the suspicion for the last snapshot."""
        check, before, again = self.check, suspicion.before, suspicion.again
        if check.moved:
            self._tightly(again, suspicion.look, before)
            return
        if alone:
            second = again()
            still = soft(second(before, before))
            if still:
                suspicion.look, suspicion.breaches, suspicion.steady = second, still, True
        if alone and not suspicion.steady:
            # What comes and goes may be the list that moved and moved back; a fault shows more than once.
            for _ in range(REPEATS):
                suspicion.times += bool(soft(again()(before, before)))
        self.suspicions.append(suspicion)
        if not any(other.enclosed and other.before.scope == before.scope for other in self.suspicions):
            # The first suspicion asks at once whether the list moves.
            after = check.refresh(before.scope)
            if check.moved:
                self.suspicions.remove(suspicion)
                if suspicion.look(before, after):
                    self._tightly(again, suspicion.look, before)
                return
            suspicion.enclosed = True
        if check.options.fail_fast:
            check.convict(suspicion.law, suspicion.account, suspicion.breaches)

    def _tightly(self, again: Callable[[], Look], look: Look, before: Snapshot) -> None:
        """Between two fresh snapshots, again and again: a coincidence does not last."""
        latest = self.check.snapshots[before.scope]
        after = latest if latest is not before else self.check.refresh(before.scope)
        found = soft(look(before, after))
        for _ in range(confirmations(before)):
            if not found:
                return
            one = self.check.refresh(before.scope)
            look = again()
            two = self.check.refresh(before.scope)
            found = soft(look(one, two))
        if found:
            self.check.convict(self.check.law, self.check.account, found)

    def finish(self) -> None:
        """The last snapshot: what contradicts it as well is convicted, unless the list moved."""
        pending, self.suspicions = self.suspicions, []
        waiting, self.waiting = self.waiting, []
        finals: dict[str, Snapshot | None] = {}
        self._take_last(pending, finals)
        confirmed, ended = False, False
        fleeting = sum(suspicion.times for suspicion in pending if not suspicion.steady)
        for suspicion in sorted(pending, key=lambda suspicion: not suspicion.steady):
            final = finals[suspicion.before.scope]
            if not self.check.moved and (final is not None or suspicion.enclosed):
                if suspicion.steady and not confirmed:
                    confirmed = self._again(suspicion, final)
                    ended = ended or not confirmed
                # Where a mistake that stayed for a while has come to an end, what flickered may have been the same one.
                flickers = not suspicion.steady and not ended and fleeting > 1
                if confirmed or (flickers and len(suspicion.before.rows) >= FEW):
                    self.check.convict(suspicion.law, suspicion.account, suspicion.breaches)
                else:
                    self._excuse(suspicion, "what was seen once was not seen again")
            elif final is None:
                self._leave_open(suspicion, Lack.BUDGET, "the budget left no snapshot to convict by")
            elif still := self._lasting(suspicion, final):
                self.check.convict(suspicion.law, suspicion.account, still)
            else:
                self._excuse(suspicion, "the list moved while it was read")
        self._finish_waiting(waiting, finals)

    def _take_last(self, suspicions: Sequence[Suspicion], finals: dict[str, Snapshot | None]) -> None:
        """One last snapshot of every scope that is suspected; None where it could not be read."""
        for scope in dict.fromkeys(suspicion.before.scope for suspicion in suspicions):
            if scope not in finals:
                try:
                    finals[scope] = self.check.refresh(scope)
                except UNSURE:
                    finals[scope] = None

    def _finish_waiting(self, waiting: Sequence[Suspicion], finals: dict[str, Snapshot | None]) -> None:
        """What breaks no binding promise, now that all others had their turn: some of each promise are asked again."""
        looked: Counter[str] = Counter()
        chosen: list[Suspicion] = []
        for suspicion in waiting:
            law = suspicion.breaches[0].law or suspicion.law
            looked[law] += 1
            if looked[law] <= LEAST_BINDING and len(chosen) < LEAST_BINDING_IN_ALL:
                chosen.append(suspicion)
        self._take_last(chosen, finals)
        seen: list[Suspicion] = []
        for suspicion in chosen:
            final = finals[suspicion.before.scope]
            if final is None:
                self._leave_open(suspicion, Lack.BUDGET, "the budget left no snapshot to convict by")
                continue
            try:
                still = self._lasting(suspicion, final) if self.check.moved else self._shows(suspicion, final)
            except BudgetExhausted:
                self._leave_open(suspicion, Lack.BUDGET, "the budget left no room to look again")
                continue
            except NotRecorded as reason:
                self._leave_open(suspicion, Lack.RECORDING, str(reason))
                continue
            if still:
                self.check.convict(suspicion.law, suspicion.account, still)
            else:
                seen.append(suspicion)
        for suspicion in seen:
            flickers = any(each.times > 1 for each in seen)
            if not self.check.moved and flickers and len(suspicion.before.rows) >= FEW:
                self.check.convict(suspicion.law, suspicion.account, suspicion.breaches)
            else:
                self._excuse(suspicion, "what was seen once was not seen again")

    def _shows(self, suspicion: Suspicion, final: Snapshot) -> list[Breach]:
        """What is still wrong at the end of a list that stood still; how often it shows where it comes and goes."""
        found = soft(suspicion.again()(final, final))
        if found:
            return found
        for _ in range(REPEATS):
            suspicion.times += bool(soft(suspicion.again()(final, final)))
        return []

    def _lasting(self, suspicion: Suspicion, final: Snapshot) -> list[Breach]:
        """What still contradicts the list between fresh snapshots, though it moves."""
        still = soft(suspicion.look(suspicion.before, final))
        before = final
        try:
            for _ in range(confirmations(before)):
                if not still or not suspicion.steady:
                    return []
                before = self.check.refresh(before.scope)
                look = suspicion.again()
                after = self.check.refresh(before.scope)
                still = soft(look(before, after))
                before = after
        except UNSURE:
            return []
        return still

    def _again(self, suspicion: Suspicion, final: Snapshot | None) -> bool:
        """Whether the answer is still wrong at the end of the run; without a budget the first look counts."""
        if final is None:
            return True
        try:
            found = soft(suspicion.again()(final, final))
            if found and len(final.asks) == 1:
                self.check.refresh(final.scope)
        except UNSURE:
            return True
        return not self.check.moved and bool(self._about(found) & self._about(suspicion.breaches))

    def _about(self, breaches: Sequence[Breach]) -> set[str]:
        """The rows that breaches name, or their sentences where they name none. An order is wrong as a whole, whichever
        rows show it."""
        identity = self.check.listing.identity
        named = [(each.law, each.sentence, row) for each in breaches for row in each.rows or ({},)]
        return {law if law == "rows.order" else str(row.get(identity, sentence)) for law, sentence, row in named}

    def _excuse(self, suspicion: Suspicion, reason: str) -> None:
        self.check.reasons.say(suspicion.law, Lack.MOVED, reason)

    def _leave_open(self, suspicion: Suspicion, lack: Lack, reason: str) -> None:
        for breach in suspicion.breaches:
            self.check.reasons.leave_open(breach.law or suspicion.law, breach.tier, lack, reason)


def binds(suspicion: Suspicion) -> bool:
    """Whether a promise is at stake by which a run may fail."""
    return any(breach.tier is Tier.MUST for breach in suspicion.breaches)


def confirmations(before: Snapshot) -> int:
    """How often a contradiction must show between fresh snapshots of a list that moves."""
    return MANY_CONFIRMATIONS if len(before.rows) < FEW else CONFIRMATIONS


def soft(breaches: Sequence[Breach]) -> list[Breach]:
    """The contradictions that need the snapshots to be believed."""
    return [breach for breach in breaches if breach.soft]
