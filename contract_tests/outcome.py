"""What a law says in the end, and what it gets to say it with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import Any, Protocol

from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.transport import Transport

Row = dict[str, Any]
"""A document as the deployment served it."""
Pairs = tuple[tuple[str, str], ...]
"""Names and texts of a query, in their order."""

MAX_EVIDENCE_ROWS = 5
MAX_EVIDENCE_ASKS = 4
MAX_OTHERS = 6
"""Further ways in which one law is broken that are told."""


class Tier(Enum):
    """How binding a promise is: on the page, implied (our specs mark it Assumed or Observed), or for information."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    INFO = "INFO"

    @property
    def rank(self) -> int:
        return ("INFO", "SHOULD", "MUST").index(self.value)


class Verdict(StrEnum):
    HOLDS = "holds"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"
    NOT_ASKED = "not_asked"
    """It needs an option that was not given."""
    NOT_APPLICABLE = "not_applicable"
    """It speaks of something that this provider or this deployment does not have."""
    ACCEPTED = "accepted"
    """Broken, and the caller of the check has accepted it."""
    KNOWN = "known"
    """Broken as the deployments of this provider are known to break it."""


class Lack(StrEnum):
    """What a law lacked that got no verdict."""

    OPTION = "option"
    """An option that was not given."""
    NATURE = "nature"
    """The provider, or this deployment, has nothing of the kind."""
    ROWS = "rows"
    """The account has no rows that could show it; what that costs is told by the power of the run."""
    PLAN = "plan"
    """The profile sends none of its probes."""
    MOVED = "moved"
    """What was seen did not last, or the list moved while it was read."""
    BUDGET = "budget"
    """The budget was used up before its turn, or before what it suspected could be confirmed."""
    STOPPED = "stopped"
    """The deployment wanted no more requests or went away, or somebody interrupted the run."""
    RECORDING = "recording"
    """The recording does not have its requests."""
    UNUSED = "unused"
    """An option was given, and could not be used."""

    @property
    def verdict(self) -> Verdict:
        """What is said of a law that lacked this."""
        return {Lack.OPTION: Verdict.NOT_ASKED, Lack.NATURE: Verdict.NOT_APPLICABLE}.get(self, Verdict.INCONCLUSIVE)

    @property
    def counts(self) -> bool:
        """Whether a run proves less than was asked of it where a binding law lacked this."""
        return self in CURES

    @property
    def cure(self) -> str:
        """What would help; empty where this run could not have done better."""
        return CURES.get(self, "")


CURES: Mapping[Lack, str] = {
    Lack.BUDGET: "--profile deep has more requests",
    Lack.STOPPED: "run it again, more slowly where the deployment limits requests (--rate 1/s)",
    Lack.UNUSED: "--profile deep reads and asks more",
}


class Since(StrEnum):
    """Whether an earlier report has the same."""

    NEW = "new"
    STILL = "still"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One way in which a law is broken, with the requests and rows that show it."""

    sentence: str
    tier: Tier = Tier.MUST
    asks: tuple[Ask, ...] = ()
    rows: tuple[Row, ...] = ()
    fields: tuple[str, ...] = ()
    """The fields of these rows that are in question."""
    alike: tuple[Ask, ...] = ()
    """Further requests that show the same, one of each breach."""
    times: int = 1
    """How many breaches showed it, as far as they were kept."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One law's result. `sentence` says in plain words what is wrong, or why nothing could be said."""

    law: str
    verdict: Verdict
    tier: Tier = Tier.MUST
    sentence: str = ""
    asks: tuple[Ask, ...] = ()
    rows: tuple[Row, ...] = ()
    witness: str = ""
    page: str = ""
    """The reference page that says so; nothing where none does."""
    source: str = ""
    """What says so of every API, where that is no page."""
    promise: str = ""
    layer: str = "laws"
    """`laws`, `oracle` or `conformance`."""
    lack: Lack | None = None
    """What it lacked, where it got no verdict."""

    @property
    def is_missing(self) -> bool:
        """Whether the run owes this verdict: a binding promise, which was to be asked and could have been."""
        return self.tier is Tier.MUST and self.lack is not None and self.lack.counts

    fields: tuple[str, ...] = ()
    """The fields of the rows that are in question."""
    alike: tuple[Ask, ...] = ()
    times: int = 1
    others: tuple[Evidence, ...] = ()
    """The other ways in which the law is broken, none of which reads like another."""
    untold: int = 0
    """How many more of them there are."""
    seconds: float = 0.0
    """Spent on the requests of this law."""
    since: Since | None = None
    """Whether it was broken in every one of these ways before; None where there is no baseline."""

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Every way in which the law is broken, the worst first; nothing where it is not."""
        if self.verdict not in (Verdict.BROKEN, Verdict.ACCEPTED, Verdict.KNOWN):
            return ()
        own = Evidence(self.sentence, self.tier, self.asks, self.rows, self.fields, self.alike, self.times)
        capped = (
            other if other.tier.rank <= self.tier.rank else replace(other, tier=self.tier) for other in self.others
        )
        return (own, *capped)


def holds(law: str, witness: str = "", **more: Any) -> Outcome:
    return Outcome(law, Verdict.HOLDS, witness=witness, **more)


def broken(law: str, sentence: str, asks: tuple[Ask, ...] = (), rows: tuple[Row, ...] = (), **more: Any) -> Outcome:
    return Outcome(
        law,
        Verdict.BROKEN,
        sentence=sentence,
        asks=asks[:MAX_EVIDENCE_ASKS],
        rows=rows[:MAX_EVIDENCE_ROWS],
        **more,
    )


def inconclusive(law: str, reason: str, lack: Lack = Lack.ROWS, **more: Any) -> Outcome:
    return Outcome(law, lack.verdict, sentence=reason, lack=lack, **more)


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller of a check decided. The tokens themselves are known to the transport only."""

    orgs: tuple[str, ...] = ()
    """Dreadnode: the org, and a second one that the same caller may read. Prime: teams of the caller."""
    has_other: bool = False
    """A second credential was given; it belongs to a caller who shares nothing with the first."""
    has_colleague: bool = False
    """Another credential was given, of a caller in the same org or team who is not its admin and has own sandboxes."""
    known: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    """The names of headers that every request carries."""
    seed: int = 0
    profile: str = "default"
    strict: bool = False
    fail_fast: bool = False
    """Stop at the first broken promise; replays against planted bugs need no more."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a power figure is worked out from: which probe was answered what, and the rows that were seen, per scope
    (org or team; "" is the caller's own list)."""

    slug: str
    options: Options
    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    other_rows: tuple[Row, ...] | None = None
    sent: tuple[Sent, ...] = ()
    judged: frozenset[str] = frozenset()
    """The accounts, `law:probe`, that came to their own end."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The answers to requests that one account, `law:probe`, sent at the same time; mostly it is one."""

    account: str
    replies: tuple[Reply, ...]


