"""Superserve's operations on single sandboxes: who makes, finds, changes, pauses, resumes and deletes them."""

from __future__ import annotations

from typing import NamedTuple

from fakeserver.provider import (
    ABSENT,
    SECOND,
    SINCE,
    Asked,
    Call,
    Choice,
    Document,
    Extras,
    Issue,
    Life,
    Problem,
    Record,
    Result,
    View,
    begin,
    conflict,
    find_record,
    fire,
    itself,
    mint,
    not_found,
    on_clock,
)
from fakeserver.providers.superserve.access import rested, token_of
from fakeserver.providers.superserve.limits import check, issues_in_sandbox, rules_of
from fakeserver.providers.superserve.refusals import SUPPORT, broken, failure, quote, said, too_many
from fakeserver.providers.superserve.states import MACHINE, PASSING, SURROUNDINGS, written
from fakeserver.providers.superserve.templates import OWN, TEMPLATES_KIND, find_template, own_id, shown_template

STALE = 15 * 60 * SECOND
"""Observed: how long a sandbox is in a passing state before it may be deleted all the same."""
RETRY_AFTER = {"Retry-After": "1"}
"""Observed: with a pause that is accepted and not done."""
COUNTED = ("starting", "active", "pausing", "resuming", "migrating")
"""The states of sandboxes that count towards the cap: paused ones do not (Observed: the newer of two generations)."""
DEFAULT_TEMPLATE = "superserve/base"
PATCHABLE = ("network", "metadata", "auto_delete_seconds", "timeout_seconds", "preview_access")
LEGACY = "legacy_public"
"""Who may see the previews of a sandbox that was made before there was a choice."""
LOST = "Sandbox VM is no longer available and has been marked failed"


class Source(NamedTuple):
    """What a sandbox is made of: its size, and what it has of network rules, timeout and facts where the request says
    nothing; and the snapshot whose `files` it begins with."""

    vcpus: int
    memory_mib: int
    kept: Document
    network: Document
    timeout: int | None
    files: str | None = None


OWN_SOURCES = {
    name: Source(vcpus, memory, {"template": own_id(name), "disk_mib": disk, "image": name}, {}, None)
    for name, vcpus, memory, disk in OWN
}
"""The provider's own templates, as long as nobody has stored others: most sandboxes are made of one of them."""


# What is found and shown


def find_sandbox(asked: Asked, view: View) -> Record:
    """The sandbox of the caller's team that the path names, or a Problem."""
    record = find_record(view, view.caller.home, asked.values["sandbox_id"])
    if record is None:
        raise not_found("Sandbox not found")
    return record


def shown(record: Record, view: View) -> Document:
    """A sandbox as everything but the list shows it."""
    document, kept = record.life
    return {**document, "access_token": token_of(record.identity, view), **of_newer(document, kept)}


def of_newer(document: Document, kept: Document) -> Document:
    """Observed: the provider's newer server, what it has of a sandbox and the page has not, in lists as well."""
    found: Document = {"preview_access": kept.get("preview_access", LEGACY)}
    if "source_snapshot" in kept:
        found["source_snapshot_id"] = kept["source_snapshot"]
    if "auto_delete_seconds" in kept:
        found["auto_delete_seconds"] = kept["auto_delete_seconds"]
    if document["status"] == "paused" and "auto_delete_at" in kept:
        found["auto_delete_at"] = written(kept["auto_delete_at"])
    return found


EXTRAS = Extras(
    Choice("fields", "server"),
    ("source_snapshot_id", "auto_delete_seconds", "auto_delete_at", "preview_access"),
    lambda document: {},
    of_newer,
)


def check_cap(view: View) -> None:
    """Refuse one more sandbox that is not paused, where the recipe has a cap and the team has as many."""
    most = view.caps.get("sandboxes")
    if most is None:
        return
    collection = view.tenants[view.caller.home]
    if sum(len(collection.filed("status", itself, state)) for state in COUNTED) >= most:
        told = f"team has reached the limit of {most} sandboxes; delete some or {SUPPORT}"
        raise too_many("too_many_sandboxes", told)


# Operations


