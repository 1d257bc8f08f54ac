"""Superserve: a team's sandboxes as a bare array, filtered by metadata pairs (reference page 004)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fakeserver.provider import (
    SECOND,
    AnyOf,
    Asked,
    Call,
    Caller,
    Choice,
    Collection,
    Document,
    Draw,
    Envelope,
    FieldOrders,
    Limit,
    Listing,
    Only,
    Pages,
    Pairs,
    Problem,
    Provider,
    Reading,
    Result,
    Sample,
    Scope,
    Switches,
    View,
    Window,
    Within,
    unauthenticated,
    unserved,
)
from fakeserver.providers.superserve import commands, files, sandboxes, snapshots, templates
from fakeserver.providers.superserve.access import PLANE
from fakeserver.providers.superserve.limits import metadata_limits
from fakeserver.providers.superserve.refusals import errors
from fakeserver.providers.superserve.states import MACHINE, written
from fakeserver.resources import resource

REGIONS = {"use": "https://api.superserve.ai", "usw": "https://api-usw.superserve.ai"}
"""Observed: the provider's server, its regions and their endpoints; the first one's keys need not name it."""
REGIONAL_KEY = re.compile(r"ss_live_([a-z0-9]{1,17})_.+")
"""Observed: the provider's server, a key that names the region which it is of."""
MAX_PAGE = 200
SIZES = ((1, 256), (1, 512), (1, 1_024), (1, 1_024), (2, 1_024), (2, 2_048), (2, 4_096), (4, 4_096))
"""vCPUs and MiB of memory: what a template may have (Observed: 1 to 4, 256 to 4,096)."""
PAGE_STATES = ("active", "paused", "resuming")
"""The states that page 004 knows."""
UNSERVED = unserved(
    "superserve 0.11.4",
    "GET /sandboxes/{id}/files",
    "GET /sandboxes/{id}/network",
    "POST /sandboxes/{id}/secrets",
    "DELETE /sandboxes/{id}/secrets/{key}",
    "GET /sandboxes/{id}/preview-ports",
    "POST /sandboxes/{id}/preview-ports",
    "DELETE /sandboxes/{id}/preview-ports/{port}",
    "POST /sandboxes/{id}/preview-ports/{port}/token",
    "POST /sandboxes/{id}/preview-ports/{port}/token/rotate",
    "GET /secrets",
    "POST /secrets",
    "GET /secrets/{name}",
    "PATCH /secrets/{name}",
    "DELETE /secrets/{name}",
    "GET /providers",
    # Of the data plane: terminals and commands over WebSockets, and the desktop.
    "GET /terminal",
    "GET /exec/connect",
    "POST /superserve.boxd.v1.DesktopService/{method}",
)


def stranger(credentials: Sequence[str], switches: Switches) -> Problem:
    """Observed: the provider's server. Whose key names another region is told where that is; of a region that it does
    not know the server says nothing, since older keys may look as if they had one."""
    for each in credentials:
        key = REGIONAL_KEY.fullmatch(each)
        region = key and key[1]
        if region in REGIONS and region != switches["region"]:
            told = f"use that region's endpoint ({REGIONS[region]}) or upgrade your SDK, which routes automatically"
            return Problem(401, "wrong_region", f"this API key belongs to region '{region}'; {told}")
    return unauthenticated()


