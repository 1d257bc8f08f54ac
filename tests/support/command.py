"""`fakeserver` as a process of its own, in a user's environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_SECONDS = 20.0
KEPT = ("PYTHONPATH", "LANG", "SYSTEMROOT", "COVERAGE_PROCESS_CONFIG")
"""What a process needs of the environment, and what measures the lines that it runs."""
FAKESERVER = (sys.executable, "-m", "fakeserver")


def environment(home: Path) -> dict[str, str]:
    """A user's environment: an empty home, no settings of SDKs, and the command on the path."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "HOME": str(home), "NO_PROXY": "127.0.0.1"}


def run_python(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Python in this folder, which it imports from, in a user's environment; pytest loads only the plugins named."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**environment(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(folder), **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@dataclass
class Served:
    """A running server: its process, its first screen, and where it answers."""

    process: subprocess.Popen[bytes]
    screen: str
    stderr: Path

    @property
    def base_url(self) -> str:
        return self.screen.splitlines()[0]

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.base_url + path, headers=headers, trust_env=False, verify=False)


@contextmanager
def serving(folder: Path, *arguments: str, command: tuple[str, ...] = FAKESERVER, **more: str) -> Iterator[Served]:
    """`fakeserver serve` on a free port, with its first screen printed."""
    out, err = folder / "stdout", folder / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [*command, "serve", "--port", "0", *arguments],
            cwd=folder,
            env={**environment(folder), **more},
            stdout=stdout,
            stderr=stderr,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (screen := out.read_text("utf-8")).endswith("\n\n"):
            assert process.poll() is None, err.read_text("utf-8")
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.01)
        served = Served(process, screen, err)
        yield served
    finally:
        # Gently, so that a measured process can write down which lines it ran.
        process.terminate()
        try:
            process.wait(START_SECONDS)
        finally:
            process.kill()
