"""Python's instants and durations: what they become in admin calls and in documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from fakeserver.testing.values import date_writer, number_of, text_of, to_json

NOON = datetime(2026, 1, 18, 12, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("samples", "written"),
    [
        (["2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123450Z"], "2026-01-18T12:00:00.500000Z"),
        (["2026-01-01T00:00:00.123Z"], "2026-01-18T12:00:00.500Z"),
        (["2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.12345Z"], "2026-01-18T12:00:00.5Z"),
        (["2026-01-01T00:00:00"], "2026-01-18T12:00:00"),
        (["2026-01-01T00:00:00+00:00"], "2026-01-18T12:00:00+00:00"),
        ([], "2026-01-18T12:00:00.500000Z"),
    ],
)
def test_dates_are_written_as_those_of_the_provider(samples: list[str], written: str) -> None:
    """With as many digits, with or without the last zeros, and with its zone; RFC 3339 where it has no dates."""
    write = date_writer([{"at": sample, "name": "x", "count": 1} for sample in samples])
    assert to_json({"at": NOON, "b": [{"c": NOON}]}, write) == {"at": written, "b": [{"c": written}]}
    whole = to_json(
        NOON.replace(microsecond=0), date_writer([{"at": "2026-01-01T00:00:00.12Z"}, {"at": "2026-01-01T00:00:00Z"}])
    )
    assert whole == "2026-01-18T12:00:00Z"


def test_a_field_is_written_as_its_own_dates() -> None:
    write = date_writer([{"day": "2026-01-01T00:00:00", "moment": "2026-01-01T00:00:00.123456Z"}])
    assert write("day", 0) == "1970-01-01T00:00:00"
    assert write("moment", 0) == "1970-01-01T00:00:00.000000Z"


def test_other_time_zones_are_the_same_instant() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert text_of(there) == text_of(NOON) == "2026-01-18T12:00:00.500000Z"
    assert text_of("as it is") == "as it is"


@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("timeout_seconds", 5400),
        ("timeoutMinutes", 90),
        ("ttl_ms", 5_400_000),
        ("lifetimeHours", 1.5),
        ("total_runtime_seconds", 5400),
    ],
)
def test_durations_have_the_unit_of_their_field(field: str, number: float) -> None:
    found = number_of(timedelta(minutes=90), field)
    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        ({"timeout": timedelta(1)}, TypeError, "timeout: its name has no unit"),
        ({"a": [{"at": datetime(2026, 1, 1)}]}, ValueError, r"a\[0\].at: .* has no time zone"),
        ({"labels": {"x"}}, TypeError, r"labels: \{'x'\} is neither JSON"),
    ],
)
def test_what_cannot_be_written_is_named(value: Any, error: type[Exception], says: str) -> None:
    """A datetime without a time zone could be any instant, so it is refused and not guessed."""
    with pytest.raises(error, match=says):
        to_json(value, date_writer([]))
