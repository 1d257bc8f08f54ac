"""The run of the laws against one deployment: it sends, remembers, judges, and convicts only what stays wrong.

A soft contradiction is asked again at once. As long as no snapshot differs from another, the suspicions wait for one
last snapshot; once the list has been seen to move, each is settled alone between two fresh snapshots, three times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from contract_tests import judge
from contract_tests.judge import Body, Breach, Question, body_of
from contract_tests.outcome import Options, Outcome, Row, Snapshot, Tier, Verdict
from contract_tests.promises import CURSOR, LIMITED, NUMBERED, WHOLE, Listing, Query
from contract_tests.target import Target
from contract_tests.transport import Ask, Reply, Spent, Stopped, Transport, Unreachable

CONFIRMATIONS = 2
REPEATS = 3
FEW = 4
"""Shorter lists move and move back too easily for a fleeting contradiction to mean anything."""
MAX_SNAPSHOT_PAGES = 400
MIN_SNAPSHOT_PAGES = 12
MAX_BREACHES_PER_LAW = 8
NO_5XX = "values.no_5xx"
"""The law that every repeated failure breaks, whichever layer met it."""
SECRET_NAMES = ("password", "secret", "token", "api_key", "apikey", "private_key", "credential")
INTERNAL_NAMES = ("_internal", "internal_", "__")
FAILURES = ("Traceback (most recent call last)", 'File "/', "at java.", "panic:", "goroutine ")

Run = Callable[["Check"], None]


@dataclass(frozen=True, slots=True)
class Law:
    """A promise under test. Its docstring says what is promised."""

    name: str
    run: Run
    tier: Tier
    page: str
    providers: frozenset[str]

    @property
    def promise(self) -> str:
        return " ".join((self.run.__doc__ or "").split())


class Inconclusive(Exception):
    """A law could not be exercised; the reason is one sentence."""


class Enough(Exception):
    """A promise is broken, and the caller wants to know no more."""


@dataclass(slots=True)
class Suspicion:
    """A soft contradiction, and how to look again."""

    law: str
    probe: str
    before: Snapshot
    look: Callable[[Snapshot, Snapshot], list[Breach]]
    """Judge the answer that was repeated against two snapshots."""
    again: Callable[[Snapshot], Callable[[Snapshot, Snapshot], list[Breach]]]
    breaches: list[Breach]
    steady: bool = True
    enclosed: bool = False
    """A snapshot behind it was equal to the one in front."""
    times: int = 1
    """How often it showed, where it did not always show."""


def failed(reply: Reply) -> bool:
    """Whether the server failed; that it knows no HEAD is no failure."""
    return reply.status >= 500 and not (reply.status == 501 and reply.ask.method == "HEAD")


class Recorder:
    """A transport that remembers every answer and obeys a limit of its own.

    Whoever sends, a 5xx is asked once more, since one failure may be bad luck; what fails again is told to `failing`.
    """

    def __init__(self, inner: Transport, progress: Callable[[int], None] | None = None) -> None:
        self.inner = inner
        self.replies: list[Reply] = []
        self.limit: int | None = None
        self.progress = progress
        self.label: Callable[[], str] = lambda: ""
        self.prices: Counter[str] = Counter()
        """Requests by the probe that was running."""
        self.failing: Callable[[str, Sequence[Ask]], None] = lambda sentence, asks: None
        self._in_a_row: list[Reply] = []
        """The failures since the last answer that was none."""

    @property
    def sent(self) -> int:
        return self.inner.sent

    @sent.setter
    def sent(self, value: int) -> None:
        self.inner.sent = value

    def _room(self, wanted: int) -> None:
        if self.limit is not None and self.sent + wanted > self.limit:
            raise Spent(f"the budget of {self.limit} requests is used up")

    def send(self, ask: Ask) -> Reply:
        return self._repeated(self._sent([ask], lambda: [self.inner.send(ask)])[0])

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        return [self._repeated(reply) for reply in self._sent(asks, lambda: self.inner.together(asks))]

    def _sent(self, asks: Sequence[Ask], sending: Callable[[], list[Reply]]) -> list[Reply]:
        self._room(len(asks))
        self.prices[self.label()] += len(asks)
        try:
            replies = sending()
        except Stopped:
            if len(self._in_a_row) > 1:
                self.failing(
                    "different requests failed one after the other",
                    tuple(dict.fromkeys(reply.ask for reply in self._in_a_row)),
                )
            raise
        self.replies += replies
        for reply in replies:
            self._in_a_row = [*self._in_a_row, reply] if failed(reply) else []
        if self.progress is not None:
            self.progress(self.sent)
        return replies

    def _repeated(self, reply: Reply) -> Reply:
        """The answer, or where the server failed, that to the same request again."""
        if not failed(reply):
            return reply
        again = reply
        if reply.failures < 2:
            try:
                again = self._sent([reply.ask], lambda: [self.inner.send(reply.ask)])[0]
            except Spent:
                return reply  # Asked once, which proves nothing.
        if failed(again):
            self.failing(f"{again.status}, twice in a row", (reply.ask,))
        return again


@dataclass
class Check:
    """What laws work with: see `outcome.Context` for the part that the oracle shares."""

    target: Target
    transport: Recorder
    options: Options
    plan: frozenset[str] | None = None
    """The probes that this profile sends; None for all."""
    reserve: int = 0

    snapshots: dict[str, Snapshot] = field(default_factory=dict, init=False)
    moved: bool = field(default=False, init=False)
    law: str = field(default="", init=False)
    breaches: dict[str, list[Breach]] = field(default_factory=dict, init=False)
    witnesses: dict[str, list[str]] = field(default_factory=dict, init=False)
    reasons: dict[str, list[str]] = field(default_factory=dict, init=False)
    suspicions: list[Suspicion] = field(default_factory=list, init=False)
    answers: int = field(default=0, init=False)
    rows_seen: int = field(default=0, init=False)
    other_snapshot: Snapshot | None = field(default=None, init=False)
    rng: Random = field(init=False)
    _probe: str = field(default="", init=False)
    _first: dict[str, Snapshot] = field(default_factory=dict, init=False)
    _verified: dict[str, Row] = field(default_factory=dict, init=False)
    _known_bodies: dict[bytes, Body | None] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.rng = Random(f"{self.slug} {self.options.seed}")
        self.transport.label = lambda: f"{self.law}:{self._probe}"
        self.transport.failing = lambda sentence, asks: self.breach(Breach(sentence, tuple(asks), law=NO_5XX))

    # What is checked.

    @property
    def slug(self) -> str:
        return self.target.slug

    @property
    def listing(self) -> Listing:
        return self.target.listing

    @property
    def scopes(self) -> tuple[str, ...]:
        if self.slug == "dreadnode":
            return self.options.orgs
        if self.slug == "prime":
            return ("", *self.options.orgs)
        return ("",)

    @property
    def home(self) -> str:
        return self.scopes[0]

    @property
    def remaining(self) -> int:
        limit = self.transport.limit
        return 10**6 if limit is None else max(0, limit - self.transport.sent)

    def path(self, scope: str | None = None) -> str:
        return self.listing.path_in(self.home if scope is None else scope)

    def filters(self, scope: str | None = None) -> Query:
        return (("team_id", scope),) if self.slug == "prime" and scope else ()

    # Snapshots.

    def snapshot(self, scope: str | None = None) -> Snapshot:
        scope = self.home if scope is None else scope
        found = self.snapshots.get(scope)
        return self.refresh(scope) if found is None else found

    def refresh(self, scope: str | None = None) -> Snapshot:
        scope = self.home if scope is None else scope
        snapshot = self._read(scope, "token")
        previous = self.snapshots.get(scope)
        if previous is not None and not same(previous, snapshot):
            self.moved = True
        self._first.setdefault(scope, snapshot)
        self.snapshots[scope] = snapshot
        return snapshot

    def others(self) -> Snapshot:
        """The other caller's own list; Dreadnode's other caller has no org that we know of."""
        if self.other_snapshot is None:
            self.other_snapshot = self._read("", "other")
        return self.other_snapshot

    def _read(self, scope: str, credential: str) -> Snapshot:
        """A whole listing. Pages that overlap are read as they come; the laws about pages say so."""
        paging, rows, asks = self.listing.paging, list[Row](), list[Ask]()
        seen: set[str] = set()
        base = self.filters(scope)
        size = paging.most if paging.style in (NUMBERED, CURSOR, LIMITED) else None
        complete, cursor, cursors, number = False, "", set[str](), 1
        while len(asks) < MAX_SNAPSHOT_PAGES and self._worth_it(asks, rows, size):
            page: Query = ((paging.size, str(size)),) if size is not None else ()
            if cursor:
                page = (*page, ("cursor", cursor))
            elif number > 1:
                page = (*page, ("page", str(number)))
            question = Question(
                Ask(self.path(scope), (*base, *page), credential), scope, base, size, 0, number, whole=True
            )
            reply = self.transport.send(question.ask)
            asks.append(question.ask)
            body = self.accept(question, reply)
            if body is None:
                raise Unjudgeable(reply)
            rows += [row for row in body.rows if row[self.listing.identity] not in seen]
            seen |= {row[self.listing.identity] for row in body.rows}
            if paging.style == CURSOR:
                cursor = body.envelope.get("next_cursor") or ""
                if cursor in cursors:
                    self.breach(
                        Breach("a cursor led back to a page that was read before", tuple(asks[-2:]), law="cursors.end")
                    )
                    break
                cursors.add(cursor)
                if not cursor:
                    complete = True
                    break
            elif paging.style == NUMBERED:
                total = body.envelope.get("total")
                number += 1
                if not body.rows or not isinstance(total, int) or len(rows) >= total:
                    complete = True
                    break
                if len(body.rows) < (size or 1):
                    complete = True  # The total promises more; the law about it has said so.
                    break
            else:
                complete = size is None or len(body.rows) < size
                break
        return Snapshot(scope, tuple(rows), complete, tuple(asks), self.transport.sent)

    def _worth_it(self, asks: Sequence[Ask], rows: Sequence[Row], size: int | None) -> bool:
        """A listing that hands out far smaller pages than it promises is not read to its end."""
        return size is None or len(asks) < MIN_SNAPSHOT_PAGES or len(rows) * 4 >= len(asks) * size

    # Questions.

    def question(
        self,
        filters: Query = (),
        *,
        size: int | None = None,
        number: int = 1,
        offset: int | None = None,
        cursor: str = "",
        anchor: str = "",
        scope: str | None = None,
        extra: Query = (),
        sent: Query | None = None,
        raw: str = "",
        tier: Tier = Tier.MUST,
        whole: bool = False,
        credential: str = "token",
        channel: str = "",
        method: str = "GET",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Question:
        """A question to the listing. `sent` replaces the filters on the wire (another spelling of the same meaning),
        `extra` and `raw` are sent behind them."""
        scope = self.home if scope is None else scope
        paging = self.listing.paging
        base = self.filters(scope)
        page: Query = ()
        if size is not None:
            page = ((paging.size, str(size)),)
        if paging.style == NUMBERED and number != 1:
            page = (("page", str(number)), *page)
        if paging.style == WHOLE and offset:
            page = (*page, ("offset", str(offset)))
        if cursor:
            page = (*page, ("cursor", cursor))
        shown = size
        if shown is None:
            shown = paging.default
        elif paging.most is not None and shown > paging.most and not paging.refuses_more:
            shown = paging.most
        if offset is None:
            offset = (number - 1) * shown if paging.style == NUMBERED and shown else 0
        wire = (*base, *(filters if sent is None else sent), *page, *extra)
        return Question(
            Ask(self.path(scope), wire, credential, channel, method, headers, raw),
            scope,
            (*base, *filters),
            shown,
            offset,
            number,
            tier,
            anchor,
            whole,
        )

    def probe(self, name: str) -> None:
        """Say which probe the next requests belong to."""
        self._probe = name

    def wants(self, probe: str) -> bool:
        """Whether this profile sends the probe of the law that is running."""
        return self.plan is None or f"{self.law}:{probe}" in self.plan

    def wants_some(self) -> bool:
        """Whether this profile sends any probe of the law that is running."""
        return self.plan is None or any(each.startswith(f"{self.law}:") for each in self.plan)

    def expect(self, probe: str, question: Question, *, witness: str = "") -> Body | None:
        """Ask, and hold the answer against the snapshot. None where the profile leaves the probe out or the answer
        is no listing."""
        if not self.wants(probe):
            return None
        before = self.snapshot(question.scope)
        self._probe = probe
        reply = self.send(question.ask)
        return self.hold(probe, question, reply, before, witness=witness)

    def hold(
        self,
        probe: str,
        question: Question,
        reply: Reply,
        before: Snapshot,
        *,
        witness: str = "",
        alone: bool = True,
    ) -> Body | None:
        """Hold an answer that is there already against the snapshot. One that did not travel alone is not asked again,
        since alone it would be right."""
        self._probe = probe
        body = self.accept(question, reply)
        if body is None:
            return None
        listing = self.listing

        def looking(answer: Reply) -> Callable[[Snapshot, Snapshot], list[Breach]]:
            taken = body if answer is reply else body_of(listing, answer)

            def look(one: Snapshot, two: Snapshot) -> list[Breach]:
                if taken is None:
                    return []
                return judge.against_snapshots(listing, question, answer, taken, one, two)

            return look

        self.settle(probe, question.ask, looking, reply, before, alone=alone)
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
        self._probe = probe
        return self.hold_counts(probe, question, self.send(question.ask), before)

    def hold_counts(
        self, probe: str, question: Question, reply: Reply, before: Snapshot, *, alone: bool = True
    ) -> Mapping[str, Any] | None:
        """Hold facets that are there already against the snapshot."""
        self._probe = probe
        value = self.json(reply)
        if not self._is_200(question.ask, reply) or not isinstance(value, dict):
            return None
        for breach in judge.facets_contradictions(question, value):
            self.breach(breach)
        listing = self.listing

        def looking(answer: Reply) -> Callable[[Snapshot, Snapshot], list[Breach]]:
            try:
                counted = answer.json()
            except ValueError:
                counted = {}
            if not isinstance(counted, dict):
                counted = {}
            return lambda one, two: judge.facets_against(listing, question, counted, one, two)

        self.settle(probe, question.ask, looking, reply, before, alone=alone)
        self._selects(question, before)
        return value

    def settle(
        self,
        probe: str,
        ask: Ask,
        looking: Callable[[Reply], Callable[[Snapshot, Snapshot], list[Breach]]],
        reply: Reply,
        before: Snapshot,
        *,
        alone: bool = True,
    ) -> None:
        """Convict what is hard at once; look at the rest again."""
        look = looking(reply)
        found = look(before, before)
        for breach in found:
            if not breach.soft:
                self.breach(breach)
        if not any(breach.soft for breach in found):
            return
        if self.moved:
            self._tightly(probe, ask, looking, look, before)
            return
        second = looking(self.send(ask)) if alone else look
        still = [breach for breach in second(before, before) if breach.soft] if alone else []
        suspicion = Suspicion(
            self.law,
            probe,
            before,
            second if still else look,
            lambda one: looking(self.send(ask)),
            still or [breach for breach in found if breach.soft],
            bool(still),
        )
        if alone and not still:
            # What comes and goes may be the list that moved and moved back; a fault shows more than once.
            for _ in range(REPEATS):
                suspicion.times += any(breach.soft for breach in looking(self.send(ask))(before, before))
        self.suspicions.append(suspicion)
        if not any(each.enclosed and each.before.scope == before.scope for each in self.suspicions):
            # The first suspicion asks at once whether the list moves.
            after = self.refresh(before.scope)
            if self.moved:
                self.suspicions.remove(suspicion)
                if suspicion.look(before, after):
                    self._tightly(probe, ask, looking, suspicion.look, before)
                return
            suspicion.enclosed = True
        if self.options.fail_fast:
            self.convict(suspicion.law, probe, suspicion.breaches)

    def _tightly(
        self,
        probe: str,
        ask: Ask,
        looking: Callable[[Reply], Callable[[Snapshot, Snapshot], list[Breach]]],
        look: Callable[[Snapshot, Snapshot], list[Breach]],
        before: Snapshot,
    ) -> None:
        """Between two fresh snapshots, again and again: a coincidence does not last."""
        latest = self.snapshots[before.scope]
        after = latest if latest is not before else self.refresh(before.scope)
        found = [breach for breach in look(before, after) if breach.soft]
        for _ in range(CONFIRMATIONS + 1):
            if not found:
                return
            one = self.refresh(before.scope)
            answer = self.send(ask)
            two = self.refresh(before.scope)
            found = [breach for breach in looking(answer)(one, two) if breach.soft]
        if found:
            self.convict(self.law, probe, found)

    def finish(self) -> None:
        """The last snapshot: what contradicts it as well is convicted, unless the list moved."""
        self.law = ""
        pending, self.suspicions = self.suspicions, []
        if not pending:
            return
        finals: dict[str, Snapshot | None] = {}
        for suspicion in pending:
            scope = suspicion.before.scope
            if scope not in finals:
                try:
                    finals[scope] = self.refresh(scope)
                except (Spent, Unjudgeable):
                    finals[scope] = None
        confirmed, fleeting = False, sum(each.times for each in pending if not each.steady)
        for suspicion in sorted(pending, key=lambda each: not each.steady):
            final = finals[suspicion.before.scope]
            if not self.moved and (final is not None or suspicion.enclosed):
                if suspicion.steady and not confirmed:
                    confirmed = self._again(suspicion, final)
                if confirmed or (not suspicion.steady and fleeting > 1 and len(suspicion.before.rows) >= FEW):
                    self.convict(suspicion.law, suspicion.probe, suspicion.breaches)
                else:
                    self.reasons.setdefault(suspicion.law, []).append("what was seen once was not seen again")
                continue
            if final is None:
                self.reasons.setdefault(suspicion.law, []).append("the budget left no snapshot to convict by")
                continue
            still = [breach for breach in suspicion.look(suspicion.before, final) if breach.soft]
            before = final
            try:
                for _ in range(CONFIRMATIONS + 1):
                    if not still or not suspicion.steady:
                        still = []
                        break
                    before = self.refresh(before.scope)
                    look = suspicion.again(before)
                    after = self.refresh(before.scope)
                    still = [breach for breach in look(before, after) if breach.soft]
                    before = after
            except (Spent, Unjudgeable):
                still = []
            if still:
                self.convict(suspicion.law, suspicion.probe, still)
            else:
                self.reasons.setdefault(suspicion.law, []).append("the list moved while it was read")

    def _again(self, suspicion: Suspicion, final: Snapshot | None) -> bool:
        """Whether the answer is still wrong at the end of the run; without a budget the first look counts."""
        if final is None:
            return True
        try:
            found = [breach for breach in suspicion.again(final)(final, final) if breach.soft]
            if found and len(final.asks) == 1:
                self.refresh(final.scope)
        except (Spent, Unjudgeable):
            return True
        return not self.moved and bool(self._about(found) & self._about(suspicion.breaches))

    def _about(self, breaches: Sequence[Breach]) -> set[str]:
        """The rows that breaches name, or their sentences where they name none."""
        return {
            str(row.get(self.listing.identity, breach.sentence)) for breach in breaches for row in breach.rows or ({},)
        }

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
        body = body_of(self.listing, reply)
        if body is None:
            self.breach(Breach("a 200 is no listing", (question.ask,), law="schema.body"))
            return None
        self.rows_seen += len(body.rows)
        for breach in judge.self_contradictions(self.listing, question, reply, body):
            self.breach(breach)
        self._rows(question.ask, body.rows)
        return body

    def _is_200(self, ask: Ask, reply: Reply, tier: Tier = Tier.MUST) -> bool:
        if reply.status == 200:
            return True
        if reply.status == 429:
            raise Stopped("the deployment limits requests; ask more slowly (--rate)")
        if reply.status < 500:
            self.breach(Breach(f"a valid request was answered with {reply.status}", (ask,), tier=tier))
        return False

    def json(self, reply: Reply) -> Any:
        """The body, or None where it is no strict JSON (which the schema law reports)."""
        try:
            return reply.json()
        except ValueError:
            return None

    def conforms(self, reply: Reply) -> None:
        """Form: documented status, media type, strict JSON, schema, no undeclared or secret field."""
        self.answers += 1
        ask, operation = reply.ask, self.target.operation(reply.ask.path)
        if reply.ask.method == "HEAD":
            return
        validator = self.target.validators.get((operation, reply.status))
        listed = reply.status == 200
        documented = listed or reply.status in self.listing.statuses
        tier = Tier.MUST if documented else Tier.SHOULD
        if validator is None:
            self.breach(Breach(f"status {reply.status} is not documented", (ask,), law="schema.status"))
            return
        if reply.media_type != "application/json":
            self.breach(
                Breach(f"the media type is {reply.media_type or 'missing'}", (ask,), tier=tier, law="schema.media_type")
            )
        try:
            value = reply.json()
        except ValueError as error:
            self.breach(Breach(f"the body is no JSON: {str(error)[:80]}", (ask,), tier=tier, law="schema.body"))
            return
        fresh, rows = self._fresh(value) if listed else (value, [])
        fault = next(validator.iter_errors(fresh), None)
        if fault is not None:
            where = "/".join(str(part) for part in fault.instance_path)
            at_fault = [rows[part] for part in fault.instance_path[:2] if isinstance(part, int) and part < len(rows)]
            message = fault.message if len(fault.message) < 160 else fault.message[:160] + " …"
            self.breach(
                Breach(
                    f"the {reply.status} does not fit its schema at /{where}: {message}",
                    (ask,),
                    tuple(at_fault),
                    tier,
                    "schema.body",
                )
            )
        elif rows:
            for row in rows:
                self._verified[row[self.listing.identity]] = row
        self._names(ask, value, rows, listed)
        text = reply.body[:20_000].decode("utf-8", "replace") if not listed else ""
        leak = next((mark for mark in FAILURES if mark in text), "")
        if leak:
            self.breach(
                Breach(f"an error shows the server's inside ({leak!r})", (ask,), tier=Tier.SHOULD, law="schema.leaks")
            )
        if self.slug == "dreadnode" and not listed and isinstance(value, dict) and value.get("code") != reply.status:
            self.breach(Breach(f"code is {value.get('code')} in a {reply.status}", (ask,), law="schema.error_code"))
        if listed and self.slug == "superserve" and judge.TOTAL_HEADER not in reply.headers:
            self.breach(Breach("X-Total-Count is missing", (ask,), tier=Tier.SHOULD, law="pages.total"))
        if reply.status == 401 and self.slug in ("prime", "instavm") and "www-authenticate" not in reply.headers:
            self.breach(Breach("a 401 has no WWW-Authenticate", (ask,), tier=Tier.SHOULD, law="credentials.challenge"))
        if listed and "public" in reply.headers.get("cache-control", ""):
            self.breach(
                Breach("an answer to one caller may be cached for all", (ask,), tier=Tier.SHOULD, law="caching.private")
            )

    def _fresh(self, value: Any) -> tuple[Any, list[Row]]:
        """The value without the rows that have been found valid before, and the rows that are left."""
        items = self.listing.items
        rows = value.get(items) if items and isinstance(value, dict) else value
        if not isinstance(rows, list):
            return value, []
        known, identity = self._verified, self.listing.identity
        fresh = [
            row
            for row in rows
            if not isinstance(row, dict) or not isinstance(row.get(identity), str) or known.get(row[identity]) != row
        ]
        usable = [row for row in fresh if isinstance(row, dict) and isinstance(row.get(identity), str)]
        rest: Any = {**value, items: fresh} if items else fresh
        return rest, usable if len(usable) == len(fresh) else []

    def _names(self, ask: Ask, value: Any, rows: Sequence[Row], listed: bool) -> None:
        declared = {
            "prime": "SandboxResponse",
            "dreadnode": "SandboxListItem",
            "instavm": "VMSandboxInfo",
            "superserve": "SandboxResponse",
        }
        known = self.target.declared[declared[self.slug]]
        for row in rows:
            for name in row.keys() - known:
                secret = any(mark in name.lower() for mark in SECRET_NAMES) or name.startswith(INTERNAL_NAMES)
                self.breach(
                    Breach(
                        f"a row has the undeclared field {name!r}{', which looks secret' if secret else ''}",
                        (ask,),
                        ({self.listing.identity: row.get(self.listing.identity), name: "…"},),
                        Tier.SHOULD,
                        "schema.undeclared",
                    )
                )
        envelope = {"prime": "SandboxListResponse", "dreadnode": "SandboxListResponse"}.get(self.slug)
        if listed and isinstance(value, dict) and envelope and self.target.operation(ask.path) == "listSandboxes":
            for name in value.keys() - self.target.declared[envelope]:
                self.breach(
                    Breach(
                        f"the envelope has the undeclared field {name!r}", (ask,), (), Tier.SHOULD, "schema.undeclared"
                    )
                )

    def _rows(self, ask: Ask, rows: Sequence[Row]) -> None:
        """The invariants of rows that were not seen before."""
        checked = self.__dict__.setdefault("_checked", {})
        identity = self.listing.identity
        for row in rows:
            if checked.get(row[identity]) == row:
                continue
            checked[row[identity]] = row
            for invariant in self.listing.invariants:
                try:
                    wrong = invariant.wrong(row)
                except (KeyError, TypeError, ValueError, AttributeError):
                    continue  # The schema law reports a row of the wrong shape.
                if wrong:
                    self.breach(Breach(f"{invariant.name}: {wrong}", (ask,), (row,), invariant.tier, "rows.invariants"))

    # Results.

    def breach(self, breach: Breach) -> None:
        law = breach.law or self.law
        probe = breach.probe or f"{self.law}:{self._probe}"
        found = self.breaches.setdefault(law, [])
        if len(found) < MAX_BREACHES_PER_LAW or self.options.profile == "matrix":
            found.append(replace(breach, law=law, probe=probe))
        if self.options.fail_fast and (
            breach.tier is Tier.MUST or (self.options.strict and breach.tier is Tier.SHOULD)
        ):
            raise Enough

    def convict(self, law: str, probe: str, found: Sequence[Breach]) -> None:
        for breach in found:
            self.breach(replace(breach, law=breach.law or law, probe=f"{law}:{probe}"))

    def fail(self, sentence: str, *asks: Ask, rows: Sequence[Row] = (), tier: Tier = Tier.MUST) -> None:
        """Say that the law is broken, in one sentence, with the requests that show it."""
        self.breach(Breach(sentence, asks, tuple(rows), tier))

    def witness(self, text: str) -> None:
        """Say what made the law bite."""
        self.witnesses.setdefault(self.law, []).append(text)

    def inconclusive(self, reason: str) -> None:
        """Say why the law could not be exercised in full."""
        self.reasons.setdefault(self.law, []).append(reason)

    def _selects(self, question: Question, before: Snapshot) -> None:
        keeps = self.listing.keeps(question.filters)
        matching = sum(1 for row in before.rows if keeps(row))
        if 0 < matching < len(before.rows) or (not question.filters and before.rows):
            self.witness(f"{judge.shown(question.filters)}: {matching} of {len(before.rows)}")
        else:
            self.inconclusive(f"{judge.shown(question.filters)} selects {matching} of {len(before.rows)} rows")

    def run(self, law: Law) -> None:
        """Exercise one law; what it finds is kept under its name."""
        self.law, self._probe = law.name, ""
        try:
            law.run(self)
        except Inconclusive as reason:
            self.inconclusive(str(reason))
        except Unjudgeable:
            pass  # The status and schema laws hold the reason.
        except (TypeError, AttributeError, KeyError, ValueError, IndexError):
            if not self.breaches.get("schema.body"):
                raise
            self.inconclusive("the rows have another form than the page shows")

    def outcome(self, law: Law) -> Outcome:
        common: dict[str, Any] = {"page": law.page, "promise": law.promise}
        found = self.breaches.get(law.name)
        witness = "; ".join(dict.fromkeys(self.witnesses.get(law.name, ())))[:300]
        if found:
            worst = max(found, key=lambda each: each.tier.rank)
            return Outcome(
                law.name,
                Verdict.BROKEN,
                worst.tier if worst.tier.rank <= law.tier.rank else law.tier,
                worst.sentence,
                worst.asks,
                worst.rows[:5],
                witness,
                **common,
            )
        if self.witnesses.get(law.name):
            return Outcome(law.name, Verdict.HOLDS, law.tier, witness=witness, **common)
        reasons = "; ".join(dict.fromkeys(self.reasons.get(law.name, ())))[:300]
        return Outcome(law.name, Verdict.INCONCLUSIVE, law.tier, reasons or "nothing exercised it", **common)


class Unjudgeable(Exception):
    """The unfiltered list itself is no listing; there is nothing to hold answers against."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"the unfiltered list was answered with {reply.status}")
        self.reply = reply


def same(one: Snapshot, other: Snapshot) -> bool:
    return one.rows == other.rows


def chunks(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


__all__ = ["NO_5XX", "Check", "Enough", "Inconclusive", "Law", "Recorder", "Unjudgeable", "Unreachable"]
