"""What a request to the admin API brings along: the world that its path names, and its body."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from fakeserver.admin.contract import check_body, refusal_of_issues
from fakeserver.problems import FakeProblem, Issue, Json
from fakeserver.spec.json_text import MAX_JSON_DEPTH
from fakeserver.spec.strict_json import read_strictly
from fakeserver.worlds.world import World

MAX_BODY_BYTES = 64 * 1024 * 1024
LARGE_BYTES = 2**18
"""Bytes of a body that is read in a thread, so that others are answered meanwhile."""
MAX_BULK_LEVELS = 400
"""Levels of a body that holds documents or a snapshot; what of it may be deeper than another body is checked later."""


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


async def json_body(
    request: Request,
    most_levels: int = MAX_JSON_DEPTH,
    refuse: Callable[[tuple[Issue, ...]], FakeProblem] = refusal_of_issues,
) -> Json:
    """The body as JSON; what is not, or what readers differ on, is a 400. `refuse` says what a value is that nothing
    could keep."""
    raw = await raw_body(request)
    read = functools.partial(read_strictly, raw, most_levels=most_levels, nul=True)
    value, issues = await asyncio.to_thread(read) if len(raw) > LARGE_BYTES else read()
    for issue in issues:
        if issue.type == "repeated_key":
            raise FakeProblem(400, f"{issue.field}: {issue.msg}", field=str(issue.loc[-1]))
        if issue.type in ("json_invalid", "string_unicode"):
            raise FakeProblem(400, f"{issue.field}: {issue.msg}", field="body")
    if issues:
        raise refuse(issues)
    return value


async def read_checked_json(request: Request, operation: str) -> Json:
    """The body as JSON that is as the operation's spec has it."""
    return check_body(operation, await json_body(request))


async def no_body(request: Request) -> None:
    """A call without a body; one that is sent is read, bounded, and ignored."""
    await raw_body(request)
