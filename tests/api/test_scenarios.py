"""Scenarios: what a list shows by link is derived from spec and recipe, and keeps every promise that lists make."""

from __future__ import annotations

import re
import sys
from collections import Counter
from functools import cache
from typing import Any, get_args
from urllib.parse import urlencode

import pytest
from jsonschema_rs import Draft202012Validator

from fakeserver.faults.scenarios import NEXT_VERSION, SCENARIOS, ScenarioName
from fakeserver.pipeline.scenarios import Scenes
from fakeserver.pipeline.service import Service
from fakeserver.recipes.fixture import load, load_vocabularies
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.spec import reader
from fakeserver.testing import running
from tests.support.asgi import (
    EPOCH,
    FACETS,
    PATHS,
    ROOT,
    SLUGS,
    SPECS,
    Reply,
    Row,
    app_of,
    call,
    credential,
    get,
    ids,
    resolved,
    rows,
    schema_of,
    services,
)

SOUND = [name for name in SCENARIOS if name != NEXT_VERSION]
E2B = "e2b"
SCHEMAS = {"dreadnode": "state", "prime": "status", "superserve": "status"}
FILTERS = {
    "dreadnode": ("", "state=running", "search=a"),
    "instavm": ("", "metadata=%7B%22env%22%3A%22dev%22%7D"),
    "prime": ("", "status=RUNNING"),
    "superserve": ("", "status=active", "metadata.env=prod"),
}


@cache
def app() -> App:
    return app_of(size=40)


def seen(slug: str, query: str, path: str = "", **headers: str) -> Reply:
    """An answer; where a scenario fails it, the one after that."""
    reply = get(app(), slug, query, path=path, **headers)
    return reply if reply.status == 200 else get(app(), slug, query, path=path, **headers)


def check_schema(slug: str, path: str, value: Any) -> None:
    where = next(
        each["get"] for template, each in SPECS[slug]["paths"].items() if template.replace("{org}", "acme") == path
    )
    schema = resolved(slug, where["responses"]["200"])["content"]["application/json"]["schema"]
    Draft202012Validator(schema_of(slug, schema)).validate(value)


def walk(slug: str, query: str) -> tuple[list[Row], list[Reply]]:
    """All pages, in the way of the provider."""
    found: list[Row] = []
    replies = []
    extra: dict[str, str] = {}
    for number in range(2, 3_000):
        reply = seen(slug, "&".join(filter(None, (query, urlencode(extra)))))
        replies.append(reply)
        page = rows(slug, reply)
        found += page
        value = reply.value
        if slug == "dreadnode" and value["next_cursor"]:
            extra = {"cursor": value["next_cursor"]}
        elif slug == "prime" and value["has_next"]:
            extra = {"page": str(number)}
        else:
            return found, replies
    raise AssertionError("the pages never end")


def total(slug: str, reply: Reply) -> int | None:
    """How many rows there are by the answer's own account; None where it gives none."""
    if slug == "superserve":
        return int(reply.headers["x-total-count"])
    return int(reply.value["total"]) if slug == "prime" else None


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("slug", SLUGS)
def test_every_answer_is_sound_and_the_pages_are_the_set(slug: str, name: str) -> None:
    for filters in FILTERS[slug]:
        query = f"__scenario={name}" + (f"&{filters}" if filters else "")
        once = seen(slug, query)
        check_schema(slug, PATHS[slug], once.value)
        assert seen(slug, query).body == once.body
        assert once.headers["x-fakeserver-scenario"] == name
        assert once.headers["preference-applied"] == f"scenario={name}"
        assert "x-fakeserver-outside-schema" not in once.headers
        if name == "churn" or slug == "instavm":
            continue
        found, replies = walk(slug, query)
        assert len(set(ids(slug, found))) == len(found)
        assert total(slug, once) in (None, len(found))
        for reply in replies:
            check_schema(slug, PATHS[slug], reply.value)


