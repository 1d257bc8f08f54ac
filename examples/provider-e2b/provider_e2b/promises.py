"""What E2B's public OpenAPI file promises of its list of sandboxes, stated by hand, for `fakeserver check e2b`.

What that file says is quoted, and binding. What it leaves open and its server does is Observed (the source of the API
server), the rest Assumed; neither binds.
"""

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
    Cursor,
    EncodedTags,
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
    ask_each,
    ask_singly,
    check_order,
    drop_repeats,
    fill_exactly,
    pick_frequent,
    pick_odd,
    pick_sizes,
    vary,
)

MOST = 100
STATES = ("running", "paused")

STATE = Closed(
    parameter="state",
    field="state",
    noun="state",
    values=STATES,
    commas=True,
    statement=Statement(
        "`state` keeps sandboxes in one of these states, separated by commas.",
        quote="Filter sandboxes by one or more states",
    ),
)
METADATA = EncodedTags(
    parameter="metadata",
    field="metadata",
    noun="pair",
    statement=Statement(
        "`metadata` is a text like user=abc&app=prod, each key and value URL-encoded; it keeps sandboxes whose "
        "metadata has every one of these pairs.",
        quote='Metadata query used to filter the sandboxes (e.g. "user=abc&app=prod").',
    ),
    refusal=Statement("Assumed: a text that is no pairs is refused; the file documents a 400, and not what for."),
)
INVARIANTS = (
    Invariant(Statement("Assumed: started before its end."), lambda row: check_order(row, "startedAt", "endAt")),
)
LISTING = Listing(
    page="openapi.yml",
    path="/v2/sandboxes",
    identity="sandboxID",
    created="startedAt",
    state="state",
    statement=Statement("The list holds the team's sandboxes.", quote="List all sandboxes"),
    form=Statement("A row has the fields and types of the file.", quote="#/components/schemas/ListedSandbox"),
    required=Statement("A row has the fields that the file requires.", quote="required:"),
    paging=Paging(
        size="limit",
        default=100,
        most=MOST,
        cursor=Cursor("nextToken", InHeader("X-Next-Token")),
        statement=Statement(
            "`limit` is the longest page, 100 by default and at most; X-Next-Token names the next one, if more "
            "sandboxes exist.",
            quote="Maximum number of items to return per page",
        ),
        bounds=Statement("A `limit` outside of 1 to 100 is refused.", quote="minimum: 1 default: 100 maximum: 100"),
    ),
    filters=(STATE, METADATA),
    invariants=INVARIANTS,
    statuses=frozenset({400, 401, 500}),
    row_schema="ListedSandbox",
    odd_parameter="metadata",
)


def refusal(body: Any) -> Refusal | None:
    """`code` repeats the status; parameters are named in `message` only."""
    if not isinstance(body, dict) or "code" not in body:
        return None
    return Refusal(status=body["code"], said=str(body.get("message", "")))


def mine(scope: str, rows: Sequence[Row]) -> Questions:
    """Questions about pairs, states and pages that these rows can answer."""
    metadata = [row["metadata"] for row in rows if isinstance(row.get("metadata"), dict) and row["metadata"]]
    every = [pair for value in metadata for pair in value.items()]
    marked = [pair for text in pick_odd(key + text for key, text in every) for pair in every if "".join(pair) == text]
    known = list(dict.fromkeys([*pick_frequent(every), *marked]))
    several = [METADATA.write(*[*value.items()][:2]) for value in metadata if len(value) > 1]
    pairs = [*map(METADATA.write, known), *pick_frequent(several)]
    states = [*STATES, ",".join(STATES), ",".join(reversed(STATES))]
    sizes: list[Pairs] = [(("limit", str(size)),) for size in pick_sizes(rows, "startedAt", MOST)]
    essential = [
        OracleQuestion(scope),
        *ask_each(scope, [*pairs, *similar(known)]),
        *ask_singly(scope, "state", states),
        *ask_each(scope, ((*query, ("state", state)) for query in pairs[:2] for state in STATES)),
        *walks(scope, pairs, sizes),
        *ask_each(scope, (bad.query for bad in METADATA.unreadable().values())),
        *ask_singly(scope, "state", ("NO_SUCH_STATE", "RUNNING", "running,NO_SUCH_STATE")),
        *ask_singly(scope, "limit", ("100", "0", "101", "x", "-1", "")),
        *ask_singly(scope, "nextToken", ("x", "AAAA")),
    ]
    choices: Choices = {"metadata": pairs, "state": [(("state", text),) for text in states], "limit": sizes}
    ends = drop_repeats([fill_exactly(scope, rows, "state", "state", "limit", MOST)])
    return Questions(drop_repeats(essential), choices, scope, ends)


def similar(known: Sequence[tuple[str, str]]) -> list[Pairs]:
    """Pairs that are not there, and that only a sloppy server finds."""
    sloppy = [(key, text) for key, value in known[:2] for text in vary(value)]
    odd = [(key, text) for key, _ in known[:1] for text in (UNKNOWN, "", *TEXTS)]
    renamed = [(name, value) for key, value in known[:1] for name in (key.swapcase(), UNKNOWN)]
    return [METADATA.write(pair) for pair in (*sloppy, *odd, *renamed)]


def walks(scope: str, pairs: Sequence[Pairs], sizes: Sequence[Pairs]) -> list[OracleQuestion]:
    """Pages of every length with those behind them, and tokens that are moved to another list."""
    two: Pairs = (("limit", "2"),)
    running: Pairs = (("state", "running"), *two)
    return [
        *(OracleQuestion(scope, size, follow=2) for size in sizes),
        *(OracleQuestion(scope, (*query, *two), follow=2) for query in pairs[:3]),
        OracleQuestion(scope, running, follow=2),
        OracleQuestion(scope, running, moved=(("state", "paused"), *two)),
        OracleQuestion(scope, two, moved=(("limit", "3"),)),
    ]


PROMISES = Promises(
    slug="e2b",
    spec=files("provider_e2b") / "openapi.yaml",
    listing=LISTING,
    refusals=Refusals(
        value=400,
        read=refusal,
        repeats=Statement("`code` repeats the status.", quote="#/components/schemas/Error"),
    ),
    access=Access(headers={"X-API-Key": Statement("`X-API-Key` carries the key.", quote="ApiKeyAuth: type: apiKey")}),
    scopes=Scopes(),
    fake=Fake(home="main"),
    mine=mine,
)
