"""The plan of a profile: the probes that catch most for their price, and then the rest as far as there is room."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from contract_tests.laws import plan as planned
from contract_tests.laws.plan import ALWAYS, plans, read_plan
from contract_tests.planted import BUGS, planning
from contract_tests.planted.matrix import OPTIONAL, name_of, read_matrix
from contract_tests.planted.planning import FREE, Plan, matrix, plan, prices_of
from contract_tests.promises import BY_SLUG

PRICES = Counter({"a:1": 1, "a:2": 2, "b:1": 4, "b:2": 1, "b:": 3, **dict.fromkeys(OPTIONAL, 1)})
ORDER = list(PRICES)
SAMPLE = [
    bug
    for bug in BUGS
    if (bug.slug, bug.name) in {("superserve", "status_ignored"), ("superserve", "metadata_any_pair")}
]


@pytest.mark.parametrize(
    ("kills", "room", "chosen"),
    [
        ({"x": {"b:1"}, "y": {"b:1"}, "z": {"a:2"}}, 6, ["a:2", "b:1"]),
        ({"x": {"b:1"}, "y": {"a:1"}}, 100, ["a:1", "b:1", "a:2", "b:2"]),
        ({"x": {"b:1", "b:2"}}, 2, ["b:2", "a:1"]),
        ({"x": {next(iter(FREE)), "b:1"}}, 3, ["a:1", "a:2"]),
        ({}, 4, ["a:1", "a:2", "b:2"]),
        ({"x": {"b:1"}}, 3, ["a:1", "a:2"]),
        ({}, 0, []),
    ],
)
def test_a_plan_is_greedy(kills: dict[str, set[str]], room: int, chosen: list[str]) -> None:
    """Most bugs per request first, again for those caught once, then in the order of the laws; what every run sees
    anyway, requests without a name and optional probes need no room."""
    frozen = {bug: frozenset(probes) for bug, probes in kills.items()}
    found = plan(frozen, PRICES, ORDER, room)
    assert found == chosen
    assert sum(PRICES[probe] for probe in found) <= room


def test_a_bug_that_is_caught_is_worth_less() -> None:
    """A probe counts only bugs that are not caught often enough yet."""
    made = Plan({"x": frozenset({"a:1", "b:1"}), "y": frozenset({"b:1"})}, PRICES, 10)
    assert (made.worth("b:1", 1), made.worth("a:1", 1)) == (0.5, 1.0)
    made.take("a:1")
    assert (made.worth("b:1", 1), made.worth("b:1", 2)) == (0.25, 0.5)
    assert (made.room, made.affordable(["a:1", "b:2"])) == (9, ["b:2"])


def test_the_matrix_says_which_probe_catches_which_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in a filter is caught by probes of laws about filters, each of which has a price; a filter that is ignored,
    and that the page does not have, by the question whether the deployment knows it."""
    monkeypatch.setattr(planning, "BUGS", SAMPLE)
    kills, prices = matrix("superserve", 60), prices_of("superserve", 60)
    assert set(kills) == {"listSandboxes status_ignored", "listSandboxes metadata_any_pair"}
    assert any(probe.startswith("filters.") and prices[probe] for probe in kills["listSandboxes metadata_any_pair"])
    assert kills["listSandboxes status_ignored"] == {"parameters.observed:status"} < {*prices}
    assert prices[":"] == 0 < sum(prices.values())


def test_the_plan_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One provider's probes are planned anew, within their room; the plans of all others stay as they are."""
    path = tmp_path / "plan.yaml"
    monkeypatch.setattr(planning, "BUGS", SAMPLE)
    monkeypatch.setattr(planning, "PLAN", path)
    monkeypatch.setattr(planning, "PLANTED", tmp_path / "matrix.yaml")
    monkeypatch.setattr(planning, "SIZE", 60)
    monkeypatch.setattr(planning, "MATRIX_SIZE", 60)
    assert planning.main(["superserve"]) == 0
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Written by")
    made = yaml.safe_load(text)
    others = {profile: {**providers, "superserve": None} for profile, providers in plans().items()}
    assert {profile: {**providers, "superserve": None} for profile, providers in made.items()} == others
    prices = prices_of("superserve", 60)
    polite = made["polite"]["superserve"]
    assert polite
    assert sum(prices[probe] for probe in polite) <= planning.USUAL["polite"]
    assert set(polite) <= set(made["default"]["superserve"])
    said = capsys.readouterr().out
    assert "2 of 2 bugs; not any" in said
    kills = read_matrix(tmp_path / "matrix.yaml")
    assert set(kills) == {"superserve"}
    assert set(kills["superserve"]) == {name_of(bug) for bug in SAMPLE}
    assert kills["superserve"]["listSandboxes metadata_any_pair"] & {*made["default"]["superserve"]}


def test_what_is_always_sent_needs_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that was made before a probe was written leaves it out, and the default profile sends it all the same."""
    monkeypatch.setattr(planned, "plans", lambda: {"default": {"prime": ["a:1"]}, "polite": {"prime": ["a:1"]}})
    default, polite = read_plan("prime", "default"), read_plan("prime", "polite")
    assert default is not None
    assert default.probes >= ALWAYS | {"a:1"}
    assert polite is not None
    assert not polite.probes & ALWAYS


@pytest.mark.slow
def test_what_is_always_sent_is_there() -> None:
    """Every such name is that of a probe that some provider's laws have. One of them looks at lists that were read
    already, and has no price."""
    priced = frozenset.union(*(frozenset(prices_of(slug, 250)) for slug in BY_SLUG))
    assert ALWAYS - priced == {"tenancy.within:another org"}
