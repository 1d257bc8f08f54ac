"""How Prime's sandboxes live: one table, from the wish for a sandbox to its end."""

from __future__ import annotations

from fakeserver.provider import (
    SECOND,
    SINCE,
    Document,
    Instant,
    Machine,
    Moment,
    Problem,
    Record,
    Transition,
    at,
    conflict,
    on_clock,
)

QUEUE_SECONDS = 20
BOOT_SECONDS = 40
"""Assumed: how long a sandbox waits for its place, and how long it boots."""
PAUSE_SECONDS = RESUME_SECONDS = 5
"""Observed: the provider's documentation, "a few seconds later"."""
OUT_OF_MEMORY = ("OOM_KILLED", "The sandbox ran out of memory", 137)
NO_IMAGE = ("IMAGE_PULL_FAILED", "The image could not be pulled", None)
LOST = ("SANDBOX_NOT_FOUND", "The sandbox could not be restored and is no longer present on its node", None)
FAILURES = (OUT_OF_MEMORY, NO_IMAGE)
"""Observed: the types that prime-sandboxes 0.5.1 knows of a sandbox that failed. Assumed: message and exit code."""
TIMED_OUT = {"errorType": "TIMEOUT", "errorMessage": "The sandbox reached its timeout", "exitCode": None}
IDLED_OUT = {"errorType": "TIMEOUT", "errorMessage": "The sandbox reached its idle timeout", "exitCode": None}
"""Observed: the type that prime-sandboxes 0.5.1 takes for its timeout error. Assumed: the rest."""
NOT_PAUSED = "The sandbox could not be paused and is still running"
NOT_RESUMED = "The sandbox could not be resumed and is still paused"
"""Observed: the provider's documentation, either leaves a message. Assumed: its text."""

UNREACHABLE, PAUSING, RESUMING = "unreachable", "pausing", "resuming"
"""States that the wire has no word for: RUNNING, but no gateway leads there; and on the way between two others."""
UP = ("RUNNING", UNREACHABLE, PAUSING)
"""What shows as RUNNING."""
PAUSED_FOR, ACTIVE, GENERATION, APPLIED, ORDERED = "paused_for", "active", "generation", "applied", "ordered"
"""Kept beside a sandbox: for how long it was paused so far and when somebody last used it (microseconds); how many
egress policies it was given, which of them is in force, and when the last one was ordered."""


def place(moment: Moment) -> Document:
    return {"updatedAt": at(moment.now), "kubernetesJobId": job_of(moment.document)}


def job_of(document: Document) -> str:
    """What the sandbox is called where it runs."""
    found: str = document.get("kubernetesJobId") or f"sandbox-{document['id'][-12:]}"
    return found


def start(moment: Moment) -> Document:
    return {"startedAt": at(moment.now), "updatedAt": at(moment.now)}


def fail(failure: tuple[str, str, int | None], moment: Moment) -> Document:
    kind, message, code = failure
    return {"updatedAt": at(moment.now), "errorType": kind, "errorMessage": message, "exitCode": code}


def terminate(moment: Moment) -> Document:
    return {"terminatedAt": at(moment.now), "updatedAt": at(moment.now)}


def say(message: str | None, moment: Moment) -> Document:
    return {"updatedAt": at(moment.now), "errorMessage": message}


def use(moment: Moment) -> Document:
    return {ACTIVE: moment.now}


def settle_policy(moment: Moment) -> Document:
    """Whatever was ordered while the sandbox ran is in force when it is paused."""
    return {APPLIED: moment.kept[GENERATION]} if GENERATION in moment.kept else {}


def return_to_work(moment: Moment) -> Document:
    """Time in which it was paused counts neither for its timeout nor as idle. A seeded one says itself since when."""
    since = min(moment.kept.get(SINCE, moment.now), on_clock(moment.document["updatedAt"], moment.kept))
    return {PAUSED_FOR: moment.kept.get(PAUSED_FOR, 0) + max(0, moment.now - since), ACTIVE: moment.now}


def deadline(document: Document, kept: Document, since: int) -> int | None:
    """When a running sandbox has run for as long as it may; Observed: never, if its timeout is negative."""
    minutes: int = document["timeoutMinutes"]
    started = document.get("startedAt")
    if started is None or minutes <= 0:
        return None
    return on_clock(started, kept) + minutes * 60 * SECOND + int(kept.get(PAUSED_FOR, 0))


