"""The states of InstaVM's machines and snapshots, and what leads from one to another."""

from __future__ import annotations

from fakeserver.provider import (
    ABSENT,
    BEHIND,
    SECOND,
    SINCE,
    Document,
    Json,
    Machine,
    Moment,
    Problem,
    Transition,
    conflict,
    instant,
    naive,
    on_clock,
)

READY_SECONDS = 15
"""Assumed: how long a VM takes to be ready."""
SUSPEND_SECONDS, RESUME_SECONDS = 5, 3
"""Assumed: how long it takes to write memory and disk to a snapshot, and to read them back."""
BUILD_SECONDS = 30
"""Assumed: how long a snapshot takes to be built."""
DEFAULT_LIFETIME_SECONDS = 300
"""Observed: the lifetime that instavm 0.26.1 asks for by default."""

RUNNING = ("creating", "active", "suspending", "resuming")
"""The states of a VM that takes up a host."""
KILLED, FAILED = "killed", "failed"
"""Observed: a VM that could not be provisioned has `failed`, for one, which instavm 0.26.1 gives up on."""
OVER = (KILLED, FAILED)
"""The states that nothing leads out of."""
PROVISIONING_FAILED, SUSPEND_FAILED, RESUME_FAILED = "provisioning_failed", "suspend_failed", "resume_failed"
"""How else than well it can turn out."""


def lifetime_of(document: Document, kept: Document) -> int:
    """The seconds that a VM may run: those that were asked for, or those between its dates."""
    known: int | None = kept.get("lifetime")
    if known is not None:
        return known
    end = document.get("end_at")
    if end is None or document["status"] in OVER:
        return DEFAULT_LIFETIME_SECONDS
    ends = read_instant(end)
    return DEFAULT_LIFETIME_SECONDS if ends is None else max(0, ends - instant(document["started_at"])) // SECOND


def read_instant(text: str) -> int | None:
    """An instant; None where a VM that was put in by hand has something else, as the page leaves it open."""
    try:
        return instant(text)
    except (ValueError, OverflowError):
        return None


def run_time(document: Document, kept: Document, now: int) -> int:
    """The microseconds that a VM has been active, over all times that it was suspended in between."""
    before: int = kept.get("ran", 0)
    if document["status"] == KILLED and "ran" not in kept and document.get("end_at") is not None:
        return max(0, (read_instant(document["end_at"]) or 0) - instant(document["started_at"]))
    if document["status"] != "active":
        return before
    since: int = kept.get(SINCE, on_clock(document["started_at"], kept))
    return before + max(0, now - since)


def end_of(document: Document, kept: Document, since: int) -> int | None:
    """When a VM's time is up."""
    end = document.get("end_at")
    return None if end is None else on_clock(end, kept)


def killed_at(document: Document, kept: Document, since: int) -> int | None:
    return None if kept.get("auto_suspend") else end_of(document, kept, since)


def parked_at(document: Document, kept: Document, since: int) -> int | None:
    return end_of(document, kept, since) if kept.get("auto_suspend") else None


def ended(moment: Moment) -> Document:
    return {"end_at": naive(moment.now)}


def parked(moment: Moment) -> Document:
    return {"end_at": None}


def count_run(moment: Moment) -> Document:
    return {"ran": run_time(moment.document, moment.kept, moment.now)}


def begin_anew(moment: Moment) -> Document:
    """Its whole lifetime is before it."""
    return {"end_at": naive(moment.now + lifetime_of(moment.document, moment.kept) * SECOND)}


def awake(moment: Moment) -> Document:
    """A VM that starts again from its memory, with an id of its own."""
    return {"sandbox_id": moment.given["vm_id"], "started_at": naive(moment.now), **begin_anew(moment)}


def off_clock(moment: Moment) -> Document:
    # Its dates are new, so they are those of the running clock.
    return {BEHIND: ABSENT}


def awake_kept(moment: Moment) -> Document:
    return {**off_clock(moment), "lifetime": lifetime_of(moment.document, moment.kept)}


def park_kept(moment: Moment) -> Document:
    return {**count_run(moment), "lifetime": lifetime_of(moment.document, moment.kept)}


def refuse(state: str, event: str) -> Problem:
    return conflict(f"Cannot {event} a VM that is {state}")


FACTS: dict[str, type[Json]] = {
    "session": str,
    "lifetime": int,
    "ran": int,
    "memory_mb": int,
    "vcpu_count": int,
    "image_variant": str,
    "auto_suspend": bool,
    "auto_resume": bool,
    "snapshot_on_terminate": bool,
    "snapshot_name": str,
    "volumes": list,
    "vault_ids": list,
}
"""What is kept of a VM beside its row in the listing. Environment variables are not: they may be secrets."""

MACHINE = Machine(
    "status",
    (
        Transition("ready", ("creating",), "active", seconds=READY_SECONDS),
        Transition("ready", ("creating",), FAILED, effect=ended, seconds=READY_SECONDS, outcome=PROVISIONING_FAILED),
        Transition("time is up", ("active",), KILLED, keeps=count_run, due=killed_at, note="without auto_suspend"),
        Transition(
            "time is up", ("active",), "suspended", effect=parked, keeps=park_kept, due=parked_at, note="auto_suspend"
        ),
        Transition("suspend", ("active",), "suspending", effect=parked, keeps=park_kept, note="the account"),
        Transition("suspended", ("suspending",), "suspended", seconds=SUSPEND_SECONDS),
        Transition(
            "suspended",
            ("suspending",),
            "active",
            effect=begin_anew,
            keeps=off_clock,
            seconds=SUSPEND_SECONDS,
            outcome=SUSPEND_FAILED,
        ),
        Transition("resume", ("suspended",), "resuming", effect=awake, keeps=awake_kept, note="a new vm_id"),
        Transition("resumed", ("resuming",), "active", seconds=RESUME_SECONDS),
        Transition("resumed", ("resuming",), "suspended", effect=parked, seconds=RESUME_SECONDS, outcome=RESUME_FAILED),
        Transition("kill", (*RUNNING, "suspended"), KILLED, effect=ended, keeps=count_run, note="DELETE or POST /kill"),
    ),
    conflict=refuse,
    facts=FACTS,
    ended=frozenset(OVER),
)

SNAPSHOTS = Machine("status", (Transition("built", ("building",), "ready", seconds=BUILD_SECONDS),))
