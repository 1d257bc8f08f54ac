"""Answers that are kept: what a question found, and what a write changed since."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import count

from pyroaring import BitMap

from fakeserver.documents.cache import Cache
from fakeserver.problems import Document

MAX_ANSWERS = 256
"""Questions whose rows are kept at hand."""
MAX_COUNTS = 256
"""Questions whose facets are kept at hand."""
MAX_RUNS = 64
"""Questions for which it is kept how many rows there are of each text of a field."""
MAX_NOTED = 64
"""Writes whose ranks are noted, so that an answer can follow them."""
MAX_FOLLOWED = 256
"""Ranks that an answer follows; if more have changed, the question is answered anew."""

NUMBERS = count()
Shown = tuple[Document, str]
"""A document and its owner."""
Runs = tuple[list[Hashable], list[int]]
"""The texts of a field in an order, and for each how many rows stand up to the last that has it."""


@dataclass(slots=True)
class Answer:
    """The rows that a question found, the revision that they are of, and whether it finds a document of an owner."""

    rows: BitMap
    revision: int
    finds: Callable[[Document, str], bool]
    own: bool = False
    """Whether nobody else holds the bitmap."""

    def follow(self, changed: list[int], shown: Callable[[int], Shown | None], revision: int) -> BitMap:
        """Ask again about the documents at these ranks, at which alone something has changed since."""
        if not self.own:
            self.rows, self.own = self.rows - BitMap(changed), True
        for rank in changed:
            document = shown(rank)
            if document is not None and self.finds(*document):
                self.rows.add(rank)
            else:
                self.rows.discard(rank)
        self.revision = revision
        return self.rows


class Answers:
    """The answers of one collection, each kind in a cache of its own. `revision` is raised by everything that changes
    what is shown: by every write, and by time."""

    def __init__(self, revision: int = 0) -> None:
        self.number = next(NUMBERS)
        """Tells these answers from all others in this process."""
        self.found: Cache[Hashable, Answer] = Cache(MAX_ANSWERS)
        """What questions found."""
        self.counts: Cache[Hashable, tuple[int, bytes]] = Cache(MAX_COUNTS)
        """Facets, with the revision that they are of."""
        self.runs: Cache[Hashable, tuple[int, Runs]] = Cache(MAX_RUNS)
        """What lists go by that are in the order of a field, with the revision that it is of."""
        self.revision = revision
        self._noted: deque[tuple[int, list[int]]] = deque(maxlen=MAX_NOTED)
        self._noted_since = revision

    def note(self, ranks: Iterable[int]) -> None:
        """Something has changed at these ranks, and nowhere else."""
        self.revision += 1
        if len(self._noted) == MAX_NOTED:
            self._noted_since = self._noted[0][0]
        self._noted.append((self.revision, list(ranks)))

    def changed_since(self, revision: int) -> list[int] | None:
        """The ranks at which something may have changed since a revision; None if they are too many to follow."""
        if revision < self._noted_since:
            return None
        if revision == self.revision - 1:
            ranks = self._noted[-1][1]
            return ranks if len(ranks) <= MAX_FOLLOWED else None
        changed: list[int] = []
        for number, ranks in reversed(self._noted):
            if number <= revision:
                break
            changed += ranks
        return changed if len(changed) <= MAX_FOLLOWED else None
