"""What the tests of the control surface share: admin calls, a machine clock that a test moves, and a live server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fakeserver.serving.app import App
from tests.support.asgi import PATHS, Reply, app_of, call, credential

SECOND = 1_000_000
FREEZE = {"action": "freeze"}


class Machine:
    """The machine's clock, which stands still until a test moves it."""

    def __init__(self) -> None:
        self.instant = 10**15

    def monotonic_ns(self) -> int:
        return self.instant * 1_000

    def wait(self, seconds: float) -> None:
        self.instant += round(seconds * SECOND)


def admin(
    app: App, method: str, path: str, body: Any = None, *, ns: str = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """An admin call at the root or in a namespace; bytes are sent as they are."""
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    target = f"/ns/{ns}/__admin{path}" if ns else f"/__admin{path}"
    return call(app, target, method=method, headers=headers or {}, body=raw)


def done(reply: Reply) -> Any:
    """The JSON value of a call that was accepted, or None where it has none."""
    assert reply.status in (200, 201, 204), (reply.status, reply.body[:500])
    return reply.value if reply.body else None


def refused(reply: Reply, status: int, field: str | None) -> Any:
    """The problem of a call that was refused."""
    assert (reply.status, reply.media_type) == (status, "application/problem+json"), (reply.status, reply.body[:500])
    problem = reply.value
    assert problem.keys() >= {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert problem.get("field") == field, problem
    return problem


def listing(
    app: App, slug: str, query: str = "", *, ns: str = "", who: str = "admin", suffix: str = "", **headers: str
) -> Reply:
    """A provider's listing, in a namespace if one is given."""
    prefix = f"/ns/{ns}" if ns else ""
    target = f"{prefix}/{slug}{PATHS[slug]}{'?' if query else ''}{query}"
    return call(app, target, headers=credential(slug, who, suffix) | headers)


def arrive(app: App, path: str, *, client: str = "127.0.0.1", method: str = "GET", **headers: str) -> Reply:
    """A request from any address."""
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return call(app, quote(path), method=method, headers=sent, client=client)


def small_app(*, size: int = 40, **more: Any) -> App:
    """A server with few documents, for a test that changes its state."""
    return app_of(size=size, **more)
