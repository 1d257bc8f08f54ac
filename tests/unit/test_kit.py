"""A folder of the user's with the kit's name, `contract_tests`: neither is taken for the other."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakeserver import kit
from fakeserver.serving.app import Settings
from fakeserver.testing.server import Server, running

pytestmark = pytest.mark.slow
"""Each test starts processes of its own."""
PYTHON_PYTEST = (sys.executable, "-m", "pytest")
"""Has the working directory before everything else on its path."""
PYTEST = (str(Path(sys.executable).parent / "pytest"),)
"""Has not."""
CONSOLE_SCRIPT = "import sys; from fakeserver.cli import run; sys.exit(run())"
QUIET = ("-q", "-p", "no:cacheprovider", "-p", "fakeserver.pytest_plugin", "-p", "xdist", "-p", "pytest_timeout")
"""With the plugins that are needed; to load all that are installed here takes longer than everything else."""
INTERRUPTED, USAGE_ERROR = 2, 4
LAW = """
import contract_tests
from contract_tests.helpers import PROMISE


def names(check):
    "Sandboxes have names."
    rows = check.snapshot().rows
    check.witness(f"{len(rows)} rows")
    assert all(row["name"] for row in rows)


def test_names(contract):
    assert (contract_tests.OURS, PROMISE) == ("theirs", "a promise")
    contract.hold(names)
"""


def run(folder: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        # Where CI is set, pytest's summary repeats an error's line in full.
        env={**os.environ, "CI": "", "BUILD_NUMBER": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def package(folder: Path, **modules: str) -> Path:
    """A package called contract_tests in the folder; without `init` it has no `__init__.py`."""
    theirs = folder / kit.NAME
    theirs.mkdir(parents=True)
    for name, text in modules.items():
        (theirs / f"{'__init__' if name == 'init' else name}.py").write_text(text)
    return theirs


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(Settings(size=60)) as served:
        yield served


@pytest.fixture
def options(server: Server) -> list[str]:
    return ["--provider", "prime", "--base-url", f"{server.base_url}/prime", "--token", "prime-admin-key"]


@pytest.mark.parametrize(
    ("command", "init"),
    [(("-m", "fakeserver"), True), (("-m", "fakeserver"), False), (("-c", CONSOLE_SCRIPT), True)],
)
def test_check_runs_our_kit(tmp_path: Path, server: Server, command: tuple[str, str], init: bool) -> None:
    """`fakeserver check` and `python -m fakeserver check` never look at the user's folder, package or not."""
    spoiled = "raise RuntimeError('theirs')"
    package(tmp_path, cli=spoiled, run=spoiled, **({"init": spoiled} if init else {}))
    target = ["prime", "--base-url", f"{server.base_url}/prime", "--token", "prime-admin-key"]
    layers = ["--only-layer", "laws", "--profile", "polite"]
    done = run(tmp_path, sys.executable, *command, "check", *target, *layers)
    assert "theirs" not in done.stdout + done.stderr
    assert done.returncode in (0, 4), done.stdout + done.stderr
    assert "prime: " in done.stderr


def test_a_kit_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit, "FOLDER", tmp_path / "nothing")
    loaded = sys.modules.get(kit.NAME)
    with pytest.raises(ImportError, match="nothing is missing"):
        kit.load()
    assert sys.modules.get(kit.NAME) is loaded


def test_a_kit_that_is_loaded_stays_as_it_is() -> None:
    """With the modules that were imported from it, by whoever has them."""
    kit.load()
    module = importlib.import_module(f"{kit.NAME}.oracle")
    before = sys.modules[kit.NAME]
    kit.load()
    assert sys.modules[kit.NAME] is before
    assert before.oracle is module


