"""The machine's clocks stay out of reach of libraries that stop or move time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import freezegun
import pytest
import time_machine

from fakeserver import machine

STOPPED = datetime(2020, 1, 1, tzinfo=UTC)
Stop = Callable[[], AbstractContextManager[Any]]
LIBRARIES: dict[str, Stop] = {
    "freezegun": lambda: freezegun.freeze_time(STOPPED),
    "time-machine": lambda: time_machine.travel(STOPPED, tick=False),
}
SOON = 1_000_000
"""Looks at a clock that goes, of which some must differ."""


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_clocks_go_on_while_time_stands_still(library: str) -> None:
    """Those that were made before, and those that are made meanwhile, as by an import inside of a test."""
    wall, steady = machine.time.time_ns(), machine.time.monotonic_ns()
    with LIBRARIES[library]():
        assert datetime.now(UTC) == STOPPED
        assert time.time_ns() == int(STOPPED.timestamp()) * 10**9
        for real in (machine.time, machine.RealTime()):
            assert real.time_ns() >= wall
            last = real.monotonic_ns()
            assert last >= steady
            assert any(real.monotonic_ns() > last for _ in range(SOON))
    assert machine.time.time_ns() >= wall
    assert abs(machine.time.time_ns() - time.time_ns()) < 60 * 10**9
