"""The plain driver for as many steps as somebody wants: a new world every few thousand, in as many processes as there
are processors."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle, islice

from tests.support.lives import PROVIDERS
from tests.support.lives.driver import Driver

STEPS_OF_A_WORLD = 2_000


def live(slug: str, seed: int, steps: int) -> str | None:
    """So many steps of one world; the first thing that goes wrong, or None."""
    driver = Driver(PROVIDERS[slug](), seed=seed)
    try:
        for _ in range(steps):
            driver.step()
        driver.look_at_everything()
    except Exception as error:
        return f"{slug}, seed {seed}, step {driver.steps}: {error!r}"[:2_000]
    return None


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lives", description="Providers against plain models.")
    parser.add_argument("--steps", type=int, default=100_000, help="in all (default: 100000)")
    parser.add_argument("--provider", choices=[*PROVIDERS], action="append", help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    worlds = max(1, given.steps // STEPS_OF_A_WORLD)
    slugs = [*islice(cycle(given.provider or PROVIDERS), worlds)]
    seeds = range(given.seed, given.seed + worlds)
    began = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = [*pool.map(live, slugs, seeds, [STEPS_OF_A_WORLD] * worlds)]
    wrong = [each for each in found if each is not None]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    count, passed = worlds * STEPS_OF_A_WORLD, time.monotonic() - began
    print(f"{count:,} steps in {passed:.0f} s, {len(wrong)} of {worlds} worlds wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
