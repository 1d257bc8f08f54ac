"""Linux is where the tests run; what can be tested here of macOS and Windows is that nothing needs Linux."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fakeserver.serving.listener import listen
from tests.support import windows
from tests.support.asgi import PATHS, ROOT, SLUGS, header_of
from tests.support.command import Served, environment, run_python, serving

PAGE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
WINDOWS = str(Path(windows.__file__))
MOST_SECONDS = 400


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that has nothing of Unix."""
    with serving(tmp_path_factory.mktemp("served"), command=(sys.executable, WINDOWS)) as running:
        yield running


def test_types_are_checked_for_other_systems() -> None:
    """`make types` holds whatever is used of Python's library against what Windows and macOS have of it."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ntypes:")[2].partition("\n\n")[0]
    assert {*re.findall(r"--platform (\w+)", recipe)} == {"win32", "darwin"}


@pytest.mark.slow
def test_every_module_is_imported_without_unix(tmp_path: Path) -> None:
    """No module of the server or of the kit needs one that only Unix has, be it through a library."""
    done = run_python(tmp_path, WINDOWS, "import")
    assert done.returncode == 0, done.stderr
    assert {"fakeserver.serving.app", "fakeserver.pytest_plugin", "contract_tests.run"} <= {*done.stdout.split()}


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_every_provider_is_served_without_unix(served: Served, slug: str) -> None:
    """The server starts and answers, and its errors on demand and broken connections are as elsewhere."""
    path, header = f"/{slug}{PATHS[slug]}", header_of(slug, f"{slug}-admin-key")
    assert served.get(path, **header).status_code == 200
    assert served.get(path, **header, Prefer="code=429").status_code == 429
    with pytest.raises(Exception, match=r"reset|disconnected|closed|EOF"):
        served.get(path, **header, Prefer="fault=CONNECTION_RESET_BY_PEER")
    assert served.get("/__admin/health").json()["status"] == "ok"


@pytest.mark.slow
def test_every_command_runs_without_unix(served: Served, tmp_path: Path) -> None:
    """The other commands do their work; a Unix socket is refused in one line."""
    base_url = f"{served.base_url}/prime"
    for command in (
        ["env", "prime", "--format", "powershell"],
        ["openapi", "prime"],
        ["check", "prime", "--base-url", base_url, "--token", "prime-admin-key", "--profile", "polite"],
        ["new", "acme", "--from", str(ROOT / "openapi" / "instavm.yaml"), "--out", str(tmp_path / "acme")],
    ):
        done = run_python(tmp_path, WINDOWS, *command)
        assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr)
        assert done.stdout
    done = run_python(tmp_path, WINDOWS, "serve", "--uds", "socket")
    assert (done.returncode, done.stderr) == (2, "fakeserver: --uds: this system has no Unix sockets\n")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the names are those that Linux has")
def test_unix_is_taken_away(tmp_path: Path) -> None:
    """Every name that the tests above do without is Python's own and gone, and so is every module, installed or not."""
    for module, names in windows.NAMES.items():
        assert [name for name in names.split() if not hasattr(module, name)] == []
    program = """
from tests.support.windows import MODULES, NAMES, become_windows
become_windows()
for module, names in NAMES.items():
    assert not [name for name in names.split() if hasattr(module, name)]
for name in MODULES:
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        assert "only Unix" in str(error)
    else:
        raise AssertionError(name)
"""
    done = run_python(tmp_path, "-c", program, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("system", "shared"), [("posix", True), ("nt", False)])
def test_a_port_is_not_shared_on_windows(monkeypatch: pytest.MonkeyPatch, system: str, shared: bool) -> None:
    """What lets a port be taken again at once on Unix would let two servers have it on Windows."""
    monkeypatch.setattr("fakeserver.serving.listener.os", SimpleNamespace(name=system))
    with listen("127.0.0.1", 0) as listener:
        assert bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)) is shared


@pytest.mark.slow
@pytest.mark.parametrize("command", [["--help"], ["serve", "--help"], ["openapi", "dreadnode"], ["check", "--help"]])
def test_a_terminal_of_few_characters_is_enough(tmp_path: Path, command: list[str]) -> None:
    """A character that the terminal lacks, as consoles of Windows do, is no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "fakeserver", *command],
        env={**environment(tmp_path), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout


def test_the_page_says_what_is_untested() -> None:
    """docs/serve.md names the systems, and what of each is not there; uvloop is asked for where it exists."""
    section = PAGE.partition("\n## Other systems\n")[2]
    for word in ("macOS", "Windows", "untested", "`--uds`", "uvloop"):
        assert word in section
    assert "fast = [\"uvloop>=0.21; sys_platform != 'win32'\"]" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
