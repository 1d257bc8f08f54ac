"""A live clock: seeded documents age as time passes, each at its instant, and no request looks at all of them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from fakeserver.documents.ageing import Ageing
from fakeserver.documents.changes import Change, Clear, Put, Remove
from fakeserver.documents.collection import Collection
from fakeserver.documents.keys import itself
from fakeserver.documents.seeded import FIRST
from fakeserver.instants import at, instant
from fakeserver.problems import FakeProblem
from fakeserver.recipes.schema import DocumentSchema
from fakeserver.serving.app import App
from fakeserver.worlds.documents import MAX_LIVE
from tests.api.test_clock import INDEXED, PRIME, SUPERSERVE, consistent, predicate_holds
from tests.support.admin import SECOND, Machine, admin, done, listing, refused, small_app
from tests.support.asgi import EPOCH, FACETS, SLUGS, call, credential, main_tenant, tenants

SIZE = 120
WEEK = 7 * 86_400


def live_app(**more: Any) -> App:
    return small_app(live=True, **{"size": SIZE, **more})


def move(app: App, **body: Any) -> None:
    done(admin(app, "PUT", "/clock", body))


def look(collection: Collection, field: str) -> tuple[Any, ...]:
    """Everything that a reader can see."""
    filed = {key: list(found) for key, found in collection.postings(field, itself).items() if found}
    ranks = list(collection.everything)
    return list(collection.documents()), collection.bodies(ranks), collection.bodies(ranks), filed


def field_of(app: App, slug: str) -> str:
    machine = app.services[slug].provider.machine
    assert machine is not None
    return machine.field


@pytest.mark.parametrize("slug", SLUGS)
def test_a_server_that_runs_for_a_week_has_no_row_whose_time_is_over(machine: Machine, slug: str) -> None:
    """Whenever somebody looks, every row is as the spec says, agrees with itself and the clock, and is filed so."""
    app = live_app()
    schema = DocumentSchema(app.services[slug].provider, app.services[slug].spec)
    before = listing(app, slug).body
    for wait in (0.000001, 0.3, 5, 47, 600, 5_000, 40_000.5, 86_400, WEEK):
        machine.wait(wait)
        for collection in tenants(app, slug).values():
            for document in collection.documents():
                assert not [*schema.breaches(document)], document
                consistent(slug, document, app.world.clock.now)
            for field in INDEXED[slug]:
                predicate_holds(collection, field)
    assert listing(app, slug).body != before


@pytest.mark.parametrize("slug", SLUGS)
def test_time_that_passes_does_what_time_that_is_added_does(machine: Machine, slug: str) -> None:
    """In one step or in many, byte for byte, in listings, indexes and facets."""
    app, other = live_app(), small_app(size=SIZE)
    field = field_of(app, slug)
    for wait in (1, 1, 19, 40, 3_000, 9_000, 86_400, 86_400, 3 * 86_400, 30 * 86_400):
        machine.wait(wait)
        move(other, action="advance", seconds=wait)
        for name, collection in tenants(app, slug).items():
            expected = tenants(other, slug)[name]
            assert look(collection, field) == look(expected, field)
        assert listing(app, slug).body == listing(other, slug).body
        if slug == "dreadnode":
            facets = [call(each, f"/dreadnode{FACETS}", headers=credential(slug)).body for each in (app, other)]
            assert facets[0] == facets[1]
    fresh = live_app()
    machine.wait(40 * 86_400)
    move(other, action="reset")
    move(other, action="advance", seconds=40 * 86_400)
    assert listing(fresh, slug).body == listing(other, slug).body


def test_a_row_ends_at_its_instant(machine: Machine) -> None:
    """Not a microsecond earlier or later, although most looks change nothing."""
    app = live_app()
    rows = [each for each in main_tenant(app, "dreadnode").documents() if each["state"] == "running"]
    first = min((each for each in rows if each["expires_at"]), key=lambda each: each["expires_at"])
    left = instant(first["expires_at"]) - EPOCH

    def state() -> str:
        items = listing(app, "dreadnode", "limit=100").value["items"]
        return str(next(each["state"] for each in items if each["id"] == first["id"]))

    machine.instant += left - 1
    assert state() == "running"
    machine.instant += 1
    assert state() != "running"


def test_running_rows_count_their_seconds(machine: Machine) -> None:
    app = live_app()

    def runtimes() -> dict[str, int]:
        items = listing(app, "dreadnode", "state=running&limit=100").value["items"]
        return {each["id"]: each["total_runtime_seconds"] for each in items}

    before = runtimes()
    machine.wait(7)
    after = runtimes()
    assert after
    assert after == {identity: before[identity] + 7 for identity in after}


@pytest.mark.parametrize("waited", [0, 0.4, 3_000_000.25])
def test_what_is_stored_ages_from_then_on(machine: Machine, waited: float) -> None:
    """A row that is put in settles and ends at its instants, one after the other, and one that is over ends at once."""
    app = live_app()
    machine.wait(waited)
    present = app.world.clock.now
    row = {**PRIME, "createdAt": at(present), "updatedAt": at(present)}
    over = {**row, "id": "over", "status": "RUNNING", "startedAt": at(EPOCH - 86_400 * SECOND)}
    done(admin(app, "PUT", "/documents/prime/main", [row, over]))
    seen: list[str] = []
    for wait in (19.999999, 0.000001, 39.999999, 0.000001, 1_799.999999, 0.000001):
        machine.wait(wait)
        rows = {each["id"]: each["status"] for each in listing(app, "prime").value["sandboxes"]}
        assert rows.pop("over") == "TERMINATED"
        seen.append(*rows.values())
        for status in ("PENDING", "PROVISIONING", "RUNNING"):
            found = listing(app, "prime", f"status={status}").value["sandboxes"]
            assert [each["status"] for each in found] == [status] * (status == seen[-1])
    assert seen == ["PENDING", "PROVISIONING", "PROVISIONING", "RUNNING", "RUNNING", "TERMINATED"]


def test_what_was_changed_is_not_taken_for_what_was_there(machine: Machine) -> None:
    """Rows that were removed stay away when they would be due, and those that were replaced have times of their own."""
    app = live_app()
    provider = app.services["superserve"].provider
    collection = main_tenant(app, "superserve")
    capped = [rank for rank in collection.everything if "timeout_seconds" in collection.document(rank)]
    gone, kept, shortened = (collection.document(rank) for rank in capped[:3])
    ordinals = [rank - FIRST for rank in capped[:3]]
    unlimited = {name: value for name, value in kept.items() if name != "timeout_seconds"}
    short: dict[str, Any] = {**SUPERSERVE, "id": "44444444-4444-4444-8444-444444444444", "timeout_seconds": 60}
    short["status"] = "active"
    changes: list[Change] = [
        Remove(gone["id"], ordinals[0]),
        Put(unlimited, "x", ordinals[1]),
        Remove(shortened["id"], ordinals[2]),
        Put(short, "x"),
    ]
    app.world.apply(provider, "main", changes)
    assert short["id"] in {each["id"] for each in main_tenant(app, "superserve").documents()}
    app.world.apply(provider, "main", [Remove(short["id"])])
    machine.wait(60)
    app.world.apply(provider, "main", [Put({**short, "created_at": at(app.world.clock.now)}, "x")])
    for wait, state in ((59.9, "active"), (0.1, "paused"), (WEEK, "paused")):
        machine.wait(wait)
        states = {each["id"]: each["status"] for each in main_tenant(app, "superserve").documents()}
        assert states[short["id"]] == state
        assert states[unlimited["id"]] == unlimited["status"]
        assert gone["id"] not in states


def test_a_request_looks_at_what_is_due_and_what_it_shows(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    app = live_app()
    listing(app, "dreadnode", "limit=5")
    looked: list[int] = []
    forward = Ageing._look

    def counted(self: Any, overlay: Any, rank: int, *more: Any) -> Any:
        looked.append(rank)
        return forward(self, overlay, rank, *more)

    monkeypatch.setattr(Ageing, "_look", counted)
    dues = [due for each in app.seeded.dues(app.services["dreadnode"].provider).values() for due in each.offsets]
    for _ in range(8):
        start = app.world.clock.aged
        machine.wait(61)
        looked.clear()
        listing(app, "dreadnode", "limit=5")
        due = sum(start < each <= app.world.clock.aged for each in dues)
        # Each that was due is looked at once, and once more to have its body.
        assert len(looked) <= 5 + 2 * due
        looked.clear()
        listing(app, "dreadnode", "limit=5")
        assert not looked


def test_moves_of_the_clock_add_to_what_passes(machine: Machine) -> None:
    """It can be stopped, moved on and back, scaled, and reset; each instant looks as it does in a stationary world."""
    app, other = live_app(), small_app(size=SIZE)
    machine.wait(100)
    steps: list[tuple[dict[str, Any], float, int]] = [
        ({"action": "advance", "seconds": 3_600}, 0, 3_700),
        ({"action": "freeze"}, 9_000, 3_700),
        ({"action": "advance", "seconds": 300}, 0, 4_000),
        ({"action": "scale", "factor": 60}, 100, 10_000),
        ({"action": "set", "instant": at(EPOCH + 50 * SECOND)}, 0, 50),
        ({"action": "scale", "factor": 1}, 86_400, 86_450),
        ({"action": "reset"}, 7, 7),
    ]
    for body, wait, aged in steps:
        move(app, **body)
        machine.wait(wait)
        move(other, action="set", instant=at(EPOCH + aged * SECOND))
        assert done(admin(app, "GET", "/clock"))["aged_seconds"] == aged
        for slug in SLUGS:
            assert listing(app, slug).body == listing(other, slug).body, body


def test_a_restored_world_goes_on_from_its_snapshot(machine: Machine) -> None:
    app, other = live_app(), live_app()
    machine.wait(5_000)
    now = app.world.clock.now
    row = {**PRIME, "createdAt": at(now), "updatedAt": at(now)}
    done(admin(app, "PUT", "/documents/prime/main", [row]))
    machine.wait(30)
    taken = json.loads(json.dumps(done(admin(app, "GET", "/snapshot"))))
    before = [listing(app, slug).body for slug in SLUGS]
    machine.wait(WEEK)
    done(admin(other, "PUT", "/snapshot", taken))
    assert [listing(other, slug).body for slug in SLUGS] == before
    machine.wait(30)
    assert listing(other, "prime").value["sandboxes"][0]["status"] == "RUNNING"


def test_a_world_that_only_ages_is_not_changed(machine: Machine) -> None:
    app = live_app()
    listing(app, "prime", ns="a")
    machine.wait(WEEK)
    listing(app, "prime", ns="a")
    assert not app.worlds.named("a").touched
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 1}, ns="a"))
    assert app.worlds.named("a").touched


def test_a_view_keeps_its_instant(machine: Machine) -> None:
    app = live_app()
    collection = main_tenant(app, "prime")
    view, before = copy.copy(collection), look(collection, "status")
    machine.wait(WEEK)
    assert look(main_tenant(app, "prime"), "status") != before
    assert look(view, "status") == before


@pytest.mark.parametrize("most", [1, 10])
def test_many_documents_that_are_due_at_once_are_filed_anew(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("fakeserver.documents.collection.MAX_REFILED", most)
    app = live_app()
    before = len(listing(app, "dreadnode", "state=running&limit=100").value["items"])
    machine.wait(WEEK)
    after = listing(app, "dreadnode", "state=running&limit=100").value["items"]
    assert len(after) < before
    for each in after:
        consistent("dreadnode", each, app.world.clock.now)


# Limits


def test_a_server_too_big_to_age_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakeserver.worlds.documents.MAX_LIVE", 10)
    with pytest.raises(FakeProblem, match="documents that time can change"):
        live_app()
    assert small_app(size=SIZE)


def test_no_more_documents_are_put_in_than_can_age(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    app, stationary = live_app(), small_app(size=SIZE)
    rows = [{**PRIME, "id": f"sbx{number}"} for number in range(40)]
    monkeypatch.setattr("fakeserver.worlds.documents.MAX_LIVE", 39)
    refused(admin(app, "PUT", "/documents/prime/main", rows), 409, None)
    refused(admin(app, "POST", "/documents/prime/main", rows), 409, None)
    done(admin(stationary, "PUT", "/documents/prime/main", rows))
    refused(admin(app, "PUT", "/snapshot", done(admin(stationary, "GET", "/snapshot"))), 409, None)
    assert len(listing(app, "prime").value["sandboxes"]) > 40
    ended = [{**each, "status": "TERMINATED", "terminatedAt": each["createdAt"]} for each in rows]
    monkeypatch.setattr("fakeserver.worlds.documents.MAX_LIVE", MAX_LIVE)
    done(admin(app, "PUT", "/documents/prime/main", ended))


def test_documents_that_are_replaced_are_not_counted_twice(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    app = live_app()
    rows = [{**PRIME, "id": f"sbx{number}"} for number in range(40)]
    done(admin(app, "PUT", "/documents/prime/main", rows))
    monkeypatch.setattr("fakeserver.worlds.documents.MAX_LIVE", 79)
    done(admin(app, "PATCH", "/documents/prime/main", [{**each, "name": "other"} for each in rows]))
    more = [{**PRIME, "id": f"more{number}"} for number in range(40)]
    refused(admin(app, "POST", "/documents/prime/main", more), 409, None)


# Dues


def test_clear_forgets_what_was_due(machine: Machine) -> None:
    app = live_app()
    provider = app.services["prime"].provider
    app.world.apply(provider, "main", [Clear()])
    machine.wait(WEEK)
    assert listing(app, "prime").value["total"] == 0
