"""What several processes that have the same world count together: its journal, and its rate limits. Each notes what it
answers, and now and then they tell each other (`serving.keeping`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple, TypeVar

import orjson

from fakeserver.instants import SECOND
from fakeserver.listing.limit import Limit
from fakeserver.parts import Part
from fakeserver.problems import Document, Json
from fakeserver.worlds.counts import Counts
from fakeserver.worlds.entries import Encoded, Exchange, Particulars, describe, moment_of
from fakeserver.worlds.journal import Journal
from fakeserver.worlds.rate_limits import Limits

MAX_SHARED_ENTRIES = 10_000
"""Of a journal that several processes write, unless a server is told otherwise."""
OVERFLOWING = 0.5
"""Part of what is kept that comes between two occasions to tell: of so much, little is there when somebody reads it."""
COUNTED_AT_ONCE = 1_000
"""Requests that are counted together, while the processor has them in its cache."""
Key = tuple[str, ...]
Counter = tuple[float, int]
Place = TypeVar("Place")


class Fresh(NamedTuple):
    """What a process has to tell of a journal: exchanges, oldest first, and how many before them made room untold."""

    exchanges: Sequence[Exchange]
    lost: int = 0


class SharedJournal(Journal):
    """Shows what all processes have told, and keeps aside what this one has not told yet. What a client repeats is
    noticed by each process for itself."""

    def __init__(self, most: int = MAX_SHARED_ENTRIES) -> None:
        super().__init__(most)
        # All count that were not told yet, however few are kept then.
        self._most_fresh = max(most, MAX_SHARED_ENTRIES)
        self._begin()

    def _begin(self) -> None:
        self.batch: list[Exchange] | None = None
        """What was noted since something began that may come to nothing; None where nothing has."""
        self._fresh: deque[Exchange] = deque(maxlen=self._most_fresh)
        self.noted = self._counted = 0
        """How many requests this process has noted, and the last of them that is counted."""
        self._settled = self._noted_before = 0
        """How many are neither to be told any longer nor lost, and how many had been noted when that was asked last."""
        self._era = object()

    @property
    def era(self) -> object:
        return self._era

    def clear(self) -> None:
        super().clear()
        self._begin()

    def _append(self, exchange: Exchange) -> None:
        if self.noted - self._counted >= COUNTED_AT_ONCE:
            self.count()
        self.noted += 1
        self._fresh.append(exchange)
        if self.batch is not None:
            self.batch.append(exchange)

    def forget_batch(self) -> None:
        """It came to nothing, and whoever asked was answered otherwise."""
        gone, self.batch = {*map(id, self.batch or ())}, None
        stays = [id(each) not in gone for each in self._fresh]
        self._counted = self.noted - sum(stays[len(stays) - (self.noted - self._counted) :])
        self._settled += len(stays) - sum(stays)
        self._fresh = deque(
            (each for each, does in zip(self._fresh, stays, strict=True) if does), maxlen=self._most_fresh
        )

    @contextmanager
    def beside_batch(self) -> Iterator[None]:
        """What is noted meanwhile was answered so, whatever comes of all else."""
        batch, self.batch = self.batch, None
        try:
            yield
        finally:
            self.batch = batch

    def count(self) -> Counts:
        """How often what was asked of this process, since the journal was emptied or it has the world."""
        # From the end: to begin in the middle takes as long as there are others before it.
        self._counts.add([*islice(reversed(self._fresh), self.noted - self._counted)])
        self._counted = self.noted
        return self._counts

    @property
    def fresh(self) -> int:
        """How many entries are to be told."""
        return len(self._fresh)

    def overflows(self) -> bool:
        """Whether so many requests came since this was asked last that what is told next makes room before long."""
        before, self._noted_before = self._noted_before, self.noted
        return self.noted > before + self._most_fresh * OVERFLOWING

    def take(self, number: int) -> Fresh:
        """So much of what is to be told."""
        self.count()
        lost = self.noted - self._settled - len(self._fresh)
        exchanges = [self._fresh.popleft() for _ in range(min(len(self._fresh), number))]
        self._settled += lost + len(exchanges)
        # Of what is told at a time, the last would push the first out.
        pushed = max(0, len(exchanges) - self.most)
        return Fresh(exchanges[pushed:], lost + pushed)

    def give_back(self, fresh: Fresh) -> None:
        """It could not be told now."""
        room = self._most_fresh - len(self._fresh)
        self._fresh.extendleft(reversed(fresh.exchanges[max(0, len(fresh.exchanges) - room) :]))
        self._settled -= fresh.lost + len(fresh.exchanges)

    def inherit(self, other: SharedJournal) -> None:
        """Tell what another one was to tell, in whose place this is; nothing if it was emptied since."""
        if other.total <= self.total:
            self._counts, self._fresh = other.count(), other._fresh
            self.noted = self._counted = other.noted
            self._settled, self._noted_before = other._settled, other._noted_before

    def merge(self, total: int, entries: Sequence[tuple[int, bytes]], part: Callable[[Json], Part]) -> None:
        """Show what all processes have told since `total` was as it is here."""
        for number, entry in entries:
            self._ring.append(Encoded(number, entry, part))
        self.total = total

    def load(self, part: Part, served: object = None) -> None:
        super().load(part, served)
        self._counted = self.noted

    def memory(self) -> Document:
        """What client warnings need beside the entries."""
        return {name: value for name, value in self.dump().items() if name in ("repeated", "retry_at")}

    def remember(self, part: Part) -> None:
        """Go on with what was told last."""
        self._retry_at.clear()
        self._load_memory(part)


def share_out(waiting: Mapping[Place, int], most: int) -> dict[Place, int]:
    """So many of all that waits, though at least one of each place: what is short whole, and of the rest as much each.
    Nothing waits for what is long."""
    found: dict[Place, int] = {}
    for place, number in sorted(waiting.items(), key=lambda each: each[1]):
        found[place] = min(number, max(1, most // (len(waiting) - len(found))))
        most -= found[place]
    return found


def told(fresh: Fresh, total: int) -> list[tuple[int, bytes]]:
    """What is told as entries that follow so many others."""
    entries = []
    known: dict[tuple[str, bytes], tuple[Particulars | None, Document]] = {}
    for number, exchange in enumerate(fresh.exchanges, total + fresh.lost + 1):
        # What is polled differs in its instant alone, and is not put into words again.
        about = exchange.about
        asked = about.path, about.query
        same, row = known.get(asked, (None, {}))
        if same == about:
            row = {**row, **moment_of(number, exchange.instant)}
        else:
            row = describe(exchange, number).dump()
            known[asked] = about, row
        entries.append((number, orjson.dumps(row)))
    return entries


class SharedLimits(Limits):
    """Counts on from what all processes have used, as of the last time that they told each other."""

    def __init__(self) -> None:
        super().__init__()
        self._taken: dict[Key, int] = {}

    def _keep(self, key: Key, used: float, instant: int, taken: int) -> None:
        super()._keep(key, used, instant, taken)
        self._taken[key] = self._taken.get(key, 0) + taken

    @property
    def has_fresh(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._taken)

    def take_fresh(self) -> dict[Key, tuple[int, Counter]]:
        """By counter, how many requests were counted since this was asked last, and what it says here."""
        taken, self._taken = self._taken, {}
        return {key: (number, self.counters[key]) for key, number in taken.items() if key in self.counters}

    def give_back(self, fresh: Mapping[Key, tuple[int, Counter]]) -> None:
        """They could not be told now."""
        for key, (number, _) in fresh.items():
            self._taken[key] = self._taken.get(key, 0) + number

    def inherit(self, other: SharedLimits) -> None:
        """Tell what another one was to tell, in whose place this is."""
        for key, (number, (_, begun)) in other.take_fresh().items():
            used, instant = self.counters.get(key, (0, begun))
            self.counters[key] = used + number, instant
            self._taken[key] = number

    def adopt(self, counters: Mapping[Key, Counter]) -> None:
        """What all processes have used by now."""
        for key, (used, instant) in counters.items():
            if key in self.counters:
                self.counters[key] = used + self._taken.get(key, 0), instant


def counted(
    known: Mapping[tuple[str, str], Limit], before: Mapping[Key, Counter], fresh: Mapping[Key, tuple[int, Counter]]
) -> dict[Key, Counter]:
    """What is used of rate limits when what one process counted is added to what all had used before."""
    found = {}
    for key, (number, (used, instant)) in fresh.items():
        limit, there = known.get((key[0], key[1])), before.get(key)
        if limit is None or there is None:
            found[key] = used, instant
        elif limit.bucket:
            paid_back = max(0, instant - there[1]) / (limit.seconds / limit.capacity * SECOND)
            found[key] = min(max(0.0, there[0] - paid_back) + number, float(limit.capacity)), max(instant, there[1])
        elif abs(instant - there[1]) < limit.seconds * SECOND:
            # The windows that processes begin by themselves become the one that was told first.
            found[key] = there[0] + number, min(instant, there[1])
        else:
            found[key] = used, instant
    return found
