"""Snapshots: what VMs are started from, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from hashlib import blake2b

from fakeserver.provider import (
    SECOND,
    Asked,
    Call,
    Document,
    Ground,
    Kind,
    Life,
    Record,
    Result,
    View,
    Write,
    find_record,
    mint,
    naive,
    not_found,
)
from fakeserver.providers.instavm.records import DEFAULT_MEMORY_MB, DEFAULT_VCPUS, advance, find_vm, given_in, show_vm
from fakeserver.providers.instavm.states import SNAPSHOTS, refuse

SNAPSHOT = "snapshots"
BUILDS = 9
"""Snapshots of one service that a seeded world has; seeded VMs name them all."""
SYSTEM = ("standard", "computer-use", "nix-dev")
"""Observed: the image variants of instavm 0.26.1, each of which is a snapshot of the provider's."""
OLDEST_SECONDS = 90 * 24 * 3600


def name_of(service: str, build: int) -> str:
    """The id of a seeded snapshot, by which seeded VMs name it."""
    return f"snap-{service}-{build}"


def seed(ground: Ground) -> Iterator[tuple[Document, str]]:
    """The provider's own snapshots, and those that seeded VMs were started from."""
    owner = next((each.user for each in ground.callers if each.home == ground.tenant), "")
    named = [(f"snap-{name}", name, "system") for name in SYSTEM]
    for service in ground.words["services"]:
        named += [(name_of(str(service), build), str(service), "user") for build in range(1, BUILDS + 1)]
    for identity, name, kind in named:
        drawn = int.from_bytes(blake2b(identity.encode(), key=ground.key[:32], digest_size=8).digest(), "big")
        created = ground.epoch - (OLDEST_SECONDS + drawn % OLDEST_SECONDS) * SECOND
        yield snapshot_of(identity, name, kind, naive(created)), owner


def snapshot_of(
    identity: str,
    name: str,
    kind: str,
    created: str,
    *,
    vm: Document | None = None,
    status: str = "ready",
) -> Document:
    return {
        "id": identity,
        "name": name,
        "status": status,
        "type": kind,
        "created_at": created,
        "vm_id": None if vm is None else vm["vm_id"],
        "memory_mb": DEFAULT_MEMORY_MB if vm is None else vm["memory_mb"],
        "vcpu_count": DEFAULT_VCPUS if vm is None else vm["vcpu_count"],
    }


SNAPSHOT_KIND = Kind("created_at", "id", SNAPSHOTS, "Snapshot", seed, lambda life: life.document["id"])


def find_snapshot(view: View, identity: str) -> Record:
    record = find_record(view, view.caller.home, identity, SNAPSHOT)
    if record is None:
        raise not_found("Snapshot not found")
    return record


def take(view: View, vm: Record, name: str | None, *, wait: bool) -> tuple[Document, Write]:
    """A snapshot of a VM as it is now: what its answer shows, and the write that keeps it."""
    identity = f"snap-{mint(view, vm.tenant, 'snapshot').letters('snapshot', 12)}"
    record = show_vm(vm)
    document = snapshot_of(identity, name or identity, "user", naive(view.now), vm=record, status="building")
    new = Record(Life(document, {}), view.caller.user, vm.tenant, identity, kind=SNAPSHOT)
    fired = advance(new, new.life, SNAPSHOTS, view, wait=wait)
    assert fired.shown is not None
    return fired.shown.document, fired.write


def list_snapshots(asked: Asked, view: View) -> Result:
    """The account's snapshots, and the provider's own."""
    wanted = asked.values.get("type")
    collection = view.kinds(SNAPSHOT)[view.caller.home]
    return Result(200, [each for each in collection.documents() if wanted is None or each["type"] == wanted])


def get_snapshot(asked: Asked, view: View) -> Result:
    return Result(200, find_snapshot(view, asked.values["snapshot_id"]).document)


def delete_snapshot(asked: Asked, view: View) -> Result:
    record = find_snapshot(view, asked.values["snapshot_id"])
    if record.document["type"] == "system":
        # Assumed: the provider's own are everybody's.
        raise not_found("Snapshot not found")
    answer = {"id": record.identity, "status": "deleted"}
    return Result(200, answer, writes=(record.remove(),), after=(view.guest(record.identity).forget,))


def create_snapshot(asked: Asked, view: View) -> Result:
    """Take one of a VM that runs or is suspended."""
    record = find_vm(view, asked.values["vm_id"])
    state = record.document["status"]
    if state not in ("active", "suspended"):
        raise refuse(state, "snapshot")
    shown, write = take(view, record, given_in(asked.body).get("name"), wait=asked.values["wait"])
    copied = partial(view.guest(record.identity).copy, shown["id"])
    return Result(200, {"snapshot_id": shown["id"], **shown}, writes=(write,), after=(copied,))


OPERATIONS = {
    "listSnapshots": Call(list_snapshots, ("type",)),
    "getSnapshot": Call(get_snapshot, ("snapshot_id",)),
    "deleteSnapshot": Call(delete_snapshot, ("snapshot_id",)),
    "createSnapshot": Call(create_snapshot, ("vm_id", "wait"), body=True),
}
