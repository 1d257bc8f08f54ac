"""What clients asked of a world and were answered, in the words of the plain models (`tests.support.lives`): what each
operation makes of a world, and which worlds explain its answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from tests.support.asgi import Row
from tests.support.lives.model import Provider, Question, Sandbox
from tests.support.replicas.order import NEVER, Part

SECOND = 1_000_000
Place = tuple[str, str]
"""A provider and one of its tenants."""
Key = tuple[str, str, str]
"""The same and the id of a sandbox."""
Shown = tuple[str, int, Row]
"""What an answer shows of a sandbox: its state, when it was made, and the fields of it that the model knows."""
CLOCK = "clock"
NOTHING: frozenset[Part] = frozenset()


@dataclass(frozen=True, slots=True)
class Entry:
    """A sandbox as it is in a world, which nobody changes. Up to the instant `quiet` holds it is known to stay so by
    itself."""

    sandbox: Sandbox
    shown: Shown
    print: int
    quiet: list[int] = field(default_factory=lambda: [0], compare=False)


def entry_of(sandbox: Sandbox) -> Entry:
    text = json.dumps([sandbox.id, sandbox.state, sandbox.created, sandbox.row, sandbox.facts], sort_keys=True)
    return Entry(sandbox, (sandbox.state, sandbox.created, sandbox.row), hash(text))


@dataclass(frozen=True, eq=False)
class World:
    """All that a world is, as far as the models know it. Its clock stands until somebody moves it."""

    providers: Mapping[str, Provider]
    now: int
    places: Mapping[Place, Mapping[str, Entry]]
    print: int = 0
    later: dict[int, World] = field(default_factory=dict, repr=False)
    """What it becomes after so many seconds, since every order of the same operations asks for that."""

    def __hash__(self) -> int:
        return hash((self.now, self.print))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, World) and (self.now, self.places) == (other.now, other.places)

    def part(self, name: Part) -> Any:
        """The instant that it is (`CLOCK`), or what lists show of a sandbox."""
        if name == CLOCK:
            return self.now
        key = cast(Key, name)
        found = self.places[key[0], key[1]].get(key[2])
        return None if found is None else found.shown

    def whole(self, part: Part) -> Part:
        """All sandboxes of a tenant."""
        return part[:2] if isinstance(part, tuple) else part

    def sandbox(self, key: Key) -> Sandbox | None:
        """One that may be changed."""
        found = self.places[key[0], key[1]].get(key[2])
        return None if found is None else copied(found.sandbox)

    def put(self, place: Place, *changes: tuple[str, Sandbox | None]) -> World:
        """With these sandboxes in the place of those of their ids; None takes one away."""
        entries, total = dict(self.places[place]), self.print
        for identity, sandbox in changes:
            gone = entries.pop(identity, None)
            total -= 0 if gone is None else gone.print
            # A change may make that its time is up already.
            if sandbox is not None and self.providers[place[0]].age(sandbox, self.now):
                entries[identity] = entry_of(sandbox)
                total += entries[identity].print
        return replace(self, places={**self.places, place: entries}, print=total, later={})

    def seen_by(self, place: Place, who: str) -> list[Sandbox]:
        provider = self.providers[place[0]]
        return [each.sandbox for each in self.places[place].values() if provider.sees(each.sandbox, who)]

    def advance(self, seconds: int) -> World:
        if seconds not in self.later:
            self.later[seconds] = self._advanced(seconds)
        return self.later[seconds]

    def _advanced(self, seconds: int) -> World:
        world = replace(self, now=self.now + seconds * SECOND, later={})
        for (slug, tenant), entries in self.places.items():
            changes: list[tuple[str, Sandbox | None]] = []
            for identity, entry in entries.items():
                if world.now <= entry.quiet[0]:
                    continue
                sandbox = copied(entry.sandbox)
                stays = self.providers[slug].age(sandbox, world.now)
                if not stays or sandbox != entry.sandbox:
                    changes.append((identity, sandbox if stays else None))
                else:
                    entry.quiet[0] = world.now
            if changes:
                world = world.put((slug, tenant), *changes)
        return world


def copied(sandbox: Sandbox) -> Sandbox:
    # Without `replace`: most of what a judge does is this.
    row, facts = {**sandbox.row}, {**sandbox.facts}
    return Sandbox(sandbox.id, sandbox.state, sandbox.created, sandbox.tenant, row, facts)


def shown(sandbox: Sandbox) -> Shown:
    return sandbox.state, sandbox.created, sandbox.row


@dataclass(kw_only=True)
class Operation:
    """`called` and `returned` are instants of one clock; `client` is who asked, and `said` the request in short."""

    called: int
    returned: int = NEVER
    client: int = 0
    said: str = ""

    reads = False

    @property
    def parts(self) -> frozenset[Part] | None:
        return NOTHING

    @property
    def uses(self) -> Iterable[Part]:
        return ()

    def misses(self, world: World, part: Part) -> bool:
        return part in self.uses and self.take(world) is None

    def missed(self, world: World) -> Iterable[Part]:
        return self.uses if self.take(world) is None else ()

    def is_past(self, world: World) -> bool:
        return False

    def changes(self, before: World, after: World) -> Iterable[Part]:
        return self.parts or ()

    def take(self, world: World) -> World | None:
        raise NotImplementedError

    def __str__(self) -> str:
        end = "" if self.returned == NEVER else self.returned
        return f"{self.called}-{end} client {self.client}: {self.said} -> {self.answered}"

    @property
    def answered(self) -> Any:
        return None


class Write(Operation):
    """Of one sandbox; `happened` is None where nobody knows."""

    key: Key
    happened: bool | None

    @property
    def reads(self) -> bool:  # type: ignore[override]
        # What is refused changes nothing.
        return self.happened is False

    @property
    def parts(self) -> frozenset[Part] | None:
        return frozenset({self.key})

    @property
    def uses(self) -> Iterable[Part]:
        return (self.key,)

    @property
    def answered(self) -> Any:
        return {True: "done", False: "refused", None: "unknown"}[self.happened]


@dataclass(kw_only=True)
class Create(Write):
    """A sandbox that was not there; its answer says when it was made, and `make` tells it from an instant."""

    key: Key
    make: Any
    made: int
    happened: bool | None = True

    @property
    def uses(self) -> Iterable[Part]:
        return (CLOCK,)

    def misses(self, world: World, part: Part) -> bool:
        return part == CLOCK and self.made != world.now

    def is_past(self, world: World) -> bool:
        return self.made < world.now

    def take(self, world: World) -> World | None:
        slug, tenant, identity = self.key
        if identity in world.places[slug, tenant] or self.made != world.now:
            return None
        return world.put((slug, tenant), (identity, self.make(world.now)))


@dataclass(kw_only=True)
class Fire(Write):
    """An event, which happens exactly if the sandbox's state allows it."""

    key: Key
    event: str
    who: str
    answer: Row
    happened: bool | None

    @property
    def parts(self) -> frozenset[Part] | None:
        renamed = self.answer.get("vm_id")
        return frozenset({self.key} | ({(*self.key[:2], renamed)} if renamed else set()))

    def take(self, world: World) -> World | None:
        slug, tenant, identity = self.key
        provider, sandbox = world.providers[slug], world.sandbox(self.key)
        if sandbox is None:
            return None if self.happened in (True, None) else world
        allowed, target = provider.events[self.event]
        happens = sandbox.state in allowed and provider.may(self.event, sandbox, self.who)
        if happens != (self.happened in (True, None)):
            return None
        if not happens:
            return world
        if not target:
            return world.put((slug, tenant), (identity, None))
        sandbox.facts["was"] = sandbox.state
        sandbox.state = target
        provider.follow(self.event, sandbox, world.now, self.answer)
        del sandbox.facts["was"]
        sandbox.id = (provider.name_in(self.answer) if self.answer else None) or identity
        return world.put((slug, tenant), (identity, None), (sandbox.id, sandbox))


