"""The clock against a model, and what time does to each provider's documents."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fakeserver.admin.part import Part
from fakeserver.documents.changes import Clear, Put
from fakeserver.documents.collection import Collection
from fakeserver.instants import at, instant
from fakeserver.problems import FakeProblem
from fakeserver.providers import PROVIDERS
from fakeserver.providers.superserve.states import RESUME_SECONDS
from fakeserver.recipes.schema import DocumentSchema
from fakeserver.serving.app import App
from fakeserver.worlds.clock import LAST, Clock
from tests.support.admin import SECOND, Machine, admin, done, listing, refused, small_app
from tests.support.asgi import EPOCH, FACETS, SLUGS, call, credential, main_tenant, tenants

DAY = 86_400 * SECOND
HORIZON = 40 * DAY
SIZE = 120


def move(app: App, **body: Any) -> Any:
    return done(admin(app, "PUT", "/clock", body))


def now(app: App) -> int:
    return app.world.clock.now


# The clock

MOVES = st.lists(
    st.one_of(
        # Even, since the clock adds up what it scales: two waits of one microsecond at half the pace are one.
        st.tuples(st.just("wait"), st.integers(0, 5_000_000).map(lambda half: 2 * half)),
        st.tuples(st.just("advance"), st.integers(0, 10 * DAY)),
        st.tuples(st.just("set"), st.integers(-DAY, 10 * DAY)),
        st.tuples(st.just("freeze"), st.none() | st.integers(-DAY, 10 * DAY)),
        st.tuples(st.just("scale"), st.sampled_from([0.5, 1.0, 2.0, 60.0, 1_000_000.0])),
        st.tuples(st.just("reset"), st.none()),
    ),
    max_size=12,
)


@given(moves=MOVES)
def test_clock_is_the_sum_of_its_moves(moves: list[tuple[str, Any]]) -> None:
    """Documents age by what somebody added and by nothing else, and at an instant that was set they are as of it."""
    machine = Machine()
    clock = Clock(EPOCH, machine=lambda: machine.instant)
    present, added, factor, frozen = EPOCH, 0, 1.0, False
    for name, amount in moves:
        if name == "wait":
            machine.instant += amount
            passed = 0 if frozen else int(amount * factor)
            present += passed
            added += passed if factor != 1.0 else 0
        elif name == "advance":
            clock.advance(amount)
            present, added = present + amount, added + amount
        elif name in ("set", "freeze") and amount is not None:
            act = clock.set if name == "set" else clock.freeze
            if amount < 0:
                with pytest.raises(FakeProblem, match="cannot go back"):
                    act(EPOCH + amount)
                continue
            act(EPOCH + amount)
            present, added = EPOCH + amount, amount
            frozen = frozen or name == "freeze"
        elif name == "freeze":
            clock.freeze()
            frozen = True
        elif name == "scale":
            clock.scale(amount)
            factor, frozen = amount, False
        else:
            clock.reset()
            present, added, factor, frozen = EPOCH, 0, 1.0, False
        assert (clock.now, clock.aged, clock.factor, clock.frozen) == (present, added, factor, frozen)
        copy = Clock(EPOCH, machine=lambda: machine.instant)
        copy.load(Part(clock.dump()))
        machine.instant += 1_000_000
        assert (copy.now, copy.aged, copy.dump()) == (clock.now, clock.aged, clock.dump())
        machine.instant -= 1_000_000


def test_clock_never_leaves_the_calendar() -> None:
    """A clock that runs a million times too fast stops at the end of the year 9999, where dates end."""
    machine = Machine()
    clock = Clock(EPOCH, machine=lambda: machine.instant)
    clock.scale(1_000_000)
    machine.instant += 10**12
    assert clock.status()["now"] == at(LAST)


def test_untouched_world_is_stationary(machine: Machine) -> None:
    """A day of real time changes no byte of any listing; the clock itself runs."""
    app = small_app()
    before = {slug: listing(app, slug).body for slug in SLUGS}
    machine.wait(86_400)
    assert done(admin(app, "GET", "/clock")) == {
        "now": "2026-01-19T10:30:00.000000Z",
        "frozen": False,
        "factor": 1.0,
        "aged_seconds": 0.0,
    }
    move(app, action="freeze")
    machine.wait(86_400)
    after = {slug: listing(app, slug).body for slug in SLUGS}
    assert after == before


def test_moves_by_the_admin_api(machine: Machine) -> None:
    """Each action answers with the status that it leads to, exact to the microsecond."""
    app = small_app()
    assert move(app, action="freeze", instant="2026-01-18T11:00:00.000001Z")["now"] == "2026-01-18T11:00:00.000001Z"
    machine.wait(5)
    assert move(app, action="advance", seconds=0.000001)["now"] == "2026-01-18T11:00:00.000002Z"
    assert move(app, action="set", instant="2026-01-18T12:00:00+01:00")["now"] == "2026-01-18T11:00:00.000000Z"
    running = move(app, action="scale", factor=60)
    assert (running["frozen"], running["factor"]) == (False, 60.0)
    machine.wait(60)
    assert done(admin(app, "GET", "/clock"))["aged_seconds"] == 1_800 + 3_600
    machine.wait(1)
    assert move(app, action="set", instant="2026-01-18T10:30:00Z")["aged_seconds"] == 0
    refused(admin(app, "PUT", "/clock", {"action": "set", "instant": "2026-01-18T10:29:59Z"}), 422, "instant")
    assert move(app, action="reset") == {
        "now": "2026-01-18T10:30:00.000000Z",
        "frozen": False,
        "factor": 1.0,
        "aged_seconds": 0.0,
    }


def test_seeded_documents_follow_a_scaled_clock(machine: Machine) -> None:
    """With a factor, documents change while real time passes, and stay what they are once it is frozen."""
    app = small_app()
    move(app, action="scale", factor=3_600)
    before = listing(app, "superserve", "status=active").body
    machine.wait(30)
    after = listing(app, "superserve", "status=active").body
    assert len(json.loads(after)) < len(json.loads(before))
    move(app, action="freeze")
    machine.wait(1_000)
    assert listing(app, "superserve", "status=active").body == after


# Lifetimes and transient states, one provider at a time

DREADNODE = {
    "id": "11111111-1111-4111-8111-111111111111",
    "provider": "e2b",
    "provider_sandbox_id": "i1",
    "sandbox_kind": "runtime",
    "state": "running",
    "pause_reason": None,
    "build_id": "22222222-2222-4222-8222-222222222222",
    "build_ref": None,
    "project_id": None,
    "project_key": None,
    "project_name": None,
    "workspace_id": None,
    "workspace_key": None,
    "created_at": "2026-01-18T10:00:00Z",
    "last_started_at": "2026-01-18T10:30:00Z",
    "expires_at": "2026-01-18T11:30:00Z",
    "stopped_at": None,
    "killed_at": None,
    "total_runtime_seconds": 600,
    "billed_credits": 33,
    "running_credits": 0,
    "estimated_total_credits": 33,
    "last_credit_deduction_at": None,
}
INSTAVM: dict[str, Any] = {
    "sandbox_id": "vmid-a-1",
    "template_id": None,
    "name": "default",
    "metadata": {},
    "started_at": "2026-01-18T10:30:00",
    "end_at": "2026-01-18T10:35:00",
    "status": "creating",
}
PRIME = {
    "id": "sbx1",
    "name": "a",
    "dockerImage": "python:3.12",
    "startCommand": None,
    "cpuCores": 1,
    "memoryGB": 2,
    "diskSizeGB": 5,
    "diskMountPath": "/w",
    "gpuCount": 0,
    "networkAccess": True,
    "status": "PENDING",
    "timeoutMinutes": 30,
    "environmentVars": None,
    "advancedConfigs": None,
    "createdAt": "2026-01-18T10:30:00Z",
    "updatedAt": "2026-01-18T10:30:00Z",
    "startedAt": None,
    "terminatedAt": None,
    "userId": "user_admin",
    "teamId": None,
    "kubernetesJobId": None,
}
SUPERSERVE = {
    "id": "33333333-3333-4333-8333-333333333333",
    "name": "a",
    "status": "resuming",
    "vcpu_count": 1,
    "memory_mib": 512,
    "created_at": "2026-01-18T10:30:00Z",
    "timeout_seconds": 3_600,
    "metadata": {},
}


def put(app: App, slug: str, document: dict[str, Any]) -> None:
    tenant = PROVIDERS[slug].default_tenant
    done(admin(app, "PUT", f"/documents/{slug}/{tenant}", [document]))


def seen(app: App, slug: str, after: float) -> dict[str, Any] | None:
    """The only document, so many seconds after the epoch; None if it is gone."""
    move(app, action="freeze", instant=at(EPOCH + round(after * SECOND)))
    found = done(admin(app, "GET", f"/documents/{slug}/{PROVIDERS[slug].default_tenant}"))
    return found[0] if found else None


TINY = 0.000001


@pytest.mark.parametrize(
    ("slug", "document", "steps"),
    [
        (
            "dreadnode",
            DREADNODE,
            [
                (1, {"state": "running", "pause_reason": None, "total_runtime_seconds": 601}),
                (600, {"state": "running", "billed_credits": 66, "running_credits": 0, "total_runtime_seconds": 1_200}),
                (3_600 - TINY, {"state": "running", "stopped_at": None}),
                (
                    3_600,
                    {
                        "state": "paused",
                        "pause_reason": "timeout",
                        "killed_at": None,
                        "stopped_at": "2026-01-18T11:30:00.000000Z",
                        "total_runtime_seconds": 4_200,
                        "billed_credits": 233,
                        "running_credits": 0,
                    },
                ),
                (90_000, {"state": "paused", "total_runtime_seconds": 4_200}),
            ],
        ),
        (
            "dreadnode",
            {**DREADNODE, "provider": "docker"},
            [
                (3_600 - TINY, {"state": "running", "killed_at": None}),
                (3_600, {"state": "killed", "pause_reason": None, "killed_at": "2026-01-18T11:30:00.000000Z"}),
            ],
        ),
        (
            "dreadnode",
            {**DREADNODE, "expires_at": None},
            [(30 * 86_400, {"state": "running", "stopped_at": None})],
        ),
        (
            "instavm",
            INSTAVM,
            [(1, {"status": "creating"}), (299, {"status": "active"}), (300 - TINY, {"status": "active"}),
             (300, {"status": "killed", "end_at": "2026-01-18T10:35:00"})],
        ),
        ("instavm", {**INSTAVM, "end_at": None, "status": "active"}, [(90_000, {"status": "active"})]),
        ("instavm", {**INSTAVM, "status": "suspended"}, [(90_000, {"status": "suspended"})]),
        (
            "prime",
            PRIME,
            [
                (20 - TINY, {"status": "PENDING", "startedAt": None, "kubernetesJobId": None}),
                (20, {"status": "PROVISIONING", "startedAt": None, "updatedAt": "2026-01-18T10:30:20.000000Z"}),
                (60 - TINY, {"status": "PROVISIONING"}),
                (60, {"status": "RUNNING", "startedAt": "2026-01-18T10:31:00.000000Z", "terminatedAt": None}),
                (60 + 1_800 - TINY, {"status": "RUNNING"}),
                (60 + 1_800, {"status": "TERMINATED", "terminatedAt": "2026-01-18T11:01:00.000000Z"}),
            ],
        ),
        ("prime", {**PRIME, "status": "PAUSED"}, [(90_000, {"status": "PAUSED"})]),
        (
            "superserve",
            SUPERSERVE,
            [(5 - TINY, {"status": "resuming"}), (5, {"status": "active"}), (3_605 - TINY, {"status": "active"}),
             (3_605, {"status": "paused"}),
             (90_000, {"status": "paused"})],
        ),
        ("superserve", {**SUPERSERVE, "status": "paused"}, [(90_000, {"status": "paused"})]),
    ],
    ids=str,
)  # fmt: skip
def test_time_bites_at_its_instant(
    machine: Machine, slug: str, document: dict[str, Any], steps: list[tuple[float, dict[str, Any] | None]]
) -> None:
    """A lifetime ends, and a transient state settles, at exactly its instant and not a microsecond before."""
    app = small_app()
    put(app, slug, document)
    for after, expected in steps:
        found = seen(app, slug, after)
        if expected is None:
            assert found is None
        else:
            assert found is not None
            assert {name: found[name] for name in expected} == expected, after
    # The road does not matter, only where it leads; and back is a way, too.
    last, (first, beginning) = steps[-1], steps[0]
    again = small_app()
    put(again, slug, document)
    assert seen(again, slug, last[0]) == seen(app, slug, last[0])
    found = seen(app, slug, first)
    assert found is not None
    assert beginning is not None
    assert {name: found[name] for name in beginning} == beginning


# Whole worlds at later instants


def consistent(slug: str, document: dict[str, Any], moment: int) -> None:
    """What must hold within one document at an instant."""
    if slug == "dreadnode":
        state = document["state"]
        assert (state == "paused") == bool(document.get("pause_reason")), document
        assert (state == "killed") == bool(document["killed_at"]), document
        if "stopped_at" in document:
            assert (state == "running") == (document["stopped_at"] is None), document
        if state == "running" and document["expires_at"] is not None:
            assert moment < instant(document["expires_at"])
        if "billed_credits" in document:
            assert document["billed_credits"] + document["running_credits"] == document["estimated_total_credits"]
            assert document["estimated_total_credits"] == document["total_runtime_seconds"] // 18
            assert min(document["billed_credits"], document["running_credits"]) >= 0
            assert state == "running" or document["running_credits"] == 0
    elif slug == "prime":
        status = document["status"]
        assert (status in ("PENDING", "PROVISIONING")) == (document["startedAt"] is None)
        assert (status == "TERMINATED") == (document["terminatedAt"] is not None)
        if status == "RUNNING":
            assert moment < instant(document["startedAt"]) + document["timeoutMinutes"] * 60 * SECOND
        assert instant(document["updatedAt"]) >= instant(document["createdAt"])
    elif slug == "instavm":
        if document["status"] == "active" and document["end_at"] is not None:
            assert moment < instant(document["end_at"])
        if document["status"] == "killed":
            assert instant(document["end_at"]) <= moment
    else:
        assert document["status"] != "paused" or "snapshot_id" in document
        if document["status"] == "active" and "timeout_seconds" in document:
            # One that was being resumed at the epoch has its time from then on.
            activated = max(instant(document["created_at"]), EPOCH + RESUME_SECONDS * SECOND)
            assert moment < activated + document["timeout_seconds"] * SECOND
    for name, text in document.items():
        past = name.endswith(("_at", "At")) and name not in ("expires_at", "end_at")
        if past and text is not None:
            assert instant(text) <= moment, (name, text, at(moment))


def predicate_holds(collection: Collection, field: str) -> None:
    """The index of a field says the same as the documents do, one by one."""
    from fakeserver.documents.keys import itself

    expected: dict[object, BitMap] = {}
    for rank in collection.everything:
        for key in itself(collection.document(rank).get(field)):
            expected.setdefault(key, BitMap()).add(rank)
    found = {key: ranks for key, ranks in collection.postings(field, itself).items() if ranks}
    assert found == expected


INDEXED = {
    "dreadnode": ("state", "project_id"),
    "instavm": (),
    "prime": ("status", "userId", "teamId"),
    "superserve": ("status",),
}
LATER = [0, 1, 5 * SECOND, 19 * SECOND, 3_600 * SECOND, DAY]


@pytest.mark.parametrize("slug", SLUGS)
def test_documents_stay_consistent(machine: Machine, slug: str) -> None:
    """At any later instant every document is as the spec says, agrees with itself, and is found by what it says."""
    app = small_app(size=SIZE)
    schema = DocumentSchema(app.services[slug].provider, app.services[slug].spec)
    chance = random.Random(f"later {slug}")
    for aged in [*LATER, *(chance.randrange(HORIZON) for _ in range(4)), HORIZON]:
        move(app, action="freeze", instant=at(EPOCH + aged))
        for collection in tenants(app, slug).values():
            assert len(collection) == len(list(collection.documents()))
            for document in collection.documents():
                assert not [*schema.breaches(document)], document
                consistent(slug, document, now(app))
            for field in INDEXED[slug]:
                predicate_holds(collection, field)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_way_back(machine: Machine, slug: str) -> None:
    """Time can be set back as far as the epoch, and each instant looks as it did before; reset leads to the start."""
    app = small_app(size=SIZE)
    instants = [0, 3_600 * SECOND, 2 * DAY, 30 * DAY]
    looks: dict[int, Any] = {}
    for aged in [*instants, *reversed(instants)]:
        move(app, action="freeze", instant=at(EPOCH + aged))
        look = [list(each.documents()) for each in tenants(app, slug).values()]
        assert looks.setdefault(aged, look) == look
    move(app, action="freeze", instant=at(EPOCH + 30 * DAY))
    move(app, action="reset")
    assert [list(each.documents()) for each in tenants(app, slug).values()] == looks[0]
    assert looks[0] != looks[30 * DAY]


def test_facets_and_filters_follow(machine: Machine) -> None:
    """When lifetimes end, the states' facet moves with them, and the state filter finds as many."""
    app = small_app(size=SIZE)

    def counts() -> dict[str, int]:
        facets = call(app, f"/dreadnode{FACETS}", headers=credential("dreadnode")).value
        return {each["value"]: each["count"] for each in facets["states"]}

    before = counts()
    move(app, action="advance", seconds=30 * 86_400)
    after = counts()
    assert after.get("running", 0) < before["running"]
    assert sum(after.values()) == sum(before.values()) == len(main_tenant(app, "dreadnode"))
    for state, count in after.items():
        body = listing(app, "dreadnode", f"state={state}&limit=100").value
        found = len(body["items"])
        while body["next_cursor"]:
            body = listing(app, "dreadnode", f"state={state}&limit=100&cursor={body['next_cursor']}").value
            found += len(body["items"])
        assert found == count


