"""The page that tells how commands differ from those of a real sandbox."""

from __future__ import annotations

import re

import pytest

from tests.support.asgi import ROOT
from tests.unit.interpreter.shells import run

PAGE = (ROOT / "docs" / "shell.md").read_text("utf-8")
ROWS = re.findall(r"^\| `(.+?)` \| [^|]+ \| `(.+)` \|$", PAGE.partition("## What differs")[2], re.MULTILINE)


def test_the_page_has_rows() -> None:
    assert len(ROWS) >= 25
    assert len(ROWS) == PAGE.partition("## What differs")[2].count("\n| `")


@pytest.mark.parametrize(("command", "told"), ROWS, ids=[command for command, _ in ROWS])
def test_a_command_differs_as_the_page_tells(command: str, told: str) -> None:
    """When a row does no longer hold, the interpreter has come nearer to a real one: take the row out."""
    finished = run(command)
    written = (finished.stdout + finished.stderr).decode().rstrip("\n")
    if told.startswith("…"):
        assert written.endswith(told[1:])
        assert written != told[1:]
    else:
        assert written == told


@pytest.mark.parametrize("name", ["git", "pip", "pip3", "npm", "node", "curl", "wget", "apt-get", "ssh", "docker"])
def test_a_program_that_is_not_there_is_not_found(name: str) -> None:
    finished = run(f"{name} --version")
    assert (finished.exit_code, finished.stderr) == (127, f"bash: line 1: {name}: command not found\n".encode())
