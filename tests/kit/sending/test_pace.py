"""The pace is smooth, and this machine is told apart."""

from __future__ import annotations

import pytest

from contract_tests.sending.pace import Pace, rate_of
from tests.support.sending import BASE


def test_the_pace_is_smooth() -> None:
    """Five a second is one every 0.2 s, from the first request on; no burst is saved up."""
    now, slept = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(5.0, clock=lambda: now[0], sleep=sleep)
    for _ in range(4):
        pace.wait()
    now[0] += 60
    for _ in range(3):
        pace.wait()
    assert [round(each, 3) for each in slept] == [0.2, 0.2, 0.2, 0.2, 0.2]


@pytest.mark.parametrize(
    ("url", "asked", "rate"),
    [(BASE, None, 5.0), (BASE, 9.0, 9.0), ("http://localhost:1", None, None), ("http://localhost:1", 2.0, 2.0)],
)
def test_the_rate_that_was_asked_for_is_kept_everywhere(url: str, asked: float | None, rate: float | None) -> None:
    """On this machine as well, which is not throttled by itself."""
    assert rate_of(url, asked) == rate
