"""The journal of a world: what arrived, what was answered, and what the client did that the real API would not like.

Verification uses WireMock's request-pattern names. No credential is ever shown.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from fakeserver.instants import SECOND
from fakeserver.problems import Document, FakeProblem, Json
from fakeserver.worlds.entries import Entry
from fakeserver.worlds.patterns import matcher

MAX_ENTRIES = 1_000
MAX_FIND_SECONDS = 1.0
LOOP = 5
"""So many equal requests for a page in a row look like a client that never turns it."""

MAX_WARNINGS = 20


class Record:
    """One request on its way into the journal; it is put into words when somebody reads it, since most are never read.

    `asked` is what makes two requests the same: path, query and caller's name."""

    number = 0
    instant = 0
    asked: tuple[str, bytes, str | None] = ("", b"", None)
    provider: str | None = None
    understood = False
    """Whether its parameters had values."""
    late: tuple[str, ...] = ()
    """Warnings that come from what was asked before."""
    entry: Entry | None = None

    def write(self) -> Entry:
        raise NotImplementedError

    def read(self) -> Entry:
        if self.entry is None:
            entry = self.write()
            self.entry = replace(entry, number=self.number, warnings=(*entry.warnings, *self.late))
        return self.entry


class Journal:
    """A bounded ring of entries, and the little memory that client warnings need."""

    def __init__(self) -> None:
        self._ring: deque[Record] = deque(maxlen=MAX_ENTRIES)
        self.total = 0
        self._retry_at: dict[tuple[str | None, str | None], int] = {}
        self._last: Record | None = None
        self._repeated = 0

    def clear(self) -> None:
        self._ring.clear()
        self.total = 0
        self._retry_at.clear()
        self._last, self._repeated = None, 0

    def add(self, record: Record, retry_after: str | None = None) -> None:
        """One more request."""
        self.total += 1
        record.number = self.total
        last, self._last = self._last, record
        self._repeated = self._repeated + 1 if last is not None and _same(last, record) else 1
        if self._repeated == LOOP or self._retry_at:
            record.late = tuple(self._repeat_warnings(record))
        if retry_after is not None and retry_after.isdigit():
            self._retry_at[record.provider, record.asked[2]] = record.instant + int(retry_after) * SECOND
        self._ring.append(record)

    def _repeat_warnings(self, record: Record) -> Iterable[str]:
        if self._retry_at:
            due = self._retry_at.pop((record.provider, record.asked[2]), None)
            if due is not None and record.instant < due:
                yield f"Retry-After was ignored: {(due - record.instant) / SECOND:.1f} s too early"
        if self._repeated == LOOP and record.understood:
            yield f"the same page was asked for {LOOP} times in a row: a loop that never turns the page?"

    def entries(self) -> Iterator[Entry]:
        """Newest first."""
        return (each.read() for each in reversed(self._ring))

    def state(self) -> Document:
        """Everything that a snapshot needs."""
        return {
            "total": self.total,
            "repeated": self._repeated,
            "retry_at": [[*who, instant] for who, instant in self._retry_at.items()],
            "entries": [{**each.row(), "instant": each.instant} for each in [*self.entries()][::-1]],
        }

    def restore(
        self, entries: Iterable[Entry], total: int, repeated: int, retry_at: dict[tuple[str | None, str | None], int]
    ) -> None:
        for entry in entries:
            self._last = Record()
            self._last.entry = entry
            self._ring.append(self._last)
        self.total, self._repeated, self._retry_at = total, repeated, retry_at

    def rows(self, limit: int | None = None) -> list[Document]:
        """Newest first."""
        return [each.row() for each in islice(self.entries(), limit)]

    def find(self, pattern: Json) -> list[Document]:
        """The entries that match a request pattern, newest first."""
        matches = matcher(pattern)
        entries = [*self.entries()]
        deadline = time.monotonic() + MAX_FIND_SECONDS
        found = []
        for entry in entries:
            if matches(entry):
                found.append(entry.row())
            if time.monotonic() > deadline:
                raise FakeProblem(
                    422, f"The pattern takes more than {MAX_FIND_SECONDS:g} second to look for", field="body"
                )
        return found

    def unmatched(self) -> list[Document]:
        """Requests that no operation was found for."""
        return [each.row() for each in self.entries() if each.operation is None]


def _same(one: Record, other: Record) -> bool:
    if one.provider is not None or one.entry is None:
        return one.asked == other.asked and one.provider == other.provider
    # A snapshot has only what was written.
    before, now = one.entry, other.write()
    return (before.path, before.query, before.caller) == (now.path, now.query, now.caller)
