"""A live fake for the tests: the application behind a real socket, served from a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import uvicorn

from fakeserver.serving.app import App
from fakeserver.serving.configuration import KEEP_ALIVE, server_config
from fakeserver.serving.protocol import Protocol
from fakeserver.serving.threads import PromptServer
from tests.support.asgi import PATHS, Row, header_of

BIGGEST_PAGE = {"dreadnode": "?limit=100", "instavm": "?limit=1000", "prime": "?per_page=1000", "superserve": ""}
START_SECONDS = 10.0


@dataclass(frozen=True)
class Live:
    """A served application. `root` has no provider in it and no trailing slash."""

    app: App
    root: str
    _seen: dict[tuple[str, str, str], list[Row]] = field(default_factory=dict, repr=False)

    def base_url(self, slug: str, namespace: str = "") -> str:
        """What an SDK is pointed at; with a namespace, in a world of its own."""
        return f"{self.root}/ns/{namespace}/{slug}" if namespace else f"{self.root}/{slug}"

    def request(
        self, slug: str, path: str, *, key: str = "", method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One plain request with the provider's admin key, or with another."""
        sent = {**header_of(slug, key or f"{slug}-admin-key"), **(headers or {})}
        with httpx.Client(trust_env=False, verify=False, timeout=10) as client:
            return client.request(method, self.base_url(slug) + path, headers=sent)

    def rows(self, slug: str, query: str = "", key: str = "") -> list[Row]:
        """Every row that the caller sees without a filter: what SDK answers are compared with."""
        if (slug, query, key) not in self._seen:
            self._seen[slug, query, key] = self._rows(slug, query, key)
        return self._seen[slug, query, key]

    def _rows(self, slug: str, query: str, key: str) -> list[Row]:
        path = PATHS[slug] + BIGGEST_PAGE[slug]
        if query:
            path += ("&" if "?" in path else "?") + query
        body = self.request(slug, path, key=key).raise_for_status().json()
        if isinstance(body, list):
            return list(body)
        if "items" not in body:
            assert not body["has_next"], "the world is bigger than one page"
            return list(body["sandboxes"])
        found = list(body["items"])
        while body["next_cursor"] is not None:
            following = f"{path}&cursor={body['next_cursor']}"
            body = self.request(slug, following, key=key).raise_for_status().json()
            found += body["items"]
        return found


@contextmanager
def serving(
    app: App, protocol: type[asyncio.Protocol] = Protocol, keep_alive_seconds: int = KEEP_ALIVE
) -> Iterator[Live]:
    """The application on a free port of 127.0.0.1 until the block ends."""
    config = server_config(app)
    config.http, config.timeout_keep_alive = protocol, keep_alive_seconds
    with listening(config) as root:
        yield Live(app, root)


@contextmanager
def listening(config: uvicorn.Config, port: int = 0) -> Iterator[str]:
    """The address of any application that is served on a port of 127.0.0.1, a free one unless it is said which, until
    the block ends."""
    listener = socket.create_server(("127.0.0.1", port))
    server = PromptServer(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.end()
        thread.join(START_SECONDS)
        listener.close()
