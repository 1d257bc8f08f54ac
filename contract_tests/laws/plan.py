"""Which probes a profile sends: read from `plan.yaml`, which `python -m contract_tests.planted.planning` writes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from contract_tests.judging.probes import Plan
from contract_tests.laws import OURS

CALLERS = frozenset({"tenancy.apart"} | {name for name in OURS if name.startswith("colleagues.")})
"""The laws between callers. Whoever gives a second token wants them asked, whatever a plan has room for: each token
brings its own room along."""
MIXED = frozenset(f"repeats.together:{name}{more}" for name in ("other", "colleague") for more in ("", ", facets"))
"""Probes of another law that need those tokens too."""
POLITE = frozenset(
    {"tenancy.apart:filtered", "colleagues.own:lists", "colleagues.team:list", "colleagues.users:user in a team"}
)
"""Those of their probes that the polite profile sends."""
ROOM_OF_CALLER = 6
"""Requests that they take for each further token: of the 25, so that the least telling probes have to make room."""
PLAN = Path(__file__).with_name("plan.yaml")


@cache
def plans() -> dict[str, dict[str, Any]]:
    """Profile → provider → probes, or nothing where no plan was made."""
    return yaml.safe_load(PLAN.read_text(encoding="utf-8")) if PLAN.exists() else {}


def read_plan(slug: str, profile: str, further: int = 0) -> Plan | None:
    """The probes of a profile, of our laws, for a run with so many further tokens; None for all of them."""
    probes = plans().get(profile, {}).get(slug)
    if probes is None:
        return None
    if profile == "polite":
        return Plan(OURS, POLITE.union(probes[: len(probes) - further * ROOM_OF_CALLER]))
    return Plan(OURS - CALLERS, MIXED.union(probes))


def is_planned(slug: str) -> bool:
    """Whether any profile knows which probes of this provider are worth their price."""
    return any(slug in providers for providers in plans().values())
