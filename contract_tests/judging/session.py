"""One run against one deployment: what its layers share, and what each of them has to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

from contract_tests.judging.check import Check
from contract_tests.judging.lacking import find_unused
from contract_tests.judging.law import Law
from contract_tests.judging.ledger import Ledger
from contract_tests.judging.probes import Plan
from contract_tests.judging.target import Target
from contract_tests.outcome import Lack, Options, Outcome, Power, RunRecord, Sent
from contract_tests.sending.ask import Reply
from contract_tests.sending.recorder import Recorder
from contract_tests.sending.tape import Tape
from contract_tests.sending.transport import Transport

SHARING = ("laws", "oracle")
SHARED_ACCOUNT = " and ".join(SHARING)
"""What the requests of the layers are booked on that work on the run's own check, within one budget."""

Progress = Callable[[str, int, str], None]
"""Called with a layer's name, the requests that were sent so far, and the law that is exercised, if it is one."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests may be sent; None is as many as they like."""

    laws: int | None
    shared: int | None
    """By laws and oracle together."""


BUDGETS: Mapping[str, Budget] = {
    "polite": Budget(25, 25),
    "default": Budget(102, 120),
    "deep": Budget(600, 800),
    "matrix": Budget(None, None),
}
"""By profile, for one token."""


FURTHER: Mapping[str, int] = {"default": 20, "deep": 60}
"""By profile: how many more requests each further credential is worth. The polite one keeps to its 25."""


def budget_of(options: Options) -> Budget:
    """What a run with these options may send."""
    known = BUDGETS[options.profile]
    if known.laws is None or known.shared is None:
        return known
    more = FURTHER.get(options.profile, 0) * (options.has_other + options.has_colleague)
    return Budget(known.laws + more, known.shared + more)


class CouldNotCheck(Exception):
    """Nothing can be judged; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a layer has to say."""

    outcomes: tuple[Outcome, ...] = ()
    power: Power | None = None


class Layer(Protocol):
    """One way to look at a deployment."""

    @property
    def name(self) -> str: ...

    @property
    def account(self) -> str:
        """What its requests are booked on: `SHARED_ACCOUNT`, its own name, or nothing where it sends none."""
        ...

    def run(self, session: Session) -> Findings:
        """Look, as far as the budget goes. It may end early with any exception of sending; what the session holds by
        then is reported."""
        ...


@dataclass
class Session:
    """What the layers of one run share: the deployment, the check of the laws, and what was found so far."""

    target: Target
    transport: Transport
    options: Options
    laws: tuple[Law, ...] = ()
    plan: Plan | None = None
    """The probes that the laws send; None for all."""
    progress: Progress | None = None
    ledger: Ledger = field(default_factory=Ledger)
    """What is known to be broken, and does not count."""
    tape: Tape = field(default_factory=Tape)
    """Everything that is asked and answered."""

    check: Check = field(init=False)
    """What laws and oracle work with."""
    beside: Check | None = field(default=None, init=False)
    """What a layer works with whose answers the laws do not watch."""
    stage: str = field(default="", init=False)
    complete: bool = field(default=False, init=False)
    """Whether the laws came to their end, so that others may build on what they saw."""
    found: list[Outcome] = field(default_factory=list, init=False)
    """By the layers behind the laws."""
    power: Power | None = field(default=None, init=False)
    notes: list[str] = field(default_factory=list, init=False)
    cut_short: str = field(default="", init=False)
    """Why the run ended before its end, if it did."""
    abandoned: str = field(default="", init=False)
    """Why it ended there, where the deployment had no part in that."""
    requests: dict[str, int] = field(default_factory=dict, init=False)
    """By account."""

    def __post_init__(self) -> None:
        self.check = Check(self.target, self._recorder(), self.options, self.plan, self.ledger)

    def _recorder(self) -> Recorder:
        return Recorder(self.transport, self._tell, self.tape)

    def _tell(self, sent: int) -> None:
        if self.progress is not None:
            self.progress(self.stage, sent, self.check.law)

    @property
    def budget(self) -> Budget:
        return budget_of(self.options)

    @property
    def answered(self) -> bool:
        """Whether the API has answered any request of laws and oracle."""
        return any(reply.status == 200 and not reply.is_html for reply in self.check.transport.replies)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What the laws and the layers behind them have to say."""
        return (*(self.check.outcome(law) for law in self.laws), *self.found)

    @property
    def replies(self) -> list[Reply]:
        """All answers, whatever layer asked."""
        return [*self.check.transport.replies, *(self.beside.transport.replies if self.beside else ())]

    @property
    def record(self) -> RunRecord:
        """What a power figure is worked out from."""
        other = self.check.callers.get("other")
        theirs = None if other is None else other.snapshots.get("")
        return RunRecord(
            self.target.slug,
            self.options,
            {scope: snapshot.rows for scope, snapshot in self.check.snapshots.items()},
            None if theirs is None else theirs.rows,
            tuple(self._sent()),
            self._judged(),
        )

    def _sent(self) -> Iterator[Sent]:
        """What laws and oracle were answered. What the oracle asks between two laws is booked on the oracle."""
        shared = [each for each in self.tape.exchanges if each.layer in SHARING and each.reply is not None]
        for _, together in groupby(shared, lambda each: (id(each.started), each.law, each.probe)):
            exchanges = [*together]
            first = exchanges[0]
            account = f"{first.law or ('' if first.layer == SHARING[0] else first.layer)}:{first.probe}"
            yield Sent(account, tuple(each.reply for each in exchanges if each.reply is not None))

    def _judged(self) -> frozenset[str]:
        """The probes that came to their own end, of laws that left no suspicion open. Outside of all probes the empty
        name stands for the requests of a law, or for those of no law."""
        reasons = self.check.reasons
        ended = {*reasons.judged, *(f"{law}:" for law in reasons.exercised), *([":"] if self.complete else [])}
        return frozenset(each for each in ended if each.partition(":")[0] not in reasons.open_laws)

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what a layer behind the laws has found; what is known does not count."""
        replies = self.replies
        self.found += [self.ledger.settle(outcome, replies) for outcome in outcomes]

    def enter(self, stage: str) -> None:
        """From now on, requests belong to this layer."""
        self.stage = self.tape.layer = stage
        self._tell(self.transport.sent)

    def check_beside(self) -> Check:
        """A check of its own for a layer that sends much: it knows the snapshots, and has no part in the laws."""
        self.beside = Check(self.target, self._recorder(), self.options, ledger=self.ledger)
        self.beside.snapshots = self.check.snapshots
        return self.beside

    def cut(self, reason: str) -> None:
        """Note why the run has ended before its end."""
        self.notes.append(reason)
        self.cut_short = reason
        self.check.reasons.ended = Lack.STOPPED, reason

    @property
    def unused(self) -> tuple[str, ...]:
        """The options that were given and led to no request, each in one sentence. Of a recording there are none, since
        nothing can be asked of it but what it has."""
        if self.check.transport.is_recording:
            return ()
        asks = [reply.ask for reply in self.check.transport.replies]
        return tuple(find_unused(self.target.promises, self.options, self.check.scopes, asks))

    def abandon(self, reason: str) -> None:
        """Note why the run has ended, which says nothing about the deployment."""
        self.cut(reason)
        self.abandoned = reason

    def book(self, account: str, requests: int) -> None:
        if account:
            self.requests[account] = self.requests.get(account, 0) + requests
