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
    Pages,
    Problem,
    Provider,
    Reading,
    Sample,
    Scope,
    Switches,
    fastapi_detail,
    naive,
)
from fakeserver.providers.instavm import commands, files, sessions, snapshots, vms
from fakeserver.providers.instavm.commands import EXECUTION_KIND, EXECUTIONS
from fakeserver.providers.instavm.elsewhere import UNSERVED
from fakeserver.providers.instavm.records import SESSION_KIND, SESSIONS, first_vm
from fakeserver.providers.instavm.snapshots import BUILDS, SNAPSHOT, SNAPSHOT_KIND, name_of
from fakeserver.providers.instavm.states import MACHINE
from fakeserver.resources import resource


def errors(problem: Problem, switches: Switches) -> tuple[int, Document]:
    return problem.status, fastapi_detail(problem)


def own_account(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
    return Scope(caller.home)


def make_id(draw: Draw) -> str:
    return f"vmid-{draw.letters('vm', 8)}-{draw.between('host', 1, 64)}"


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
        name_of(draw.word("snapshot", "services"), draw.between("build", 1, BUILDS))
        if draw.chance("snapshot", 60)
        else None
    )
    document = {
        "sandbox_id": draw.identity(make_id),
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
        **sessions.OPERATIONS,
        **vms.OPERATIONS,
        **snapshots.OPERATIONS,
        **commands.OPERATIONS,
        **files.OPERATIONS,
    },
    make=make,
    machine=MACHINE,
    also_called=first_vm,
    kinds={SESSIONS: SESSION_KIND, SNAPSHOT: SNAPSHOT_KIND, EXECUTIONS: EXECUTION_KIND},
    reading=Reading(numbers="pydantic"),
    routing=STARLETTE,
    created="started_at",
    identity="sandbox_id",
    default_tenant="main",
    try_path="/v1/sessions/sandboxes?limit=2",
    samples={
        "listSandboxes": Sample(
            "from instavm import InstaVM\n"
            "\n"
            'client = InstaVM("{key}", base_url="{base_url}", auto_start_session=False)\n'
            "print(client.list_sandboxes({arguments}, ))\n",
            {"metadata": "metadata", "limit": "limit"},
            lists=(),
        )
    },
    sdk={"INSTAVM_BASE_URL": "{base_url}", "INSTAVM_API_KEY": "{key}"},
    sdk_note="The command line reads these; the library reads none: "
    "InstaVM({key!r}, base_url={base_url!r}), which starts a session; auto_start_session=False keeps it from that",
    domains=("instavm.io",),
)
