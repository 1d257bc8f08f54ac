"""A network of a process's own, with loopback alone: whatever fails there, nothing leaves the machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

SECONDS = 120
ENTER = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
    up = struct.pack("16sh", b"lo", 0x1 | 0x40)
    fcntl.ioctl(any, 0x8914, up)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Sets the loopback interface up (SIOCSIFFLAGS), and becomes the command."""


@cache
def why_not() -> str:
    """Why there is none here; empty where there is."""
    if shutil.which("unshare") is None:
        return "this system has no unshare, which makes a network of its own"
    done = subprocess.run([*inside(["true"])], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"no network of its own is allowed here: {done.stderr.strip()[-100:]}"


def inside(command: Sequence[str]) -> list[str]:
    """The command that runs another in a network of its own, as root or as a user that may be root there."""
    return ["unshare", "--map-root-user", "--net", "--", sys.executable, "-c", ENTER, *command]


def run_inside(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        inside(command), env=dict(environment), cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
