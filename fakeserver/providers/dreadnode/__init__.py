"""Dreadnode: an org's sandboxes by cursor, and their facets (reference pages 000 and 001)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fakeserver.provider import (
    SECOND,
    STARLETTE,
    AnyOf,
    Caller,
    Choice,
    Collection,
    Cursor,
    Document,
    Draw,
    Envelope,
    Equal,
    Extras,
    Facet,
    Facets,
    Listing,
    Machine,
    Moment,
    Pages,
    Problem,
    Provider,
    Reading,
    Scope,
    Switches,
    Transition,
    at,
    forbidden,
    instant,
    issue_rows,
    not_found,
    on_clock,
    unserved,
)
from fakeserver.resources import resource

TYPES = {
    "invalid": "validation_error",
    "unauthenticated": "authentication_error",
    "forbidden": "forbidden_error",
    "not_found": "not_found_error",
    "internal": "server_error",
    "unserved": "server_error",
}
PAUSING = "e2b"
"""The compute provider whose sandboxes can be paused."""
CREDIT_SECONDS = 18
"""A thousand credits buy about five hours (Observed: the SDK's documentation)."""
BILLING_SECONDS = 600
MOMENTS = ("created_at", "last_started_at", "last_credit_deduction_at", "stopped_at", "killed_at")
"""What changes a sandbox."""
ROLES = ("agent", "environment")
TASKS = ("web-login-bypass", "log-triage", "binary-patch", "report-summary", "dns-exfiltration")
MODELS = ("openai/gpt-4.1", "anthropic/claude-sonnet-4", "meta/llama-3.3-70b")
CURSOR_LIFE = 24 * 3600 * SECOND
"""Assumed: a cursor may be used for a day."""


UNSERVED = unserved(
    "dreadnode 2.0.51",
    "GET /api/v1/org/{org}/sandboxes/usage",
    "GET /api/v1/org/{org}/sandboxes/{provider_sandbox_id}",
    "DELETE /api/v1/org/{org}/sandboxes/{provider_sandbox_id}",
    "GET /api/v1/org/{org}/sandboxes/{provider_sandbox_id}/logs",
    "GET /api/v1/org/{org}/ws/{workspace}/runtimes",
    "POST /api/v1/org/{org}/ws/{workspace}/runtimes",
    "GET /api/v1/org/{org}/ws/{workspace}/runtimes/{id}",
    "GET /api/v1/org/{org}/ws/{workspace}/runtimes/{id}/config",
    "PUT /api/v1/org/{org}/ws/{workspace}/runtimes/{id}/config",
    "POST /api/v1/org/{org}/ws/{workspace}/runtimes/{id}/start",
    "POST /api/v1/org/{org}/ws/{workspace}/runtimes/{id}/pause",
    "POST /api/v1/org/{org}/ws/{workspace}/runtimes/{id}/resume",
    "POST /api/v1/org/{org}/ws/{workspace}/runtimes/{id}/reset",
    "POST /api/v1/org/{org}/ws/{workspace}/runtimes/{id}/keepalive",
    "GET /api/v1/org/{org}/ws/{workspace}/environments",
    "POST /api/v1/org/{org}/ws/{workspace}/environments",
    "GET /api/v1/org/{org}/ws/{workspace}/environments/{id}",
    "DELETE /api/v1/org/{org}/ws/{workspace}/environments/{id}",
    "GET /api/v1/org/{org}/ws/{workspace}/environments/{id}/status",
    "GET /api/v1/org/{org}/ws/{workspace}/environments/{id}/logs",
    "POST /api/v1/org/{org}/ws/{workspace}/environments/{id}/execute",
)


def errors(problem: Problem, switches: Switches) -> tuple[int, Document]:
    body: Document = {
        "code": problem.status,
        "type": TYPES.get(problem.kind, "invalid_error"),
        "detail": problem.detail,
    }
    if problem.kind == "invalid":
        body |= {"detail": "Validation error", "errors": issue_rows(problem)}
    return problem.status, body


def member_of_org(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
    """Assumed: an admin sees every sandbox of the org, a member their own; under `ADMIN_SEES_OWN` everybody does."""
    org = values["org"]
    if org not in tenants:
        raise not_found("Organization not found")
    if org not in caller.tenants:
        raise forbidden("You are not a member of this organization")
    return Scope(org, None if caller.administers(org) else caller.user)


def observed(document: Document) -> Document:
    """What the screen of dreadnode 2.0.51 reads of a row and no page has. Assumed: all values, and that a sandbox which
    is of no task and no evaluation was made for nothing in particular."""
    chance = blake2b(document["id"].encode(), digest_size=4).digest()
    key, kind = document.get("project_key") or "default", document["sandbox_kind"]
    context: Document | None = None
    if kind in ("task", "evaluation"):
        evaluation = f"{key}-nightly" if kind == "evaluation" else None
        context = {
            "kind": kind,
            "evaluation_name": evaluation,
            "evaluation_id": evaluation and str(uuid5(NAMESPACE_URL, evaluation)),
            "evaluation_item_position": chance[0] if evaluation else None,
            "sandbox_role": ROLES[chance[1] % len(ROLES)],
            "task_name": TASKS[chance[2] % len(TASKS)],
            "model": MODELS[chance[3] % len(MODELS)],
            "agent_type": "tool-calling" if chance[3] % 2 else "react",
        }
    return {"workload_context": context, "updated_at": max(filter(None, map(document.get, MOMENTS)), key=instant)}


def project_of(document: Document) -> Document:
    return {name: document.get(name) for name in ("project_id", "project_key", "project_name")}


def account(earlier: int, started: int, until: int, *, running: bool) -> Document:
    """Runtime and credits of a sandbox whose session began at `started`; credits are deducted every ten minutes and
    at the end of a session."""
    session = (until - started) // SECOND
    settled = session // BILLING_SECONDS * BILLING_SECONDS if running else session
    billed = (earlier + settled) // CREDIT_SECONDS
    total = (earlier + session) // CREDIT_SECONDS
    return {
        "total_runtime_seconds": earlier + session,
        "billed_credits": billed,
        "running_credits": total - billed,
        "estimated_total_credits": total,
        "last_credit_deduction_at": at(started + settled * SECOND) if billed else None,
    }


def meter(document: Document, then: int, now: int) -> Document:
    """A running sandbox costs credits."""
    return {**document, **account_of(document, then, now, running=True)}


def account_of(document: Document, then: int, now: int, *, running: bool) -> Document:
    """The account of a sandbox at `now` whose figures were right `then`."""
    started_at = document.get("last_started_at")
    if started_at is None:
        return {}
    started = instant(started_at)
    earlier = max(0, document["total_runtime_seconds"] - max(0, then - started) // SECOND)
    return account(earlier, started, now, running=running)


def expiry(document: Document, kept: Document, since: int) -> int | None:
    """When a sandbox that was ever started expires."""
    expires = document.get("expires_at")
    return None if expires is None or document.get("last_started_at") is None else on_clock(expires, kept)


def expiry_to_pause(document: Document, kept: Document, since: int) -> int | None:
    return expiry(document, kept, since) if document["provider"] == PAUSING else None


def expiry_to_kill(document: Document, kept: Document, since: int) -> int | None:
    return None if document["provider"] == PAUSING else expiry(document, kept, since)


def stop(moment: Moment) -> Document:
    account = account_of(moment.document, moment.now, moment.now, running=False)
    return {**account, "stopped_at": at(moment.now)}


def time_out(moment: Moment) -> Document:
    return {**stop(moment), "pause_reason": "timeout"}


def kill(moment: Moment) -> Document:
    return {**stop(moment), "killed_at": at(moment.now)}


MACHINE = Machine(
    "state",
    (
        Transition("expire", ("running",), "paused", time_out, due=expiry_to_pause, note="on e2b"),
        Transition("expire", ("running",), "killed", kill, due=expiry_to_kill, note="elsewhere"),
    ),
    meters={"running": meter},
)


def make(draw: Draw) -> Document:
    """One sandbox as page 000 shows it."""
    state, now, created = draw.column("state"), draw.epoch, draw.created
    age = (now - created) // SECOND
    lifetime = draw.pick("lifetime", (3_600, 4 * 3_600, 24 * 3_600, 72 * 3_600))
    boot = min(age, draw.between("boot", 2, 20))
    started, earlier = created + boot * SECOND, 0
    if state == "running" and age - boot >= lifetime:
        # A sandbox that outlived its lifetime was paused in between, and started again.
        started = now - draw.between("resumed", 60, lifetime - 60) * SECOND
        earlier = draw.between("earlier", 60, lifetime // 2)
    session = (now - started) // SECOND
    if state != "running":
        session = min(session, lifetime, draw.between("session", 30, lifetime))
    never_started = state == "killed" and draw.chance("boot failed", 3)
    stopped = started if never_started else started + session * SECOND
    unlimited = draw.chance("unlimited", 6)
    project_id = draw.column("project_id")
    project: Document = next((each for each in draw.vocabularies["projects"] if each["id"] == project_id), {})
    workspace: Document = draw.word("workspace", "workspaces") if draw.chance("in a workspace", 85) else {}
    reasons = (
        "timeout",
        "timeout",
        "timeout",
        "user",
        "user",
        "insufficient_credits",
        "member_limit_exceeded",
    )
    document = {
        "id": draw.identity(lambda each: each.uuid("id")),
        "provider": "e2b"
        if state == "paused"
        else draw.pick("provider", ("e2b", "e2b", "e2b", "docker", "opensandbox")),
        "provider_sandbox_id": draw.reference(lambda each: "i" + each.letters("provider_sandbox_id", 20)),
        "sandbox_kind": draw.pick(
            "sandbox_kind", ("runtime", "runtime", "runtime", "task", "task", "evaluation", "world")
        ),
        "state": state,
        "pause_reason": draw.pick("pause_reason", reasons) if state == "paused" else None,
        "build_id": draw.uuid("build_id"),
        "build_ref": f"{draw.word('build_ref', 'builds')}:{draw.hex('build', 7)}" if draw.chance("built", 80) else None,
        "project_id": project_id,
        "project_key": project.get("key"),
        "project_name": project.get("name"),
        "workspace_id": workspace.get("id"),
        "workspace_key": workspace.get("key"),
        "created_at": at(created),
        "last_started_at": None if never_started else at(started),
        "expires_at": None if unlimited or never_started else at(started + lifetime * SECOND),
        "stopped_at": None if state == "running" else at(stopped),
        "killed_at": at(stopped) if state == "killed" else None,
        **account(earlier, started, stopped, running=state == "running"),
    }
    if state == "killed" and project_id is None and draw.chance("before the ledger", 20):
        # Records from before the credit ledger lack every field that the page does not require.
        return {name: document[name] for name in REQUIRED}
    return document


REQUIRED = (
    "id", "provider", "provider_sandbox_id", "sandbox_kind", "state", "build_id",
    "workspace_key", "created_at", "killed_at", "total_runtime_seconds",
)  # fmt: skip

EXTRAS = Extras(Choice("fields", "sdk"), ("workload_context", "updated_at"), observed)
ADMIN_SEES_OWN = Choice("admin_sees", "own")
FILTERS = (AnyOf("state", field="state"), Equal("project_id", field="project_id"))

PROVIDER = Provider(
    slug="dreadnode",
    spec=resource("openapi/dreadnode.yaml"),
    recipe=resource("fixtures/dreadnode.yaml"),
    errors=errors,
    unserved=UNSERVED,
    operations={
        "listSandboxes": Listing(
            tenant=member_of_org,
            path=("org",),
            filters=FILTERS,
            personal=ADMIN_SEES_OWN,
            extras=EXTRAS,
            pages=Pages(Cursor(life=CURSOR_LIFE), Envelope("items", {"next_cursor": "next"})),
        ),
        "getSandboxFacets": Facets(
            tenant=member_of_org,
            path=("org",),
            filters=FILTERS,
            personal=ADMIN_SEES_OWN,
            facets={
                "projects": Facet("project_id", bucket=project_of, tie="project_key"),
                "states": Facet("state", bucket=lambda document: {"value": document["state"]}, tie="value"),
            },
        ),
    },
    make=make,
    machine=MACHINE,
    switches={"admin_sees": ("org", "own"), "fields": ("page", "sdk")},
    reading=Reading(numbers="pydantic", uuids="pydantic"),
    routing=STARLETTE,
    created="created_at",
    identity="id",
    default_tenant="acme",
    try_path="/api/v1/org/acme/sandboxes?state=running&limit=2",
    sdk={
        "DREADNODE_SERVER": "{base_url}",
        "DREADNODE_API_KEY": "{key}",
        "DREADNODE_ORGANIZATION": "{tenant}",
    },
)
