"""What the control surface costs: two worlds of one server, with everything on and with everything off, in turns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import load
from benchmarks.figures import Figure, figure
from benchmarks.rounds import TRY_PATHS, Report
from benchmarks.servers import HOST, Launch, Server
from benchmarks.subjects import fakeserver

PROVIDER = "superserve"
"""Its limits are counted and reported in every answer, and refuse none."""
OFF = {"journal": False, "rate_limits": {PROVIDER: "off"}}


@dataclass(frozen=True, slots=True)
class Overhead:
    """Requests per second of one page of 50 rows, and the processor time (microseconds) that an answer takes."""

    on: Figure
    off: Figure
    on_cpu_us: Figure
    off_cpu_us: Figure


def measure(folder: Path, rounds: int, seconds: float, report: Report) -> Overhead:
    """Both worlds in every round."""
    path, headers = TRY_PATHS[PROVIDER]
    speeds: dict[str, list[float]] = {"on": [], "off": []}
    cpu: dict[str, list[float]] = {"on": [], "off": []}
    # The same launch as everywhere, but with rate limits.
    command = [flag for flag in fakeserver().command if flag != "--no-rate-limits"]
    with Server(Launch(command, path, headers, fakeserver().folder)) as server:
        switch_off(server, "off")
        for number in range(rounds):
            for world in ("on", "off") if number % 2 else ("off", "on"):
                targets = load.write_targets(folder / f"overhead-{world}.txt", [f"/ns/{world}{path}"])
                before = server.cpu_seconds()
                reading = load.run(server.base_url, targets, headers, seconds)
                after = server.cpu_seconds()
                if reading.failures or not reading.answers:
                    raise load.LoadError(f"{reading.failures} requests failed with everything {world}")
                speeds[world].append(reading.requests_per_second)
                cpu[world].append(((after or 0) - (before or 0)) / reading.answers * 1e6)
                report(f"round {number + 1}/{rounds} everything {world}: {reading.requests_per_second:,.0f} requests/s")
    return Overhead(figure(speeds["on"]), figure(speeds["off"]), figure(cpu["on"]), figure(cpu["off"]))


def switch_off(server: Server, world: str) -> None:
    connection = HTTPConnection(HOST, server.port, timeout=10)
    connection.request("PUT", f"/ns/{world}/__admin/settings", json.dumps(OFF), {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    if status != 200:
        raise load.LoadError(f"the settings were refused with {status}")
