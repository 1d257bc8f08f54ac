"""The admin API: its contract, each endpoint at the root and in a namespace, its guard, and what it refuses."""

from __future__ import annotations

import asyncio
import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import validate

from contract_tests.yaml_files import LOADER, read_yaml
from fakeserver.admin import reading
from fakeserver.admin.api import Admin
from fakeserver.admin.contract import PATH as CONTRACT
from fakeserver.serving.app import App
from tests.support.admin import FREEZE, admin, arrive, done, listing, refused, small_app
from tests.support.asgi import EPOCH, PATHS, SLUGS, main_tenant, rows
from tests.support.counting import steps
from tests.support.redocly import lint
from tests.support.soak import examples

Node = dict[str, Any]

SPEC: Node = read_yaml(CONTRACT)
PLACES = ("", "suite-1")
BODY_CALLS = (
    ("PUT", "/documents/prime/main"),
    ("POST", "/documents/prime/main"),
    ("PATCH", "/documents/prime/main"),
    ("PUT", "/snapshot"),
    ("POST", "/faults"),
    ("PUT", "/clock"),
    ("POST", "/requests/count"),
    ("POST", "/requests/find"),
    ("PUT", "/settings"),
)
FAULT = {"provider": "prime", "operation": "listSandboxes", "code": 503}
SUPERSERVE = {
    "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
    "name": "one",
    "status": "active",
    "vcpu_count": 1,
    "memory_mib": 512,
    "created_at": "2026-01-18T10:00:00Z",
    "metadata": {},
}
SMALL = 40


@pytest.fixture
def app() -> App:
    """A small server of the test's own."""
    return small_app(size=SMALL)


# The contract


