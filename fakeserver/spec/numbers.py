"""Texts → whole numbers, in the way of each kind of API (`Reading.numbers`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from fakeserver.spec.wording import ValueRefused

MAX_INTEGER_DIGITS = 19
MAX_PYDANTIC_DIGITS = 4_300
"""Python reads no longer number, and so pydantic does not."""

# `\d` would take digits of every script, and `int()` takes underscores and spaces.
INTEGER = re.compile(r"[+-]?[0-9]+")
PYDANTIC_INTEGER = re.compile(r"([+-]?)([0-9]+(?:_[0-9]+)*)(?:\.0+)?")
WHITE_SPACE = "".join(
    map(
        chr,
        (*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000),
    )
)
"""Unicode's, which is what pydantic strips; Python's `str.strip` takes four separators more."""


def read_integer(text: str) -> int:
    if INTEGER.fullmatch(text) is None:
        raise no_integer()
    if len(text.lstrip("+-0")) > MAX_INTEGER_DIGITS:
        raise ValueRefused(f"Input should have at most {MAX_INTEGER_DIGITS} digits", "int_parsing_size")
    return int(text)


def read_pydantic_integer(text: str) -> int:
    """As pydantic reads it, but for slips of its own: behind a leading zero it takes another sign, and underscores in a
    row (`0-1`, `0__1`)."""
    match = PYDANTIC_INTEGER.fullmatch(text.strip(WHITE_SPACE))
    if match is None:
        raise no_integer()
    digits = match[2].replace("_", "").lstrip("0") or "0"
    if len(digits) > MAX_PYDANTIC_DIGITS:
        raise ValueRefused("Unable to parse input string as an integer, exceeded maximum size", "int_parsing_size")
    return int(match[1] + digits)


def no_integer() -> ValueRefused:
    return ValueRefused("Input should be a valid integer, unable to parse string as an integer", "int_parsing")


INTEGER_READERS: Mapping[str, Callable[[str], int]] = {"plain": read_integer, "pydantic": read_pydantic_integer}
"""By `Reading.numbers`."""
