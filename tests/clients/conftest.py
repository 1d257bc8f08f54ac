"""What keeps an SDK under test to itself: an empty home, no settings of the machine, and loopback only."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.clients.loopback import stay_here
from tests.clients.table import VARIABLE, Table

PREFIXES = ("PRIME_", "INSTAVM_", "SUPERSERVE_", "DREADNODE_")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SDKs read files in the home, variables and proxies, and fall back to production hosts; none of that here."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in [*os.environ]:
        if name.startswith(PREFIXES) or name.upper() in PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost,::1")

    stay_here(monkeypatch.setattr)


@pytest.fixture
def prime_delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that prime-sandboxes would have slept between its attempts."""
    from prime_sandboxes import APIClient, AsyncAPIClient

    slept: list[float] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(APIClient._idempotent_request_with_retry.retry, "sleep", slept.append)
    monkeypatch.setattr(AsyncAPIClient._idempotent_request_with_retry.retry, "sleep", note)
    return slept


@pytest.fixture
def superserve_delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that superserve would have slept between its attempts."""
    from superserve import _http

    slept: list[float] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=slept.append, monotonic=time.monotonic))
    monkeypatch.setattr(_http, "asyncio", SimpleNamespace(sleep=note))
    return slept


@pytest.fixture
def silent() -> Iterator[str]:
    """The root of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def closed() -> str:
    """The root of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


TABLE = Table()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    TABLE.note(report)


def pytest_sessionfinish() -> None:
    path = os.environ.get(VARIABLE)
    if path:
        TABLE.write(Path(path))
