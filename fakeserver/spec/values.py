"""One text of a request → one value. Each kind of value names the keywords that it honours, each with what makes its
check, so that a keyword that is honoured is one that is looked at. Messages and types are pydantic's, since three of
the four providers are FastAPI applications.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID as UUIDValue

from fakeserver.problems import Document, Json, SpecError
from fakeserver.spec.keywords import refuse_keywords, show
from fakeserver.spec.numbers import INTEGER_READERS, read_integer
from fakeserver.spec.reading import AS_WRITTEN, Reading
from fakeserver.spec.wording import ValueRefused, refusal

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
PYDANTIC_UUID = re.compile(rf"([0-9a-fA-F]{{32}})|\{{({UUID.pattern})\}}|urn:uuid:({UUID.pattern})")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DATE_TIME = re.compile(DATE.pattern + r"T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
FALSE = frozenset({"false", "0", "no", "off", "f", "n"})
ANNOTATIONS = frozenset("title description deprecated example examples externalDocs xml $comment".split())
"""Keywords of a schema that tell a reader something and change no value."""


Read = Callable[[str], Any]
Check = Callable[[Any], None]
"""Raises `ValueRefused` for a value that a keyword does not allow."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value: what reads its texts, the Python type of such a value in a spec, and the keywords that it
    honours, each with what makes a check of the keyword's value."""

    noun: str
    read: Read
    literal: type
    checks: Mapping[str, Callable[[Kind, Json], Check]]

    def value_of(self, literal: Json, read: Read) -> Any:
        """What a request would get for a value that a spec spells out (a default, one of an enum)."""
        if type(literal) is not self.literal:
            raise SpecError(f"{show(literal)} is not {self.noun}")
        try:
            return read(literal if isinstance(literal, str) else json.dumps(literal))
        except ValueRefused as refused:
            raise SpecError(f"{show(literal)} is refused: {refused.msg}") from refused


# Reading a text


def read_text(text: str) -> str:
    return text


def read_boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in TRUE:
        return True
    if lowered in FALSE:
        return False
    raise ValueRefused("Input should be a valid boolean, unable to interpret input", "bool_parsing")


def read_uuid(text: str) -> str:
    if UUID.fullmatch(text) is None:
        raise ValueRefused("Input should be a valid UUID", "uuid_parsing")
    return text.lower()


def read_pydantic_uuid(text: str) -> str:
    """A UUID in any spelling that pydantic takes, spelt as documents spell it."""
    match = PYDANTIC_UUID.fullmatch(text)
    if match is None:
        return read_uuid(text)
    return str(UUIDValue(match[1] or match[2] or match[3]))


def read_date(text: str) -> str:
    try:
        if DATE.fullmatch(text) is None:
            raise ValueError
        date.fromisoformat(text)
    except ValueError:
        raise ValueRefused("Input should be a valid date or datetime", "date_from_datetime_parsing") from None
    return text


def read_date_time(text: str) -> str:
    """An RFC 3339 instant, spelt as documents spell it: in UTC, to the microsecond."""
    text = text.upper()
    try:
        if DATE_TIME.fullmatch(text) is None:
            raise ValueError
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueRefused("Input should be a valid datetime or date", "datetime_from_date_parsing") from None
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


# Making a check of a keyword's value


def one_of(kind: Kind, choices: Json) -> Check:
    if not isinstance(choices, list) or not choices:
        raise SpecError(f"must be a list with something in it, not {show(choices)}")
    allowed = [kind.value_of(choice, kind.read) for choice in choices]

    def check(value: Any) -> None:
        if value not in allowed:
            raise refusal("enum", allowed, value)

    return check


def exactly(kind: Kind, wanted: Json) -> Check:
    only = kind.value_of(wanted, kind.read)

    def check(value: Any) -> None:
        if value != only:
            raise refusal("const", only, value)

    return check


