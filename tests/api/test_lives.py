"""Every provider driven at random against a plain model: what is created, changed, paused, resumed, ended and aged is
what lists, filters, totals and facets show, to everybody who may see it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.support.lives import PROVIDERS
from tests.support.lives.driver import EVERYTHING, Driver
from tests.support.lives.model import Sandbox
from tests.support.soak import examples

STEPS = 300
"""Of the plain driver in a usual run."""
RUNS, SOAK_RUNS = 3, 2_000
"""Of the state machine, with `EVERYTHING` steps each; a soak has 100,000 steps."""
CHANCES = st.randoms(use_true_random=False)


@pytest.mark.parametrize("slug", PROVIDERS)
def test_a_plain_model_agrees(slug: str) -> None:
    driver = Driver(PROVIDERS[slug]())
    for _ in range(examples(STEPS)):
        driver.step()
    driver.look_at_everything()


class Lives(RuleBasedStateMachine):
    """The same actions, drawn by Hypothesis, which finds the fewest that go wrong; one list is looked at after each."""

    slug: str

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.driver = Driver(PROVIDERS[self.slug](), seed=seed)

    def look(self, chance: Random) -> None:
        self.driver.chance = chance
        self.driver.model.age()
        self.driver.look()

    def drawn(self, chance: Random) -> tuple[str, Sandbox]:
        """Somebody, and a sandbox that they see; a new one if they see none."""
        driver = self.driver
        who, tenant = chance.choice(driver.provider.callers)
        while not (seen := [each for each in driver.model.of(tenant) if driver.provider.sees(each, who)]):
            driver.chance = chance
            driver.create()
        return who, chance.choice(seen)

    @rule(chance=CHANCES)
    def create(self, chance: Random) -> None:
        self.driver.chance = chance
        self.driver.create()
        self.look(chance)

    @rule(chance=CHANCES)
    def fire(self, chance: Random) -> None:
        who, sandbox = self.drawn(chance)
        self.driver.fire(chance.choice([*self.driver.provider.events]), sandbox, who)
        self.look(chance)

    @precondition(lambda self: self.slug == "superserve")
    @rule(chance=CHANCES)
    def change(self, chance: Random) -> None:
        self.driver.chance = chance
        self.driver.change(self.drawn(chance)[1])
        self.look(chance)

    @rule(chance=CHANCES)
    def touch_what_is_not_theirs(self, chance: Random) -> None:
        self.driver.chance = chance
        self.driver.nothing(chance.choice([*self.driver.provider.events]))
        self.look(chance)

    @rule(seconds=st.sampled_from((1, 2, 7, 60, 600, 3_600, 40_000)), chance=CHANCES)
    def move(self, seconds: int, chance: Random) -> None:
        self.driver.move(seconds)
        self.look(chance)

    def teardown(self) -> None:
        if hasattr(self, "driver"):
            self.driver.look_at_everything()


def run(slug: str, runs: int, *phases: Phase) -> None:
    machine = type(f"Lives of {slug}", (Lives,), {"slug": slug})
    chosen = settings(max_examples=runs, stateful_step_count=EVERYTHING, phases=phases)
    run_state_machine_as_test(machine, settings=chosen)


@pytest.mark.parametrize("slug", PROVIDERS)
def test_no_few_actions_go_wrong(slug: str) -> None:
    """Without looking for fewer actions where some do, which takes minutes: that is a soak's."""
    run(slug, examples(RUNS), Phase.generate)


@pytest.mark.soak
@pytest.mark.parametrize("slug", PROVIDERS)
def test_no_actions_go_wrong(slug: str) -> None:
    run(slug, SOAK_RUNS, Phase.generate, Phase.shrink)
