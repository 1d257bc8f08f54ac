"""The machine and the versions that a run's figures belong to."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
OURS = ("uvicorn", "uvloop", "httptools", "starlette", "orjson", "pyroaring")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a run happened."""

    processors: int
    model: str
    memory_gb: int
    system: str
    python: str
    versions: Mapping[str, str]


def describe() -> Machine:
    """This machine, and what is installed on it."""
    versions = {name: installed(name) for name in ("fakeserver", *OURS)}
    versions |= {"wrk": wrk_version(), "node": printed("node", "--version"), "java": java_version()}
    return Machine(
        processors=os.cpu_count() or 0,
        model=processor_model(),
        memory_gb=round(memory_bytes() / 2**30),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        versions=versions | pinned(),
    )


def pinned() -> dict[str, str]:
    """The rivals' exact versions, from the file that installs them."""
    dependencies: dict[str, str] = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return {name: text.rsplit("@", 1)[-1] for name, text in dependencies.items()}


def installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def printed(*command: str) -> str:
    """What a command says about itself, on whichever stream; a dash when it is missing."""
    if shutil.which(command[0]) is None:
        return "-"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


def wrk_version() -> str:
    match = re.search(r"wrk\s+(\S+)", printed("wrk", "-v"))
    return match[1] if match else "-"


def java_version() -> str:
    match = re.search(r'version "([^"]+)"', printed("java", "-version"))
    return match[1] if match else "-"


def processor_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    match = re.search(r"model name\s*:\s*(.+)", text)
    return match[1].strip() if match else platform.machine()


def memory_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0
