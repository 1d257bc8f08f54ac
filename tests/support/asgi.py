"""Requests to the fake as ASGI messages, byte for byte: no client library stands between that would tidy them up."""

from __future__ import annotations

import asyncio
import atexit
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from fakeserver.documents.collection import Collection
from fakeserver.instants import instant
from fakeserver.pipeline.service import Service
from fakeserver.serving.app import App, Settings, create_app

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
EPOCH = instant("2026-01-18T10:30:00Z")
SPECS: dict[str, Row] = {slug: yaml.safe_load((ROOT / "openapi" / f"{slug}.yaml").read_text()) for slug in SLUGS}

runner = asyncio.Runner()
atexit.register(runner.close)


@dataclass(frozen=True)
class Reply:
    """What came back. Header names are in lower case; `seconds` is processor time, which no neighbour prolongs."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def value(self) -> Any:
        return json.loads(self.body)

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]


def app_of(*, seed: int = 0, size: int = 1_000, epoch: int = EPOCH, **more: Any) -> App:
    """A server of its own; without rate limits, where it has any."""
    if "rate_limits" in {each.name for each in fields(Settings)}:
        more.setdefault("rate_limits", False)
    return create_app(Settings(seed=seed, size=size, epoch=epoch, **more))


def tenants(app: App, slug: str) -> dict[str, Collection]:
    """The documents behind a provider, tenant by tenant."""
    return app.world.tenants(app.services[slug].provider)


def main_tenant(app: App, slug: str) -> Collection:
    return tenants(app, slug)[app.services[slug].provider.default_tenant]


def service(app: App, slug: str) -> Service:
    return app.services[slug]


def credential(slug: str, who: str = "admin", suffix: str = "") -> dict[str, str]:
    """The header that carries a caller's credential."""
    key = f"{slug}-{who}-key{suffix}"
    return {"authorization": f"Bearer {key}"} if slug in ("dreadnode", "prime") else {"x-api-key": key}


def call(
    app: App,
    target: str | bytes,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
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
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
    }
    sent: list[Row] = []

    async def receive() -> Row:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def exchange() -> None:
        async with asyncio.timeout(MOST_SECONDS):
            await app(scope, receive, send)

    started = time.thread_time()
    runner.run(exchange())
    seconds = time.thread_time() - started
    assert sent, "nothing was answered"
    assert sent[0]["type"] == "http.response.start"
    assert not sent[-1].get("more_body"), "the answer never ends"
    return Reply(
        sent[0]["status"],
        {name.decode("latin-1"): text.decode("latin-1") for name, text in sent[0]["headers"]},
        b"".join(each.get("body", b"") for each in sent[1:]),
        seconds,
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
    """(path, operation) for every operation of a spec; all of them are GETs."""
    return [(path, methods["get"]) for path, methods in SPECS[slug]["paths"].items()]


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