def idle_deadline(document: Document, kept: Document, since: int) -> int | None:
    """When nobody has used a running sandbox for as long as it may wait."""
    minutes: int | None = document.get("idleTimeoutMinutes")
    started = document.get("startedAt")
    if started is None or minutes is None:
        return None
    return max(on_clock(started, kept), int(kept.get(ACTIVE, 0))) + minutes * 60 * SECOND


def refuse(state: str, event: str) -> Problem:
    """Assumed: the text. Observed: prime-sandboxes 0.5.1 takes a 409 for a sandbox in the wrong state."""
    shown = SHOWN.get(state, state)
    if state in (PAUSING, RESUMING):
        return conflict(f"The sandbox is already {state}")
    wanted = {"pause": "RUNNING", "resume": "PAUSED"}.get(event, "active")
    return conflict(f"The sandbox is {shown}; to {event} it, it must be {wanted}")


SHOWN = {UNREACHABLE: "RUNNING", PAUSING: "RUNNING", RESUMING: "PAUSED"}

MACHINE = Machine(
    "status",
    (
        Transition("placed", ("PENDING",), "PROVISIONING", place, seconds=QUEUE_SECONDS),
        Transition(
            "failed", ("PENDING",), "ERROR", lambda moment: fail(NO_IMAGE, moment),
            seconds=QUEUE_SECONDS, outcome="image_not_found",
        ),
        Transition("booted", ("PROVISIONING",), "RUNNING", start, use, seconds=BOOT_SECONDS),
        Transition("booted", ("PROVISIONING",), UNREACHABLE, start, use, seconds=BOOT_SECONDS, outcome="unreachable"),
        Transition(
            "failed", ("PROVISIONING",), "ERROR", lambda moment: fail(OUT_OF_MEMORY, moment),
            seconds=BOOT_SECONDS, outcome="error",
        ),
        Transition(
            "timed out", ("PROVISIONING",), "TERMINATED",
            lambda moment: start(moment) | terminate(moment) | TIMED_OUT,
            seconds=BOOT_SECONDS, outcome="timeout",
        ),
        Transition("timed out", UP, "TERMINATED", lambda moment: terminate(moment) | TIMED_OUT, due=deadline),
        Transition("idled out", UP, "TERMINATED", lambda moment: terminate(moment) | IDLED_OUT, due=idle_deadline),
        Transition(
            "pause", ("RUNNING", UNREACHABLE), PAUSING, lambda moment: say(None, moment), settle_policy,
            note="VM sandboxes only",
        ),
        Transition("use", ("RUNNING",), "RUNNING", None, use, note="commands and files, where it has an idle timeout"),
        Transition("paused", (PAUSING,), "PAUSED", lambda moment: say(None, moment), seconds=PAUSE_SECONDS),
        Transition(
            "failed", (PAUSING,), "RUNNING", lambda moment: say(NOT_PAUSED, moment),
            seconds=PAUSE_SECONDS, outcome="pause_failed",
        ),
        Transition("resume", ("PAUSED",), RESUMING, lambda moment: say(None, moment), return_to_work),
        Transition("resumed", (RESUMING,), "RUNNING", lambda moment: say(None, moment), seconds=RESUME_SECONDS),
        Transition(
            "failed", (RESUMING,), "PAUSED", lambda moment: say(NOT_RESUMED, moment),
            seconds=RESUME_SECONDS, outcome="resume_failed",
        ),
        Transition(
            "failed", (RESUMING,), "ERROR", lambda moment: fail(LOST, moment),
            seconds=RESUME_SECONDS, outcome="lost",
        ),
        Transition(
            "delete", ("PENDING", "PROVISIONING", *UP, "PAUSED", RESUMING, "ERROR"), "TERMINATED", terminate,
            note="whoever made it, and admins of its team",
        ),
    ),
    shown=SHOWN,
    conflict=refuse,
    facts={PAUSED_FOR: int, ACTIVE: Instant, GENERATION: int, APPLIED: int, ORDERED: Instant},
    ended=frozenset({"TERMINATED", "ERROR"}),
)  # fmt: skip
"""Observed: the provider's documentation and prime-sandboxes 0.5.1 know these states and failures. Assumed: what a
pause does not use up, and that a failed resume's message goes with the next attempt."""


def is_vm(record: Record) -> bool:
    return record.document.get("vm") is True
