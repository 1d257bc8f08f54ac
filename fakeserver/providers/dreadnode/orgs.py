"""What Dreadnode's command line asks first: who is calling, and in which organization, workspace and project.

All of it follows from the recipe: its callers, its vocabularies `workspaces` and `projects`, and the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from fakeserver.provider import (
    SECOND,
    Asked,
    Caller,
    Choice,
    Collection,
    Document,
    Json,
    Result,
    Scope,
    View,
    at,
    forbidden,
    itself,
    named_uuid,
    not_found,
)
from fakeserver.providers.dreadnode.states import DEFAULT_SECONDS

PLATFORM_MAX_SECONDS = 72 * 3_600
PLATFORM_DEFAULT_SECONDS = DEFAULT_SECONDS
"""Observed: documentation inside dreadnode SDK 2.0.51, sandboxes start with a window of one hour. Assumed: the longest
that an organization may have is that of the longest seeded sandboxes."""
FOUNDED_SECONDS = 2 * 365 * 86_400
"""Assumed: how long before the world's epoch organizations, workspaces and projects were made; no row is older."""
MAX_FOREIGN_PROJECTS = 100
"""Projects that are listed although they stand in rows alone."""
RUNTIMES, ENVIRONMENTS = "runtimes", "environments"
"""The kinds of documents beside sandboxes."""
ADMIN_SEES_OWN = Choice("admin_sees", "own")


