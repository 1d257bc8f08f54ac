"""How plans fare with bugs that had no part in making them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from contract_tests.planted import calibration
from contract_tests.planted.calibration import calibrate, halves, main, shares
from contract_tests.planted.matrix import CALIBRATION, read_shares, write_matrix

APART = "tenancy.apart:filtered"
PRICES = Counter({"a:1": 1, "a:2": 1, "a:3": 90, "b:1": 1, APART: 1})
KILLS = {
    "twin one": frozenset({"a:1"}),
    "twin two": frozenset({"a:1"}),
    "dear": frozenset({"a:3"}),
    "between callers": frozenset({"a:3", APART}),
    "nobody": frozenset[str](),
}


def test_each_bug_is_left_out_once_in_each_split() -> None:
    """Both halves choose, both measure, and no bug does both at once."""
    names = [f"bug {number}" for number in range(9)]
    measured: Counter[str] = Counter()
    for choosing, measuring in halves(names, 5):
        assert sorted(choosing + measuring) == sorted(names)
        assert abs(len(choosing) - len(measuring)) == 1
        measured.update(measuring)
    assert set(measured.values()) == {5}
    assert [*halves(names, 2)] == [*halves(names, 2)] != [*halves(names, 2, seed=1)]


def test_a_share_is_that_of_the_plans_made_without_the_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is room for what is chosen alone, a bug is caught when its twin is among those that choose."""
    chosen: list[set[str]] = []

    def by_kills(slug: str, profile: str, kills: dict[str, frozenset[str]], prices: Counter[str]) -> list[str]:
        chosen.append({probe for probes in kills.values() for probe in probes})
        return sorted(chosen[-1])

    monkeypatch.setattr(calibration, "plan_for", by_kills)
    found = shares("prime", "default", KILLS, PRICES, 30)
    assert 0 < found["twin one"] == found["twin two"] < 1
    assert found["nobody"] == 0
    assert len(chosen) == 60


def test_a_plan_has_no_room_for_everything() -> None:
    """What is too dear is never chosen; what no plan decides about is caught by any."""
    found = calibrate("superserve", "polite", KILLS, PRICES)
    assert found["shares"] == {"dear": 0, "between callers": 0, "nobody": 0}
    assert (found["bugs"], found["chosen by all"], found["chosen by others"]) == (5, 3, 3)


def test_the_calibration_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One provider anew, from a matrix that is there already; the figures of all others stay as they are."""
    path, matrix = tmp_path / "calibration.yaml", tmp_path / "matrix.yaml"
    path.write_bytes(CALIBRATION.read_bytes())
    before = yaml.safe_load(path.read_text(encoding="utf-8"))
    write_matrix(matrix, {"superserve": KILLS}, "a test")
    monkeypatch.setattr(calibration, "CALIBRATION", path)
    monkeypatch.setattr(calibration, "PLANTED", matrix)
    monkeypatch.setattr(calibration, "prices_of", lambda slug, size: PRICES)
    assert main(["superserve"]) == 0
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Written by `python -m contract_tests.planted.calibration`.")
    made = yaml.safe_load(text)
    assert made["polite"]["superserve"]["bugs"] == len(KILLS)
    assert read_shares(path)["polite", "superserve"] == {"dear": 0, "between callers": 0, "nobody": 0}
    for profile, providers in before.items():
        assert {**made[profile], "superserve": None} == {**providers, "superserve": None}
    assert (
        "polite superserve: of 5 bugs a plan made by all of them tells 3, one made by others 3"
        in capsys.readouterr().out
    )