def resolved(node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        found: Any = SPEC
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def described() -> Iterator[tuple[str, str, Node]]:
    """(method, path, operation) of the contract."""
    for path, methods in SPEC["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                yield method.upper(), path, operation


def operation_of(method: str, path: str) -> Node:
    """The operation that a real path belongs to."""
    path = path.partition("?")[0]
    for found, template, operation in described():
        if found == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return operation
    raise AssertionError(f"{method} {path} is not in the contract")


def held(method: str, path: str, reply: Any) -> Any:
    """The reply, held against what the contract says of this call and status."""
    response = resolved(operation_of(method, path)["responses"][str(reply.status)])
    content = response.get("content", {})
    if not content:
        assert reply.body == b""
        return reply
    assert reply.media_type in content
    if reply.media_type != "application/yaml":
        schema = {**resolved(content[reply.media_type]["schema"]), "components": SPEC["components"]}
        Draft202012Validator(schema, validate_formats=True).validate(reply.value)
    return reply


def test_contract_is_valid_openapi() -> None:
    """The contract is OpenAPI 3.1 without extensions."""
    validate(SPEC)
    assert SPEC["openapi"] == "3.1.0"
    assert not re.search(r"^\s*x-", CONTRACT.read_text(encoding="utf-8"), re.MULTILINE)


def test_linter_finds_nothing() -> None:
    """The contract passes the strict rules of the linter without a warning."""
    lint("fakeserver/admin/openapi.yaml")


def test_contract_describes_every_route(app: App) -> None:
    """Routes and contract name the same paths and methods."""
    served = {
        (method, route.path)
        for route in Admin(app.services, app.seeded, app.worlds).routes()
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert served == {(method, path) for method, path, _ in described()}


def test_contract_is_served(app: App) -> None:
    """The server hands out the contract that it is held against."""
    reply = held("GET", "/openapi.yaml", admin(app, "GET", "/openapi.yaml"))
    assert yaml.load(reply.body, Loader=LOADER) == SPEC


@pytest.mark.parametrize("ns", PLACES)
def test_every_call_answers_as_described(app: App, ns: str) -> None:
    """Each endpoint, at the root and in a namespace, answers with a status and a body that the contract describes."""
    listing(app, "prime", "page=1&nothing=1", ns=ns)
    listing(app, "instavm", "metadata=%7B%22a%22%3A1.5%7D", ns=ns)
    arrive(app, f"/ns/{ns}/prime/nowhere" if ns else "/prime/nowhere")
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/health", None),
        ("GET", "/errors", None),
        ("GET", "/documents/prime/main", None),
        ("PUT", "/documents/superserve/main", [SUPERSERVE]),
        ("PATCH", "/documents/superserve/main", [SUPERSERVE]),
        ("POST", "/documents/superserve/main", [SUPERSERVE]),
        ("POST", "/faults", {**FAULT, "match": {"caller": "admin"}, "headers": {"Retry-After": "2"}}),
        ("GET", "/faults", None),
        ("PUT", "/clock", {"action": "advance", "seconds": 90.5}),
        ("GET", "/clock", None),
        ("PUT", "/settings", {"rate_limits": {"superserve": "enforced"}}),
        ("GET", "/settings", None),
        ("GET", "/requests", None),
        ("GET", "/requests?limit=1", None),
        ("POST", "/requests/count", {"provider": "prime"}),
        ("POST", "/requests/find", {"fault": None}),
        ("GET", "/requests/unmatched", None),
        ("GET", "/namespaces", None),
        ("DELETE", "/faults/fault-1", None),
        ("DELETE", "/faults/fault-1", None),
        ("DELETE", "/faults", None),
        ("GET", "/snapshot", None),
        ("DELETE", "/requests", None),
        ("POST", "/reset", None),
        ("DELETE", "/namespaces/nobody", None),
    ]
    statuses = [held(method, path, admin(app, method, path, body, ns=ns)).status for method, path, body in calls]
    assert statuses == [200] * 3 + [204, 204, 422, 201, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200] + [
        204, 404, 204, 200, 204, 204, 404,
    ]  # fmt: skip
    taken = admin(app, "GET", "/snapshot", ns=ns)
    assert held("PUT", "/snapshot", admin(app, "PUT", "/snapshot", taken.body, ns=ns)).status == 204


def test_health_says_what_is_served(app: App) -> None:
    """Health names the version, the seed, the namespace and a hash of every spec."""
    value = done(admin(app, "GET", "/health", ns="suite-1"))
    assert (value["namespace"], value["seed"], value["size"], value["epoch"]) == (
        "suite-1",
        0,
        SMALL,
        "2026-01-18T10:30:00.000000Z",
    )
    assert value["specs"] == {slug: service.spec.digest for slug, service in app.services.items()}
    assert done(admin(app, "GET", "/health"))["namespace"] is None


def test_errors_are_reachable(app: App) -> None:
    """A recipe of each kind, followed to the letter, gives the status that the catalogue promises."""
    catalogue = done(admin(app, "GET", "/errors"))
    assert {row["provider"] for row in catalogue} == set(SLUGS)
    for row in catalogue:
        if row["operation"] == "listSandboxes" and row["code"] in (422, 429, 503):
            prefer = row["recipes"]["prefer"].removeprefix("Prefer: ")
            assert listing(app, row["provider"], prefer=prefer).status == row["code"]
            assert listing(app, row["provider"], row["recipes"]["query"]).status == row["code"]
            suffix = row["recipes"]["credential"].removeprefix(f"{row['provider']}-admin-key")
            assert listing(app, row["provider"], suffix=suffix).status == row["code"]


# Documents


def test_documents_are_exactly_those_put(app: App) -> None:
    """The listing shows the documents that were put, newest first, and nothing else; other tenants keep theirs."""
    older = {**SUPERSERVE, "id": "00000000-0000-4000-8000-000000000001", "created_at": "2026-01-18T09:00:00Z"}
    outsiders = listing(app, "superserve", who="outsider").body
    assert admin(app, "PUT", "/documents/superserve/main", [older, SUPERSERVE]).status == 204
    assert rows("superserve", listing(app, "superserve")) == [SUPERSERVE, older]
    assert done(admin(app, "GET", "/documents/superserve/main")) == [SUPERSERVE, older]
    assert listing(app, "superserve", who="outsider").body == outsiders
    assert admin(app, "PUT", "/documents/superserve/main", []).status == 204
    assert rows("superserve", listing(app, "superserve")) == []


def owners_of(app: App, slug: str) -> dict[str, str]:
    """The owner of each document of the default tenant, by its id."""
    collection = main_tenant(app, slug)
    return {collection.order(rank)[1]: collection.owner(rank) for rank in collection.everything}


@pytest.mark.parametrize("slug", SLUGS)
def test_documents_are_added_and_replaced_by_their_ids(app: App, slug: str) -> None:
    """POST takes new ids only and PATCH known ones only, each as a whole; seeded rows keep their owners."""
    provider = app.services[slug].provider
    path = f"/documents/{slug}/{provider.default_tenant}"
    before = done(admin(app, "GET", path))
    owners = owners_of(app, slug)
    seeded, name = before[2], provider.identity
    new = {**seeded, name: "11111111-1111-4111-8111-111111111111"}
    problem = refused(admin(app, "POST", path, [new, seeded]), 422, name)
    assert problem["errors"] == [{"document": 1, "field": name, "detail": "is that of a document that is there"}]
    problem = refused(admin(app, "PATCH", path, [seeded, new]), 422, name)
    assert problem["errors"] == [{"document": 1, "field": name, "detail": "is that of no document"}]
    assert done(admin(app, "GET", path)) == before
    done(admin(app, "POST", path, [new]))
    assert sorted(map(repr, done(admin(app, "GET", path)))) == sorted(map(repr, [*before, new]))
    done(admin(app, "PATCH", path, before))
    done(admin(app, "PATCH", path, [new]))
    assert owners_of(app, slug).items() > owners.items()


@pytest.mark.parametrize("slug", SLUGS)
def test_seeded_documents_can_be_put_back(app: App, slug: str) -> None:
    """What GET gives, PUT takes, and the listing is byte for byte the same."""
    tenant = app.services[slug].provider.default_tenant
    before = listing(app, slug).body
    documents = done(admin(app, "GET", f"/documents/{slug}/{tenant}"))
    assert admin(app, "PUT", f"/documents/{slug}/{tenant}", documents).status == 204
    after = listing(app, slug)
    if slug == "dreadnode":
        assert after.value["items"] == json.loads(before)["items"]
    else:
        assert after.body == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "broken"}, "status"),
        ({"status": None}, "status"),
        ({"id": "no-uuid"}, "id"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"created_at": "2026-01-18"}, "created_at"),
        ({"created_at": "9999-99-99T00:00:00Z"}, "created_at"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": None}, "metadata"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": -1}, "timeout_seconds"),
        ({"network": {"allow_out": "all"}}, "network.allow_out"),
        ({"vcpu_count": "2"}, "vcpu_count"),
        ({"name": ["a"]}, "name"),
    ],
)
def test_wrong_documents_are_refused_whole(app: App, change: Node, field: str) -> None:
    """One wrong document refuses all; the problem names its position and its field, and nothing has changed."""
    before = listing(app, "superserve").body
    problem = refused(
        admin(app, "PUT", "/documents/superserve/main", [SUPERSERVE, {**SUPERSERVE, **change}]), 422, field
    )
    assert {(each["document"], each["field"]) for each in problem["errors"]} == {(1, field)}
    assert "document 1" in problem["detail"]
    assert listing(app, "superserve").body == before


