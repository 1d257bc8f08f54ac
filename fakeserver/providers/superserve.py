"""Superserve: a team's sandboxes as a bare array, filtered by metadata pairs (reference page 004)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fakeserver.provider import (
    SECOND,
    AnyOf,
    Caller,
    Collection,
    Document,
    Draw,
    Envelope,
    Issue,
    Limit,
    Listing,
    Pages,
    Pairs,
    Problem,
    Provider,
    Scope,
    Switches,
    Window,
    at,
    instant,
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
# Observed: the limits of the provider's server on metadata, which its filter obeys as well.
MAX_PAIRS = 64
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 2_048
MAX_METADATA_BYTES = 16_384
RESERVED = ("superserve.", "_superserve")
MAX_PAGE = 200
MAX_NAME = 64
SIZES = ((1, 256), (1, 512), (1, 1_024), (1, 1_024), (2, 1_024), (2, 2_048), (2, 4_096), (4, 4_096))
"""vCPUs and MiB of memory: what a template may have (Observed: 1 to 4, 256 to 4,096)."""
RESUME_SECONDS = 5
"""Assumed: how long a restore takes."""


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
    """Bad input is a 400 here, and its message names every field."""
    status = 400 if problem.kind == "invalid" else problem.status
    return status, {"error": {"code": CODES.get(problem.kind, problem.kind), "message": problem.detail}}


def own_team(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
    return Scope(caller.home)


def metadata_limits(pairs: tuple[tuple[str, str], ...]) -> Iterator[Issue]:
    total = 0
    for name, text in pairs:
        loc, key_bytes, value_bytes = (
            ("query", f"metadata.{name[:64]}"),
            len(name.encode()),
            len(text.encode()),
        )
        total += key_bytes + value_bytes
        if key_bytes > MAX_KEY_BYTES:
            yield Issue(loc, f"the key is longer than {MAX_KEY_BYTES} bytes", "key_too_long")
        if value_bytes > MAX_VALUE_BYTES:
            yield Issue(loc, f"the value is longer than {MAX_VALUE_BYTES} bytes", "value_too_long")
        if name.lower().startswith(RESERVED):
            yield Issue(loc, "the key has a reserved prefix", "reserved_key")
    if len(pairs) > MAX_PAIRS:
        yield Issue(("query", "metadata"), f"more than {MAX_PAIRS} keys", "too_many_keys")
    if total > MAX_METADATA_BYTES:
        yield Issue(("query", "metadata"), f"more than {MAX_METADATA_BYTES} bytes in all", "too_long")


def make(draw: Draw) -> Document:
    """One sandbox as page 004 shows it: what is not set is absent, never null."""
    status, created = draw.column("status"), draw.created
    age = (draw.epoch - created) // SECOND
    vcpus, memory = draw.pick("size", SIZES)
    name = f"{draw.word('service', 'services')}-{draw.word('job', 'jobs')}"
    caps = [each for each in (3_600, 14_400, 86_400, 604_800) if each > age]
    document = {
        "id": draw.identity(lambda each: each.uuid("id")),
        "name": draw.long_name("long name", "services", MAX_NAME) if draw.chance("at length", 2) else name,
        "status": status,
        "vcpu_count": vcpus,
        "memory_mib": memory,
        "created_at": at(created),
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


def age(document: Document, then: int, now: int) -> Document | None:
    """A resuming sandbox gets active; one past its lifetime cap is gone from the list."""
    cap = document.get("timeout_seconds")
    if cap is not None and now >= instant(document["created_at"]) + cap * SECOND:
        return None
    if document["status"] == "resuming" and now - then >= RESUME_SECONDS * SECOND:
        return {**document, "status": "active"}
    return document


PROVIDER = Provider(
    slug="superserve",
    spec=resource("openapi/superserve.yaml"),
    recipe=resource("fixtures/superserve.yaml"),
    errors=errors,
    unserved=UNSERVED,
    operations={
        "listSandboxes": Listing(
            tenant=own_team,
            filters=(
                Pairs("metadata", field="metadata", check=metadata_limits),
                AnyOf("status", field="status"),
            ),
            pages=Pages(Window(most=MAX_PAGE), Envelope(headers={"X-Total-Count": "total"})),
        ),
    },
    make=make,
    age=age,
    # Observed: the buckets of the provider's server. They report themselves; settings can enforce them.
    limits=(
        Limit("address", capacity=100, seconds=2, by=("address",), bucket=True, headers=True, enforced=False),
        Limit("team", capacity=40, seconds=2, by=("tenant",), bucket=True, headers=True, enforced=False),
    ),
    created="created_at",
    identity="id",
    default_tenant="main",
    try_path="/sandboxes?metadata.env=prod&limit=2",
    sdk={"SUPERSERVE_BASE_URL": "{base_url}", "SUPERSERVE_API_KEY": "{key}"},
    headers={
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    },
)
