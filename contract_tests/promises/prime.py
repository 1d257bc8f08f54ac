"""Prime Intellect: numbered pages; camelCase rows in a snake_case envelope (reference page 003)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contract_tests.promises import (
    TEXTS,
    UNKNOWN,
    Access,
    AllOf,
    Choices,
    Closed,
    Colleagues,
    Equal,
    Excluding,
    Fake,
    InEnvelope,
    Invariant,
    Listing,
    OracleQuestion,
    Owner,
    Paging,
    Promises,
    Questions,
    Refusal,
    Refusals,
    Row,
    Scopes,
    Statement,
    Total,
    ask_each,
    ask_singly,
    check_not_negative,
    check_order,
    drop_repeats,
    fill_exactly,
    has_all,
    of_fastapi,
    pick_frequent,
    pick_odd,
    pick_sizes,
    say_if,
    vary,
)
from fakeserver.resources import resource

MOST = 1_000
STATUSES = ("RUNNING", "PAUSED", "TERMINATED", "ERROR", "PENDING", "PROVISIONING")

TYPED = {"ERROR": True, "PENDING": False, "PROVISIONING": False, "RUNNING": False}
"""Whether there is an error's type. One that has ended may have failed (TIMEOUT), one that is paused may say why."""

INVARIANTS = (
    Invariant(
        Statement("Assumed: terminatedAt exactly when TERMINATED."),
        lambda row: say_if(
            (row.get("status") == "TERMINATED") != (row.get("terminatedAt") is not None),
            f"status is {row.get('status')} and terminatedAt is {row.get('terminatedAt')}",
        ),
    ),
    Invariant(
        Statement("Assumed: created, updated, started and terminated in that order."),
        lambda row: (
            check_order(row, "createdAt", "updatedAt") or check_order(row, "createdAt", "startedAt", "terminatedAt")
        ),
    ),
    Invariant(
        Statement(
            "Assumed: an error has a type when its status is ERROR, and nothing has one before it failed or ended."
        ),
        lambda row: say_if(
            has_all(row, "errorType")
            and row.get("status") in TYPED
            and TYPED[row["status"]] != (row["errorType"] is not None),
            f"status is {row.get('status')} and errorType is {row.get('errorType')}",
        ),
    ),
    Invariant(
        Statement("Assumed: what waits has not started."),
        lambda row: say_if(
            (row.get("status") in ("PENDING", "PROVISIONING")) and row.get("startedAt") is not None,
            f"status is {row.get('status')} and startedAt is {row.get('startedAt')}",
        ),
    ),
    Invariant(
        Statement("Assumed: what runs has started."),
        lambda row: say_if(
            row.get("status") == "RUNNING" and row.get("startedAt") is None, "status is RUNNING, startedAt is null"
        ),
    ),
    Invariant(
        Statement("Assumed: sizes and counts are not negative."),
        lambda row: check_not_negative(row, "cpuCores", "memoryGB", "diskSizeGB", "gpuCount", "timeoutMinutes"),
    ),
    Invariant(
        Statement("Assumed: no label twice."),
        lambda row: say_if(
            len(set(row.get("labels") or ())) != len(row.get("labels") or ()), f"labels are {row.get('labels')}"
        ),
    ),
)