def test_every_wrong_document_is_named(app: App) -> None:
    """Missing fields, twins and things that are no documents are all listed."""
    missing = {name: text for name, text in SUPERSERVE.items() if name not in ("name", "metadata")}
    body = [SUPERSERVE, missing, SUPERSERVE, 7, None]
    errors = refused(admin(app, "PUT", "/documents/superserve/main", body), 422, "name")["errors"]
    assert [(each["document"], each["field"]) for each in errors] == [
        (1, "name"), (1, "metadata"), (2, "id"), (3, "document"), (4, "document"),
    ]  # fmt: skip


def test_documents_that_no_answer_could_carry_are_refused(app: App) -> None:
    """A free-form field may hold anything but a nest that no JSON writer would write."""
    document = done(admin(app, "GET", "/documents/instavm/main"))[0]
    deep: Any = 1
    for _ in range(300):
        deep = {"a": deep}
    refused(admin(app, "PUT", "/documents/instavm/main", [{**document, "metadata": deep}]), 422, "document")
    assert admin(app, "PUT", "/documents/instavm/main", [{**document, "metadata": {"a": [{"b": 1e300}]}}]).status == 204
    assert listing(app, "instavm").status == 200


@pytest.mark.parametrize(("path", "field"), [("/documents/nobody/main", "slug"), ("/documents/prime/nobody", "tenant")])
def test_places_that_do_not_exist(app: App, path: str, field: str) -> None:
    """An unknown provider or tenant is a 404 that names which of the two."""
    refused(admin(app, "GET", path), 404, field)
    refused(admin(app, "PUT", path, []), 404, field)


# Reset


def upset(app: App, ns: str = "") -> None:
    """Change everything that a world has."""
    done(admin(app, "PUT", "/documents/superserve/main", [SUPERSERVE], ns=ns))
    done(admin(app, "PUT", "/clock", {"action": "freeze", "instant": "2026-01-18T12:00:00.000001Z"}, ns=ns))
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 3600}, ns=ns))
    done(admin(app, "POST", "/faults", {**FAULT, "times": 3, "probability": 0.5}, ns=ns))
    done(admin(app, "POST", "/faults", {**FAULT, "provider": "instavm", "code": 429, "times": 2}, ns=ns))
    done(admin(app, "POST", "/faults", {**FAULT, "provider": "dreadnode", "delay_ms": 0, "code": None}, ns=ns))
    done(admin(app, "DELETE", "/faults/fault-3", ns=ns))
    body = {"rate_limits": {"superserve": "enforced"}, "switches": {"prime": {"validation_errors": "published"}}}
    done(admin(app, "PUT", "/settings", body, ns=ns))
    for _ in range(2):
        listing(app, "prime", ns=ns)
        listing(app, "instavm", ns=ns)
        listing(app, "superserve", ns=ns, suffix="+code=503,times=3")
        listing(app, "superserve", ns=ns)
        listing(app, "dreadnode", "state=killed&limit=3&more=1", ns=ns)


@pytest.mark.parametrize("ns", PLACES)
def test_reset_leads_back_to_the_seed(ns: str) -> None:
    """After any change, reset gives the world that a new server with this seed would have: seeded, not empty."""
    app, fresh = small_app(size=SMALL), small_app(size=SMALL)
    pages = {slug: listing(fresh, slug, ns=ns).body for slug in SLUGS}
    upset(app, ns)
    assert listing(app, "superserve", ns=ns).body != pages["superserve"]
    assert admin(app, "POST", "/reset", b"ignored", ns=ns).status == 204
    found = done(admin(app, "GET", "/requests", ns=ns))
    assert (found["requests"], found["meta"]["total"], found["meta"]["left"]) == ([], 0, [])
    assert done(admin(app, "GET", "/faults", ns=ns)) == {"faults": []}
    assert done(admin(app, "GET", "/settings", ns=ns)) == done(admin(fresh, "GET", "/settings", ns=ns))
    assert done(admin(app, "GET", "/clock", ns=ns))["aged_seconds"] == 0
    assert {slug: listing(app, slug, ns=ns).body for slug in SLUGS} == pages


def test_reset_leads_back_to_the_seed_of_this_server() -> None:
    """A snapshot of another seed is gone after a reset, too."""
    here, there = small_app(size=SMALL, seed=1), small_app(size=SMALL, seed=2)
    before = listing(here, "prime").body
    done(admin(here, "PUT", "/snapshot", admin(there, "GET", "/snapshot").body))
    assert done(admin(here, "GET", "/health"))["seed"] == 2
    assert listing(here, "prime").body == listing(there, "prime").body != before
    done(admin(here, "POST", "/reset"))
    assert done(admin(here, "GET", "/health"))["seed"] == 1
    assert listing(here, "prime").body == before


# Snapshots


def told(app: App, ns: str = "") -> list[tuple[int, dict[str, str], bytes]]:
    """What a world answers to a round of questions that use up faults, wishes and limits."""
    found = []
    cursor = ""
    for _ in range(4):
        page = listing(app, "dreadnode", f"limit=7{cursor}", ns=ns)
        cursor = f"&cursor={page.value['next_cursor']}"
        found += [page, listing(app, "dreadnode", ns=ns, who="member")]
        found += [listing(app, "superserve", ns=ns, suffix="+code=503,times=3"), listing(app, "superserve", ns=ns)]
        found += [listing(app, "prime", "page=0", ns=ns), listing(app, "instavm", ns=ns)]
    asked = ("/faults", "/clock", "/settings", "/requests", "/documents/prime/research", "/documents/superserve/main")
    found += [admin(app, "GET", path, ns=ns) for path in asked]
    found += [admin(app, "POST", "/faults", FAULT, ns=ns)]
    return [(each.status, each.headers, each.body) for each in found]