@pytest.mark.parametrize("name", SCENARIOS)
def test_facets_count_the_rows(name: str) -> None:
    facets = seen("dreadnode", f"__scenario={name}", FACETS)
    if name != NEXT_VERSION:
        check_schema("dreadnode", FACETS, facets.value)
    counted = {each["value"]: each["count"] for each in facets.value["states"]}
    if name == "churn":
        # What it counts is what stood there when the first page was shown.
        assert sum(counted.values()) == 96
    else:
        listed, _ = walk("dreadnode", f"__scenario={name}")
        assert counted == Counter(row["state"] for row in listed)
        projects = sum(each["count"] for each in facets.value["projects"])
        assert projects == sum(row.get("project_id") is not None for row in listed)
    if "running" in counted:
        few = seen("dreadnode", f"__scenario={name}&state=running", FACETS).value
        assert [each["count"] for each in few["states"] if each["value"] == "running"] == [counted["running"]]


@pytest.mark.parametrize("slug", SLUGS)
def test_each_shows_what_it_says(slug: str) -> None:
    def shown(name: str) -> list[Row]:
        return rows(slug, seen(slug, f"__scenario={name}"))

    assert shown("empty") == []
    assert len(shown("one")) == 1
    assert len(shown("exact-page")) == (100 if slug == "instavm" else 50)
    whole = 100 if slug == "instavm" else 120
    assert len(shown("one-row-pages")) == (whole if slug in ("instavm", "superserve") else 1)
    assert any(len(text) > 200 for row in shown("long-text") for text in row.values() if isinstance(text, str))
    assert any("\u202e" in text for row in shown("unicode-rtl") for text in row.values() if isinstance(text, str))
    if slug in SCHEMAS:
        field = SCHEMAS[slug]
        schema = next(
            each
            for each in SPECS[slug]["components"]["schemas"].values()
            if {field, "id"} <= each.get("properties", {}).keys()
        )
        known = set(resolved(slug, schema["properties"][field]).get("enum", ()))
        assert known <= {row[field] for row in shown("all-enums")}
        assert {row[field] for row in shown(NEXT_VERSION)} - known
    assert min(map(len, shown("all-set"))) >= max(map(len, shown("all-null")))
    assert any("next_version_field" in row for row in shown(NEXT_VERSION))
    assert seen(slug, f"__scenario={NEXT_VERSION}").headers["x-fakeserver-outside-schema"] == "true"
    assert [row for row in shown("all-null") if None in row.values()] or slug == "superserve"
    aged, young = shown("aged")[0], shown("long-text")[0]
    created = services()[slug].provider.created
    assert aged[created] < young[created]


def test_one_row_pages_are_honest_about_everything_else() -> None:
    reply = seen("prime", "__scenario=one-row-pages&per_page=20")
    assert (reply.value["per_page"], reply.value["total"], reply.value["has_next"]) == (20, 120, True)
    cut = get(app(), "superserve", "__scenario=one-row-pages&limit=20")
    assert len(rows("superserve", cut)) == 1
    assert cut.headers["x-total-count"] == "120"


def test_rows_come_and_go_behind_the_first_page() -> None:
    first = set(ids("dreadnode", rows("dreadnode", seen("dreadnode", "__scenario=churn"))))
    found, _ = walk("dreadnode", "__scenario=churn")
    again, _ = walk("dreadnode", "__scenario=churn")
    assert found == again
    listed = ids("dreadnode", found)
    assert first <= set(listed)
    assert len(set(listed)) < 120


def test_slow_and_flaky_are_faults() -> None:
    own = app_of(size=10)
    assert get(own, "prime", "__scenario=slow").headers["x-fakeserver-fault"] == "scenario=slow"
    got = [get(own, "prime", "__scenario=flaky").status for _ in range(4)]
    assert got == [503, 200, 503, 200]


@pytest.mark.parametrize("slug", SLUGS)
def test_every_way_of_asking_shows_the_same(slug: str) -> None:
    query = seen(slug, "__scenario=one").body
    assert seen(slug, "", prefer="scenario=one").body == query
    asked = call(app(), f"/{slug}{PATHS[slug]}", headers=credential(slug, suffix="+scenario=one"))
    assert asked.body == query


def test_it_goes_with_other_wishes() -> None:
    own = app_of(size=10)
    headers = credential("prime", suffix="+code=429,times=1,scenario=one")
    got = [call(own, "/prime" + PATHS["prime"], headers=headers) for _ in range(2)]
    assert [each.status for each in got] == [429, 200]
    assert len(rows("prime", got[1])) == 1


