"""The pytest fixture `fakeserver`: a world per test on one background server per test process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fakeserver.testing.handles import World
    from fakeserver.testing.server import Server


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the contract kit's options where a deployment is named; always there, its `--base-url` would stand in the
    way of other plugins' option of that name."""
    if any(argument.partition("=")[0] == "--provider" for argument in sys.argv):
        pluginmanager.import_plugin("contract_tests.plugin")


@pytest.fixture(scope="session")
def fakeserver_server() -> Iterator[Server]:
    """The server that the worlds of all tests live on; it starts when the first test needs it."""
    from fakeserver.testing.server import running

    with running() as server:
        yield server


@pytest.fixture
def fakeserver(fakeserver_server: Server) -> Iterator[World]:
    """A world of this test's own: `fakeserver.prime.base_url`, `.token`, `.fault(…)`, `fakeserver.clock.advance(…)`."""
    with fakeserver_server.world() as world:
        yield world
