"""The module of a skeleton that states, for `fakeserver check`, what the vendor's pages promise."""

from __future__ import annotations

from fakeserver.problems import Json
from fakeserver.scaffold.code import literal, tuple_of
from fakeserver.scaffold.guesses import DEFAULT_SIZE, LARGEST_PAGE, Listed
from fakeserver.scaffold.plan import Plan, name_of

PROMISES = '''"""{title}: what its pages promise, for `fakeserver check {slug}`.

Begun from the description, like the fake itself. A mistake in one is seen by the other only once somebody has read the
vendor's pages and stated here, by hand, what they say. Whatever quotes a page binds the deployment; what is Assumed is
a warning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from contract_tests.promises import (
{imports}
)

LISTING = Listing(
    page={page},
    operation={operation},
    path={path},
    items={items},
    identity={identity},
    created={created},
    state={state},
    statement=Statement("Assumed: the list holds what the caller may see."),
    form=Statement("Assumed: a row has the fields and types of the description."),
    paging={paging},
    filters=({filters}),
    invariants=(),
    statuses=frozenset(),
    row_schema={row_schema},
    odd_parameter={odd},
)


def refusal(body: Any) -> Refusal | None:
    """What a client can read from a body that says no; to be written: the names of the parameters at fault."""
    return Refusal(said=json.dumps(body)) if isinstance(body, dict) else None


def mine(scope: str, rows: Sequence[Row]) -> Questions:
    """What the rows of a scope can be asked about; to be written: a question for each value that the rows have."""
    return Questions((OracleQuestion(scope),), {{}}, scope)


PROMISES = Promises(
    slug={slug_text},
    spec=files(__package__) / "openapi.yaml",
    listing=LISTING,
    refusals=Refusals(value={invalid}, read=refusal),
    scopes=Scopes(),
    fake=Fake(home="main"),
    mine=mine,
)
'''
ALWAYS = {
    "Fake",
    "Listing",
    "OracleQuestion",
    "Paging",
    "Promises",
    "Questions",
    "Refusal",
    "Refusals",
    "Row",
    "Scopes",
    "Statement",
}
UNKNOWN = "fakeserver-unknown"
"""A parameter that no provider has."""


def promises_text(slug: str, title: str, plan: Plan) -> str:
    """The module. Of several lists it promises one, with pages if there is any."""
    listed = next((each for each in plan.listings if each.size), plan.listings[0])
    paging, names = _promise_paging(listed)
    filters = [_promise_values(listed, *each) for each in listed.filters]
    closed = "".join(f"\n        {text}," for text in filters if text)
    names |= ALWAYS | ({"Closed"} if closed else set())
    endpoint = listed.found.endpoint
    state = next((name for name in plan.rows.columns if name in ("state", "status")), plan.rows.identity)
    texts = [name for kind, name, _ in listed.filters if kind == "Equal" and not _choices(listed, name)]
    return PROMISES.format(
        title=title,
        slug=slug,
        imports="\n".join(f"    {name}," for name in sorted(names)),
        page=literal(endpoint.name),
        operation=literal(endpoint.id),
        path=literal(listed.request.partition("?")[0]),
        items=literal(listed.items or ""),
        identity=literal(plan.rows.identity),
        created=literal(plan.rows.created),
        state=literal(state),
        paging=paging,
        filters=f"{closed}\n    " if closed else "",
        row_schema=literal(name_of(listed.row)),
        odd=literal(next(iter(texts), UNKNOWN)),
        slug_text=literal(slug),
        invalid=plan.invalid_status,
    )


def _schema_of(listed: Listed, name: str) -> Json:
    return next((each.get("schema", {}) for each in listed.found.body["parameters"] if each.get("name") == name), {})


def _choices(listed: Listed, name: str) -> list[Json]:
    schema = _schema_of(listed, name)
    items = schema.get("items") if isinstance(schema.get("items"), dict) else {}
    return [*(schema.get("enum") or (items or {}).get("enum") or ())]


def _promise_values(listed: Listed, kind: str, name: str, field: str) -> str:
    """The promise of a filter whose values are spelt out; any other is to be written."""
    values = _choices(listed, name)
    if not values or not all(isinstance(value, str) for value in values):
        return ""
    raw = next(each for each in listed.found.body["parameters"] if each.get("name") == name)
    more = (
        f", commas={raw.get('explode') is False}, repeats={raw.get('explode') is not False}" if kind == "AnyOf" else ""
    )
    sentence = f"Assumed: `{name}` keeps rows whose `{field}` it names."
    return (
        f"Closed(\n            parameter={literal(name)},\n            field={literal(field)},\n"
        f"            noun={literal(name)},\n            values={tuple_of(values)}{more},\n"
        f"            statement=Statement({literal(sentence)}),\n        )"
    )


def _promise_paging(listed: Listed) -> tuple[str, set[str]]:
    """How a long list is handed out, and the names that say so."""
    schema = _schema_of(listed, listed.size)
    facts = {str(fact): (name, "InEnvelope") for name, fact in listed.members.items()}
    facts |= {fact: (name, "InHeader") for name, fact in listed.headers.items()}
    parts = [
        f"size={literal(listed.size)}",
        f"default={schema.get('default') if listed.size else None}",
        f"most={schema.get('maximum', LARGEST_PAGE if listed.size else DEFAULT_SIZE)}",
    ]
    names: set[str] = set()
    if listed.kind == "Numbered":
        parts.append(f"number={literal(listed.turn)}")
    if listed.kind == "Window":
        parts.append(f"offset={literal(listed.turn)}")
    if listed.kind == "Cursor" and "next" in facts:
        name, place = facts["next"]
        parts.append(f"cursor=Cursor({literal(listed.turn)}, {place}({literal(name)}))")
        names |= {"Cursor", place}
    if "total" in facts:
        name, place = facts["total"]
        parts.append(f"total=Total({place}({literal(name)}))")
        names |= {"Total", place}
    if "has_next" in facts and facts["has_next"][1] == "InEnvelope":
        parts.append(f"more={literal(facts['has_next'][0])}")
    parts.append('statement=Statement("Assumed: what these parameters mean; the description only names them.")')
    return "Paging(\n" + "".join(f"        {part},\n" for part in parts) + "    )", names
