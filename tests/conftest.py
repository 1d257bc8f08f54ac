"""Settings and fixtures that every test may use."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Generator, Iterator

import httpx
import pytest
from hypothesis import HealthCheck, settings

from fakeserver.commands import workers
from fakeserver.spec import yaml_text
from tests.support.asgi import app_of
from tests.support.postgresql import PostgreSQL, running
from tests.support.server import Live, serving
from tests.support.soak import FACTOR, examples
from tests.support.texts import TEXTS

THRESHOLDS = 50_000, 20, 50
"""New objects until the youngest are looked through for garbage, and how often that is done until older ones are."""

# The same examples in every run: a gate must not fail one time in four. And a shared machine is slow at times: how
# long an example takes says nothing about the fake. Only a soak, which says its seed, looks for other examples.
settings.register_profile(
    "tests",
    max_examples=examples(100),
    derandomize=FACTOR <= 1,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")

yaml_text.read_yaml = TEXTS.read  # Of every start of a server in this process.


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Ten thousand tests that were collected stay until the end; looking through them for garbage again and again takes
    a tenth of the time. What servers are made of is looked through less often than usual, for the same reason."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        gc.enable()


@pytest.fixture(scope="session")
def live() -> Iterator[Live]:
    """The seeded worlds of all four providers behind a real socket; shared, so no test changes them."""
    with serving(app_of()) as served:
        yield served


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One for all tests of a process, which neither stop it nor share schemas."""
    with running() as found:
        yield found


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """bashkit, which runs commands, is not installed."""
    monkeypatch.setitem(sys.modules, "bashkit", None)
    workers.is_installed.cache_clear()
    yield
    workers.is_installed.cache_clear()


@pytest.fixture(scope="session")
def whole_libraries() -> None:
    """pytester forgets modules that a run of its own was the first to import; of a library that was imported in part
    before, half would then be another, and its exceptions caught by nobody."""
    httpx.Client().close()
    for name in ("contract_tests.cli.options", "contract_tests.plugin", "fakeserver.testing.server"):
        importlib.import_module(name)


@pytest.fixture
def pytester(whole_libraries: None, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """pytest's own, after which this process is as it was. Its runs do without the plugin of Schemathesis, which takes
    longer to load than they take, and which none of them uses."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:schemathesis")
    return pytester
