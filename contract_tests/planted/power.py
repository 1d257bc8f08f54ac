"""What a run was able to see: its requests, sent once more to every planted bug with the same rows in it.

A run on an account with three sandboxes finds little, however green it is. The figure says how little, and the
sentences beside it say which rows were missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from contract_tests.judging.session import Findings, Session
from contract_tests.outcome import Power, Row, RunRecord, Verdict
from contract_tests.planted import BUGS
from contract_tests.planted.backend import OUTSIDER, Handler, Rows, correct
from contract_tests.planted.bug import Bug
from contract_tests.planted.replay import Replay, same
from contract_tests.planted.witnesses import explain_unseen
from contract_tests.promises import BY_SLUG
from contract_tests.sending.ask import Ask, Reply

TOGETHER = "repeats.together"
"""The law that sends requests side by side; without it no race can show."""

Convict = Callable[[Bug, Handler], bool]
"""Whether the run would also have called this server broken."""


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


def of_record(record: RunRecord, convict: Convict | None = None) -> Power:
    """The power of a recorded run."""
    side_by_side = any(each.law == TOGETHER and each.verdict is Verdict.HOLDS for each in record.outcomes)
    return of(
        record.slug,
        [each.ask for each in record.replies],
        record.replies,
        tenants(record.slug, record.rows, record.other_rows),
        convict,
        side_by_side=side_by_side,
    )


def tenants(slug: str, rows: Mapping[str, Sequence[Row]], other: Sequence[Row] | None = None) -> Rows:
    """The rows of a run by tenant of the fake; an empty scope is the caller's own list."""
    home = BY_SLUG[slug].fake.home
    documents = {scope or home: list(own) for scope, own in rows.items()}
    return documents if other is None else {**documents, OUTSIDER: list(other)}


def of(
    slug: str,
    asks: Sequence[Ask],
    replies: Sequence[Reply],
    documents: Rows,
    convict: Convict | None = None,
    *,
    side_by_side: bool = True,
    bugs: Sequence[Bug] = BUGS,
) -> Power:
    """Which planted bugs of a provider would have shown in these requests, with these rows.

    A bug shows where its answer differs from that of the correct server. `convict`, if given, has the last word, since
    a difference that no law looks at is not caught."""
    run = Run(slug, tuple(asks), tuple(replies), documents, side_by_side)
    known = [each for each in bugs if each.slug == slug]
    unseen = [each for each in known if not run.shows(each, convict)]
    sentences = explain_unseen(slug, unseen, documents, asks)
    return Power(len(known) - len(unseen), len(known), sentences, tuple(each.name for each in unseen))


class Run:
    """A run's requests, and what the correct server with the same rows answers to them."""

    def __init__(
        self, slug: str, asks: tuple[Ask, ...], replies: tuple[Reply, ...], documents: Rows, side_by_side: bool
    ) -> None:
        self.slug = slug
        self.asks = asks
        self.documents = documents
        right = Replay(slug, correct(slug, documents))
        self.right = [right.send(ask, reply.body) for ask, reply in zip(asks, replies, strict=True)]
        self.recorded = [reply.body for reply in replies]
        self.beside = [*self._pairs()] if side_by_side else []

    def shows(self, bug: Bug, convict: Convict | None) -> bool:
        """Whether this bug gives itself away."""
        if not self.differs(bug):
            return False
        return convict is None or convict(bug, bug.handler(self.documents))

    def differs(self, bug: Bug) -> bool:
        wrong = Replay(self.slug, bug.handler(self.documents))
        for ask, recorded, right in zip(self.asks, self.recorded, self.right, strict=True):
            if not same(wrong.send(ask, recorded), right):
                return True
        if bug.family != "state":
            return False
        return any(
            not same(reply, right)
            for pair in self.beside
            for reply, right in zip(wrong.together([each.ask for each in pair]), pair, strict=True)
        )

    def _pairs(self) -> Iterator[list[Reply]]:
        """For every path, two requests with different answers, several times over."""
        found = [each for each in self.right if each.status == 200 and each.ask.credential == "token"]
        done: set[str] = set()
        for one, two in pairwise(found):
            path = one.ask.path
            if path == two.ask.path and path not in done and one.ask.query != two.ask.query and not same(one, two):
                done.add(path)
                yield [one, two] * 2
