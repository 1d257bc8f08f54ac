"""E2B: a team's sandboxes as a bare array, whose next page is named by a header (`GET /v2/sandboxes`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import unquote_plus

from fakeserver.provider import (
    GONE,
    NEWEST_FIRST,
    OLDEST_FIRST,
    SECOND,
    AnyOf,
    Caller,
    Collection,
    Cursor,
    Document,
    Draw,
    Envelope,
    Listing,
    Machine,
    OrderParameter,
    Pages,
    Pairs,
    Problem,
    Provider,
    Scope,
    Switches,
    Transition,
    ValueRefused,
    at,
    on_clock,
)

STATUSES = {"invalid": 400}
"""E2B knows no 422; every other problem has the status that it would have anywhere."""
TEMPLATES = (("base", "rki5dems9wqfm4r03t7g"), ("code-interpreter-v1", "nlhz8vlwyupq845jsdg9"), (None, "4kq0v2ub7p1x"))


def errors(problem: Problem, switches: Switches) -> tuple[int, Document]:
    status = STATUSES.get(problem.kind, problem.status)
    return status, {"code": status, "message": problem.detail}


def own_team(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
    return Scope(caller.home)


def unescape(text: str) -> str:
    if re.search(r"%(?![0-9a-fA-F]{2})", text):
        raise ValueRefused("Input should be URL-encoded", "url_parsing")
    return unquote_plus(text)


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """`user=abc&app=prod`: unescaped as a whole, split, and every key and value once more; the last of a key counts."""
    found = [part.split("=") for part in unescape(text).split("&")]
    if any(len(part) != 2 for part in found):
        raise ValueRefused("Input should be pairs, such as user=abc&app=prod", "pairs_parsing")
    return tuple({unescape(key): unescape(value) for key, value in found}.items())


def end(document: Document, kept: Document, since: int) -> int:
    return on_clock(document["endAt"], kept)


MACHINE = Machine(
    "state",
    (
        Transition("pause", ("running",), "paused"),
        Transition("resume", ("paused",), "running"),
        Transition("time out", ("running",), GONE, due=end, note="it is killed, and in no list any more"),
    ),
)


def make(draw: Draw) -> Document:
    """One sandbox; what has no value is left out."""
    state, started = draw.column("state"), draw.created
    lived = (draw.epoch - started) // SECOND
    end = draw.epoch + draw.between("left", 60, 3_600) * SECOND
    if state == "paused":
        end = started + draw.between("ran", 1, max(1, min(lived, 3_600))) * SECOND
    alias, template = draw.pick("template", TEMPLATES)
    cpus = draw.pick("cpus", (2, 2, 2, 1, 4, 8))
    document = {
        "templateID": template,
        "sandboxID": draw.identity(lambda each: "i" + each.letters("sandboxID", 20)),
        "clientID": "6532622b",
        "startedAt": at(started),
        "endAt": at(end),
        "cpuCount": cpus,
        "memoryMB": 512 * cpus,
        "diskSizeMB": draw.pick("disk", (1_024, 5_120, 10_240)),
        "state": state,
        "envdVersion": draw.pick("envd", ("0.2.4", "0.2.4", "0.1.5")),
    }
    metadata = draw.column("metadata")
    return document | ({"alias": alias} if alias else {}) | ({"metadata": metadata} if metadata else {})


PROVIDER = Provider(
    slug="e2b",
    spec=files("provider_e2b") / "openapi.yaml",
    recipe=files("provider_e2b") / "recipe.yaml",
    errors=errors,
    operations={
        "listSandboxes": Listing(
            tenant=own_team,
            filters=(AnyOf("state", field="state"), Pairs("metadata", field="metadata", decode=pairs)),
            pages=Pages(
                Cursor("nextToken"),
                Envelope(headers={"X-Next-Token": "next"}),
                OrderParameter("order", {"desc": NEWEST_FIRST, "asc": OLDEST_FIRST}),
            ),
        ),
    },
    make=make,
    machine=MACHINE,
    created="startedAt",
    identity="sandboxID",
    default_tenant="main",
    try_path="/v2/sandboxes?state=running&limit=2",
    sdk={"E2B_API_URL": "{base_url}", "E2B_API_KEY": "{key}"},
)
