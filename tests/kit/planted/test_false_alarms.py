"""A correct server is never accused, whatever its documents do meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from contract_tests.judging.session import Layer, Session
from contract_tests.laws.layer import Laws
from contract_tests.laws.plan import plans
from contract_tests.outcome import Verdict
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.planted.false_alarms import CHURNS, handler, trial
from contract_tests.planted.layers import JUDGES
from contract_tests.promises import BY_SLUG

PLANNED_SIZES = (137, 250, 1_000)
"""Rows in the worlds that plans are made with."""
WITH_ALL_CALLERS = 160
"""Requests of a default run with three credentials, at most."""
SAMPLE = ((0, 11), (0, 26), (1, 12), (2, 13), (40, 14), (1_000, 22))


def sample(slug: str, churn: float) -> Sequence[tuple[int, int]]:
    """Every world at rest; of those that move each at one of two paces, and at the other for the next provider."""
    if not churn:
        return SAMPLE
    return SAMPLE[([*BY_SLUG].index(slug) + CHURNS.index(churn)) % 2 :: 2]


def test_every_world_rests_and_moves() -> None:
    """No provider's world is left out of the sample."""
    for slug in BY_SLUG:
        moving = [each for churn in CHURNS if churn for each in sample(slug, churn)]
        assert sorted(moving) == sorted(sample(slug, 0.0)) == sorted(SAMPLE)


@pytest.mark.parametrize("churn", CHURNS)
@pytest.mark.parametrize("slug", BY_SLUG)
def test_a_correct_server_is_not_accused(slug: str, churn: float) -> None:
    """Small worlds and larger ones, resting and moving; `make false-alarms` has the whole table."""
    for size, seed in sample(slug, churn):
        found = trial(slug, seed, size, churn)
        assert [(each.law, each.sentence) for each in found.accusations] == []
        assert found.requests <= WITH_ALL_CALLERS


@pytest.mark.parametrize("slug", BY_SLUG)
def test_the_polite_profile_stays_within_25_requests(slug: str) -> None:
    """Its plan fits, and accuses nobody."""
    found = trial(slug, 0, 137, 0.0, "polite")
    assert (found.accusations, found.requests <= 25, found.exercised > 15) == ((), True, True)


@pytest.mark.parametrize("slug", BY_SLUG)
def test_the_deep_profile_leaves_no_probe_out(slug: str) -> None:
    """It sends all that the laws know, and more questions of the oracle than the default; it accuses nobody."""

    def judged(profile: str, layers: Sequence[Layer] = JUDGES) -> Session:
        return exercise(slug, handler(slug, 0, 137), default_options(slug, profile=profile), layers)

    deep, default = judged("deep"), judged("default")
    every = {probe for probe in prices(judged("matrix", (Laws(),))) if not probe.startswith(":")}
    assert every - prices(deep).keys() == set()
    assert every - prices(default).keys() != set()
    assert [(each.law, each.sentence) for each in deep.outcomes if each.verdict is Verdict.BROKEN] == []
    assert deep.notes == []
    assert sum(prices(deep).values()) == deep.transport.sent <= 800
    assert oracle_requests(deep) > oracle_requests(default)


@pytest.mark.parametrize("slug", BY_SLUG)
def test_the_plans_name_probes_that_are_sent(slug: str) -> None:
    """A probe that is renamed is renamed in the plan as well: each is sent in a small world or in a large one."""
    known: set[str] = set()
    for size in PLANNED_SIZES:
        options = default_options(slug, profile="matrix")
        known |= set(prices(exercise(slug, handler(slug, 0, size), options, (Laws(),))))
    for profile, providers in plans().items():
        assert set(providers[slug]) - known == set(), profile


def prices(session: Session) -> Counter[str]:
    return session.check.transport.prices


def oracle_requests(session: Session) -> int:
    """The oracle runs when no law does, so its probes have no law in front of them."""
    return sum(price for probe, price in prices(session).items() if probe.startswith(":"))


@pytest.mark.parametrize("slug", BY_SLUG)
def test_the_deep_profile_is_not_fooled_by_a_list_that_moves(slug: str) -> None:
    """Three times the requests are three times the chances to be wrong."""
    found = trial(slug, 0, 40, 0.1, "deep")
    assert [(each.law, each.sentence) for each in found.accusations] == []
