"""A store in a file whose machine stops anywhere in its log: nothing that was acknowledged is lost, nor half there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cuts import cut_again_and_again

POINTS, SOAKED = 60, 10_000


@pytest.mark.parametrize("points", [POINTS, pytest.param(SOAKED, marks=pytest.mark.soak)])
def test_a_log_that_is_cut_anywhere_has_what_was_acknowledged(tmp_path: Path, points: int) -> None:
    found = cut_again_and_again(tmp_path, points, seed=points)
    assert found.cuts >= points
    assert found.writes > found.commits > 0, "several writes share a commit"
    assert found.wrong == [], str(found)
