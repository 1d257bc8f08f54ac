"""Dreadnode: an org's sandboxes by cursor, and their facets (reference pages 000 and 001)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contract_tests.promises import (
    UNKNOWN_UUID,
    Access,
    Choices,
    Closed,
    Colleagues,
    Cursor,
    Facet,
    Facets,
    Fake,
    InEnvelope,
    Invariant,
    Listing,
    OracleQuestion,
    Paging,
    Pairs,
    Promises,
    Questions,
    Reference,
    Refusal,
    Refusals,
    Row,
    Scopes,
    Statement,
    ask_singly,
    check_not_negative,
    check_order,
    drop_repeats,
    fill_exactly,
    has_all,
    of_issues,
    pick_frequent,
    pick_sizes,
    say_if,
)
from fakeserver.resources import resource

MOST = 100
STATES = ("running", "paused", "killed")

INVARIANTS = (
    Invariant(
        Statement("Assumed: killed_at exactly when killed."),
        lambda row: say_if(
            (row.get("state") == "killed") != (row.get("killed_at") is not None),
            f"state is {row.get('state')} and killed_at is {row.get('killed_at')}",
        ),
    ),
    Invariant(
        Statement("Assumed: pause_reason exactly when paused."),
        lambda row: say_if(
            has_all(row, "pause_reason") and (row["state"] == "paused") != (row["pause_reason"] is not None),
            f"state is {row.get('state')} and pause_reason is {row.get('pause_reason')}",
        ),
    ),
    Invariant(
        Statement("Assumed: stopped_at exactly when not running."),
        lambda row: say_if(
            has_all(row, "stopped_at") and (row["state"] == "running") != (row["stopped_at"] is None),
            f"state is {row.get('state')} and stopped_at is {row.get('stopped_at')}",
        ),
    ),
    Invariant(
        Statement("Assumed: a project has its id, key and name, or none of them."),
        lambda row: say_if(
            len({row.get(name) is None for name in ("project_id", "project_key", "project_name")}) > 1,
            "project_id, project_key and project_name are not all set or all null",
        ),
    ),
    Invariant(
        Statement("Assumed: a workspace has its id and key, or neither."),
        lambda row: say_if(
            has_all(row, "workspace_id") and (row["workspace_id"] is None) != (row.get("workspace_key") is None),
            "only one of workspace_id and workspace_key is set",
        ),
    ),
    Invariant(
        Statement("Observed: estimated credits are billed and running credits together (SDK 2.0.51)."),
        lambda row: say_if(
            has_all(row, "estimated_total_credits", "billed_credits", "running_credits")
            and row["estimated_total_credits"] != row["billed_credits"] + row["running_credits"],
            f"{row.get('billed_credits')} + {row.get('running_credits')} is not {row.get('estimated_total_credits')}",
        ),
    ),
    Invariant(
        Statement("Assumed: created, started and stopped in that order."),
        lambda row: (
            check_order(row, "created_at", "last_started_at", "stopped_at")
            or check_order(row, "last_started_at", "expires_at")
            or check_order(row, "created_at", "killed_at")
        ),
    ),
    Invariant(
        Statement("Assumed: seconds and credits are not negative."),
        lambda row: check_not_negative(
            row, "total_runtime_seconds", "billed_credits", "running_credits", "estimated_total_credits"
        ),
    ),
)

EMPTY = Statement("Assumed: an empty text, also between commas, filters nothing.")
FILTERS = (
    Closed(
        parameter="state",
        field="state",
        noun="state",
        values=STATES,
        commas=True,
        repeats=True,
        statement=Statement(
            "`state` keeps sandboxes in one of these states; repeat it, or separate values with commas.",
            quote="Filter by sandbox state (repeatable or comma-separated).",
        ),
        refusal=Statement("Assumed: an unknown `state` is refused; the page has no list of values beside it."),
        empty=EMPTY,
    ),
    Reference(
        parameter="project_id",
        field="project_id",
        noun="project",
        statement=Statement("`project_id` keeps sandboxes of this project.", quote="Filter by project ID"),
        refusal=Statement(
            "`project_id` takes a UUID and nothing else.", quote="project_id Any of: string format: uuid"
        ),
    ),
)
FACETS = Facets(
    tail="/facets",
    operation="getSandboxFacets",
    page="001",
    facets=(
        Facet(
            name="projects",
            key="project_id",
            field="project_id",
            shown=("project_key", "project_name"),
            bucket_schema="SandboxProjectFacetEntry",
        ),
        Facet(name="states", key="value", field="state", bucket_schema="SandboxStateFacetEntry"),
    ),
    envelope_schema="SandboxFacetsResponse",
    statement=Statement(
        "The facets count the same sandboxes as the list, by project and by state.",
        quote="Every caller-supplied filter is applied to both facets, so counts reflect the sandboxes currently in "
        "view.",
    ),
    order=Statement("The largest count comes first.", quote="Both lists are pre-sorted by count DESC"),
    ties=Statement("Assumed: equal counts are in the alphabetical order of one of the texts that a bucket shows."),
    alphabet=Statement(
        "Equal counts are in an alphabetical order.",
        quote="pre-sorted by count DESC with a stable alphabetical tiebreaker.",
    ),
    omits=Statement(
        "There is no empty bucket, and none for the sandboxes without a project.",
        quote="Distinct sandbox state values with sandbox counts. Empty buckets are omitted.",
    ),
    names=Statement(
        "A bucket has the key and the name of its project.", quote="A single project bucket and its sandbox count."
    ),
    ignores=Statement("Assumed: the parameters of pages belong to the list; the facets do not know them."),
)

LISTING = Listing(
    page="000",
    path="/api/v1/org/{org}/sandboxes",
    items="items",
    identity="id",
    created="created_at",
    state="state",
    statement=Statement(
        "The list holds the caller's sandboxes in the org.",
        quote="List sandboxes for the current user within an organization.",
    ),
    form=Statement(
        "A row has the fields and types that the page shows.", quote="Individual sandbox record for list views."
    ),
    required=Statement(
        "A row has the fields that the page marks as required, and only others may be null.",
        quote="total_runtime_seconds required Total Runtime Seconds integer",
    ),
    order=Statement("Observed: the newest come first (documentation inside SDK 2.0.51)."),
    paging=Paging(
        size="limit",
        default=50,
        most=MOST,
        cursor=Cursor(
            "cursor",
            InEnvelope("next_cursor"),
            bound=Statement("Assumed: a cursor belongs to the filters that it was issued for; any other is a 400."),
            end=Statement("Assumed: `next_cursor` is null on the last page, and a page before it is full."),
        ),
        statement=Statement(
            "`limit` is the longest page the caller wants, 50 by default and 100 at most; `next_cursor` leads on.",
            quote="limit Limit integer default: 50 >= 1 <= 100",
        ),
        bounds=Statement(
            "A `limit` outside of 1 to 100 is refused.", quote="limit Limit integer default: 50 >= 1 <= 100"
        ),
    ),
    filters=FILTERS,
    invariants=INVARIANTS,
    statuses=frozenset({400, 401, 403, 404, 409, 422, 426, 429, 500, 502, 504}),
    row_schema="SandboxListItem",
    envelope_schema="SandboxListResponse",
    facets=FACETS,
    odd_parameter="cursor",
)


def refusal(body: Any) -> Refusal | None:
    """`code`, `type` and, for bad values, `errors` with FastAPI's locations."""
    if not isinstance(body, dict):
        return None
    return of_issues(body.get("errors") or (), kind=body.get("type"), status=body.get("code"))


