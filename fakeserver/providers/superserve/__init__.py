"""Superserve: a team's sandboxes as a bare array, filtered by metadata pairs (reference page 004)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from fakeserver.provider import (
    GONE,
    SECOND,
    AnyOf,
    Caller,
    Collection,
    Document,
    Draw,
    Envelope,
    FieldOrders,
    Instant,
    Issue,
    Limit,
    Listing,
    Machine,
    Moment,
    Pages,
    Pairs,
    Problem,
    Provider,
    Reading,
    Scope,
    Switches,
    Transition,
    Window,
    Within,
    at,
    conflict,
    on_clock,
    unauthenticated,
    unserved,
)
from fakeserver.resources import resource

CODES = {
    "invalid": "bad_request",
    "unauthenticated": "auth_failed",
    "internal": "internal_error",
    "unserved": "not_implemented",
    "method_not_allowed": "method_not_allowed",
}
STATES = ("starting", "active", "pausing", "paused", "resuming", "migrating", "failed", "deleted")
# Observed: what the provider's server says, word for word.
SENTENCES = {
    "unauthenticated": "Invalid or missing X-API-Key header.",
    "internal": "A problem occurred. Please try again, or contact the team if it persists.",
    "rate_limited": "Rate limit exceeded. Please retry later.",
}
REFUSALS = {
    "metadata": "",
    "limit": "limit must be a positive integer",
    "offset": "offset must be a non-negative integer",
    "sort": "sort must be one of: created_at, name, status",
    "order": "order must be 'asc' or 'desc'",
    "status": f"status must be one or more of: {', '.join(STATES)}",
}
"""By parameter, in the order in which the server looks at them; of several that are wrong it names the first."""
EMPTY_KEY = "metadata filter key cannot be empty"
# Observed: the limits of the provider's server on metadata, which its filter obeys as well.
MAX_PAIRS = 64
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 2_048
MAX_METADATA_BYTES = 16_384
RESERVED = ("superserve.", "_superserve")
REGIONS = {"use": "https://api.superserve.ai", "usw": "https://api-usw.superserve.ai"}
"""Observed: the provider's server, its regions and their endpoints; the first one's keys need not name it."""
REGIONAL_KEY = re.compile(r"ss_live_([a-z0-9]{1,17})_.+")
"""Observed: the provider's server, a key that names the region which it is of."""
MAX_PAGE = 200
MAX_NAME = 64
"""Characters (Observed: the provider's server)."""
SIZES = ((1, 256), (1, 512), (1, 1_024), (1, 1_024), (2, 1_024), (2, 2_048), (2, 4_096), (4, 4_096))
"""vCPUs and MiB of memory: what a template may have (Observed: 1 to 4, 256 to 4,096)."""
BOOT_SECONDS, PAUSE_SECONDS, RESUME_SECONDS = 3, 2, 5
"""Assumed: how long a sandbox starts, is paused, and is restored."""


UNSERVED = unserved(
    "superserve 0.11.4",
    "POST /sandboxes",
    "GET /sandboxes/{id}",
    "PATCH /sandboxes/{id}",
    "DELETE /sandboxes/{id}",
    "POST /sandboxes/{id}/activate",
    "POST /sandboxes/{id}/pause",
    "POST /sandboxes/{id}/resume",
    "POST /sandboxes/{id}/exec",
    "POST /sandboxes/{id}/exec/stream",
    "GET /sandboxes/{id}/files",
    "POST /sandboxes/{id}/snapshot",
    "GET /sandboxes/{id}/snapshots",
    "GET /snapshots/{id}",
    "PATCH /snapshots/{id}",
    "DELETE /snapshots/{id}",
    "GET /templates",
    "POST /templates",
    "GET /templates/{id}",
    "DELETE /templates/{id}",
    "GET /templates/{id}/builds",
    "POST /templates/{id}/builds",
    "GET /health",
)


def errors(problem: Problem, switches: Switches) -> tuple[int, Document]:
    """Bad input is a 400 here, and its message is about the first mistake alone."""
    status, message = problem.status, SENTENCES.get(problem.kind, problem.detail)
    if problem.kind == "invalid":
        status, message = 400, sentence_of(problem)
    return status, {"error": {"code": CODES.get(problem.kind, problem.kind), "message": message}}


def sentence_of(problem: Problem) -> str:
    """What the server says of a bad input."""
    order = [*REFUSALS]
    first = min(problem.issues, key=lambda issue: place_of(order, parameter_of(issue)), default=None)
    if first is None:
        return problem.detail
    parameter = parameter_of(first)
    if parameter != "metadata":
        return REFUSALS.get(parameter, f"{first.field}: {first.msg}")
    key = str(first.loc[1]).removeprefix("metadata.")
    if first.type == "empty_key":
        return EMPTY_KEY
    if first.type == "repeated_key":
        return f"metadata filter {quote(key)} has multiple values; only one allowed"
    return first.msg if first.msg.startswith("metadata ") else f"{first.field}: {first.msg}"


