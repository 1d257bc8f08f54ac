"""Instants: microseconds since 1970, written as RFC 3339 or as a naive ISO date and time, and read from both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.instants import FIRST_INSTANT, LAST_INSTANT, SECOND, at, instant, naive, read_rfc3339

MOMENT = 1_768_732_200_123_456
"""2026-01-18 10:30:00.123456 in UTC."""
instants = st.integers(FIRST_INSTANT, LAST_INSTANT)


@pytest.mark.parametrize(
    ("digits", "text"),
    [
        (0, "2026-01-18T10:30:00"),
        (1, "2026-01-18T10:30:00.1"),
        (3, "2026-01-18T10:30:00.123"),
        (6, "2026-01-18T10:30:00.123456"),
    ],
)
def test_digits_of_a_second(digits: int, text: str) -> None:
    """As many as are asked for, cut and not rounded; a Z stands behind an instant with an offset."""
    assert naive(MOMENT, digits=digits) == text
    assert at(MOMENT, digits=digits) == text + "Z"


@given(instants, st.integers(1, 6))
def test_dates_are_those_of_the_standard_library(moment: int, digits: int) -> None:
    """On any day until the end of 9999, to the microsecond."""
    text = (datetime(1970, 1, 1) + timedelta(microseconds=moment)).isoformat(timespec="microseconds")
    assert naive(moment, digits=digits) == text[: digits - 6 or None]
    assert naive(moment) == text[:-7]


def test_digits_unless_somebody_asks() -> None:
    """A naive date has none, an RFC 3339 one all six, of a whole second as well."""
    assert naive(MOMENT) == "2026-01-18T10:30:00"
    assert at(MOMENT // SECOND * SECOND) == "2026-01-18T10:30:00.000000Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-18T10:30:00.123456Z",
        "2026-01-18T10:30:00.123456",
        "2026-01-18 10:30:00.123456+00:00",
        "2026-01-18T12:30:00.123456+02:00",
        "2026-01-17T22:30:00.123456-12:00",
    ],
)
def test_one_instant_in_many_ways(text: str) -> None:
    """Without an offset it is UTC."""
    assert instant(text) == MOMENT


@pytest.mark.parametrize(
    "text",
    ["2026-01-18T10:30:00.123456Z", "2026-01-18t10:30:00.123456z", "2026-01-18T12:30:00.123456789+02:00"],
)
def test_rfc_3339_is_read(text: str) -> None:
    assert read_rfc3339(text) == MOMENT


@pytest.mark.parametrize("text", ["2026-01-18", "2026-01-18 10:30:00Z", "2026-01-18T10:30:00", "2026-W03-7", ""])
def test_other_spellings_are_no_rfc_3339(text: str) -> None:
    """A date alone, and a time that could be any of several instants."""
    with pytest.raises(ValueError, match="RFC 3339"):
        read_rfc3339(text)


@pytest.mark.parametrize("text", ["", "soon", "2026-02-30T00:00:00Z", "2026-01-18T25:00:00Z", "1768732200"])
def test_what_is_not_an_instant(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|must be in|out of range"):
        instant(text)


@pytest.mark.parametrize("beyond", [FIRST_INSTANT - 1, -(10**30)])
def test_before_1970_is_written_as_1970(beyond: int) -> None:
    assert at(beyond) == "1970-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("beyond", [LAST_INSTANT + 1, 10**30])
def test_after_9999_is_written_as_its_end(beyond: int) -> None:
    """What time adds to never leaves the years that RFC 3339 can write."""
    assert at(beyond) == "9999-12-31T23:59:59.000000Z"


@given(moment=instants)
def test_what_is_written_is_read_back(moment: int) -> None:
    """To the microsecond, and as Python's own clock has it."""
    assert instant(at(moment)) == instant(naive(moment, digits=6)) == moment
    assert instant(at(moment, digits=0)) == moment // SECOND * SECOND
    assert datetime.fromisoformat(at(moment)) == datetime.fromtimestamp(moment // SECOND, UTC).replace(
        microsecond=moment % SECOND
    )


@given(first=instants, second=instants)
def test_texts_are_in_the_order_of_the_instants(first: int, second: int) -> None:
    """Listings compare the texts."""
    assert (at(first) < at(second)) is (first < second)
