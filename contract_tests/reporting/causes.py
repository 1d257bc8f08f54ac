"""Causes before symptoms: a server with one mistake breaks many laws, and one of them says best what the mistake is.

What explains another breach is what shows with less: a request with fewer parameters, an answer of the wrong form, a
server that fails, a list that cannot be read page by page (everything else is held against that list). A warning
explains no failure, and a law is explained only where every way in which it is broken is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract_tests.outcome import Evidence, Options, Outcome, Verdict
from contract_tests.promises.form import Promises
from contract_tests.sending.ask import Ask

FAILURE = "values.no_5xx"
FORM = ("schema.body", "schema.media_type", "schema.status")
"""Laws of the form of an answer; what has another form cannot be held against other laws."""
FORM_OF_REFUSALS = "schema.error_code"
LET_IN = "credentials.required"
COUNTS = "facets.counts"
READING = (
    "credentials.channels",
    "rows.unique",
    "pages.limits",
    "pages.default",
    "pages.size",
    "pages.windows",
    "pages.second",
    "cursors.walk",
    "cursors.replay",
    "cursors.end",
    "rows.order",
    "pages.total",
    "pages.has_next",
    "pages.echo",
)
"""Laws of how a list is read; broken without a filter, they spoil the list that all filters are held against. Where
several are, the first one says best why."""
FAMILIES = (
    "credentials",
    "tenancy",
    "colleagues",
    "schema",
    "filters",
    "exactness",
    "spellings",
    "pages",
    "cursors",
    "facets",
    "rows",
    "values",
    "repeats",
    "caching",
    "conformance",
    "oracle",
)
"""Of two families whose laws are broken by the same requests, the first one names the mistake."""
WEAK = ("repeats.", "caching.", "tenancy.apart", "colleagues.", "conformance", "oracle")
"""Laws, by the beginning of their names, and layers that send what others send as well, and say less of why: they
explain nothing but each other."""
REFUSALS = ("values.", "oracle.refusals", "cursors.bound", "cursors.tampered")
"""Laws of what is refused, by the beginning of their names."""
ELSEWHERE = "elsewhere"
"""The part of a request that goes to another path than that of the caller's list: to another org, or to none."""

Parts = frozenset[str]
"""What a request has besides the path of the list: parameters, another credential, another header or method."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A broken promise, and the others that break with it."""

    outcome: Outcome
    symptoms: tuple[Outcome, ...]
    place: tuple[int, ...]
    """Where it belongs among the causes: the lowest one first."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An outcome and what its requests are made of."""

    outcome: Outcome
    index: int
    parts: tuple[Parts, ...]
    """One for each way in which the law is broken: of the request that shows it."""
    counted: bool
    """Whether it is about the facets and not about the list."""
    reads: bool
    """Whether it spoils the reading of the list: a law of that, broken without a filter."""
    behind_cursor: bool
    """Whether a cursor belongs to every request that shows it."""

    @property
    def law(self) -> str:
        return self.outcome.law

    @property
    def family(self) -> str:
        return self.outcome.layer if self.outcome.layer != "laws" else self.law.partition(".")[0]

    @property
    def weak(self) -> bool:
        return self.law.startswith(WEAK) or self.family in WEAK

    @property
    def least(self) -> int:
        """The parts of the plainest request that shows it."""
        return min(map(len, self.parts), default=0)

    @property
    def kind(self) -> int:
        """How much depends on it: all on a server that answers, much on the form, all filters on the list."""
        return 0 if self.law == FAILURE else 1 if self.law in FORM else 2 if self.reads else 3

    @property
    def place(self) -> tuple[int, ...]:
        """Where it stands among those that may be causes; what shows with less comes first."""
        before = (-self.outcome.tier.rank, self.kind, int(self.weak))
        if self.reads:
            by_cursor = int(self.behind_cursor), int(self.behind_cursor and self.family != "cursors")
            return (*before, *by_cursor, READING.index(self.law), self.index)
        family = FAMILIES.index(self.family) if self.family in FAMILIES else len(FAMILIES)
        return (*before, self.least, family, self.index)


def find_causes(outcomes: Sequence[Outcome], promises: Promises, options: Options) -> tuple[Cause, ...]:
    """The broken promises among these outcomes, each either a cause or a symptom of one: the highest tier first, then
    what most depends on, and what explains most."""
    causes: list[tuple[Broken, list[Broken]]] = []
    for each in sorted(describe(outcomes, promises, options), key=lambda each: each.place):
        symptoms = next((symptoms for cause, symptoms in causes if explains(cause, each)), None)
        if symptoms is None:
            causes.append((each, []))
        else:
            symptoms.append(each)
    found = [_join(cause, symptoms) for cause, symptoms in causes]
    return tuple(sorted(found, key=lambda cause: cause.place))