def test_restored_world_answers_the_same() -> None:
    """Documents, aged clock, half-spent faults and wishes, limits, cursors, settings and journal all come back."""
    app = small_app(size=SMALL)
    upset(app)
    page = listing(app, "dreadnode", "limit=5").value
    taken = admin(app, "GET", "/snapshot").body
    first = told(app)
    done(admin(app, "POST", "/reset"))
    done(admin(app, "PUT", "/snapshot", taken))
    assert admin(app, "GET", "/snapshot").body == taken
    assert told(app) == first
    done(admin(app, "PUT", "/snapshot", taken, ns="copy"))
    assert admin(app, "GET", "/snapshot", ns="copy").body == taken
    assert told(app, "copy") == first
    following = listing(app, "dreadnode", f"limit=5&cursor={page['next_cursor']}", ns="copy")
    assert following.status == 200


def test_snapshot_moves_to_another_server() -> None:
    """A server of another seed, size and epoch answers as the first one did, and keeps its other worlds."""
    here, there = small_app(size=SMALL), small_app(size=30, seed=9, epoch=EPOCH + 10**12)
    upset(here)
    taken = admin(here, "GET", "/snapshot").body
    own = listing(there, "prime").body
    done(admin(there, "PUT", "/snapshot", taken, ns="guest"))
    assert admin(there, "GET", "/snapshot", ns="guest").body == taken
    assert told(there, "guest") == told(here)
    assert listing(there, "prime").body == own


def test_documents_changed_behind_the_admin_api_are_kept(app: App) -> None:
    """Added, changed and removed documents over the seeded ones come back with their owners and ranks."""
    from pyroaring import BitMap

    collection = main_tenant(app, "dreadnode")
    ranks = list(collection.everything)
    new = {
        **collection.document(ranks[0]),
        "id": "00000000-0000-4000-8000-00000000000a",
        "created_at": "2026-01-18T11:00:00Z",
    }
    collection.add(new, "somebody")
    collection.change({ranks[3]: {**collection.document(ranks[3]), "build_ref": "other"}})
    collection.remove(BitMap([ranks[5], ranks[6]]))
    before = [listing(app, "dreadnode", query).body for query in ("", "state=killed", "state=running,paused")]
    taken = admin(app, "GET", "/snapshot").body
    done(admin(app, "POST", "/reset"))
    done(admin(app, "PUT", "/snapshot", taken))
    assert [listing(app, "dreadnode", query).body for query in ("", "state=killed", "state=running,paused")] == before


SPOILED: list[tuple[list[Any], Any, int, str]] = [
    (["version"], 1, 422, "version"),
    (["version"], 3, 422, "version"),
    (["version"], "1", 422, "version"),
    (["fixtures", "prime"], "other", 409, "fixtures"),
    (["fixtures"], None, 422, "fixtures"),
    (["recipe", "seed"], -1, 422, "recipe.seed"),
    (["recipe", "more"], 1, 422, "recipe.more"),
    (["secret"], "AAAA", 422, "secret"),
    (["secret"], "é", 422, "secret"),
    (["clock", "now"], 2**60, 422, "clock.now"),
    (["clock", "added"], -1, 422, "clock.added"),
    (["clock", "factor"], 0, 422, "clock.factor"),
    (["clock", "frozen"], 1, 422, "clock.frozen"),
    (["settings", "journal"], "yes", 422, "settings.journal"),
    (["settings", "rate_limits"], {"prime": "loud"}, 422, "settings.rate_limits.dreadnode"),
    (["faults", "scripts", 0, "code"], 999, 422, "faults.scripts.0.code"),
    (["faults", "scripts", 0, "seen"], "many", 422, "faults.scripts.0.seen"),
    (["faults"], [], 422, "faults"),
    (["faults", "made"], 0, 422, "faults.made"),
    (["faults", "wishes"], {"a": []}, 422, "faults.wishes.a"),
    (["limits", "counters"], [[1, 2]], 422, "limits.counters.0"),
    (["documents", "nobody"], {}, 422, "documents.nobody"),
    (["documents", "prime"], {"nobody": {}}, 422, "documents.prime.nobody"),
    (["documents", "superserve", "main", "seeded"], "yes", 422, "documents.superserve.main.seeded"),
    (["documents", "superserve", "main", "hidden"], [-1], 422, "documents.superserve.main.hidden.0"),
    (["documents", "superserve", "main", "stored", 0, 0], 2**40, 422, "documents.superserve.main.stored.0.rank"),
    (["documents", "superserve", "main", "stored", 0, 1], None, 422, "documents.superserve.main.stored.0.owner"),
    (["documents", "superserve", "main", "stored", 0, 3], {}, 422, "documents.superserve.main.stored.0.document.id"),
    (
        ["documents", "superserve", "main", "stored", 0, 3, "status"],
        "gone",
        422,
        "documents.superserve.main.stored.0.document.status",
    ),
    (["journal", "entries", 0, "values"], [], 422, "journal.entries.0.values"),
    (["journal", "entries", 0, "instant"], 2**62, 422, "journal.entries.0.instant"),
    (["journal", "entries", 0, "status"], "x", 422, "journal.entries.0.status"),
    (["journal", "retry_at"], [1], 422, "journal.retry_at.0"),
    (["journal", "total"], -1, 422, "journal.total"),
    (["more"], 1, 422, "more"),
]


