"""Superserve: what reference page 004 promises."""

from __future__ import annotations

from contract_tests.outcome import Row, Tier
from contract_tests.promises.form import WHOLE, Invariant, Keeps, Listing, Paging, Pairs, texts, when

# Superserve: reference page 004.


def superserve_keeps(query: Pairs) -> Keeps:
    pairs = [(name.removeprefix("metadata."), text) for name, text in query if name.startswith("metadata.")]
    states = {piece for text in texts(query, "status") for piece in text.split(",") if piece}

    def keeps(row: Row) -> bool:
        metadata = row.get("metadata") or {}
        return all(name in metadata and metadata[name] == text for name, text in pairs) and (
            not states or row.get("status") in states
        )

    return keeps


SUPERSERVE_ROWS = (
    Invariant(
        "what has been paused has a snapshot",
        Tier.MUST,
        lambda row: when(
            row.get("status") in ("paused", "resuming") and "snapshot_id" not in row,
            f"status is {row.get('status')} and snapshot_id is absent",
        ),
    ),
    Invariant(
        "nothing is null",
        Tier.SHOULD,
        lambda row: next((f"{name} is null" for name, value in row.items() if value is None), ""),
    ),
    Invariant(
        "sizes are positive",
        Tier.SHOULD,
        lambda row: next(
            (
                f"{name} is {row[name]}"
                for name in ("vcpu_count", "memory_mib")
                if isinstance(row.get(name), int) and row[name] <= 0
            ),
            "",
        ),
    ),
)

SUPERSERVE = Listing(
    slug="superserve",
    page="004",
    path="/sandboxes",
    items="",
    identity="id",
    created="created_at",
    paging=Paging(WHOLE, "limit", None, 200, refuses_more=False, tier=Tier.SHOULD),
    filters=frozenset({"metadata", "status"}),
    keeps=superserve_keeps,
    invariants=SUPERSERVE_ROWS,
    statuses=frozenset(),
)