def shortest(kind: Kind, least: Json) -> Check:
    least = count(least)

    def check(value: str) -> None:
        if len(value) < least:
            raise refusal("minLength", least, value)

    return check


def longest(kind: Kind, most: Json) -> Check:
    most = count(most)

    def check(value: str) -> None:
        if len(value) > most:
            raise refusal("maxLength", most, value)

    return check


def match_pattern(kind: Kind, pattern: Json) -> Check:
    expression = compile_pattern(pattern)

    def check(value: str) -> None:
        if expression.search(value) is None:
            raise refusal("pattern", pattern, value)

    return check


def at_least(kind: Kind, bound: Json) -> Check:
    bound = number(bound)

    def check(value: int) -> None:
        if value < bound:
            raise refusal("minimum", bound, value)

    return check


def at_most(kind: Kind, bound: Json) -> Check:
    bound = number(bound)

    def check(value: int) -> None:
        if value > bound:
            raise refusal("maximum", bound, value)

    return check


def above(kind: Kind, bound: Json) -> Check:
    bound = number(bound)

    def check(value: int) -> None:
        if value <= bound:
            raise refusal("exclusiveMinimum", bound, value)

    return check


def below(kind: Kind, bound: Json) -> Check:
    bound = number(bound)

    def check(value: int) -> None:
        if value >= bound:
            raise refusal("exclusiveMaximum", bound, value)

    return check


def multiple_of(kind: Kind, step: Json) -> Check:
    step = count(step, least=1)

    def check(value: int) -> None:
        if value % step:
            raise refusal("multipleOf", step, value)

    return check


def fewest(kind: Kind, least: Json) -> Check:
    least = count(least)

    def check(values: Sequence[Any]) -> None:
        if len(values) < least:
            raise refusal("minItems", least, values)

    return check


def most_items(kind: Kind, most: Json) -> Check:
    most = count(most)

    def check(values: Sequence[Any]) -> None:
        if len(values) > most:
            raise refusal("maxItems", most, values)

    return check


def no_repeats(kind: Kind, wanted: Json) -> Check:
    if not isinstance(wanted, bool):
        raise SpecError(f"must be true or false, not {show(wanted)}")

    def check(values: Sequence[Any]) -> None:
        if wanted and len(set(values)) < len(values):
            raise refusal("uniqueItems", wanted, values)

    return check


def count(value: Json, least: int = 0) -> int:
    if type(value) is not int or value < least:
        raise SpecError(f"must be a whole number from {least} on, not {show(value)}")
    return value


def number(value: Json) -> int | float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise SpecError(f"must be a number, not {show(value)}")
    bound: int | float = value
    return bound


