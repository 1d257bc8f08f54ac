"""Makes `laws/plan.yaml`: which probes catch the most planted bugs for their price; and `laws/matrix.yaml`, which says
what every probe catches.

Every probe is run against every bug once (profile `matrix`). The plan of a profile is then greedy: first what
catches the most bugs that nothing chosen so far catches, then what catches them a second time, then the rest in the
order of the laws, until the requests are used up.

`python -m contract_tests.planted.planning [PROVIDER]…` takes some minutes.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from contract_tests.judging.session import CouldNotCheck
from contract_tests.laws.layer import Laws
from contract_tests.laws.plan import ALWAYS, PLAN, plans
from contract_tests.outcome import Tier
from contract_tests.planted import BUGS, correct
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.planted.matrix import (
    PLANTED,
    UNPLANNED,
    Kills,
    is_plannable,
    name_of,
    read_matrix,
    write_matrix,
    write_measured,
)
from contract_tests.promises import BY_SLUG

COMMAND = "python -m contract_tests.planted.planning"
MATRIX_SIZE = 250
"""Rows in the world of the bugs: enough for three pages, few enough to be quick."""
SIZE = 1_000
"""Rows in the world that probes are priced in: that of the fake's default fixtures."""
PROFILES = ("default", "polite")
ROOM = {"default": {"dreadnode": 60}, "polite": {"dreadnode": 18, "prime": 20}}
"""Requests for probes, where the snapshots leave less than usual."""
USUAL = {"default": 86, "polite": 21}
ROUNDS = 3
FREE = frozenset({":", "pages.limits:", "tenancy.owner:", "credentials.unechoed:", "rows.known:"})
"""What every run looks at: the snapshot, and the answers to everything else."""


def is_free(probe: str) -> bool:
    """Whether every run looks at it, or asks it as soon as another probe needs the answer."""
    return probe in FREE or probe.startswith(UNPLANNED)


def prices_of(slug: str, size: int) -> Counter[str]:
    """What each probe costs on a correct server, in the order of the laws."""
    session = exercise(slug, correct(slug, size=size), default_options(slug, profile="matrix"), (Laws(),))
    return Counter(session.check.transport.prices)


def matrix(slug: str, size: int) -> dict[str, frozenset[str]]:
    """Bug → probes that catch it."""
    options = default_options(slug, profile="matrix")
    kills: dict[str, frozenset[str]] = {}
    for bug in BUGS:
        if bug.slug != slug:
            continue
        try:
            session = exercise(slug, bug.handler(size=size), options, (Laws(),))
        except CouldNotCheck:
            continue
        kills[name_of(bug)] = frozenset(
            breach.probe
            for breaches in session.check.breaches.values()
            for breach in breaches
            if breach.tier is not Tier.INFO
        )
    return kills


@dataclass
class Plan:
    """The probes chosen so far, how often each bug would be caught, and the requests that are left."""

    kills: Kills
    prices: Counter[str]
    room: int
    chosen: list[str] = field(default_factory=list)
    caught: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for bug, probes in self.kills.items():
            self.caught[bug] = ROUNDS if any(map(is_free, probes)) else 0

    def affordable(self, probes: Iterable[str]) -> list[str]:
        """Those that are not chosen yet and fit into the room."""
        return [probe for probe in probes if probe not in self.chosen and self.prices[probe] <= self.room]

    def worth(self, probe: str, times: int) -> float:
        """How many bugs that are caught less often than this the probe catches, per request."""
        bugs = sum(1 for bug, probes in self.kills.items() if self.caught[bug] < times and probe in probes)
        return bugs / self.prices[probe]

    def take(self, probe: str) -> None:
        self.room -= self.prices[probe]
        self.chosen.append(probe)
        for bug, probes in self.kills.items():
            self.caught[bug] += probe in probes


def plan(
    kills: Kills, prices: Counter[str], order: Sequence[str], room: int, always: frozenset[str] = frozenset()
) -> list[str]:
    """The probes that fit into the room: those that are always sent, then the most telling first."""
    named = [probe for probe in order if is_plannable(probe)]
    made = Plan(kills, prices, room - sum(prices[probe] for probe in order if probe.startswith(UNPLANNED)))
    for probe in named:
        if probe in always:
            made.take(probe)
    for times in range(1, ROUNDS + 1):
        while affordable := made.affordable(named):
            worth = {probe: made.worth(probe, times) for probe in affordable}
            best = max(worth, key=lambda probe: worth[probe])
            if not worth[best]:
                break
            made.take(best)
    for probe in named:
        if made.affordable([probe]):
            made.take(probe)
    return made.chosen


def plan_for(slug: str, profile: str, kills: Kills, prices: Counter[str]) -> list[str]:
    """The probes of a profile, within its room."""
    always = ALWAYS if profile == "default" else frozenset()
    return plan(kills, prices, list(prices), ROOM[profile].get(slug, USUAL[profile]), always)


def main(slugs: Sequence[str]) -> int:
    made = {profile: dict(plans().get(profile, {})) for profile in PROFILES}
    measured = dict(read_matrix(PLANTED))
    for slug in slugs or BY_SLUG:
        measured[slug] = kills = matrix(slug, MATRIX_SIZE)
        prices = prices_of(slug, SIZE)
        for profile in PROFILES:
            chosen = plan_for(slug, profile, kills, prices)
            made[profile][slug] = chosen
            left = [bug for bug, probes in kills.items() if not any(is_free(each) or each in chosen for each in probes)]
            print(
                f"{profile} {slug}: {len(chosen)} probes, {len(kills) - len(left)} of {len(kills)} bugs; "
                f"not {', '.join(left) or 'any'}",
                flush=True,
            )
    write_measured(PLAN, made, COMMAND)
    write_matrix(PLANTED, measured, COMMAND)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
