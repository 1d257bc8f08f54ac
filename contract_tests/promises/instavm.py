"""InstaVM: what reference page 002 promises."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from contract_tests.outcome import Tier
from contract_tests.promises.form import (
    LIMITED,
    Invariant,
    Keeps,
    Listing,
    Paging,
    Pairs,
    ordered,
    present,
    texts,
    when,
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


def instavm_keeps(query: Pairs) -> Keeps:
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
