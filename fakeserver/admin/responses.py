"""What the admin API sends: JSON, or a problem."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response

from fakeserver.pipeline.exchange import JSON
from fakeserver.problems import PROBLEM_JSON, Document, FakeProblem, Json

NOTHING = 204
PACKING = 5
"""Of nine: a third of the work for nearly as little to send."""


def respond(value: Json, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type=JSON)


async def respond_lists(**lists: Sequence[Document]) -> Response:
    """An object of lists, written row by row, so that others are answered in between."""
    written: list[bytes] = []
    for name, rows in lists.items():
        members = list[bytes]()
        for row in rows:
            members.append(orjson.dumps(row))
            await asyncio.sleep(0)
        written.append(b'"%s":[%s]' % (name.encode(), b",".join(members)))
    return Response(b"{%s}" % b",".join(written), media_type=JSON)


def respond_packed(request: Request, value: Json) -> Response:
    """The same, compressed for who takes that: for what is long, and full of repetitions."""
    response = respond(value)
    response.headers["Vary"] = "Accept-Encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        response.body = gzip.compress(bytes(response.body), PACKING, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Length"] = str(len(response.body))
    return response


def problem_response(problem: FakeProblem) -> Response:
    return Response(orjson.dumps(problem.body), problem.status, media_type=PROBLEM_JSON)
