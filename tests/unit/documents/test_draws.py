"""Draws: the same value one by one as a million at once, and weights that hold."""

from __future__ import annotations

import math
import uuid
from collections import Counter
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.documents.cache import Cache
from fakeserver.documents.draws import (
    BATCH,
    BLOCK,
    CODES,
    COMMON,
    DIGEST_BYTES,
    DRAWN_BITS,
    DRAWN_DIGITS,
    MAX_FIELDS,
    Dealt,
    Draw,
    Factors,
    code_table,
    ordinal_at,
    positions,
    slot_of,
    substitute,
)
from fakeserver.providers import PROVIDERS
from fakeserver.recipes.fixture import load, load_vocabularies
from fakeserver.spec import reader
from tests.support.asgi import ROOT, SLUGS


@pytest.mark.parametrize("slug", SLUGS)
def test_bulk_codes_equal_single_draws(slug: str) -> None:
    """A column's values drawn in bulk are those drawn one by one, across bands and blocks, unique tokens included."""
    contract = reader.load(ROOT / "openapi" / f"{slug}.yaml", PROVIDERS[slug].operations)
    fixture = load(PROVIDERS[slug], contract, load_vocabularies())
    size = BLOCK + 300
    key = b"any key"
    for tenant in fixture.tenants.values():
        for column in tenant.columns.values():
            codes = column.codes(key, size)
            assert len(codes) == size
            edges = {
                *range(50),
                *column.starts,
                *(start - 1 for start in column.starts if start),
                *range(BLOCK - 5, size),
            }
            grouped = {
                ordinal: column.expand(value, key, ordinal) if template else value
                for value, ordinals, template in column.groups(key, size)
                for ordinal in ordinals
            }
            assert sorted(grouped) == list(range(size))
            for ordinal in edges:
                single = column.value(key, ordinal)
                assert grouped[ordinal] == single, (column.field, ordinal)
                if codes[ordinal] not in column.unique:
                    assert column.values[codes[ordinal]] == single
            for smaller in (0, 1, 5, 20, 60, 100, 401):
                assert column.codes(key, smaller) == codes[:smaller]


@given(st.integers(0, 255), st.binary(max_size=400), st.integers(0, 400))
def test_positions_are_where_a_code_stands(code: int, others: bytes, count: int) -> None:
    """Whether it is everywhere, common, rare or nowhere."""
    codes = others + bytes([code]) * count + others
    assert list(positions(codes, code)) == [place for place, each in enumerate(codes) if each == code]


def test_positions_of_rare_and_common_codes() -> None:
    """On both sides of the share from which a code counts as common."""
    for count in (1, 9, 10, 11, 199, 200):
        codes = (b"\x07" * count).ljust(10 * COMMON, b"\x00")
        assert list(positions(codes, 7)) == list(range(count))
        assert list(positions(codes, 0)) == list(range(count, 10 * COMMON))


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=60).filter(any))
def test_weights_become_codes(weights: list[int]) -> None:
    """Every code stands for a value with a weight, each such value has one, and their shares are in proportion."""
    table = code_table(weights)
    assert len(table) == CODES
    shares = Counter(table)
    assert set(shares) == {code for code, weight in enumerate(weights) if weight}
    given = [code for code, weight in enumerate(weights) if weight]
    for code in given:
        exact = weights[code] * CODES / sum(weights)
        assert shares[code] == 1 or abs(shares[code] - exact) <= 1 + len(given), (code, exact)
    for heavy in given:
        for light in given:
            assert weights[heavy] <= weights[light] or shares[heavy] >= shares[light] - 1


@given(st.text(max_size=20), st.integers(0, 2_000_000))
def test_what_is_drawn_is_of_the_document_and_the_field(field: str, ordinal: int) -> None:
    """Two draws of a document agree about a field whatever was drawn before, and UUIDs are those of the standard
    library."""
    draw, again = Draw(b"key", ordinal, 0, {}, {}), Draw(b"key", ordinal, 0, {}, {})
    again.pick("another", (1, 2))
    assert draw.bits(field) == again.bits(field)
    assert 0 <= draw.bits(field) < 2**DRAWN_BITS
    assert draw.pick(field, range(1_000)) == draw.below(field, 1_000) == draw.between(field, 0, 999)
    assert draw.chance(field, 30) is (draw.below(field, 100) < 30)
    assert draw.uuid(field) == str(uuid.UUID(bytes=draw.random_bytes(field, 16), version=4))


NUMBERS = 20_000
CHOICES = 10


def far_from_even(counts: Counter[Any], cells: int) -> float:
    """How many standard deviations a chi-squared sum is above what chance gives."""
    expected = sum(counts.values()) / cells
    assert len(counts) <= cells
    squared = sum((count - expected) ** 2 for count in counts.values()) + (cells - len(counts)) * expected**2
    return (squared / expected - cells) / math.sqrt(2 * cells)


