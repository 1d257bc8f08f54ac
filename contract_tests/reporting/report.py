"""All that a run has to say, and what it comes to, before anybody decides how to print it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contract_tests.judging.ledger import Standing
from contract_tests.outcome import Lack, Options, Outcome, Power, Since, Tier, Verdict
from contract_tests.reporting import exit_codes

MAX_NAMES = 5
"""Laws without a verdict that one sentence names."""
MIN_POWERS: Mapping[str, float] = {"polite": 0.5, "default": 0.7, "deep": 0.8}
"""By profile: the share of faults that a run must be able to catch. The default fixtures of the fake reach it with any
number of credentials; a nearly empty account does not. Twenty-five requests prove less than a hundred."""


def min_power_of(profile: str) -> float:
    """What a run of this profile must prove, where nobody says otherwise."""
    return MIN_POWERS.get(profile, MIN_POWERS["default"])


@dataclass(frozen=True, slots=True)
class Compared:
    """A report was compared with an earlier one."""

    fixed: tuple[str, ...] = ()
    """The laws that failed then, and hold now."""


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
    compared: Compared | None = None
    cut_short: str = ""
    """Why the run ended before its end, if it did."""
    unused: tuple[str, ...] = ()
    """The options that were given in vain, each in one sentence."""
    abandoned: str = ""
    """Why it ended there, where the deployment had no part in that."""
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

    @property
    def missing(self) -> tuple[Outcome, ...]:
        """The binding promises that were to be checked, could have been, and got no verdict."""
        return tuple(outcome for outcome in self.outcomes if outcome.is_missing)

    @property
    def still(self) -> tuple[Outcome, ...]:
        """Broken promises that would count, had the baseline not had them."""
        return tuple(each for each in self.outcomes if each.since is Since.STILL and binds(each, self.options.strict))

    def count(self, verdict: Verdict) -> int:
        return sum(1 for outcome in self.outcomes if outcome.verdict is verdict)


def fails(outcome: Outcome, *, strict: bool) -> bool:
    """Whether a check fails by this outcome."""
    return outcome.verdict is Verdict.BROKEN and outcome.since is not Since.STILL and binds(outcome, strict)


def binds(outcome: Outcome, strict: bool) -> bool:
    """Whether what is promised counts: MUST always, SHOULD in a strict run."""
    return outcome.tier is Tier.MUST or (strict and outcome.tier is Tier.SHOULD)


def failing(outcomes: Iterable[Outcome], *, strict: bool) -> list[Outcome]:
    """The outcomes that fail a check: MUST always, SHOULD in a strict run."""
    return [outcome for outcome in outcomes if fails(outcome, strict=strict)]


def plural(number: int, one: str, many: str) -> str:
    """A number with its noun, and a verb where one belongs to it: `1 law holds`, `2 laws hold`."""
    return f"{number} {one if number == 1 else many}"


def unanswered(report: Report) -> list[str]:
    """What a run was asked and does not answer, each in one sentence with its cure."""
    said = [f"the run was cut short: {report.cut_short}"] if report.cut_short else []
    for lack in Lack:
        missing = [outcome for outcome in report.missing if outcome.lack is lack]
        if missing:
            names = list(dict.fromkeys(outcome.law for outcome in missing))
            more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
            laws = f"{plural(len(names), 'MUST law', 'MUST laws')} got no verdict: {', '.join(names[:MAX_NAMES])}{more}"
            why = "" if missing[0].sentence == report.cut_short else f", since {missing[0].sentence}"
            said.append(f"{laws}{why} ({lack.cure})")
    return said + [f"{sentence} ({Lack.UNUSED.cure})" for sentence in report.unused]


def compared(report: Report) -> str:
    """What became of the baseline, if there is one."""
    if report.compared is None:
        return ""
    new, still, fixed = len(report.failing), len(report.still), len(report.compared.fixed)
    return f"{new} new, {still} still broken (baseline), {fixed} fixed"


def decide(report: Report) -> tuple[int, str]:
    """0 holds, 1 a promise is broken, 3 nothing could be judged, 4 holds but the run proves too little."""
    if report.could_not_check:
        return exit_codes.COULD_NOT_CHECK, f"could not check: {report.could_not_check}"
    if report.failing:
        promises = plural(len(report.failing), "promise is", "promises are")
        names = ", ".join(dict.fromkeys(outcome.law for outcome in report.failing))
        return exit_codes.BROKEN, "; ".join(filter(None, (f"{promises} broken: {names}", compared(report))))
    number = report.count(Verdict.HOLDS)
    if report.abandoned:
        so_far = plural(number, "law holds", "laws hold")
        return exit_codes.COULD_NOT_CHECK, f"could not check: {report.abandoned}; {so_far} so far"
    if not number and not report.still:
        reason = "; ".join(report.notes) or "no law could be exercised"
        return exit_codes.COULD_NOT_CHECK, f"could not check: {reason}"
    held = "; ".join(filter(None, (plural(number, "law holds", "laws hold"), compared(report))))
    price = "; ".join(unanswered(report))
    if price:
        return exit_codes.UNDER_POWERED, f"{held}, but {price}"
    if report.power is None:
        return exit_codes.HOLDS, held
    caught = f"it {report.power.sentence}"
    if report.power.estimate.share < report.min_power:
        least = f"of this {report.options.profile} run {100 * report.min_power:g} % are asked (--min-power)"
        return exit_codes.UNDER_POWERED, f"{held}, but the run proves too little: {caught}; {least}"
    return exit_codes.HOLDS, f"{held}; {caught}"
