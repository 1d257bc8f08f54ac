"""Which probes a profile sends: read from `plan.yaml`, which `python -m contract_tests.planted.planning` writes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from contract_tests.judging.probes import Plan
from contract_tests.laws import OURS, laws_for
from contract_tests.yaml_files import read_yaml

CALLERS = frozenset({"tenancy.apart"} | {name for name in OURS if name.startswith("colleagues.")})
"""The laws between callers. Whoever gives a second token wants them asked, whatever a plan has room for: each token
brings its own room along."""
MIXED = frozenset(f"repeats.together:{name}{more}" for name in ("other", "colleague") for more in ("", ", facets"))
"""Probes of another law that need those tokens too."""
ALWAYS = frozenset(
    {
        "exactness.values:one inner value right, one wrong",
        "exactness.values:one element, not two",
        "exactness.values:one inner list, not two",
        "exactness.values:key case",
        "exactness.values:key prefix",
        "pages.limits:one",
        "cursors.tampered:flipped",
        "cursors.tampered:half",
        "spellings.lists:upper-case uuid",
        "spellings.encoding:capital boolean",
        "spellings.encoding:empty team",
        "spellings.encoding:plus",
        "spellings.encoding:duplicate",
        "filters.single:status ERROR",
        "filters.conjunction:active and terminated",
        "values.bounds:zero",
        "values.metadata:nan",
        "values.metadata:long key",
        "values.metadata:much in all",
        "values.odd:zero byte",
        "values.odd:zero byte in a key",
        "values.odd:zero byte in a project",
        "values.odd:zero byte in the org",
        "values.odd:deep nesting",
        "values.odd:half a pair",
        "values.odd:large number",
        "values.odd:huge page",
        "values.odd:odd user",
        "values.odd:project without hyphens",
        "values.odd:project in braces",
        "values.odd:odd team",
        "credentials.required:empty",
        "credentials.required:malformed",
        "pages.filtered:exact",
        "pages.filtered:second",
        "pages.filtered:second, active",
        "pages.filtered:second, project",
        "pages.filtered:second, status",
        "pages.filtered:second, user",
        "pages.filtered:team",
        "pages.limits:inside a tie",
        "pages.windows:tie",
        "cursors.walk:inside a tie",
        "tenancy.within:another org",
        "repeats.order:whole",
        "repeats.order:filtered",
        "repeats.order:tie",
        "repeats.order:page two",
        "repeats.order:facets",
    }
)
"""What every default run sends, whatever a plan has room for. No bug planted by hand needs them, but those do that
others have made: text that databases cannot hold, the second page of every kind of filtered list, a page that ends
between sandboxes of one instant, one order for one request. Planning takes them first, so that others make room."""
POLITE_OTHER = "tenancy.apart:filtered"
"""What the polite profile asks as a stranger."""
POLITE_COLLEAGUE = (
    ("colleagues.own:lists",),
    ("colleagues.team:list",),
    ("colleagues.users:user in a team", "colleagues.users:user without a team"),
    ("colleagues.answers:list",),
)
"""What it asks as a colleague: the first of these that is promised, so that no token is given in vain."""
ROOM_OF_CALLER = 4
"""Requests that this takes for each further token: of the 25, so that the least telling probes have to make room."""
PLAN = Path(__file__).with_name("plan.yaml")


@cache
def plans() -> dict[str, dict[str, Any]]:
    """Profile → provider → probes, or nothing where no plan was made."""
    return read_yaml(PLAN) if PLAN.exists() else {}


def read_plan(slug: str, profile: str, further: int = 0) -> Plan | None:
    """The probes of a profile, of our laws, for a run with so many further tokens; None for all of them."""
    probes = plans().get(profile, {}).get(slug)
    if probes is None:
        return None
    if profile == "polite":
        return Plan(OURS, frozenset({*probes[: len(probes) - further * ROOM_OF_CALLER], *polite_callers(slug)}))
    return Plan(OURS - CALLERS, MIXED.union(ALWAYS, probes))


def polite_callers(slug: str) -> tuple[str, ...]:
    """The probes between callers that the polite profile sends, where their tokens are given."""
    promised = {law.name for law in laws_for(slug)}
    own = (probes for probes in POLITE_COLLEAGUE if probes[0].partition(":")[0] in promised)
    return (POLITE_OTHER, *next(own, ()))


def is_planned(slug: str) -> bool:
    """Whether any profile knows which probes of this provider are worth their price."""
    return any(slug in providers for providers in plans().values())
