"""`@superserve/sdk` from npm, in a process of node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.asgi import ROOT

SDK = ROOT / "node_modules" / "@superserve" / "sdk" / "dist" / "index.js"
MOST_SECONDS = 60

needs_node = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        not SDK.exists(), reason="@superserve/sdk is not installed; `make test` installs it where npm is"
    ),
]


def run(program: Path, home: Path, **given: Any) -> Any:
    """What a program prints that is given this beside the SDK's address."""
    done = subprocess.run(
        ["node", str(program)],
        input=json.dumps({"sdk": SDK.as_uri(), **given}),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=MOST_SECONDS,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
