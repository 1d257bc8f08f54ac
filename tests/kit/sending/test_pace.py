"""The pace is smooth, and this machine is told apart."""

from __future__ import annotations

import pytest

from contract_tests.sending.pace import Pace, is_loopback
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
    ("url", "loopback"),
    [("http://127.0.0.1:8000/x", True), ("http://localhost/x", True), ("http://[::1]:1/", True), (BASE, False)],
)
def test_loopback_is_told_apart(url: str, loopback: bool) -> None:
    """Only this machine is asked without a pause."""
    assert is_loopback(url) is loopback
