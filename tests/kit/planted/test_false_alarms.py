"""A correct server is never accused, whatever its documents do meanwhile."""

from __future__ import annotations

import pytest

from contract_tests import run
from contract_tests.outcome import Verdict
from contract_tests.planted.false_alarms import CHURNS, handler, trial
from contract_tests.promises.listings import LISTINGS

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


@pytest.mark.parametrize("slug", LISTINGS)
def test_the_deep_profile_leaves_no_probe_out(slug: str) -> None:
    """It sends all that the laws know, and more questions of the oracle than the default; it accuses nobody."""

    def judged(profile: str) -> run.Judgement:
        options = run.default_options(slug, profile=profile)
        return run.in_process(slug, handler(slug, 0, 137), options, run.default_credentials(slug))

    deep, default = judged("deep"), judged("default")
    every = {probe for probe in judged("matrix").prices if not probe.startswith(":")}
    assert every - deep.prices.keys() == set()
    assert every - default.prices.keys() != set()
    assert [(each.law, each.sentence) for each in deep.outcomes if each.verdict is Verdict.BROKEN] == []
    assert deep.notes == ()
    assert sum(deep.prices.values()) == deep.requests <= 800
    assert oracle_requests(deep) > oracle_requests(default)


def oracle_requests(judgement: run.Judgement) -> int:
    """The oracle runs when no law does, so its probes have no law in front of them."""
    return sum(price for probe, price in judgement.prices.items() if probe.startswith(":"))


@pytest.mark.parametrize("slug", LISTINGS)
def test_the_deep_profile_is_not_fooled_by_a_list_that_moves(slug: str) -> None:
    """Three times the requests are three times the chances to be wrong."""
    found = trial(slug, 0, 40, 0.1, "deep")
    assert [(each.law, each.sentence) for each in found.accusations] == []