@pytest.mark.parametrize(("where", "value", "status", "field"), SPOILED, ids=lambda each: str(each)[:60])
def test_spoiled_snapshots_change_nothing(app: App, where: list[Any], value: Any, status: int, field: str) -> None:
    """A snapshot with one wrong place is refused by name, and the world stays what it was."""
    upset(app)
    taken = admin(app, "GET", "/snapshot").body
    spoiled = json.loads(taken)
    place = spoiled
    for part in where[:-1]:
        place = place[part]
    place[where[-1]] = value
    refused(admin(app, "PUT", "/snapshot", spoiled), status, field)
    assert admin(app, "GET", "/snapshot").body == taken


def test_a_script_in_a_snapshot_is_read_as_one_in_a_call(app: App) -> None:
    """Every field of it that is wrong is named, by its place in the snapshot."""
    done(admin(app, "POST", "/faults", FAULT))
    taken = done(admin(app, "GET", "/snapshot"))
    taken["faults"]["scripts"][0] |= {"code": 1, "times": 0}
    problem = refused(admin(app, "PUT", "/snapshot", taken), 422, "faults.scripts.0.code")
    assert [each["field"] for each in problem["errors"]] == ["faults.scripts.0.code", "faults.scripts.0.times"]


def test_snapshot_without_a_part_is_refused(app: App) -> None:
    """Each part that is missing is named."""
    taken = json.loads(admin(app, "GET", "/snapshot").body)
    for name in taken:
        refused(admin(app, "PUT", "/snapshot", {each: taken[each] for each in taken if each != name}), 422, name)


# The guard


def test_only_loopback_may_call(app: App) -> None:
    """Another machine is refused, whatever it calls this one; loopback is served by each of its names."""
    for client in ("192.0.2.7", "10.0.0.1", "2001:db8::1", "0.0.0.0", "::ffff:192.0.2.7"):
        assert refused(arrive(app, "/__admin/settings", client=client, host="127.0.0.1:8000"), 403, None)
    for client in ("127.0.0.1", "127.9.9.9", "::1"):
        for host in ("localhost", "localhost:8000", "127.0.0.1:80", "[::1]:8000", "LOCALHOST"):
            assert arrive(app, "/__admin/settings", client=client, host=host).status == 200
    assert arrive(app, f"/prime{PATHS['prime']}", client="192.0.2.7").status == 401


def test_a_probe_on_another_machine_sees_that_the_server_is_well() -> None:
    """Health alone needs neither loopback nor the token, under any name; pages of other origins stay out."""
    for app in (small_app(size=SMALL), small_app(size=SMALL, admin_token="secret")):
        assert arrive(app, "/__admin/health", client="192.0.2.7", host="fake.internal:8000").status == 200
        asked = {"client": "192.0.2.7", "host": "fake.internal", "origin": "http://evil.example"}
        refused(arrive(app, "/__admin/health", **asked), 403, "Origin")
        for method, path in (("GET", "/requests"), ("POST", "/reset"), ("GET", "/snapshot")):
            other = arrive(app, f"/__admin{path}", method=method, client="192.0.2.7", host="127.0.0.1")
            assert other.status in (401, 403)


@pytest.mark.parametrize("ns", PLACES)
def test_foreign_names_and_pages_are_refused(app: App, ns: str) -> None:
    """A name that resolves here (DNS rebinding) and a page from elsewhere may not call, in any namespace."""
    path = f"/ns/{ns}/__admin/reset" if ns else "/__admin/reset"
    for host in (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:80",
        "",
        "localhost:80@evil.example",
    ):
        refused(arrive(app, path, method="POST", host=host), 403, "Host")
    for origin in ("http://evil.example", "null", "https://localhost.evil.example", "http://127.0.0.1.nip.example"):
        refused(arrive(app, path, method="POST", host="localhost", origin=origin), 403, "Origin")
    assert arrive(app, path, method="POST", host="localhost", origin="http://localhost:5173").status == 204


def test_admin_token() -> None:
    """With a token, it alone opens the API, from anywhere and under any name; foreign pages stay out."""
    app = small_app(size=SMALL, admin_token="sésame")
    for wrong in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic sésame"},
        {"authorization": "Bearer"},
    ):
        refused(admin(app, "GET", "/settings", headers=wrong), 401, "Authorization")
    with_token = {"authorization": "bearer sésame"}
    assert admin(app, "GET", "/settings", headers=with_token).status == 200
    assert admin(app, "GET", "/settings", headers=with_token | {"host": "fake.internal"}).status == 200
    refused(admin(app, "GET", "/settings", headers=with_token | {"origin": "http://evil.example"}), 403, "Origin")


# Refusals


@pytest.mark.parametrize(
    ("method", "path"),
    [*BODY_CALLS, ("POST", "/reset"), ("DELETE", "/faults"), ("DELETE", "/requests"), ("DELETE", "/faults/x")],
)
def test_bodies_are_limited(app: App, monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    """A body that is too long is a 413, also where a body is ignored."""
    monkeypatch.setattr(reading, "MAX_BODY_BYTES", 1_000)
    refused(held(method, path, admin(app, method, path, b" " * 1_001)), 413, "body")


@pytest.mark.parametrize(("method", "path"), BODY_CALLS)
@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, "body"),
        (b"{", 400, "body"),
        (b"not json", 400, "body"),
        (b'{"a": NaN}', 400, "body"),
        (b'{"a": Infinity}', 400, "body"),
        (b'{"a": 1e999}', 400, "body"),
        (b'{"a": "\\ud800"}', 400, "body"),
        (b'{"a": "\xff"}', 400, "body"),
        (b'{"seconds": 1, "seconds": 2}', 400, "seconds"),
        (b'[{"id": {"twice": 1, "twice": 1}}]', 400, "twice"),
        (b"[" * 5_000 + b"]" * 5_000, 400, "body"),
        (b"null", 422, "body"),
        (b"7", 422, "body"),
        (b'"text"', 422, "body"),
        (b"true", 422, "body"),
    ],
    ids=lambda each: repr(each)[:30],
)
def test_bodies_that_are_no_json(app: App, method: str, path: str, body: bytes, status: int, field: str) -> None:
    """What is not JSON, not plain, not once or not an object is refused at every endpoint that reads a body."""
    refused(held(method, path, admin(app, method, path, body)), status, field)


