"""Waits are noted where somebody notes them, and done at once where nobody does."""

from __future__ import annotations

import time

import pytest

from fakeserver.commands.waits import Waits, wait


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_a_job_notes_what_it_waits_for(slept: list[float]) -> None:
    waits = Waits()

    def work(first: float, *, second: float) -> str:
        wait(first)
        wait(second)
        return "done"

    assert waits.during(work, 1.5, second=2.0) == "done"
    assert (waits.seconds, slept) == (3.5, [])


def test_nothing_is_noted_behind_a_job(slept: list[float]) -> None:
    """Also if it failed."""
    waits = Waits()
    with pytest.raises(ZeroDivisionError):
        waits.during(lambda: 1 / 0)
    wait(2.5)
    assert (waits.seconds, slept) == (0, [2.5])


def test_a_job_within_a_job_notes_its_own(slept: list[float]) -> None:
    outer, inner = Waits(), Waits()

    def both(inner: Waits) -> None:
        inner.during(wait, 1)
        wait(2)

    outer.during(both, inner)
    assert (outer.seconds, inner.seconds, slept) == (2, 1, [])
