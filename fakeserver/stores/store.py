"""What a store is asked: one small interface, whatever keeps the bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

FORMAT = 2
"""Of what is kept. It goes up when a program of before could not read it."""
WRITTEN = (
    "SELECT name, EXISTS (SELECT 1 FROM log WHERE world = name AND number > upto)"
    " OR EXISTS (SELECT 1 FROM snapshots WHERE world = name) FROM worlds ORDER BY used_at DESC, name"
)
"""By world whether anything was written there, in the words of every store."""

Key = tuple[str, str]
"""A provider, and the id of one of its sandboxes."""
Left = tuple[bytes | None, str]
"""What a sandbox has left: its files, frozen, and its variables as JSON."""
Counters = Mapping[tuple[str, ...], tuple[float, int]]
"""What was used of rate limits, as of an instant."""


class StoreError(Exception):
    """A store cannot be used; the message is one line without a secret."""


class Unavailable(StoreError):
    """A store that was there does not answer, or takes nothing more. `reason` is one word for it; `unknown` where it
    may have kept what it was given."""

    def __init__(self, reason: str, detail: str, *, unknown: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.unknown = unknown


READABLE = frozenset({"full", "locked", "read-only"})
"""Reasons for which nothing can be kept, and all that is kept can be read."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the log: a world and what happened to it, at an instant on the wall (microseconds since 1970)."""

    number: int
    world: str
    at: int
    entries: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A world as it is kept: its epoch, how its clock began (JSON), a snapshot, which stands for all rows up to one
    (`upto`), the rows behind that, what sandboxes have left, what was used of rate limits, and its journal."""

    name: str
    epoch: int
    anchor: str
    snapshot: bytes | None
    rows: Sequence[Row]
    left: Mapping[Key, Left]
    counters: Counters
    journal: Journalled
    upto: int = 0

    @property
    def reached(self) -> int:
        """The newest row that there is of it."""
        return self.rows[-1].number if self.rows else self.upto


@dataclass(frozen=True, slots=True)
class Journalled:
    """A journal: the number of its newest entry, entries with their numbers, oldest first, and what it has beside them
    (JSON)."""

    total: int
    entries: Sequence[tuple[int, bytes]]
    state: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One world in a list: whether anything was written there, when it was used last (microseconds since 1970), and
    how much is kept of it."""

    name: str
    epoch: int
    written: bool
    used_at: int
    rows: int
    bytes: int
    entries: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in what happened to a store: its newest row, and the commit, by its number and by a token that no other
    has, so that a past which a store has lost is noticed."""

    position: int
    number: int
    token: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Word of a process (`holder`) that shows a world as of a row without asking, for a short while."""

    holder: str
    world: str
    position: int


@dataclass(frozen=True, slots=True)
class Look:
    """What has happened to a store since a mark: rows, worlds of which a snapshot has taken the place of some, and the
    mark of now. `follows` is false where the past is not the one that led to the mark. `stale` are the leases of others
    on worlds that something has happened to since, `own` the worlds that this process has leases on which hold, and
    `lost` those on which they do not."""

    rows: Sequence[Row]
    doubtful: frozenset[str]
    mark: Mark
    follows: bool
    stale: frozenset[Lease]
    own: frozenset[str]
    lost: frozenset[str]


class Change(Protocol):
    """What somebody changes of a store, who is alone in that, in all processes, until it is committed or undone; in one
    thread at a time. Everything may raise `Unavailable`, and nothing has changed then."""

    def add_world(self, name: str, epoch: int, anchor: str, at: int) -> None:
        """A new world, in the place of none."""
        ...

    def drop_world(self, name: str, at: int) -> None: ...

    def append(self, world: str, at: int, entries: bytes) -> None:
        """One more row."""
        ...

    def put_snapshot(self, world: str, snapshot: bytes, upto: int | None = None) -> None:
        """Let a snapshot stand for all rows of a world, or for those up to one. Those since the snapshot before stay,
        for whoever is just reading them."""
        ...

    def put_left(self, world: str, key: Key, left: Left | None) -> None: ...

    def clear_left(self, world: str) -> None: ...

    def counters(self, world: str) -> Counters: ...

    def put_counters(self, world: str, counters: Counters) -> None: ...

    def clear_counters(self, world: str) -> None: ...

    def journal_total(self, world: str) -> int | None:
        """The number of the newest entry of a journal; None where there is no such world."""
        ...

    def put_journal(self, world: str, journal: Journalled, most: int | None) -> None:
        """More entries, and so many are kept; with None, all for now."""
        ...

    def clear_journal(self, world: str) -> None: ...

    def use(self, world: str, at: int) -> None:
        """Note when a world was used last."""
        ...

    def note(self, name: str, text: str | None) -> None:
        """Keep a word of a server; None takes it away."""
        ...

    def notes(self) -> dict[str, str]: ...

    def commit(self) -> int:
        """Make it durable; the number of the newest row."""
        ...

    def undo(self) -> None: ...