@pytest.mark.parametrize(("method", "path"), [each for each in BODY_CALLS if "documents" not in each[1]])
def test_arrays_and_unknown_fields(app: App, method: str, path: str) -> None:
    """An array where an object belongs is refused, and so is a field that nobody knows."""
    refused(admin(app, method, path, []), 422, "body")
    whole = done(admin(app, "GET", "/snapshot")) if path == "/snapshot" else {}
    bases: dict[str, Node] = {"/faults": FAULT, "/clock": FREEZE}
    base = bases.get(path, whole)
    refused(admin(app, method, path, {**base, "surprise": 1}), 422, "surprise")


WRONG_FAULTS: list[tuple[Node, str]] = [
    ({"provider": "nobody"}, "provider"),
    ({"provider": ["prime"]}, "provider"),
    ({"operation": "forkSandbox"}, "operation"),
    ({"operation": ["listSandboxes"]}, "operation"),
    ({"code": 199}, "code"),
    ({"code": 418}, "code"),
    ({"code": 503.5}, "code"),
    ({"code": True}, "code"),
    ({"code": "503"}, "code"),
    ({"example": "nobody"}, "example"),
    ({"example": 7}, "example"),
    ({"times": 0}, "times"),
    ({"times": -1}, "times"),
    ({"times": 10**30}, "times"),
    ({"after": -1}, "after"),
    ({"probability": 1.1}, "probability"),
    ({"probability": -0.1}, "probability"),
    ({"probability": False}, "probability"),
    ({"delay_ms": -1}, "delay_ms"),
    ({"delay_ms": 10**9}, "delay_ms"),
    ({"delay_ms": "1s"}, "delay_ms"),
    ({"delayDistribution": 5}, "delayDistribution"),
    ({"delayDistribution": {}}, "delayDistribution.type"),
    ({"delayDistribution": {"type": "normal"}}, "delayDistribution.type"),
    ({"delayDistribution": {"type": "uniform", "lower": 2, "upper": 1}}, "delayDistribution.lower"),
    ({"delayDistribution": {"type": "uniform", "lower": 1}}, "delayDistribution.upper"),
    ({"delayDistribution": {"type": "lognormal", "median": 1, "sigma": 11}}, "delayDistribution.sigma"),
    ({"delayDistribution": {"type": "uniform", "lower": 1, "upper": 2, "x": 1}}, "delayDistribution.x"),
    ({"delayDistribution": {"type": "uniform", "lower": 1, "upper": 2}, "delay_ms": 1}, "delayDistribution"),
    ({"chunkedDribbleDelay": {"numberOfChunks": 0, "totalDuration": 1}}, "chunkedDribbleDelay.numberOfChunks"),
    ({"chunkedDribbleDelay": {"numberOfChunks": 2}}, "chunkedDribbleDelay.totalDuration"),
    ({"fault": "EXPLODE"}, "fault"),
    ({"fault": 1}, "fault"),
    ({"phase": "during"}, "phase"),
    ({"handling": "maybe"}, "handling"),
    ({"headers": {"X-A": 1}}, "headers.X-A"),
    ({"headers": ["X-A"]}, "headers"),
    ({"headers": {f"x-{index}": "" for index in range(101)}}, "headers"),
    ({"headers": {"bad name": "x"}}, "headers.bad name"),
    ({"headers": {"X-A": "a\r\nSet-Cookie: b"}}, "headers.X-A"),
    ({"headers": {"Content-Length": "1"}}, "headers.Content-Length"),
    ({"match": "admin"}, "match"),
    ({"match": {"caller": 1}}, "match.caller"),
    ({"match": {"query": {"page": 1}}}, "match.query.page"),
    ({"match": {"path": "/"}}, "match.path"),
    ({"code": None}, "body"),
]


@pytest.mark.parametrize(("change", "field"), WRONG_FAULTS, ids=lambda each: str(each)[:50])
def test_wrong_faults_are_refused(app: App, change: Node, field: str) -> None:
    """A fault that could not be meant so is refused by the field that is wrong, and none is set."""
    refused(held("POST", "/faults", admin(app, "POST", "/faults", {**FAULT, **change})), 422, field)
    assert done(admin(app, "GET", "/faults")) == {"faults": []}


