"""What a promise about a single row is made from: instants, orders, bounds, and a sentence that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from contract_tests.outcome import Row
from contract_tests.promises.statements import Statement

Keeps = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that holds for every single row. `wrong` gives a sentence when it does not."""

    statement: Statement
    wrong: Callable[[Row], str]

    @property
    def name(self) -> str:
        return self.statement.plain.rstrip(".")


def instant(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 or naive ISO text; a naive one counts as UTC."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00") if text.endswith("Z") else text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def has_all(row: Row, *names: str) -> bool:
    return all(name in row for name in names)


def check_order(row: Row, *names: str) -> str:
    """A sentence when two of these instants are in the wrong order; missing ones are skipped."""
    given = [(name, row[name]) for name in names if row.get(name) is not None]
    for (first, earlier), (second, later) in pairwise(given):
        if instant(earlier) > instant(later):
            return f"{first} ({earlier}) is later than {second} ({later})"
    return ""


def check_not_negative(row: Row, *names: str) -> str:
    """A sentence when one of these numbers is below zero; what is not a number is the schema's business."""
    below = (name for name in names if isinstance(row.get(name), int | float) and row[name] < 0)
    return next((f"{name} is {row[name]}" for name in below), "")


def say_if(condition: bool, sentence: str) -> str:
    return sentence if condition else ""
