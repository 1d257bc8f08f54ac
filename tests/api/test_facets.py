"""Facets: counts are those of the list, for every caller and every filter; order and omissions as on page 001."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import combinations
from typing import Any

import pytest

from fakeserver.documents.collection import Collection
from fakeserver.documents.order import newest_first
from fakeserver.listing.facets import Facet
from tests.support.asgi import FACETS, Row, app_of, get, main_tenant, service, tenants
from tests.support.listing import fill

STATES = ("running", "paused", "killed")
SUBSETS = [chosen for count in range(4) for chosen in combinations(STATES, count)]


@cache
def app(size: int = 400) -> Any:
    return app_of(size=size)


@cache
def visible(who: str, org: str, size: int = 400) -> tuple[Row, ...]:
    """The documents that a caller may see in an org: all for its admin, their own for a member."""
    caller = service(app(size), "dreadnode").fixture.callers[f"dreadnode-{who}-key"]
    collection = tenants(app(size), "dreadnode")[org]
    return tuple(
        collection.document(rank)
        for rank in collection.everything
        if caller.administers(org) or collection.owner(rank) == caller.user
    )


def expected(documents: list[Row]) -> Row:
    """Both lists of buckets, counted one document at a time."""
    projects = Counter(
        (each["project_id"], each["project_key"], each["project_name"]) for each in documents if each.get("project_id")
    )
    states = Counter(each["state"] for each in documents)
    return {
        "projects": [
            {"count": count, "project_id": id_, "project_key": key, "project_name": name}
            for (id_, key, name), count in sorted(projects.items(), key=lambda each: (-each[1], each[0][1]))
        ],
        "states": [
            {"count": count, "value": value}
            for value, count in sorted(states.items(), key=lambda each: (-each[1], each[0]))
        ],
    }


@pytest.mark.parametrize(
    ("who", "org"), [("admin", "acme"), ("admin", "globex"), ("member", "acme"), ("outsider", "outsider")]
)
@pytest.mark.parametrize("states", SUBSETS, ids=lambda chosen: ",".join(chosen) or "all")
def test_counts_are_those_of_a_comprehension(who: str, org: str, states: tuple[str, ...]) -> None:
    """Under every combination of states and project, for every caller, both lists equal a count of the documents."""
    documents = visible(who, org)
    known = sorted({each["project_id"] for each in documents if each.get("project_id")})
    for project in (None, *known[:6], "00000000-0000-4000-8000-000000000000"):
        query = "&".join([f"state={','.join(states)}", *([f"project_id={project}"] if project else [])])
        reply = get(app(), "dreadnode", query, who=who, path=f"/api/v1/org/{org}/sandboxes/facets")
        kept = [
            each
            for each in documents
            if each["state"] in (states or STATES) and project in (None, each.get("project_id"))
        ]
        assert reply.value == expected(kept), query


def test_facets_agree_with_the_list() -> None:
    """The states' counts sum to the length of the list under the same filters, and the projects' to those with one."""
    listed: list[Row] = []
    query = "state=paused,running"
    reply = get(app(), "dreadnode", f"{query}&limit=100")
    while True:
        listed += reply.value["items"]
        if reply.value["next_cursor"] is None:
            break
        reply = get(app(), "dreadnode", f"{query}&limit=100&cursor={reply.value['next_cursor']}")
    facets = get(app(), "dreadnode", query, path=FACETS).value
    assert sum(each["count"] for each in facets["states"]) == len(listed)
    assert sum(each["count"] for each in facets["projects"]) == sum(1 for each in listed if each.get("project_id"))
    assert facets == expected(listed)


def test_the_largest_count_is_first_and_ties_are_alphabetical() -> None:
    """Buckets come by falling count; equal counts come by project_key in code-point order, and such ties occur."""
    projects = get(app(), "dreadnode", path=FACETS).value["projects"]
    order = [(-each["count"], each["project_key"]) for each in projects]
    assert order == sorted(order)
    assert len({count for count, _ in order}) < len(order), "no two projects have equal counts"


def test_omissions() -> None:
    """No bucket is empty, and sandboxes without a project are in no project's bucket though they have a state."""
    documents = visible("admin", "acme")
    assert any(not each.get("project_id") for each in documents)
    facets = get(app(), "dreadnode", path=FACETS).value
    assert all(each["count"] > 0 for each in [*facets["projects"], *facets["states"]])
    assert all(each["project_id"] and each["project_key"] and each["project_name"] for each in facets["projects"])
    assert sum(each["count"] for each in facets["states"]) == len(documents)
    assert sum(each["count"] for each in facets["projects"]) < len(documents)


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_small_worlds(size: int) -> None:
    """An empty world has empty lists, and a small one has what its documents have."""
    documents = list(visible("admin", "acme", size))
    reply = get(app(size), "dreadnode", path=FACETS)
    assert reply.value == expected(documents)
    assert len(documents) == size


def test_a_project_that_nobody_has() -> None:
    """An unknown project narrows both lists to nothing; that is an answer, not an error."""
    query = "project_id=00000000-0000-4000-8000-000000000000"
    assert get(app(), "dreadnode", query, path=FACETS).value == {"projects": [], "states": []}


def test_a_state_narrows_the_states_too() -> None:
    """Page 001: every filter that the caller supplies narrows both lists, its own included."""
    states = get(app(), "dreadnode", "state=paused", path=FACETS).value["states"]
    assert [each["value"] for each in states] == ["paused"]


def test_facets_follow_changes() -> None:
    """Counts follow what is added and removed, and a value that was there before is gone with its last document."""
    collection = Collection(None, newest_first("created", "id"))
    facet = Facet("state", bucket=lambda document: {"value": document["state"]}, tie="value")
    first = [{"id": "a", "created": "2026-01-01T00:00:00Z", "state": "running"}]
    fill(collection, ((each, "x") for each in first))
    assert facet.counts(collection.everything, collection) == [{"count": 1, "value": "running"}]
    collection.add({"id": "b", "created": "2026-01-02T00:00:00Z", "state": "paused"}, "x")
    both = [{"count": 1, "value": "paused"}, {"count": 1, "value": "running"}]
    assert facet.counts(collection.everything, collection) == both
    collection.remove(type(collection.everything)([collection.everything.max()]))
    assert facet.counts(collection.everything, collection) == [{"count": 1, "value": "paused"}]


def test_facets_follow_changes_of_a_seeded_world() -> None:
    """Removing a seeded document lowers exactly its buckets."""
    one = app_of(size=60)
    collection = main_tenant(one, "dreadnode")
    get(one, "dreadnode", path=FACETS)
    collection.remove(type(collection.everything)([collection.everything[1], collection.everything[7]]))
    assert get(one, "dreadnode", path=FACETS).value == expected(list(collection.documents()))
