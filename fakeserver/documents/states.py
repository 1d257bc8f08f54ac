"""State machines: the states of a document as one table, which operations, the clock and the documentation all read.

A document lives by its table. Beside its fields stands what the server keeps of it and shows in no list (`kept`): the
instant since which it is in its state, a state that its fields do not tell, and whatever else effects keep there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from fakeserver.instants import LAST_INSTANT, SECOND, instant
from fakeserver.problems import Document, Json, Problem, conflict

ABSENT: Final = object()
"""What an effect sets a field to that is left out from then on."""
GONE: Final = ""
"""The target of a transition after which the document is no more."""
MAX_STEPS = 16
"""Transitions that one document makes by itself in one go; more than any table has on one way."""
SINCE, STATE, HELD, TIMED, OUTCOME, BEHIND = "since", "state", "held", "timed", "outcome", "behind"
"""Members of `kept`: when the state was entered (microseconds since 1970), the state if the fields show another,
whether passing states wait for somebody or take their time, which outcome somebody wants of the next transition that
has several, and how far (microseconds) the running clock was ahead of the document when it began to live by it."""
MODES = ("immediate", "clock", "manual")
"""When passing states end: at once, so that only the answer to the call shows them; as the clock says; or when the
admin API says so."""


class Instant(int):
    """The type of a fact that is an instant."""


class Life(NamedTuple):
    """A document and what the server keeps of it beside."""

    document: Document
    kept: Document


class Moment(NamedTuple):
    """What an effect is shown: a document in the state before, at an instant (microseconds since 1970), and what the
    event brought along."""

    document: Document
    kept: Document
    now: int
    given: Mapping[str, Json]


def on_clock(text: str, kept: Document) -> int:
    """An instant that a document names, on the clock that it lives by."""
    behind: int = kept.get(BEHIND, 0)
    return instant(text) + behind


Fields = Mapping[str, Json]
Effect = Callable[[Moment], Fields]
"""The fields that change; `ABSENT` takes one away."""
Due = Callable[[Document, Document, int], int | None]
"""(document, kept, since) → the instant at which something happens by itself, or None."""
Meter = Callable[[Document, int, int], Document]
"""(document, then, now) → the document that was so then, with what a state uses up counted until now."""


def freed(kept: Document) -> Document:
    """What is kept of a document whose passing states wait for nobody and take no time."""
    if HELD not in kept and TIMED not in kept:
        return kept
    return {name: member for name, member in kept.items() if name not in (HELD, TIMED)}


def put_fields(target: Document, fields: Fields) -> None:
    """Set the fields that change; what is `ABSENT` is taken away."""
    for name, value in fields.items():
        if value is ABSENT:
            target.pop(name, None)
        else:
            target[name] = value


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of a table: in one of the states `source`, an `event` leads to the state `target`.

    `effect` changes fields and `keeps` what is kept. One with `seconds` is how a passing state ends; one with `due`
    happens by itself at an instant of its own. Of several with one event, those with an `outcome` happen if somebody
    asked for it. `note` says, for people, who may or what else must be so."""

    event: str
    source: tuple[str, ...]
    target: str
    effect: Effect | None = None
    keeps: Effect | None = None
    seconds: int | None = None
    due: Due | None = None
    outcome: str = ""
    note: str = ""


class Step(NamedTuple):
    """A transition at an instant."""

    instant: int
    transition: Transition


