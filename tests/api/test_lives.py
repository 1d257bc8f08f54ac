"""Every provider driven at random against a plain model: what is created, changed, paused, resumed, ended and aged is
what lists, filters, totals and facets show, to everybody who may see it."""

from __future__ import annotations

import pytest

from tests.support.lives.dreadnode import Dreadnode
from tests.support.lives.driver import Driver
from tests.support.lives.instavm import Instavm
from tests.support.lives.prime import Prime
from tests.support.lives.superserve import Superserve
from tests.support.soak import examples

PROVIDERS = {each.slug: each for each in (Dreadnode, Instavm, Prime, Superserve)}
STEPS = 400


@pytest.mark.parametrize("slug", PROVIDERS)
@pytest.mark.parametrize("seed", range(2))
def test_a_plain_model_agrees(slug: str, seed: int) -> None:
    driver = Driver(PROVIDERS[slug](), seed=seed)
    for _ in range(examples(STEPS)):
        driver.step()
    driver.look_at_everything()