def mine(scope: str, rows: Sequence[Row]) -> Questions:
    states = list(dict.fromkeys([*pick_frequent(row["state"] for row in rows if row.get("state")), *STATES]))
    projects = pick_frequent(str(row["project_id"]) for row in rows if row.get("project_id"))
    limits = [size for size in pick_sizes(rows, "created_at", MOST) if size > 1]
    filters = filters_of(states, projects)
    choices: Choices = {
        "state": [*((("state", state),) for state in states), *forms_of(states)[:3]],
        "project_id": [(("project_id", project),) for project in projects],
        "limit": [(("limit", str(limit)),) for limit in limits],
    }
    essential = [
        *(OracleQuestion(scope, pairs, facets=facets) for pairs in filters for facets in (False, True)),
        *(OracleQuestion(scope, pairs, facets=facets) for pairs in bad_values(states) for facets in (False, True)),
        *pages_of(scope, states, filters, limits),
    ]
    ends = drop_repeats([fill_exactly(scope, rows, "project_id", "project_id", "limit", MOST)])
    return Questions(drop_repeats(essential), choices, scope, ends)


def forms_of(states: Sequence[str]) -> list[Pairs]:
    """The ways to ask for several states, or for one of them twice, or for none."""
    two = states[:2]
    repeated: Pairs = tuple(("state", state) for state in two)
    return [
        repeated,
        tuple(reversed(repeated)),
        (("state", ",".join(two)),),
        (("state", ",".join(states)),),
        (("state", two[0]), ("state", two[0])),
        (("state", two[0] + ","),),
        (("state", ""),),
    ]


