"""Bytes of a body → a JSON value (RFC 8259) that every reader understands alike, with everything that none would take.

Texts of a query are read by `json_text`, as PostgreSQL reads them; a body is read as carefully as a program that has to
keep it: exact whole numbers, each name once, text that can be written again, and a bounded depth.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

from fakeserver.problems import Issue, Json
from fakeserver.spec.json_text import MAX_JSON_DEPTH, depth_of, is_nested_deeper
from fakeserver.spec.numbers import MAX_INTEGER_DIGITS
from fakeserver.spec.takers import UNSURE

MAX_ISSUES = 100
"""Issues of one body that are named."""
MAX_NAME = 64
"""Characters of a member's name that an issue repeats."""
BODY = ("body",)
UNUSUAL = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""An escaped NUL or half of a surrogate pair. They cannot stand there unescaped."""
SURROGATE = re.compile("[\ud800-\udfff]")
MAX_PLAIN = 16_384
"""Bytes of a text that is worth a look whether it is plain."""
ROUNDED = 1e18
"""From here on a fraction may be what is left of a whole number that is too long."""

Place = tuple[str | int, ...]


class Immense(int):
    """A whole number with more digits than a number of 64 bits."""


class Repeating(dict[str, Json]):
    """An object with a name that is given twice."""

    repeated: tuple[str, ...]


def read_strictly(
    raw: bytes, *, most_levels: int = MAX_JSON_DEPTH, nul: bool = False
) -> tuple[Json, tuple[Issue, ...]]:
    """The value and what is wrong with it, at most `MAX_ISSUES`; with any issue the value is not to be used. `nul`
    lets U+0000 through."""
    reader = Reading()
    try:
        text = raw.decode()
        if is_nested_deeper(text, most_levels):
            return None, (too_deep(most_levels),)
        value = json.loads(
            text,
            object_pairs_hook=reader.object,
            parse_int=reader.integer,
            parse_float=finite,
            parse_constant=refuse_constant,
        )
    except ValueError:
        # The input is never echoed: it may hold what no answer can carry.
        return None, (Issue(BODY, "JSON decode error", "json_invalid"),)
    if raw.count(b"[") + raw.count(b"{") >= most_levels and depth_of(value) > most_levels:
        return None, (too_deep(most_levels),)
    if not reader.flawed and UNUSUAL.search(raw) is None:
        return value, ()
    return value, tuple(islice(flaws(value, BODY, nul), MAX_ISSUES))


def read_plainly(raw: bytes) -> Json:
    """The same value in a tenth of the time, of a text that every reader reads alike: it escapes nothing, repeats no
    name and has no immense number. `UNSURE` where that is not known, or where it is no JSON."""
    if len(raw) > MAX_PLAIN or b"\\" in raw or raw.count(b"[") + raw.count(b"{") >= MAX_JSON_DEPTH:
        return UNSURE
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return UNSURE
    # Of a name that is given twice, only one is left of the texts between quotes.
    return value if 2 * count_texts(value) == raw.count(b'"') else UNSURE


def count_texts(value: Json) -> int:
    """How many texts there are in a value, names counted; less than none if a number may have been rounded."""
    if isinstance(value, dict):
        count, value = len(value), value.values()
    else:
        count, value = 0, value if isinstance(value, list) else (value,)
    for member in value:
        kind = type(member)
        if kind is str:
            count += 1
        elif kind is dict or kind is list:
            count += count_texts(member)
        elif kind is float and abs(member) >= ROUNDED:
            return -MAX_PLAIN
    return count


class Reading:
    """What one parse makes of objects and numbers; `flawed` once one of them cannot be used."""

    def __init__(self) -> None:
        self.flawed = False

    def object(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        self.flawed = True
        repeating = Repeating(members)
        counts = Counter(name for name, _ in pairs)
        repeating.repeated = tuple(name for name, count in counts.items() if count > 1)
        return repeating

    def integer(self, digits: str) -> int:
        if len(digits.lstrip("-")) <= MAX_INTEGER_DIGITS:
            return int(digits)
        self.flawed = True
        return Immense()


def finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:MAX_NAME]} is too large a number")
    return value


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def too_deep(most: int) -> Issue:
    return Issue(BODY, f"JSON decode error: nested deeper than {most}", "json_invalid")


def flaws(value: Json, place: Place, nul: bool) -> Iterator[Issue]:
    """What is wrong in a value whose depth is bounded."""
    match value:
        case Immense():
            yield Issue(place, f"Input should have at most {MAX_INTEGER_DIGITS} digits", "int_parsing_size")
        case str():
            yield from flaws_of_text(value, place, nul)
        case list():
            for index, member in enumerate(value):
                yield from flaws(member, (*place, index), nul)
        case dict():
            if isinstance(value, Repeating):
                for name in value.repeated:
                    yield Issue((*place, short(name)), "the same key is given twice", "repeated_key")
            for name, member in value.items():
                yield from flaws_of_text(name, place, nul)
                yield from flaws(member, (*place, short(name)), nul)


def flaws_of_text(text: str, place: Place, nul: bool) -> Iterator[Issue]:
    if SURROGATE.search(text) is not None:
        yield Issue(place, "Input should be text without half of a surrogate pair", "string_unicode")
    if not nul and "\0" in text:
        yield Issue(place, "Input should be text without NUL", "string_nul")


def short(name: Any) -> Any:
    """A member's name as an issue may repeat it, also where an answer could not carry it; an index as it is."""
    return SURROGATE.sub("\ufffd", name[:MAX_NAME]) if isinstance(name, str) else name