class RemoteChange(Change, Protocol):
    """A change of a store that many machines share."""

    look: Look
    """What had happened when nobody else could change anything any longer."""
    stale: frozenset[Lease]
    """Of others, as of the commit."""
    written: set[str]
    """Worlds that something happens to."""

    def mark(self) -> Mark:
        """As of the commit."""
        ...


class Store(Protocol):
    """Keeps worlds. All but `close` may raise `Unavailable`."""

    @property
    def name(self) -> str:
        """What it is called in front of people, without a secret."""
        ...

    def has(self, world: str) -> bool:
        """Whether there is such a world."""
        ...

    def rows_of(self, world: str) -> int:
        """How many rows a world has behind its snapshot."""
        ...

    def read(self, world: str) -> Kept | None:
        """All that is kept of a world."""
        ...

    def left(self, world: str, key: Key) -> Left | None: ...

    def journal_after(self, world: str, number: int) -> Journalled | None: ...

    def worlds(self) -> list[Listed]:
        """All worlds, those that were used most lately first. To say how much is kept of each, all of it is read."""
        ...

    def count(self) -> int:
        """How many worlds there are."""
        ...

    def written(self) -> dict[str, bool]:
        """By the name of each world whether anything was written there, those that were used most lately first."""
        ...

    def notes(self) -> dict[str, str]: ...

    def change(self, seconds: float) -> Change | None:
        """Begin to change something; None if others have not let go of it after so long."""
        ...

    def claim(self, number: int) -> contextlib.AbstractContextManager[None]:
        """Have a number of 56 bits to oneself, among all processes; for threads, each of which waits for it. A process
        that is gone has none."""
        ...

    def check(self) -> None:
        """Raise what is wrong with it."""
        ...

    def close(self) -> None: ...


class LocalStore(Store, Protocol):
    """One that costs next to nothing to ask."""

    def has_news(self) -> bool:
        """Whether anybody may have committed anything since this was asked last."""
        ...

    def position(self) -> int:
        """The number of the newest row."""
        ...

    def rows_after(self, position: int) -> tuple[list[Row], set[str]]:
        """The rows behind one, of all worlds; and the worlds of which a snapshot has taken the place of some."""
        ...


class Glances(Protocol):
    """Asks for the newest commit, on a session of its own: whoever asks goes on when its socket can be read. One at a
    time. All but `close` may raise `Unavailable`, which says nothing of the store: the session is to be closed, and may
    be opened again."""

    @property
    def seconds(self) -> float:
        """How long an answer may take."""
        ...

    def open(self) -> int:
        """Begin the session, in a thread; its socket."""
        ...

    def ask(self) -> None: ...

    def answer(self) -> Mark | None:
        """What has come since; None as long as that is not all."""
        ...

    def slow(self) -> Unavailable:
        """What to say of a store whose answer has not come."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class RemoteStore(Store, Protocol):
    """One that is asked over a network, so by threads."""

    def mark(self) -> Mark:
        """As of now."""
        ...

    def look(self, mark: Mark) -> Look:
        """What has happened since."""
        ...

    def glances(self) -> Glances:
        """What tells without a thread whether anything has."""
        ...

    def begin(self, seconds: float, mark: Mark) -> RemoteChange | None:
        """As `change`, with a look at what has happened since."""
        ...

    def lease(self, worlds: Collection[str], position: int) -> None:
        """Have leases on worlds, as of a row; they hold when the next look says so."""
        ...

    def give_up(self, worlds: Collection[str]) -> None:
        """Have no longer any on these."""
        ...

    def void(self, leases: Collection[Lease]) -> None:
        """Take away those of others that have run out."""
        ...
