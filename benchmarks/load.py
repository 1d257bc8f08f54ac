"""Load from a second process: `wrk`, whose figures come back as one line of JSON that our Lua script prints."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16
SCRIPT = Path(__file__).with_name("requests.lua")
MARK = "figures "
HOW_TO_INSTALL = "wrk is not installed; on Debian and Ubuntu: apt-get install -y wrk"


class LoadError(Exception):
    """The load could not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One stretch of load."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    answers: int
    failures: int
    bytes_per_answer: float


def require() -> None:
    """Say how to install wrk before anything else is done."""
    if shutil.which("wrk") is None:
        raise LoadError(HOW_TO_INSTALL)


def write_targets(path: Path, targets: Iterable[str]) -> Path:
    """The request targets that the script walks through, one a line."""
    path.write_text("".join(f"{target}\n" for target in targets), encoding="utf-8")
    return path


def command(
    base_url: str, targets: Path, headers: Mapping[str, str], seconds: float, body: str | None = None
) -> list[str]:
    """How wrk is called: one thread, so that the second processor is the load's and the first the server's. With a body
    it sends POSTs."""
    lines = [flag for name, text in headers.items() for flag in ("-H", f"{name}: {text}")]
    duration = f"{max(1, round(seconds))}s"
    rest = ["-s", str(SCRIPT), base_url, "--", str(targets), *([] if body is None else [body])]
    return ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{duration}", "--timeout", "10s", *lines, *rest]


def run(base_url: str, targets: Path, headers: Mapping[str, str], seconds: float, body: str | None = None) -> Reading:
    """Load one server for a while."""
    done = subprocess.run(
        command(base_url, targets, headers, seconds, body),
        capture_output=True,
        text=True,
        check=False,
    )
    return read(done.stdout + done.stderr)


def read(printed: str) -> Reading:
    """The reading in what wrk printed."""
    line = next((line for line in printed.splitlines() if line.startswith(MARK)), None)
    if line is None:
        raise LoadError(f"wrk printed no figures: {printed.strip()[:200]}")
    found = json.loads(line.removeprefix(MARK))
    seconds, answers = found["duration_us"] / 1e6, found["requests"]
    return Reading(
        requests_per_second=answers / seconds if seconds else 0.0,
        p50_ms=found["p50_us"] / 1e3,
        p99_ms=found["p99_us"] / 1e3,
        answers=answers,
        failures=found["bad_status"] + found["socket_errors"],
        bytes_per_answer=found["bytes"] / answers if answers else 0.0,
    )
