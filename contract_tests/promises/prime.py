"""Prime Intellect: what reference page 003 promises."""

from __future__ import annotations

from contract_tests.outcome import Row, Tier
from contract_tests.promises.form import (
    NUMBERED,
    Invariant,
    Keeps,
    Listing,
    Paging,
    Pairs,
    negative,
    ordered,
    present,
    texts,
    when,
)

# Prime: reference page 003.


def prime_keeps(query: Pairs) -> Keeps:
    labels = texts(query, "labels")
    status, user, team = texts(query, "status"), texts(query, "user_id"), texts(query, "team_id")
    active = [text.lower() in ("true", "1", "yes", "on") for text in texts(query, "is_active")]

    def keeps(row: Row) -> bool:
        return (
            (not status or row.get("status") == status[-1])
            and (not user or row.get("userId") == user[-1])
            and (not team or row.get("teamId") == team[-1])
            and not (active and active[-1] and row.get("status") == "TERMINATED")
            and all(label in (row.get("labels") or ()) for label in labels)
        )

    return keeps


PRIME_ROWS = (
    Invariant(
        "terminatedAt exactly when TERMINATED",
        Tier.SHOULD,
        lambda row: when(
            (row.get("status") == "TERMINATED") != (row.get("terminatedAt") is not None),
            f"status is {row.get('status')} and terminatedAt is {row.get('terminatedAt')}",
        ),
    ),
    Invariant(
        "created, updated, started and terminated in that order",
        Tier.SHOULD,
        lambda row: ordered(row, "createdAt", "updatedAt") or ordered(row, "createdAt", "startedAt", "terminatedAt"),
    ),
    Invariant(
        "an error has a type exactly when its status is ERROR",
        Tier.SHOULD,
        lambda row: when(
            present(row, "errorType") and (row["status"] == "ERROR") != (row["errorType"] is not None),
            f"status is {row.get('status')} and errorType is {row.get('errorType')}",
        ),
    ),
    Invariant(
        "what waits has not started",
        Tier.SHOULD,
        lambda row: when(
            (row.get("status") in ("PENDING", "PROVISIONING")) and row.get("startedAt") is not None,
            f"status is {row.get('status')} and startedAt is {row.get('startedAt')}",
        ),
    ),
    Invariant(
        "what runs has started",
        Tier.SHOULD,
        lambda row: when(
            row.get("status") == "RUNNING" and row.get("startedAt") is None, "status is RUNNING, startedAt is null"
        ),
    ),
    Invariant(
        "sizes and counts are not negative",
        Tier.SHOULD,
        lambda row: negative(row, "cpuCores", "memoryGB", "diskSizeGB", "gpuCount", "timeoutMinutes"),
    ),
    Invariant(
        "no label twice",
        Tier.SHOULD,
        lambda row: when(
            len(set(row.get("labels") or ())) != len(row.get("labels") or ()), f"labels are {row.get('labels')}"
        ),
    ),
)

PRIME = Listing(
    slug="prime",
    page="003",
    path="/api/v1/sandbox",
    items="sandboxes",
    identity="id",
    created="createdAt",
    paging=Paging(NUMBERED, "per_page", 50, 1000),
    filters=frozenset({"team_id", "user_id", "status", "is_active", "labels"}),
    keeps=prime_keeps,
    invariants=PRIME_ROWS,
    statuses=frozenset(),
)
