"""Values for questions, found in rows."""

from __future__ import annotations

import pytest

from contract_tests.laws import mining


@pytest.mark.parametrize(
    ("instants", "most", "size"),
    [
        ("aabbbbc", 100, 4),
        ("aabbbbc", 3, 3),
        ("aabbc", 100, 3),
        ("abbcc", 100, 2),
        ("aaaa", 100, 2),
        ("aaaab", 2, 2),
        ("abcd", 100, None),
        ("", 100, None),
        ("".join(map(chr, range(200, 350))) + "zzzz", 1_000, 152),
        ("".join(map(chr, range(200, 350))) + "zzzz", 100, None),
        ("abbb" + "".join(map(chr, range(200, 350))) + "zzzzzz", 1_000, 2),
    ],
)
def test_a_page_ends_deep_inside_of_a_group(instants: str, most: int, size: int | None) -> None:
    """In the middle of the largest group of one instant that a small page reaches; two rows at least, and a large page
    only where there is no other."""
    rows = [{"at": at} for at in instants]
    assert mining.tie(rows, "at", 2, most) == size
