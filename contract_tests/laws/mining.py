"""Values for questions, found in the deployment's own rows: what selects a part, and where a page boundary hurts."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations
from typing import TypeVar

from contract_tests.outcome import Row

T = TypeVar("T", bound=Hashable)


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


def tie(rows: Sequence[Row], created: str, least: int = 2, most: int = 100) -> int | None:
    """A page size whose boundary falls between two rows of one instant."""
    for index in range(max(1, least), min(len(rows), most + 1)):
        if rows[index - 1].get(created) == rows[index].get(created):
            return index
    return None


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
