"""What a request to the admin API brings along: the world that its path names, and its body."""

from __future__ import annotations

import json

import orjson
from starlette.requests import ClientDisconnect, Request

from fakeserver.problems import FakeProblem, Json
from fakeserver.worlds.world import World

MAX_BODY_BYTES = 64 * 1024 * 1024


def world_of(request: Request) -> World:
    world: World = request.scope["world"]
    return world


async def raw_body(request: Request) -> bytes:
    """The body, refused as soon as it is longer than the limit."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise FakeProblem(413, f"A body is at most {MAX_BODY_BYTES} bytes", field="body")
    except ClientDisconnect as error:
        raise FakeProblem(400, "The body ended early", field="body") from error
    return bytes(body)


async def json_body(request: Request) -> Json:
    """The body as JSON (RFC 8259); a name that is given twice in one object is refused, since readers differ on it."""
    body = await raw_body(request)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise FakeProblem(400, f"The body is not JSON: {error}", field="body") from error
    try:
        json.loads(body, object_pairs_hook=refuse_repeats, parse_int=float)
    except RecursionError as error:
        raise FakeProblem(400, "The body is nested too deeply", field="body") from error
    return value


def refuse_repeats(pairs: list[tuple[str, Json]]) -> None:
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            raise FakeProblem(400, f"{name[:64]!r} is given twice in one object", field=name[:64])
        names.add(name)


async def no_body(request: Request) -> None:
    """A call without a body; one that is sent is read, bounded, and ignored."""
    await raw_body(request)
