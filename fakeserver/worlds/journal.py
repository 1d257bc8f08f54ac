"""The journal of a world: what arrived, what was answered, and what the client did that the real API would not like.

Verification uses WireMock's request-pattern names. No credential is ever shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TypeGuard

from fakeserver.faults.headers import MAX_RETRY_DIGITS
from fakeserver.instants import FIRST_INSTANT, LAST_INSTANT, SECOND
from fakeserver.parts import Part
from fakeserver.problems import Document, FakeProblem
from fakeserver.worlds.counts import Counts
from fakeserver.worlds.entries import Encoded, Entry, Exchange, describe
from fakeserver.worlds.patterns import read_pattern

MAX_ENTRIES = 1_000
MAX_EFFORT = 10_000_000_000
"""A pattern's size times the characters of the journal: a second's work for the worst of expressions."""
LATEST_RETRY = LAST_INSTANT + 10**MAX_RETRY_DIGITS * SECOND
LOOP = 5
"""So many equal requests for a page in a row look like a client that never turns it."""

HASTE = 0.75
"""Less than this part of the SDK's wait is too soon: SDKs shorten it a little by chance."""

Client = tuple[str | None, str | None]
"""A provider, and the name of a caller of it."""


class Journal:
    """A bounded ring of entries, and the little memory that client warnings need."""

    changed = False
    """Requests alone leave something here, and a world may be dropped for all they did."""

    def __init__(self, most: int = MAX_ENTRIES) -> None:
        """It keeps so many; the oldest make room."""
        self.most = most
        # An exchange is put into words when somebody reads it, and its entry then takes its place: most are pushed
        # out of the ring unread, and a request should not pay for them.
        self._ring: deque[Exchange | Entry | Encoded] = deque(maxlen=most)
        self.total = 0
        self._retry_at: dict[Client, int] = {}
        self._last: Exchange | Entry | None = None
        self._repeated = 0
        self._counts, self._counted = Counts(), 0

    @property
    def era(self) -> object:
        """What is another one once the journal was emptied."""
        return self._ring

    @property
    def dropped(self) -> int:
        """How many made room for others."""
        return self.total - len(self._ring)

    def clear(self) -> None:
        self._ring = deque(maxlen=self.most)
        self.total = 0
        self._retry_at.clear()
        self._last, self._repeated = None, 0
        self._counts, self._counted = Counts(), 0

    def count(self) -> Counts:
        """How often what was asked, since the journal was emptied or this process has it; many requests at a time."""
        fresh = min(self.total - self._counted, len(self._ring))
        ring = islice(self._ring, len(self._ring) - fresh, None)
        self._counts.add([each for each in ring if not isinstance(each, Encoded)])
        self._counted = self.total
        return self._counts

    def add(self, exchange: Exchange) -> None:
        """One more request."""
        about, last = exchange.about, self._last
        self._last = exchange
        self._repeated = repeated = self._repeated + 1 if last is not None and asks_the_same(last, exchange) else 1
        if (repeated > 1 and (repeated == LOOP or (about.creation and has_failed(last)))) or self._retry_at:
            found = (*self._find_remarks(exchange, last),)
            if found:
                exchange = Exchange(exchange.instant, replace(about, remarks=(*about.remarks, *found)))
        if about.retry_after is not None and about.retry_after.isdigit():
            self._retry_at[about.provider, about.caller] = exchange.instant + int(about.retry_after) * SECOND
        self._append(exchange)

    def _append(self, exchange: Exchange) -> None:
        """Keep it in the ring."""
        if self.total - self._counted >= self.most:
            self.count()
        self.total += 1
        self._ring.append(exchange)

    def _find_remarks(self, exchange: Exchange, last: Exchange | Entry | None) -> Iterator[str]:
        about = exchange.about
        retry_at = self._retry_at.pop((about.provider, about.caller), None)
        if retry_at is not None and exchange.instant < retry_at:
            yield f"Retry-After was ignored: {(retry_at - exchange.instant) / SECOND:.1f} s too early"
        if self._repeated == LOOP and about.poll_seconds and isinstance(last, Exchange):
            waited = (exchange.instant - last.instant) / SECOND
            if waited < about.poll_seconds * HASTE:
                told = f"asked again after {waited:.2f} s"
                yield f"the same was {told}, {LOOP} times in a row; the SDK waits {about.poll_seconds:g} s"
        elif self._repeated == LOOP and about.values is not None and about.is_list:
            yield f"the same page was asked for {LOOP} times in a row: a loop that never turns the page?"
        if about.creation and has_failed(last) and last.about.body == about.body:
            yield "a creation that failed was sent again and had no key for that: both may have taken effect"

    def entries(self) -> Iterator[Entry]:
        """Newest first."""
        for age in range(len(self._ring)):
            place = len(self._ring) - 1 - age
            entry = self._ring[place]
            if isinstance(entry, Encoded):
                entry = self._ring[place] = entry.read()
            if isinstance(entry, Exchange):
                # Only a snapshot brings entries with numbers of their own, and they are older than every exchange.
                entry = self._ring[place] = describe(entry, self.total - age)
            yield entry

    # Snapshots

    def dump(self) -> Document:
        return {
            "total": self.total,
            "repeated": self._repeated,
            "retry_at": [[*client, instant] for client, instant in self._retry_at.items()],
            "entries": [entry.dump() for entry in self.newest(MAX_ENTRIES)[::-1]],
        }

    def load(self, part: Part, served: object = None) -> None:
        """Become what `dump` wrote, the oldest entry first."""
        rows, last = part.elements("entries", MAX_ENTRIES), 0
        for index in rows.names():
            entry = Entry.load(rows.part(index), after=last)
            self._ring.append(entry)
            self._last, last = entry, entry.number
        self.total = part.count("total", last)
        self._counted = self.total
        self._load_memory(part)
        part.end()

    def _load_memory(self, part: Part) -> None:
        """What client warnings need beside the entries."""
        waits = part.elements("retry_at", MAX_ENTRIES)
        for index in waits.names():
            row = waits.row(index, ("provider", "caller", "instant"))
            client = row.maybe("provider"), row.maybe("caller")
            self._retry_at[client] = row.integer("instant", FIRST_INSTANT, LATEST_RETRY)
        self._repeated = part.count("repeated")

    # Reading

    def newest(self, count: int) -> list[Entry]:
        """So many entries, as far as they are kept, newest first."""
        return [*islice(self.entries(), max(0, count))]

    def numbered(self, number: int) -> Entry | None:
        """The entry of a number, if it is kept."""
        return next((entry for entry in self.entries() if entry.number == number), None)

    def rows(self, limit: int | None = None) -> list[Document]:
        """Newest first."""
        return [entry.row() for entry in islice(self.entries(), limit)]

    def find(self, pattern: Document) -> list[Document]:
        """The entries that match a request pattern, newest first; a FakeProblem where an expression in it cannot be
        used, or is too much work for this journal."""
        wanted = read_pattern(pattern)
        entries = [*self.entries()]
        characters = sum(len(entry.path) + len(entry.query) for entry in entries)
        if wanted.size * characters > MAX_EFFORT:
            raise FakeProblem(
                422,
                "The pattern takes too long over this journal: make it shorter, or empty the journal first",
                field="body",
            )
        return [entry.row() for entry in entries if wanted.matches(entry)]

    def unmatched(self) -> list[Document]:
        """Requests that no operation was found for."""
        return [entry.row() for entry in self.entries() if entry.operation is None]


def has_failed(last: Exchange | Entry | None) -> TypeGuard[Exchange]:
    """Whether a client cannot know if what it asked before took effect."""
    return isinstance(last, Exchange) and last.about.failed


def asks_the_same(before: Exchange | Entry, now: Exchange) -> bool:
    """Whether the same caller asks for the same path and query again."""
    if isinstance(before, Exchange):
        one, other = before.about, now.about
        return one is other or (
            one.query == other.query
            and one.body == other.body
            and one.path == other.path
            and one.caller == other.caller
            and one.provider == other.provider
        )
    # A snapshot has only what was put into words.
    entry = describe(now, 0)
    return (before.path, before.query, before.caller) == (entry.path, entry.query, entry.caller)
