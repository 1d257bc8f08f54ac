"""A fake for the tests in which pytest checks a deployment, and plans that runs of the kit share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakeserver.serving.app import Settings
from fakeserver.testing.server import Server, running
from tests.support.plans import Plans

ORACLE = Path(__file__).parent / "oracle"
PLANS = Plans()


@pytest.fixture(autouse=True)
def shared_plans(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs with the same rows are planned once, but where planning is what is tested."""
    if ORACLE not in request.path.parents:
        monkeypatch.setattr("contract_tests.oracle.layer.plan", PLANS)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(Settings(size=60, rate_limits=False)) as served:
        yield served


@pytest.fixture(scope="module")
def base_url(server: Server) -> str:
    return f"{server.base_url}/prime"
