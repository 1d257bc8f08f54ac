"""Layer 3: the fake as oracle. The deployment's own rows go into our fake, and both are asked the same.

The questions are planned for what these rows can reveal: the next one is the one that tells most of the planted bugs,
which hold the same rows, from the correct server; then come random ones. Two requests contradict each other in every
finding: the unfiltered list, and a question that asks for no more than it must.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from contract_tests.judging.judge import fields_of
from contract_tests.judging.session import SHARED_ACCOUNT, Findings, Session
from contract_tests.oracle.asking import put
from contract_tests.oracle.differences import agrees, differences
from contract_tests.oracle.planning import UNFIT, Servers, plan
from contract_tests.oracle.sides import Difference, Side
from contract_tests.outcome import Context, Lack, Outcome, Tier, broken, holds, inconclusive
from contract_tests.promises import BY_SLUG
from contract_tests.promises.form import Promises
from contract_tests.promises.questions import OracleQuestion
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.transport import BudgetExhausted, NotRecorded, SendingStopped, Unreachable

LAYER = "oracle"
PROMISE = "Loaded with this deployment's own rows, our fake answers the same question alike."
BUDGET = {"polite": 10, "default": 25, "deep": 120}
"""Requests for questions, by profile."""
EVIDENCE = 40
"""Requests that may be spent on proving and simplifying what was found."""
LOOKS = 1
LOOKS_WHILE_MOVING = 3
"""Further looks at a difference; a row that changes and changes back in time deceives one look, hardly three."""
MAX_FINDINGS = 3
MAX_SIMPLER = 8
TOPICS = ("filters", "pages", "facets", "refusals")


@dataclass(slots=True)
class Tally:
    """What was asked about one topic."""

    asked: int = 0
    witnesses: int = 0
    undecided: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """A proven difference: the simplest question that shows it."""

    query: OracleQuestion
    asks: tuple[Ask, ...]
    difference: Difference


@dataclass
class Oracle:
    """One comparison of a deployment with the fake."""

    context: Context
    side: Side
    left: int
    tallies: dict[str, Tally] = field(default_factory=lambda: {topic: Tally() for topic in TOPICS})
    findings: list[Finding] = field(default_factory=list)
    evidence: int = EVIDENCE
    stopped: str = ""
    moved: bool = False
    waiting: list[OracleQuestion] = field(default_factory=list)
    """Those that differed in nothing that binds."""
    unrecorded: int = 0
    """Questions that a recording does not have."""

    @property
    def promises(self) -> Promises:
        return self.side.promises

    def ask(self, query: OracleQuestion) -> list[Reply]:
        return put(query, self.promises, self.context.transport.send)

    def ask_twin(self, query: OracleQuestion, side: Side) -> list[Reply]:
        return put(query, self.promises, side.twin.send)

    def differs(self, query: OracleQuestion, replies: list[Reply], before: Side, after: Side) -> list[Difference]:
        if agrees(self.promises, replies, self.ask_twin(query, before)):
            return []
        return differences(query, replies, before, after)

    def compare(self, query: OracleQuestion) -> None:
        """Ask once; what differs is looked at again before it counts."""
        expected = self.ask_twin(query, self.side)
        tally, started = self.tallies[self.topic(query, expected)], time.perf_counter()
        try:
            self._compare(query, expected, tally)
        finally:
            tally.seconds += time.perf_counter() - started

    def _compare(self, query: OracleQuestion, expected: Sequence[Reply], tally: Tally) -> None:
        sent = self.context.transport.sent
        replies = self.ask(query)
        self.left -= self.context.transport.sent - sent
        tally.asked += 1
        if agrees(self.promises, replies, expected):
            tally.witnesses += self.bites(query, expected)
            return
        found = differences(query, replies, self.side, self.side)
        if found and all(each.tier is not Tier.MUST for each in found):
            self.waiting.append(query)
            tally.undecided += 1
        else:
            self.prove(query, replies, tally)

    def prove(self, query: OracleQuestion, replies: list[Reply], tally: Tally) -> None:
        """Look at a difference again, and keep it where it stays."""
        sent = self.context.transport.sent
        finding = self.proven(query, replies)
        self.evidence -= self.context.transport.sent - sent
        if finding is None:
            tally.undecided += 1
        else:
            self.findings.append(finding)

    def prove_waiting(self) -> None:
        """The differences that break no binding promise, now that everything was asked."""
        for query in self.waiting:
            if self.is_finished or self.context.remaining < query.cost:
                break
            if not self.is_explained(query):
                tally = self.tallies[self.topic(query, self.ask_twin(query, self.side))]
                tally.undecided -= 1
                self.prove(query, self.ask(query), tally)

    def proven(self, query: OracleQuestion, replies: list[Reply]) -> Finding | None:
        """The difference, where every further look confirms it: one where nothing moves, more where something does."""
        before = self.side
        self.side = self.refresh(query.scope)
        found = {each.kind: each for each in differences(query, replies, before, self.side)}
        looks = 0
        while found and looks < (LOOKS_WHILE_MOVING if self.moved else LOOKS):
            looks += 1
            before, replies = self.side, self.ask(query)
            if self.moved or self.cost(query.scope) == 1:
                self.side = self.refresh(query.scope)
            again = {each.kind: each for each in differences(query, replies, before, self.side)}
            found = {kind: again[kind] for kind in found if kind in again}
        if not found:
            return None
        difference = max(found.values(), key=lambda each: each.tier.rank)
        if self.moved:
            return self.make_finding(query, replies, difference)
        return self.simplify(query, replies, difference)

    def simplify(self, query: OracleQuestion, replies: list[Reply], difference: Difference) -> Finding:
        """Leave out whatever the difference does not need."""
        tries = MAX_SIMPLER
        progress = True
        while progress:
            progress = False
            for simpler in query.simpler():
                if tries < simpler.cost or self.context.remaining < simpler.cost:
                    break
                tries -= simpler.cost
                answered = self.ask(simpler)
                found = self.differs(simpler, answered, self.side, self.side)
                binding = [each for each in found if each.tier.rank >= difference.tier.rank]
                if binding:
                    query, replies, difference, progress = simpler, answered, binding[0], True
                    break
        return self.make_finding(query, replies, difference)

    def make_finding(self, query: OracleQuestion, replies: list[Reply], difference: Difference) -> Finding:
        listing = self.side.snapshots[query.scope].asks[:1]
        return Finding(query, (*listing, *(reply.ask for reply in replies)), difference)

    def refresh(self, scope: str) -> Side:
        after = self.side.with_snapshot(self.context.refresh(scope))
        self.moved = self.moved or not self.side.same_rows(after)
        return after

    def cost(self, scope: str) -> int:
        """Requests that a snapshot of this scope takes."""
        return len(self.side.snapshots[scope].asks)

    def topic(self, query: OracleQuestion, expected: Sequence[Reply]) -> str:
        if expected[0].status != 200:
            return "refusals"
        if query.facets:
            return "facets"
        return "pages" if self.is_paged(query) else "filters"

    def is_paged(self, query: OracleQuestion) -> bool:
        return bool(query.names & self.promises.listing.paging.parameters)

    def bites(self, query: OracleQuestion, expected: Sequence[Reply]) -> bool:
        """Whether the question selects a proper part of the rows that is not empty, or is refused."""
        matching = self.side.twin.find_ids(expected[0].ask)
        if matching is None:
            return True
        rows = len(self.side.snapshots[query.scope].rows)
        return len(matching) > 0 and (len(matching) < rows or self.is_paged(query) or query.facets)

    def is_explained(self, query: OracleQuestion) -> bool:
        """Whether a finding already shows what this question would show."""
        return any(
            set(finding.query.pairs) <= set(query.pairs) and finding.query.facets == query.facets
            for finding in self.findings
        ) or any(
            finding.query.names and finding.query.names == query.names and finding.query.facets == query.facets
            for finding in self.findings
        )

    def run(self, planned: Sequence[OracleQuestion]) -> None:
        """Ask until the budget is used up."""
        try:
            for query in planned:
                if self.left < query.cost or self.context.remaining < query.cost:
                    continue
                if self.is_finished:
                    break
                if not all(map(self.context.knows, sorted(query.names))):
                    continue
                if self.findings and (self.context.options.fail_fast or self.is_explained(query)):
                    continue
                try:
                    self.compare(query)
                except NotRecorded:
                    self.unrecorded += 1
            self.prove_waiting()
        except (BudgetExhausted, NotRecorded):
            pass  # As many questions as there was room for, or as were recorded.
        except (SendingStopped, Unreachable) as error:
            self.stopped = str(error)

    @property
    def is_finished(self) -> bool:
        """Whether enough was found, or enough was spent on proving it."""
        return len(self.findings) >= MAX_FINDINGS or self.evidence <= 0

    def fields_of(self, query: OracleQuestion) -> tuple[str, ...]:
        """The fields of a row that decide whether and where a question shows it."""
        listing = self.promises.listing
        return (*fields_of(listing, query.pairs), listing.created)

    def outcomes(self) -> Iterator[Outcome]:
        common = {"layer": LAYER, "page": self.promises.listing.page, "promise": PROMISE}
        broken_topics = set()
        spent = {topic: tally.seconds for topic, tally in self.tallies.items()}
        for finding in self.findings:
            topic = self.topic(finding.query, self.ask_twin(finding.query, self.side))
            broken_topics.add(topic)
            yield broken(
                f"oracle.{topic}",
                finding.difference.sentence,
                asks=finding.asks,
                rows=finding.difference.rows,
                fields=finding.difference.fields or self.fields_of(finding.query),
                seconds=spent.pop(topic, 0.0),
                tier=finding.difference.by.tier,
                **{**common, **told_by(finding, self.promises)},
            )
        for topic, tally in self.tallies.items():
            if topic in broken_topics or (topic == "facets" and self.promises.facets is None):
                continue
            law = f"oracle.{topic}"
            moved = f"; {tally.undecided} more differed, which no certain row confirmed" if tally.undecided else ""
            if tally.witnesses:
                witness = f"{tally.asked} questions, {tally.witnesses} of them with something to find{moved}"
                yield holds(law, witness, seconds=tally.seconds, **common)
            else:
                none = f"none of {tally.asked} questions had anything to find{moved}"
                lack = Lack.STOPPED if self.stopped else Lack.ROWS if tally.asked else Lack.PLAN
                if self.unrecorded and not self.stopped:
                    none, lack = f"{none}; {self.unrecorded} were not recorded", Lack.RECORDING
                yield inconclusive(law, self.stopped or none, lack, seconds=tally.seconds, **common)


def told_by(finding: Finding, promises: Promises) -> dict[str, str]:
    """Who promised what a finding contradicts, as an outcome says it."""
    by, facets = finding.difference.by, promises.facets
    page = facets.page if facets is not None and finding.query.facets else promises.listing.page
    return {
        "page": page if by.quote else "",
        "source": by.origin(""),
        "promise": f"{PROMISE} {by.sentence}",
    }


@dataclass(frozen=True, slots=True)
class FakeAsOracle:
    """Layer 3. `servers` are what its questions are planned for."""

    servers: Servers
    name: ClassVar[str] = "oracle"
    account: ClassVar[str] = SHARED_ACCOUNT

    def run(self, session: Session) -> Findings:
        """Nothing, where the laws ended early or have seen the list move: both sides would not hold the same rows."""
        check = session.check
        if not session.complete or check.moved:
            return Findings()
        check.transport.limit = session.budget.shared
        return Findings(tuple(compare(check, self.servers)))


def compare(context: Context, servers: Servers) -> list[Outcome]:
    """Compare the deployment with the fake, as far as the budget goes."""
    snapshots = {scope: context.snapshot(scope) for scope in context.scopes}
    options = context.options
    budget = min(BUDGET.get(options.profile, BUDGET["default"]), context.remaining)
    try:
        oracle = Oracle(context, Side.of(BY_SLUG[context.slug], snapshots), budget)
        oracle.run(plan(context, snapshots, budget, servers))
        return [*oracle.outcomes()]
    except UNFIT:
        # Such rows break the schema, which is another layer's finding; a filter has no meaning for them.
        reason = "the rows do not have the documented types, so our fake cannot hold them"
        return [inconclusive("oracle.filters", reason, layer=LAYER, promise=PROMISE)]
