"""Dreadnode's sandboxes one by one, by their provider's id: what they are, say, use up, and how they end."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from itertools import islice, takewhile

from fakeserver.provider import (
    SECOND,
    Asked,
    Collection,
    Document,
    Life,
    Record,
    Result,
    View,
    at,
    begin,
    find_record,
    fire,
    instant,
    mint,
    named_uuid,
    not_found,
)
from fakeserver.providers.dreadnode.orgs import ENVIRONMENTS, PLATFORM_DEFAULT_SECONDS, Place, scope_of
from fakeserver.providers.dreadnode.states import ENVIRONMENT, ENVIRONMENT_STATES, MACHINE, account

MOMENTS = ("created_at", "last_started_at", "last_credit_deduction_at", "stopped_at", "killed_at")
"""What changes a sandbox."""
ROLES = ("agent", "environment")
TASKS = ("web-login-bypass", "log-triage", "binary-patch", "report-summary", "dns-exfiltration")
MODELS = ("openai/gpt-4.1", "anthropic/claude-sonnet-4", "meta/llama-3.3-70b")
OF_TASK = "task/"
"""How the build of an environment's sandbox is called, before its task."""
SECONDS = "total_runtime_seconds"
MOST_SUMMED = 1_000
"""Sandboxes that a request reads: a world of the usual size has fewer."""
MOST_SECONDS = 2**63 - 1
"""A larger number cannot be sent."""


def observed(document: Document) -> Document:
    """What the screen of dreadnode 2.0.51 reads of a row and no page has. Assumed: all values, and that a sandbox which
    is of no task and no evaluation was made for nothing in particular."""
    return {"workload_context": workload_of(document), "updated_at": changed_at(document)}


def held(life: Life) -> str:
    """The sandbox that a runtime or an environment has, or had as the last one."""
    sandbox: str = life.kept.get("sandbox", "")
    return sandbox


def changed_at(document: Document) -> str:
    latest: str = max(filter(None, map(document.get, MOMENTS)), key=instant)
    return latest


def workload_of(document: Document) -> Document | None:
    chance = sha256(document["id"].encode()).digest()
    key, kind = document.get("project_key") or "default", document["sandbox_kind"]
    if kind not in ("task", "evaluation"):
        return None
    evaluation = f"{key}-nightly" if kind == "evaluation" else None
    build = document.get("build_ref") or ""
    own = build.startswith(OF_TASK)
    return {
        "kind": kind,
        "evaluation_name": evaluation,
        "evaluation_id": evaluation and named_uuid(evaluation),
        "evaluation_item_position": chance[0] if evaluation else None,
        "sandbox_role": "environment" if own else ROLES[chance[1] % len(ROLES)],
        "task_name": build.removeprefix(OF_TASK) if own else TASKS[chance[2] % len(TASKS)],
        "model": None if own else MODELS[chance[3] % len(MODELS)],
        "agent_type": None if own else "tool-calling" if chance[3] % 2 else "react",
    }


def limits_of(record: Record) -> Document:
    """Observed: documentation inside dreadnode SDK 2.0.51, the fields and the levels. Assumed: a seeded sandbox was
    asked to last as long as it does, unless that is what everybody gets."""
    document, kept = record.document, record.kept
    limit, requested = kept.get("limit"), kept.get("requested")
    started, expires = document.get("last_started_at"), document.get("expires_at")
    if limit is None and started and expires:
        limit = (instant(expires) - instant(started)) // SECOND
        requested = None if limit == PLATFORM_DEFAULT_SECONDS else limit
    level = "l1_platform_default" if requested is None else "l4_requested"
    return {
        "requested_runtime_limit_seconds": requested,
        "requested_runtime_limit_source_level": None if requested is None else level,
        "configured_runtime_limit_seconds": limit,
        "configured_runtime_limit_source_level": None if limit is None else level,
    }


# What other operations do with them


