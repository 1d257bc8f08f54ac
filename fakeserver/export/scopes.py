"""Tenant rules as data. A rule is a provider's own function of who asks and of some parameters: it is asked for every
caller, and of each parameter that it reads for nothing, for every tenant and user that there is, and for a text that
nobody has. What it answers stands in a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from fakeserver.export.unexportable import Unexportable
from fakeserver.listing.listing import Facets, Listing
from fakeserver.listing.scope import Scope
from fakeserver.problems import Document, Problem
from fakeserver.spec.credentials import Caller

NOBODY = "a-name-that-nobody-has"
MAX_OUTCOMES = 20_000
"""Combinations of callers and parameters that one rule is asked for."""


class Recorder(dict[str, Any]):
    """Values that note which of them are read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def table_of(
    meaning: Listing | Facets,
    callers: Sequence[Caller],
    tenants: Mapping[str, Any],
    parameters: Mapping[str, str],
    refuse: Callable[[Problem], Document],
    personal: bool,
) -> Document:
    """What the rule says; `parameters` has the shape of each, `personal` is whether everybody sees their own alone."""
    known = sorted({*tenants, *(each.user for each in callers), *(name for each in callers for name in each.tenants)})
    choices = [None, *known, NOBODY]
    reads: list[str] = []
    while True:
        if len(callers) * len(choices) ** len(reads) > MAX_OUTCOMES:
            raise Unexportable(f"tenant: the rule reads {', '.join(reads)}, which is too many combinations")
        read: set[str] = set()
        outcomes: list[Document] = []
        rows: dict[str, list[int]] = {}
        for caller in callers:
            for texts in product(choices, repeat=len(reads)):
                values = Recorder(dict.fromkeys(parameters) | dict(zip(reads, texts, strict=True)))
                outcome = _outcome(meaning, caller, values, tenants, refuse, personal)
                read |= values.read
                if outcome not in outcomes:
                    outcomes.append(outcome)
                rows.setdefault(caller.name, []).append(outcomes.index(outcome))
        if read <= {*reads}:
            return {"reads": reads, "known": known, "outcomes": outcomes, "rows": rows}
        reads += sorted(read - {*reads})
        for name in reads:
            if parameters[name] != "string":
                raise Unexportable(f"tenant: the rule reads {name!r}, which is no text")


def _outcome(
    meaning: Listing | Facets,
    caller: Caller,
    values: Mapping[str, Any],
    tenants: Mapping[str, Any],
    refuse: Callable[[Problem], Document],
    personal: bool,
) -> Document:
    try:
        scope = meaning.tenant(caller, values, tenants)
    except Problem as problem:
        return {"refusal": refuse(problem)}
    if personal:
        scope = Scope(scope.tenant, caller.user)
    return {"tenant": scope.tenant, "owner": scope.owner}