@dataclass(frozen=True, slots=True)
class Machine:
    """The table of one kind of document. `field` shows the state; `shown` says how, for states that it has no word for.
    `conflict` is what the provider says to an event that does not fit a state; `meters` count what states use up."""

    field: str
    transitions: tuple[Transition, ...]
    shown: Mapping[str, str] = dataclasses.field(default_factory=dict)
    conflict: Callable[[str, str], Problem] = lambda state, event: conflict(f"Cannot {event} while {state}")
    meters: Mapping[str, Meter] = dataclasses.field(default_factory=dict)
    ended: frozenset[str] = frozenset()
    """The states in which nothing is left that anybody would have to end."""
    facts: Mapping[str, type] = dataclasses.field(default_factory=dict)
    """What effects keep, by name, and the type of each; `Instant` for one in microseconds since 1970."""
    moving: frozenset[str] = dataclasses.field(init=False, repr=False, compare=False)
    """The values of the field in which time changes a document."""
    passing: Mapping[str, Sequence[Transition]] = dataclasses.field(init=False, repr=False, compare=False)
    """By passing state, how it can end."""
    due: Mapping[str, Sequence[tuple[Due, Transition]]] = dataclasses.field(init=False, repr=False, compare=False)
    """By state, what happens by itself at an instant of its own."""

    def object_to(self, kept: Document) -> str | None:
        """The first member of what is kept that this table cannot have kept."""
        numbers = {SINCE: LAST_INSTANT, BEHIND: LAST_INSTANT}
        for name, value in kept.items():
            if name in numbers:
                sound = type(value) is int and 0 <= value <= numbers[name]
            elif name in (STATE, OUTCOME):
                sound = value in (self.states if name == STATE else self.outcomes)
            else:
                kind = self.facts.get(name)
                sound = value is True if name in (HELD, TIMED) else type(value) is (int if kind is Instant else kind)
            if not sound:
                return name
        return None

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, in the order in which the table first names it."""
        named = [state for row in self.transitions for state in (*row.source, row.target)]
        return tuple(dict.fromkeys(state for state in named if state != GONE))

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What can be asked for."""
        return tuple(dict.fromkeys(row.outcome for row in self.transitions if row.outcome))

    def __post_init__(self) -> None:
        alone = [state for row in self.transitions if row.seconds is not None or row.due for state in row.source]
        moving = frozenset(self.shown.get(state, state) for state in (*alone, *self.meters))
        passing: dict[str, list[Transition]] = {}
        due: dict[str, list[tuple[Due, Transition]]] = {}
        for row in self.transitions:
            for state in dict.fromkeys(row.source):
                if row.seconds is not None:
                    passing.setdefault(state, []).append(row)
                if row.due is not None and not row.outcome:
                    due.setdefault(state, []).append((row.due, row))
        for name, value in (("moving", moving), ("passing", passing), ("due", due)):
            object.__setattr__(self, name, value)

    def state_of(self, life: Life) -> str:
        state: str = life.kept.get(STATE) or life.document[self.field]
        return state

    def put_on_clock(self, life: Life, then: int, behind: int) -> Life:
        """A document that came into its state `then` by a time of its own, as it lives by the running clock from now
        on, which is ahead of that time by `behind`."""
        kept = {SINCE: then, **life.kept}
        kept[SINCE] += behind
        if life.kept:
            # Of most that were seeded nothing is.
            for name, kind in self.facts.items():
                if kind is Instant and name in kept:
                    kept[name] += behind
        kept[BEHIND] = behind
        return Life(life.document, kept)

    def adopt(self, kept: Document, before: Document, after: Document, now: int) -> Document:
        """What is kept of a document when another one is put in its place: in another state it begins anew."""
        if before.get(self.field) == after.get(self.field):
            return kept
        return {**{name: member for name, member in kept.items() if name not in (STATE, OUTCOME)}, SINCE: now}

    # Events

    def fire(self, life: Life, event: str, now: int, outcome: str = "", given: Fields | None = None) -> Life | None:
        """The document after an event; None if it is gone. A Problem where the event does not fit its state."""
        state = self.state_of(life)
        rows = [row for row in self.transitions if row.event == event and state in row.source]
        if not rows:
            problem = self.conflict(state, event)
            problem.remark = f"{event} was called while {state}; it is possible while {self._sources(event)}"
            raise problem
        row = next((each for each in rows if each.outcome == outcome), None)
        if row is not None and outcome:
            return self._move(life, row, now, given or {})
        row = row or next(each for each in rows if not each.outcome)
        moved = self._move(life, row, now, given or {})
        if moved is not None and outcome and self.is_passing(moved):
            moved.kept[OUTCOME] = outcome
        return moved

    def _sources(self, event: str) -> str:
        """The states in which an event can happen, in words."""
        sources = [state for row in self.transitions if row.event == event for state in row.source]
        return " or ".join(dict.fromkeys(sources)) or "nothing"

    def settle(self, life: Life, now: int) -> Life | None:
        """The document once its passing states have passed, all of them at this instant; None if it is gone."""
        row, settled = self._passing(life), life
        for step in range(MAX_STEPS):
            if row is None:
                break
            if row.target == GONE:
                return None
            if step == 0:
                # The one copy of all steps.
                settled = Life({**life.document}, {**life.kept})
            row = self._change(settled, row, now, {})
        return settled

    def under(self, mode: str, life: Life, now: int) -> Life | None:
        """The document as it goes on under a mode, one of `MODES`; None if it is gone."""
        if mode == "immediate":
            return self.at_once(life, now)
        return Life(life.document, {**freed(life.kept), HELD if mode == "manual" else TIMED: True})

    def at_once(self, life: Life, now: int) -> Life | None:
        """The same where passing states end at once."""
        return self.settle(Life(life.document, freed(life.kept)), now)

    def release(self, life: Life, now: int) -> Life | None:
        """The document one passing state further, or the same one if it is in none."""
        row = self._passing(life)
        return life if row is None else self._move(life, row, now, {})

    def outcomes_in(self, state: str) -> tuple[str, ...]:
        """How else than well a passing state can end."""
        return tuple(row.outcome for row in self.passing.get(state, ()) if row.outcome)

    def is_passing(self, life: Life) -> bool:
        return self._passing(life) is not None

    def _passing(self, life: Life) -> Transition | None:
        """How the passing state ends that a document is in: in the outcome that somebody wants, if it has that."""
        rows = self.passing.get(self.state_of(life))
        if rows is None:
            return None
        wanted, plain = life.kept.get(OUTCOME, ""), None
        for row in rows:
            if row.outcome == wanted:
                return row
            if not row.outcome:
                plain = row
        return plain

    def _move(self, life: Life, row: Transition, now: int, given: Fields) -> Life | None:
        if row.target == GONE:
            return None
        moved = Life({**life.document}, {**life.kept})
        self._change(moved, row, now, given)
        return moved

    def _change(self, life: Life, row: Transition, now: int, given: Fields) -> Transition | None:
        """Bring a document, which is nobody else's, into the state that a row leads to; how that ends, if it passes."""
        document, kept = life
        moment = Moment(document, kept, now, given)
        shown = {} if row.effect is None else row.effect(moment)
        beside = {} if row.keeps is None else row.keeps(moment)
        document[self.field] = self.shown.get(row.target, row.target)
        put_fields(document, shown)
        put_fields(kept, beside)
        kept[SINCE] = now
        if row.target in self.shown:
            kept[STATE] = row.target
        else:
            kept.pop(STATE, None)
        after = self._passing(life)
        if after is None and OUTCOME in kept:
            # It came about, or nothing is left that could turn out so.
            del kept[OUTCOME]
        return after

    # Time

    def next_step(self, life: Life, then: int) -> Step | None:
        """What happens next by itself to a document that was so then; None if nothing ever will."""
        document, kept = life
        state, since = self.state_of(life), kept.get(SINCE, then)
        first: Step | None = None
        for due, row in self.due.get(state, ()):
            instant = due(document, kept, since)
            if instant is not None and (first is None or instant < first.instant):
                first = Step(instant, row)
        passing = None if kept.get(HELD) else self._passing(life)
        if passing is not None and passing.seconds is not None:
            instant = since + passing.seconds * SECOND
            if first is None or instant < first.instant:
                first = Step(instant, passing)
        return first

    def live(self, life: Life, then: int, now: int) -> Life | None:
        """What a document that was so then is now; the same one if nothing changed, None if it is gone."""
        stored = then
        for _ in range(MAX_STEPS):
            step = self.next_step(life, then)
            # What was stored at a later instant is until then as it was stored.
            if step is None or max(step.instant, stored) > now:
                break
            moved = self._step(self._metered(life, then, step.instant), step)
            if moved is None:
                return None
            life, then = moved, max(then, step.instant)
        return self._metered(life, then, now)

    def _step(self, life: Life, step: Step) -> Life | None:
        """The document after what happens by itself. Passing states that follow end at once, where nothing is kept
        that says otherwise."""
        moved = self._move(life, step.transition, step.instant, {})
        if moved is None or step.transition.seconds is not None or moved.kept.keys() & {HELD, TIMED}:
            return moved
        return self.settle(moved, step.instant)

    def _metered(self, life: Life, then: int, now: int) -> Life:
        meter = self.meters.get(self.state_of(life))
        return life if meter is None or now <= then else Life(meter(life.document, then, now), life.kept)

    def dues(self, life: Life, then: int) -> list[int]:
        """The instants from `then` on at which a transition changes the document, in order; what should have happened
        before happens then."""
        found, now = list[int](), then
        for _ in range(MAX_STEPS):
            step = self.next_step(life, now)
            if step is None:
                break
            target, before, now = step.transition.target, now, max(now, step.instant)
            found.append(now)
            if target not in self.due and target not in self.passing:
                # The document as it is then is the dear part, and nothing happens to it any more.
                break
            moved = self._step(self._metered(life, before, step.instant), step)
            if moved is None:
                break
            life = moved
        return found

    def age(self, document: Document, then: int, now: int) -> Document | None:
        """The same of a document of which nothing is kept: `live`, for those that were seeded or put in by hand."""
        life = self.live(Life(document, {}), then, now)
        return None if life is None else life.document
