"""What is measured side by side: our server, the two references, and what users would pick instead."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from benchmarks.machine import HERE, pinned
from benchmarks.queries import HEADERS, PAGE_ROWS, PATH, Query, fresh, mix, unlike
from benchmarks.servers import Launch

ROOT = HERE.parent
MODULES = HERE / "node_modules"
INSTALLED = MODULES / ".installed"
WORLD_ROWS = 1_000

Targets = Callable[[Sequence[Query], int], list[str]]
"""The request targets of a subject, from the queries and the rows on one page."""


class Missing(Exception):
    """A subject cannot be had on this machine; the message goes into the table."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One server under measurement."""

    name: str
    version: str
    work: str
    """What it does for an answer, for the table."""
    launch: Launch
    targets: Targets
    elastic: bool = False
    """Whether its page can be made shorter or longer until it is as many bytes as ours."""
    warm_seconds: float = 2.0
    rival: bool = True


@dataclass(frozen=True, slots=True)
class Material:
    """What the subjects are made from: our own answer, and a thousand of our rows."""

    folder: Path
    page: bytes
    rows: Sequence[Mapping[str, Any]]


def same(queries: Sequence[Query], rows: int) -> list[str]:
    """Our own query texts; the servers with one canned answer get them too."""
    return mix([replace(query, rows=rows) for query in queries])


def fakeserver(*flags: str) -> Launch:
    """Our server with a thousand documents per provider, unless the flags say otherwise."""
    first = Query(status="RUNNING", labels=("prod",)).target()
    command = [sys.executable, "-m", "fakeserver", "serve", "--port", "{port}", "--no-rate-limits", *flags]
    return Launch(command, first, HEADERS, ROOT)


def ours() -> list[Subject]:
    from fakeserver import __version__

    everything = "filters, pages, validates, authenticates"
    return [
        Subject("fakeserver", __version__, f"{everything}; 100 queries", fakeserver(), same, rival=False),
        Subject(
            "fakeserver, no query twice",
            __version__,
            f"{everything}; every query text is new",
            fakeserver(),
            lambda queries, rows: fresh([replace(query, rows=rows) for query in queries]),
            rival=False,
        ),
        Subject(
            "fakeserver, no page twice",
            __version__,
            f"{everything}; hundreds of other pages between two that are alike, of 25 to 75 rows",
            fakeserver(),
            lambda queries, rows: unlike([replace(query, rows=rows) for query in queries]),
            rival=False,
        ),
    ]


def references(material: Material) -> list[Subject]:
    from importlib.metadata import version

    body = material.folder / "page.json"
    body.write_bytes(material.page)

    def launch(kind: str) -> Launch:
        command = [sys.executable, "-m", "benchmarks.ceiling", kind, "{port}", str(body)]
        return Launch(command, PATH, HEADERS, ROOT)

    return [
        Subject("ceiling: bare uvicorn", version("uvicorn"), "sends ready bytes", launch("bare"), same, rival=False),
        Subject(
            "bare Starlette route", version("starlette"), "sends ready bytes", launch("starlette"), same, rival=False
        ),
    ]


def rivals(material: Material) -> dict[str, Callable[[], Subject]]:
    """The rivals by name; a call makes the subject's files, or raises `Missing`."""
    makers = {
        "Prism": prism,
        "Scalar mock server": scalar,
        "Mockoon": mockoon,
        "json-server": json_server,
        "json-server 1.0 beta": json_server_1,
        "WireMock": wiremock,
    }
    return {name: partial(make, material) for name, make in makers.items()}


def install(report: Callable[[str], None]) -> None:
    """Fetch the rivals with npm, once per version of `package.json`."""
    wanted = (HERE / "package.json").read_text(encoding="utf-8")
    if INSTALLED.is_file() and INSTALLED.read_text(encoding="utf-8") == wanted:
        return
    if shutil.which("npm") is None:
        report("npm is not installed: the rivals from npm are left out")
        return
    report("installing the rivals with npm into benchmarks/node_modules")
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=HERE, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        INSTALLED.write_text(wanted, encoding="utf-8")


def script(package: str, path: str) -> list[str]:
    """A package's program under node, without npm's wrapper around it."""
    file = MODULES / package / path
    if shutil.which("node") is None:
        raise Missing("node is not installed")
    if not file.is_file():
        raise Missing(f"npm package {package} is not installed")
    return ["node", str(file)]


def prism(material: Material) -> Subject:
    command = [*script("@stoplight/prism-cli", "dist/index.js"), "mock", "-p", "{port}", "-h", "127.0.0.1"]
    launch = Launch([*command, "-v", "error", str(spec_with_page(material))], rival_target(), HEADERS)
    work = "validates, sends the spec's example; no filters, no pages"
    return Subject("Prism", pinned()["@stoplight/prism-cli"], work, launch, unprefixed)


def scalar(material: Material) -> Subject:
    script("@scalar/mock-server", "dist/index.js")
    command = ["node", str(HERE / "scalar.mjs"), "{port}", str(spec_with_page(material))]
    work = "validates, sends the spec's example; no filters, no pages"
    launch = Launch(command, rival_target(), HEADERS)
    return Subject("Scalar mock server", pinned()["@scalar/mock-server"], work, launch, unprefixed)