def compile_pattern(pattern: Json) -> re.Pattern[str]:
    """A regular expression of JSON Schema (ECMA 262), as far as Python reads it alike; whoever writes a spec is trusted
    not to write one that takes for ever."""
    if not isinstance(pattern, str):
        raise SpecError(f"must be a regular expression, not {show(pattern)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # Python's `$` lets a newline through at the end; what is escaped, or in a class, is itself.
            parts = re.findall(r"\\.|\[(?:\\.|[^\]\\])*\]|.", pattern, re.DOTALL)
            return re.compile("".join(r"\Z" if part == "$" else part for part in parts), re.ASCII)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        raise SpecError(f"{pattern!r} cannot be used: {error}") from error


CHOICES: Mapping[str, Callable[[Kind, Json], Check]] = {"enum": one_of, "const": exactly}
BOUNDS = {
    "multipleOf": multiple_of,
    "maximum": at_most,
    "exclusiveMaximum": below,
    "minimum": at_least,
    "exclusiveMinimum": above,
}
LENGTHS = {"maxLength": longest, "minLength": shortest, "pattern": match_pattern}


def within(bits: int, read: Read) -> Read:
    """Whole numbers of so many bits."""
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    bounds = at_most(INTEGERS, most), at_least(INTEGERS, least)
    return check_after(read, bounds)


def check_after(read: Read, checks: Sequence[Check]) -> Read:
    """What reads a text and then asks the checks, in their order."""
    if not checks:
        return read
    # Most schemas have one check or two, and a loop over them costs as much as they do.
    *others, last = checks
    if not others:

        def read_with_one(text: str) -> Any:
            value = read(text)
            last(value)
            return value

        return read_with_one
    first, inner = others[-1], check_after(read, others[:-1])

    def read_with_two(text: str) -> Any:
        value = inner(text)
        first(value)
        last(value)
        return value

    return read_with_two


UUID_READERS: Mapping[str, Read] = {"plain": read_uuid, "pydantic": read_pydantic_uuid}
"""By `Reading.uuids`."""
INTEGERS = Kind("a whole number", read_integer, int, {**CHOICES, **BOUNDS})
KINDS: Mapping[tuple[str, str], Kind] = {
    ("string", ""): Kind("text", read_text, str, {**CHOICES, **LENGTHS}),
    ("string", "uuid"): Kind("a UUID", read_uuid, str, CHOICES),
    ("string", "date"): Kind("a date", read_date, str, CHOICES),
    ("string", "date-time"): Kind("a date and time", read_date_time, str, CHOICES),
    ("boolean", ""): Kind("true or false", read_boolean, bool, CHOICES),
}
"""By type and format; whole numbers are read in several ways."""
INTEGER_KINDS: Mapping[str, Mapping[tuple[str, str], Kind]] = {
    numbers: {
        ("integer", ""): replace(INTEGERS, read=read),
        ("integer", "int32"): replace(INTEGERS, read=within(32, read)),
        ("integer", "int64"): replace(INTEGERS, read=within(64, read)),
    }
    for numbers, read in INTEGER_READERS.items()
}
"""By `Reading.numbers`, type and format."""
LISTS: Mapping[str, Callable[[Kind, Json], Check]] = {
    "maxItems": most_items,
    "minItems": fewest,
    "uniqueItems": no_repeats,
}
"""The keywords that a list honours; its items honour those of their own kind."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A kind with the checks of one schema."""

    kind: Kind
    read: Read

    def default(self, literal: Json) -> Any:
        """What a request gets for a default that the spec spells out."""
        try:
            return self.kind.value_of(literal, self.read)
        except SpecError as error:
            raise SpecError(f"default: {error}") from error


def reader_of(schema: Document, reading: Reading = AS_WRITTEN, also: str = "") -> Reader:
    """What reads one text of this schema, which may have the keywords `also` for its caller; a `SpecError` says what
    cannot be honoured."""
    type_, format_ = schema.get("type"), schema.get("format", "")
    kind = None
    if isinstance(type_, str) and isinstance(format_, str):
        kind = KINDS.get((type_, format_)) or INTEGER_KINDS[reading.numbers].get((type_, format_))
    if kind is KINDS["string", "uuid"]:
        kind = replace(kind, read=UUID_READERS[reading.uuids])
    if kind is None:
        of_format = f" of the format {show(format_)}" if format_ else ""
        raise SpecError(f"a value of the type {show(type_)}{of_format} cannot be decoded")
    honoured = {"type", "format", *kind.checks, *also.split()}
    refuse_keywords(set(schema) - honoured - ANNOTATIONS, kind.noun, honoured)
    return Reader(kind, check_after(kind.read, checks_of(kind, kind.checks, schema)))


def checks_of(kind: Kind, makers: Mapping[str, Callable[[Kind, Json], Check]], schema: Document) -> tuple[Check, ...]:
    """The checks of those keywords that a schema has."""
    checks = []
    for name, make in makers.items():
        if name in schema:
            try:
                checks.append(make(kind, schema[name]))
            except SpecError as error:
                raise SpecError(f"{name}: {error}") from error
    return tuple(checks)