def filters_of(states: Sequence[str], projects: Sequence[str]) -> list[Pairs]:
    return [
        (),
        *((("state", state),) for state in states),
        *((("project_id", project),) for project in [*projects, UNKNOWN_UUID]),
        *((("state", state), ("project_id", project)) for state in states[:2] for project in projects[:2]),
        *forms_of(states),
        *((("project_id", project.upper()),) for project in projects[:1]),
    ]


def bad_values(states: Sequence[str]) -> list[Pairs]:
    first = states[0]
    return [
        *((("state", text),) for text in ("NO_SUCH_STATE", first.upper(), f"{first},NO_SUCH_STATE")),
        *((("project_id", text),) for text in ("x", UNKNOWN_UUID[:-1])),
    ]


def pages_of(
    scope: str, states: Sequence[str], filters: Sequence[Pairs], limits: Sequence[int]
) -> list[OracleQuestion]:
    """Walks of every length, with and without a filter; cursors that are moved to other filters; bad limits."""
    state: Pairs = (("state", states[0]), ("limit", "2"))
    return [
        *(OracleQuestion(scope, (("limit", str(limit)),), follow=2) for limit in limits),
        *(OracleQuestion(scope, (*pairs, ("limit", "2")), follow=2) for pairs in filters[1:6]),
        *(OracleQuestion(scope, (*pairs, ("limit", "7")), follow=1) for pairs in filters[1:6]),
        OracleQuestion(scope, state, moved=(("state", states[1]), ("limit", "2"))),
        OracleQuestion(scope, state, moved=(("limit", "2"),)),
        OracleQuestion(scope, (("limit", "2"),), moved=(("limit", "3"),)),
        *ask_singly(scope, "limit", ("1", "100", "0", "101", "x", "-1", "")),
        *ask_singly(scope, "cursor", ("x", "AAAA", "")),
    ]


PROMISES = Promises(
    slug="dreadnode",
    spec=resource("openapi/dreadnode.yaml"),
    listing=LISTING,
    refusals=Refusals(
        value=422,
        read=refusal,
        kinds={
            400: ("invalid_error",),
            401: ("authentication_error", "expired_token_error", "token_error", "expired_signature_error"),
            422: ("validation_error",),
        },
        kind_name="type",
        listed=Statement(
            "A refusal has one of the statuses that the page lists.",
            quote="HTTP status code integer Allowed values: 400 401 403 404 409 422 426 429 500 502 504",
        ),
        status=Statement(
            "Assumed: a value that is not allowed is a 422; the page also lists a 400 for what is invalid."
        ),
        form=Statement("Every refusal has one form.", quote="Canonical API error envelope returned by the API."),
        located=True,
        repeats=Statement(
            "`code` repeats the status.",
            quote="Canonical API error envelope returned by the API. object code required Code HTTP status code",
        ),
    ),
    access=Access(
        headers={
            "Authorization": Statement(
                "A token is sent as a bearer.", quote="--header 'Authorization: Bearer <token>'"
            ),
            "X-API-Key": Statement("Observed: `X-API-Key` carries the same key (SDK 2.0.51)."),
        },
        first=Statement("A token is taken as a bearer.", quote="--header 'Authorization: Bearer <token>'"),
        status=Statement("A missing or unknown credential is a 401.", quote="Authentication failed"),
    ),
    scopes=Scopes(
        in_path="{org}",
        noun="org",
        apart=Statement(
            "A caller is shown nobody else's sandboxes.",
            quote="List sandboxes for the current user within an organization.",
        ),
        unknown=404,
        foreign=403,
        within=Statement(
            "A list holds the sandboxes of its org alone.",
            quote="List sandboxes for the current user within an organization.",
        ),
        refused=Statement("Assumed: an unknown org is a 404, and one that the caller does not belong to a 403."),
        advice="is the org {scope} right?",
    ),
    colleagues=Colleagues(
        apart=True,
        statement=Statement(
            "Each caller is listed their own sandboxes.",
            quote="List sandboxes for the current user within an organization.",
        ),
    ),
    fake=Fake(home="acme", orgs=("acme", "globex")),
    mine=mine,
)