def own_team(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
    return Scope(caller.home)


def health(asked: Asked, view: View) -> Result:
    return Result(200, {"status": "ok", "version": "0.1.0"})


def make_id(draw: Draw) -> str:
    return draw.uuid("id")


def make(draw: Draw) -> Document:
    """One sandbox as page 004 shows it: what is not set is absent, never null."""
    status, created = draw.column("status"), draw.created
    age = (draw.epoch - created) // SECOND
    vcpus, memory = draw.pick("size", SIZES)
    caps = [each for each in (3_600, 14_400, 86_400, 604_800) if each > age]
    document = {
        "id": draw.identity(make_id),
        "name": draw.column("name"),
        "status": status,
        "vcpu_count": vcpus,
        "memory_mib": memory,
        "created_at": written(created),
        "metadata": draw.column("metadata"),
    }
    if status != "active" or draw.chance("paused before", 25):
        document["snapshot_id"] = draw.uuid("snapshot_id")
    if caps and draw.chance("capped", 60):
        document["timeout_seconds"] = draw.pick("cap", caps)
    rules = draw.below("network", 8)
    if rules < 2:
        domains = draw.vocabularies["domains"]
        document["network"] = {
            "allow_out": ["api.openai.com", f"*.{domains[draw.below('domain', len(domains))]}"],
            "deny_out": ["0.0.0.0/0"],
        }
    elif rules == 2:
        document["network"] = {"deny_out": [f"{draw.word('blocked', 'addresses')}/32"]}
    return document


PROVIDER = Provider(
    slug="superserve",
    spec=resource("openapi/superserve.yaml"),
    recipe=resource("fixtures/superserve.yaml"),
    errors=errors,
    stranger=stranger,
    unserved=UNSERVED,
    operations={
        "listSandboxes": Listing(
            tenant=own_team,
            filters=(
                Pairs("metadata", field="metadata", check=metadata_limits),
                AnyOf("status", field="status"),
                Within("q", field="name"),
            ),
            pages=Pages(
                Window(most=MAX_PAGE),
                Envelope(headers={"X-Total-Count": "total"}),
                FieldOrders("sort", "order", {"created_at": None, "name": "name", "status": "status"}),
            ),
            extras=sandboxes.EXTRAS,
            # Its server lists every state, and the page knows three.
            only=Only(Choice("states", "page"), AnyOf("states", field="status"), PAGE_STATES),
        ),
        **sandboxes.OPERATIONS,
        **snapshots.OPERATIONS,
        **templates.OPERATIONS,
        **commands.OPERATIONS,
        **files.OPERATIONS,
        "getHealth": Call(health, public=True),
    },
    make=make,
    machine=MACHINE,
    kinds={**templates.KINDS, **snapshots.KINDS},
    switches={
        "region": (*REGIONS,),
        "states": ("page", "server"),
        "fields": ("page", "server"),
        "created": ("starting", "active"),
        "pause": ("waited", "accepted"),
    },
    caps=("sandboxes", "templates", "builds", "snapshots"),
    # Observed: the buckets of the provider's server. They report themselves; settings can enforce them.
    limits=(
        Limit("address", capacity=100, seconds=2, by=("address",), bucket=True, headers=True, enforced=False),
        Limit("team", capacity=40, seconds=2, by=("tenant",), bucket=True, headers=True, enforced=False),
    ),
    created="created_at",
    identity="id",
    default_tenant="main",
    try_path="/sandboxes?metadata.env=prod&limit=2",
    # Observed: Go's handlers take the first of repeated values, and an empty text for none.
    reading=Reading(repeated="first", empty="absent"),
    samples={
        "listSandboxes": Sample(
            "from superserve import Sandbox\n"
            "\n"
            'print(Sandbox.list({arguments}, api_key="{key}", base_url="{base_url}"))\n',
            {"metadata": "metadata", "status": "status", "limit": "limit", "offset": "offset"},
            lists=("status",),
        )
    },
    sdk={"SUPERSERVE_BASE_URL": "{base_url}", "SUPERSERVE_API_KEY": "{key}"},
    sdk_note="Commands and files of the SDK go to https://sandbox.superserve.ai, the provider's own host, until "
    "something leads that here: docs/superserve.md",
    headers={
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    },
    media_type="application/json; charset=utf-8",
    plane=PLANE,
    hosts=("api-usw.superserve.ai", "api-use.superserve.ai"),
    domains=("superserve.ai",),
    real_key=REGIONAL_KEY,
)