def member_of_org(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
    """Assumed: an admin sees every sandbox of the org, a member their own; under `ADMIN_SEES_OWN` everybody does."""
    org = values["org"]
    if org not in tenants:
        raise not_found("Organization not found")
    if org not in caller.tenants:
        raise forbidden("You are not a member of this organization")
    return Scope(org, None if caller.administers(org) else caller.user)


def scope_of(asked: Asked, view: View) -> Scope:
    """Whose sandboxes the caller may see in the organization that is asked for."""
    scope = member_of_org(view.caller, asked.values, view.tenants)
    return Scope(scope.tenant, view.caller.user) if ADMIN_SEES_OWN.is_made(view.switches) else scope


def dated(view: View) -> Document:
    founded = at(view.issuer.epoch - FOUNDED_SECONDS * SECOND)
    return {"created_at": founded, "updated_at": founded}


def titled(key: str) -> str:
    return key.replace("-", " ").title()


def org_id(org: str) -> str:
    return named_uuid(f"dreadnode/{org}")


def user_of(view: View) -> Document:
    """Assumed: all but the id, which is that of the rows."""
    caller = view.caller
    return {
        "id": caller.user,
        "email_address": f"{caller.name}@{caller.home}.example",
        "username": caller.name,
        "first_name": None,
        "last_name": None,
        "full_name": titled(caller.name),
        "onboarding_complete": True,
        "email_opt_in": False,
        "is_platform_admin": False,
        "features": [],
        "groups": [],
        "teams": [],
        "limits": None,
    }


def organization_of(view: View, org: str) -> Document:
    """Observed: dreadnode SDK 2.0.51, the fields. Assumed: all values."""
    return {
        "id": org_id(org),
        "name": titled(org),
        "key": org,
        "description": None,
        "is_active": True,
        "allow_external_invites": False,
        "max_sandbox_runtime_seconds": PLATFORM_MAX_SECONDS,
        "effective_max_sandbox_runtime_seconds": PLATFORM_MAX_SECONDS,
        "max_sandbox_runtime_source_level": "l2_org_max",
        "default_sandbox_runtime_seconds": None,
        "effective_default_sandbox_runtime_seconds": PLATFORM_DEFAULT_SECONDS,
        "default_sandbox_runtime_source_level": "l1_platform_default",
        "platform_max_sandbox_runtime_seconds": PLATFORM_MAX_SECONDS,
        "platform_default_sandbox_runtime_seconds": PLATFORM_DEFAULT_SECONDS,
        "can_manage_members": view.caller.administers(org),
        "plan_type": "enterprise",
        **dated(view),
    }


# Workspaces and projects


def workspaces_in(words: Mapping[str, list[Json]]) -> list[Json]:
    """The vocabulary's, each with id and key. Assumed: every organization has them all; the first is its default."""
    return words.get("workspaces", [])


def workspace_of(index: int, words: Mapping[str, list[Json]]) -> Document:
    """The workspace of the project that stands in this place of the vocabulary."""
    workspaces = workspaces_in(words)
    found: Document = workspaces[index % len(workspaces)] if workspaces else {}
    return found


class Place(NamedTuple):
    """An organization, and one of its workspaces with id and key."""

    org: str
    workspace: Document


def place_of(asked: Asked, view: View) -> Place:
    """The workspace that a path names. Assumed: every member of an organization is in all of its workspaces."""
    org = member_of_org(view.caller, asked.values, view.tenants).tenant
    return Place(org, named(workspaces_in(view.words), asked.values["workspace"], "Workspace"))


def projects_of(view: View, org: str) -> Iterator[Document]:
    """Every project with id, key, name and the id of its workspace: those of the vocabulary, dealt out to the
    workspaces, and behind them those that only rows know."""
    words: list[Json] = view.words.get("projects", [])
    for index, each in enumerate(words):
        yield {**each, "workspace_id": workspace_of(index, view.words).get("id")}
    yield from foreign_projects(view, org, {each["id"] for each in words})


def foreign_projects(view: View, org: str, known: set[str]) -> Iterator[Document]:
    """Projects that stand in rows and not in the vocabulary."""
    collection = view.tenants[org]
    foreign = (
        ranks[0]
        for project, ranks in collection.postings("project_id", itself).items()
        if ranks and project is not None and project not in known
    )
    for rank in islice(foreign, MAX_FOREIGN_PROJECTS):
        row = collection.document(rank)
        project = row["project_id"]
        key = row.get("project_key") or project
        workspace = row.get("workspace_id") or workspace_of(0, view.words).get("id")
        yield {"id": project, "key": key, "name": row.get("project_name") or key, "workspace_id": workspace}


def projects_in(view: View, place: Place) -> Iterator[Document]:
    """Those of a workspace. Assumed: the first is its default."""
    return (each for each in projects_of(view, place.org) if each["workspace_id"] == place.workspace["id"])


def find_project(view: View, place: Place, text: str) -> Document:
    return named(projects_in(view, place), text, "Project")


def named(found: Iterable[Document], text: str, what: str) -> Document:
    """The one with this key or id."""
    for each in found:
        if text == each["key"] or text.lower() == each["id"]:
            return each
    raise not_found(f"{what} not found")


# As they are shown


def show_workspace(view: View, org: str, workspace: Document) -> Document:
    """Observed: dreadnode SDK 2.0.51, the fields."""
    return {
        "id": workspace["id"],
        "key": workspace["key"],
        "name": titled(workspace["key"]),
        "description": None,
        "created_by": None,
        "org_id": org_id(org),
        "org_name": titled(org),
        "is_active": True,
        "is_default": workspace == workspace_of(0, view.words),
        "project_count": sum(1 for _ in projects_in(view, Place(org, workspace))),
        **dated(view),
    }


def show_project(view: View, org: str, project: Document, *, default: bool) -> Document:
    """Observed: dreadnode SDK 2.0.51, the fields. What is counted is that of the whole organization."""
    counted = {
        kind: len(collection.filed("project_id", itself, project["id"]))
        for kind, collection in (("sandboxes", view.tenants[org]), (RUNTIMES, view.kinds(RUNTIMES)[org]))
    }
    return {
        "id": project["id"],
        "key": project["key"],
        "name": project["name"],
        "description": None,
        "workspace_id": project["workspace_id"],
        "is_default": default,
        "runtime_count": counted[RUNTIMES],
        "resource_counts": {
            "sessions": 0,
            "sandboxes": counted["sandboxes"],
            "evaluations": 0,
            "airt_assessments": 0,
        },
        **dated(view),
    }


# Operations


def get_user(asked: Asked, view: View) -> Result:
    return Result(200, user_of(view))


def list_organizations(asked: Asked, view: View) -> Result:
    return Result(200, [organization_of(view, org) for org in view.caller.tenants if org in view.tenants])


def get_organization(asked: Asked, view: View) -> Result:
    org = member_of_org(view.caller, asked.values, view.tenants).tenant
    return Result(200, organization_of(view, org))


def list_workspaces(asked: Asked, view: View) -> Result:
    org = member_of_org(view.caller, asked.values, view.tenants).tenant
    return Result(200, [show_workspace(view, org, each) for each in workspaces_in(view.words)])


def get_workspace(asked: Asked, view: View) -> Result:
    return Result(200, show_workspace(view, *place_of(asked, view)))


def list_projects(asked: Asked, view: View) -> Result:
    place = place_of(asked, view)
    found = [*projects_in(view, place)]
    return Result(200, [show_project(view, place.org, each, default=each is found[0]) for each in found])


def get_project(asked: Asked, view: View) -> Result:
    place = place_of(asked, view)
    found = [*projects_in(view, place)]
    project = named(found, asked.values["project"], "Project")
    return Result(200, show_project(view, place.org, project, default=project is found[0]))
