"""InstaVM: a bare array of VMs, filtered by JSON containment (reference page 002)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from contract_tests.promises import (
    TEXTS,
    UNKNOWN,
    Access,
    Choices,
    Fake,
    Invariant,
    Json,
    Listing,
    OracleQuestion,
    Paging,
    Promises,
    Questions,
    Refusals,
    Row,
    Scopes,
    Statement,
    ask_singly,
    check_order,
    dense,
    drop_repeats,
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

INVARIANTS = (
    Invariant(Statement("Assumed: started before its end."), lambda row: check_order(row, "started_at", "end_at")),
    Invariant(
        Statement(
            'named after its template, otherwise "default"',
            quote='name: Template name (from parent_snapshot_ref or "default")',
        ),
        lambda row: say_if(
            has_all(row, "template_id") and row.get("name") != (row["template_id"] or "default"),
            f"name is {row.get('name')!r} and template_id is {row.get('template_id')!r}",
        ),
    ),
    Invariant(
        Statement("Assumed: instants are naive ISO texts, as in the page's example."),
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


LIMIT = "Maximum number of results (1-1000, default: 100)"
LISTING = Listing(
    page="002",
    path="/v1/sessions/sandboxes",
    identity="sandbox_id",
    created="started_at",
    state="status",
    statement=Statement(
        "The list holds the caller's VMs.", quote="List VMs (sandboxes) with optional metadata filtering."
    ),
    form=Statement("A row has the fields and types that the page shows.", quote="List of sandbox info objects with:"),
    required=Statement(
        "A row has these fields, and only the others may be null.",
        quote='"required": [ "sandbox_id", "name", "metadata", "started_at", "status" ]',
    ),
    paging=Paging(
        size="limit",
        default=100,
        most=MOST,
        statement=Statement(
            "`limit` is the most sandboxes the caller wants, 100 by default and 1,000 at most.", quote=LIMIT
        ),
        bounds=Statement("A `limit` outside of 1 to 1,000 is refused.", quote="default=100, min=1, max=1000"),
    ),
    filters=(
        Json(
            parameter="metadata",
            field="metadata",
            noun="pair",
            statement=Statement(
                "`metadata` is the JSON text of an object; it keeps sandboxes whose metadata contains it (`@>`).",
                quote="Filters using @> (contains) operator for GIN-indexed queries.",
            ),
            refusal=Statement("Assumed: text that is not JSON, and JSON that is not an object, is refused."),
            numbers=Statement("Assumed: numbers are compared by value, as PostgreSQL does: 1.0 is 1."),
        ),
    ),
    invariants=INVARIANTS,
    statuses=frozenset({422}),
    row_schema="VMSandboxInfo",
    odd_parameter="metadata",
)


def mine(scope: str, rows: Sequence[Row]) -> Questions:
    metadata = [row["metadata"] for row in rows if isinstance(row.get("metadata"), dict) and row["metadata"]]
    texts, sloppy = texts_of(metadata), sloppy_of(metadata)
    limits = pick_sizes(rows, "started_at", MOST)
    first_two = [(text, limit) for text in texts[:2] for limit in ("1", "2")]
    essential = [
        OracleQuestion(scope),
        *ask_singly(scope, "metadata", ["{}", *texts, dense({UNKNOWN: UNKNOWN}), *spellings_of(metadata), *sloppy]),
        *ask_singly(scope, "limit", [*map(str, limits), "1000", "0", "1001", "x", "-1", ""]),
        *(OracleQuestion(scope, (("metadata", text), ("limit", limit))) for text, limit in first_two),
        *ask_singly(scope, "metadata", (dense({UNKNOWN: text}) for text in TEXTS)),
        *ask_singly(scope, "metadata", ("not json", "[]", '"text"', "{", "null", "1")),
        *ask_singly(scope, "metadata", (dense({name: None}) for value in metadata[:1] for name in value)),
    ]
    choices: Choices = {
        "metadata": [(("metadata", text),) for text in [*texts, *sloppy[:4]]],
        "limit": [(("limit", str(limit)),) for limit in limits],
    }
    ends = ask_singly(scope, "limit", [str(len(rows))] if 1 <= len(rows) <= MOST else [])
    return Questions(drop_repeats(essential), choices, scope, tuple(ends))


def texts_of(metadata: Sequence[Row]) -> list[str]:
    """Objects that the metadata of some rows contains: single pairs, whole objects, parts of nested ones."""
    nested = [value for value in metadata if any(isinstance(inner, dict | list) for inner in value.values())]
    pairs = [(name, inner) for value in metadata for name, inner in value.items()]
    objects: list[Any] = [*metadata[:2], *nested[:3], *partial(nested)]
    return list(
        dict.fromkeys(
            [
                *pick_frequent(dense({name: inner}) for name, inner in pairs),
                *map(dense, objects),
                *pick_odd(dense({name: inner}) for name, inner in pairs if isinstance(inner, str)),
                *map(dense, typed(metadata)[:4]),
            ]
        )
    )


def typed(metadata: Sequence[Row]) -> list[Row]:
    """Single pairs whose value is a number, true, false or null."""
    return [
        {name: inner}
        for value in metadata
        for name, inner in value.items()
        if isinstance(inner, bool | int | float) or inner is None
    ]


def sloppy_of(metadata: Sequence[Row]) -> list[str]:
    """Objects that only a sloppy comparison finds in the metadata."""
    texts = []
    for name, inner in (next(iter(value.items())) for value in metadata[:6]):
        wrong = [{name: recast(inner)}, {name.swapcase(): inner}, *({name: text} for text in vary(str(inner))[:2])]
        texts += [dense(value) for value in wrong]
    return texts + [dense({name: recast(inner)}) for pair in typed(metadata)[:3] for name, inner in pair.items()]


def spellings_of(metadata: Sequence[Row]) -> list[str]:
    """Other spellings of objects that are there: with white space, in another order, with escapes."""
    spaced = [json.dumps(value, indent=1) for value in metadata[:1]]
    turned = [json.dumps(dict(reversed(value.items()))) for value in metadata if len(value) > 1]
    escaped = [json.dumps(value) for value in metadata if not dense(value).isascii()]
    return [*spaced, *turned[:1], *escaped[:1]]


def partial(values: Iterable[Row]) -> Iterator[Row]:
    """Parts of nested objects and arrays that containment still finds."""
    for value in [*values][:4]:
        for name, inner in value.items():
            if isinstance(inner, dict) and inner:
                yield {name: dict([next(iter(inner.items()))])}
                yield {name: {}}
            elif isinstance(inner, list) and inner:
                yield {name: inner[-1:]}
                yield {name: [*reversed(inner)]}
                yield {name: []}


def recast(value: Any) -> Any:
    """The same to a reader who does not look at types."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and value == str(int(value)) else [value]
    return str(value).lower() if isinstance(value, bool | int | float) else "null" if value is None else {}


PROMISES = Promises(
    slug="instavm",
    spec=resource("openapi/instavm.yaml"),
    listing=LISTING,
    refusals=Refusals(
        value=422,
        read=of_fastapi,
        status=Statement("A value that is not allowed is a 422.", quote="422 Validation Error"),
        form=Statement("The body of a 422 is FastAPI's list of what is wrong.", quote='"title": "HTTPValidationError"'),
        located=True,
    ),
    access=Access(
        headers={
            "Authorization": Statement(
                "A token is sent as a bearer.", quote="Requires authentication via: OAuth2PasswordBearer."
            ),
            "X-API-Key": Statement("Observed: `X-API-Key` carries a credential of its own (instavm 0.26.1)."),
        },
        challenge=Statement("Assumed: a 401 says in WWW-Authenticate how to authenticate, as FastAPI does."),
    ),
    scopes=Scopes(),
    fake=Fake(home="main"),
    mine=mine,
)
