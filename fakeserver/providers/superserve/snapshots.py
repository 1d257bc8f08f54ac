"""Superserve's snapshots: copies of sandboxes that are kept until somebody deletes them."""

from __future__ import annotations

from fakeserver.provider import (
    Asked,
    Call,
    Document,
    Issue,
    Kind,
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
)
from fakeserver.providers.superserve.access import rested
from fakeserver.providers.superserve.limits import MAX_NAME, check, size_of
from fakeserver.providers.superserve.refusals import SUPPORT, failure, said, too_many
from fakeserver.providers.superserve.sandboxes import find_sandbox
from fakeserver.providers.superserve.states import SNAPSHOTS, SURROUNDINGS, written
from fakeserver.providers.superserve.templates import DEFAULT_DISK_MIB, POLL_SECONDS, records_of

KIND = "snapshots"
KINDS = {KIND: Kind("created_at", "id", SNAPSHOTS, "Snapshot", files=lambda life: life.document["id"])}
MOST = 200
"""Observed: the most that one page has."""
MAX_KEY = 255
"""Bytes of an idempotency key (Observed)."""
GONE_STATE = "deleting"
"""The state of what no read shows any more."""
RETRY_AFTER = {"Retry-After": "60"}
"""Observed: with a snapshot that is still to be ready."""


def snapshots_of(sandbox: str, view: View) -> list[Record]:
    """Every snapshot of a sandbox of the team, those that were deleted as well, the newest first."""
    return records_of(view, KIND, "sandbox_id", sandbox)


def find_snapshot(asked: Asked, view: View) -> Record:
    """The snapshot of the team that the path names, or a Problem."""
    record = find_record(view, view.caller.home, asked.values["snapshot_id"], KIND)
    if record is None or record.document["status"] == GONE_STATE:
        raise not_found("Snapshot not found")
    return record


def issues_in(body: Document) -> list[Issue]:
    """What a schema, which counts characters, lets through."""
    name, key = body.get("name") or "", body.get("idempotency_key") or ""
    issues = [said("name", f"name must be 1 to {MAX_NAME} characters")] if size_of(name) > MAX_NAME else []
    if size_of(key) > MAX_KEY:
        issues.append(said("idempotency_key", f"idempotency_key must be 1 to {MAX_KEY} characters"))
    return issues


def create(asked: Asked, view: View) -> Result:
    body, identity = asked.body or {}, asked.values["sandbox_id"]
    check(issues_in(body))
    key = body.get("idempotency_key")
    if key is not None:
        for other in snapshots_of(identity, view):
            if other.kept.get("idempotency_key") == key:
                return repeated(other)
    sandbox = rested(find_sandbox(asked, view), view)
    state = sandbox.document["status"]
    if state not in ("active", "paused"):
        raise conflict(f"sandbox must be active or paused to snapshot; it is {state}")
    check_caps(view)
    record = captured_from(sandbox, body, view)
    made = begin(record, SNAPSHOTS, view)
    if view.outcome and view.transitions == "immediate":
        # Assumed: the sentence. Observed: a host that refuses is a 409, and leaves a failed snapshot.
        return failure(409, "conflict", "the snapshot could not be taken", made.write)
    stored = made.stored or record
    ready = stored.document["status"] == "ready"
    files = view.guest(identity)
    return Result(
        201 if ready else 202,
        stored.document,
        {} if ready else RETRY_AFTER,
        (made.write,),
        after=(lambda: files.copy(record.identity),),
    )


def repeated(made: Record) -> Result:
    """The answer to an idempotency key that has made something."""
    if made.document["status"] == GONE_STATE:
        raise Problem(410, "gone", "the snapshot this request made has been deleted")
    return Result(200, made.document)


def captured_from(sandbox: Record, body: Document, view: View) -> Record:
    """The snapshot of a sandbox as it begins."""
    source = sandbox.document
    kept: Document = {name: source[name] for name in ("network", "timeout_seconds") if name in source}
    kept |= {name: sandbox.kept[name] for name in SURROUNDINGS if name in sandbox.kept}
    document: Document = {
        "id": mint(view, sandbox.tenant, "snapshot").uuid("id"),
        "sandbox_id": sandbox.identity,
        "template_id": sandbox.kept.get("template"),
        "kind": body.get("kind") or "mem+fs",
        "status": "creating",
        "name": body.get("name"),
        "size_bytes": 0,
        "resources": {
            "vcpu_count": source["vcpu_count"],
            "memory_mib": source["memory_mib"],
            "disk_mib": sandbox.kept.get("disk_mib", DEFAULT_DISK_MIB),
        },
        "created_at": written(view.now),
        "ready_at": None,
    }
    if body.get("idempotency_key") is not None:
        kept["idempotency_key"] = body["idempotency_key"]
    return Record(Life(document, kept), view.caller.user, sandbox.tenant, document["id"], kind=KIND)


def check_caps(view: View) -> None:
    """Refuse one more snapshot, where the recipe has a cap and the team has as many."""
    most, collection = view.caps.get("snapshots"), view.kinds(KIND)[view.caller.home]
    if most is not None and len(collection) - len(collection.filed("status", itself, GONE_STATE)) >= most:
        told = f"team or sandbox has reached its snapshot limit; delete some or {SUPPORT}"
        raise too_many("too_many_snapshots", told)


def list_all(asked: Asked, view: View) -> Result:
    found = [each.document for each in snapshots_of(asked.values["sandbox_id"], view)]
    live = [each for each in found if each["status"] != GONE_STATE]
    start, size = asked.values["offset"] or 0, asked.values["limit"]
    end = None if size is None else start + min(size, MOST)
    return Result(200, live[start:end], {"X-Total-Count": str(len(live))})


def get(asked: Asked, view: View) -> Result:
    return Result(200, find_snapshot(asked, view).document)


def update(asked: Asked, view: View) -> Result:
    check(issues_in(asked.body))
    record = find_snapshot(asked, view)
    document = {**record.document, "name": asked.body["name"]}
    return Result(200, document, writes=(record.after(Life(document, record.kept)).put(),))


def delete(asked: Asked, view: View) -> Result:
    record = find_snapshot(asked, view)
    fired = fire(record, SNAPSHOTS, "delete", view)
    # Without a key nobody can ask again for what it made.
    gone = fired.write if "idempotency_key" in record.kept else record.remove()
    return Result(204, writes=(gone,), after=(view.guest(record.identity).forget,))


SANDBOX, ID = ("sandbox_id",), ("snapshot_id",)
OPERATIONS = {
    "createSnapshot": Call(
        create, reads=SANDBOX, body=True, outcomes=("capture_failed",), idempotency="idempotency_key"
    ),
    "listSnapshots": Call(list_all, reads=(*SANDBOX, "limit", "offset")),
    "getSnapshot": Call(get, reads=ID, poll_seconds=POLL_SECONDS),
    "updateSnapshot": Call(update, reads=ID, body=True),
    "deleteSnapshot": Call(delete, reads=ID),
}
