"""Values for questions, found in the deployment's own rows: what selects a part, and where a page boundary hurts."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations
from typing import TypeVar

from contract_tests.outcome import Row

T = TypeVar("T", bound=Hashable)
LARGEST_TIED = 100
"""Rows on a page that ends between two rows of one instant; laws that permit more still ask for the same page."""


def halve(values: Iterable[T], total: int) -> list[T]:
    """Distinct values, those first that select closest to half of the rows, and never all of them."""
    counts = Counter(values)
    useful = [value for value, count in counts.items() if count < total]
    return sorted(useful, key=lambda value: (abs(counts[value] - total / 2), repr(value)))


def rarest(values: Iterable[T]) -> list[T]:
    counts = Counter(values)
    return sorted(counts, key=lambda value: (counts[value], repr(value)))


def telling_pair(groups: Sequence[frozenset[T]]) -> tuple[T, T] | None:
    """Two members that occur together, each of them also without the other, as evenly as possible."""
    single: Counter[T] = Counter(member for group in groups for member in group)
    both: Counter[tuple[T, T]] = Counter()
    for group in groups:
        both.update(combinations(sorted(group, key=repr), 2))
    best, found = 0, None
    for (one, other), together in both.items():
        worth = min(together, single[one] - together, single[other] - together)
        if worth > best:
            best, found = worth, (one, other)
    return found


def strangers(groups: Sequence[frozenset[T]]) -> tuple[T, T] | None:
    """Two members that are both common and never occur together."""
    counts = Counter(member for group in groups for member in group)
    common = [member for member, _ in counts.most_common(12)]
    for one, other in combinations(common, 2):
        if not any(one in group and other in group for group in groups):
            return one, other
    return None


def tie(rows: Sequence[Row], created: str, least: int = 2, most: int = LARGEST_TIED) -> int | None:
    """A page size whose boundary falls between two rows of one instant, as deep inside of a group of them as can be:
    the more stand on either side, the less two orders of them can look alike. Of equal sizes the first, and a large one
    only where no smaller one will do."""
    small = min(most, LARGEST_TIED)
    return _deepest(rows, created, least, small) or _deepest(rows, created, small + 1, most)


def _deepest(rows: Sequence[Row], created: str, least: int, most: int) -> int | None:
    best, found, start = 0, None, 0
    for end in range(1, len(rows) + 1):
        if end < len(rows) and rows[end].get(created) == rows[start].get(created):
            continue
        low, high = max(start + 1, least), min(end - 1, most)
        size = min(max((start + end) // 2, low), high)
        depth = min(size - start, end - size) if low <= high else 0
        if depth > best:
            best, found = depth, size
        start = end
    return found


def divisor(count: int, most: int) -> int | None:
    """A page size that fills the last page to the brim, on the second page or later."""
    for pages in (2, 3, 4, 5, 7):
        if count >= pages and count % pages == 0 and count // pages <= most:
            return count // pages
    return None


def recase(text: str) -> str | None:
    """The same letters in another case, or None where there are no letters."""
    swapped = text.swapcase()
    return swapped if swapped != text else None


def renormalise(text: str) -> str | None:
    """The same characters in another unicode form."""
    for form in ("NFD", "NFC"):
        other = unicodedata.normalize(form, text)
        if other != text:
            return other
    return None
