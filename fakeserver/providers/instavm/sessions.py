"""Sessions, by which programs hold on to a VM, and the account that they belong to."""

from __future__ import annotations

from fakeserver.provider import SECOND, Asked, Call, Document, Result, View
from fakeserver.providers.instavm.records import (
    Session,
    advance,
    begin_vm,
    equip,
    find_session,
    given_in,
    known_session,
    session_of,
    show_vm,
)
from fakeserver.providers.instavm.states import KILLED, MACHINE, PROVISIONING_FAILED, RUNNING, refuse, run_time

APP_DOMAIN = "instavm.invalid"
"""Assumed: a reserved name (RFC 6761), so that nobody who follows an address from here reaches the provider."""
MIB_PER_GIB, SECONDS_PER_HOUR = 1_024, 3_600
HOUR_DIGITS = 6


def create_session(asked: Asked, view: View) -> Result:
    """A session, and the VM for it."""
    wish = given_in(asked.body)
    record = begin_vm(view, wish, None)
    fired = advance(record, record.life, MACHINE, view, wait=False)
    body = {"session_id": session_of(record)}
    return Result(200, body, writes=(fired.write,), after=equip(view, record.identity, wish))


def phase_of(session: Session) -> str:
    """How far a session has come, in the words of the provider's documentation."""
    if session.vm is None or not session.lives:
        return "terminated"
    return "created" if session.vm.document["status"] == "creating" else "active"


def get_session(asked: Asked, view: View) -> Result:
    """What is known of a session, and of the VM that it has."""
    session = known_session(view, asked.values["session_id"])
    body: Document = {
        "session_id": session.session_id,
        "vm_id": None if session.vm is None else session.vm.identity,
        "status": phase_of(session),
        "created_at": session.created_at,
    }
    if session.vm is not None:
        vm = show_vm(session.vm)
        named = ("expires_at", "vm_lifetime_seconds", "memory_mb", "vcpu_count", "metadata")
        body |= {name: vm[name] for name in named}
    return Result(200, body)


def get_session_status(asked: Asked, view: View) -> Result:
    """Whether a session exists, and whether its VM runs; nobody is told of another account's."""
    session = find_session(view, asked.values["session_id"])
    vm = None if session is None else session.vm
    state = None if vm is None else vm.document["status"]
    assigned = vm is not None and state != "creating"
    return Result(
        200,
        {
            "exists": session is not None,
            "vm_assigned": assigned,
            "vm_alive": state == "active",
            "vm_status": state,
            "vm_id": vm.identity if vm is not None and assigned else None,
        },
    )


def get_session_usage(asked: Asked, view: View) -> Result:
    """What a session's VM has used up until now."""
    session = known_session(view, asked.values["session_id"])
    seconds = 0.0
    cpu = ram = 0.0
    if session.vm is not None:
        vm = show_vm(session.vm)
        seconds = run_time(session.vm.document, session.vm.kept, view.now) / SECOND
        hours = seconds / SECONDS_PER_HOUR
        cpu = round(hours * vm["vcpu_count"], HOUR_DIGITS)
        ram = round(hours * vm["memory_mb"] / MIB_PER_GIB, HOUR_DIGITS)
    return Result(
        200,
        {
            "session_id": session.session_id,
            "vm_id": None if session.vm is None else session.vm.identity,
            "runtime_seconds": seconds,
            "cpu_hours": cpu,
            "ram_gib_hours": ram,
        },
    )


def get_app_url(asked: Asked, view: View) -> Result:
    """The address at which a port of a session's VM would reach."""
    session = known_session(view, asked.values["session_id"])
    state = KILLED if session.vm is None else session.vm.document["status"]
    if session.vm is None or state not in RUNNING:
        raise refuse(state, "reach")
    port = asked.values["port"]
    url = f"https://{port}-{session.vm.identity}.{APP_DOMAIN}/"
    return Result(200, {"session_id": session.session_id, "port": port, "app_url": url, "url": url})


def get_current_user(asked: Asked, view: View) -> Result:
    """Who asks."""
    caller = view.caller
    return Result(
        200, {"id": caller.user, "email": f"{caller.name}@example.com", "name": caller.name, "is_verified": True}
    )


OPERATIONS = {
    "createSession": Call(create_session, body=True, credential="api_key", outcomes=(PROVISIONING_FAILED,)),
    "getSession": Call(get_session, ("session_id",)),
    "getSessionStatus": Call(get_session_status, ("session_id",)),
    "getSessionUsage": Call(get_session_usage, ("session_id",)),
    "getSessionAppUrl": Call(get_app_url, ("session_id", "port")),
    "getCurrentUser": Call(get_current_user),
}