REFUSED = Statement("Assumed: a caller who may not see a list is refused with a 403.")
OPTIONS = "Available options: PENDING, PROVISIONING, RUNNING, PAUSED, ERROR, TERMINATED"
ADMIN = "When set to another user's ID, the caller must be a team admin of the provided team_id."
FILTERS = (
    AllOf(
        parameter="labels",
        field="labels",
        noun="label",
        statement=Statement(
            "`labels` keeps sandboxes that have every one of these labels.",
            quote="Filter by labels (sandboxes must have ALL specified labels)",
        ),
    ),
    Excluding(
        parameter="is_active",
        field="status",
        noun="active",
        value="TERMINATED",
        statement=Statement(
            "`is_active` leaves out terminated sandboxes.", quote="Filter to exclude terminated sandboxes when True"
        ),
        refusal=Statement("`is_active` takes a boolean and nothing else.", quote="is_active boolean | null"),
        off=Statement("Assumed: `is_active=false` filters nothing; the page says what true does."),
        spelt=Statement("Assumed: `is_active` may be written as pydantic reads a boolean: 1, on, True."),
    ),
    Closed(
        parameter="status",
        field="status",
        noun="status",
        values=STATUSES,
        statement=Statement("`status` keeps sandboxes with this status.", quote="Filter by status"),
        refusal=Statement("`status` takes one of the options and nothing else.", quote=OPTIONS),
    ),
    Owner(
        parameter="user_id",
        field="userId",
        noun="user",
        statement=Statement(
            "`user_id` keeps sandboxes of this user; for others, the caller must administer the given team.",
            quote="Filter by user ID.",
        ),
        closed=Statement("Only an admin of the given team is shown another user's sandboxes.", quote=ADMIN),
        status=REFUSED,
    ),
    Equal(
        parameter="team_id",
        field="teamId",
        noun="team",
        statement=Statement("`team_id` keeps sandboxes of this team.", quote="Filter by team ID"),
    ),
)

LISTING = Listing(
    page="003",
    path="/api/v1/sandbox",
    items="sandboxes",
    identity="id",
    created="createdAt",
    state="status",
    statement=Statement("The list holds the caller's sandboxes.", quote="List Sandboxes"),
    form=Statement(
        "A row has the fields of the page's example, with values of their types.", quote="SandboxResponse · object[]"
    ),
    required=Statement("Observed: which fields are required and which may be null (the provider's OpenAPI)."),
    paging=Paging(
        size="per_page",
        default=50,
        most=MOST,
        number="page",
        total=Total(
            InEnvelope("total"), Statement("`total` counts the sandboxes that match.", quote="total integer required")
        ),
        more="has_next",
        echoes=("page", "per_page"),
        statement=Statement(
            "`page` is counted from 1; `per_page` is 50 by default and 1,000 at most.",
            quote="Page number Required range: x >= 1 … Items per page",
        ),
        bounds=Statement("A number outside of its range is refused.", quote="Required range: 1 <= x <= 1000"),
    ),
    filters=FILTERS,
    invariants=INVARIANTS,
    statuses=frozenset(),
    row_schema="SandboxResponse",
    envelope_schema="SandboxListResponse",
    odd_parameter="labels",
)


def refusal(body: Any) -> Refusal | None:
    """`errors`, each with the parameter as `param`; else FastAPI's dialect."""
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return of_fastapi(body)
    said = " ".join(str(error.get("param")) for error in errors if isinstance(error, dict))
    if not all(isinstance(error, dict) and "param" in error for error in errors):
        return Refusal(names=None, said=said)
    return Refusal(names=frozenset(str(error["param"]).partition(".")[0] for error in errors), said=said)


