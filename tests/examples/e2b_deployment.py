"""A small server with E2B's list of sandboxes, written as an engineer would who has never seen this repository, and the
same with two faults that servers of this kind have really had."""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Row = dict[str, Any]
Place = tuple[float, str]
"""Where a row stands in the order of the list: by its instant, which counts backwards where the newest come first, then
by its id."""
Start = Callable[[Sequence[Place], Place], int]
"""The places of the rows that match, and the place that a token names → the index of the row that comes next."""

KEY = "e2b_5f0c1ff0c81d4e0f"
NEWEST = datetime(2026, 1, 18, 10, 25, 11, tzinfo=UTC)
AT_ONCE = 5
"""So many sandboxes are started by one request, and share its instant."""


def sandbox(number: int) -> Row:
    started = NEWEST - timedelta(minutes=number // AT_ONCE)
    return {
        "templateID": "rki5dems9wqfm4r03t7g",
        "sandboxID": f"i{number:04d}",
        "clientID": "6532622b",
        "startedAt": started.isoformat(),
        "endAt": (started + timedelta(hours=1)).isoformat(),
        "cpuCount": 2,
        "memoryMB": 512,
        "diskSizeMB": 1024,
        "metadata": {"app": ("prod", "dev", "a b")[number % 3], "user": f"user-{number % 7}"},
        "state": "paused" if number % 4 == 3 else "running",
        "envdVersion": "0.2.4",
    }


def behind_the_row(places: Sequence[Place], last: Place) -> int:
    """Right: everything that the order looks at is in the token."""
    return bisect_right(places, last)


def behind_the_instant(places: Sequence[Place], last: Place) -> int:
    """`WHERE started_at < $1`: what else was started in the last row's instant is lost."""
    return sum(instant <= last[0] for instant, _ in places)


def at_the_beginning(places: Sequence[Place], last: Place) -> int:
    """The token is read and forgotten, so that every page is the first."""
    return 0


def place_of(time: str, name: str, order: str) -> Place:
    instant = datetime.fromisoformat(time).timestamp()
    return instant if order == "asc" else -instant, name


def deployment(count: int, start: Start = behind_the_row) -> Starlette:
    """A server with so many sandboxes."""
    everything = [sandbox(number) for number in range(count)]

    def listing(request: Request) -> Response:
        if request.headers.get("x-api-key") != KEY:
            raise HTTPException(401, "Invalid API key")
        query = request.query_params
        limit, order = limit_of(query.get("limit", "100")), order_of(query.get("order", "desc"))
        states = states_of(query.get("state", "running,paused"))
        wanted = metadata_of(query["metadata"]) if "metadata" in query else {}
        rows = [row for row in everything if row["state"] in states and wanted.items() <= row["metadata"].items()]
        rows.sort(key=lambda row: place_of(row["startedAt"], row["sandboxID"], order))
        places = [place_of(row["startedAt"], row["sandboxID"], order) for row in rows]
        first = start(places, place_of(*opened(query["nextToken"]), order)) if "nextToken" in query else 0
        page = rows[first : first + limit]
        more = first + limit < len(rows)
        return JSONResponse(page, headers={"X-Next-Token": token_of(page[-1])} if more else {})

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"code": error.status_code, "message": error.detail}, error.status_code)

    return Starlette(routes=[Route("/v2/sandboxes", listing)], exception_handlers={HTTPException: refused})


def order_of(text: str) -> str:
    if text not in ("asc", "desc"):
        raise HTTPException(400, "order must be asc or desc")
    return text


def limit_of(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise HTTPException(400, "limit must be between 1 and 100")
    return int(text)


def states_of(text: str) -> set[str]:
    states = set(text.split(","))
    if not states <= {"running", "paused"}:
        raise HTTPException(400, "state must be running or paused")
    return states


def metadata_of(text: str) -> dict[str, str]:
    pairs = [part.split("=") for part in unescaped(text).split("&")]
    if any(len(pair) != 2 for pair in pairs):
        raise HTTPException(400, "metadata must be key=value pairs")
    return {unescaped(key): unescaped(value) for key, value in pairs}


def unescaped(text: str) -> str:
    if re.search("%(?![0-9a-fA-F]{2})", text):
        raise HTTPException(400, "metadata must be URL encoded")
    return unquote_plus(text)


def token_of(row: Row) -> str:
    return base64.urlsafe_b64encode(f"{row['startedAt']}__{row['sandboxID']}".encode()).decode().rstrip("=")


def opened(token: str) -> tuple[str, str]:
    try:
        time, _, name = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition("__")
        datetime.fromisoformat(time).astimezone(UTC)
    except (ValueError, binascii.Error, OverflowError) as error:
        raise HTTPException(400, "nextToken is invalid") from error
    return time, name
