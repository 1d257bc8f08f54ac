"""InstaVM: a bare array of VMs, filtered by JSON containment (reference page 002)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fakeserver.provider import (
    SECOND,
    STARLETTE,
    Caller,
    Collection,
    Containing,
    Document,
    Draw,
    First,
    Listing,
    Machine,
    Pages,
    Problem,
    Provider,
    Reading,
    Scope,
    Switches,
    Transition,
    fastapi_detail,
    naive,
    on_clock,
    unserved,
)
from fakeserver.resources import resource

READY_SECONDS = 15
"""Assumed: how long a VM takes to be ready."""


UNSERVED = unserved(
    "instavm 0.26.1",
    "POST /v1/sessions/session",
    "GET /v1/sessions/session/{id}",
    "GET /v1/sessions/status/{id}",
    "GET /v1/sessions/usage/{id}",
    "GET /v1/sessions/app-url/{id}",
    "GET /v1/vms",
    "POST /v1/vms",
    "GET /v1/vms/",
    "GET /v1/vms/{id}",
    "PATCH /v1/vms/{id}",
    "DELETE /v1/vms/{id}",
    "POST /v1/vms/{id}/suspend",
    "POST /v1/vms/{id}/resume",
    "POST /v1/vms/{id}/clone",
    "POST /v1/vms/{id}/snapshot",
    "GET /v1/snapshots",
    "GET /v1/users/me",
    "POST /execute",
    "POST /execute_async",
    "GET /v1/executions/{id}",
    "POST /kill",
    "POST /upload",
    "POST /download",
)


def errors(problem: Problem, switches: Switches) -> tuple[int, Document]:
    return problem.status, fastapi_detail(problem)


def own_account(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
    return Scope(caller.home)


def make(draw: Draw) -> Document:
    """One VM as page 002 shows it; instants have no offset there."""
    status, started, now = draw.column("status"), draw.created, draw.epoch
    age = (now - started) // SECOND
    lifetime = draw.pick("lifetime", (300, 1_800, 3_600, 4 * 3_600, 24 * 3_600))
    end: int | None = None
    if status == "active":
        longer = [each for each in (300, 1_800, 3_600, 4 * 3_600, 24 * 3_600) if each > age]
        if longer and draw.chance("ends", 70):
            end = started + draw.pick("ends after", longer) * SECOND
    elif status == "killed":
        end = started + min(age, lifetime, draw.between("ran", 5, lifetime)) * SECOND
    snapshot = (
        f"snap-{draw.word('snapshot', 'services')}-{draw.between('build', 1, 9)}"
        if draw.chance("snapshot", 60)
        else None
    )
    document = {
        "sandbox_id": draw.identity(lambda each: f"vmid-{each.letters('vm', 8)}-{each.between('host', 1, 64)}"),
        "template_id": snapshot,
        "name": snapshot or "default",
        "metadata": draw.column("metadata"),
        "started_at": naive(started),
        "end_at": None if end is None else naive(end),
        "status": status,
    }
    if status == "suspended" and draw.chance("early record", 10):
        # Early records lack the two fields that the page does not require, so no template has named them.
        del document["template_id"], document["end_at"]
        document["name"] = "default"
    return document


def end_of(document: Document, kept: Document, since: int) -> int | None:
    """When a VM's time is up."""
    end = document.get("end_at")
    return None if end is None else on_clock(end, kept)


MACHINE = Machine(
    "status",
    (
        Transition("ready", ("creating",), "active", seconds=READY_SECONDS),
        Transition("time is up", ("active",), "killed", due=end_of),
    ),
)


PROVIDER = Provider(
    slug="instavm",
    spec=resource("openapi/instavm.yaml"),
    recipe=resource("fixtures/instavm.yaml"),
    errors=errors,
    unserved=UNSERVED,
    operations={
        "listSandboxes": Listing(
            tenant=own_account,
            filters=(Containing("metadata", field="metadata"),),
            pages=Pages(First()),
        ),
    },
    make=make,
    machine=MACHINE,
    reading=Reading(numbers="pydantic"),
    routing=STARLETTE,
    created="started_at",
    identity="sandbox_id",
    default_tenant="main",
    try_path="/v1/sessions/sandboxes?limit=2",
    sdk={"INSTAVM_BASE_URL": "{base_url}", "INSTAVM_API_KEY": "{key}"},
    sdk_note="The command line reads these; the library reads none: "
    "InstaVM({key!r}, base_url={base_url!r}, auto_start_session=False), since a session would be a sandbox that runs",
)