@pytest.mark.parametrize("slug", SLUGS)
def test_an_unknown_name_is_refused_with_the_nearest(slug: str) -> None:
    asked = [
        get(app(), slug, "__scenario=emty"),
        get(app(), slug, prefer="scenario=emty"),
        call(app(), f"/{slug}{PATHS[slug]}", headers=credential(slug, suffix="+scenario=emty")),
    ]
    for reply in asked:
        assert (reply.status, reply.media_type) == (400, "application/problem+json")
        assert reply.value["detail"] == "scenario 'emty' is not known; did you mean 'empty'?"
        assert reply.value["field"] == "scenario"


def test_other_operations_see_the_world() -> None:
    own = app_of(size=10)
    row = rows("prime", get(own, "prime"))[0]
    path = f"{PATHS['prime']}/{row['id']}"
    reply = get(own, "prime", "__scenario=empty", path=path)
    assert reply.status == 200
    assert "preference-applied" not in reply.headers
    gone = call(own, f"/prime{path}?__scenario=empty", method="DELETE", headers=credential("prime"))
    assert gone.status == 200


def test_a_world_can_be_in_one() -> None:
    own = app_of(size=10)
    before = get(own, "dreadnode").body
    put = call(own, "/__admin/settings", method="PUT", body=b'{"scenarios": {"dreadnode": "empty"}}')
    assert put.value["scenarios"] == {"dreadnode": "empty"}
    reply = get(own, "dreadnode")
    assert (rows("dreadnode", reply), reply.headers["x-fakeserver-scenario"]) == ([], "empty")
    assert "preference-applied" not in reply.headers
    assert len(rows("dreadnode", get(own, "dreadnode", "__scenario=one"))) == 1
    entry = call(own, "/__admin/requests").value["requests"][0]
    assert entry["scenario"] == "one"
    snapshot = call(own, "/__admin/snapshot").body
    call(own, "/__admin/reset", method="POST")
    assert get(own, "dreadnode").body == before
    assert call(own, "/__admin/snapshot", method="PUT", body=snapshot).status in (200, 204)
    assert rows("dreadnode", get(own, "dreadnode")) == []
    off = call(own, "/__admin/settings", method="PUT", body=b'{"scenarios": {"dreadnode": null}}')
    assert off.value["scenarios"] == {}
    wrong = call(own, "/__admin/settings", method="PUT", body=b'{"scenarios": {"dreadnode": "emty"}}')
    assert (wrong.status, "did you mean 'empty'" in wrong.value["detail"]) == (422, True)
    assert call(own, "/__admin/settings", method="PUT", body=b'{"scenarios": {"dreadnod": "empty"}}').status == 422


def test_all_are_in_the_list_and_their_links_work() -> None:
    found = call(app(), "/__admin/scenarios").value
    assert {row["scenario"] for row in found} == set(SCENARIOS) == set(get_args(ScenarioName))
    assert [row["operation"] for row in found if row["scenario"] == "empty"] == [
        "listSandboxes",
        "getSandboxFacets",
        "listSandboxes",
        "listSandboxes",
        "listSandboxes",
    ]
    for row in found:
        if row["operation"] == "listSandboxes":
            reply = seen(row["provider"], row["recipes"]["query"])
            assert reply.headers["x-fakeserver-scenario"] == row["scenario"]


@cache
def e2b() -> App:
    """The example of a provider in a package of its own, served without its package being installed."""
    sys.path.insert(0, str(ROOT / "examples" / "provider-e2b"))
    try:
        from provider_e2b import PROVIDER  # type: ignore[import-not-found, unused-ignore]
    finally:
        sys.path.pop(0)
    spec = reader.load(PROVIDER.spec, PROVIDER.operations)
    fixture = load(PROVIDER, spec, load_vocabularies())
    return create_app(Settings(size=40, epoch=EPOCH, rate_limits=False), {E2B: Service(PROVIDER, spec, fixture)})


def by_cursor(query: str) -> Reply:
    headers = {"x-api-key": "e2b-admin-key"}
    reply = call(e2b(), f"/e2b/v2/sandboxes?{query}", headers=headers)
    return reply if reply.status == 200 else call(e2b(), f"/e2b/v2/sandboxes?{query}", headers=headers)


@cache
def e2b_row() -> Draft202012Validator:
    """What the plugin's own spec says of a row."""
    spec = e2b().services[E2B].spec.document
    return Draft202012Validator({**spec["components"]["schemas"]["ListedSandbox"], "components": spec["components"]})


