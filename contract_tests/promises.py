"""What each provider's pages promise about its listing, written down once more from the pages.

This is an independent statement: nothing here knows how the fake does it. A promise about a filter is a predicate on
one row; a promise about pages is a style with its limits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from contract_tests.outcome import Row, Tier

Query = tuple[tuple[str, str], ...]
Keeps = Callable[[Row], bool]

NUMBERED, CURSOR, LIMITED, WHOLE = "numbered", "cursor", "limited", "whole"


@dataclass(frozen=True, slots=True)
class Paging:
    """How a long list is handed out. `most` is the largest page, `default` the one without a parameter."""

    style: str
    size: str = ""
    default: int | None = None
    most: int | None = None
    refuses_more: bool = True
    tier: Tier = Tier.MUST


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that holds for every single row. `wrong` gives a sentence when it does not."""

    name: str
    tier: Tier
    wrong: Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Listing:
    """One provider's listing."""

    slug: str
    page: str
    path: str
    items: str
    """The name of the rows in their envelope; empty for a bare array."""
    identity: str
    created: str
    paging: Paging
    filters: frozenset[str]
    keeps: Callable[[Query], Keeps]
    invariants: tuple[Invariant, ...]
    statuses: frozenset[int]
    """Refusals that the page documents; those that only the spec has are Assumed or Observed."""
    facets: str = ""

    def path_in(self, scope: str) -> str:
        return self.path.replace("{org}", scope)

    def order_key(self, row: Row) -> tuple[float, str]:
        """Newest first, then id (Assumed)."""
        return -instant(row[self.created]), str(row[self.identity])


def instant(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 or naive ISO text; a naive one counts as UTC."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00") if text.endswith("Z") else text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def texts(query: Query, name: str) -> list[str]:
    return [text for each, text in query if each == name]


def present(row: Row, *names: str) -> bool:
    return all(name in row for name in names)


def ordered(row: Row, *names: str) -> str:
    """A sentence when two of these instants are in the wrong order; missing ones are skipped."""
    given = [(name, row[name]) for name in names if row.get(name) is not None]
    for (first, earlier), (second, later) in pairwise(given):
        if instant(earlier) > instant(later):
            return f"{first} ({earlier}) is later than {second} ({later})"
    return ""


def negative(row: Row, *names: str) -> str:
    """A sentence when one of these numbers is below zero; what is no number is the schema's business."""
    below = (name for name in names if isinstance(row.get(name), int | float) and row[name] < 0)
    return next((f"{name} is {row[name]}" for name in below), "")


def when(condition: bool, sentence: str) -> str:
    return sentence if condition else ""


# Prime: reference page 003.


def prime_keeps(query: Query) -> Keeps:
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


# Dreadnode: reference pages 000 and 001.


def dreadnode_keeps(query: Query) -> Keeps:
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


# InstaVM: reference page 002.


def contains(document: Any, query: Any) -> bool:
    """The `@>` operator: every part of the query occurs in the document, at the same place, with the same type."""
    if isinstance(query, dict):
        return isinstance(document, dict) and all(
            name in document and contains(document[name], inner) for name, inner in query.items()
        )
    if isinstance(query, list):
        return isinstance(document, list) and all(any(contains(each, inner) for each in document) for inner in query)
    if isinstance(document, dict | list) or isinstance(document, bool) != isinstance(query, bool):
        return False
    both_numbers = isinstance(document, int | float) and isinstance(query, int | float)
    return bool(document == query) if both_numbers else type(document) is type(query) and bool(document == query)


def instavm_keeps(query: Query) -> Keeps:
    given = texts(query, "metadata")
    wanted = json.loads(given[-1]) if given else {}
    return lambda row: contains(row.get("metadata"), wanted)


INSTAVM_ROWS = (
    Invariant("started before its end", Tier.SHOULD, lambda row: ordered(row, "started_at", "end_at")),
    Invariant(
        'named after its template, otherwise "default"',
        Tier.MUST,
        lambda row: when(
            present(row, "template_id") and row.get("name") != (row["template_id"] or "default"),
            f"name is {row.get('name')!r} and template_id is {row.get('template_id')!r}",
        ),
    ),
    Invariant(
        "instants are naive ISO texts",
        Tier.SHOULD,
        lambda row: next(
            (
                f"{name} is {row[name]!r}"
                for name in ("started_at", "end_at")
                if isinstance(row.get(name), str) and not naive(row[name])
            ),
            "",
        ),
    ),
)


def naive(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is None and "T" in text
    except ValueError:
        return False


INSTAVM = Listing(
    slug="instavm",
    page="002",
    path="/v1/sessions/sandboxes",
    items="",
    identity="sandbox_id",
    created="started_at",
    paging=Paging(LIMITED, "limit", 100, 1000),
    filters=frozenset({"metadata"}),
    keeps=instavm_keeps,
    invariants=INSTAVM_ROWS,
    statuses=frozenset({422}),
)


# Superserve: reference page 004.


def superserve_keeps(query: Query) -> Keeps:
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

LISTINGS: dict[str, Listing] = {each.slug: each for each in (DREADNODE, INSTAVM, PRIME, SUPERSERVE)}


def slugs(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)
