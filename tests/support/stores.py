"""Servers over a store, in this process, each with a loop of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from fakeserver.serving.app import Settings
from fakeserver.serving.founding import lay_foundation
from fakeserver.serving.stored import StoredApp
from fakeserver.stores.urls import open_store
from tests.support.asgi import EPOCH, PATHS, Row, credential, services
from tests.support.server import serving


@dataclass(frozen=True)
class Node:
    """One server of a store."""

    app: StoredApp
    root: str
    client: httpx.Client

    def ask(
        self, slug: str, path: str = "", method: str = "GET", body: Any = None, *, ns: str = "", suffix: str = ""
    ) -> httpx.Response:
        """A request to a provider, by its admin."""
        return self._send(method, f"/{slug}{path or PATHS[slug]}", ns, body, credential(slug, suffix=suffix))

    def admin(self, method: str, path: str, body: Any = None, *, ns: str = "") -> httpx.Response:
        return self._send(method, f"/__admin{path}", ns, body, {})

    def _send(self, method: str, path: str, ns: str, body: Any, headers: Mapping[str, str]) -> httpx.Response:
        place = f"{self.root}/ns/{ns}" if ns else self.root
        content = None if body is None else json.dumps(body).encode()
        sent = {**headers, "content-type": "application/json"} if body is not None else headers
        return self.client.request(method, place + path, headers=sent, content=content)

    def snapshot(self, ns: str = "") -> bytes:
        answer = self.admin("GET", "/snapshot", ns=ns)
        assert answer.status_code == 200, answer.text
        return answer.content

    def create(self, name: str = "made", ns: str = "", **more: Any) -> Row:
        """A new sandbox of prime's."""
        answer = self.ask("prime", method="POST", body={"name": name, "docker_image": "python:3.11", **more}, ns=ns)
        assert answer.status_code in (200, 201), answer.text
        made: Row = answer.json()
        return made

    def names(self, ns: str = "") -> set[str]:
        """Of prime's sandboxes."""
        return {row["name"] for row in self.ask("prime", "/api/v1/sandbox?per_page=1000", ns=ns).json()["sandboxes"]}


def stored_app(place: Path | str, **more: Any) -> StoredApp:
    """A server's application over the store in a file, or of a URL, as it is begun the first time."""
    settings = Settings(**{"size": 20, "epoch": EPOCH, "rate_limits": False, **more})
    store = open_store(place if isinstance(place, str) else f"sqlite:{place}")
    return StoredApp(services(), lay_foundation(store, settings, services()), store)


@contextmanager
def node(place: Path | str, **more: Any) -> Iterator[Node]:
    """A server over a store, until the block ends; then it is gone as if it had been killed."""
    app = stored_app(place, **more)
    with serving(app) as live, httpx.Client(trust_env=False, timeout=20) as client:
        yield Node(app, live.root, client)
    # A thread of it may still be at work in the store, which a connection that is closed meanwhile would not survive.
    app.keeper.close()
