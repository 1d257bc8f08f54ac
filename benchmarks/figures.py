"""Medians, spreads and ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.load import Reading


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of several readings of one quantity, and how far they lie apart."""

    median: float
    low: float
    high: float
    readings: tuple[float, ...]


def figure(readings: Sequence[float]) -> Figure:
    if not readings:
        raise ValueError("a figure needs at least one reading")
    return Figure(median(readings), min(readings), max(readings), tuple(readings))


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a subject answered over all rounds."""

    requests_per_second: Figure
    p50_ms: Figure
    p99_ms: Figure
    bytes_per_answer: float
    answers: int
    failures: int

    @property
    def tail(self) -> float:
        """p99 as a multiple of p50."""
        return ratio(self.p99_ms.median, self.p50_ms.median)


def speed(readings: Sequence[Reading]) -> Speed:
    return Speed(
        requests_per_second=figure([each.requests_per_second for each in readings]),
        p50_ms=figure([each.p50_ms for each in readings]),
        p99_ms=figure([each.p99_ms for each in readings]),
        bytes_per_answer=median([each.bytes_per_answer for each in readings]),
        answers=sum(each.answers for each in readings),
        failures=sum(each.failures for each in readings),
    )


def ratio(part: float, whole: float) -> float:
    """Zero where there is nothing to compare with."""
    return part / whole if whole else 0.0