@pytest.mark.parametrize("key", [b"key", b"another"])
def test_fields_tell_nothing_of_each_other(key: bytes) -> None:
    """All fields of a document are made of one number, and still each choice, each pair of two fields' choices, and
    each pair of two neighbours' choices is as common as any other."""
    draws = [Draw(key, ordinal, 0, {}, {}) for ordinal in range(NUMBERS)]
    fields = ("size", "name", "boot", "image", "é", "a long name of a field")
    drawn = {field: [draw.below(field, CHOICES) for draw in draws] for field in fields}
    for field, numbers in drawn.items():
        assert far_from_even(Counter(numbers), CHOICES) < 5, field
        assert far_from_even(Counter(pairwise(numbers)), CHOICES**2) < 5, field
        assert far_from_even(Counter(draw.bits(field) >> DRAWN_BITS - 4 for draw in draws), 16) < 5, field
        texts = [draw.hex(field, DRAWN_DIGITS) for draw in draws]
        for place in range(DRAWN_DIGITS):
            assert far_from_even(Counter(text[place] for text in texts), 16) < 5, (field, place)
    for one, other in combinations(fields, 2):
        assert far_from_even(Counter(zip(drawn[one], drawn[other], strict=True)), CHOICES**2) < 5, (one, other)


@pytest.mark.parametrize("digits", [1, DRAWN_DIGITS, DRAWN_DIGITS + 1, DIGEST_BYTES])
def test_hexadecimal_digits_are_as_many_as_asked(digits: int) -> None:
    """Of a number and of a digest."""
    for ordinal in range(100):
        text = Draw(b"key", ordinal, 0, {}, {}).hex("field", digits)
        assert len(text) == digits
        assert set(text) <= set("0123456789abcdef")


def test_early_words_are_more_common() -> None:
    """The earlier of two random ones: of four words, the shares are 7, 5, 3 and 1 sixteenths."""
    words = Counter(Draw(b"key", ordinal, 0, {}, {"w": "abcd"}).word("field", "w") for ordinal in range(NUMBERS))
    for word, share in zip("abcd", (7, 5, 3, 1), strict=True):
        assert abs(words[word] / NUMBERS - share / 16) < 0.02


@given(st.integers(0, 2_000_000), st.integers(10, 120))
def test_long_names_are_as_long_as_asked(ordinal: int, length: int) -> None:
    draw = Draw(b"key", ordinal, 0, {}, {"words": ["a", "web", "importer"]})
    name = draw.long_name("name", "words", length)
    assert len(name) == length
    assert "--" not in name


def test_what_cannot_be_drawn_is_said() -> None:
    """No field has more random bytes than a digest."""
    draw = Draw(b"key", 1, 0, {}, {}, None)
    assert len(draw.letters("field", DIGEST_BYTES)) == DIGEST_BYTES
    with pytest.raises(ValueError, match="64 random bytes, not 65"):
        draw.letters("field", DIGEST_BYTES + 1)
    with pytest.raises(KeyError, match="state"):
        draw.column("state")


def test_an_id_may_be_made_of_another() -> None:
    """In a batch and outside of one."""
    for ordinal in range(40 * BATCH):
        draw = Draw(b"key", ordinal, 0, {}, {})
        assert len(draw.identity(lambda each: each.identity(lambda other: other.letters("id", 9)))) == 9


def test_factors_are_bounded() -> None:
    """A provider may name any number of fields."""
    factors = Factors()
    for number in range(MAX_FIELDS + 5):
        assert factors[str(number)] % 2 == 1
    assert len(factors) == 5


def test_a_batch_is_dealt_once() -> None:
    """Its ids are the same whether they are kept at hand or not, in the order of the ordinals, and made once."""
    asked: list[int] = []

    def make(draw: Draw) -> str:
        asked.append(draw.ordinal)
        return draw.uuid("id")

    batch = next(number for number in range(1_000) if Draw(b"key", number * BATCH, 0, {}, {}).batch is not None)
    ordinals = range(batch * BATCH, (batch + 1) * BATCH)
    plain = [Draw(b"key", ordinal, 0, {}, {}).identity(make) for ordinal in ordinals]
    asked.clear()
    dealt: Dealt = Cache(1)
    assert [Draw(b"key", ordinal, 0, {}, {}, {}, dealt).identity(make) for ordinal in ordinals] == plain
    assert asked == list(ordinals)
    assert plain == sorted(set(plain))


def test_words_are_filled_in_everywhere() -> None:
    """In names and texts, at any depth, and in nothing else."""
    value = {"a-{x}": ["{x}", ({"b": "{x}{x}"}, 1, None)]}
    assert substitute(value, "{x}", "7") == {"a-7": ["7", ({"b": "77"}, 1, None)]}


@given(ordinal=st.integers(0, 2_000_000), into=st.floats(0, 1, exclude_max=True))
def test_an_age_finds_its_ordinal(ordinal: int, into: float) -> None:
    """The time of each ordinal begins where that of the one before it ends, and every second in it leads back."""
    start, length = slot_of(ordinal)
    assert ordinal_at(start + int(into * length)) == ordinal
    assert slot_of(ordinal + 1)[0] == start + length
