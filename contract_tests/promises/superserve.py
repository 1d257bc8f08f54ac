"""Superserve: a team's sandboxes as a bare array, filtered by metadata pairs (reference page 004)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from contract_tests.promises import (
    TEXTS,
    UNKNOWN,
    Access,
    Choices,
    Closed,
    Colleagues,
    Fake,
    InHeader,
    Invariant,
    Listing,
    OracleQuestion,
    Paging,
    Pairs,
    Promises,
    Questions,
    Refusal,
    Refusals,
    Row,
    Scopes,
    Statement,
    Tags,
    Total,
    ask_each,
    ask_singly,
    drop_repeats,
    fill_exactly,
    pick_frequent,
    pick_odd,
    pick_sizes,
    read_deviations,
    say_if,
    vary,
)
from fakeserver.resources import resource

MOST = 200
MOST_OFFSET = 10**6
LISTED = ("active", "paused", "resuming")
"""The states that a listing holds."""
PREFIX = "metadata."

INVARIANTS = (
    Invariant(
        Statement("what has been paused has a snapshot", quote="ID of the latest snapshot (present after a pause)."),
        lambda row: say_if(
            row.get("status") in ("paused", "resuming") and "snapshot_id" not in row,
            f"status is {row.get('status')} and snapshot_id is absent",
        ),
    ),
    Invariant(
        Statement("a snapshot is there or absent", quote="ID of the latest snapshot (present after a pause)."),
        lambda row: say_if_null(row, "snapshot_id"),
    ),
    Invariant(
        Statement("without a cap there is no timeout", quote="Absent when no cap was configured."),
        lambda row: say_if_null(row, "timeout_seconds"),
    ),
    Invariant(
        Statement(
            "by default there are no network settings", quote="Absent when the sandbox uses default network settings."
        ),
        lambda row: say_if_null(row, "network") or say_if(row.get("network") == {}, "network is empty"),
    ),
    Invariant(
        Statement("Observed: nothing is null (server source: what has no value is left out)."),
        lambda row: next((f"{name} is null" for name, value in row.items() if value is None), ""),
    ),
    Invariant(
        Statement("Assumed: sizes are positive."),
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


def say_if_null(row: Row, name: str) -> str:
    """A sentence where a field is null that is absent when it has no value."""
    return say_if(name in row and row[name] is None, f"{name} is null and not absent")


WINDOW = Statement("Observed: `limit` and `offset` cut a window out of the list (superserve 0.11.4; not on the page).")
FILTERS = (
    Tags(
        parameter="metadata",
        field="metadata",
        noun="pair",
        statement=Statement(
            "`metadata.{key}=value` keeps sandboxes whose metadata has every one of these pairs.",
            quote="Filter sandboxes whose metadata contains an exact {key}: <value> pair. Repeat with different keys "
            "to AND multiple filters.",
        ),
        refusal=Statement("Observed: an empty key, a key given twice and too long ones are a 400 (server source)."),
    ),
    Closed(
        parameter="status",
        field="status",
        noun="status",
        values=LISTED,
        commas=True,
        statement=Statement(
            "Observed: `status` keeps sandboxes in one of these states, separated by commas (superserve 0.11.4; not on "
            "the page)."
        ),
        refusal=Statement("Observed: an unknown `status` is a 400 (server source)."),
    ),
)

LISTING = Listing(
    page="004",
    path="/sandboxes",
    identity="id",
    created="created_at",
    state="status",
    statement=Statement(
        "The list holds all sandboxes of the team.", quote="List of sandboxes belonging to the authenticated team"
    ),
    form=Statement(
        "A row has the fields, types and values that the page shows.",
        quote="Available options: active, paused, resuming",
    ),
    required=Statement("Assumed: which fields are required; the page says it of `metadata` only."),
    always=frozenset({"metadata"}),
    order=Statement("Observed: the newest come first (server source)."),
    ignores=Statement("Observed: query parameters that are not declared are ignored (server source)."),
    # Its newest server searches by `q`.
    unknown=(("no_such_parameter", "1"), ("search", "x")),
    paging=Paging(
        size="limit",
        default=None,
        most=MOST,
        offset="offset",
        total=Total(
            InHeader("X-Total-Count"),
            Statement("Observed: X-Total-Count says how many sandboxes match (server source)."),
        ),
        refuses_more=False,
        empty_is_absent=True,
        statement=WINDOW,
        bounds=Statement("Observed: a `limit` below 1 and an `offset` below 0 are a 400 (server source)."),
    ),
    filters=FILTERS,
    invariants=INVARIANTS,
    statuses=frozenset(),
    row_schema="SandboxResponse",
    odd_parameter="metadata.x",
)


def refusal(body: Any) -> Refusal | None:
    """`error` with a `code`; parameters are named in its `message` only."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return None
    return Refusal(kind=error.get("code"), said=str(error.get("message", "")))


