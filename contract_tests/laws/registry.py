"""Every law, in the order in which they are exercised; a team's own laws are put behind ours."""

from __future__ import annotations

from collections.abc import Callable

from contract_tests.judging.law import About, Law, Run
from contract_tests.outcome import Tier
from contract_tests.promises import BY_SLUG
from contract_tests.promises.form import Needs, Promises, anything, page_of_listing
from contract_tests.promises.statements import Statement

LAWS: dict[str, Law] = {}


def law(
    name: str,
    *,
    about: About | Statement | None = None,
    needs: Needs = anything,
    page: Callable[[Promises], str] = page_of_listing,
    passive: bool = False,
) -> Callable[[Run], Run]:
    """Register a function as a law: `check` is all it gets, and its docstring is the promise. `about` are the
    statements of the provider that it is about, or one that is common to all; the law is as binding as the strongest.
    `needs` is the capability that it tests; providers without it are not held to the law. A passive law sends nothing;
    it is run when all others have sent what they had to send."""

    def register(run: Run) -> Run:
        if not (run.__doc__ or "").strip():
            raise ValueError(f"the law {name!r} needs a docstring: what is promised, and where")
        if name in LAWS:
            raise ValueError(f"there is a law {name!r} already")
        statements = (lambda promises: [about]) if isinstance(about, Statement) else about
        LAWS[name] = Law(name, run, Tier.MUST, page, needs, passive, statements)
        return run

    return register


def laws_for(slug: str) -> list[Law]:
    """The laws that speak of this provider, in order."""
    return [law for law in LAWS.values() if law.needs(BY_SLUG[slug])]
