"""What a report comes to: exit codes, sentences, failures and warnings."""

from __future__ import annotations

import pytest

from contract_tests.judging.target import target
from contract_tests.laws.layer import Laws
from contract_tests.outcome import Estimate, Options, Outcome, Power, Tier, Verdict, broken, holds
from contract_tests.reporting import exit_codes, text
from contract_tests.reporting.report import MIN_POWERS, Report, decide, min_power_of, plural
from contract_tests.run import check
from contract_tests.sending.in_process import InProcess
from tests.support.deployments import constant

HELD = holds("a", "rows")
LOST = broken("b", "lost")
WARNED = broken("c", "odd", tier=Tier.SHOULD)
WEAK, STRONG = Power(10, 100, ("more than 50 rows",)), Power(90, 100, ())
FLATTERED = Power(99, 100, (), unplanned=Estimate(799.6, 1_000))
"""Nearly all that is known, but less than 80 % of what chose none of the probes."""


def test_too_little_power_is_exit_4() -> None:
    """What holds on next to no rows proves next to nothing."""
    report = Report("prime", "", Options(), (Outcome("x", Verdict.HOLDS),), power=WEAK, min_power=0.7)
    assert decide(report)[0] == exit_codes.UNDER_POWERED
    assert "more than 50 rows" in text.render(report)


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        ({"outcomes": (HELD,)}, exit_codes.HOLDS, "1 law holds"),
        ({"outcomes": (HELD, HELD)}, exit_codes.HOLDS, "2 laws hold"),
        (
            {"outcomes": (HELD,), "power": STRONG},
            exit_codes.HOLDS,
            "1 law holds; it would have caught 90 of 100 known fault types (95 % interval 82 to 95 %)",
        ),
        (
            {"outcomes": (HELD,), "power": Power(0, 0, ())},
            exit_codes.UNDER_POWERED,
            "1 law holds, but the run proves too little: it would have caught 0 of 0 known fault types "
            "(95 % interval 0 to 100 %); of this default run 80 % are asked (--min-power)",
        ),
        (
            {"outcomes": (HELD,), "power": FLATTERED, "options": Options(profile="polite")},
            exit_codes.UNDER_POWERED,
            "1 law holds, but the run proves too little: it would have caught an estimated 79 % of faults that chose "
            "none of its probes (95 % interval 77 to 83 %), and 99 of 100 known fault types; of this polite run 80 % "
            "are asked (--min-power)",
        ),
        (
            {"outcomes": (HELD,), "cut_short": "gone", "power": STRONG},
            exit_codes.UNDER_POWERED,
            "1 law holds, but the run was cut short: gone",
        ),
        ({"outcomes": (HELD, LOST, LOST)}, exit_codes.BROKEN, "2 promises are broken: b"),
        ({"outcomes": (LOST,), "cut_short": "gone"}, exit_codes.BROKEN, "1 promise is broken: b"),
        ({"outcomes": (HELD, WARNED)}, exit_codes.HOLDS, "1 law holds"),
        (
            {"outcomes": (HELD, WARNED), "options": Options(strict=True)},
            exit_codes.BROKEN,
            "1 promise is broken: c",
        ),
        ({"outcomes": ()}, exit_codes.COULD_NOT_CHECK, "could not check: no law could be exercised"),
        ({"notes": ("one", "two")}, exit_codes.COULD_NOT_CHECK, "could not check: one; two"),
        ({"outcomes": (LOST,), "could_not_check": "why"}, exit_codes.COULD_NOT_CHECK, "could not check: why"),
    ],
)
def test_what_a_report_comes_to(more: dict[str, object], code: int, sentence: str) -> None:
    """A broken promise weighs more than a run that was cut short, and that more than its power."""
    given: dict[str, object] = {"options": Options(), "min_power": 0.8, **more}
    assert decide(Report("prime", "", **given)) == (code, sentence)  # type: ignore[arg-type]  # Fields by their names.


def test_a_warning_is_what_is_broken_and_does_not_fail() -> None:
    """SHOULD in a strict run is no warning."""
    outcomes = (HELD, LOST, WARNED)
    report, strict = (Report("prime", "", Options(strict=strict), outcomes) for strict in (False, True))
    assert (report.failing, report.warnings) == ((LOST,), (WARNED,))
    assert (strict.failing, strict.warnings) == ((LOST, WARNED), ())


def test_a_number_and_its_noun() -> None:
    """One is one, and none are many."""
    assert [plural(number, "row", "rows") for number in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]


@pytest.mark.parametrize(
    ("caught", "total", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (0, 0, 0.0, 1.0)],
)
def test_the_interval_is_that_of_wilson(caught: float, total: int, low: float, high: float) -> None:
    """The values of the literature (Newcombe 1998, method 3, for 81 of 263), and the ends, which are shares as well."""
    assert Estimate(caught, total).interval == pytest.approx((low, high), abs=0.0001)


@pytest.mark.parametrize("profile", ["polite", "default", "deep"])
def test_each_profile_has_its_own_least_power(profile: str) -> None:
    """Without `--min-power` a run is held to what its profile can prove, and with it to that alone."""
    deployment = constant(503, b"")
    for given, least in ((None, MIN_POWERS[profile]), (0.25, 0.25)):
        transport = InProcess(deployment, target("prime").security, {"token": "t"})
        report = check("prime", "", transport, Options(profile=profile), layers=(Laws(),), min_power=given)
        assert report.min_power == least
    assert min_power_of("a profile of a team") == MIN_POWERS["default"]
