"""A law: a promise under test, and the statements that it holds a provider to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract_tests.outcome import Tier
from contract_tests.promises.form import Needs, Promises, anything, page_of_listing
from contract_tests.promises.statements import Statement, strongest

if TYPE_CHECKING:
    from contract_tests.judging.check import Check

Run = Callable[["Check"], None]
About = Callable[[Promises], Iterable[Statement | None]]
"""The statements of a provider that a law is about."""


@dataclass(frozen=True, slots=True)
class Law:
    """A promise under test. Its docstring says what is promised."""

    name: str
    run: Run
    tier: Tier
    """How binding it is where it is about no statement, as the laws of a team may be."""
    page: Callable[[Promises], str] = page_of_listing
    needs: Needs = anything
    passive: bool = False
    """It sends nothing, and watches the answers to all that others send."""
    about: About | None = None

    @property
    def promise(self) -> str:
        return " ".join((self.run.__doc__ or "").split())

    def tier_for(self, promises: Promises) -> Tier:
        """How binding it is for a provider: as binding as the strongest of its statements."""
        return (strongest(self.about(promises)) if self.about is not None else None) or self.tier
