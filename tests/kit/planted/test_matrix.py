"""Which probe convicts which bug: how it is written, and that what is committed belongs to the bugs of today."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.laws.plan import CALLERS, MIXED, plans
from contract_tests.planted import BUGS
from contract_tests.planted.calibration import shares
from contract_tests.planted.matrix import (
    CALIBRATION,
    OTHER_MAKE,
    PLANTED,
    is_plannable,
    name_of,
    numbers,
    read_matrix,
    read_shares,
    spans,
    write_matrix,
)
from contract_tests.planted.planning import PROFILES, SIZE, prices_of
from contract_tests.promises import BY_SLUG
from tests.kit.other_make.build import SLUGS, bugs


@given(st.frozensets(st.integers(0, 300)))
def test_numbers_are_written_as_spans(found: frozenset[int]) -> None:
    """And read back, in their order."""
    assert numbers(spans(found)) == sorted(found)


@pytest.mark.parametrize(("found", "text"), [((), ""), ((3,), "3"), ((1, 2, 3, 7), "1-3 7"), ((0, 1), "0-1")])
def test_spans_are_short(found: tuple[int, ...], text: str) -> None:
    assert spans(found) == text


def test_a_matrix_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Bugs that no probe convicts included; a file that is not there is empty."""
    path = tmp_path / "matrix.yaml"
    assert read_matrix(path) == {}
    kills = {"one": frozenset({"a:1", "b:2, 3"}), "two": frozenset({"a:1"}), "none": frozenset[str]()}
    write_matrix(path, {"prime": kills, "instavm": {}}, "a command")
    assert read_matrix(path) == {"prime": kills, "instavm": {}}
    assert path.read_text(encoding="utf-8").startswith("# Written by `a command`.\n")


def test_what_a_plan_decides_about() -> None:
    """Neither requests without a probe, nor what a further token brings along, nor what is asked when it is needed."""
    planned = {probe for providers in plans().values() for probes in providers.values() for probe in probes}
    assert all(map(is_plannable, planned))
    assert not any(map(is_plannable, (":", "pages.limits:", "parameters.observed:status", *MIXED)))
    assert not any(is_plannable(f"{law}:list") for law in CALLERS)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_committed_matrix_is_of_the_bugs_of_today(slug: str) -> None:
    """`python -m contract_tests.planted.planning` and `python -m tests.kit.other_make.convictions` write them anew."""
    assert {*read_matrix(PLANTED)[slug]} == {name_of(bug) for bug in BUGS if bug.slug == slug}
    assert {*read_matrix(OTHER_MAKE)[slug]} == {bug.name for bug in bugs(slug) if not bug.unfair}


def test_the_committed_calibration_is_that_of_the_matrix() -> None:
    """Every figure is measured: `python -m contract_tests.planted.calibration` comes to the same."""
    assert {*read_shares(CALIBRATION)} == {(profile, slug) for profile in PROFILES for slug in BY_SLUG}
    prices, kills = prices_of("superserve", SIZE), read_matrix(PLANTED)["superserve"]
    for profile in PROFILES:
        found = {bug: share for bug, share in shares("superserve", profile, kills, prices).items() if share < 1}
        assert read_shares(CALIBRATION)[profile, "superserve"] == pytest.approx(found, abs=0.005)
