"""Redating: the bytes of a document, made from those that it has when its dates are counted from another instant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from fakeserver.problems import Json

DATE = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
"""Of a date whatever stands before its fraction: between two epochs whole seconds apart nothing else can differ."""
LENGTH = len("2026-01-18T10:30:00")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
LEAST_NUMBER = 100_000_000
"""A smaller number is no instant of our days."""
Places = tuple[int, ...]
"""Where dates begin in the bytes of a document."""


def find_dates(body: bytes, other: bytes, seconds: int) -> Places | None:
    """The places of the dates that move with the epoch, by the bytes at two epochs so many seconds apart; None if they
    do not differ in dates alone."""
    if len(body) != len(other):
        return None
    found = (match.start() for match in DATE.finditer(body))
    places = tuple(start for start in found if body[start : start + LENGTH] != other[start : start + LENGTH])
    try:
        return places if redate(body, places, seconds) == other else None
    except (ValueError, OverflowError):
        return None


def redate(body: bytes, places: Iterable[int], seconds: int) -> bytes:
    """The bytes with the dates at these places so many seconds later."""
    new, delta = bytearray(body), timedelta(seconds=seconds)
    for start in places:
        date = datetime.fromisoformat(body[start : start + LENGTH].decode()) + delta
        new[start : start + LENGTH] = date.isoformat(chr(body[start + 10])).encode()
    return bytes(new)


def may_be_dated(value: Json) -> bool:
    """Whether there is anything in a value that could be an instant."""
    if isinstance(value, str):
        return DAY.search(value) is not None
    if isinstance(value, dict):
        return any(map(may_be_dated, (*value, *value.values())))
    if isinstance(value, list | tuple):
        return any(map(may_be_dated, value))
    return isinstance(value, int | float) and abs(value) >= LEAST_NUMBER
