"""SDKs that cannot stand beside those of the suite, each in a folder and a process of its own, and what the older
`prime-sandboxes` does otherwise than the suite's."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".sdks"
MOST_SECONDS = 120
OLD = metadata.version("prime-sandboxes").startswith("0.2.")
"""Whether this process has the older one."""
waits_for_limits = pytest.mark.skipif(OLD, reason="0.2.39 does not wait after a 429")
only_old = pytest.mark.skipif(not OLD, reason="0.5.1 exposes no ports; test_prime_older runs this with 0.2.39")


def needs(name: str) -> pytest.MarkDecorator:
    """Skips where the SDK in this folder is not installed."""
    there = any((FOLDER / name).glob("*.dist-info"))
    return pytest.mark.skipif(not there, reason=f"{name} is not installed; `make test` installs it")


def run(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python with the SDK in this folder before all others."""
    path = os.pathsep.join((str(FOLDER / name), str(ROOT)))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=MOST_SECONDS,
        check=False,
    )
