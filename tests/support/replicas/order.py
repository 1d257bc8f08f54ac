"""Linearizability: is there an order of all operations, in which each takes effect between its call and its return,
that explains every answer?

The search is that of Wing and Gong, of the kind of Lowe's ("Testing for linearizability"): an operation is put into the
order no sooner than its return, or that of another behind it, asks for it. What only reads is put there as soon as what
there is explains its answer, which no later place can make better. An order is given up as soon as it has left behind
what somebody saw who is not in it yet, and nobody can bring that back in time.

Most of what is under way has nothing to do with whoever must be next, and might as well come later. So at first only
those are tried that change what the next one depends on, or what anybody saw whom that would contradict. An order that
is found so explains all answers as any other does; only where there is none, all that are under way are tried.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

NEVER = 2**63
"""When an operation returns that nobody knows the end of: it may take effect at any time, or never."""
MOST_TRIED = 200_000
"""Beginnings of orders that are tried before a history counts as undecided, and as many by the narrow way before."""
AHEAD = 3
"""Operations on a part that are still to be called, and are looked at before an order goes on."""

Part = Hashable
S = TypeVar("S", bound="State")


class State(Protocol):
    """What there is at a time. Equal states have equal hashes."""

    def whole(self, part: Part) -> Part:
        """What a part belongs to, of which it may be that somebody uses all."""
        ...


class Operation(Protocol[S]):
    """What somebody asked, and was answered."""

    called: int
    returned: int

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        ...

    @property
    def parts(self) -> frozenset[Part] | None:
        """What it may change; None if that may be anything."""
        ...

    @property
    def uses(self) -> Iterable[Part]:
        """Parts, and wholes, on which its answer depends."""
        ...

    def misses(self, state: S, part: Part) -> bool:
        """Whether its answer contradicts what there is of one part, whatever there is of all others."""
        ...

    def missed(self, state: S) -> Iterable[Part]:
        """All parts that it contradicts so."""
        ...

    def is_past(self, state: S) -> bool:
        """Whether its answer contradicts this state and all that can ever follow it."""
        ...

    def changes(self, before: S, after: S) -> Iterable[Part]:
        """The parts that it has changed."""
        ...

    def take(self, state: S) -> S | None:
        """The state that it makes of one; None if what it was answered contradicts that."""
        ...


@dataclass(frozen=True)
class Verdict:
    """`blocked` is the operation that no order explains, None if there is an order; `undecided` if too many were tried.
    `beside` are those that were under way when it returned."""

    blocked: Any = None
    beside: tuple[Any, ...] = ()
    tried: int = 0
    undecided: bool = False

    @property
    def holds(self) -> bool:
        return self.blocked is None and not self.undecided

    def __str__(self) -> str:
        if self.holds:
            return "holds"
        told = "too many orders were tried" if self.undecided else "no order explains"
        return "\n    beside ".join([f"{told}: {self.blocked}", *map(str, self.beside)])


@dataclass(eq=False)
class Node(Generic[S]):
    """The beginning of an order: up to which event, who is under way and not in it (`waiting`), who is in it already
    (`early`), and what there is behind it."""

    event: int
    waiting: frozenset[int]
    early: frozenset[int]
    state: S
    rest: Iterator[Node[S]] = field(default_factory=lambda: iter(()))


class Search(Generic[S]):
    """Of one history."""

    def __init__(self, operations: Sequence[Operation[S]], most: int = MOST_TRIED, *, narrow: bool = False) -> None:
        self._all = operations
        self._most = most
        self._narrow = narrow
        # What is called at the instant at which another returns counts as at the same time.
        events = [(each.called, 0, number) for number, each in enumerate(operations)]
        events += [(each.returned, 1, number) for number, each in enumerate(operations) if each.returned < NEVER]
        self._events = sorted(events)
        self._calls: dict[Part, list[int]] = {}
        """By part, when somebody is called who may change it; None stands for those who may change anything."""
        self._users: dict[Part, list[tuple[int, int]]] = {}
        """By part, when somebody is called whose answer depends on it."""
        for called, returns, number in self._events:
            each = operations[number]
            if returns:
                continue
            for part in (each.parts if each.parts is not None else [None]) if not each.reads else ():
                self._calls.setdefault(part, []).append(called)
            for part in each.uses:
                self._users.setdefault(part, []).append((called, number))

    def run(self, start: S) -> Verdict:
        node = self._go_on(Node(0, frozenset(), frozenset(), start))
        path, seen, tried, furthest = [node], set[Any](), 0, node
        while path:
            node = path[-1]
            if node.event == len(self._events):
                return Verdict(tried=tried)
            if node.event > furthest.event:
                furthest = node
            following = next(node.rest, None)
            if following is None:
                path.pop()
                continue
            tried += 1
            if tried > self._most:
                return Verdict(*self._told(furthest), tried, undecided=True)
            # Who is in the order early is all others that are under way.
            key = (following.event, following.waiting, following.state)
            if key not in seen:
                seen.add(key)
                path.append(following)
        return Verdict(*self._told(furthest), tried)

    def _told(self, node: Node[S]) -> tuple[Operation[S], tuple[Operation[S], ...]]:
        blocked = self._events[node.event][2]
        return self._all[blocked], tuple(self._all[each] for each in sorted(node.waiting - {blocked}))

    def _go_on(self, node: Node[S]) -> Node[S]:
        """Up to the first return of somebody who is not in the order yet; what may follow there is `rest`."""
        event, waiting, early = node.event, node.waiting, node.early
        while event < len(self._events):
            _, returns, number = self._events[event]
            if not returns:
                if self._all[number].reads and self._all[number].take(node.state) is not None:
                    early |= {number}
                else:
                    waiting |= {number}
            elif number in early:
                early -= {number}
            else:
                break
            event += 1
        reached = Node(event, waiting, early, node.state)
        if event < len(self._events):
            reached.rest = self._following(reached, self._events[event][2])
        return reached

    def _following(self, node: Node[S], blocked: int) -> Iterator[Node[S]]:
        """With each that may be the next in the order, the most promising first."""
        missed = self._missed(node, blocked)

        def promise(number: int) -> tuple[int, int]:
            parts = self._all[number].parts
            rank = 0 if number == blocked else 2 if parts is None else 1 if parts & missed else 3
            return rank, self._all[number].returned

        writers = {each for each in node.waiting if not self._all[each].reads}
        for number in sorted(self._needed(node, blocked, writers) if self._narrow else writers, key=promise):
            each = self._all[number]
            state = each.take(node.state)
            if state is None:
                continue
            waiting = node.waiting - {number}
            explained = {one for one in waiting if self._all[one].reads and self._all[one].take(state) is not None}
            waiting -= explained
            if not self._loses(each.changes(node.state, state), state, waiting, self._events[node.event][0]):
                yield self._go_on(Node(node.event, waiting, node.early | {number} | explained, state))

    def _needed(self, node: Node[S], blocked: int, writers: set[int]) -> set[int]:
        """Those of the writers that may have to come before whoever must be next."""
        first = self._all[blocked]
        wanted = {*first.missed(node.state)} if first.reads else {*first.uses, *(first.parts or ())}
        if not wanted or any(self._moves(each, node.state, wanted) for each in writers):
            return writers
        readers = [each for each in map(self._all.__getitem__, node.waiting) if each.reads]
        needed, more = set[int](), {blocked} & writers
        while True:
            needed |= more
            changed = {part for each in more for part in self._all[each].parts or ()}
            changed |= {node.state.whole(part) for part in changed}
            wanted |= {
                part for each in readers if not changed.isdisjoint(each.uses) for part in each.missed(node.state)
            }
            more = {each for each in writers - needed if not wanted.isdisjoint(self._all[each].parts or ())}
            if not more:
                return needed

    def _moves(self, number: int, state: S, wanted: set[Part]) -> bool:
        """Whether somebody who may change anything would change one of these parts. Others' effects may depend on what
        came before that."""
        each = self._all[number]
        if each.parts is not None:
            return False
        after = each.take(state)
        return not wanted.isdisjoint(each.uses) or (
            after is not None and not wanted.isdisjoint(each.changes(state, after))
        )

    def _missed(self, node: Node[S], blocked: int) -> frozenset[Part]:
        """Parts that are not as somebody had them who waits; and what whoever must be next depends on."""
        missed = {part for number in node.waiting for part in self._all[number].missed(node.state)}
        return frozenset({*missed, *self._all[blocked].uses})

    def _loses(self, changed: Iterable[Part], state: S, waiting: frozenset[int], now: int) -> bool:
        """Whether somebody who waits, or is called next, had a part that is no longer so, and that nobody can make so
        again before they return."""
        if any(self._all[number].is_past(state) for number in waiting):
            return True
        for part in changed:
            for number in {*waiting, *self._next_users(part, now), *self._next_users(state.whole(part), now)}:
                if self._all[number].misses(state, part) and not self._may_change(part, number, waiting, now):
                    return True
        return False

    def _next_users(self, part: Part, now: int) -> Iterator[int]:
        users = self._users.get(part, [])
        place = bisect_right(users, (now, NEVER))
        return (number for _, number in users[place : place + AHEAD])

    def _may_change(self, part: Part, user: int, waiting: frozenset[int], now: int) -> bool:
        """Whether somebody who is not in the order yet may change a part before a user of it returns."""
        for number in waiting:
            parts = self._all[number].parts
            if number != user and not self._all[number].reads and (parts is None or part in parts):
                return True
        until = self._all[user].returned
        for calls in (self._calls.get(part, []), self._calls.get(None, [])):
            place = bisect_right(calls, now)
            own = self._all[user].called
            while place < len(calls) and calls[place] <= until:
                if calls[place] != own:
                    return True
                place += 1
        return False


def judge(operations: Sequence[Operation[S]], start: S, most: int = MOST_TRIED) -> Verdict:
    """Whether some order explains all of it."""
    found = Search(operations, most, narrow=True).run(start)
    return found if found.holds else Search(operations, most).run(start)


@dataclass(frozen=True)
class Glimpse:
    """What an operation shows of one part, by itself."""

    of: Any
    part: Part

    reads = True
    parts = frozenset[Part]()

    @property
    def called(self) -> int:
        found: int = self.of.called
        return found

    @property
    def returned(self) -> int:
        found: int = self.of.returned
        return found

    @property
    def uses(self) -> Iterable[Part]:
        return (self.part,)

    def misses(self, state: S, part: Part) -> bool:
        found: bool = part == self.part and self.of.misses(state, part)
        return found

    def missed(self, state: S) -> Iterable[Part]:
        return (self.part,) if self.misses(state, self.part) else ()

    def is_past(self, state: S) -> bool:
        return False

    def changes(self, before: S, after: S) -> Iterable[Part]:
        return ()

    def take(self, state: S) -> S | None:
        return None if self.misses(state, self.part) else state

    def __str__(self) -> str:
        return str(self.of)


def judge_parts(operations: Sequence[Operation[S]], start: S, most: int = MOST_TRIED) -> Iterator[tuple[Part, Verdict]]:
    """Parts by themselves, each with those that somebody changed together with it, and with all that may have changed
    anything. It says soon which one is wrong, and none is unless the whole is."""
    together: dict[Part, Part] = {}

    def first(part: Part) -> Part:
        while together.setdefault(part, part) != part:
            part = together[part]
        return part

    for each in operations:
        if not each.reads:
            found = [*map(first, each.parts or ())]
            together.update(dict.fromkeys(found, min(found, key=repr, default=None)))
    groups: dict[Part, list[Any]] = {}
    movers = [each for each in operations if not each.reads and each.parts is None]
    for each in operations:
        if each.reads:
            for part in each.uses:
                groups.setdefault(first(part), []).append(Glimpse(each, part))
        elif each.parts:
            groups.setdefault(first(next(iter(each.parts))), []).append(each)
    for part, members in groups.items():
        yield part, judge([*members, *movers], start, most)
