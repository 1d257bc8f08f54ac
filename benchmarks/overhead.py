"""What the control surface costs: worlds of one server with more and more of it switched off, in turns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.figures import Figure, figure, ratio
from benchmarks.rounds import TRY_PATHS, Report
from benchmarks.servers import HOST, Launch, Server
from benchmarks.subjects import fakeserver

PROVIDER = "superserve"
"""Its limits are counted and reported in every answer, and refuse none."""
ON, NO_LIMITS, OFF = "everything on", "no rate limits", "everything off"
SETTINGS: Mapping[str, dict[str, Any]] = {
    ON: {},
    NO_LIMITS: {"rate_limits": {PROVIDER: "off"}},
    OFF: {"rate_limits": {PROVIDER: "off"}, "journal": False},
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Requests per second of one page of 50 rows, and the processor time (microseconds) that an answer takes."""

    speed: Figure
    cpu_us: Figure


@dataclass(frozen=True, slots=True)
class Overhead:
    """What each of the worlds costs."""

    worlds: Mapping[str, Cost]

    @property
    def on_to_off(self) -> float:
        return ratio(self.worlds[ON].speed.median, self.worlds[OFF].speed.median)


def measure(folder: Path, rounds: int, seconds: float, report: Report) -> Overhead:
    """Every world in every round."""
    path, headers = TRY_PATHS[PROVIDER]
    readings: dict[str, list[tuple[float, float]]] = {name: [] for name in SETTINGS}
    # The same launch as everywhere, but with rate limits.
    command = [flag for flag in fakeserver().command if flag != "--no-rate-limits"]
    with Server(Launch(command, path, headers, fakeserver().folder)) as server:
        names = [*SETTINGS]
        for name in names:
            put_settings(server, name)
        for number in range(rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                targets = load.write_targets(folder / "overhead.txt", [f"/ns/{namespace(name)}{path}"])
                before = server.cpu_seconds()
                reading = load.run(server.base_url, targets, headers, seconds)
                after = server.cpu_seconds()
                if reading.failures or not reading.answers:
                    raise load.LoadError(f"{reading.failures} requests failed with {name}")
                cpu_us = ((after or 0) - (before or 0)) / reading.answers * 1e6
                readings[name].append((reading.requests_per_second, cpu_us))
                report(f"round {number + 1}/{rounds} {name}: {reading.requests_per_second:,.0f} requests/s")
    return Overhead({name: Cost(*map(figure, zip(*found, strict=True))) for name, found in readings.items()})


def namespace(name: str) -> str:
    return name.replace(" ", "-")


def put_settings(server: Server, name: str) -> None:
    connection = HTTPConnection(HOST, server.port, timeout=10)
    path = f"/ns/{namespace(name)}/__admin/settings"
    connection.request("PUT", path, json.dumps(SETTINGS[name]), {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    if status != 200:
        raise load.LoadError(f"the settings were refused with {status}")
