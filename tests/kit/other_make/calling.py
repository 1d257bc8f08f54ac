"""The servers in this process: a function from a request to its answer, which stands for wire, proxy and client."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from tests.kit.other_make import data
from tests.kit.other_make.build import Build
from tests.kit.other_make.dreadnode import Dreadnode
from tests.kit.other_make.instavm import Instavm
from tests.kit.other_make.prime import Prime
from tests.kit.other_make.superserve import Superserve
from tests.kit.other_make.web import Server

SECONDS = 30
SERVERS: Mapping[str, type[Server]] = {each.slug: each for each in (Dreadnode, Instavm, Prime, Superserve)}
Answer = tuple[int, Mapping[str, str], bytes]


def server(build: Build, seed: int = 0, size: int = data.SIZE) -> Server:
    """A server of this build, over data of this seed and size."""
    return SERVERS[build.slug](build, data.store(build.slug, seed, size))


@cache
def loop() -> asyncio.AbstractEventLoop:
    """The loop on which the servers of this process answer, as they would behind a socket: all in one thread."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, daemon=True, name="other make").start()
    return made


def handler(app: ASGIApp, *, patient: bool = True) -> Callable[[str, str, bytes, dict[str, str]], Answer]:
    """The application as a function of method, path, query and headers. It may be called from several threads."""

    def call(method: str, path: str, query: bytes, headers: dict[str, str]) -> Answer:
        status, found, body = once(method, path, query, headers)
        # Whoever waits as long as the answer says has another; here that moment is over already.
        return once(method, path, query, headers) if patient and status == 429 else (status, found, body)

    def once(method: str, path: str, query: bytes, headers: dict[str, str]) -> Answer:
        return asyncio.run_coroutine_threadsafe(answer(app, method, path, query, headers), loop()).result(SECONDS)

    return call


async def answer(app: ASGIApp, method: str, path: str, query: bytes, headers: dict[str, str]) -> Answer:
    """One exchange. An exception that nobody handled is in the log of a real server; its client sees the 500."""
    given = {"host": "other.test", "accept": "*/*", "accept-encoding": "gzip, deflate"}
    given |= {name.lower(): text for name, text in headers.items()}
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(name.encode("latin-1"), text.encode("utf-8")) for name, text in given.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("other.test", 80),
    }
    start: Message = {}
    body = bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.extend(message.get("body", b""))

    try:
        await app(scope, receive, send)
    except Exception:
        if not start:
            raise
    found = {name.decode().lower(): text.decode("latin-1") for name, text in start["headers"]}
    plain = gzip.decompress(bytes(body)) if body and found.get("content-encoding") == "gzip" else bytes(body)
    return start["status"], found, plain
