"""Dreadnode's switches: whose sandboxes an admin sees, and the fields that only its SDK tells of."""

from __future__ import annotations

from typing import Any

import pytest

from fakeserver.instants import instant
from fakeserver.serving.app import App, load_services
from fakeserver.spec.breaches import Validator
from fakeserver.spec.reader import load
from tests.support.admin import admin, done
from tests.support.asgi import FACETS, Row, app_of, get, ids, tenants

CONTEXT = (
    *("kind", "evaluation_name", "evaluation_id", "evaluation_item_position"),
    *("sandbox_role", "task_name", "model", "agent_type"),
)
"""What the screen of dreadnode 2.0.51 reads."""


def switched(**switches: str) -> App:
    app = app_of(size=300)
    done(admin(app, "PUT", "/settings", {"switches": {"dreadnode": switches}}))
    return app


def walked(app: App, who: str, query: str = "") -> list[Row]:
    """The whole list, page by page."""
    found, cursor = list[Row](), ""
    while True:
        value = get(app, "dreadnode", f"limit=100{query}{cursor}", who=who).value
        found += value["items"]
        if value["next_cursor"] is None:
            return found
        cursor = f"&cursor={value['next_cursor']}"


def counted(app: App, who: str, query: str = "") -> dict[str, int]:
    return {each["value"]: each["count"] for each in get(app, "dreadnode", query, who=who, path=FACETS).value["states"]}


def tally(listed: list[Row]) -> dict[str, int]:
    states = [row["state"] for row in listed]
    return {state: states.count(state) for state in states}


def test_an_admin_sees_the_org_by_default() -> None:
    app = app_of(size=300)
    assert len(walked(app, "admin")) == len(tenants(app, "dreadnode")["acme"])


@pytest.mark.parametrize("query", ["", "&state=paused,killed"])
def test_an_admin_may_be_a_current_user_like_any_other(query: str) -> None:
    """`admin_sees: own` narrows the list and the facets alike, and changes nothing for a member."""
    app, before = switched(admin_sees="own"), app_of(size=300)
    collection = tenants(app, "dreadnode")["acme"]
    user = app.services["dreadnode"].fixture.callers["dreadnode-admin-key"].user
    own = ids("dreadnode", (collection.document(rank) for rank in collection.owned_by(user)))
    listed = walked(app, "admin", query)
    assert 0 < len(listed) < len(walked(before, "admin", query))
    assert ids("dreadnode", listed) == [each for each in own if not query or each in ids("dreadnode", listed)]
    assert counted(app, "admin", query) == tally(listed)
    assert walked(app, "member", query) == walked(before, "member", query)
    assert get(app, "dreadnode", who="admin", path="/api/v1/org/outsider/sandboxes").status == 403


def test_the_switch_works_at_once_in_both_directions() -> None:
    """What was counted before is not counted after, and the other way round."""
    app = app_of(size=300)
    before = counted(app, "admin")
    done(admin(app, "PUT", "/settings", {"switches": {"dreadnode": {"admin_sees": "own"}}}))
    assert counted(app, "admin") != before
    done(admin(app, "PUT", "/settings", {"switches": {"dreadnode": {"admin_sees": "org"}}}))
    assert counted(app, "admin") == before


def test_rows_have_the_fields_of_the_page_alone() -> None:
    assert not [row for row in walked(app_of(size=300), "admin") if {"workload_context", "updated_at"} & row.keys()]


def test_observed_fields_are_added_by_a_switch() -> None:
    """They agree with the rest of the row and with the spec, and nothing else of the row changes."""
    plain, extended = walked(app_of(size=300), "admin"), walked(switched(fields="sdk"), "admin")
    assert [without_extras(row) for row in extended] == plain
    service = load_services(("dreadnode",))["dreadnode"]
    contract = load(service.provider.spec, service.provider.operations).document
    row_schema: Any = {**contract, "$ref": "#/components/schemas/SandboxListItem"}
    validator = Validator(row_schema, {})
    for row in extended:
        assert validator.accepts(row)
        assert instant(row["updated_at"]) == max(instant(row[name]) for name in MOMENTS if row.get(name))
        context = row["workload_context"]
        assert (context is not None) == (row["sandbox_kind"] in ("task", "evaluation"))
        assert context is None or tuple(context) == CONTEXT
        assert context is None or (context["evaluation_id"] is not None) == (row["sandbox_kind"] == "evaluation")
    names = {each["workload_context"]["task_name"] for each in extended if each["workload_context"]}
    assert len(names) > 1
    assert walked(switched(fields="sdk"), "admin") == extended


LAST = "2100-01-01T02:00:00+02:00"
MOMENTS = ("created_at", "last_started_at", "last_credit_deduction_at", "stopped_at", "killed_at")


def without_extras(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("workload_context", "updated_at")}


def test_observed_fields_of_a_document_of_ones_own_stay() -> None:
    """What somebody stored is served, with the switch and without; what is missing is derived, in whatever offset."""
    app = app_of(size=20)
    first, second = walked(app, "admin")[:2]
    context = {**dict.fromkeys(CONTEXT), "model": "mine"}
    documents = [{**first, "workload_context": context}, {**second, "killed_at": LAST}]
    done(admin(app, "PUT", "/documents/dreadnode/acme", documents))
    assert [row.get("workload_context") for row in walked(app, "admin")] == [context, None]
    done(admin(app, "PUT", "/settings", {"switches": {"dreadnode": {"fields": "sdk"}}}))
    assert walked(app, "admin")[0]["workload_context"] == context
    assert walked(app, "admin")[1]["updated_at"] == LAST
