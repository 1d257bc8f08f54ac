"""A fake for the tests in which pytest checks a deployment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fakeserver.serving.app import Settings
from fakeserver.testing.server import Server, running


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(Settings(size=60, rate_limits=False)) as served:
        yield served


@pytest.fixture(scope="module")
def base_url(server: Server) -> str:
    return f"{server.base_url}/prime"
