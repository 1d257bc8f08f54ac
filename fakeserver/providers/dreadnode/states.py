"""How Dreadnode's sandboxes and environments live: a table of each, and what a running sandbox uses up.

A runtime has no table of its own: it is idle without a sandbox, and otherwise what its sandbox is.
"""

from __future__ import annotations

from fakeserver.provider import (
    BEHIND,
    SECOND,
    Document,
    Machine,
    Moment,
    Problem,
    Transition,
    at,
    conflict,
    instant,
    on_clock,
)

PAUSING = "e2b"
"""The compute provider whose sandboxes can be paused."""
CREDIT_SECONDS = 18
"""A thousand credits buy about five hours (Observed: the SDK's documentation)."""
BILLING_SECONDS = 600
BUILD_SECONDS = 8
"""Assumed: how long a task's image is built, under the setting `transitions: clock`."""
PROVISION_SECONDS = 4
"""Assumed: how long a provider takes to bring a sandbox up, as above."""
DEFAULT_SECONDS = 3_600
"""Assumed: how long a session lasts where nobody has said so."""
HOST = "sandboxes.example"
"""Assumed: below which name sandboxes are reached; nobody can own it (RFC 2606)."""
UNMADE = ("building", "provisioning")
ENVIRONMENT_STATES = (*UNMADE, "ready", "paused", "failed")
"""The states that an environment may be torn down in."""


# Sandboxes


def account(earlier: int, started: int, until: int, *, running: bool) -> Document:
    """Runtime and credits of a sandbox whose session began at `started`; credits are deducted every ten minutes and
    at the end of a session."""
    session = (until - started) // SECOND
    settled = session // BILLING_SECONDS * BILLING_SECONDS if running else session
    billed = (earlier + settled) // CREDIT_SECONDS
    total = (earlier + session) // CREDIT_SECONDS
    return {
        "total_runtime_seconds": earlier + session,
        "billed_credits": billed,
        "running_credits": total - billed,
        "estimated_total_credits": total,
        "last_credit_deduction_at": at(started + settled * SECOND) if billed else None,
    }


def meter(document: Document, then: int, now: int) -> Document:
    """A running sandbox costs credits."""
    return {**document, **account_of(document, then, now, running=True)}


def account_of(document: Document, then: int, now: int, *, running: bool) -> Document:
    """The account of a sandbox at `now` whose figures were right `then`."""
    started_at = document.get("last_started_at")
    if started_at is None:
        return {}
    started = instant(started_at)
    earlier = max(0, document["total_runtime_seconds"] - max(0, then - started) // SECOND)
    return account(earlier, started, now, running=running)


def expiry(document: Document, kept: Document, since: int) -> int | None:
    """When a sandbox that was ever started expires."""
    expires = document.get("expires_at")
    return None if expires is None or document.get("last_started_at") is None else on_clock(expires, kept)


def expiry_to_pause(document: Document, kept: Document, since: int) -> int | None:
    return expiry(document, kept, since) if document["provider"] == PAUSING else None


def expiry_to_kill(document: Document, kept: Document, since: int) -> int | None:
    return None if document["provider"] == PAUSING else expiry(document, kept, since)


def stop(moment: Moment) -> Document:
    """A session ends. What was seeded, or put in by hand, has lived by a clock behind the running one until now."""
    then = moment.now - moment.kept.get(BEHIND, 0)
    account = account_of(moment.document, then, moment.now, running=False)
    return {**account, "stopped_at": at(moment.now)}


def pause(moment: Moment) -> Document:
    return {**stop(moment), "pause_reason": "user"}


def time_out(moment: Moment) -> Document:
    return {**stop(moment), "pause_reason": "timeout"}


def resume(moment: Moment) -> Document:
    """A new session of the length that was configured for the first one."""
    now, limit = moment.now, int(moment.kept.get("limit", DEFAULT_SECONDS))
    return {
        "last_started_at": at(now),
        "stopped_at": None,
        "pause_reason": None,
        "expires_at": at(now + limit * SECOND),
        **account(moment.document["total_runtime_seconds"], now, now, running=True),
    }


def extend(moment: Moment) -> Document:
    """Its expiry moves, to the instant that the event brings along."""
    return {"expires_at": at(moment.given["until"])}


def kill(moment: Moment) -> Document:
    return {**stop(moment), "killed_at": at(moment.now)}


def kill_paused(moment: Moment) -> Document:
    """Its session ended when it was paused."""
    return {"pause_reason": None, "killed_at": at(moment.now)}


def refuse_event(state: str, event: str) -> Problem:
    """Assumed: the sentence."""
    return conflict(f"Cannot {event} a sandbox that is {state}")


MACHINE = Machine(
    "state",
    (
        Transition("pause", ("running",), "paused", pause, note="by the runtime's owner, on e2b"),
        Transition("resume", ("paused",), "running", resume, note="by the runtime's owner"),
        Transition("extend", ("running",), "running", extend, note="by the runtime's owner"),
        Transition("expire", ("running",), "paused", time_out, due=expiry_to_pause, note="on e2b"),
        Transition("expire", ("running",), "killed", kill, due=expiry_to_kill, note="elsewhere"),
        Transition("kill", ("running",), "killed", kill, note="by whoever sees it"),
        Transition("kill", ("paused",), "killed", kill_paused, note="by whoever sees it"),
    ),
    conflict=refuse_event,
    meters={"running": meter},
    facts={"limit": int, "requested": int, "environment": str},
    ended=frozenset({"killed"}),
)


# Environments


def go_further(moment: Moment) -> Document:
    return {"updated_at": at(moment.now)}


def become_ready(moment: Moment) -> Document:
    """Assumed: one service, which is called target."""
    host = f"{moment.document['id']}.{HOST}"
    services = {"target": {"url": f"https://{host}", "host": host, "port": 443}}
    return {**go_further(moment), "service_urls": services}


def fail_to_build(moment: Moment) -> Document:
    """Observed: documentation inside dreadnode SDK 2.0.51, how the sentence begins."""
    return {**go_further(moment), "error": f"task build failed: {moment.document['task_ref']} did not compile"}


def fail_to_provision(moment: Moment) -> Document:
    """As above."""
    return {**go_further(moment), "error": "BadGatewayError: the sandbox provider rejected the sandbox"}


def tear_down(moment: Moment) -> Document:
    return {**go_further(moment), "service_urls": None, "error": None}


ENVIRONMENT = Machine(
    "state",
    (
        Transition("build", ("building",), "provisioning", go_further, seconds=BUILD_SECONDS),
        Transition("build", ("building",), "failed", fail_to_build, seconds=BUILD_SECONDS, outcome="build_failed"),
        Transition("provision", ("provisioning",), "ready", become_ready, seconds=PROVISION_SECONDS),
        Transition(
            "provision",
            ("provisioning",),
            "failed",
            fail_to_provision,
            seconds=PROVISION_SECONDS,
            outcome="provision_failed",
        ),
        Transition(
            "expire",
            ("ready",),
            "paused",
            go_further,
            due=lambda document, kept, since: on_clock(document["expires_at"], kept),
            note="with its sandbox",
        ),
        Transition("tear_down", ENVIRONMENT_STATES, "torn_down", tear_down, note="by its owner, or with its sandbox"),
    ),
    conflict=lambda state, event: conflict(f"The environment is {state}"),
    facts={"sandbox": str},
    ended=frozenset({"torn_down", "failed"}),
)
