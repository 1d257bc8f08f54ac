"""Instants: microseconds since 1970, and how they are written and read."""

from __future__ import annotations

import functools
import re
from datetime import UTC, date, datetime

SECOND = 1_000_000
"""Instants are integers: microseconds since 1970."""
EPOCH_1970 = datetime(1970, 1, 1, tzinfo=UTC)
ORDINAL_1970 = EPOCH_1970.toordinal()
DAY = 86_400
TWO = tuple(f"{number:02d}" for number in range(60))
"""Hours, minutes and seconds as they are written: a document has half a dozen dates, and numbers are the dear part of
each."""
MINUTES = tuple(f"{hour}:{minute}:" for hour in TWO[:24] for minute in TWO)
"""The minutes of a day."""
THREE = tuple(f"{number:03d}" for number in range(1_000))
"""Halves of a fraction."""
MAX_WRITTEN = 64
"""Instants that are kept at hand: those of a new document are the same one, which is written and read again."""
MAX_DAYS = 4_096
"""Days whose dates are kept at hand."""
FIRST_INSTANT, LAST_INSTANT = 0, 253_402_300_799 * SECOND
"""What is written lies between 1970 and the end of the year 9999, as RFC 3339 can write it."""


def at(instant: int, *, digits: int = 6) -> str:
    """RFC 3339 in UTC with a Z, as `2026-01-18T10:30:00.123456Z`."""
    if digits != 6 or not FIRST_INSTANT <= instant <= LAST_INSTANT:
        return naive(instant, digits=digits) + "Z"
    # As `naive`, in one go: a document has half a dozen of them.
    seconds, fraction = divmod(instant, SECOND)
    days, seconds = divmod(seconds, DAY)
    return (
        f"{_day(days)}{MINUTES[seconds // 60]}{TWO[seconds % 60]}.{THREE[fraction // 1_000]}{THREE[fraction % 1_000]}Z"
    )


@functools.lru_cache(MAX_WRITTEN)
def naive(instant: int, *, digits: int = 0) -> str:
    """An ISO date and time without an offset, as `2026-01-18T10:30:00`."""
    if not FIRST_INSTANT <= instant <= LAST_INSTANT:
        instant = min(max(instant, FIRST_INSTANT), LAST_INSTANT)
    seconds, fraction = divmod(instant, SECOND)
    days, seconds = divmod(seconds, DAY)
    minutes, seconds = divmod(seconds, 60)
    text = f"{_day(days)}{MINUTES[minutes]}{TWO[seconds]}"
    if digits == 6:
        return f"{text}.{fraction:06d}"
    return f"{text}.{fraction:06d}"[: digits - 6] if digits else text


@functools.lru_cache(MAX_DAYS)
def _day(days: int) -> str:
    """The date so many days after the first of 1970, and what stands in front of a time."""
    return f"{date.fromordinal(ORDINAL_1970 + days)}T"


@functools.lru_cache(MAX_WRITTEN)
def instant(text: str) -> int:
    """Microseconds since 1970 of an ISO 8601 date and time; without an offset it is UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - EPOCH_1970
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


def read_rfc3339(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 instant. ValueError or OverflowError: it is none, such as a date alone or
    a time without an offset, which could be any of several instants."""
    if RFC_3339.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not an RFC 3339 instant")
    return instant(text.upper())


EARLIEST_EPOCH, LATEST_EPOCH = instant("1990-01-01T00:00:00Z"), instant("2200-01-01T00:00:00Z")
"""The dates of a million documents must have room before and after the epoch of a world."""
