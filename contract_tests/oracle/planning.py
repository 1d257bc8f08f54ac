"""Which questions are asked: those first that tell most planted bugs, with these rows, from the correct server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from contract_tests.oracle.asking import draw, put
from contract_tests.oracle.twin import service_of
from contract_tests.outcome import Context, Row, Snapshot
from contract_tests.promises import BY_SLUG
from contract_tests.promises.form import Promises
from contract_tests.promises.paging import InHeader
from contract_tests.promises.questions import OracleQuestion
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.in_process import Handler

TAIL = 4
"""One request in so many is for a random question."""
CANDIDATES = 60
"""Random questions that are drawn; the best of them and of those by hand are asked."""
PLANNING_ROWS = 80
"""Planning looks at so many rows; it decides what to ask, never what is right."""
ROUNDS = 3
BUGS_AT_ONCE = 20
"""A round of planning holds so many bugs, none of them told yet, against every candidate."""
OTHER_SCOPES_STEP = 6
UNFIT = (KeyError, TypeError, AttributeError, ValueError)
"""What rows of the wrong types lead to."""

Servers = Callable[[str, Mapping[str, Sequence[Row]]], tuple[Handler, Mapping[str, Handler]]]
"""From a provider and rows by tenant: the correct server that holds these rows, and every broken one by its name."""


def plan(context: Context, snapshots: Mapping[str, Snapshot], budget: int, servers: Servers) -> list[OracleQuestion]:
    """The questions to ask, the most telling first; those at the end are there in case earlier ones cost nothing."""
    seed, promises = context.options.seed, BY_SLUG[context.slug]
    known = [promises.mine(scope, snapshot.rows) for scope, snapshot in snapshots.items()]
    share = CANDIDATES // len(known)
    drawn = [query for index, mined in enumerate(known) for query in draw(mined, promises, seed + index, share)]
    # Other scopes hold the same kind of rows, so a few questions about each are enough.
    essential = [
        query
        for index, mined in enumerate(known)
        for query in (mined.essential if index == 0 else mined.essential[::OTHER_SCOPES_STEP])
    ]
    # Of a list that was not read to its end nobody knows the counts.
    whole = {scope for scope, snapshot in snapshots.items() if snapshot.complete}
    drawn = [query for query in drawn if not query.facets or query.scope in whole]
    essential = [query for query in essential if not query.facets or query.scope in whole]
    candidates = list(dict.fromkeys([*essential, *drawn]))
    always = [query for query in known[0].boundaries if query.cost <= budget // TAIL]
    planned = Planner(promises, snapshots, candidates, servers).chosen(always, budget - budget // TAIL)
    rest = [query for query in drawn if query not in planned]
    return list(dict.fromkeys([*planned, *rest, *essential]))


Told = dict[OracleQuestion, set[str]]
"""By question: the bugs that it tells from the correct server."""


@dataclass
class Planner:
    """Which question tells which planted bug, when bugs and correct server hold these rows."""

    promises: Promises
    snapshots: Mapping[str, Snapshot]
    candidates: Sequence[OracleQuestion]
    servers: Servers
    _right: dict[OracleQuestion, object] = field(default_factory=dict)
    _handlers: Mapping[str, Handler] = field(default_factory=dict)
    _told: dict[tuple[str, OracleQuestion], bool] = field(default_factory=dict)

    def chosen(self, always: Sequence[OracleQuestion], budget: int) -> list[OracleQuestion]:
        """Again and again the candidate that tells most bugs, per request, which no earlier one told.

        Every bug against every candidate would take too long: the cover of some bugs is tried on all, and completed
        for those that it misses.
        """
        home = self.promises.fake.home
        rows = {scope or home: sample(snapshot.rows) for scope, snapshot in self.snapshots.items()}
        plan = list(always)
        try:
            server, self._handlers = self.servers(self.promises.slug, rows)
        except UNFIT:
            return plan  # Rows that cannot be ordered by date can be asked about, but not planned for.
        self._right = {query: self.answer(server, query) for query in dict.fromkeys([*always, *self.candidates])}
        missed = list(self._handlers)
        for _ in range(ROUNDS):
            missed = [name for name in missed if not any(self.tells(query, name) for query in plan)]
            step = max(1, len(missed) // BUGS_AT_ONCE)
            some = missed[::step][:BUGS_AT_ONCE]
            told = {query: {name for name in some if self.tells(query, name)} for query in self.candidates}
            plan += greedy(told, set(some), budget - sum(query.cost for query in plan))
        return plan

    def tells(self, query: OracleQuestion, name: str) -> bool:
        """Whether a question tells this bug. No bug is asked the same twice: most of a check's time is spent here."""
        told = self._told.get((name, query))
        if told is None:
            told = self._told[name, query] = self.answer(self._handlers[name], query) != self._right[query]
        return told

    def answer(self, handler: Handler, query: OracleQuestion) -> object:
        """What a server in process answers; compared as it stands, since both sides are ours."""
        headers = {"authorization": f"Bearer {self.key}", "x-api-key": self.key}

        def send(ask: Ask) -> Reply:
            status, sent, body = handler(ask.method, ask.path, ask.query_string.encode(), headers)
            return Reply(ask, status, sent, body, 0.0)

        try:
            replies = put(query, self.promises, send)
        except UNFIT:
            return None
        total = self.promises.listing.paging.total
        header = total.place.name.lower() if total is not None and isinstance(total.place, InHeader) else ""
        return [(reply.status, reply.body, reply.headers.get(header)) for reply in replies]

    @property
    def key(self) -> str:
        return service_of(self.promises.slug).fixture.credential


def greedy(told: Told, bugs: set[str], budget: int) -> list[OracleQuestion]:
    """A cover of these bugs, the best question first."""
    chosen: list[OracleQuestion] = []
    while bugs:
        affordable = [query for query in told if query.cost <= budget and query not in chosen]
        best = max(affordable, key=lambda query: len(told[query] & bugs) / query.cost, default=None)
        if best is None or not told[best] & bugs:
            break
        chosen.append(best)
        bugs = bugs - told[best]
        budget -= best.cost
    return chosen


def sample(rows: Sequence[Row]) -> list[Row]:
    """The newest rows and some of each age."""
    if len(rows) <= PLANNING_ROWS:
        return list(rows)
    half = PLANNING_ROWS // 2
    step = -(-(len(rows) - half) // half)
    return [*rows[:half], *rows[half::step]]