def get(asked: Asked, view: View) -> Result:
    return Result(200, shown(find_sandbox(asked, view), view))


def create(asked: Asked, view: View) -> Result:
    body, tenant = asked.body, view.caller.home
    check(issues_in_sandbox(body))
    source = source_of(body, view)
    refuse_secrets(body.get("secrets") or {})
    check_cap(view)
    minted = mint(view, tenant, "sandbox")
    document = {
        "id": minted.uuid("id"),
        "name": body["name"],
        "status": "starting",
        "vcpu_count": source.vcpus,
        "memory_mib": source.memory_mib,
        "created_at": written(view.now),
        "metadata": body.get("metadata") or {},
    }
    timeout = source.timeout if body.get("timeout_seconds") is None else body["timeout_seconds"]
    network = source.network if body.get("network") is None else rules_of(body["network"])
    document |= {"timeout_seconds": timeout} if timeout is not None else {}
    document |= {"network": network} if network else {}
    kept = {**source.kept, "preview_access": body.get("preview_access") or "public"}
    if body.get("auto_delete_seconds") is not None:
        kept["auto_delete_seconds"] = body["auto_delete_seconds"]
    record = Record(Life(document, kept), view.caller.user, tenant, document["id"])
    made = begin(record, MACHINE, view)
    if view.outcome:
        return broken(made.write)
    answer = shown(record, view)
    if view.switches["created"] == "active":
        answer["status"] = "active"
    variables = body.get("env_vars")

    def begin_machine() -> None:
        if source.files is not None:
            view.guest(source.files).copy(document["id"])
        if variables:
            # They may be secrets: no document has them.
            view.guest(document["id"]).set_variables(variables)

    return Result(201, answer, writes=(made.write,), after=(begin_machine,) if source.files or variables else ())


def source_of(body: Document, view: View) -> Source:
    """The template or the snapshot that a sandbox is made of, or a Problem."""
    if body.get("from_snapshot") is not None:
        return source_in_snapshot(body["from_snapshot"].lower(), view)
    reference = DEFAULT_TEMPLATE if body.get("from_template") is None else body["from_template"].strip()
    own = OWN_SOURCES.get(reference)
    if own is not None and view.kinds(TEMPLATES_KIND)[view.caller.home].untouched:
        return own
    template = find_template(view, reference)
    if template is None:
        raise not_found("Template not found")
    document = shown_template(template, view)
    if document["status"] != "ready":
        raise conflict(f"template is not ready (status={document['status']})")
    kept = {"template": template.identity, "disk_mib": document["disk_mib"], "image": document["name"]}
    kept |= {name: template.kept[name] for name in SURROUNDINGS if name in template.kept}
    return Source(document["vcpu"], document["memory_mib"], kept, {}, None)


def source_in_snapshot(identity: str, view: View) -> Source:
    record = find_record(view, view.caller.home, identity, "snapshots")
    if record is None or record.document["status"] == "deleting":
        raise not_found("Snapshot not found")
    document, kept = record.document, {"source_snapshot": identity}
    if document["status"] != "ready":
        # Assumed: the sentence. Observed: the status and the code.
        raise conflict(f"snapshot is not ready (status={document['status']})")
    resources = document["resources"]
    kept |= {"disk_mib": resources["disk_mib"]}
    if document["template_id"] is not None:
        kept["template"] = document["template_id"]
    inherited = record.kept
    kept |= {name: inherited[name] for name in SURROUNDINGS if name in inherited}
    network, timeout = inherited.get("network", {}), inherited.get("timeout_seconds")
    return Source(resources["vcpu_count"], resources["memory_mib"], kept, network, timeout, identity)


def refuse_secrets(secrets: Document) -> None:
    """Assumed: no team has stored any."""
    for name, secret in secrets.items():
        told = f"secrets[{name}] references {quote(secret)}, which does not exist for this team"
        raise Problem(400, "secret_not_found", told)


def pause(asked: Asked, view: View) -> Result:
    fired = fire(rested(find_sandbox(asked, view), view), MACHINE, "pause", view)
    if view.switches["pause"] == "accepted":
        return Result(202, {"status": "pausing"}, RETRY_AFTER, (fired.write,))
    if view.outcome == "pause_failed":
        return broken(fired.write)
    if view.outcome == "vm_lost":
        return failure(410, "gone", LOST, fired.write)
    return Result(204, writes=(fired.write,))


