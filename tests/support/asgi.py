"""Requests to the fake as ASGI messages, byte for byte: no client library stands between that would tidy them up."""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from contract_tests.yaml_files import read_yaml
from fakeserver.documents.collection import Collection
from fakeserver.instants import instant
from fakeserver.pipeline.service import Service
from fakeserver.serving.app import App, Settings, create_app, load_services
from tests.support.loop import UnhurriedLoop, ends_within

Row = dict[str, Any]

ROOT = Path(__file__).parents[2]
SLUGS = ("dreadnode", "instavm", "prime", "superserve")
PATHS = {
    "dreadnode": "/api/v1/org/acme/sandboxes",
    "instavm": "/v1/sessions/sandboxes",
    "prime": "/api/v1/sandbox",
    "superserve": "/sandboxes",
}
FACETS = "/api/v1/org/acme/sandboxes/facets"
MOST_SECONDS = 20
"""Not how fast an answer is, but when it counts as one that never comes."""
EPOCH = instant("2026-01-18T10:30:00Z")
ROWS = {
    "dreadnode": "SandboxListItem",
    "instavm": "VMSandboxInfo",
    "prime": "SandboxResponse",
    "superserve": "SandboxResponse",
}
"""The names of the schemas of documents."""
SPECS: dict[str, Row] = {slug: read_yaml(ROOT / "openapi" / f"{slug}.yaml") for slug in SLUGS}

_WHOLE = {slug: pickle.dumps(document, pickle.HIGHEST_PROTOCOL) for slug, document in SPECS.items()}


def spec_of(slug: str) -> Row:
    """A provider's spec, to be changed."""
    document: Row = pickle.loads(_WHOLE[slug])
    return document


runner = asyncio.Runner(loop_factory=UnhurriedLoop)
atexit.register(runner.close)


@dataclass(frozen=True)
class Reply:
    """What came back. Header names are in lower case; `pieces` are those of the body, each with the seconds that the
    answer was held back until then."""

    status: int
    headers: dict[str, str]
    body: bytes
    pieces: tuple[tuple[float, bytes], ...] = ()

    @property
    def value(self) -> Any:
        return json.loads(self.body)

    @property
    def steady_headers(self) -> dict[str, str]:
        """The headers that a request before this one does not change: those of rate limits count it."""
        return {name: text for name, text in self.headers.items() if not name.startswith("ratelimit-")}

    @property
    def seconds(self) -> float:
        """How long the answer was held back, on a clock that no machine's speed moves."""
        return self.pieces[-1][0]

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]


@functools.cache
def services() -> dict[str, Service]:
    """The providers, compiled once for all servers of these tests; serving never changes them."""
    return load_services()


def app_of(*, size: int = 1_000, seed: int = 0, epoch: int = EPOCH, rate_limits: bool = False, **more: Any) -> App:
    """A server of a test's own, without rate limits; one that serves other recipes or fewer providers loads its own."""
    settings = Settings(seed=seed, size=size, epoch=epoch, rate_limits=rate_limits, **more)
    return create_app(settings, None if settings.only or settings.fixtures or settings.locale else services())


def tenants(app: App, slug: str) -> dict[str, Collection]:
    """The documents behind a provider as of now, tenant by tenant."""
    return app.world.advance(app.services[slug].provider)


def main_tenant(app: App, slug: str) -> Collection:
    return tenants(app, slug)[app.services[slug].provider.default_tenant]


def service(app: App, slug: str) -> Service:
    return app.services[slug]


def header_of(slug: str, key: str) -> dict[str, str]:
    """The header that carries a provider's key."""
    return {"authorization": f"Bearer {key}"} if slug in ("dreadnode", "prime") else {"x-api-key": key}


def credential(slug: str, who: str = "admin", suffix: str = "") -> dict[str, str]:
    """The header that carries a caller's credential."""
    return header_of(slug, f"{slug}-{who}-key{suffix}")


def call(
    app: App,
    target: str | bytes,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    client: str = "127.0.0.1",
) -> Reply:
    """One request as uvicorn hands it on: the path percent-decoded, the query as it came."""
    raw_path, _, query = (target.encode() if isinstance(target, str) else target).partition(b"?")
    pairs = (
        [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]
        if isinstance(headers, Mapping)
        else list(headers)
    )
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": pairs,
        "client": (client, 50_000),
        "server": ("127.0.0.1", 8_000),
    }
    sent: list[tuple[float, Row]] = []

    async def receive() -> Row:
        return {"type": "http.request", "body": body, "more_body": False}

    async def exchange() -> None:
        clock = asyncio.get_running_loop()
        began = clock.time()

        async def send(message: Any) -> None:
            sent.append((clock.time() - began, dict(message)))

        await app(scope, receive, send)

    with ends_within(MOST_SECONDS):
        runner.run(exchange())
    assert sent, "nothing was answered"
    start = sent[0][1]
    assert start["type"] == "http.response.start"
    assert not sent[-1][1].get("more_body"), "the answer never ends"
    pieces = tuple((moment, message.get("body", b"")) for moment, message in sent[1:])
    return Reply(
        start["status"],
        {name.decode("latin-1"): text.decode("latin-1") for name, text in start["headers"]},
        b"".join(piece for _, piece in pieces),
        pieces,
    )


def get(app: App, slug: str, query: str = "", *, who: str = "admin", path: str = "", **headers: str) -> Reply:
    """A GET of a provider's listing (or of another of its paths) as one of its callers."""
    sent = credential(slug, who) | {name.replace("_", "-"): text for name, text in headers.items()}
    return call(app, f"/{slug}{path or PATHS[slug]}{'?' if query else ''}{query}", headers=sent)


def rows(slug: str, reply: Reply) -> list[Row]:
    """The documents of a page, out of the provider's envelope."""
    assert reply.status == 200, (reply.status, reply.body[:300])
    value = reply.value
    found: list[Row] = value if isinstance(value, list) else value["items" if slug == "dreadnode" else "sandboxes"]
    return found


def identity(slug: str) -> str:
    return "sandbox_id" if slug == "instavm" else "id"


def ids(slug: str, documents: Iterable[Row]) -> list[str]:
    return [str(each[identity(slug)]) for each in documents]


def operations(slug: str) -> list[tuple[str, Row]]:
    """(path, operation) for every operation of a spec that has a reference page; all of them are GETs."""
    return [
        (path, methods["get"])
        for path, methods in SPECS[slug]["paths"].items()
        if "documented" in methods.get("get", {}).get("tags", ())
    ]


def served(slug: str) -> list[tuple[str, str, Row]]:
    """(method, path, operation) for every operation of a spec, with or without a reference page."""
    return [
        (method.upper(), path, operation)
        for path, methods in SPECS[slug]["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    ]


def resolved(slug: str, value: Any) -> Any:
    """A node of the spec, behind its reference."""
    while isinstance(value, dict) and "$ref" in value:
        found: Any = SPECS[slug]
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def schema_of(slug: str, schema: Row) -> Row:
    """A schema that can be handed to a validator by itself."""
    return {**schema, "components": SPECS[slug]["components"]}
