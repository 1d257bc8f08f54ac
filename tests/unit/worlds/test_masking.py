"""Masking: what of a query is shown."""

from __future__ import annotations

import pytest

from fakeserver.worlds.masking import mask


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ""),
        ("page=1&labels=a%20b", "page=1&labels=a%20b"),
        ("api_key=S&page=1", "api_key=…&page=1"),
        ("ACCESS_TOKEN=S", "ACCESS_TOKEN=…"),
        ("api%5Fk%65y=S", "api%5Fk%65y=…"),
        ("x+auth+y=S&&password=", "x+auth+y=…&&password=…"),
        ("secret", "secret…"),
        ("labels=token", "labels=token"),
        ("token_id=shown&token=S", "token_id=shown&token=…"),
    ],
)
def test_values_of_suspicious_names_are_masked(query: str, shown: str) -> None:
    """However the name is spelled, unless the operation declares it; the query is otherwise as it came."""
    assert mask(query, lambda name: name == "token_id") == shown
