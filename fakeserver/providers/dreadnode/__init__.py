"""Dreadnode: an org's sandboxes by cursor, and their facets (reference pages 000 and 001); and what its SDK and command
line do with them, with runtimes and with environments."""

from __future__ import annotations

from fakeserver.provider import (
    SECOND,
    STARLETTE,
    AnyOf,
    Call,
    Choice,
    Cursor,
    Document,
    Draw,
    Envelope,
    Equal,
    Extras,
    Facet,
    Facets,
    Json,
    Kind,
    Listing,
    Pages,
    Problem,
    Provider,
    Reading,
    Sample,
    Switches,
    at,
    issue_rows,
)
from fakeserver.providers.dreadnode import environments, orgs, runtimes, sandboxes
from fakeserver.providers.dreadnode.elsewhere import UNSERVED
from fakeserver.providers.dreadnode.orgs import ADMIN_SEES_OWN, ENVIRONMENTS, RUNTIMES, member_of_org, workspace_of
from fakeserver.providers.dreadnode.runtimes import CURSOR_LIFE
from fakeserver.providers.dreadnode.states import ENVIRONMENT, MACHINE, account
from fakeserver.resources import resource

TYPES = {
    "invalid": "validation_error",
    "unauthenticated": "authentication_error",
    "forbidden": "forbidden_error",
    "not_found": "not_found_error",
    "conflict": "conflict_error",
    "exists": "already_exists_error",
    "internal": "server_error",
    "unserved": "server_error",
}


def errors(problem: Problem, switches: Switches) -> tuple[int, Document]:
    body: Document = {
        "code": problem.status,
        "type": TYPES.get(problem.kind, "invalid_error"),
        "detail": problem.detail,
    }
    if problem.kind == "invalid":
        body |= {"detail": "Validation error", "errors": issue_rows(problem)}
    return problem.status, body


def project_of(document: Document) -> Document:
    return {name: document.get(name) for name in ("project_id", "project_key", "project_name")}


def draw_place(draw: Draw, project_id: Json) -> tuple[Document, Document]:
    """A project with its workspace; without a project, a workspace or none."""
    for index, each in enumerate(draw.vocabularies["projects"]):
        if isinstance(each, dict) and each["id"] == project_id:
            return each, workspace_of(index, draw.vocabularies)
    return {}, draw.word("workspace", "workspaces") if draw.chance("in a workspace", 85) else {}


