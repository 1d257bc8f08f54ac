"""Ids say which document they are of, to whoever knows the key, and nothing to anybody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.documents.seeded import FIRST
from fakeserver.documents.tags import WORD, in_digits, in_letters, ordinals_in, tag, untag
from fakeserver.providers import PROVIDERS
from tests.support.admin import small_app
from tests.support.asgi import SLUGS, tenants

KEYS = st.binary(min_size=1, max_size=64)


@given(KEYS, st.integers(0, WORD - 1))
def test_a_tag_is_read_back(key: bytes, ordinal: int) -> None:
    assert untag(key, tag(key, ordinal)) == ordinal
    assert ordinal in ordinals_in(key, f"vm-9{in_letters(key, ordinal)}-12")
    assert ordinal in ordinals_in(key, f"0b9e4a1c-5d1f-4c6e-8b1a-1234{in_digits(key, ordinal)}")


@given(KEYS, st.text(max_size=200))
def test_any_text_may_be_asked_for(key: bytes, text: str) -> None:
    assert all(0 <= ordinal < WORD for ordinal in ordinals_in(key, text))


def test_neighbours_have_nothing_in_common() -> None:
    """Two tags in a row share no more places than random ones would: a sixteenth of them."""
    pairs = [(in_digits(b"key", number), in_digits(b"key", number + 1)) for number in range(2_000)]
    same = sum(one == other for pair in pairs for one, other in zip(*pair, strict=True))
    assert same / (8 * len(pairs)) < 0.08


@pytest.mark.parametrize("slug", SLUGS)
def test_every_document_is_found_by_its_id(slug: str) -> None:
    """Also those of one batch, whose ids were dealt in order, and those that pins lay down."""
    for collection in tenants(small_app(size=300), slug).values():
        for rank in collection.everything:
            identity = collection.document(rank)[PROVIDERS[slug].identity]
            assert collection.locate(identity) == rank
            assert collection.locate(identity[:-1] + "?") is None
        assert [*collection.file_identities()] == []


def test_a_document_is_found_by_another_name() -> None:
    app = small_app(size=300)
    for collection in tenants(app, "dreadnode").values():
        for rank in collection.everything:
            document = collection.document(rank)
            assert collection.locate(document["provider_sandbox_id"], "provider_sandbox_id") == rank
            assert collection.locate(document["id"], "provider_sandbox_id") is None
        first = collection.document(FIRST)
        collection.change({FIRST: {**first, "provider_sandbox_id": "other"}})
        assert collection.locate("other", "provider_sandbox_id") == FIRST
        assert collection.locate(first["provider_sandbox_id"], "provider_sandbox_id") is None
