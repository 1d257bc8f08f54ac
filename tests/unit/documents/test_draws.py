"""Draws: the same value one by one as a million at once, and weights that hold."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.documents.draws import (
    BLOCK,
    CODES,
    COMMON,
    MAX_FIELDS,
    Begun,
    Draw,
    code_table,
    digest,
    draw_bytes,
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


def test_a_draw_is_a_digest() -> None:
    """The shortcut for what has read key and field before gives what the plain hash gives."""
    for field in ("id", "state"):
        for ordinal in (0, 1, 10**6):
            for size in (1, 8, 32):
                assert draw_bytes(b"key", field, ordinal, size) == digest(b"key", field, ordinal, size=size)


@given(st.text(max_size=20), st.integers(0, 2_000_000))
def test_a_document_draws_its_digests(field: str, ordinal: int) -> None:
    """Whatever is kept begun, numbers are those of the plain hash, and UUIDs those of the standard library."""
    draw = Draw(b"key", ordinal, 0, {}, {})
    number = int.from_bytes(digest(b"key", field, ordinal, size=8), "big")
    assert draw.bits(field) == number
    assert draw.pick(field, range(1_000)) == number % 1_000
    assert draw.uuid(field) == str(uuid.UUID(bytes=digest(b"key", field, ordinal, size=16), version=4))


def test_fields_that_are_begun_are_bounded() -> None:
    """A provider may name any number of fields."""
    begun = Begun(b"key", 8)
    for number in range(MAX_FIELDS + 5):
        begun[str(number)]
    assert len(begun) == 5


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