def mine(scope: str, rows: Sequence[Row]) -> Questions:
    labels = [label for row in rows for label in row.get("labels") or ()]
    known = list(dict.fromkeys([*pick_frequent(labels), *pick_odd(labels)]))
    together = [tuple(row["labels"][:2]) for row in rows if len(row.get("labels") or ()) > 1]
    several = [tuple(("labels", label) for label in pair) for pair in pick_frequent(together)]
    statuses = list(dict.fromkeys([*pick_frequent(row.get("status") for row in rows), *STATUSES]))
    per_page = pick_sizes(rows, "createdAt", MOST)
    third = -(-len(rows) // 3)
    split = ("per_page", str(max(1, third)))
    essential = [
        OracleQuestion(scope),
        *ask_singly(scope, "status", statuses),
        *ask_singly(scope, "is_active", ("true", "false", "1")),
        OracleQuestion(scope, (("is_active", "true"), ("status", "TERMINATED"))),
        *labels_of(scope, rows, known, several, statuses),
        *ask_singly(scope, "per_page", map(str, per_page)),
        *pages_of(scope, known, statuses, split),
        *refused(scope),
    ]
    choices: Choices = {
        "status": [(("status", status),) for status in statuses],
        "is_active": [(("is_active", text),) for text in ("true", "false")],
        "labels": [*((("labels", label),) for label in known), *several],
        "page": [(("page", str(page)),) for page in (1, 2, 3)],
        "per_page": [(("per_page", str(size)),) for size in per_page],
    }
    last = OracleQuestion(scope, (("page", str(-(-len(rows) // third))), split)) if rows else None
    ends = drop_repeats([fill_exactly(scope, rows, "status", "status", "per_page", MOST), last])
    return Questions(drop_repeats(essential), choices, scope, ends)


def labels_of(
    scope: str,
    rows: Sequence[Row],
    known: Sequence[str],
    several: Sequence[tuple[tuple[str, str], ...]],
    statuses: Sequence[str],
) -> list[OracleQuestion]:
    """Labels that are there, alone and together, that are similar, and that are not; and users."""
    users = pick_frequent(str(row["userId"]) for row in rows if row.get("userId"))
    users = users if scope else users[:1]
    turned = [tuple(reversed(pairs)) for pairs in several[:1]]
    joined = [(("labels", ",".join(text for _, text in pairs)),) for pairs in several[:1]]
    threes = [row["labels"][:3] for row in rows if len(row.get("labels") or ()) > 2][:1]
    first = known[:1]
    return [
        *ask_singly(scope, "labels", [*known, UNKNOWN]),
        *ask_each(scope, [*several, *turned, *joined]),
        *ask_singly(scope, "labels", (text for label in known[:2] for text in vary(label))),
        *ask_each(scope, ((("labels", label), ("labels", UNKNOWN)) for label in first)),
        *ask_each(scope, ((("labels", label), ("labels", label)) for label in first)),
        *ask_each(scope, ((("status", status), ("labels", label)) for status in statuses[:2] for label in known[:2])),
        *ask_singly(scope, "user_id", [*users, UNKNOWN]),
        *ask_singly(scope, "labels", TEXTS),
        *ask_each(scope, (tuple(("labels", label) for label in labels) for labels in threes)),
    ]


def pages_of(scope: str, known: Sequence[str], statuses: Sequence[str], split: tuple[str, str]) -> list[OracleQuestion]:
    """Pages behind the first, of the whole list and of filtered ones."""
    return [
        *ask_each(scope, ((("page", page), split) for page in ("2", "3", "4"))),
        *ask_each(scope, ((("status", status), ("per_page", "2"), ("page", "2")) for status in statuses[:2])),
        *ask_each(scope, ((("is_active", "true"), ("per_page", "7"), ("page", page)) for page in ("1", "2"))),
        *ask_each(scope, ((("labels", label), ("per_page", "1"), ("page", "2")) for label in known[:1])),
    ]


def refused(scope: str) -> list[OracleQuestion]:
    """Numbers at and behind their bounds, and values outside of their sets."""
    return [
        *ask_singly(scope, "page", ("2", "1000000", "0", "-1", "x", "1.5")),
        *ask_singly(scope, "per_page", ("0", "1001", "x", "")),
        *ask_singly(scope, "status", ("running", "NO_SUCH_STATUS", "RUNNING ", "RUNNING,PAUSED")),
        *ask_singly(scope, "is_active", ("maybe",)),
        OracleQuestion(scope, (("page", "0"), ("per_page", "0"))),
    ]


PROMISES = Promises(
    slug="prime",
    spec=resource("openapi/prime.yaml"),
    listing=LISTING,
    refusals=Refusals(value=422, read=refusal),
    access=Access(
        headers={
            "Authorization": Statement(
                "A token is sent as a bearer.", quote="Bearer authentication header of the form Bearer <token>"
            )
        },
        challenge=Statement("Assumed: a 401 says in WWW-Authenticate how to authenticate, as FastAPI does."),
    ),
    scopes=Scopes(
        in_query="team_id",
        field="teamId",
        noun="team",
        unknown=403,
        foreign=403,
        refused=REFUSED,
        empty=Statement("Assumed: an empty `team_id` is as good as none."),
        own=Statement(
            "Assumed: without `team_id` the list holds the caller's personal sandboxes only: no team, one user."
        ),
    ),
    colleagues=Colleagues(
        guarded=True,
        statement=Statement(
            "Whoever asks for another user's sandboxes is an admin of the team that they give.",
            quote="When set to another user's ID, the caller must be a team admin of the provided team_id.",
        ),
    ),
    fake=Fake(home="main", orgs=("research",)),
    mine=mine,
)
