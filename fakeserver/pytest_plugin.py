"""The pytest fixture `fakeserver`: a world per test on one background server per test process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakeserver import kit

if TYPE_CHECKING:
    from fakeserver.testing.handles import World
    from fakeserver.testing.server import Server


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Load the contract kit's options where a deployment is named; always there, its `--base-url` would stand in the
    way of other plugins' option of that name."""
    if any(argument.partition("=")[0] == "--provider" for argument in args):
        with kit.borrowed_name():
            early_config.pluginmanager.import_plugin(f"{kit.NAME}.plugin")


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> pytest.CollectReport | None:
    """Collect nothing, and say why, where a package of the user's and the kit cannot share their name."""
    conflict = conflict_of(collector) if kit.Finder in sys.meta_path else None
    return pytest.CollectReport(collector.nodeid, "failed", conflict, []) if conflict else None


def conflict_of(collector: pytest.Collector) -> str | None:
    """What stands between a package called like the kit and the other one of that name; None if nothing does."""
    folder = collector.path
    if not isinstance(collector, pytest.Package) or folder.name != kit.NAME:
        return None
    if (folder.parent / "__init__.py").exists():
        return None  # Inside of another package the name is a longer one.
    loaded = Path(getattr(sys.modules.get(kit.NAME), "__file__", None) or kit.FOLDER / "__init__.py").parent
    theirs = loaded if folder == kit.FOLDER else folder
    if theirs == kit.FOLDER:
        return None
    shared = kit.shared_modules(theirs)
    if collector.config.option.pyargs and any(names_kit(argument) for argument in collector.config.args):
        reason = f"and --pyargs {kit.NAME} leads to the former"
    elif folder == kit.FOLDER:
        reason = "and only one of them can be collected in one run"
    elif shared:
        reason = f"and both have a module {shared[0]!r}"
    else:
        return None
    way_out = "rename the former, or remove its __init__.py"
    return f"{theirs} is called like the contract kit in {kit.FOLDER}, {reason}: {way_out}"


def names_kit(argument: str) -> bool:
    """Whether an argument of pytest's is the kit's name, or that of a module or test in it."""
    return argument.partition("::")[0].partition(".")[0] == kit.NAME


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
