"""docs/run.md, executed on a network with loopback alone."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from fakeserver.cli import parser_of
from fakeserver.intercept.running import add_arguments
from tests.support.asgi import ROOT
from tests.support.command import environment
from tests.support.network import run_inside, why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]

PAGE = (ROOT / "docs" / "run.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh ?(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("needs", "script"), BLOCKS, ids=lambda text: text.splitlines()[0][:40] if text else "")
def test_every_example_runs(needs: str, script: str, tmp_path: Path) -> None:
    """Where its language is installed: it prints what the fake says."""
    tool = needs or ("curl" if "curl" in script else "sh")
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    surroundings = environment(tmp_path)
    surroundings.pop("NO_PROXY")
    done = run_inside(["bash", "-euo", "pipefail", "-c", script], surroundings, tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r'"id":|^200|\bOK$', done.stdout, re.MULTILINE), done.stdout


def test_the_test_passes(tmp_path: Path) -> None:
    (example,) = PYTHON
    (tmp_path / "test_application.py").write_text(example)
    surroundings = environment(tmp_path)
    surroundings.pop("NO_PROXY")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
    done = run_inside(command, surroundings, tmp_path)
    assert "1 passed" in done.stdout, done.stdout[-2_000:]


def test_every_flag_is_named() -> None:
    """Those of its own; those of `serve` it has all, but for where a server listens."""
    parser = parser_of("run")
    add_arguments(parser)
    own = {"--url", "--namespace", "--offline", "--allow", "--strict-credentials"}
    assert own <= {name for action in parser._actions for name in action.option_strings}
    assert [flag for flag in own if f"`{flag}" not in PAGE] == []