NORMAL = 1.96
"""How many standard deviations leave 95 % between them."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many of so many bugs a run would catch that chose none of its probes. `caught` is a sum of shares."""

    caught: float
    total: int

    @property
    def share(self) -> float:
        return self.caught / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of Wilson for the share, at 95 %."""
        if not self.total:
            return 0.0, 1.0
        spread = NORMAL**2 / self.total
        middle = (self.share + spread / 2) / (1 + spread)
        half = math.sqrt(spread * (self.share * (1 - self.share) + spread / 4)) / (1 + spread)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Power:
    """How many of the known bugs a run would have caught, and in sentences what it lacked for the others."""

    caught: int
    total: int
    unseen: tuple[str, ...]
    names: tuple[str, ...] = ()
    """The bugs that it would not have caught."""
    unplanned: Estimate | None = None
    """Of bugs that chose none of the probes; without a calibration there is none."""

    @property
    def estimate(self) -> Estimate:
        """What the run proves: by bugs that chose none of its probes, where they were measured."""
        return self.unplanned or Estimate(self.caught, self.total)

    @property
    def sentence(self) -> str:
        """What the run would have caught, as a sentence without its subject. Shares are cut, never rounded up."""
        low, high = self.estimate.interval
        interval = f"95 % interval {math.floor(100 * low)} to {math.ceil(100 * high)} %"
        known = f"{self.caught} of {self.total} known fault types"
        if self.unplanned is None:
            return f"would have caught {known} ({interval})"
        share = f"{math.floor(100 * self.unplanned.share)} % of faults that chose none of its probes"
        return f"would have caught an estimated {share} ({interval}), and {known}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole listing, read once without filters. `complete` is true only where the answers themselves tell that no
    row is left; where they leave it open, `doubt` says why."""

    scope: str
    rows: tuple[Row, ...]
    complete: bool
    asks: tuple[Ask, ...]
    number: int
    """How many requests had been sent when it had been read."""
    doubt: str = ""
    """Why nobody can tell whether rows are left, in one sentence; empty where that is known, or known to be so."""


class ListUnreadable(Exception):
    """The unfiltered list itself is not a listing; there is nothing to hold answers against."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"the unfiltered list was answered with {reply.status}")
        self.reply = reply


class Context(Protocol):
    """What laws and the oracle work with. Every request goes through `transport`, which records and counts it."""

    options: Options

    @property
    def slug(self) -> str: ...

    @property
    def transport(self) -> Transport: ...

    @property
    def scopes(self) -> tuple[str, ...]:
        """The lists this caller may read: orgs, or "" and teams, or only ""."""
        ...

    @property
    def remaining(self) -> int:
        """Requests that may still be sent by the layer that is running."""
        ...

    def snapshot(self, scope: str | None = None) -> Snapshot:
        """The newest snapshot of a scope (by default the first one); reads it if there is none yet."""
        ...

    def refresh(self, scope: str | None = None) -> Snapshot:
        """A new snapshot; costs one request, or one per 100 rows where the provider pages by cursor."""
        ...

    def knows(self, parameter: str) -> bool:
        """Whether the deployment knows a parameter; costs one request where its page does not have it."""
        ...

    def path(self, scope: str | None = None) -> str:
        """The path of the listing in that scope (the org is part of Dreadnode's path)."""
        ...

    def filters(self, scope: str | None = None) -> Pairs:
        """The query that selects the scope (Prime's `team_id`), to be sent in front of any other filter."""
        ...