@dataclass(kw_only=True)
class Patch(Write):
    """Other values of some fields."""

    key: Key
    fields: Row
    happened: bool | None

    def take(self, world: World) -> World | None:
        sandbox = world.sandbox(self.key)
        if (sandbox is not None) != (self.happened in (True, None)):
            return None
        if sandbox is None:
            return world
        sandbox.row |= self.fields
        return world.put(self.key[:2], (self.key[2], sandbox))


@dataclass(kw_only=True)
class Advance(Operation):
    """The clock is moved; `reached` is the instant that it is then, by its answer."""

    seconds: int
    reached: int | None

    @property
    def parts(self) -> frozenset[Part] | None:
        return None

    @property
    def uses(self) -> Iterable[Part]:
        return () if self.reached is None else (CLOCK,)

    def misses(self, world: World, part: Part) -> bool:
        return part == CLOCK and self.reached not in (None, world.now + self.seconds * SECOND)

    def is_past(self, world: World) -> bool:
        return self.reached is not None and self.reached < world.now + self.seconds * SECOND

    def changes(self, before: World, after: World) -> Iterable[Part]:
        yield CLOCK
        for place, entries in after.places.items():
            if entries is not before.places[place]:
                for identity in before.places[place]:
                    if entries.get(identity) is not before.places[place][identity]:
                        yield *place, identity

    def take(self, world: World) -> World | None:
        return None if self.misses(world, CLOCK) else world.advance(self.seconds)

    @property
    def answered(self) -> Any:
        return self.reached


