"""The run of the laws against one deployment: it asks, reads snapshots, judges, and keeps what was found by law."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from contract_tests.judging import counts, judge, snapshots
from contract_tests.judging.confirmation import Confirmation, Look
from contract_tests.judging.evidence import Kinds, find_two_orders, tell
from contract_tests.judging.judge import FIRST_PAGE, Breach, Place, Question
from contract_tests.judging.ledger import Ledger
from contract_tests.judging.probes import Probes
from contract_tests.judging.target import Target
from contract_tests.judging.validation import Validator
from contract_tests.outcome import ListUnreadable, Options, Outcome, Pairs, Row, Snapshot, Tier, Verdict
from contract_tests.promises.form import Listing, Needs, Promises, anything, page_of_listing
from contract_tests.promises.paging import Body
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.recorder import Recorder
from contract_tests.sending.transport import NotRecorded, SendingStopped

NO_5XX = "values.no_5xx"
"""The law that every repeated failure breaks, whichever layer met it."""
ORDER = "rows.order"

Run = Callable[["Check"], None]


@dataclass(frozen=True, slots=True)
class Law:
    """A promise under test. Its docstring says what is promised."""

    name: str
    run: Run
    tier: Tier
    page: Callable[[Promises], str] = page_of_listing
    needs: Needs = anything
    passive: bool = False
    """It sends nothing, and watches the answers to all that others send."""

    @property
    def promise(self) -> str:
        return " ".join((self.run.__doc__ or "").split())


class Inconclusive(Exception):
    """A law could not be exercised; the reason is one sentence."""


class StopEarly(Exception):
    """A promise is broken, and the caller wants to know no more."""


@dataclass
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
    reasons: dict[str, list[str]] = field(default_factory=dict, init=False)
    answers: int = field(default=0, init=False)
    rows_seen: int = field(default=0, init=False)
    other_snapshot: Snapshot | None = field(default=None, init=False)
    _kinds: Kinds = field(default_factory=Kinds, init=False)
    _law: str = field(default="", init=False)
    _probe: str = field(default="", init=False)
    _validator: Validator = field(init=False)
    _confirmation: Confirmation = field(init=False)

    def __post_init__(self) -> None:
        self._validator = Validator(self.target)
        self._confirmation = Confirmation(self)
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
        for it; where it has none, nothing should be sent."""
        before, self._probe = self._probe, probe
        try:
            yield self.wants(probe)
        finally:
            self._probe = before

    def failing(self, sentence: str, asks: Sequence[Ask]) -> None:
        """The server failed these requests twice: a broken promise, whichever law asked."""
        self.breach(Breach(sentence, tuple(asks), law=NO_5XX))

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
        snapshot = snapshots.read(self, scope, "token")
        previous = self.snapshots.get(scope)
        if previous is not None and previous.rows != snapshot.rows:
            self.moved = True
        self.snapshots[scope] = snapshot
        return snapshot

    def others(self) -> Snapshot:
        """The other caller's own list; where every list is in a scope, we know of none that they may read."""
        if self.other_snapshot is None:
            self.other_snapshot = snapshots.read(self, "", "other")
        return self.other_snapshot

    # Questions.

    def question(
        self,
        filters: Pairs = (),
        *,
        size: int | None = None,
        place: Place = FIRST_PAGE,
        scope: str | None = None,
        tier: Tier = Tier.MUST,
        sent: Pairs | None = None,
    ) -> Question:
        """A question to the listing, by GET and with the first token; `Question.asked` varies how it is sent. `sent`
        replaces the filters on the wire: another spelling of the same meaning."""
        scope = self.home if scope is None else scope
        paging, base = self.listing.paging, self.filters(scope)
        page = paging.query(size=size, number=place.number, offset=place.offset or 0, cursor=place.cursor)
        shown, start = paging.window(size, place.number, place.offset)
        ask = Ask(self.path(scope), (*base, *(filters if sent is None else sent), *page))
        return Question(ask, scope, (*base, *filters), shown, start, place.number, tier, place.anchor)

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
        before = self.snapshot(question.scope)
        with self.probing(probe):
            return self.hold(question, self.send(question.ask), before, witness=witness)

    def hold(
        self, question: Question, reply: Reply, before: Snapshot, *, witness: str = "", alone: bool = True
    ) -> Body | None:
        """Hold an answer that is there already against the snapshot, as part of the probe around it. One that did not
        travel alone is not asked again, since alone it would be right."""
        body = self.accept(question, reply)
        if body is None:
            return None
        listing = self.listing

        def looking(answer: Reply) -> Look:
            taken = body if answer is reply else listing.body_of(answer)

            def look(one: Snapshot, two: Snapshot) -> list[Breach]:
                if taken is None:
                    return []
                return judge.against_snapshots(listing, question, taken, one, two)

            return look

        self._confirmation.settle(question.ask, looking, reply, before, alone=alone)
        if witness:
            self.witness(witness)
        else:
            self._selects(question, before)
        return body

    def counts(self, probe: str, question: Question) -> Mapping[str, Any] | None:
        """Ask for the facets of a filter, and hold them against the snapshot of the list."""
        if not self.wants(probe):
            return None
        before = self.snapshot(question.scope)
        with self.probing(probe):
            return self.hold_counts(question, self.send(question.ask), before)

    def hold_counts(
        self, question: Question, reply: Reply, before: Snapshot, *, alone: bool = True
    ) -> Mapping[str, Any] | None:
        """Hold facets that are there already against the snapshot, as part of the probe around them."""
        value = self.json(reply)
        if not self._is_200(question.ask, reply) or not isinstance(value, dict):
            return None
        listing = self.listing
        assert listing.facets is not None
        for breach in counts.facets_contradictions(listing.facets, question, value):
            self.breach(breach)

        def looking(answer: Reply) -> Look:
            counted = listing.around(answer).envelope
            return lambda one, two: counts.facets_against(listing, question, counted, one, two)

        self._confirmation.settle(question.ask, looking, reply, before, alone=alone)
        self._selects(question, before)
        return value

    # Answers.

    def send(self, ask: Ask) -> Reply:
        """Send, and look at the form of the answer."""
        reply = self.transport.send(ask)
        self.conforms(reply)
        return reply

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        replies = self.transport.together(asks)
        for reply in replies:
            self.conforms(reply)
        return replies

    def accept(self, question: Question, reply: Reply) -> Body | None:
        """A 200 that is a listing, or a breach and None."""
        if question.whole:
            self.conforms(reply)  # Snapshots come straight from the transport.
        if not self._is_200(question.ask, reply, question.tier):
            return None
        body = self.listing.body_of(reply)
        if body is None:
            self.breach(Breach("a 200 is not a listing", (question.ask,), law="schema.body"))
            return None
        self.rows_seen += len(body.rows)
        found = judge.self_contradictions(self.listing, question, body)
        for breach in (*found, *self._validator.rows(question.ask, body.rows)):
            self.breach(breach)
        return body

    def _is_200(self, ask: Ask, reply: Reply, tier: Tier = Tier.MUST) -> bool:
        if reply.status == 200:
            return True
        if reply.status == 429:
            raise SendingStopped("the deployment limits requests; ask more slowly (--rate)")
        if reply.status < 500:
            self.breach(Breach(f"a valid request was answered with {reply.status}", (ask,), tier=tier))
        return False

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
        self._confirmation.finish()

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
        self, sentence: str, *asks: Ask, rows: Sequence[Row] = (), tier: Tier = Tier.MUST, fields: Sequence[str] = ()
    ) -> None:
        """Say that the law is broken, in one sentence, with the requests that show it, and the fields of the rows that
        are in question; by default those that the sentence names."""
        self.breach(Breach(sentence, asks, tuple(rows), tier, fields=tuple(fields)))

    def witness(self, text: str) -> None:
        """Say what made the law bite."""
        self.witnesses.setdefault(self._law, []).append(text)

    def inconclusive(self, reason: str) -> None:
        """Say why the law could not be exercised in full."""
        self.reasons.setdefault(self._law, []).append(reason)

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
            self.inconclusive("the provider promises nothing of the kind")
            return
        try:
            law.run(self)
        except (Inconclusive, NotRecorded) as reason:
            self.inconclusive(str(reason))
        except ListUnreadable:
            pass  # The status and schema laws hold the reason.
        except (TypeError, AttributeError, KeyError, ValueError, IndexError):
            if not self.breaches.get("schema.body"):
                raise
            self.inconclusive("the rows have another form than the page shows")

    def outcome(self, law: Law) -> Outcome:
        common: dict[str, Any] = {"page": law.page(self.promises), "promise": law.promise}
        common["seconds"] = self.transport.seconds_of(law.name)
        breaches = self.breaches.get(law.name, [])
        if law.name == ORDER:
            breaches = find_two_orders(self.listing, breaches, self.transport.replies, self.ledger.excused(ORDER))
        witness = "; ".join(dict.fromkeys(self.witnesses.get(law.name, ())))[:300]
        if breaches:
            outcome = tell(law.name, breaches, witness=witness, **common)
            said = [sentence for ask in outcome.asks[:1] for sentence in self.promises.sentences(ask)]
            binding = outcome.tier if outcome.tier.rank <= law.tier.rank else law.tier
            return replace(outcome, tier=binding, promise=" ".join([law.promise, *said]))
        if (known := self.ledger.tell(law.name)) is not None:
            return replace(known, witness=witness, **common)
        if self.witnesses.get(law.name):
            return Outcome(law.name, Verdict.HOLDS, law.tier, witness=witness, **common)
        reasons = "; ".join(dict.fromkeys(self.reasons.get(law.name, ())))[:300]
        return Outcome(law.name, Verdict.INCONCLUSIVE, law.tier, reasons or "nothing exercised it", **common)
