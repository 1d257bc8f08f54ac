"""All that a run has to say, before anybody decides how to print it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from contract_tests.outcome import Options, Outcome, Tier, Verdict


class Power(Protocol):
    """How much the run would have noticed."""

    caught: int
    total: int
    unseen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One check of one deployment."""

    slug: str
    base_url: str
    options: Options
    outcomes: tuple[Outcome, ...] = ()
    notes: tuple[str, ...] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    power: Power | None = None
    min_power: float = 0.0
    could_not_check: str = ""
    cut_short: str = ""
    """Why the run ended before its end, if it did."""

    @property
    def failing(self) -> tuple[Outcome, ...]:
        """Broken promises that count: MUST always, SHOULD in a strict run."""
        return tuple(each for each in self.outcomes if fails(each, strict=self.options.strict))

    @property
    def warnings(self) -> tuple[Outcome, ...]:
        """Broken promises that are only reported."""
        return tuple(each for each in self.outcomes if each.verdict is Verdict.BROKEN and each not in self.failing)

    def counted(self, verdict: Verdict) -> int:
        return sum(1 for each in self.outcomes if each.verdict is verdict)


def fails(outcome: Outcome, *, strict: bool) -> bool:
    counting = (Tier.MUST, Tier.SHOULD) if strict else (Tier.MUST,)
    return outcome.verdict is Verdict.BROKEN and outcome.tier in counting
