"""Makes `laws/calibration.yaml`: how plans fare with planted bugs that had no part in making them.

The bugs of a provider are split into halves at random, a plan is made by each half, and measured with the other. A
bug's share is that of the plans made without it that catch it. No server is asked for anything but its prices: which
probe convicts which bug was measured by `planning` already.

`python -m contract_tests.planted.calibration [PROVIDER]…` takes a minute.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from contract_tests.planted.matrix import (
    CALIBRATION,
    PLANTED,
    Kills,
    is_plannable,
    read_matrix,
    read_shares,
    write_measured,
)
from contract_tests.planted.planning import PROFILES, SIZE, plan_for, prices_of
from contract_tests.promises import BY_SLUG
from contract_tests.yaml_files import read_yaml

COMMAND = "python -m contract_tests.planted.calibration"
SPLITS = 20
"""Each leaves every bug out of one plan."""
DIGITS = 2


def halves(bugs: Sequence[str], splits: int, seed: int = 0) -> Iterator[tuple[list[str], list[str]]]:
    """Which bugs choose a plan, and which ones it is measured with: both ways for each split."""
    rng = Random(seed)
    for _ in range(splits):
        mixed = rng.sample(bugs, len(bugs))
        one, two = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
        yield one, two
        yield two, one


def shares(slug: str, profile: str, kills: Kills, prices: Counter[str], splits: int = SPLITS) -> dict[str, float]:
    """By bug: the share of the plans made without it that have a probe that convicts it. Only what a plan decides about
    counts as a probe here."""
    caught = Counter[str]()
    for choosing, measuring in halves([*kills], splits):
        chosen = {*plan_for(slug, profile, {bug: kills[bug] for bug in choosing}, prices)}
        caught.update(bug for bug in measuring if kills[bug] & chosen)
    return {bug: caught[bug] / splits for bug in kills}


def calibrate(slug: str, profile: str, kills: Kills, prices: Counter[str]) -> dict[str, Any]:
    """What is written of one provider and profile."""
    chosen = {*plan_for(slug, profile, kills, prices)}
    found = shares(slug, profile, kills, prices)
    always = {bug for bug, probes in kills.items() if any(not is_plannable(probe) for probe in probes)}
    return {
        "bugs": len(kills),
        "chosen by all": sum(1 for bug in kills if bug in always or kills[bug] & chosen),
        "chosen by others": round(sum(1 if bug in always else found[bug] for bug in kills), DIGITS),
        "shares": {bug: round(share, DIGITS) for bug, share in found.items() if share < 1},
    }


def main(slugs: Sequence[str]) -> int:
    made: dict[str, dict[str, Any]] = {profile: {} for profile in PROFILES}
    if slugs and CALIBRATION.exists():
        made |= read_yaml(CALIBRATION)
    measured: Mapping[str, Kills] = read_matrix(PLANTED)
    for slug in slugs or BY_SLUG:
        if slug not in measured:
            continue
        prices = prices_of(slug, SIZE)
        for profile in PROFILES:
            made[profile][slug] = found = calibrate(slug, profile, measured[slug], prices)
            print(
                f"{profile} {slug}: of {found['bugs']} bugs a plan made by all of them tells "
                f"{found['chosen by all']}, one made by others {found['chosen by others']}",
                flush=True,
            )
    write_measured(CALIBRATION, made, COMMAND)
    read_shares.cache_clear()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
