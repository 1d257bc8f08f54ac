"""Whole numbers in texts: what pydantic takes for one, held against pydantic itself."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator

import pytest
from pydantic import TypeAdapter, ValidationError

from fakeserver.spec.numbers import MAX_PYDANTIC_DIGITS, read_integer, read_pydantic_integer
from fakeserver.spec.wording import ValueRefused

PYDANTIC = TypeAdapter(int)
SLIP = re.compile(r"\s*[+-]?0[0_]*(-|_)")
"""Behind a leading zero pydantic takes another sign, and underscores in a row."""
LONGEST = 5
LARGE = "9" * MAX_PYDANTIC_DIGITS


def by_pydantic(text: str) -> int | str:
    """The number, or the type of the error."""
    try:
        return PYDANTIC.validate_python(text)
    except ValidationError as error:
        return error.errors()[0]["type"]


def by_us(text: str) -> int | str:
    try:
        return read_pydantic_integer(text)
    except ValueRefused as refused:
        return refused.type


def short_texts() -> Iterator[str]:
    for length in range(LONGEST + 1):
        yield from map("".join, itertools.product("01_.+- e", repeat=length))


def test_every_short_text_is_read_as_pydantic_reads_it() -> None:
    """All texts of digits, signs, points, underscores and spaces, up to a length."""
    assert not [text for text in short_texts() if by_us(text) != by_pydantic(text) and not SLIP.match(text)]


def test_pydantics_slips_are_not_taken_over() -> None:
    """What only a slip of pydantic's parser lets through is refused; were it mended, this test would say so."""
    slips = [text for text in short_texts() if SLIP.match(text) and by_us(text) != by_pydantic(text)]
    assert {"0-1", "0__1"} <= {*slips}
    assert {by_us(text) for text in slips} == {"int_parsing"}


@pytest.mark.slow
def test_every_character_beside_a_digit_is_read_as_pydantic_reads_it() -> None:
    """White space is stripped, all of Unicode's and no more."""
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    assert not [each for each in characters if by_us(f"{each}5{each}") != by_pydantic(f"{each}5{each}")]


@pytest.mark.parametrize(
    "text",
    [LARGE, f"-{LARGE}", f" +{LARGE}\n", f"000{LARGE}.000", f"{LARGE}9", f"-{LARGE}9", "_".join(LARGE), "0" * 9_000],
    ids=lambda text: f"{text[:8]!r} of {len(text)}",
)
def test_large_numbers_are_read_as_pydantic_reads_them(text: str) -> None:
    """A number has as many digits as Python reads, and zeros in front or behind the point do not count."""
    assert by_us(text) == by_pydantic(text)


@pytest.mark.parametrize("text", ["1.0", " 5", "5 ", "1_000"])
def test_plain_numbers_are_digits_behind_a_sign(text: str) -> None:
    """What only pydantic takes is refused where an API has not said that it is pydantic's."""
    assert isinstance(by_us(text), int)
    with pytest.raises(ValueRefused):
        read_integer(text)
