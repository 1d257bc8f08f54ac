"""VMs: created, found, changed, suspended, resumed, cloned and killed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice

from fakeserver.provider import (
    Asked,
    Call,
    Collection,
    Document,
    Life,
    Put,
    Record,
    Remove,
    Result,
    View,
    Write,
    conflict,
    fire,
    itself,
    mint,
)
from fakeserver.providers.instavm.records import (
    Session,
    advance,
    begin_vm,
    bind,
    equip,
    find_session,
    find_vm,
    given_in,
    known_session,
    session_of,
    show_vm,
    shown,
    vm_id_of,
)
from fakeserver.providers.instavm.snapshots import find_snapshot, take
from fakeserver.providers.instavm.states import (
    FACTS,
    MACHINE,
    OVER,
    PROVISIONING_FAILED,
    RESUME_FAILED,
    RUNNING,
    SUSPEND_FAILED,
    lifetime_of,
    refuse,
)

MOST_RECORDS = 1_000
"""Assumed: records that one list of VMs has, as many as the listing of sandboxes at most."""


# Lists


def records_of(view: View, ranks: Iterable[int], collection: Collection) -> list[Document]:
    """The newest of these VMs as records."""
    now, tenant = view.now - view.issuer.epoch, view.caller.home
    found = []
    for rank in islice(ranks, MOST_RECORDS):
        life = collection.life(rank, now)
        if life is not None:
            found.append(show_vm(Record(life, "", tenant, life.document["sandbox_id"])))
    return found


def list_running(asked: Asked, view: View) -> Result:
    """The VMs that take up a host."""
    collection = view.tenants[view.caller.home]
    ranks = collection.filed("status", itself, RUNNING[0])
    for state in RUNNING[1:]:
        ranks = ranks | collection.filed("status", itself, state)
    return Result(200, records_of(view, ranks, collection))


def list_records(asked: Asked, view: View) -> Result:
    """All VMs, those that have ended too."""
    collection = view.tenants[view.caller.home]
    return Result(200, records_of(view, collection.everything, collection))


def get_vm(asked: Asked, view: View) -> Result:
    return Result(200, show_vm(find_vm(view, asked.values["vm_id"])))


# Making


def create_vm(asked: Asked, view: View) -> Result:
    """A VM with a session of its own, or for a session whose VM has ended; a session whose VM runs is attached to."""
    wish = given_in(asked.body)
    session: Session | None = None
    session_id = wish.get("session_id")
    if session_id is not None:
        session = known_session(view, session_id)
        if session.lives and session.vm is not None:
            if session.vm.document["status"] not in RUNNING:
                raise conflict("The VM of this session is suspended: resume it")
            return Result(200, show_vm(session.vm))
    template = None if "snapshot_id" not in wish else find_snapshot(view, wish["snapshot_id"]).identity
    return start(view, wish, session_id, session, template, wait=asked.values["wait"])


def start(
    view: View,
    wish: Document,
    session_id: str | None,
    session: Session | None,
    template: str | None,
    *,
    wait: bool,
    also: tuple[Write, ...] = (),
    files_of: str | None = None,
) -> Result:
    """Begin a VM and give it to its session, together with other writes. It has the files of another (`files_of`), or
    those of its template."""
    record = begin_vm(view, wish, session_id, template=template)
    fired = advance(record, record.life, MACHINE, view, wait=wait)
    writes = [fired.write, *also]
    if session_id is not None:
        writes.append(bind(view, session_id, record.identity, session=session))
    source = files_of or template
    copied = () if source is None else (partial(view.guest(source).copy, record.identity),)
    return Result(200, shown(fired), writes=writes, after=(*copied, *equip(view, record.identity, wish)))


def clone_vm(asked: Asked, view: View) -> Result:
    """Another VM like one that runs or is suspended, from a snapshot of it if that is given a name."""
    record = find_vm(view, asked.values["vm_id"])
    document, kept = record.life
    if document["status"] not in ("active", "suspended"):
        raise refuse(document["status"], "clone")
    given = given_in(asked.body)
    name = given.pop("snapshot_name", None)
    like = {name: kept[name] for name in FACTS if name in kept and name not in ("session", "ran")}
    wish = {**like, "metadata": document["metadata"], "vm_lifetime_seconds": lifetime_of(document, kept), **given}
    template: str | None = document.get("template_id")
    also: tuple[Write, ...] = ()
    taken: tuple[Callable[[], None], ...] = ()
    if name is not None:
        snapshot, write = take(view, record, name, wait=True)
        template, also = snapshot["id"], (write,)
        taken = (partial(view.guest(record.identity).copy, snapshot["id"]),)
    made = start(view, wish, None, None, template, wait=asked.values["wait"], also=also, files_of=record.identity)
    made.after = (*taken, *made.after)
    return made


# Changing


def update_vm(asked: Asked, view: View) -> Result:
    """Change what is kept of a VM that has not ended."""
    record = find_vm(view, asked.values["vm_id"])
    if record.document["status"] in OVER:
        raise refuse(record.document["status"], "change")
    changed = record.after(Life(record.document, {**record.kept, **given_in(asked.body)}))
    return Result(200, show_vm(changed), writes=(changed.put(),))


def suspend_vm(asked: Asked, view: View) -> Result:
    fired = fire(find_vm(view, asked.values["vm_id"]), MACHINE, "suspend", view)
    return Result(200, shown(fired), writes=(fired.write,))


def resume_vm(asked: Asked, view: View) -> Result:
    return resume(find_vm(view, asked.values["vm_id"]), view, wait=asked.values["wait"])


def resume(record: Record, view: View, *, wait: bool) -> Result:
    """The VM goes on under another id, in the same session; nothing has the id of before any more."""
    session_id = session_of(record)
    given = {"vm_id": vm_id_of(mint(view, record.tenant, "resumed"))}
    life = MACHINE.fire(record.life, "resume", view.now, view.outcome, given)
    assert life is not None
    if session_id is not None:
        life.kept["session"] = session_id
    new = Record(life, record.owner, record.tenant, given["vm_id"])
    fired = advance(new, life, MACHINE, view, wait=wait)
    assert fired.stored is not None
    put = Put(fired.stored.document, record.owner, kept=fired.stored.kept)
    writes = [Write(record.tenant, (Remove(record.identity, record.ordinal), put))]
    if session_id is not None:
        session = find_session(view, session_id)
        writes.append(bind(view, session_id, new.identity, session=session))
    return Result(200, shown(fired), writes=writes, after=(partial(view.guest(record.identity).move, new.identity),))


# Ending


def end_vm(view: View, record: Record) -> Result:
    """Kill a VM. One that is to leave a snapshot does."""
    fired = fire(record, MACHINE, "kill", view)
    writes = [fired.write]
    after: list[Callable[[], None]] = [view.guest(record.identity).forget]
    if record.kept.get("snapshot_on_terminate"):
        snapshot, write = take(view, record, record.kept.get("snapshot_name"), wait=False)
        writes.append(write)
        after.insert(0, partial(view.guest(record.identity).copy, snapshot["id"]))
    ended = shown(fired)
    return Result(200, {name: ended[name] for name in ("vm_id", "session_id", "status")}, writes=writes, after=after)


def delete_vm(asked: Asked, view: View) -> Result:
    return end_vm(view, find_vm(view, asked.values["vm_id"]))


def kill_session(asked: Asked, view: View) -> Result:
    """Kill the VM that a session has."""
    session = known_session(view, asked.body["session_id"])
    if session.vm is None:
        raise conflict("The session has no VM")
    return end_vm(view, session.vm)


OPERATIONS = {
    "listRunningSandboxes": Call(list_running),
    "listSandboxRecords": Call(list_records),
    "createSandbox": Call(create_vm, ("wait",), body=True, outcomes=(PROVISIONING_FAILED,)),
    "getSandbox": Call(get_vm, ("vm_id",)),
    "updateSandbox": Call(update_vm, ("vm_id",), body=True),
    "deleteSandbox": Call(delete_vm, ("vm_id",)),
    "pauseSandbox": Call(suspend_vm, ("vm_id",), outcomes=(SUSPEND_FAILED,)),
    "resumeSandbox": Call(resume_vm, ("vm_id", "wait"), outcomes=(RESUME_FAILED,)),
    "cloneSandbox": Call(clone_vm, ("vm_id", "wait"), body=True, outcomes=(PROVISIONING_FAILED,)),
    "killSession": Call(kill_session, body=True),
}
