"""A correct server is never accused, whatever its documents do meanwhile."""

from __future__ import annotations

import pytest

from contract_tests.false_alarms import CHURNS, trial
from contract_tests.promises import LISTINGS

SAMPLE = ((0, 11), (1, 12), (2, 13), (40, 14))


@pytest.mark.parametrize("churn", CHURNS)
@pytest.mark.parametrize("slug", LISTINGS)
def test_a_correct_server_is_not_accused(slug: str, churn: float) -> None:
    """Small worlds and larger ones, resting and moving; `make false-alarms` has the whole table."""
    for size, seed in SAMPLE:
        found = trial(slug, seed, size, churn)
        assert [(each.law, each.sentence) for each in found.accusations] == []
        assert found.requests <= 120


@pytest.mark.parametrize("slug", LISTINGS)
def test_the_polite_profile_stays_within_25_requests(slug: str) -> None:
    """Its plan fits, and accuses nobody."""
    found = trial(slug, 0, 137, 0.0, "polite")
    assert (found.accusations, found.requests <= 25, found.exercised > 15) == ((), True, True)
