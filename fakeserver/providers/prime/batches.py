"""Operations on many sandboxes at once: their statuses, those of their background jobs, and their end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fakeserver.provider import (
    Asked,
    Caller,
    Change,
    Collection,
    Document,
    Emit,
    Files,
    Guest,
    Issue,
    Job,
    Record,
    Result,
    View,
    Write,
    elements,
    find_record,
    fire,
    forbidden,
    invalid,
    itself,
)
from fakeserver.providers.prime.access import (
    NO_SANDBOX,
    NOT_YOURS,
    account_of,
    exists,
    look_for,
    may_change,
)
from fakeserver.providers.prime.rows import shown
from fakeserver.providers.prime.states import MACHINE, is_vm

MOST_DELETED = 1_000
"""Assumed: sandboxes that one request deletes by labels, user or team; the oldest wait for the next."""
CODE = re.compile(r"[0-9]{1,3}", re.ASCII)
NOT_ADMIN = "Only an admin of the given team may delete other users' sandboxes"


# Statuses


def get_statuses(asked: Asked, view: View) -> Result:
    """In the order in which they were asked for."""
    statuses, errors = [], []
    for identity in asked.body["sandbox_ids"]:
        record = look_for(view, identity)
        if record is None:
            errors.append({"sandbox_id": identity, **absence(view, identity)})
        else:
            statuses.append({"sandbox_id": identity, **status_of(shown(record.document, view))})
    return Result(200, {"statuses": statuses, "errors": errors})


def status_of(document: Document) -> Document:
    return {
        "status": document["status"],
        "error_type": document.get("errorType"),
        "error_message": document.get("errorMessage"),
        "pending_image_build_id": document.get("pendingImageBuildId"),
    }


def absence(view: View, identity: str) -> Document:
    """Why a sandbox is not shown. Observed: prime-sandboxes 0.5.1 knows the codes. Assumed: the text."""
    if exists(view, identity):
        return {"code": "FORBIDDEN", "message": "You may not see this sandbox"}
    return {"code": "NOT_FOUND", "message": NO_SANDBOX}


def get_job_statuses(asked: Asked, view: View) -> Result:
    """What the files of prime-sandboxes 0.5.1 say of its background jobs, in the order in which they were asked for."""
    jobs: list[Document] = asked.body["jobs"]
    absent = [absence_of_job(view, job["sandbox_id"]) for job in jobs]
    guests = [view.guest(job["sandbox_id"]) if why is None else None for job, why in zip(jobs, absent, strict=True)]

    def look(emit: Emit) -> list[Document]:
        return [
            {} if guest is None else guest.files(partial(job_in, guest, job["job_id"]), changes=False)
            for guest, job in zip(guests, jobs, strict=True)
        ]

    def answer(found: list[Document]) -> Result:
        rows = [{**job, **(why or state)} for job, why, state in zip(jobs, absent, found, strict=True)]
        statuses = [row for row in rows if "completed" in row]
        return Result(200, {"statuses": statuses, "errors": [row for row in rows if "completed" not in row]})

    return Result(200, job=Job(look, answer))


def job_in(guest: Guest, job: str, files: Files) -> Document:
    """How a job is, or that there is none. Assumed: one that was killed is not found either."""
    path = f"/tmp/job_{job}.exit"
    code = bytes(files.read_file(path)).decode(errors="replace").strip() if files.exists(path) else ""
    if CODE.fullmatch(code):
        return {"completed": True, "exit_code": int(code)}
    if any(path in process.order.text for process in guest.processes):
        return {"completed": False, "exit_code": None}
    there = files.exists(f"/tmp/job_{job}.launch")
    what = "exited without recording an exit code" if there else "not found"
    return {"code": "NOT_FOUND", "message": f"Background job {what}"}


def absence_of_job(view: View, identity: str) -> Document | None:
    """Why there can be no job, if so."""
    record = look_for(view, identity)
    if record is None:
        return absence(view, identity)
    if not is_vm(record):
        return {"code": "NOT_VM", "message": "Only VM sandboxes have background jobs"}
    status = record.document["status"]
    return None if status == "RUNNING" else {"code": "NOT_RUNNING", "message": f"The sandbox is {status}"}


# The end


def delete_sandboxes(asked: Asked, view: View) -> Result:
    """Observed: prime-sandboxes 0.5.1 and prime 0.18.0 send ids, or a scope of labels, user and team."""
    body: Document = asked.body
    issues = [*object_to_scope(body, view.caller)]
    if issues:
        raise invalid(issues)
    tenant, user = scope_of(body, view.caller)
    if body.get("sandbox_ids") is not None:
        records, failed = find_named(body, view)
    else:
        records, failed = [*find_scoped(body, view, tenant, user)], []
    changes: dict[str, list[Change]] = {}
    for record in records:
        if record.document["status"] != "TERMINATED":
            ended = fire(record, MACHINE, "delete", view)
            changes.setdefault(record.tenant, []).extend(ended.write.changes)
    succeeded = [record.identity for record in records]
    message = f"Deleted {len(succeeded)} sandbox(es)" + (f", {len(failed)} failed" if failed else "")
    writes = [Write(name, tuple(each)) for name, each in changes.items()]
    after = [view.guest(identity).forget for identity in succeeded]
    return Result(200, {"succeeded": succeeded, "failed": failed, "message": message}, writes=writes, after=after)


def object_to_scope(body: Document, caller: Caller) -> Iterator[Issue]:
    """What no schema says of a scope. Observed: the provider's OpenAPI, when a team is required. Assumed: ids and
    labels exclude each other, as all users and one do, and nothing at all is refused."""
    ids, labels, team, user, everybody = (
        body.get(name) for name in ("sandbox_ids", "labels", "team_id", "user_id", "all_users")
    )
    if ids is not None and labels is not None:
        yield wrong("labels", "sandbox_ids and labels are mutually exclusive")
    if everybody and user:
        yield wrong("user_id", "user_id and all_users are mutually exclusive")
    if not team and (everybody or (user and user != caller.user)):
        yield wrong("team_id", "team_id is required to delete other users' sandboxes")
    if ids is None and labels is None and not (team or user or everybody):
        yield wrong("sandbox_ids", "one of sandbox_ids, labels, team_id, user_id and all_users is required")


def wrong(name: str, why: str) -> Issue:
    return Issue(("body", name), f"Value error, {why}", "value_error")


def scope_of(body: Document, caller: Caller) -> tuple[str, str | None]:
    """The account that a request is about, and the one user of it, if it is not about all."""
    tenant = account_of(caller, body.get("team_id"))
    user = body.get("user_id") or caller.user
    if (body["all_users"] or user != caller.user) and not caller.administers(tenant):
        raise forbidden(NOT_ADMIN)
    return tenant, None if body["all_users"] else user


def find_named(body: Document, view: View) -> tuple[list[Record], list[Document]]:
    """The sandboxes with these ids, each once, and why the others cannot be deleted. A team or a user that is named
    as well narrows them down."""
    records, failed = [], []
    for identity in dict.fromkeys(body["sandbox_ids"]):
        record = look_for(view, identity)
        if record is None or not is_meant(record, body):
            failed.append({"sandbox_id": identity, "error": NO_SANDBOX})
        elif not may_change(view.caller, record):
            failed.append({"sandbox_id": identity, "error": NOT_YOURS})
        else:
            records.append(record)
    return records, failed


def is_meant(record: Record, body: Document) -> bool:
    team, user = body.get("team_id"), body.get("user_id")
    return (not team or record.tenant == team) and (not user or record.document.get("userId") == user)


def find_scoped(body: Document, view: View, tenant: str, user: str | None) -> Iterator[Record]:
    """The sandboxes of an account that have not ended, newest first: those of a user, if one is given, with all the
    labels."""
    collection: Collection = view.tenants[tenant]
    found = collection.everything - collection.filed("status", itself, "TERMINATED")
    if user is not None:
        found &= collection.filed("userId", itself, user)
    for label in body.get("labels") or ():
        found &= collection.filed("labels", elements, label)
    for rank in found[:MOST_DELETED]:
        record = find_record(view, tenant, collection.order(rank)[1])
        assert record is not None, "it was there just now"
        yield record