def test_active_filter_follows(machine: Machine) -> None:
    """What Prime calls active shrinks as sandboxes reach their timeouts; the total says the same as the rows."""
    app = small_app(size=SIZE)
    before = listing(app, "prime", "is_active=true&per_page=1000").value
    move(app, action="advance", seconds=2 * 86_400)
    after = listing(app, "prime", "is_active=true&per_page=1000").value
    assert after["total"] == len(after["sandboxes"]) < before["total"]
    assert {each["status"] for each in after["sandboxes"]} <= {"PAUSED", "ERROR"}


def test_cursors_age_with_the_clock(machine: Machine) -> None:
    """A cursor is good for a day of the world's time, whatever real time does."""
    app = small_app()
    cursor = listing(app, "dreadnode", "limit=5").value["next_cursor"]
    machine.wait(10 * 86_400)
    assert listing(app, "dreadnode", f"limit=5&cursor={cursor}").status == 200
    move(app, action="advance", seconds=86_401)
    assert listing(app, "dreadnode", f"limit=5&cursor={cursor}").status == 400


def test_worlds_too_big_to_age_are_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too many documents would change, the clock says so and stays; it can still be frozen."""
    monkeypatch.setattr("fakeserver.worlds.documents.MAX_AGEING", 10)
    app = small_app()
    refused(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 1}), 409, None)
    assert done(admin(app, "GET", "/clock"))["aged_seconds"] == 0
    move(app, action="freeze")


def test_what_was_put_in_under_a_moved_clock_is_as_it_was_put() -> None:
    """A document that is stored after the clock moved is served as it was stored, until time passes again."""
    app = small_app()
    service = app.services["dreadnode"]
    collection = main_tenant(app, "dreadnode")
    running = next(each for each in collection.documents() if each["state"] == "running")
    app.world.clock.freeze()
    app.world.clock.advance(3_600 * SECOND)
    app.world.apply(service.provider, "acme", [Clear(), Put(running, "somebody")])

    assert list(app.world.advance(service.provider)["acme"].documents()) == [running]

    app.world.clock.advance(60 * SECOND)
    (later,) = app.world.advance(service.provider)["acme"].documents()

    assert later["total_runtime_seconds"] > running["total_runtime_seconds"]


def test_a_scaled_clock_ages_the_documents_in_steps() -> None:
    """Under a scaled clock, documents are looked at ten times a real second, not at every request."""
    real = [0]
    clock = Clock(EPOCH, lambda: real[0])
    clock.scale(60)
    seen = set()
    for real[0] in range(0, SECOND, SECOND // 1_000):
        seen.add(clock.stepped)

    assert len(seen) == 10
    clock.freeze()
    assert clock.stepped == clock.aged
