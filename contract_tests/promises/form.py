"""The form of a promise: what the kit can know of a provider's listing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from contract_tests.outcome import Row, Tier

Pairs = tuple[tuple[str, str], ...]
Keeps = Callable[[Row], bool]

NUMBERED, CURSOR, LIMITED, WHOLE = "numbered", "cursor", "limited", "whole"


@dataclass(frozen=True, slots=True)
class Paging:
    """How a long list is handed out. `most` is the largest page, `default` the one without a parameter."""

    style: str
    size: str = ""
    default: int | None = None
    most: int | None = None
    refuses_more: bool = True
    tier: Tier = Tier.MUST


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that holds for every single row. `wrong` gives a sentence when it does not."""

    name: str
    tier: Tier
    wrong: Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Listing:
    """One provider's listing."""

    slug: str
    page: str
    path: str
    items: str
    """The name of the rows in their envelope; empty for a bare array."""
    identity: str
    created: str
    paging: Paging
    filters: frozenset[str]
    keeps: Callable[[Pairs], Keeps]
    invariants: tuple[Invariant, ...]
    statuses: frozenset[int]
    """Refusals that the page documents; those that only the spec has are Assumed or Observed."""
    facets: str = ""

    def path_in(self, scope: str) -> str:
        return self.path.replace("{org}", scope)

    def order_key(self, row: Row) -> tuple[float, str]:
        """Newest first, then id (Assumed)."""
        return -instant(row[self.created]), str(row[self.identity])


def instant(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 or naive ISO text; a naive one counts as UTC."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00") if text.endswith("Z") else text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def texts(query: Pairs, name: str) -> list[str]:
    return [text for each, text in query if each == name]


def present(row: Row, *names: str) -> bool:
    return all(name in row for name in names)


def ordered(row: Row, *names: str) -> str:
    """A sentence when two of these instants are in the wrong order; missing ones are skipped."""
    given = [(name, row[name]) for name in names if row.get(name) is not None]
    for (first, earlier), (second, later) in pairwise(given):
        if instant(earlier) > instant(later):
            return f"{first} ({earlier}) is later than {second} ({later})"
    return ""


def negative(row: Row, *names: str) -> str:
    """A sentence when one of these numbers is below zero; what is no number is the schema's business."""
    below = (name for name in names if isinstance(row.get(name), int | float) and row[name] < 0)
    return next((f"{name} is {row[name]}" for name in below), "")


def when(condition: bool, sentence: str) -> str:
    return sentence if condition else ""
