"""Fixtures of the tests that look at the server from outside."""

from __future__ import annotations

import pytest

from tests.support.admin import Machine


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The machine's clock, in the hands of the test."""
    machine = Machine()
    monkeypatch.setattr("fakeserver.worlds.clock.time", machine)
    return machine