def make_id(draw: Draw) -> str:
    return draw.uuid("id")


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
        earlier = min(draw.between("earlier", 60, lifetime // 2), (started - created) // SECOND - boot)
    session = (now - started) // SECOND
    if state != "running":
        session = min(session, lifetime, draw.between("session", 30, lifetime))
    never_started = state == "killed" and draw.chance("boot failed", 3)
    stopped = started if never_started else started + session * SECOND
    unlimited = draw.chance("unlimited", 6)
    project_id = draw.column("project_id")
    project, workspace = draw_place(draw, project_id)
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
        "id": draw.identity(make_id),
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

EXTRAS = Extras(Choice("fields", "sdk"), ("workload_context", "updated_at"), sandboxes.observed)
FILTERS = (AnyOf("state", field="state"), Equal("project_id", field="project_id"))

POLL_SECONDS = 1
"""Observed: dreadnode SDK 2.0.51, the least that it waits between two looks at an environment."""
IN_ORG = ("org",)
SANDBOX = (*IN_ORG, "provider_sandbox_id")
IN_WORKSPACE = (*IN_ORG, "workspace")
RUNTIME = (*IN_WORKSPACE, "runtime_id")
ENVIRONMENT_PATH = (*IN_WORKSPACE, "environment_id")
OPERATIONS = {
    "getUser": Call(orgs.get_user),
    "listUserOrganizations": Call(orgs.list_organizations),
    "getOrganization": Call(orgs.get_organization, IN_ORG),
    "listWorkspaces": Call(orgs.list_workspaces, IN_ORG),
    "getWorkspace": Call(orgs.get_workspace, IN_WORKSPACE),
    "listProjects": Call(orgs.list_projects, IN_WORKSPACE),
    "getProject": Call(orgs.get_project, (*IN_WORKSPACE, "project")),
    "getSandboxUsage": Call(sandboxes.get_usage, IN_ORG, choices=(ADMIN_SEES_OWN,)),
    "getSandbox": Call(sandboxes.get_sandbox, SANDBOX, choices=(ADMIN_SEES_OWN,)),
    "getSandboxLogs": Call(sandboxes.get_logs, SANDBOX, choices=(ADMIN_SEES_OWN,)),
    "deleteSandbox": Call(sandboxes.delete_sandbox, SANDBOX, choices=(ADMIN_SEES_OWN,)),
    "listRuntimes": Call(runtimes.list_runtimes, (*IN_WORKSPACE, "state", "project_id", "owner", "limit", "cursor")),
    "ensureRuntime": Call(runtimes.ensure_runtime, IN_WORKSPACE, body=True),
    "getRuntime": Call(runtimes.get_runtime, RUNTIME),
    "getRuntimeConfig": Call(runtimes.get_config, RUNTIME),
    "updateRuntimeConfig": Call(runtimes.put_config, RUNTIME, body=True),
    "startRuntime": Call(runtimes.start_runtime, RUNTIME, body=True),
    "pauseRuntime": Call(runtimes.pause_runtime, RUNTIME),
    "resumeRuntime": Call(runtimes.resume_runtime, RUNTIME),
    "resetRuntime": Call(runtimes.reset_runtime, RUNTIME),
    "keepaliveRuntime": Call(runtimes.keep_alive, RUNTIME, body=True),
    "listEnvironments": Call(environments.list_environments, (*IN_WORKSPACE, "state", "page", "limit")),
    "createEnvironment": Call(environments.create_environment, IN_WORKSPACE, body=True, outcomes=ENVIRONMENT.outcomes),
    "getEnvironment": Call(environments.get_environment, ENVIRONMENT_PATH),
    "getEnvironmentStatus": Call(environments.get_status, ENVIRONMENT_PATH, poll_seconds=POLL_SECONDS),
    "getEnvironmentLogs": Call(environments.get_logs, ENVIRONMENT_PATH),
    "executeInEnvironment": Call(environments.execute, ENVIRONMENT_PATH, body=True, heads=("X-Environment-Token",)),
    "deleteEnvironment": Call(environments.delete_environment, ENVIRONMENT_PATH),
}

PROVIDER = Provider(
    slug="dreadnode",
    spec=resource("openapi/dreadnode.yaml"),
    recipe=resource("fixtures/dreadnode.yaml"),
    errors=errors,
    operations={
        **OPERATIONS,
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
    kinds={
        RUNTIMES: Kind("created_at", "id", schema="Runtime", files=sandboxes.held),
        ENVIRONMENTS: Kind("created_at", "id", ENVIRONMENT, schema="Environment", files=sandboxes.held),
    },
    switches={"admin_sees": ("org", "own"), "fields": ("page", "sdk")},
    reading=Reading(numbers="pydantic", uuids="pydantic"),
    routing=STARLETTE,
    created="created_at",
    identity="id",
    default_tenant="acme",
    try_path="/api/v1/org/acme/sandboxes?state=running&limit=2",
    samples={
        "listSandboxes": Sample(
            "from dreadnode.app.api.client import ApiClient\n"
            "\n"
            'client = ApiClient("{base_url}", api_key="{key}")\n'
            "print(client.list_sandboxes({arguments}, ))\n",
            {"org": "", "state": "state", "project_id": "project_id", "limit": "limit", "cursor": "cursor"},
            lists=("state",),
        )
    },
    sdk={
        "DREADNODE_SERVER": "{base_url}",
        "DREADNODE_API_KEY": "{key}",
        "DREADNODE_ORGANIZATION": "{tenant}",
    },
    domains=("dreadnode.io",),
    unserved=UNSERVED,
)
