"""The run of the laws against one deployment: it asks, reads snapshots, judges, and keeps what was found by law."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from contract_tests.judging import comparison, counts, judge, snapshots
from contract_tests.judging.confirmation import Confirmation, Look
from contract_tests.judging.evidence import Kinds
from contract_tests.judging.judge import FIRST_PAGE, Breach, Place, Question
from contract_tests.judging.known import Known, NotAsked
from contract_tests.judging.lacking import Inconclusive, Reasons, lack_of
from contract_tests.judging.law import Law
from contract_tests.judging.ledger import Ledger
from contract_tests.judging.probes import Probes
from contract_tests.judging.results import outcome_of
from contract_tests.judging.target import Target
from contract_tests.judging.validation import Validator
from contract_tests.outcome import Lack, ListUnreadable, Options, Outcome, Pairs, Row, Snapshot, Tier
from contract_tests.promises.common import SERVED
from contract_tests.promises.form import Listing, Promises
from contract_tests.promises.paging import Body
from contract_tests.promises.statements import Statement, weakest
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.recorder import Recorder
from contract_tests.sending.transport import NotRecorded, SendingStopped

NO_5XX = "values.no_5xx"
"""The law that every repeated failure breaks, whichever layer met it."""
ORDER = "rows.order"


class StopEarly(Exception):
    """A promise is broken, and the caller wants to know no more."""


@dataclass(repr=False)
class Check:
    """What laws work with: see `outcome.Context` for the part that the oracle shares."""

    target: Target
    transport: Recorder
    options: Options
    plan: Probes | None = None
    """The probes that this profile sends; None for all."""
    ledger: Ledger = field(default_factory=Ledger)
    snapshots: dict[str, Snapshot] = field(default_factory=dict, init=False)
    moved: bool = field(default=False, init=False)
    breaches: dict[str, list[Breach]] = field(default_factory=dict, init=False)
    witnesses: dict[str, list[str]] = field(default_factory=dict, init=False)
    reasons: Reasons = field(default_factory=Reasons, init=False)
    answers: int = field(default=0, init=False)
    rows_seen: int = field(default=0, init=False)
    callers: dict[str, Check] = field(default_factory=dict, init=False)
    """The same run with the eyes of further callers, by credential."""
    _kinds: Kinds = field(default_factory=Kinds, init=False)
    _law: str = field(default="", init=False)
    _probe: str = field(default="", init=False)
    _validator: Validator = field(init=False)
    confirmation: Confirmation = field(init=False)
    _known: Known = field(init=False)

    def __post_init__(self) -> None:
        self._validator = Validator(self.target)
        self.confirmation = Confirmation(self)
        self._known = Known(self)
        self.transport.watch(self)

    # What the recorder asks and tells.

    @property
    def account(self) -> str:
        """The law and the probe that the next request is sent for."""
        return f"{self._law}:{self._probe}"

    @property
    def law(self) -> str:
        """The law that is exercised; nothing between two of them."""
        return self._law

    @contextmanager
    def exercising(self, law: str) -> Iterator[None]:
        """What is sent and found inside belongs to this law."""
        before, self._law = self._law, law
        try:
            yield
        finally:
            self._law = before

    @contextmanager
    def probing(self, probe: str) -> Iterator[bool]:
        """What is sent and found inside belongs to this probe of the law. The value is whether the profile has room
        for it; where it has none, nothing should be sent. It ends where the deployment lacks a parameter it needs."""
        before, self._probe = self._probe, probe
        try:
            yield self.wants(probe)
            self.reasons.judged.add(self.account)
        except NotAsked as reason:
            self.inconclusive(str(reason), Lack.NATURE)
        finally:
            self._probe = before

    def failing(self, sentence: str, asks: Sequence[Ask]) -> None:
        """The server failed these requests twice: a broken promise, whichever law asked."""
        self.breach(Breach(sentence, tuple(asks), by=SERVED, law=NO_5XX))

    # What is checked.

    @property
    def slug(self) -> str:
        return self.target.slug

    @property
    def listing(self) -> Listing:
        return self.target.listing

    @property
    def promises(self) -> Promises:
        return self.target.promises

    @property
    def scopes(self) -> tuple[str, ...]:
        return self.promises.scopes.of(self.options)

    @property
    def home(self) -> str:
        return self.scopes[0]

    @property
    def remaining(self) -> int:
        return 10**6 if (limit := self.transport.limit) is None else max(0, limit - self.transport.sent)

    def path(self, scope: str | None = None) -> str:
        return self.promises.path(self.home if scope is None else scope)

    def filters(self, scope: str | None = None) -> Pairs:
        return self.promises.scopes.query(self.home if scope is None else scope)

    # Snapshots.

    def snapshot(self, scope: str | None = None) -> Snapshot:
        scope = self.home if scope is None else scope
        return self.snapshots.get(scope) or self.refresh(scope)

    def refresh(self, scope: str | None = None) -> Snapshot:
        scope = self.home if scope is None else scope
        snapshot = self.read(scope)
        previous = self.snapshots.get(scope)
        if previous is not None and previous.rows != snapshot.rows:
            self.moved = True
        self.snapshots[scope] = snapshot
        return snapshot

    def read(self, scope: str) -> Snapshot:
        return snapshots.read(self, scope, "token")

    # Questions.

    def knows(self, parameter: str) -> bool:
        """Whether the deployment knows a parameter; what its page does not have is asked for once."""
        return self._known.knows(parameter)

    def some(self, rows: int) -> int | None:
        """The size of a small page for a law that is not about pages: the whole list, where no page knows sizes."""
        return rows if self.listing.paging.statement.quote else None

    def question(
        self,
        filters: Pairs = (),
        *,
        size: int | None = None,
        place: Place = FIRST_PAGE,
        scope: str | None = None,
        by: Statement | None = None,
        sent: Pairs | None = None,
    ) -> Question:
        """A question to the listing, by GET and with the first token; `Question.asked` varies how it is sent. `sent`
        replaces the filters on the wire: another spelling of the same meaning. `by` says what states the answer, where
        that is not what is said of the parameters."""
        scope = self.home if scope is None else scope
        paging, base = self.listing.paging, self.filters(scope)
        page = paging.query(size=size, number=place.number, offset=place.offset or 0, cursor=place.cursor)
        shown, start = paging.window(size, place.number, place.offset)
        pairs = (*base, *(filters if sent is None else sent), *page)
        by = by or weakest(map(self.listing.statement_of, ((*base, *filters), pairs)), self.listing.statement)
        ask = Ask(self.path(scope), pairs)
        return Question(ask, scope, (*base, *filters), shown, start, place.number, by, place.anchor, place.shown)

    def wants(self, probe: str) -> bool:
        """Whether this profile sends the probe of the law that is running."""
        return self.plan is None or self.plan.wants(self._law, probe)

    def wants_some(self) -> bool:
        """Whether this profile sends any probe of the law that is running."""
        return self.plan is None or self.plan.wants_some(self._law)

    def expect(self, probe: str, question: Question, *, witness: str = "") -> Body | None:
        """Ask, and hold the answer against the snapshot. None where the profile leaves the probe out or the answer
        is not a listing."""
        if not self.wants(probe):
            return None
        before, body = self.snapshot(question.scope), None
        with self.probing(probe):
            body = self.hold(question, self.send(question.ask), before, witness=witness)
        return body

    def hold(
        self, question: Question, reply: Reply, before: Snapshot, *, witness: str = "", alone: bool = True
    ) -> Body | None:
        """Hold an answer that is there already against the snapshot, as part of the probe around it. One that did not
        travel alone is not asked again, since alone it would be right."""
        body = self.accept(question, reply)
        if body is None and not self._may_be_behind(question, reply):
            return None

        def looking(answer: Reply) -> Look:
            taken = body if answer is reply else self.listing.body_of(answer)
            return lambda one, two: comparison.against_snapshots(self.listing, question, answer, taken, one, two)

        self.confirmation.settle(question.ask, looking, reply, before, alone=alone)
        if witness and body is not None:
            self.witness(witness)
        elif body is not None:
            self._selects(question, before)
        return body

    def counts(self, probe: str, question: Question) -> Mapping[str, Any] | None:
        """Ask for the facets of a filter, and hold them against the snapshot of the list."""
        if not self.wants(probe):
            return None
        before, counted = self.snapshot(question.scope), None
        with self.probing(probe):
            counted = self.hold_counts(question, self.send(question.ask), before)
        return counted

    def hold_counts(
        self, question: Question, reply: Reply, before: Snapshot, *, alone: bool = True
    ) -> Mapping[str, Any] | None:
        """Hold facets that are there already against the snapshot, as part of the probe around them."""
        value = self.json(reply)
        listing = self.listing
        if not self._is_200(question.ask, reply, counts.counting(listing, question)) or not isinstance(value, dict):
            return None
        assert listing.facets is not None
        for breach in counts.facets_contradictions(listing.facets, question, value):
            self.breach(breach)

        def looking(answer: Reply) -> Look:
            counted = listing.around(answer).envelope
            return lambda one, two: counts.facets_against(listing, question, counted, one, two)

        self.confirmation.settle(question.ask, looking, reply, before, alone=alone)
        self._selects(question, before)
        return value

    # Answers.

    def send(self, ask: Ask) -> Reply:
        """Send, and look at the form of the answer. Raises NotAsked, which ends the probe around it."""
        self._known.require(ask)
        reply = self.transport.send(ask)
        self.conforms(reply)
        return reply

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        for ask in asks:
            self._known.require(ask)
        replies = self.transport.together(asks)
        for reply in replies:
            self.conforms(reply)
        return replies

    def accept(self, question: Question, reply: Reply) -> Body | None:
        """A 200 that is a listing, or a breach and None."""
        if question.whole:
            self.conforms(reply)  # Snapshots come straight from the transport.
        if self._may_be_behind(question, reply):
            return None  # Whoever has the snapshots can tell.
        if not self._is_200(question.ask, reply, judge.meaning(self.listing, question)):
            return None
        body = self.listing.body_of(reply)
        if body is None:
            self.breach(Breach("a 200 is not a listing", (question.ask,), by=self.listing.form, law="schema.body"))
            return None
        self.rows_seen += len(body.rows)
        found = judge.self_contradictions(self.listing, question, body)
        for breach in (*found, *self._validator.rows(question.ask, body.rows)):
            self.breach(breach)
        return body

    def _is_200(self, ask: Ask, reply: Reply, by: Statement) -> bool:
        if reply.status == 200:
            return True
        if reply.status == judge.LIMITED:
            raise SendingStopped("the deployment limits requests; ask more slowly (--rate)")
        if self._may_be_closed(reply):
            self.inconclusive("the caller may not ask for another user's rows", Lack.NATURE)
        elif reply.status < 500:
            self.breach(Breach(judge.refused(reply.status), (ask,), by=by))
        return False

    def _may_be_closed(self, reply: Reply) -> bool:
        personal = self.snapshots[""].rows if "" in self.snapshots else ()
        return self.listing.may_be_refused(reply.ask.query, reply.status, personal)

    def _may_be_behind(self, question: Question, reply: Reply) -> bool:
        return judge.may_be_behind(question, reply.status) and not self._may_be_closed(reply)

    def json(self, reply: Reply) -> Any:
        """The body, or None where it is not strict JSON (which the schema law reports)."""
        try:
            return reply.json()
        except ValueError:
            return None

    def conforms(self, reply: Reply) -> None:
        """Look at the form of an answer."""
        self.answers += 1
        for breach in self._validator.reply(reply):
            self.breach(breach)

    # Results.

    def finish(self) -> None:
        """Confirm what is only suspected."""
        for caller in (self, *self.callers.values()):
            caller.confirmation.finish()

    def breach(self, breach: Breach) -> None:
        law, probe = breach.law or self._law, breach.probe or self.account
        if self.ledger.sets_aside(law, breach, self.transport.replies):
            return
        if self._kinds.admit(law, breach) or self.options.profile == "matrix":
            self.breaches.setdefault(law, []).append(replace(breach, law=law, probe=probe))
        counting = (Tier.MUST, Tier.SHOULD) if self.options.strict else (Tier.MUST,)
        if self.options.fail_fast and breach.tier in counting:
            raise StopEarly

    def convict(self, law: str, account: str, found: Sequence[Breach]) -> None:
        """Keep what was suspected on a law's account, and has been confirmed."""
        for breach in found:
            self.breach(replace(breach, law=breach.law or law, probe=account))

    def fail(
        self,
        sentence: str,
        *asks: Ask,
        rows: Sequence[Row] = (),
        by: Statement | None = None,
        tier: Tier = Tier.MUST,
        fields: Sequence[str] = (),
    ) -> None:
        """Say that the law is broken, in one sentence, with the requests that show it, and the fields of the rows that
        are in question; by default those that the sentence names. `by` is what they contradict; a law of a team's own,
        which no provider states, gives a tier instead."""
        self.breach(Breach(sentence, asks, tuple(rows), by or tier, fields=tuple(fields)))

    def witness(self, text: str) -> None:
        """Say what made the law bite."""
        self.witnesses.setdefault(self._law, []).append(text)

    def inconclusive(self, reason: str, lack: Lack = Lack.ROWS) -> None:
        """Say why the law could not be exercised in full, and what kind of reason that is: by default, the account has
        no rows that could show it."""
        self.reasons.say(self._law, lack, reason)

    def _selects(self, question: Question, before: Snapshot) -> None:
        matching = sum(map(self.listing.keeps(question.filters), before.rows))
        if 0 < matching < len(before.rows) or (not question.filters and before.rows):
            self.witness(f"{judge.show_filters(question.filters)}: {matching} of {len(before.rows)}")
        else:
            self.inconclusive(f"{judge.show_filters(question.filters)} selects {matching} of {len(before.rows)} rows")

    def run(self, law: Law) -> None:
        """Exercise one law; what it finds is kept under its name."""
        with self.exercising(law.name):
            self._exercise(law)

    def _exercise(self, law: Law) -> None:
        if not law.needs(self.promises):
            self.inconclusive("the provider promises nothing of the kind", Lack.NATURE)
            return
        try:
            law.run(self)
        except (Inconclusive, NotRecorded) as reason:
            self.inconclusive(str(reason), lack_of(reason))
        except ListUnreadable:
            pass  # The status and schema laws hold the reason.
        except (TypeError, AttributeError, KeyError, ValueError, IndexError):
            if not self.breaches.get("schema.body"):
                raise
            self.inconclusive("the rows have another form than the page shows")
        self.reasons.exercised.add(law.name)

    def outcome(self, law: Law) -> Outcome:
        """What was found under a law's name."""
        return outcome_of(self, law)
