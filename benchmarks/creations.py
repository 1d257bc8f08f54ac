"""What it costs to create a sandbox: the processor time of one, how many there are in a second over a socket beside
POSTs on bare uvicorn, what a server with all operations takes to its first line, and how long hostile bodies keep it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import load
from benchmarks.figures import Figure, figure, ratio
from benchmarks.rounds import Report
from benchmarks.servers import HOST, Launch, Server
from benchmarks.subjects import ROOT, fakeserver
from fakeserver.pipeline.exchange import Answer, Request
from fakeserver.pipeline.service import Service
from fakeserver.serving.app import Settings, create_app
from fakeserver.spec.bodies import MAX_BODY_BYTES, MAX_BODY_VALUES
from fakeserver.worlds.world import World

JSON = {"content-type": "application/json"}
COUNT = 200
"""Creations in a round, which begins with a world that nobody has touched."""
WARM_UP = 50


@dataclass(frozen=True, slots=True)
class Wish:
    """A request that makes a sandbox. One may be made in a `holder`, which has to be made before: path and body, with
    the number in the place of {number}, and {id} in the other path is the holder's."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any] = field(default_factory=dict)
    holder: tuple[str, dict[str, Any]] | None = None


ACME = "/api/v1/org/acme/ws/main/runtimes"
WISHES: Mapping[str, Wish] = {
    "dreadnode": Wish(
        f"{ACME}/{{id}}/start",
        {"authorization": "Bearer dreadnode-admin-key"},
        holder=(ACME, {"key": "mine-{number}", "name": "mine"}),
    ),
    "instavm": Wish("/v1/vms", {"x-api-key": "instavm-admin-key"}, {"metadata": {"env": "prod"}}),
    "prime": Wish(
        "/api/v1/sandbox",
        {"authorization": "Bearer prime-admin-key"},
        {"name": "mine", "docker_image": "python:3.11-slim", "labels": ["prod"]},
    ),
    "superserve": Wish(
        "/sandboxes", {"x-api-key": "superserve-admin-key"}, {"name": "mine", "metadata": {"env": "prod"}}
    ),
}
CREATED_AT_ONCE = tuple(slug for slug, wish in WISHES.items() if wish.holder is None)
"""Providers whose creation is one request, which can be sent over and over."""


@dataclass(frozen=True, slots=True)
class Creation:
    """The processor time of one creation in one world, in microseconds; a round's reading is its mean."""

    provider: str
    size: int
    cpu_us: Figure


@dataclass(frozen=True, slots=True)
class Body:
    """A hostile body, as it is sent to the operation that creates, and the milliseconds of processor time until its
    answer is there: so long nobody else gets one."""

    provider: str
    body: str
    status: int
    cpu_ms: Figure


@dataclass(frozen=True, slots=True)
class Creations:
    """What was found of all of it. `speeds` are requests per second over a socket, `ceilings` those of bare uvicorn
    with the same requests and answers."""

    costs: Sequence[Creation]
    speeds: Mapping[str, Figure]
    ceilings: Mapping[str, Figure]
    first_line_seconds: Figure
    hostile: Sequence[Body]

    def to_ceiling(self, provider: str) -> float:
        return ratio(self.speeds[provider].median, self.ceilings[provider].median)


def measure(
    folder: Path, sizes: Sequence[int], rounds: int, start_rounds: int, seconds: float, report: Report
) -> Creations:
    """All parts, one after the other."""
    first_line = figure([first_line_seconds() for _ in range(start_rounds)])
    report(f"the first line after {first_line.median:.2f} s")
    speeds, ceilings = over_sockets(folder, rounds, seconds, report)
    return Creations(costs(sizes, rounds, report), speeds, ceilings, first_line, hostile(rounds, report))


def first_line_seconds() -> float:
    """From the command to the first line of its screen, with all providers."""
    command = [part.replace("{port}", "0") for part in fakeserver().command]
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        spent = time.perf_counter() - started
        process.terminate()
    if not line:
        raise ValueError("the server ended without a line")
    return spent


# In one process


def costs(sizes: Sequence[int], rounds: int, report: Report) -> list[Creation]:
    """Provider by provider; sizes in interleaved rounds, of which the first one warms the process up."""
    found = []
    for provider in WISHES:
        apps = {size: create_app(Settings(size=size, only=(provider,), rate_limits=False)) for size in sizes}
        readings: dict[int, list[float]] = {size: [] for size in sizes}
        for number in range(rounds + 1):
            for size, app in apps.items():
                world = app.worlds.named(f"round-{number}")
                readings[size].append(created(app.services[provider], world))
                app.worlds.delete(world.name)
        found += [Creation(provider, size, figure(each[1:])) for size, each in readings.items()]
        told = ", ".join(f"{each.cpu_us.median:.0f} µs at {each.size:,}" for each in found if each.provider == provider)
        report(f"{provider}: a creation takes {told}")
    return found