def mine(scope: str, rows: Sequence[Row]) -> Questions:
    metadata = [row["metadata"] for row in rows if isinstance(row.get("metadata"), dict) and row["metadata"]]
    every = [(PREFIX + name, text) for value in metadata for name, text in value.items()]
    marked = [
        pair for text in pick_odd(name + value for name, value in every) for pair in every if pair[0] + pair[1] == text
    ]
    known = list(dict.fromkeys([*pick_frequent(every), *marked]))
    two = [tuple((PREFIX + name, text) for name, text in [*value.items()][:2]) for value in metadata if len(value) > 1]
    several: list[Pairs] = pick_frequent(two)
    states = list(dict.fromkeys([*pick_frequent(str(row["status"]) for row in rows if row.get("status")), *LISTED]))
    limits: list[Pairs] = [(("limit", str(size)),) for size in pick_sizes(rows, "created_at", MOST)]
    offsets: list[Pairs] = [(("offset", str(size)),) for size in pick_sizes(rows, "created_at", MOST_OFFSET)]
    essential = [
        OracleQuestion(scope),
        *metadata_of(scope, known, several),
        *ask_singly(scope, "status", [*states, ",".join(states[:2]), ",".join(states), "starting", ""]),
        *ask_each(scope, ((pair, ("status", state)) for pair in known[:2] for state in states[:2])),
        *ask_each(scope, [*limits, *offsets]),
        *pages_of(scope, known, states),
        *refused(scope, known, states),
    ]
    choices: Choices = {
        "metadata": [*((pair,) for pair in known), *several],
        "status": [(("status", text),) for text in [*states, ",".join(states[:2])]],
        "limit": limits,
        "offset": offsets,
    }
    ends = drop_repeats([fill_exactly(scope, rows, "status", "status", "limit", MOST)])
    return Questions(drop_repeats(essential), choices, scope, ends)


def metadata_of(scope: str, known: Sequence[tuple[str, str]], several: Sequence[Pairs]) -> list[OracleQuestion]:
    """Pairs that are there, alone and together, that are similar, and that are not."""
    first = known[:1]
    turned = [tuple(reversed(pairs)) for pairs in several[:1]]
    sloppy: list[Pairs] = [((name, text),) for name, value in known[:2] for text in vary(value)]
    sloppy += [((PREFIX + name.removeprefix(PREFIX).swapcase(), value),) for name, value in first]
    return [
        *ask_each(scope, ((pair,) for pair in known)),
        *ask_each(scope, [*several, *turned, *sloppy]),
        *ask_each(scope, ((pair, (PREFIX + UNKNOWN, "x")) for pair in first)),
        *ask_each(scope, (((name, text),) for name, _ in first for text in (UNKNOWN, *TEXTS))),
        *ask_each(scope, (((PREFIX + text, "x"),) for text in TEXTS[:7])),
        *ask_each(scope, (((name, f"{value},{UNKNOWN}"),) for name, value in first)),
        *ask_each(scope, (((name, ""),) for name, _ in first)),
    ]


def pages_of(scope: str, known: Sequence[tuple[str, str]], states: Sequence[str]) -> list[OracleQuestion]:
    """Windows behind the first, of the whole list and of filtered ones."""
    return [
        *ask_each(scope, ((("limit", "2"), ("offset", offset)) for offset in ("1", "2", "3"))),
        *ask_each(scope, ((pair, ("limit", "2"), ("offset", "1")) for pair in known[:2])),
        *ask_each(scope, ((("status", state), ("limit", "3"), ("offset", "2")) for state in states[:2])),
    ]


def refused(scope: str, known: Sequence[tuple[str, str]], states: Sequence[str]) -> list[OracleQuestion]:
    """Numbers at and behind their bounds, and values outside of their sets."""
    return [
        *ask_singly(scope, "limit", ("201", "0", "-1", "x", "")),
        *ask_singly(scope, "offset", ("-1", "x", "1000000")),
        *ask_singly(scope, "status", ("NO_SUCH_STATUS", states[0].upper())),
        *ask_singly(scope, PREFIX, ("x",)),
        *ask_each(scope, ((pair, pair) for pair in known[:1])),
    ]


PROMISES = Promises(
    slug="superserve",
    spec=resource("openapi/superserve.yaml"),
    listing=LISTING,
    refusals=Refusals(
        value=400,
        read=refusal,
        kinds={400: ("bad_request",), 401: ("auth_failed",)},
        kind_name="code",
        all_named=False,
    ),
    access=Access(
        headers={
            "X-API-Key": Statement("`X-API-Key` carries the team's key.", quote="X-API-Key string header required")
        },
    ),
    scopes=Scopes(
        apart=Statement(
            "A team is shown its own sandboxes only.", quote="List of sandboxes belonging to the authenticated team"
        )
    ),
    colleagues=Colleagues(
        together=True,
        statement=Statement(
            "Everybody in a team is listed the team's sandboxes.",
            quote="List of sandboxes belonging to the authenticated team",
        ),
    ),
    fake=Fake(home="main"),
    mine=mine,
    deviations=read_deviations(files("contract_tests.promises") / "superserve.deviations.yaml"),
)
