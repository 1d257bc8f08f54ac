"""Every law, in the order in which they are exercised; a team's own laws are put behind ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from contract_tests.judging.check import Law, Run
from contract_tests.outcome import Tier

ALL = frozenset({"dreadnode", "instavm", "prime", "superserve"})
LAWS: dict[str, Law] = {}


def law(
    name: str,
    *,
    tier: Tier = Tier.MUST,
    providers: Iterable[str] = ALL,
    page: str = "",
    passive: bool = False,
) -> Callable[[Run], Run]:
    """Register a function as a law: `check` is all it gets, and its docstring is the promise. A passive one sends
    nothing; it is run when all others have sent what they had to send."""

    def register(run: Run) -> Run:
        if not (run.__doc__ or "").strip():
            raise ValueError(f"the law {name!r} needs a docstring: what is promised, and where")
        if name in LAWS:
            raise ValueError(f"there is a law {name!r} already")
        LAWS[name] = Law(name, run, tier, page, frozenset(providers), passive)
        return run

    return register


def laws_for(slug: str) -> list[Law]:
    """The laws of this provider, in order."""
    return [each for each in LAWS.values() if slug in each.providers]
