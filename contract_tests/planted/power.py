"""What a run was able to see: its requests, sent once more to every planted bug with the same rows in it.

A run on an account with three sandboxes finds little, however green it is. The figure says how little, and the
sentences beside it say which rows were missing. A bug counts where it shows in the requests of a probe that is known to
convict it, and that this run sent and judged. How many mistakes nobody has thought of yet would show is estimated from
bugs that had no part in choosing the probes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from contract_tests.judging.session import Findings, Session
from contract_tests.outcome import Estimate, Power, Row, RunRecord, Sent
from contract_tests.planted import BUGS
from contract_tests.planted.backend import OUTSIDER, Rows, correct
from contract_tests.planted.bug import Bug
from contract_tests.planted.matrix import (
    CALIBRATION,
    OTHER_MAKE,
    PLANTED,
    Kills,
    is_plannable,
    name_of,
    read_matrix,
    read_shares,
)
from contract_tests.planted.replay import Replay, same
from contract_tests.planted.witnesses import explain_unseen
from contract_tests.promises import BY_SLUG
from contract_tests.sending.ask import Reply


@dataclass(frozen=True, slots=True)
class Weighing:
    """Layer 4: what the run was able to see. It sends nothing."""

    name: ClassVar[str] = "power"
    account: ClassVar[str] = ""

    def run(self, session: Session) -> Findings:
        if not any(bug.slug == session.target.slug for bug in BUGS):
            session.notes.append("no faults are known of this provider, so what the run would have caught is not told")
            return Findings()
        return Findings(power=of_record(session.record))


@dataclass(frozen=True, slots=True)
class Measured:
    """What commands have measured of one provider and profile: see `matrix`."""

    planted: Kills
    other_make: Kills = field(default_factory=dict)
    held_out: Mapping[str, float] = field(default_factory=dict)
    """By planted bug that only planned probes convict: in how many plans that were made without it one of them is. A
    bug that is missing has chosen nothing."""


def measured(slug: str, profile: str) -> Measured:
    """The committed figures."""
    shares = read_shares(CALIBRATION).get((profile, slug), {})
    return Measured(read_matrix(PLANTED).get(slug, {}), read_matrix(OTHER_MAKE).get(slug, {}), shares)


def of_record(record: RunRecord) -> Power:
    """The power of a recorded run."""
    documents = tenants(record.slug, record.rows, record.other_rows)
    return of(record.slug, record.sent, record.judged, documents, measured(record.slug, record.options.profile))


def tenants(slug: str, rows: Mapping[str, Sequence[Row]], other: Sequence[Row] | None = None) -> Rows:
    """The rows of a run by tenant of the fake; an empty scope is the caller's own list."""
    home = BY_SLUG[slug].fake.home
    documents = {scope or home: list(own) for scope, own in rows.items()}
    return documents if other is None else {**documents, OUTSIDER: list(other)}


def of(
    slug: str,
    sent: Sequence[Sent],
    judged: frozenset[str],
    documents: Rows,
    known: Measured,
    bugs: Sequence[Bug] = BUGS,
) -> Power:
    """Which planted bugs of a provider would have been caught by these requests, with these rows. `judged` are the
    accounts whose answers were looked at to the end."""
    run = Run(slug, sent, judged, documents)
    telling = judged & {each.account for each in sent}
    own = [each for each in bugs if each.slug == slug]
    weights = [run.weigh(each, known) for each in own]
    unseen = [each for each, weight in zip(own, weights, strict=True) if weight is None]
    asks = [reply.ask for each in sent for reply in each.replies]
    sentences = explain_unseen(slug, unseen, documents, asks)
    reached = sum(not telling.isdisjoint(known.planted.get(name_of(each), ())) for each in own)
    others = sum(not telling.isdisjoint(probes) for probes in known.other_make.values())
    # The other make is not at hand; how far these rows show a bug whose probe was sent is known from the planted ones.
    shown = (len(own) - len(unseen)) / reached if reached else 0.0
    unplanned = sum(weight for weight in weights if weight is not None)
    estimate = Estimate(unplanned + others * shown, len(own) + len(known.other_make))
    return Power(len(own) - len(unseen), len(own), sentences, tuple(each.name for each in unseen), estimate)


class Run:
    """A run's requests, and what the correct server with the same rows answers to them."""

    def __init__(self, slug: str, sent: Sequence[Sent], judged: frozenset[str], documents: Rows) -> None:
        self.slug = slug
        self.sent = sent
        self.judged = judged
        self.documents = documents
        right = Replay(slug, correct(slug, documents))
        self.right = [replay(right, each) for each in sent]

    def weigh(self, bug: Bug, known: Measured) -> float | None:
        """None for a bug that this run would not have caught, 1 for one that it would have without a plan, and for the
        others the share of plans made without them that catch them."""
        name = name_of(bug)
        convicting = known.planted.get(name, frozenset()) & self.judged
        share = known.held_out.get(name, 1.0)
        weight = None
        for account in self.telling(bug, convicting):
            if share == 1.0 or not is_plannable(account):
                return 1.0
            weight = share
        return weight

    def telling(self, bug: Bug, convicting: Iterable[str]) -> Iterator[str]:
        """The convicting accounts in whose answers the bug shows; where it shows in the list that all of them are held
        against, they all do."""
        if not convicting:
            return
        wrong = Replay(self.slug, bug.handler(self.documents))
        for each, right in zip(self.sent, self.right, strict=True):
            differs = any(not same(theirs, reply) for theirs, reply in zip(replay(wrong, each), right, strict=True))
            if not differs:
                continue
            if each.account in convicting:
                yield each.account
            elif not each.account.partition(":")[2] and each.account in self.judged:
                yield from convicting


def replay(server: Replay, sent: Sent) -> list[Reply]:
    """What a server answers to requests that were sent together, or to one."""
    if len(sent.replies) > 1:
        return server.together([reply.ask for reply in sent.replies])
    return [server.send(reply.ask, reply.body) for reply in sent.replies]
