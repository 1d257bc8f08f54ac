"""The states of Superserve's sandboxes, snapshots and builds of templates, as tables, and what comes of each."""

from __future__ import annotations

from collections.abc import Mapping

from fakeserver.provider import (
    ABSENT,
    GONE,
    SECOND,
    Document,
    Instant,
    Machine,
    Moment,
    Problem,
    Transition,
    at,
    conflict,
    named_uuid,
    on_clock,
)

BOOT_SECONDS, PAUSE_SECONDS, RESUME_SECONDS = 3, 2, 5
"""Assumed: how long a sandbox starts, is paused, and is restored."""
QUEUE_SECONDS, BUILD_SECONDS, SAVE_SECONDS = 2, 20, 8
"""Assumed: how long a build waits, builds, and is saved."""
CAPTURE_SECONDS = 4
"""Assumed: how long a snapshot takes."""
MIB = 2**20
PASSING = ("starting", "pausing", "resuming", "migrating")
"""States in which a sandbox is not deleted."""
IN_FLIGHT = ("pending", "building", "snapshotting")
"""States of a build that is not over."""
CANCELLED = "cancelled by user"
SURROUNDINGS: Mapping[str, type] = {"image": str, "env_vars": dict, "workdir": str, "user": str}
"""What commands find in a sandbox: from its template, and of variables also from the request that made it."""
BUILD_FAILED = "build_failed: step 1/1 failed after 3s: exited with code 1"
"""Assumed, in the form that the provider's server documents: what a failed build says."""


def written(instant: int) -> str:
    """An instant as Go writes it: RFC 3339 without zeros at the end of the fraction, or without a fraction."""
    return at(instant)[:-1].rstrip("0").rstrip(".") + "Z"


def in_seconds(instant: int) -> str:
    """An instant as templates and builds have it: whole seconds."""
    return written(instant // SECOND * SECOND)


# Sandboxes


def cap(document: Document, kept: Document, since: int) -> int | None:
    """When an active sandbox has used up its time: from its creation, or from when it was last resumed."""
    seconds: int | None = document.get("timeout_seconds")
    if seconds is None:
        return None
    start: int = kept["activated"] if "activated" in kept else on_clock(document["created_at"], kept)
    return start + seconds * SECOND


def auto_deletion(document: Document, kept: Document, since: int) -> int | None:
    """When a paused sandbox is deleted by itself: as said, or else so long after it paused."""
    if "auto_delete_at" not in kept and "auto_delete_seconds" in kept:
        return since + int(kept["auto_delete_seconds"]) * SECOND
    instant: int | None = kept.get("auto_delete_at")
    return instant


def activate(moment: Moment) -> Document:
    return {"activated": moment.now, "auto_delete_at": ABSENT}


def arm(moment: Moment) -> Document:
    """The auto-deletion counts from here."""
    seconds = moment.kept.get("auto_delete_seconds")
    return {} if seconds is None else {"auto_delete_at": moment.now + seconds * SECOND}


def snapshot(moment: Moment) -> Document:
    return {"snapshot_id": named_uuid(f"{moment.document['id']} {moment.now}")}


def sandbox_conflict(state: str, event: str) -> Problem:
    return conflict("Sandbox is not in a valid state for this operation")


MACHINE = Machine(
    "status",
    (
        Transition(
            "booted", ("starting",), "active", keeps=activate, seconds=BOOT_SECONDS, note="its timeout counts from here"
        ),
        Transition("boot failed", ("starting",), "failed", seconds=BOOT_SECONDS, outcome="boot_failed"),
        Transition("pause", ("active",), "pausing"),
        Transition("time out", ("active",), "pausing", due=cap, note="after timeout_seconds of being active"),
        Transition("paused", ("pausing",), "paused", snapshot, arm, seconds=PAUSE_SECONDS, note="a new snapshot_id"),
        Transition("pause failed", ("pausing",), "active", seconds=PAUSE_SECONDS, outcome="pause_failed"),
        Transition("VM lost", ("pausing",), "failed", seconds=PAUSE_SECONDS, outcome="vm_lost"),
        Transition("resume", ("paused",), "resuming"),
        Transition(
            "resumed",
            ("resuming",),
            "active",
            keeps=activate,
            seconds=RESUME_SECONDS,
            note="its timeout counts from here",
        ),
        Transition("resume failed", ("resuming",), "paused", seconds=RESUME_SECONDS, outcome="resume_failed"),
        Transition("migrated", ("migrating",), "active", seconds=RESUME_SECONDS),
        Transition(
            "auto-delete", ("paused",), GONE, due=auto_deletion, note="after auto_delete_seconds of being paused"
        ),
        Transition("delete", ("active", "paused", "failed"), GONE),
        Transition("delete stale", PASSING, GONE, note="after 15 minutes in such a state"),
    ),
    conflict=sandbox_conflict,
    ended=frozenset({"failed"}),
    facts={
        "activated": Instant,
        "auto_delete_seconds": int,
        "auto_delete_at": Instant,
        "preview_access": str,
        "template": str,
        "source_snapshot": str,
        "disk_mib": int,
        **SURROUNDINGS,
    },
)


# Snapshots


def captured(moment: Moment) -> Document:
    return {"size_bytes": moment.document["resources"]["memory_mib"] * MIB, "ready_at": written(moment.now)}


def snapshot_conflict(state: str, event: str) -> Problem:
    return conflict("snapshot is still being created")


SNAPSHOTS = Machine(
    "status",
    (
        Transition("captured", ("creating",), "ready", captured, seconds=CAPTURE_SECONDS, note="size_bytes, ready_at"),
        Transition("capture failed", ("creating",), "failed", seconds=CAPTURE_SECONDS, outcome="capture_failed"),
        # What was deleted is kept, and found by its idempotency key alone.
        Transition("delete", ("ready", "failed"), "deleting", note="no read shows it any more"),
    ),
    conflict=snapshot_conflict,
    facts={"idempotency_key": str, "timeout_seconds": int, "network": dict, **SURROUNDINGS},
)


# Templates and their builds


def started(moment: Moment) -> Document:
    return {"started_at": in_seconds(moment.now)}


def finished(moment: Moment) -> Document:
    return {"finalized_at": in_seconds(moment.now)}


def failed(moment: Moment) -> Document:
    return {"finalized_at": in_seconds(moment.now), "error_message": BUILD_FAILED}


def cancelled(moment: Moment) -> Document:
    return {"finalized_at": in_seconds(moment.now), "error_message": CANCELLED}


BUILDS = Machine(
    "status",
    (
        Transition("dispatched", ("pending",), "building", started, seconds=QUEUE_SECONDS, note="started_at"),
        Transition("built", ("building",), "snapshotting", seconds=BUILD_SECONDS),
        Transition("build failed", ("building",), "failed", failed, seconds=BUILD_SECONDS, outcome="build_failed"),
        Transition(
            "saved",
            ("snapshotting",),
            "ready",
            finished,
            seconds=SAVE_SECONDS,
            note="finalized_at; the template is ready",
        ),
        Transition("cancel", IN_FLIGHT, "cancelled", cancelled, note="finalized_at, error_message"),
    ),
    facts={"number": int, "image": str, "steps": int},
)
TEMPLATES = Machine(
    "status",
    (
        Transition(
            "delete",
            ("pending", "building", "ready", "failed"),
            GONE,
            note="its builds go with it; what leads to the other states are those of its builds",
        ),
    ),
    facts={"build_spec_hash": str, "steps": int, **SURROUNDINGS},
)
"""A template is what its builds made of it; those of the provider were never built."""