@pytest.mark.parametrize("command", [PYTHON_PYTEST, PYTEST], ids=["python -m pytest", "pytest"])
@pytest.mark.parametrize("place", ["", "tests"])
def test_laws_in_a_package_of_that_name(
    tmp_path: Path, options: list[str], command: tuple[str, ...], place: str
) -> None:
    """A user's own package keeps its name, its conftest and its helpers, and has the kit's fixture."""
    conftest = "import contract_tests\n\n\ndef pytest_configure():\n    assert contract_tests.OURS == 'theirs'\n"
    theirs = package(
        tmp_path / place, init="OURS = 'theirs'", conftest=conftest, helpers="PROMISE = 'a promise'", test_names=LAW
    )
    done = run(tmp_path, *command, *QUIET, str(theirs.relative_to(tmp_path)), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_laws_in_a_folder_of_that_name(tmp_path: Path, options: list[str]) -> None:
    """A folder without `__init__.py` is no package: its tests run, and the kit's laws have the name to themselves."""
    law = LAW.replace("contract_tests.OURS", "'theirs'").replace("contract_tests.helpers", "helpers")
    package(tmp_path, helpers="PROMISE = 'a promise'", run="PROMISE = 'another'", test_names=law)
    done = run(tmp_path, *PYTHON_PYTEST, *QUIET, kit.NAME, *options)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    done = run(tmp_path, *PYTHON_PYTEST, *QUIET, "--collect-only", "--pyargs", kit.NAME, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"test_laws\.py::test_law\[", done.stdout)) > 30


def test_laws_in_several_processes(tmp_path: Path, options: list[str]) -> None:
    """The processes of xdist have the kit's options as well, and so has a run whose options stand in its settings."""
    law = LAW.replace("contract_tests.OURS", "'theirs'").replace("contract_tests.helpers", "helpers")
    package(tmp_path, helpers="PROMISE = 'a promise'", test_names=law)
    done = run(tmp_path, *PYTEST, *QUIET, "-n", "1", kit.NAME, *options)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    done = run(tmp_path, *PYTEST, *QUIET, kit.NAME, PYTEST_ADDOPTS=" ".join(options))
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_packaged_laws_beside_a_package_of_that_name(tmp_path: Path, options: list[str]) -> None:
    """`pytest --pyargs contract_tests` means the kit wherever the user's folder is not on Python's path."""
    package(tmp_path, init="raise RuntimeError('theirs')")
    done = run(tmp_path, *PYTEST, *QUIET, "--collect-only", "--pyargs", kit.NAME, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"test_laws\.py::test_law\[", done.stdout)) > 30


def refused(done: subprocess.CompletedProcess[str], theirs: Path, reason: str) -> None:
    """Nothing is run, and one sentence names both packages, what stands in the way, and the way out."""
    assert done.returncode in (INTERRUPTED, USAGE_ERROR), done.stdout + done.stderr
    assert " passed" not in done.stdout
    [line] = [line for line in done.stdout.splitlines() if "is called like" in line]
    way_out = "rename the former, or remove its __init__.py"
    assert line == f"{theirs} is called like the contract kit in {kit.FOLDER}, and {reason}: {way_out}"
    assert "pytest_plugin.py" not in done.stdout


def test_laws_by_a_name_that_means_the_users_package(tmp_path: Path, options: list[str]) -> None:
    """Where the name leads to the user's tests, nobody is led to believe that the laws were run."""
    theirs = package(tmp_path, init="", test_ours="def test_ours():\n    pass\n")
    for name in (kit.NAME, f"{kit.NAME}.test_laws"):
        done = run(tmp_path, *PYTHON_PYTEST, *QUIET, "--pyargs", name, *options)
        refused(done, theirs, f"--pyargs {kit.NAME} leads to the former")


def test_modules_that_both_have(tmp_path: Path, options: list[str]) -> None:
    """A module of the user's that is called like one of the kit's cannot be told from it."""
    theirs = package(tmp_path, init="", outcome="", test_ours="def test_ours():\n    pass\n")
    done = run(tmp_path, *PYTEST, *QUIET, kit.NAME, *options)
    refused(done, theirs, "both have a module 'outcome'")
    assert "1 passed" in run(tmp_path, *PYTEST, *QUIET, kit.NAME).stdout


def test_both_in_one_run(tmp_path: Path, options: list[str]) -> None:
    theirs = package(tmp_path, init="", test_ours="def test_ours():\n    pass\n")
    done = run(tmp_path, *PYTEST, *QUIET, kit.NAME, str(kit.FOLDER), *options)
    refused(done, theirs, "only one of them can be collected in one run")


def test_a_longer_name_is_nobody_elses(tmp_path: Path, options: list[str]) -> None:
    """Inside of another package the folder is called otherwise, and may have any module."""
    package(tmp_path / "suite", init="", run="", test_ours="def test_ours():\n    pass\n")
    (tmp_path / "suite" / "__init__.py").write_text("")
    done = run(tmp_path, *PYTEST, *QUIET, f"suite/{kit.NAME}", *options)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
