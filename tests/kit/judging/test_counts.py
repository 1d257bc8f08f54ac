"""Facets against themselves: which order no alphabet excuses."""

from __future__ import annotations

import pytest

from contract_tests.judging.counts import comes_behind, is_in_no_alphabet
from contract_tests.outcome import Row
from contract_tests.promises import BY_SLUG


@pytest.mark.parametrize(
    ("one", "other", "behind"),
    [
        ("zeta", "ares", True),
        ("ares", "zeta", False),
        ("ares", "ares", False),
        ("Zeta", "ares", False),
        ("ares", "Zeta", False),
        ("item 10", "item 9", False),
        ("item 9", "item 10", False),
        ("b-a", "ba", False),
        ("ångström", "ares", False),
        ("zeta", None, False),
        ("zeta", "", False),
    ],
)
def test_only_what_every_alphabet_says_is_certain(one: str, other: str | None, behind: bool) -> None:
    """Case, punctuation, digits and letters beyond ASCII differ between collations."""
    assert comes_behind(one, other) is behind


def bucket(key: str, name: str, identity: str) -> Row:
    return {"count": 3, "project_key": key, "project_name": name, "project_id": identity}


def test_one_text_that_may_be_in_order_is_enough() -> None:
    """Buckets of one count may go by any text that they show."""
    facets = BY_SLUG["dreadnode"].facets
    assert facets is not None
    by_name, by_nothing = bucket("b", "a", "2"), bucket("b", "d", "2")
    assert not is_in_no_alphabet(facets.facets[0], [by_name, bucket("a", "c", "1")])
    assert is_in_no_alphabet(facets.facets[0], [by_nothing, bucket("a", "c", "1")])