EVERYTHING: list[tuple[str, str, Node, list[str]]] = [
    (
        "POST",
        "/faults",
        {
            "provider": "prime",
            "operation": 7,
            "code": 1,
            "times": 0,
            "match": {"caller": 7, "query": {"a": 1}},
            "surprise": 1,
        },
        ["operation", "code", "times", "match.caller", "match.query.a", "surprise"],
    ),
    (
        "POST",
        "/faults",
        {**FAULT, "provider": "nobody", "headers": {"Connection": "x", "Content-Length": "1"}, "code": None},
        ["provider", "headers.Connection", "headers.Content-Length"],
    ),
    ("PUT", "/clock", {"action": "advance", "factor": 2, "surprise": 1}, ["seconds", "factor", "surprise"]),
    (
        "PUT",
        "/settings",
        {"journal": 1, "rate_limits": {"prime": "never", "superserve": 7}},
        ["journal", "rate_limits.prime", "rate_limits.superserve"],
    ),
    (
        "PUT",
        "/settings",
        {"rate_limits": {"nobody": "off"}, "switches": {"nobody": {}, "prime": {"a": 1, "validation_errors": 1}}},
        ["rate_limits.nobody", "switches.nobody", "switches.prime.a", "switches.prime.validation_errors"],
    ),
    (
        "POST",
        "/requests/find",
        {"status": "503", "method": 7, "queryParameters": {"a": {}, "b": {"equalTo": 1, "is": 2}}},
        ["status", "method", "queryParameters.a", "queryParameters.b.equalTo", "queryParameters.b.is"],
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "fields"), EVERYTHING, ids=lambda each: str(each)[:30])
def test_every_wrong_field_is_named(app: App, method: str, path: str, body: Node, fields: list[str]) -> None:
    """A refusal is about one field, and lists them all with what is wrong, each once."""
    problem = held(method, path, admin(app, method, path, body)).value
    assert problem["status"] == 422
    assert sorted(each["field"] for each in problem["errors"]) == sorted(fields)
    assert problem["field"] == problem["errors"][0]["field"]
    assert problem["detail"] == f"{problem['field']}: {problem['errors'][0]['detail']}"


