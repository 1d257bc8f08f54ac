"""Python's instants and durations in the words of the admin API, and of a provider's documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from fakeserver.instants import SECOND, at, instant, naive
from fakeserver.problems import Document, Json

UNITS = {
    **dict.fromkeys(("ms", "millis", "milliseconds"), timedelta(milliseconds=1)),
    **dict.fromkeys(("s", "secs", "seconds"), timedelta(seconds=1)),
    **dict.fromkeys(("mins", "minutes"), timedelta(minutes=1)),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
}
"""What a number means, by the last word of the name of its field."""
DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(?P<fraction>\d+))?(?P<zone>Z|\+00:00|)")
MOST_DIGITS = 6
"""Of a fraction of a second."""

WriteDate = Callable[[str, int], str]
"""How a provider writes the instant (microseconds since 1970) of a field."""


def instant_of(moment: datetime) -> int:
    """Microseconds since 1970. ValueError: it has no time zone, so that it could be any of several instants."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone: give it one, such as datetime(…, tzinfo=UTC)")
    return instant(moment.astimezone(UTC).isoformat())


def text_of(moment: datetime | str) -> str:
    """An instant as the admin API reads it."""
    return at(instant_of(moment)) if isinstance(moment, datetime) else moment


def seconds(duration: timedelta | float) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def milliseconds(duration: timedelta | float) -> float:
    return duration / timedelta(milliseconds=1) if isinstance(duration, timedelta) else duration


def number_of(duration: timedelta, field: str) -> float:
    """A duration in the unit that the field is named after. TypeError: it is named after none."""
    words = re.findall("[A-Z]?[a-z]+|[A-Z]+", field)
    unit = UNITS.get(words[-1].lower()) if words else None
    if unit is None:
        raise TypeError(f"{field}: its name has no unit for {duration!r}, such as seconds: give it a number")
    number = duration / unit
    return int(number) if number.is_integer() else number


def check_whole(duration: timedelta, field: str, place: str) -> None:
    """ValueError: the duration is no whole number in the unit of a field that takes no other. TypeError: as above."""
    number = number_of(duration, field)
    if not isinstance(number, int):
        unit = re.findall("[A-Z]?[a-z]+", field)[-1].lower()
        raise ValueError(f"{place}: {duration!r} is {number:g} {unit}, and the field takes whole {unit}")


def to_json(value: Json, write_date: WriteDate, field: str = "", place: str = "") -> Json:
    """The value as JSON has it: instants as the provider writes them, durations in the unit of the field that they are
    in. TypeError or ValueError: it cannot be written; the message begins with its place."""
    place = place or field
    match value:
        case datetime():
            try:
                return write_date(field, instant_of(value))
            except (ValueError, OverflowError) as error:
                raise ValueError(f"{place}: {error}") from None
        case timedelta():
            return number_of(value, field)
        case Mapping():
            return {
                str(name): to_json(inner, write_date, str(name), f"{place}.{name}".lstrip("."))
                for name, inner in value.items()
            }
        case list() | tuple():
            return [to_json(each, write_date, field, f"{place}[{index}]") for index, each in enumerate(value)]
        case str() | int() | float() | None:
            return value
    raise TypeError(f"{place}: {value!r} is neither JSON, nor a datetime or a timedelta")


def date_writer(samples: Iterable[Document]) -> WriteDate:
    """How a provider writes dates, learnt from its documents; a field that has none is written as the others are."""
    found: dict[str, list[re.Match[str]]] = {}
    for name, value in (each for sample in samples for each in sample.items()):
        date = DATE.fullmatch(value) if isinstance(value, str) else None
        if date is not None:
            found.setdefault(name, []).append(date)
    everything = [date for dates in found.values() for date in dates]

    def write(field: str, instant: int) -> str:
        dates = found.get(field, everything)
        if not dates:
            return at(instant)
        lengths = {len(date["fraction"] or "") for date in dates}
        if len(lengths) == 1:
            digits = min(MOST_DIGITS, *lengths) if lengths != {0} else 0
            return naive(instant, digits=digits) + dates[0]["zone"]
        # Fractions of different lengths are without their last zeros.
        text = naive(instant, digits=MOST_DIGITS) if instant % SECOND else naive(instant)
        return (text.rstrip("0") if instant % SECOND else text) + dates[0]["zone"]

    return write
