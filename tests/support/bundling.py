"""What runs the tools of Node, and shows a browser a folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.support.asgi import ROOT
from tests.support.command import environment

MOST_SECONDS = 300
ESBUILD = ROOT / "node_modules" / ".bin" / "esbuild"
needs_esbuild = pytest.mark.skipif(
    not ESBUILD.exists(), reason="esbuild is not installed; `make test` installs it where npm is"
)


def run(folder: Path, *command: str, **variables: str) -> str:
    """What a command says that succeeds."""
    done = subprocess.run(
        command, cwd=folder, env=environment(folder) | variables, capture_output=True, text=True, encoding="utf-8",
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


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def showing(folder: Path) -> Iterator[str]:
    """Where a browser on this machine finds the files of a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=os.fspath(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