class Read(Operation):
    reads = True

    def explains(self, world: World) -> bool:
        raise NotImplementedError

    def take(self, world: World) -> World | None:
        return world if self.explains(world) else None


@dataclass(kw_only=True)
class Look(Read):
    """A page of a list: the sandboxes that it shows, in its order, and the total where it says one."""

    slug: str
    question: Question
    rows: list[tuple[str, Shown]]
    total: int | None

    def __post_init__(self) -> None:
        self._place = (self.slug, self.question.tenant)
        self._sees: Mapping[Part, Any] = {(*self._place, identity): seen for identity, seen in self.rows}
        places = [(-made, identity) for identity, (_, made, _) in self.rows]
        start, stop = self.question.window.start, self.question.window.stop
        # Between these places in the list it shows all that its filters find.
        self._first = places[0] if start and places else None
        self._last = places[-1] if places and stop is not None and len(places) == stop - start else None
        self._shows_between = bool(places) or not start

    @property
    def uses(self) -> Iterable[Part]:
        return [*self._sees, self._place]

    def misses(self, world: World, part: Part) -> bool:
        if part in self._sees:
            return bool(world.part(part) != self._sees[part])
        if not isinstance(part, tuple) or part[:2] != self._place or len(part) == len(self._place):
            return False
        entry = world.places[self._place].get(part[2])
        return entry is not None and self._lacks(world, entry.sandbox)

    def _lacks(self, world: World, sandbox: Sandbox) -> bool:
        """Whether it would show a sandbox that it does not."""
        place = (-sandbox.created, sandbox.id)
        return (
            self._shows_between
            and (self._first is None or place > self._first)
            and (self._last is None or place < self._last)
            and world.providers[self.slug].sees(sandbox, self.question.ask.who)
            and self.question.finds(sandbox)
        )

    def missed(self, world: World) -> Iterable[Part]:
        for part in (*self._sees, *((*self._place, identity) for identity in world.places[self._place])):
            if self.misses(world, part):
                yield part

    def explains(self, world: World) -> bool:
        for part, seen in self._sees.items():
            if world.part(part) != seen:
                return False
        question = self.question
        seen_by = world.seen_by((self.slug, question.tenant), question.ask.who)
        found = question.order(filter(question.finds, seen_by))
        expected = [(each.id, shown(each)) for each in found[question.window]]
        return expected == self.rows and self.total in (None, len(found))

    @property
    def answered(self) -> Any:
        return f"{self.total}: " + ", ".join(f"{identity} {state}" for identity, (state, _, _) in self.rows)


@dataclass(kw_only=True)
class Get(Read):
    """One sandbox; None where there is none."""

    key: Key
    seen: Shown | None

    @property
    def uses(self) -> Iterable[Part]:
        return (self.key,)

    def explains(self, world: World) -> bool:
        return bool(world.part(self.key) == self.seen)

    @property
    def answered(self) -> Any:
        return self.seen


@dataclass(kw_only=True)
class Count(Read):
    """Facets: how many are in each state, and in each project."""

    place: Place
    who: str
    states: Mapping[str, int]
    projects: Mapping[str, int]

    def explains(self, world: World) -> bool:
        seen = world.seen_by(self.place, self.who)
        projects = Counter(each.row["project_id"] for each in seen if each.row["project_id"] is not None)
        states = Counter(each.state for each in seen)
        return dict(self.states) == dict(states) and dict(self.projects) == dict(projects)

    @property
    def answered(self) -> Any:
        return self.states


@dataclass(kw_only=True)
class Now(Read):
    """What the clock says."""

    instant: int

    @property
    def uses(self) -> Iterable[Part]:
        return (CLOCK,)

    def is_past(self, world: World) -> bool:
        return self.instant < world.now

    def explains(self, world: World) -> bool:
        return self.instant == world.now

    @property
    def answered(self) -> Any:
        return self.instant


@dataclass
class History:
    """Of one world: how it began, and what was asked of it since; `wrong` are answers that nothing could explain, such
    as a 500."""

    start: World
    operations: list[Operation] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def unknown(self) -> int:
        """Operations of which nobody knows whether they took effect."""
        return sum(each.returned == NEVER for each in self.operations)
