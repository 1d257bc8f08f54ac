"""What `fakeserver run` costs: `python -m benchmarks.interception`. The start of a command with a fake that is there
already and with one of its own, beside the command alone; and requests through the front beside direct ones, one after
the other on one connection, in interleaved rounds."""

from __future__ import annotations

import argparse
import os
import socket
import ssl
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPSConnection
from statistics import median

from fakeserver.intercept.running import Fake, Interception, intercepting
from fakeserver.loopback import ADDRESS
from fakeserver.testing.server import running

HOST, PATH = "api.primeintellect.ai", "/api/v1/sandbox?per_page=50"
KEY = {"Authorization": "Bearer prime-admin-key"}
COMMAND = [sys.executable, "-c", "pass"]


def seconds_of(command: list[str]) -> float:
    """The wall time of a command, from its start to its end."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def starts(base_url: str, rounds: int) -> dict[str, float]:
    """The medians, in seconds, of a command alone, with a warm fake and with one of its own."""
    run = [sys.executable, "-m", "fakeserver", "run"]
    ways = {"alone": COMMAND, "warm": [*run, "--url", base_url, "--", *COMMAND], "cold": [*run, "--", *COMMAND]}
    readings: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, command in ways.items():
            readings[name].append(seconds_of(command))
    return {name: median(found) for name, found in readings.items()}


def through(interception: Interception) -> HTTPSConnection:
    """A connection to the provider's own host, as a client makes one that reads the environment."""
    context = ssl.create_default_context(cafile=interception.environment["SSL_CERT_FILE"])
    connection = HTTPSConnection(ADDRESS, interception.front.port, context=context)
    connection.set_tunnel(HOST, 443)
    return connection


def requests(base_url: str, interception: Interception, rounds: int, count: int) -> dict[str, float]:
    """The p50, in milliseconds, of requests on a connection that is open: the median of all rounds' medians."""
    direct = HTTPConnection(ADDRESS, int(base_url.rpartition(":")[2]))
    ways = {"direct": (direct, f"/prime{PATH}"), "front": (through(interception), PATH)}
    readings: dict[str, list[float]] = {name: [] for name in ways}
    for connection, _ in ways.values():
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(rounds):
        for name, (connection, path) in ways.items():
            spent = []
            for _ in range(count):
                started = time.perf_counter()
                connection.request("GET", path, headers=KEY)
                answer = connection.getresponse()
                answer.read()
                spent.append((time.perf_counter() - started) * 1e3)
                if answer.status != 200:
                    raise ValueError(f"{name} was answered {answer.status}")
            readings[name].append(median(spent))
    return {name: median(found) for name, found in readings.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interception", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=200, help="in a round (default: 200)")
    parsed = parser.parse_args()
    os.environ.pop("FAKESERVER_ADMIN_TOKEN", None)
    from fakeserver.serving.app import Settings

    with running(Settings(rate_limits=False)) as server:
        times = starts(server.base_url, parsed.rounds)
        alone = times["alone"]
        for name in ("warm", "cold"):
            print(f"start with a {name} fake: {times[name] - alone:.3f} s more than alone ({alone:.3f} s)")
        with intercepting(Fake(server.base_url)) as interception:
            took = requests(server.base_url, interception, parsed.rounds, parsed.requests)
        direct, front = took["direct"], took["front"]
        print(f"a request: {direct:.3f} ms direct, {front:.3f} ms through the front, {front - direct:.3f} ms more")


if __name__ == "__main__":
    main()
