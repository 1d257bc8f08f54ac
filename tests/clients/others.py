"""SDKs that cannot stand beside those of the suite, each in a folder and a process of its own, and what the older
`prime-sandboxes` does otherwise than the suite's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".sdks"
MOST_SECONDS = 280
"""A little less than pytest gives a test: on a busy machine the tests of a whole SDK take more than two minutes."""
OLD = metadata.version("prime-sandboxes").startswith("0.2.")
"""Whether this process has the older one."""
waits_for_limits = pytest.mark.skipif(OLD, reason="0.2.39 does not wait after a 429")
only_old = pytest.mark.skipif(not OLD, reason="0.5.1 exposes no ports; test_prime_older runs this with 0.2.39")


def needs(name: str) -> pytest.MarkDecorator:
    """Skips where the SDK in this folder is not installed."""
    there = any((FOLDER / name).glob("*.dist-info"))
    return pytest.mark.skipif(not there, reason=f"{name} is not installed; `make test` installs it")


def environment_of(name: str, **more: str) -> dict[str, str]:
    """That of a Python with the SDK in this folder before all others."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(FOLDER / name), str(ROOT))), **more}


def run(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python with the SDK in this folder before all others."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment_of(name, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=MOST_SECONDS,
        check=False,
    )


@contextmanager
def command_line(
    name: str, module: str, function: str, folder: Path, **environment: str
) -> Iterator[Callable[..., tuple[int, str]]]:
    """The command line of the SDK in this folder: from arguments to an exit code, and what was printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.clients.alone", module, function],
        cwd=ROOT,
        env=environment_of(name, **environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked, told = process.stdin, process.stdout
    out, err = folder / "out.txt", folder / "err.txt"

    def call(*words: str) -> tuple[int, str]:
        for path in (out, err):
            path.write_bytes(b"")
        late = threading.Timer(MOST_SECONDS, process.kill)
        late.start()
        try:
            asked.write(json.dumps([words, str(out), str(err)]) + "\n")
            asked.flush()
            code = told.readline()
        finally:
            late.cancel()
        said = out.read_text("utf-8")
        assert code, said + err.read_text("utf-8")
        return int(code), said if code == "0\n" else said + err.read_text("utf-8")

    try:
        yield call
    finally:
        process.kill()
        process.communicate()
