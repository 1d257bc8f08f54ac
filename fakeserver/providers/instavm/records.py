"""VMs and sessions as operations find, make and show them.

A VM is one document, the row of the listing, with what is kept beside it; its record is derived from both. The session
that comes with a VM has the VM's id in other letters, and nothing of it is stored: whoever takes the VM's document away
by hand takes the session away. Once it has another VM, since a session outlives them, it is a document of its own that
says which one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple
from uuid import UUID

from fakeserver.provider import (
    OUTCOME,
    SECOND,
    SINCE,
    Document,
    Fired,
    Kind,
    Life,
    Machine,
    Mint,
    Record,
    View,
    Write,
    find_record,
    follow,
    mint,
    naive,
    not_found,
)
from fakeserver.providers.instavm.states import DEFAULT_LIFETIME_SECONDS, FACTS, OVER, RUNNING, lifetime_of

HOSTS = 64
"""Assumed: the last part of a VM's id numbers a host."""
DEFAULT_MEMORY_MB, DEFAULT_VCPUS = 512, 1
"""Assumed: what a VM has where nobody says."""
SSH_HOST = "instavm.dev"
"""Observed: the host that the command line of instavm 0.26.1 connects to by default."""
SESSIONS = "sessions"
SESSION_KIND = Kind("created_at", "session_id", schema="Session", files=lambda life: life.document["vm_id"])

VM_ID = re.compile(r"vmid-([a-z0-9]{8})-([1-9]|[1-5][0-9]|6[0-4])")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
LETTERS = 8
HEAD = 6
"""Bytes of a session's id that hold the id of its VM."""


class Session(NamedTuple):
    """A session with the VM that it has now (None: it is gone), and its document, if one is stored."""

    session_id: str
    created_at: str
    vm: Record | None
    record: Record | None

    @property
    def lives(self) -> bool:
        return self.vm is not None and self.vm.document["status"] not in OVER


# Ids


def vm_id_of(source: Mint) -> str:
    return f"vmid-{source.letters('vm', LETTERS)}-{1 + source.below('host', HOSTS)}"


def _digest(text: bytes, size: int) -> bytes:
    return hashlib.sha256(b"instavm session " + text).digest()[:size]


def first_session(vm_id: str) -> str | None:
    """The session that came with a VM; None for an id of another form, as one that was put in by hand may have."""
    match = VM_ID.fullmatch(vm_id)
    if match is None:
        return None
    plain = (int(match[1], 36) * HOSTS + int(match[2]) - 1).to_bytes(HEAD, "big")
    found = _digest(plain, 16 - HEAD)
    # The bits that say that it is a UUID of version 4.
    tail = bytes((found[0] & 0x0F | 0x40, found[1], found[2] & 0x3F | 0x80)) + found[3:]
    head = int.from_bytes(plain, "big") ^ int.from_bytes(_digest(tail, HEAD), "big")
    text = (head.to_bytes(HEAD, "big") + tail).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def first_vm(session_id: str) -> str | None:
    """The other way around: the id that a VM would have with which this session came."""
    try:
        raw = UUID(session_id).bytes
    except ValueError:
        return None
    plain = bytes(one ^ other for one, other in zip(raw[:HEAD], _digest(raw[HEAD:], HEAD), strict=True))
    word, host = divmod(int.from_bytes(plain, "big"), HOSTS)
    text = ""
    for _ in range(LETTERS):
        word, digit = divmod(word, len(DIGITS))
        text = DIGITS[digit] + text
    vm_id = f"vmid-{text}-{host + 1}"
    return vm_id if first_session(vm_id) == session_id else None


# Finding


def find_vm(view: View, vm_id: str) -> Record:
    """A VM of the caller's account; nobody is told of another's."""
    record = find_record(view, view.caller.home, vm_id)
    if record is None:
        raise not_found("VM not found")
    return record


def find_session(view: View, session_id: str) -> Session | None:
    """A session of the caller's account."""
    tenant = view.caller.home
    record = find_record(view, tenant, session_id, SESSIONS)
    if record is not None:
        vm = find_record(view, tenant, record.document["vm_id"])
        return Session(session_id, record.document["created_at"], vm, record)
    vm_id = first_vm(session_id)
    vm = None if vm_id is None else find_record(view, tenant, vm_id)
    if vm is None or session_of(vm) != session_id:
        return None
    return Session(session_id, vm.document["started_at"], vm, None)


