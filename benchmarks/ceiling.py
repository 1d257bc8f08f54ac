"""The references: bare uvicorn that sends ready bytes (the ceiling), at once or behind a body, and a Starlette route.

    python -m benchmarks.ceiling {bare | reading | starlette} PORT FILE

Loop, parser and flags are those of the fake; uvicorn's own protocol class is named, so that whatever the fake puts
in its place cannot raise the ceiling.
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from benchmarks.queries import PATH


def bare(body: bytes) -> ASGIApp:
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
    }
    rest = {"type": "http.response.body", "body": body}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start)
        await send(rest)

    return app


def reading(body: bytes) -> ASGIApp:
    """The same once the body of the request is there."""
    send_it = bare(body)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body", False):
            pass
        await send_it(scope, receive, send)

    return app


def routed(body: bytes) -> ASGIApp:
    async def page(request: Request) -> Response:
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route(PATH, page)])


KINDS = {"bare": bare, "reading": reading, "starlette": routed}


def main(kind: str, port: str, file: str) -> None:
    body = Path(file).read_bytes()
    config = uvicorn.Config(
        KINDS[kind](body),
        port=int(port),
        loop="uvloop",
        http=HttpToolsProtocol,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(*sys.argv[1:4])
