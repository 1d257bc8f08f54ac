"""Every law, in the order in which they are exercised; a team's own laws are put behind ours."""

from __future__ import annotations

from collections.abc import Callable

from contract_tests.judging.check import Law, Run
from contract_tests.outcome import Tier
from contract_tests.promises import BY_SLUG
from contract_tests.promises.form import Needs, Promises, anything, page_of_listing

LAWS: dict[str, Law] = {}


def law(
    name: str,
    *,
    tier: Tier = Tier.MUST,
    needs: Needs = anything,
    page: Callable[[Promises], str] = page_of_listing,
    passive: bool = False,
) -> Callable[[Run], Run]:
    """Register a function as a law: `check` is all it gets, and its docstring is the promise. `needs` is the
    capability that it tests; providers without it are not held to the law. A passive law sends nothing; it is run when
    all others have sent what they had to send."""

    def register(run: Run) -> Run:
        if not (run.__doc__ or "").strip():
            raise ValueError(f"the law {name!r} needs a docstring: what is promised, and where")
        if name in LAWS:
            raise ValueError(f"there is a law {name!r} already")
        LAWS[name] = Law(name, run, tier, page, needs, passive)
        return run

    return register


def laws_for(slug: str) -> list[Law]:
    """The laws that speak of this provider, in order."""
    return [law for law in LAWS.values() if law.needs(BY_SLUG[slug])]
