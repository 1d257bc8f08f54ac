"""The tools around the code: what git, an editor and a commit are told fits what is there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SECONDS = 60
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
PATTERNS = [
    line.split()[0].lstrip("/")
    for line in (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith(("#", "*"))
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_generated_file_is_there(pattern: str) -> None:
    """What .gitattributes says about a file is about a file that exists."""
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / pattern).parent.iterdir()]
    assert any(fnmatch(file, pattern) for file in files)


def test_hooks_download_nothing() -> None:
    """Every hook before a commit is a command of the checkout's own environment."""
    assert [each["repo"] for each in HOOKS] == ["local"]
    for hook in HOOKS[0]["hooks"]:
        assert hook["language"] == "system"
        command = hook["entry"].split()[0]
        assert command.startswith(".venv/bin/")
        assert (Path(sys.executable).parent / Path(command).name).exists(), command


@pytest.mark.slow
def test_hooks_are_understood() -> None:
    """pre-commit takes the configuration as it stands."""
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", ".pre-commit-config.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_are_marked_as_typed() -> None:
    """Without its marker a type checker takes nothing of an installed package."""
    for package in ("fakeserver", "contract_tests"):
        assert (ROOT / package / "py.typed").read_bytes() == b""


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_the_pages_for_people_are_right(page: str) -> None:
    """The files, links and make targets that they name exist."""
    text = (ROOT / page).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    quoted = re.findall(r"`([\w./-]+/[\w./-]*|[\w.-]+\.(?:toml|py|yaml|lock|md))`", text)
    assert [name for name in quoted if not name.startswith("/") and not (ROOT / name).exists()] == []
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (ROOT / link).exists(), link
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert f"\n{target}:" in makefile, target


def test_editors_and_linter_agree_on_the_length_of_a_line() -> None:
    lengths = re.findall(
        r"^(?:max_line_length|line-length) = (\d+)$",
        (ROOT / ".editorconfig").read_text(encoding="utf-8") + (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(lengths) == 2
    assert len(set(lengths)) == 1


@pytest.mark.slow
def test_no_test_measures_time() -> None:
    """How long something took says more about the machine than about the code: a test counts, orders, moves a clock."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
        names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        assert not names & {"perf_counter", "perf_counter_ns", "process_time", "thread_time"}, path
        # Something may be waited for until a deadline; how long that took is the difference of two instants.
        differences = [node for node in nodes if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)]
        assert not [ast.unparse(each) for each in differences if "monotonic()" in ast.unparse(each)], path