def known_session(view: View, session_id: str) -> Session:
    session = find_session(view, session_id)
    if session is None:
        raise not_found("Session not found")
    return session


def session_of(record: Record) -> str | None:
    """The id of a VM's session; None for one that was put in with an id of another form."""
    kept: str | None = record.kept.get("session")
    return kept or first_session(record.identity)


# Making


def given_in(body: Document | None) -> Document:
    """What a body says; a member that is null says nothing."""
    return {name: value for name, value in (body or {}).items() if value is not None}


def begin_vm(view: View, wish: Document, session_id: str | None, *, template: str | None = None) -> Record:
    """A VM that has just come into being, for this session or with one of its own."""
    caller = view.caller
    seconds = wish.get("vm_lifetime_seconds", DEFAULT_LIFETIME_SECONDS)
    vm_id = vm_id_of(mint(view, caller.home, "vm"))
    document = {
        "sandbox_id": vm_id,
        "template_id": template,
        "name": template or "default",
        "metadata": wish.get("metadata", {}),
        "started_at": naive(view.now),
        "end_at": naive(view.now + seconds * SECOND),
        "status": "creating",
    }
    kept = {name: wish[name] for name in FACTS if name in wish}
    kept |= {SINCE: view.now, "lifetime": seconds}
    if session_id is not None:
        kept["session"] = session_id
    if view.outcome:
        kept[OUTCOME] = view.outcome
    life = Life(document, kept)
    return Record(life, caller.user, caller.home, vm_id)


def equip(view: View, vm_id: str, wish: Document) -> tuple[Callable[[], None], ...]:
    """What gives a new VM the environment variables that somebody wants for it. Assumed: one that is no text counts as
    its JSON, and one that is null is none. They may be secrets, so no document has them."""
    given = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in given_in(wish.get("env")).items()
    }
    return (partial(view.guest(vm_id).set_variables, given),) if given else ()


def advance(record: Record, life: Life, machine: Machine, view: View, *, wait: bool) -> Fired:
    """What a document that has just come into a state is to everybody. Whoever waits is answered when its passing
    states have passed: the fake does not let them wait for that, but tells them how it will be. Where passing states
    wait for somebody, so would they, and they are told how it is."""
    settled = machine.settle(life, view.now) if wait and view.transitions != "manual" else life
    return follow(record, machine, settled, view)


def bind(view: View, session_id: str, vm_id: str, *, session: Session | None = None) -> Write:
    """The write by which a session has this VM from now on."""
    known = None if session is None else session.record
    created = naive(view.now) if session is None else session.created_at
    document = {"session_id": session_id, "vm_id": vm_id, "created_at": created}
    if known is not None:
        return known.after(Life(document, known.kept)).put()
    caller = view.caller
    return Record(Life(document, {}), caller.user, caller.home, session_id, kind=SESSIONS).put()


# Showing


def show_vm(record: Record) -> Document:
    """The record of a VM, from its row in the listing and what is kept beside it."""
    document, kept = record.life
    return {
        "vm_id": document["sandbox_id"],
        "session_id": session_of(record),
        "status": document["status"],
        "created_at": document["started_at"],
        "expires_at": document.get("end_at"),
        "ssh_host": SSH_HOST if document["status"] in RUNNING else None,
        "snapshot_id": document.get("template_id"),
        "image_variant": kept.get("image_variant", "standard"),
        "memory_mb": kept.get("memory_mb", DEFAULT_MEMORY_MB),
        "vcpu_count": kept.get("vcpu_count", DEFAULT_VCPUS),
        "vm_lifetime_seconds": lifetime_of(document, kept),
        "auto_suspend": kept.get("auto_suspend", False),
        "auto_resume": kept.get("auto_resume", False),
        "snapshot_on_terminate": kept.get("snapshot_on_terminate", False),
        "snapshot_name": kept.get("snapshot_name"),
        "volumes": kept.get("volumes", []),
        "vault_ids": kept.get("vault_ids", []),
        "metadata": document["metadata"],
    }


def shown(fired: Fired) -> Document:
    """The record of a VM after an event that leaves it there."""
    assert fired.shown is not None
    return show_vm(fired.shown)