def created(service: Service, world: World) -> float:
    """Microseconds of a creation, of so many."""
    wish = WISHES[service.provider.slug]
    spent = []
    for number in range(WARM_UP + COUNT):
        path = wish.path
        if wish.holder is not None:
            place, body = wish.holder
            text = json.dumps(body).replace("{number}", str(number))
            path = path.format(id=json.loads(accepted(service, world, place, text.encode()).text())["id"])
        sent = json.dumps(wish.body).encode()
        started = time.process_time_ns()
        accepted(service, world, path, sent).text()
        spent.append((time.process_time_ns() - started) / 1e3)
    return fmean(spent[WARM_UP:])


def accepted(service: Service, world: World, path: str, body: bytes) -> Answer:
    answer = service.answer(post(service, path, body), world)
    if answer.status >= 300:
        raise ValueError(f"{path} was answered {answer.status}: {answer.text()[:200]!r}")
    return answer


def post(service: Service, path: str, body: bytes) -> Request:
    return Request("POST", path, b"", {**WISHES[service.provider.slug].headers, **JSON}, body=body)


# Over a socket


def over_sockets(
    folder: Path, rounds: int, seconds: float, report: Report
) -> tuple[dict[str, Figure], dict[str, Figure]]:
    """Requests per second of ours and of bare uvicorn, by provider, in interleaved rounds."""
    speeds, ceilings = {}, {}
    with Server(fakeserver()) as ours:
        for provider in CREATED_AT_ONCE:
            wish, body = WISHES[provider], json.dumps(WISHES[provider].body)
            page = folder / f"{provider}-created.json"
            page.write_bytes(sent(ours, f"/{provider}{wish.path}", body, wish.headers))
            targets = load.write_targets(folder / f"{provider}-create.txt", [f"/{provider}{wish.path}"])
            with Server(ceiling(page)) as bare:
                mine: list[float] = []
                other: list[float] = []
                for _ in range(rounds):
                    sent(ours, "/__admin/reset", "", {})
                    for server, rates in ((ours, mine), (bare, other)):
                        reading = load.run(server.base_url, targets, {**wish.headers, **JSON}, seconds, body)
                        if reading.failures or not reading.answers:
                            raise load.LoadError(f"{reading.failures} requests to create failed with {provider}")
                        rates.append(reading.requests_per_second)
            speeds[provider], ceilings[provider] = figure(mine), figure(other)
            report(
                f"{provider}: {speeds[provider].median:,.0f} creations/s, the ceiling {ceilings[provider].median:,.0f}"
            )
    return speeds, ceilings


def ceiling(page: Path) -> Launch:
    """Bare uvicorn that reads a body and sends these bytes."""
    return Launch([sys.executable, "-m", "benchmarks.ceiling", "reading", "{port}", str(page)], "/", {}, ROOT)


def sent(server: Server, path: str, body: str, headers: Mapping[str, str]) -> bytes:
    """The answer to one POST."""
    connection = HTTPConnection(HOST, server.port, timeout=10)
    connection.request("POST", path, body, {**headers, **JSON})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 300:
        raise load.LoadError(f"{path} was answered {answer.status}")
    return text


# Hostile bodies


def hostile_bodies() -> Iterator[tuple[str, bytes]]:
    """The dearest known, each as large as is looked at, or larger."""
    most = MAX_BODY_VALUES - 20
    yield "a megabyte of text", json.dumps({"name": "\u00e9" * (MAX_BODY_BYTES // 7)}).encode()
    yield "a megabyte of objects in each other", b'{"a":' * (MAX_BODY_BYTES // 5)
    yield "a megabyte of empty lists", b'{"labels":[' + b"[]," * (MAX_BODY_BYTES // 3 - 10) + b"[]]}"
    yield "numbers of 30 digits", b'{"name":[' + b",".join([b"9" * 30] * most) + b"]}"
    yield "wrong items", json.dumps({"labels": [[]] * (most // 3), "vault_ids": [0] * (most // 3)}).encode()
    yield "wrong members", json.dumps({f"k{number}": 0 for number in range(most)}).encode()
    yield "wrong pairs", json.dumps({"name": "a", "metadata": {f"k{number}": 0 for number in range(most)}}).encode()
    yield "rules", json.dumps({"name": "a", "network": {"allow_out": ["1.1.1.1/8"] * most}}).encode()
    egress = {f"k{number}": 0 for number in range(most // 2)}
    ports = ["a"] * (most // 2)
    yield "a configuration", json.dumps({"config": {"sandbox": {"egress": egress, "exposed_ports": ports}}}).encode()


def hostile(rounds: int, report: Report) -> list[Body]:
    """Every one to every provider."""
    app = create_app(Settings(rate_limits=False))
    found = []
    for provider, wish in WISHES.items():
        path = wish.path if wish.holder is None else wish.holder[0]
        service = app.services[provider]
        for name, body in hostile_bodies():
            readings, status = [], 0
            for _ in range(rounds + 1):
                started = time.process_time_ns()
                answer = service.answer(post(service, path, body), app.world)
                answer.text()
                readings.append((time.process_time_ns() - started) / 1e6)
                status = answer.status
            if status >= 500:
                raise ValueError(f"{provider} answered {name} with {status}")
            found.append(Body(provider, name, status, figure(readings[1:])))
    worst = max(found, key=lambda each: each.cpu_ms.median)
    report(f"{worst.body} keep {worst.provider} busy for {worst.cpu_ms.median:.0f} ms")
    return found