def _join(cause: Broken, symptoms: Sequence[Broken]) -> Cause:
    told = tuple(each.outcome for each in sorted(symptoms, key=lambda each: each.index))
    place = (*cause.place[:3], -len(symptoms), cause.index)
    return Cause(cause.outcome, told, place)


def describe(outcomes: Sequence[Outcome], promises: Promises, options: Options) -> list[Broken]:
    """What is broken, with the parts of its requests."""
    paging, facets = promises.listing.paging, promises.facets
    home = promises.path(promises.scopes.of(options)[0])
    tail = facets.tail if facets is not None else ""
    cursor = paging.cursor.parameter if paging.cursor is not None else ""
    found = []
    for index, outcome in enumerate(outcomes):
        if outcome.verdict is not Verdict.BROKEN:
            continue
        asks = [ask for evidence in outcome.evidence if (ask := question_of(outcome, evidence)) is not None]
        parts = tuple(parts_of(ask, {home, home + tail}, promises) for ask in asks)
        counted = bool(tail and asks) and all(ask.path.endswith(tail) for ask in asks)
        plain = any(part <= paging.parameters for part in parts)
        if outcome.law == "credentials.channels":
            plain = plain and any(ask.channel for ask in outcome.asks)  # One header is refused, and another one taken.
        reads = outcome.law in READING and plain and not counted
        found.append(Broken(outcome, index, parts, counted, reads, all(cursor in part for part in parts)))
    return found


def question_of(outcome: Outcome, evidence: Evidence) -> Ask | None:
    """The request that shows a breach. The oracle puts that of the list in front of it."""
    asks = evidence.asks[1:] if outcome.layer == "oracle" and len(evidence.asks) > 1 else evidence.asks
    return asks[0] if asks else None


def parts_of(ask: Ask, home: set[str], promises: Promises) -> Parts:
    """What a request has besides the path of the list. Beside a filter, the length of a page says only that all rows
    are wanted."""
    paging = promises.listing.paging
    parts = {name for name, _ in ask.query} | {piece.partition("=")[0] for piece in ask.raw.split("&") if piece}
    if not parts <= paging.parameters:
        parts.discard(paging.size)
    parts |= {f"header {name.lower()}" for name, _ in ask.headers}
    parts |= {f"credential {ask.credential}"} if ask.credential != "token" else set()
    parts |= {f"channel {ask.channel}"} if ask.channel else set()
    parts |= {f"method {ask.method}"} if ask.method != "GET" else set()
    parts |= {ELSEWHERE} if ask.path not in home else set()
    return frozenset(parts)


def explains(cause: Broken, other: Broken) -> bool:
    """Whether a law that is broken as the cause is breaks the other one as well."""
    if cause.outcome.tier.rank < other.outcome.tier.rank or (cause.counted and not other.counted):
        return False
    if cause.weak and not other.weak:
        return False
    if cause.law == FAILURE:
        return _shows_with_less(cause, other)
    if cause.law in FORM:
        return _spoils_form(cause, other)
    if cause.law == FORM_OF_REFUSALS:
        return other.law.startswith(REFUSALS)
    if other.law == FAILURE or other.family == "schema":
        return cause.family == other.family and _shows_with_less(cause, other)
    if cause.law == LET_IN and other.family == "tenancy":
        return True  # Whoever is let in without a credential is let in as a stranger as well.
    if cause.reads and not other.law.startswith(REFUSALS) and other.family not in ("credentials", "tenancy"):
        return True
    if cause.law.startswith(REFUSALS) and not other.law.startswith((*REFUSALS, "cursors.")):
        return False
    if cause.law == COUNTS and other.counted and not other.law.startswith(REFUSALS):
        return True
    if cause.family == "rows" and cause.law not in READING:
        return _shares_fields(cause, other) and _shows_with_less(cause, other)
    return _shows_with_less(cause, other)


def _shows_with_less(cause: Broken, other: Broken) -> bool:
    """Whether every request that breaks the other law has all the parts of one that breaks this law. Of what asks as
    others do, one request is enough."""
    shown = [any(mine <= theirs for mine in cause.parts) for theirs in other.parts]
    return any(shown) if other.weak else bool(shown) and all(shown)


def _spoils_form(cause: Broken, other: Broken) -> bool:
    """A form that is wrong as a whole spoils all answers of its operation; a field of the wrong form, what is about
    that field."""
    if cause.counted != other.counted:
        return False
    return cause.counted or not cause.outcome.fields or other.family == "schema" or _shares_fields(cause, other)


def _shares_fields(cause: Broken, other: Broken) -> bool:
    theirs = {name for evidence in other.outcome.evidence for name in evidence.fields}
    return bool(theirs.intersection(cause.outcome.fields))