def new_sandbox(place: Place, view: View, made_for: Document) -> Record:
    """A sandbox that runs from now on. `made_for` has what it is made for: `project` (with id, key and name, or
    None), `provider`, `kind`, `build`, and in `kept` what is kept of it, with its `limit` in seconds."""
    ids, now, project = mint(view, place.org, "sandbox"), view.now, made_for["project"] or {}
    document = {
        "id": ids.uuid("id"),
        "provider": made_for["provider"],
        "provider_sandbox_id": "i" + ids.letters("provider_sandbox_id", 20),
        "sandbox_kind": made_for["kind"],
        "state": "running",
        "pause_reason": None,
        "build_id": named_uuid(made_for["build"]),
        "build_ref": made_for["build"],
        "project_id": project.get("id"),
        "project_key": project.get("key"),
        "project_name": project.get("name"),
        "workspace_id": place.workspace["id"],
        "workspace_key": place.workspace["key"],
        "created_at": at(now),
        "last_started_at": at(now),
        "expires_at": at(now + made_for["kept"]["limit"] * SECOND),
        "stopped_at": None,
        "killed_at": None,
        **account(0, now, now, running=True),
    }
    record = Record(Life(document, made_for["kept"]), view.caller.user, place.org, document["id"])
    return begin(record, MACHINE, view).stored or record


def end(record: Record, view: View) -> list[Record]:
    """A sandbox is killed, and with it the environment that it is of; nothing if it has been killed already."""
    if record.document["state"] == "killed":
        return []
    ended = [fire(record, MACHINE, "kill", view)]
    environment = find_record(view, record.tenant, record.kept.get("environment", ""), ENVIRONMENTS)
    if environment is not None and environment.document["state"] in ENVIRONMENT_STATES:
        ended.append(fire(environment, ENVIRONMENT, "tear_down", view))
    return [each.stored for each in ended if each.stored is not None]


def logs_of(record: Record) -> str:
    """Assumed: what a runtime server says of itself, which nobody has once the compute is gone."""
    document = record.document
    if document["state"] == "killed":
        raise not_found("Logs are no longer available: the sandbox has been removed by its provider")
    said = [(document["created_at"], f"provisioned by {document['provider']} as {document['provider_sandbox_id']}")]
    if document.get("last_started_at"):
        said.append((document["last_started_at"], "runtime server is ready"))
    if document.get("stopped_at"):
        said.append((document["stopped_at"], f"suspended ({document.get('pause_reason')})"))
    return "".join(f"{when} INFO {text}\n" for when, text in said)


# Operations


def visible_sandbox(asked: Asked, view: View) -> Record:
    """The sandbox that a path names by its provider's id, if the caller may see it."""
    scope = scope_of(asked, view)
    text = asked.values["provider_sandbox_id"]
    record = find_record(view, scope.tenant, text, field="provider_sandbox_id")
    if record is None or scope.owner not in (None, record.owner):
        raise not_found("Sandbox not found")
    return record


def get_sandbox(asked: Asked, view: View) -> Result:
    record = visible_sandbox(asked, view)
    return Result(200, {**observed(record.document), **record.document, **limits_of(record)})


def get_logs(asked: Asked, view: View) -> Result:
    return Result(200, {"logs": logs_of(visible_sandbox(asked, view))})


def delete_sandbox(asked: Asked, view: View) -> Result:
    """Assumed: to delete what is killed already changes nothing."""
    record = visible_sandbox(asked, view)
    ended = end(record, view)
    return Result(204, writes=[each.put() for each in ended], after=(view.guest(record.identity).forget,))


def get_usage(asked: Asked, view: View) -> Result:
    """Assumed: of the sandboxes that the caller may see; a session is a sandbox, and belongs to the month in which it
    was created. Of a very large world the newest are summed up alone, so that nobody has to wait for all of them."""
    scope = scope_of(asked, view)
    collection = view.tenants[scope.tenant]
    ranks = collection.everything if scope.owner is None else collection.owned_by(scope.owner)
    month = instant(at(view.now)[: len("2026-01")] + "-01T00:00:00Z")
    # Newest first: all of the month stand in front of what is just older.
    current = takewhile(lambda rank: collection.order(rank)[0] <= -month, ranks)
    usage = {
        SECONDS: seconds_of(collection, ranks),
        "sessions_count": len(ranks),
        "current_month_seconds": seconds_of(collection, current),
    }
    return Result(200, usage)


def seconds_of(collection: Collection, ranks: Iterable[int]) -> int:
    """What the newest of some sandboxes have run together."""
    total: int = sum(collection.document(rank)[SECONDS] for rank in islice(ranks, MOST_SUMMED))
    return min(total, MOST_SECONDS)
