"""Expressions for single values: texts, numbers and ids."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping

from fakeserver.problems import Document, Json
from fakeserver.scaffold.code import literal

MAX_LENGTH = 1_000
LONGEST_DRAW = 60
"""Characters that one draw has."""
Valid = Callable[[Json, str], bool]
"""Whether an expression makes values of a schema."""


class Unmakeable(Exception):
    """No value of a schema can be made; the message says why."""


BY_FORMAT: Mapping[str, str] = {
    "uuid": "draw.uuid({})",
    "date-time": "at(draw.created + draw.between({}, 0, 60) * SECOND)",
    "date": "at(draw.created)[:10]",
    "time": '"10:30:00Z"',
    "duration": '"PT1H"',
    "uri": '"https://example.com/" + draw.hex({}, 12)',
    "email": 'draw.letters({}, 10) + "@example.com"',
    "hostname": 'draw.letters({}, 10) + ".example.com"',
    "ipv4": '"192.0.2." + str(draw.between({}, 1, 254))',
    "ipv6": '"2001:db8::" + str(draw.between({}, 1, 9_999))',
    "byte": '"ZmFrZQ=="',
    "json-pointer": '"/key"',
    "regex": '".*"',
}
ALIKE = {
    "uri-reference": "uri",
    "iri": "uri",
    "iri-reference": "uri",
    "uri-template": "uri",
    "idn-email": "email",
    "idn-hostname": "hostname",
}
LENGTHS = (8, 10, 12, 16, 20, 24, 26, 32, 40, 6, 5, 4, 3, 2, 1)
ALPHABETS = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "12345678901234567890")
LONG = (20, 24, 26, 32, 16, 12, 10, 8, 40)
UNIQUE = 8
"""Letters that make an id one of a kind."""
MAKERS = ("draw.letters({}, {})", "draw.hex({}, {})", "draw.letters({}, {}).upper()")


def text_code(flat: Document, place: str, valid: Valid) -> str:
    name, format_ = literal(place), flat.get("format", "")
    by_format = BY_FORMAT.get(ALIKE.get(str(format_), str(format_)))
    if by_format is not None:
        return by_format.format(name)
    least, most = whole(flat.get("minLength", 0)), whole(flat.get("maxLength", MAX_LENGTH))
    if "pattern" in flat:
        return _match_pattern(flat, name, valid)
    word = re.sub(r"[^A-Za-z0-9]+", "-", place.rpartition(".")[2] or place).strip("-").lower() or "text"
    if word.isdigit():
        word = "item"
    if least <= len(word) + 7 <= most:
        return f'"{word}-" + draw.letters({name}, 6)'
    count = max(least, min(12, most))
    if count > MAX_LENGTH:
        raise Unmakeable(f"{place}: needs {count} characters")
    if count <= LONGEST_DRAW:
        return f"draw.letters({name}, {count})" if count else '""'
    return f"(draw.letters({name}, {LONGEST_DRAW}) * {math.ceil(count / LONGEST_DRAW)})[:{count}]"


def _match_pattern(flat: Document, name: str, valid: Valid) -> str:
    kept = {key: flat[key] for key in flat if key in ("pattern", "minLength", "maxLength")}
    for code in _tails(str(flat["pattern"]), name, LENGTHS):
        if valid(kept, code):
            return code
    raise Unmakeable(f"{name}: no text is found that matches its pattern")


def _tails(pattern: str, name: str, lengths: tuple[int, ...]) -> Iterator[str]:
    """Letters or digits of some length behind what a pattern spells out at its start."""
    spelt = re.match(r"\^?((?:[A-Za-z0-9_:/@ -](?![*+?{])|\\[.\-/_])*)", pattern)
    prefix = re.sub(r"\\(.)", r"\1", spelt[1]) if spelt else ""
    tails = [maker.format(name, length) for length in lengths for maker in MAKERS] + [f"draw.uuid({name})"]
    if lengths == LENGTHS:
        tails += [literal(alphabet[:length]) for alphabet in ALPHABETS for length in lengths]
        tails += [f"str(draw.between({name}, 1, 99))", '""', '"1.0.0"']
    yield from (f"{literal(prefix)} + {tail}" if prefix else tail for tail in tails)


def number_code(flat: Document, place: str) -> str:
    step = flat.get("multipleOf", 1)
    lower = max(flat.get("minimum", -math.inf), flat.get("exclusiveMinimum", -math.inf))
    upper = min(flat.get("maximum", math.inf), flat.get("exclusiveMaximum", math.inf))
    if lower == -math.inf:
        lower = 0 if upper >= 0 else upper - 100
    upper = min(upper, lower + 100 * step)
    first, last = math.ceil(lower / step), math.floor(upper / step)
    first += first * step == flat.get("exclusiveMinimum")
    last -= last * step == flat.get("exclusiveMaximum")
    if first > last:
        if "integer" in (flat.get("type") or ()):
            raise Unmakeable(f"{place}: no whole number lies between its bounds")
        return literal((lower + upper) / 2)
    drawn = f"draw.between({literal(place)}, {first}, {last})"
    return drawn if step == 1 else f"{drawn} * {literal(step)}"


def whole(value: Json) -> int:
    return int(value) if isinstance(value, int | float) else 0


HIGHEST_ORDINAL = 10_000_000


def identity_codes(flat: Document, name: str, dated: bool) -> Iterator[str]:
    if flat.keys() & {"enum", "const"}:
        return
    if "string" not in (flat.get("type") or ("string",)):
        first = max(1, whole(flat.get("minimum", 1)))
        if flat.get("maximum", math.inf) > first + HIGHEST_ORDINAL:
            yield f"draw.ordinal + {first}"
        return
    if not dated:
        word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        yield f'"{word}-" + str({HIGHEST_ORDINAL:_} + draw.ordinal)'
        yield f'"00000000-0000-4000-8000-" + str({HIGHEST_ORDINAL * 10_000:_} + draw.ordinal)'
        yield f"str({HIGHEST_ORDINAL:_} + draw.ordinal)"
        return
    most, least = whole(flat.get("maxLength", MAX_LENGTH)), whole(flat.get("minLength", 0))
    made = [f"each.uuid({name})"] if flat.get("format") == "uuid" else []
    if "pattern" not in flat and min(most, LONGEST_DRAW) >= max(least, UNIQUE):
        made.append(f"each.letters({name}, {min(most, max(20, least))})")
    made += [tail.replace("draw.", "each.") for tail in _tails(str(flat.get("pattern", "")), name, LONG)]
    yield from (f"draw.identity(lambda each: {code})" for code in made)
