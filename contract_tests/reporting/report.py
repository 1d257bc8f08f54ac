"""All that a run has to say, and what it comes to, before anybody decides how to print it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contract_tests.judging.ledger import Standing
from contract_tests.outcome import Options, Outcome, Power, Tier, Verdict
from contract_tests.reporting import exit_codes

MIN_POWER = 0.8
"""The default fixtures of the fake reach it with one credential; a nearly empty account does not."""


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
    deviations: tuple[Standing, ...] = ()
    """Every known deviation, and what the run has to say about it."""
    cut_short: str = ""
    """Why the run ended before its end, if it did."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def failing(self) -> tuple[Outcome, ...]:
        """Broken promises that count: MUST always, SHOULD in a strict run."""
        return tuple(failing(self.outcomes, strict=self.options.strict))

    @property
    def warnings(self) -> tuple[Outcome, ...]:
        """Broken promises that are only reported."""
        broken = [outcome for outcome in self.outcomes if outcome.verdict is Verdict.BROKEN]
        return tuple(outcome for outcome in broken if not fails(outcome, strict=self.options.strict))

    def count(self, verdict: Verdict) -> int:
        return sum(1 for outcome in self.outcomes if outcome.verdict is verdict)


def fails(outcome: Outcome, *, strict: bool) -> bool:
    """Whether a check fails by this outcome."""
    counting = (Tier.MUST, Tier.SHOULD) if strict else (Tier.MUST,)
    return outcome.verdict is Verdict.BROKEN and outcome.tier in counting


def failing(outcomes: Iterable[Outcome], *, strict: bool) -> list[Outcome]:
    """The outcomes that fail a check: MUST always, SHOULD in a strict run."""
    return [outcome for outcome in outcomes if fails(outcome, strict=strict)]


def plural(number: int, one: str, many: str) -> str:
    """A number with its noun, and a verb where one belongs to it: `1 law holds`, `2 laws hold`."""
    return f"{number} {one if number == 1 else many}"


def decide(report: Report) -> tuple[int, str]:
    """0 holds, 1 a promise is broken, 3 nothing could be judged, 4 holds but the run proves too little."""
    if report.could_not_check:
        return exit_codes.COULD_NOT_CHECK, f"could not check: {report.could_not_check}"
    if report.failing:
        promises = plural(len(report.failing), "promise is", "promises are")
        names = ", ".join(dict.fromkeys(outcome.law for outcome in report.failing))
        return exit_codes.BROKEN, f"{promises} broken: {names}"
    number = report.count(Verdict.HOLDS)
    if not number:
        reason = "; ".join(report.notes) or "no law could be exercised"
        return exit_codes.COULD_NOT_CHECK, f"could not check: {reason}"
    held = plural(number, "law holds", "laws hold")
    if report.cut_short:
        return exit_codes.UNDER_POWERED, f"{held}, but the run was cut short: {report.cut_short}"
    if report.power is None:
        return exit_codes.HOLDS, held
    share = report.power.caught / report.power.total if report.power.total else 0.0
    caught = f"it would have caught {report.power.caught} of {report.power.total} known fault types"
    if share < report.min_power:
        return exit_codes.UNDER_POWERED, f"{held}, but the run proves too little: {caught}"
    return exit_codes.HOLDS, f"{held}; {caught}"