def parameter_of(issue: Issue) -> str:
    """The parameter that an issue is about: pairs stand under the names of their keys."""
    return str(issue.loc[1] if len(issue.loc) > 1 else issue.loc[0]).partition(".")[0]


def place_of(order: list[str], parameter: str) -> int:
    return order.index(parameter) if parameter in order else len(order)


def quote(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


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


def metadata_limits(pairs: tuple[tuple[str, str], ...]) -> Iterator[Issue]:
    """The mistakes in the order in which the server looks for them, in its words."""
    if len(pairs) > MAX_PAIRS:
        yield Issue(("query", "metadata"), f"metadata has {len(pairs)} keys, max is {MAX_PAIRS}", "too_many_keys")
    total = 0
    for name, text in pairs:
        loc, key = ("query", f"metadata.{name}"), quote(name)
        key_bytes, value_bytes = len(name.encode()), len(text.encode())
        total += key_bytes + value_bytes
        if key_bytes > MAX_KEY_BYTES:
            yield Issue(loc, f"metadata key {key} is {key_bytes} bytes, max is {MAX_KEY_BYTES}", "key_too_long")
        if value_bytes > MAX_VALUE_BYTES:
            told = f"metadata value for key {key} is {value_bytes} bytes, max is {MAX_VALUE_BYTES}"
            yield Issue(loc, told, "value_too_long")
        for prefix in RESERVED:
            if name.lower().startswith(prefix):
                yield Issue(loc, f"metadata key {key} uses reserved prefix {quote(prefix)}", "reserved_key")
    if total > MAX_METADATA_BYTES:
        yield Issue(("query", "metadata"), f"metadata exceeds {MAX_METADATA_BYTES} bytes total", "too_long")


def written(instant: int) -> str:
    """An instant as Go writes it: RFC 3339 without zeros at the end of the fraction, or without a fraction."""
    return at(instant).rstrip("Z").rstrip("0").rstrip(".") + "Z"


def make(draw: Draw) -> Document:
    """One sandbox as page 004 shows it: what is not set is absent, never null."""
    status, created = draw.column("status"), draw.created
    age = (draw.epoch - created) // SECOND
    vcpus, memory = draw.pick("size", SIZES)
    caps = [each for each in (3_600, 14_400, 86_400, 604_800) if each > age]
    document = {
        "id": draw.identity(lambda each: each.uuid("id")),
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


def cap(document: Document, kept: Document, since: int) -> int | None:
    """When an active sandbox has used up its time: from its creation, or from when it was last resumed."""
    seconds: int | None = document.get("timeout_seconds")
    if seconds is None:
        return None
    start: int = kept["activated"] if "activated" in kept else on_clock(document["created_at"], kept)
    return start + seconds * SECOND


def auto_deletion(document: Document, kept: Document, since: int) -> int | None:
    """When a paused sandbox is deleted by itself."""
    seconds: int | None = kept.get("auto_delete_seconds")
    return None if seconds is None else since + seconds * SECOND


def activate(moment: Moment) -> Document:
    return {"activated": moment.now}


def snapshot(moment: Moment) -> Document:
    return {"snapshot_id": str(uuid5(UUID(moment.document["id"]), str(moment.now)))}


MACHINE = Machine(
    "status",
    (
        Transition("booted", ("starting",), "active", keeps=activate, seconds=BOOT_SECONDS),
        Transition("boot failed", ("starting",), "failed", seconds=BOOT_SECONDS, outcome="boot_failed"),
        Transition("pause", ("active",), "pausing"),
        Transition("time out", ("active",), "pausing", due=cap),
        Transition("paused", ("pausing",), "paused", snapshot, seconds=PAUSE_SECONDS),
        Transition("pause failed", ("pausing",), "active", seconds=PAUSE_SECONDS, outcome="pause_failed"),
        Transition("VM lost", ("pausing",), "failed", seconds=PAUSE_SECONDS, outcome="vm_lost"),
        Transition("resume", ("paused",), "resuming"),
        Transition("resumed", ("resuming",), "active", keeps=activate, seconds=RESUME_SECONDS),
        Transition("resume failed", ("resuming",), "paused", seconds=RESUME_SECONDS, outcome="resume_failed"),
        Transition("migrated", ("migrating",), "active", seconds=RESUME_SECONDS),
        Transition("auto-delete", ("paused",), GONE, due=auto_deletion),
        Transition("delete", tuple(state for state in STATES if state != "deleted"), GONE),
    ),
    conflict=lambda state, event: conflict("Sandbox is not in a valid state for this operation"),
    facts={"activated": Instant, "auto_delete_seconds": int},
)


PROVIDER = Provider(
    slug="superserve",
    spec=resource("openapi/superserve.yaml"),
    recipe=resource("fixtures/superserve.yaml"),
    errors=errors,
    stranger=stranger,
    switches={"region": (*REGIONS,)},
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
        ),
    },
    make=make,
    machine=MACHINE,
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
    sdk={"SUPERSERVE_BASE_URL": "{base_url}", "SUPERSERVE_API_KEY": "{key}"},
    headers={
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    },
    media_type="application/json; charset=utf-8",
)
