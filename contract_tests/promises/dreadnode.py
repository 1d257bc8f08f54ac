"""Dreadnode: what reference pages 000 and 001 promise."""

from __future__ import annotations

from contract_tests.outcome import Row, Tier
from contract_tests.promises.form import (
    CURSOR,
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

# Dreadnode: reference pages 000 and 001.


def dreadnode_keeps(query: Pairs) -> Keeps:
    states = {piece for text in texts(query, "state") for piece in text.split(",") if piece}
    project = texts(query, "project_id")

    def keeps(row: Row) -> bool:
        return (not states or row.get("state") in states) and (
            not project or row.get("project_id") == project[-1].lower()
        )

    return keeps


DREADNODE_ROWS = (
    Invariant(
        "killed_at exactly when killed",
        Tier.SHOULD,
        lambda row: when(
            (row.get("state") == "killed") != (row.get("killed_at") is not None),
            f"state is {row.get('state')} and killed_at is {row.get('killed_at')}",
        ),
    ),
    Invariant(
        "pause_reason exactly when paused",
        Tier.SHOULD,
        lambda row: when(
            present(row, "pause_reason") and (row["state"] == "paused") != (row["pause_reason"] is not None),
            f"state is {row.get('state')} and pause_reason is {row.get('pause_reason')}",
        ),
    ),
    Invariant(
        "stopped_at exactly when not running",
        Tier.SHOULD,
        lambda row: when(
            present(row, "stopped_at") and (row["state"] == "running") != (row["stopped_at"] is None),
            f"state is {row.get('state')} and stopped_at is {row.get('stopped_at')}",
        ),
    ),
    Invariant(
        "a project has its id, key and name, or none of them",
        Tier.SHOULD,
        lambda row: when(
            len({row.get(name) is None for name in ("project_id", "project_key", "project_name")}) > 1,
            "project_id, project_key and project_name are not all set or all null",
        ),
    ),
    Invariant(
        "a workspace has its id and key, or neither",
        Tier.SHOULD,
        lambda row: when(
            present(row, "workspace_id") and (row["workspace_id"] is None) != (row.get("workspace_key") is None),
            "only one of workspace_id and workspace_key is set",
        ),
    ),
    Invariant(
        "estimated credits are billed and running credits together",
        Tier.SHOULD,
        lambda row: when(
            present(row, "estimated_total_credits", "billed_credits", "running_credits")
            and row["estimated_total_credits"] != row["billed_credits"] + row["running_credits"],
            f"{row.get('billed_credits')} + {row.get('running_credits')} is not {row.get('estimated_total_credits')}",
        ),
    ),
    Invariant(
        "created, started and stopped in that order",
        Tier.SHOULD,
        lambda row: (
            ordered(row, "created_at", "last_started_at", "stopped_at")
            or ordered(row, "last_started_at", "expires_at")
            or ordered(row, "created_at", "killed_at")
        ),
    ),
    Invariant(
        "seconds and credits are not negative",
        Tier.SHOULD,
        lambda row: negative(
            row, "total_runtime_seconds", "billed_credits", "running_credits", "estimated_total_credits"
        ),
    ),
)

DREADNODE = Listing(
    slug="dreadnode",
    page="000",
    path="/api/v1/org/{org}/sandboxes",
    items="items",
    identity="id",
    created="created_at",
    paging=Paging(CURSOR, "limit", 50, 100),
    filters=frozenset({"state", "project_id"}),
    keeps=dreadnode_keeps,
    invariants=DREADNODE_ROWS,
    statuses=frozenset({400, 401, 403, 404, 409, 422, 426, 429, 500, 502, 504}),
    facets="/api/v1/org/{org}/sandboxes/facets",
)