def test_faults_are_bounded(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are at most so many faults; one more is a 409."""
    monkeypatch.setattr("fakeserver.faults.scripts.MAX_FAULTS", 2)
    for _ in range(2):
        done(admin(app, "POST", "/faults", FAULT))
    refused(held("POST", "/faults", admin(app, "POST", "/faults", FAULT)), 409, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"action": "rewind"}, "action"),
        ({"action": 7}, "action"),
        ({"action": "advance"}, "seconds"),
        ({"action": "advance", "seconds": -1}, "seconds"),
        ({"action": "advance", "seconds": -0.000001}, "seconds"),
        ({"action": "advance", "seconds": "60"}, "seconds"),
        ({"action": "advance", "seconds": True}, "seconds"),
        ({"action": "advance", "seconds": 10**30}, "seconds"),
        ({"action": "advance", "seconds": 1, "factor": 2}, "factor"),
        ({"action": "set"}, "instant"),
        ({"action": "set", "instant": "noon"}, "instant"),
        ({"action": "set", "instant": "2026-01-19"}, "instant"),
        ({"action": "set", "instant": "2026-W04-1T00:00:00Z"}, "instant"),
        ({"action": "set", "instant": "2026-02-30T00:00:00Z"}, "instant"),
        ({"action": "set", "instant": 1_768_732_200}, "instant"),
        ({"action": "set", "instant": "2020-01-01T00:00:00Z"}, "instant"),
        ({"action": "set", "instant": "9999-12-31T23:59:59-23:59"}, "instant"),
        ({"action": "freeze", "instant": "2020-01-01T00:00:00Z"}, "instant"),
        ({"action": "freeze", "seconds": 1}, "seconds"),
        ({"action": "scale"}, "factor"),
        ({"action": "scale", "factor": 0}, "factor"),
        ({"action": "scale", "factor": -1}, "factor"),
        ({"action": "scale", "factor": 1e9}, "factor"),
        ({"action": "scale", "factor": None}, "factor"),
        ({"action": "reset", "instant": "2026-01-19T00:00:00Z"}, "instant"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_wrong_clock_moves_are_refused(app: App, body: Node, field: str) -> None:
    """A move that names no time, or one that cannot be, changes nothing."""
    done(admin(app, "PUT", "/clock", FREEZE))
    before = admin(app, "GET", "/clock").body
    refused(held("PUT", "/clock", admin(app, "PUT", "/clock", body)), 422, field)
    assert admin(app, "GET", "/clock").body == before


def test_clock_ends_with_the_year_9999(app: App) -> None:
    """However often time is advanced, it stays within what a date can say."""
    replies = [admin(app, "PUT", "/clock", {"action": "advance", "seconds": 3.1e9}) for _ in range(82)]
    assert {each.status for each in replies} == {200, 422}
    refused(replies[-1], 422, "seconds")
    assert all(listing(app, slug).status == 200 for slug in SLUGS)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"journal": 1}, "journal"),
        ({"rate_limits": []}, "rate_limits"),
        ({"rate_limits": {"nobody": "off"}}, "rate_limits.nobody"),
        ({"rate_limits": {"prime": True}}, "rate_limits.prime"),
        ({"rate_limits": {"prime": "strict"}}, "rate_limits.prime"),
        ({"switches": {"nobody": {}}}, "switches.nobody"),
        ({"switches": {"prime": {"nothing": 1}}}, "switches.prime.nothing"),
        ({"switches": {"prime": {"validation_errors": "loud"}}}, "switches.prime.validation_errors"),
        ({"switches": {"prime": 1}}, "switches.prime"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused(app: App, body: Node, field: str) -> None:
    """A setting that does not exist, or not with this value, changes nothing; not even the settings before it."""
    before = admin(app, "GET", "/settings").body
    refused(held("PUT", "/settings", admin(app, "PUT", "/settings", {"journal": False, **body})), 422, field)
    assert admin(app, "GET", "/settings").body == before


def test_settings_change_what_they_name(app: App) -> None:
    """A switch changes the shape of a 422, the journal can be switched off, and the rest stays as it was."""
    assert "detail" in listing(app, "prime", "page=0").value
    body = {"journal": False, "switches": {"prime": {"validation_errors": "published"}}}
    after = done(admin(app, "PUT", "/settings", body))
    assert after["rate_limits"] == dict.fromkeys(SLUGS, "off")
    assert "errors" in listing(app, "prime", "page=0").value
    assert done(admin(app, "GET", "/requests"))["meta"]["total"] == 1


def test_unknown_paths_and_methods(app: App) -> None:
    """Paths and methods that do not exist are problems, too; a 405 names the methods that there are."""
    refused(admin(app, "GET", "/nowhere"), 404, None)
    refused(admin(app, "GET", ""), 404, None)
    reply = admin(app, "PATCH", "/faults", {})
    refused(reply, 405, None)
    assert set(reply.headers["allow"].split(", ")) >= {"GET", "POST", "DELETE"}
    refused(admin(app, "GET", "/requests?limit=-1"), 422, "limit")
    refused(admin(app, "GET", "/requests?limit=ten"), 422, "limit")


# Anything at all

NAMES = st.sampled_from(
    "provider operation code times after delay_ms fault match headers probability action instant seconds factor "
    "journal rate_limits switches url urlPattern queryParameters method status id created_at version recipe clock "
    "faults tenants fixtures secret settings limits wishes delayDistribution chunkedDribbleDelay caller query type "
    "prime".split()
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-2, 700)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(
        ["prime", "listSandboxes", "advance", "scale", "set", "off", "(a+)+", "STALL", "2026-01-19T00:00:00Z"]
    )
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=12
)
PLAUSIBLE = st.sampled_from([{}, FAULT, FREEZE, {"action": "advance", "seconds": 5}, {"method": "GET"}, SUPERSERVE])
BODIES = st.one_of(
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.tuples(PLAUSIBLE, st.dictionaries(NAMES, VALUES, max_size=3)).map(
        lambda parts: json.dumps(parts[0] | parts[1]).encode()
    ),
    st.lists(PLAUSIBLE, max_size=2).map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=40),
)
FUZZED = small_app(size=20)


@settings(max_examples=examples(150))
@given(call=st.sampled_from(BODY_CALLS), body=BODIES, ns=st.sampled_from(PLACES))
def test_any_body_is_taken_or_refused_whole(call: tuple[str, str], body: bytes, ns: str) -> None:
    """Whatever is sent is answered with a documented status; a refusal is problem+json and changes nothing."""
    method, path = call
    done(admin(FUZZED, "PUT", "/clock", FREEZE, ns=ns))
    before = admin(FUZZED, "GET", "/snapshot", ns=ns).body
    reply = held(method, path, admin(FUZZED, method, path, body, ns=ns))
    if reply.status >= 400:
        assert reply.media_type == "application/problem+json"
        assert reply.value["field"]
        assert admin(FUZZED, "GET", "/snapshot", ns=ns).body == before
    else:
        done(admin(FUZZED, "DELETE", "/faults", ns=ns))
        for slug in SLUGS:
            reply = listing(FUZZED, slug, ns=ns)
            assert reply.status in (200, 429), reply.body
        done(admin(FUZZED, "POST", "/reset", ns=ns))


@functools.cache
def snapshot_of_everything() -> bytes:
    app = small_app(size=20)
    upset(app)
    return admin(app, "GET", "/snapshot").body


@settings(max_examples=examples(100))
@given(data=st.data())
def test_any_change_to_a_snapshot_is_taken_or_refused(data: st.DataObject) -> None:
    """A snapshot with any one place replaced never breaks the server: it is refused, or the world still answers."""
    app = FUZZED
    done(admin(app, "POST", "/reset", ns="spoiled"))
    whole = json.loads(snapshot_of_everything())
    place: Any = whole
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(VALUES)
    reply = held("PUT", "/snapshot", admin(app, "PUT", "/snapshot", whole, ns="spoiled"))
    assert reply.status in (204, 409, 422)
    done(admin(app, "DELETE", "/faults", ns="spoiled"))
    for slug in SLUGS:
        reply = listing(app, slug, ns="spoiled")
        assert reply.status in (200, 429), reply.body
    for path in ("/requests", "/snapshot", "/clock", "/settings", "/documents/superserve/main"):
        held("GET", path, admin(app, "GET", path, ns="spoiled"))


def test_one_of_many_callers_adds_a_document(app: App) -> None:
    """Of calls that come at the same time with the same new id, one stores it; the others are told that it is there."""
    seeded = done(admin(app, "GET", "/documents/prime/main"))[0]

    async def all_of_them() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            bodies = [[{**seeded, "id": "sbxnew", "name": f"caller-{number}"}] for number in range(8)]
            calls = (client.post("/__admin/documents/prime/main", json=body) for body in bodies)
            return [reply.status_code for reply in await asyncio.gather(*calls)]

    assert sorted(asyncio.run(all_of_them())) == [204] + [422] * 7


def test_an_id_is_found_without_a_look_at_all_documents() -> None:
    """The first call files the ids, for all worlds and epochs; the next costs the same in a world of any size."""

    def cost(size: int) -> int:
        app = small_app(size=size)
        seeded = done(admin(app, "GET", "/documents/prime/main"))[0]

        def post(identity: str, ns: str = "") -> None:
            done(admin(app, "POST", "/documents/prime/main", [{**seeded, "id": identity}], ns=ns))

        post("sbxnew1")
        return steps(lambda: post("sbxnew2"))

    assert cost(2_000) < 1.5 * cost(100)
