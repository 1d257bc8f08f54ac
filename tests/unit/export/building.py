"""What turns exports into JavaScript, for the tests that run them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.asgi import ROOT
from tests.support.command import environment

NODE = Path(__file__).with_name("node")
MOST_SECONDS = 240
ESBUILD = ROOT / "node_modules" / ".bin" / "esbuild"
needs_esbuild = pytest.mark.skipif(
    not ESBUILD.exists(), reason="esbuild is not installed; `make test` installs it where npm is"
)


def run(folder: Path, *command: str) -> str:
    """What a command says that succeeds."""
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, encoding="utf-8",
        timeout=MOST_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
    return done.stdout


def bundle(folder: Path, entry: Path, out: Path, *more: str) -> None:
    """A module with all that it imports, in pieces that are loaded when they are needed, as small as they can be."""
    modules = folder / "node_modules"
    if not modules.exists():
        modules.symlink_to(ROOT / "node_modules")
    run(folder, str(ESBUILD), str(entry), "--bundle", "--minify", "--splitting", "--format=esm",
        f"--outdir={out}", "--log-level=error", *more)  # fmt: skip
