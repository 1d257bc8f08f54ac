"""Redocly, the linter of the specs, with the rules of `redocly.yaml`."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = ROOT / "node_modules" / ".bin" / "redocly"
MOST_SECONDS = 120


def lint(*specs: str) -> None:
    """Fail unless the linter finds neither an error nor a warning, and ignores nothing, in any of these files."""
    if not LINTER.exists():
        pytest.skip("the linter is not installed: run npm install")
    done = subprocess.run(
        [LINTER, "lint", "--format=json", *specs],
        cwd=ROOT,
        env=os.environ | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.findall(r'"(errors|warnings|ignored)": (\d+)', done.stdout)
    assert counts == [("errors", "0"), ("warnings", "0"), ("ignored", "0")] * len(specs)