@pytest.mark.parametrize("filters", ["", "state=paused", "metadata=app%3Dprod", "order=asc"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_plugins_rows_are_sound_and_its_pages_the_set(name: str, filters: str) -> None:
    """All that holds for built-in providers, by cursor; and a cursor belongs to its scenario."""
    query = f"__scenario={name}&limit=30" + (f"&{filters}" if filters else "")
    found: list[Row] = []
    token = ""
    for _ in range(200):
        reply = by_cursor(query + (f"&nextToken={token}" if token else ""))
        assert reply.status == 200
        assert reply.headers["x-fakeserver-scenario"] == name
        assert ("x-fakeserver-outside-schema" in reply.headers) is (name == NEXT_VERSION)
        if name != NEXT_VERSION:
            for row in reply.value:
                e2b_row().validate(row)
        found += reply.value
        token = reply.headers.get("x-next-token", "")
        if not token:
            break
        other = by_cursor(query.replace(name, "many" if name != "many" else "aged") + f"&nextToken={token}")
        assert other.status == 400
        assert by_cursor(f"limit=30&nextToken={token}").status == 400
    assert not token
    ids_found = [row["sandboxID"] for row in found]
    assert len(ids_found) == len(set(ids_found))
    if name != "churn":
        whole = by_cursor(query.replace("limit=30", "limit=100"))
        assert name in ("many", "one-row-pages") or [row["sandboxID"] for row in whole.value][:30] == ids_found[:30]
    if filters == "state=paused" and name != NEXT_VERSION:
        assert {row["state"] for row in found} <= {"paused"}
    if not filters:
        assert len(found) == {"empty": 0, "one": 1, "exact-page": 100, "many": 2_500}.get(name, len(found))


def test_each_shows_what_it_says_of_a_plugin() -> None:
    """Its fields, enumerations and empty values are read from its spec, as those of built-in providers."""
    shown = {name: by_cursor(f"__scenario={name}&limit=100").value for name in SCENARIOS}
    properties = e2b().services[E2B].spec.document["components"]["schemas"]["ListedSandbox"]["properties"]
    assert {row["state"] for row in shown["all-enums"]} == {"running", "paused"}
    assert all("alias" not in row and "metadata" not in row for row in shown["all-null"])
    assert all(set(row) == set(properties) for row in shown["all-set"])
    assert any(len(row.get("alias", "")) > 200 for row in shown["long-text"])
    assert any("\u202e" in text for row in shown["unicode-rtl"] for text in row.get("metadata", {}).values())
    assert {row["state"] for row in shown[NEXT_VERSION]} - {"running", "paused"}
    assert shown["aged"][0]["startedAt"] < shown["many"][0]["startedAt"]
    assert len(shown["one-row-pages"]) == 1


def test_a_scenario_costs_as_much_in_a_large_world() -> None:
    """Its rows are counted out, however many documents a world has: the first who asks for one holds up nobody."""
    made = Counter[int]()
    for size in (200, 1_000_000):
        own = app_of(size=size)
        scenes = own.services["prime"].scenes
        for name in SCENARIOS:
            tenants = own.world.tenants(own.services["prime"].provider)
            shown = Scenes(scenes._provider, scenes._spec, scenes._fixture).of(name, own.world, tenants, "", True)
            made[size] += len(shown["main"].everything)
    assert made[200] == made[1_000_000] < 5_000


def test_what_is_made_once_is_kept() -> None:
    service, world = services()["prime"], app_of(size=10).world
    scenes, tenants = Scenes(service.provider, service.spec, service.fixture), world.tenants(service.provider)
    name = service.provider.default_tenant
    one = scenes.of("long-text", world, tenants, "", True)[name]
    assert scenes.of("long-text", world, tenants, "", True)[name] is one


def test_the_page_says_what_each_shows() -> None:
    page = (ROOT / "docs" / "frontend.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", page, re.MULTILINE))
    assert told == SCENARIOS


def test_a_handle_puts_a_provider_into_one() -> None:
    with running() as server, server.world() as fake:
        fake.prime.scenario("empty")
        assert fake.admin.call("GET", "/settings")["scenarios"] == {"prime": "empty"}
        fake.prime.scenario(None)
        assert fake.admin.call("GET", "/settings")["scenarios"] == {}