def resume(asked: Asked, view: View) -> Result:
    record = rested(find_sandbox(asked, view), view)
    fired = fire(record, MACHINE, "resume", view)
    check_cap(view)
    if view.outcome:
        return broken(fired.write)
    token = token_of(record.identity, view)
    return Result(200, {"id": record.identity, "status": "active", "access_token": token}, writes=(fired.write,))


def activate(asked: Asked, view: View) -> Result:
    found = find_sandbox(asked, view)
    record = rested(found, view)
    match record.document["status"]:
        case "active":
            writes = () if record is found or record.life == found.life else (record.put(),)
            return Result(200, shown(record, view), writes=writes)
        case "pausing":
            # Assumed: the sentence.
            raise Problem(409, "sandbox_pausing", "Sandbox is still pausing")
    fired = fire(record, MACHINE, "resume", view)
    check_cap(view)
    if view.outcome:
        return broken(fired.write)
    return Result(200, {**shown(record, view), "status": "active"}, writes=(fired.write,))


def delete(asked: Asked, view: View) -> Result:
    record = rested(find_sandbox(asked, view), view)
    since = record.kept.get(SINCE) or on_clock(record.document["created_at"], record.kept)
    stale = record.document["status"] in PASSING and view.now - since >= STALE
    fired = fire(record, MACHINE, "delete stale" if stale else "delete", view)
    return Result(204, writes=(fired.write,), after=(view.guest(record.identity).forget,))


def update(asked: Asked, view: View) -> Result:
    body = asked.body
    check(issues_in_change(body))
    record = find_sandbox(asked, view)
    if body.get("network") is not None:
        record = rested(record, view)
        if record.document["status"] != "active":
            raise conflict("Sandbox must be active to update network config")
    document, kept = {**record.document}, {**record.kept}
    if body.get("network") is not None:
        set_or_drop(document, "network", rules_of(body["network"]) or ABSENT)
    if body.get("metadata") is not None:
        document["metadata"] = body["metadata"]
    if "timeout_seconds" in body:
        set_or_drop(document, "timeout_seconds", ABSENT if body["timeout_seconds"] is None else body["timeout_seconds"])
    if "auto_delete_seconds" in body:
        set_auto_deletion(kept, document["status"], body["auto_delete_seconds"], view.now)
    if body.get("preview_access") is not None:
        kept["preview_access"] = body["preview_access"]
    return Result(204, writes=(record.after(Life(document, kept)).put(),))


def issues_in_change(body: Document) -> list[Issue]:
    if not any(name in body if name.endswith("_seconds") else body.get(name) is not None for name in PATCHABLE):
        return [said("", f"patch body must include at least one field ({', '.join(PATCHABLE)})")]
    return [*issues_in_sandbox(body)]


def set_or_drop(document: Document, name: str, value: object) -> None:
    if value is ABSENT:
        document.pop(name, None)
    else:
        document[name] = value


def set_auto_deletion(kept: Document, status: str, seconds: int | None, now: int) -> None:
    """Another time until a paused sandbox is deleted, or none; of one that is paused it counts from now."""
    if seconds is None:
        kept.pop("auto_delete_seconds", None)
        kept.pop("auto_delete_at", None)
        return
    kept["auto_delete_seconds"] = seconds
    if status == "paused":
        kept["auto_delete_at"] = now + seconds * SECOND


ID = ("sandbox_id",)
OPERATIONS = {
    "createSandbox": Call(create, body=True, outcomes=("boot_failed",)),
    "getSandbox": Call(get, reads=ID),
    "updateSandbox": Call(update, reads=ID, body=True),
    "deleteSandbox": Call(delete, reads=ID),
    "activateSandbox": Call(activate, reads=ID, outcomes=("resume_failed",)),
    "pauseSandbox": Call(pause, reads=ID, outcomes=("pause_failed", "vm_lost")),
    "resumeSandbox": Call(resume, reads=ID, outcomes=("resume_failed",)),
}