def wiremock(material: Material) -> Subject:
    jar = next(iter(sorted((MODULES / "wiremock" / "build").glob("*.jar"))), None)
    if jar is None:
        raise Missing("the npm package wiremock, which holds the jar, is not installed")
    if shutil.which("java") is None:
        raise Missing("java is not installed")
    folder = material.folder / "wiremock"
    write(folder / "__files" / "page.json", material.page)
    response = {"status": 200, "headers": {"Content-Type": "application/json"}, "bodyFileName": "page.json"}
    mapping = {"request": {"method": "GET", "urlPath": PATH}, "response": response}
    write(folder / "mappings" / "page.json", json.dumps(mapping).encode())
    flags = ["--port", "{port}", "--bind-address", "127.0.0.1", "--root-dir", str(folder)]
    command = ["java", "-jar", str(jar), *flags, "--no-request-journal", "--disable-banner"]
    work = "sends a canned body; journal off; no filters, no pages"
    launch = Launch(command, Query().target(), HEADERS)
    # The JVM compiles what is hot: without a long warm-up its figure would be unfair.
    return Subject("WireMock", pinned()["wiremock"], work, launch, same, warm_seconds=15.0)


def mockoon(material: Material) -> Subject:
    bucket, route = "sandboxes", "sandboxes"
    environment = {
        "uuid": str(uuid.uuid4()),
        "lastMigration": 33,
        "name": "prime",
        "port": 3000,
        "hostname": "127.0.0.1",
        "rootChildren": [{"type": "route", "uuid": "route"}],
        "folders": [],
        "data": [
            {"uuid": "bucket", "id": bucket, "name": bucket, "documentation": "", "value": json.dumps(material.rows)}
        ],
        "routes": [
            {
                "uuid": "route",
                "type": "crud",
                "method": "",
                "endpoint": route,
                "documentation": "",
                "responseMode": None,
                "responses": [
                    {
                        "uuid": "response",
                        "statusCode": 200,
                        "headers": [{"key": "Content-Type", "value": "application/json"}],
                        "bodyType": "DATABUCKET",
                        "databucketID": bucket,
                        "body": "",
                        "latency": 0,
                        "rules": [],
                        "rulesOperator": "OR",
                        "default": True,
                        "crudKey": "id",
                        "disableTemplating": False,
                        "fallbackTo404": False,
                        "sendFileAsBody": False,
                        "filePath": "",
                        "label": "",
                        "callbacks": [],
                    }
                ],
            }
        ],
    }
    file = write(material.folder / "mockoon.json", json.dumps(environment).encode())
    command = [*script("@mockoon/cli", "bin/run.js"), "start", "--data", str(file), "--port", "{port}"]
    flags = ["--hostname", "127.0.0.1", "--disable-log-to-file", "--disable-admin-api", "--repair"]
    launch = Launch([*command, *flags], f"/{route}?limit=1", HEADERS)

    def targets(queries: Sequence[Query], rows: int) -> list[str]:
        return [
            f"/{route}?" + urlencode({**filters(query, "status_eq", "labels_like"), "page": query.page, "limit": rows})
            for query in queries
        ]

    work = f"filters {WORLD_ROWS:,} rows (labels as a substring), pages; does not validate or authenticate"
    return Subject("Mockoon", pinned()["@mockoon/cli"], work, launch, targets, elastic=True)


def json_server(material: Material) -> Subject:
    command = [*script("json-server", "lib/cli/bin.js"), "--host", "127.0.0.1", "--port", "{port}", "--quiet"]
    launch = Launch([*command, str(database(material))], "/sandboxes?_limit=1", HEADERS)

    def targets(queries: Sequence[Query], rows: int) -> list[str]:
        return [
            "/sandboxes?" + urlencode({**filters(query, "status", "labels_like"), "_page": query.page, "_limit": rows})
            for query in queries
        ]

    work = f"filters {WORLD_ROWS:,} rows (labels as a substring), pages; does not validate or authenticate"
    return Subject("json-server", pinned()["json-server"], work, launch, targets, elastic=True)


def json_server_1(material: Material) -> Subject:
    command = [*script("json-server-1", "lib/bin.js"), "--host", "127.0.0.1", "--port", "{port}"]
    launch = Launch([*command, str(database(material))], "/sandboxes?_page=1&_per_page=1", HEADERS)

    def targets(queries: Sequence[Query], rows: int) -> list[str]:
        asked = [filters(query, "status", "") | {"_page": query.page, "_per_page": rows} for query in queries]
        return [*dict.fromkeys(f"/sandboxes?{urlencode(each)}" for each in asked)]

    work = f"filters {WORLD_ROWS:,} rows by status alone (it cannot look into a list), pages; does not validate"
    return Subject("json-server 1.0 beta", pinned()["json-server-1"], work, launch, targets, elastic=True)


def filters(query: Query, equal: str, like: str) -> dict[str, Any]:
    """A query's filters in a rival's words; an empty word is a filter that it does not have."""
    found: dict[str, Any] = {equal: query.status} if query.status else {}
    if query.active:
        found["status_ne"] = "TERMINATED"
    if like:
        found[like] = query.labels[0]
    return found


def spec_with_page(material: Material) -> Path:
    """Prime's own spec, with our answer as the example of its listing."""
    spec = yaml.safe_load((ROOT / "openapi" / "prime.yaml").read_text(encoding="utf-8"))
    media = spec["paths"][rival_path()]["get"]["responses"]["200"]["content"]["application/json"]
    media.pop("examples", None)
    media["example"] = json.loads(material.page)
    return write(material.folder / "prime.json", json.dumps(spec, default=str).encode())


def database(material: Material) -> Path:
    return write(material.folder / "db.json", json.dumps({"sandboxes": material.rows}).encode())


def rival_path() -> str:
    """The listing's path as the spec has it, without our provider's prefix."""
    return PATH.removeprefix("/prime")


def rival_target() -> str:
    return f"{rival_path()}?per_page={PAGE_ROWS}"


def unprefixed(queries: Sequence[Query], rows: int) -> list[str]:
    return [target.removeprefix("/prime") for target in same(queries, rows)]


def write(path: Path, text: bytes) -> Path:
    os.makedirs(path.parent, exist_ok=True)
    path.write_bytes(text)
    return path
