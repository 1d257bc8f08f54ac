"""What the kit's README promises of profiles, power and exit 4."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from contract_tests import run
from contract_tests.cli.arguments import parse
from contract_tests.judging.session import BUDGETS, FURTHER
from contract_tests.outcome import Lack, Options, holds, inconclusive
from contract_tests.planted import calibration, correct, planning
from contract_tests.planted.backend import documents_of, load
from contract_tests.planted.layers import JUDGES
from contract_tests.planted.power import Weighing
from contract_tests.planted.replay import transport
from contract_tests.reporting import exit_codes
from contract_tests.reporting import json as json_report
from contract_tests.reporting.report import MIN_POWERS, Report, decide
from tests.kit.other_make import convictions
from tests.support.deployments import BASE_URL

README = Path(__file__).parents[2] / "contract_tests" / "README.md"
SECTION = README.read_text(encoding="utf-8").partition("## Profiles, power and exit 4\n")[2].partition("\n## ")[0]
MANY = 120


def checked(rows: int, min_power: float | None = None) -> Report:
    """A right server with so many rows, whose check nobody gave a further token."""
    documents = {"main": documents_of(load("superserve"))["main"][:rows]}
    server = transport("superserve", correct("superserve", documents))
    layers = (*JUDGES, Weighing())
    return run.check("superserve", BASE_URL, server, Options(), layers=layers, min_power=min_power)


@pytest.mark.parametrize("profile", MIN_POWERS)
def test_the_table_of_profiles(profile: str) -> None:
    """Requests, what a further token adds, and the least power."""
    (line,) = re.findall(rf"^\| `{profile}` \|.*$", SECTION, re.MULTILINE)
    numbers = [str(BUDGETS[profile].shared), *([str(FURTHER[profile])] if profile in FURTHER else [])]
    assert re.findall(r"[\d.]+", line) == [*numbers, str(MIN_POWERS[profile])]


def test_the_commands_are_those_that_write_the_figures() -> None:
    for command in (planning.COMMAND, calibration.COMMAND, convictions.COMMAND):
        assert f"`{command}`" in SECTION
    assert calibration.SPLITS == 20
    assert "twenty times" in SECTION


@pytest.mark.slow
def test_few_rows_prove_too_little() -> None:
    """Exit 4 where there is next to nothing to look at; more rows, or a smaller `--min-power`, cure it."""
    few = checked(0)
    code, sentence = decide(few)
    assert (code, "the run proves too little" in sentence) == (exit_codes.UNDER_POWERED, True)
    assert decide(checked(MANY))[0] == exit_codes.HOLDS
    assert decide(checked(0, 0.0))[0] == exit_codes.HOLDS


@pytest.mark.slow
def test_the_least_power_is_held_against_the_estimate() -> None:
    """Not against the known bugs, of which the run would have caught more; both stand in the sentence and in JSON."""
    power = checked(MANY).power
    assert power is not None
    share, known = power.estimate.share, power.caught / power.total
    low, high = power.estimate.interval
    assert low < share < min(high, known)
    between = checked(MANY, (share + known) / 2)
    code, sentence = decide(between)
    assert code == exit_codes.UNDER_POWERED
    assert re.search(
        r"an estimated \d+ % of faults that chose none of its probes \(95 % interval \d+ to \d+ %\)", sentence
    )
    told = json.loads(json_report.render(between))["power"]
    assert told["estimate"]["share"] == pytest.approx(share, abs=0.001)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"outcomes": (holds("a"), inconclusive("b", "why", Lack.BUDGET))}, "1 MUST law got no verdict: b"),
        (
            {"outcomes": (holds("a"),), "unused": ("--other-token was given and never used",)},
            "was given and never used",
        ),
        ({"outcomes": (holds("a"),), "cut_short": "gone"}, "the run was cut short"),
    ],
)
def test_what_else_is_exit_4(more: dict[str, object], said: str) -> None:
    """What was asked for and not done, in the first line."""
    code, sentence = decide(Report("prime", "", Options(), **more))  # type: ignore[arg-type]  # Fields by their names.
    assert (code, said in sentence) == (exit_codes.UNDER_POWERED, True)


def test_the_option_replaces_the_least_of_the_profile() -> None:
    """Without it, the profile says what is asked."""
    given = ["prime", "--base-url", BASE_URL, "--token", "t"]
    assert parse([*given, "--min-power", "0.25"]).min_power == 0.25
    assert parse(given).min_power is None
