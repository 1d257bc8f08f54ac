"""Passing states, outcomes and what the journal says of a client that makes and ends sandboxes: the same for every
provider, shown with two of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakeserver.instants import at
from fakeserver.serving.app import App
from fakeserver.worlds import transitions
from fakeserver.worlds.transitions import Ending, change_mode, end_passing
from tests.support.admin import Machine, admin, done, refused, small_app
from tests.support.asgi import EPOCH, Reply, call, credential

SANDBOXES = {"prime": "/prime/api/v1/sandbox", "superserve": "/superserve/sandboxes"}
BODIES = {
    "prime": {"name": "mine", "docker_image": "python:3.12", "vm": True},
    "superserve": {"name": "mine", "timeout_seconds": 3_600},
}


def ask(app: App, slug: str, method: str, path: str = "", body: Any = None, *, ns: str = "", **headers: str) -> Reply:
    sent = credential(slug) | {name.replace("_", "-"): text for name, text in headers.items()}
    raw = b"" if body is None else json.dumps(body).encode()
    if raw:
        sent["content-type"] = "application/json"
    root = f"/ns/{ns}" if ns else ""
    return call(app, f"{root}{SANDBOXES[slug]}{path}", method=method, headers=sent, body=raw)


def create(app: App, slug: str, **headers: str) -> str:
    identity: str = done(ask(app, slug, "POST", body=BODIES[slug], **headers))["id"]
    return identity


def state(app: App, slug: str, identity: str) -> str:
    found: str = done(ask(app, slug, "GET", f"/{identity}"))["status"]
    return found


def put_mode(app: App, mode: str) -> None:
    done(admin(app, "PUT", "/settings", {"transitions": mode}))


@pytest.fixture
def app() -> App:
    app = small_app(size=20)
    done(admin(app, "PUT", "/clock", {"action": "freeze", "instant": at(EPOCH)}))
    return app


# When passing states end


@pytest.mark.parametrize(
    ("slug", "passing", "final"), [("prime", "PENDING", "RUNNING"), ("superserve", "starting", "active")]
)
def test_only_the_answer_shows_a_passing_state(app: App, slug: str, passing: str, final: str) -> None:
    made = done(ask(app, slug, "POST", body=BODIES[slug]))
    assert made["status"] == passing
    assert state(app, slug, made["id"]) == final


def test_passing_states_take_the_time_that_the_table_says(app: App) -> None:
    put_mode(app, "clock")
    identity = create(app, "prime")
    for seconds, expected in ((19, "PENDING"), (1, "PROVISIONING"), (39, "PROVISIONING"), (1, "RUNNING")):
        done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": seconds}))
        assert state(app, "prime", identity) == expected


def test_what_is_created_lives_by_the_running_clock(machine: Machine) -> None:
    """Nobody has to move it; the seeded ones stand still meanwhile."""
    app = small_app(size=20)
    before = ask(app, "prime", "GET", "?per_page=20").value["sandboxes"]
    put_mode(app, "clock")
    identity = create(app, "prime")
    machine.wait(60)
    assert state(app, "prime", identity) == "RUNNING"
    assert ask(app, "prime", "GET", "?status=RUNNING").value["sandboxes"][0]["id"] == identity
    machine.wait(3_600)
    assert state(app, "prime", identity) == "TERMINATED"
    after = ask(app, "prime", "GET", "?per_page=21").value["sandboxes"]
    assert after[1:] == before


def test_a_seeded_sandbox_lives_on_from_the_call_that_changes_it(machine: Machine) -> None:
    """However long the server has run by then: its time is what was left of it when it was seeded."""
    app = small_app(size=20)
    document = {**seeded(app, "superserve"), "status": "active", "timeout_seconds": 60, "created_at": at(EPOCH)}
    done(admin(app, "PUT", "/documents/superserve/main", [document]))
    machine.wait(1_000)
    assert state(app, "superserve", document["id"]) == "active"
    assert ask(app, "superserve", "PATCH", f"/{document['id']}", {"metadata": {"a": "b"}}).status == 204
    for wait, expected in ((59, "active"), (1, "paused"), (1_000, "paused")):
        machine.wait(wait)
        assert state(app, "superserve", document["id"]) == expected


def seeded(app: App, slug: str) -> Any:
    return done(admin(app, "GET", f"/documents/{slug}/main"))[0]


def test_passing_states_end_in_pieces_between_which_others_are_answered(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is gone by then is left out, and a mode that is not the mode any longer changes nothing more."""
    monkeypatch.setattr(transitions, "AT_ONCE", 1)
    put_mode(app, "manual")
    made = [create(app, "prime") for _ in range(3)]
    provider, moved = app.services["prime"].provider, list[str]()
    for piece in end_passing(app.world, Ending(provider, ("",))):
        moved += [each["id"] for each in piece]
        if len(moved) == 1:
            left = [each for each in made if each not in moved]
            done(ask(app, "prime", "DELETE", f"/{left[0]}"))
    assert moved == [moved[0], left[1]]
    for _ in change_mode(app.world, provider, "immediate"):
        raise AssertionError("another mode is not to be")
    assert state(app, "prime", moved[0]) == "PROVISIONING"


def test_somebody_ends_a_passing_state(app: App) -> None:
    put_mode(app, "manual")
    one, other = create(app, "prime"), create(app, "prime")
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 600}))
    assert {state(app, "prime", one), state(app, "prime", other)} == {"PENDING"}
    moved = done(admin(app, "POST", "/transitions", {"provider": "prime", "id": one}))
    assert moved == {
        "moved": [{"kind": "sandboxes", "tenant": "main", "id": one, "from": "PENDING", "to": "PROVISIONING"}]
    }
    moved = done(admin(app, "POST", "/transitions", {"provider": "prime"}))["moved"]
    assert {each["id"]: each["to"] for each in moved} == {one: "RUNNING", other: "PROVISIONING"}
    failed = done(admin(app, "POST", "/transitions", {"provider": "prime", "id": other, "outcome": "error"}))["moved"]
    assert failed[0]["to"] == state(app, "prime", other) == "ERROR"
    assert done(admin(app, "POST", "/transitions", {"provider": "prime", "tenant": "research"})) == {"moved": []}


def test_a_seeded_passing_state_can_be_ended(app: App) -> None:
    identity = ask(app, "prime", "GET", "?status=PENDING").value["sandboxes"][0]["id"]
    moved = done(admin(app, "POST", "/transitions", {"provider": "prime", "id": identity}))["moved"]
    assert moved == [{"kind": "sandboxes", "tenant": "main", "id": identity, "from": "PENDING", "to": "PROVISIONING"}]


def test_nothing_waits_once_the_setting_is_another_one(app: App) -> None:
    put_mode(app, "manual")
    one = create(app, "prime")
    put_mode(app, "clock")
    assert state(app, "prime", one) == "PENDING"
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 60}))
    assert state(app, "prime", one) == "RUNNING"
    put_mode(app, "manual")
    other = create(app, "prime")
    put_mode(app, "immediate")
    assert state(app, "prime", other) == "RUNNING"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "provider"),
        ({"provider": "primal"}, 422, "provider"),
        ({"provider": "prime", "tenant": "nobody"}, 422, "tenant"),
        ({"provider": "prime", "kind": "nothing"}, 422, "kind"),
        ({"provider": "prime", "id": "sbxnothing"}, 404, "id"),
        ({"provider": "prime", "outcome": "fire"}, 422, "outcome"),
        ({"provider": "prime", "tenants": "main"}, 422, "tenants"),
    ],
    ids=str,
)
def test_an_ending_that_is_not_meant_is_refused(app: App, body: Any, status: int, field: str) -> None:
    refused(admin(app, "POST", "/transitions", body), status, field)


def test_a_state_that_does_not_pass_cannot_be_ended(app: App) -> None:
    identity = create(app, "prime")
    problem = refused(admin(app, "POST", "/transitions", {"provider": "prime", "id": identity}), 409, "id")
    assert "is RUNNING, and that is no passing state" in problem["detail"]


# Outcomes


@pytest.mark.parametrize("way", ["header", "query", "credential", "script"])
def test_an_outcome_is_asked_for_in_every_way(app: App, way: str) -> None:
    headers, query = {}, ""
    if way == "header":
        headers = {"prefer": "outcome=image_not_found"}
    elif way == "query":
        query = "?__outcome=image_not_found"
    elif way == "credential":
        headers = {"authorization": "Bearer prime-admin-key+outcome=image_not_found"}
    else:
        script = {"provider": "prime", "operation": "createSandbox", "outcome": "image_not_found", "times": 1}
        done(admin(app, "POST", "/faults", script))
    made = ask(app, "prime", "POST", query, BODIES["prime"], **headers)
    assert (made.status, made.value["status"]) == (201, "PENDING")
    assert "outcome=image_not_found" in made.headers["x-fakeserver-fault"]
    found = done(ask(app, "prime", "GET", f"/{made.value['id']}"))
    assert (found["status"], found["errorType"]) == ("ERROR", "IMAGE_PULL_FAILED")
    if way == "script":
        assert state(app, "prime", create(app, "prime")) == "RUNNING"


@pytest.mark.parametrize("way", ["header", "script"])
@pytest.mark.parametrize("wish", [{"outcome": "image_not_found"}, {"code": 503, "phase": "after"}])
def test_a_refused_request_uses_nothing_up(app: App, way: str, wish: dict[str, Any]) -> None:
    """What waits for an operation to succeed waits for the next one."""
    headers = {}
    if way == "script":
        done(admin(app, "POST", "/faults", {"provider": "prime", "operation": "createSandbox", "times": 1, **wish}))
    else:
        headers = {"prefer": ", ".join(f"{name}={value}" for name, value in {**wish, "times": 1}.items())}
    refusal = ask(app, "prime", "POST", body={}, **headers)
    assert (refusal.status, "x-fakeserver-fault" in refusal.headers) == (422, False)
    replies = [ask(app, "prime", "POST", body=BODIES["prime"], **headers) for _ in range(2)]
    assert ["x-fakeserver-fault" in each.headers for each in replies] == [True, False]


def test_an_outcome_that_an_operation_has_not_is_refused_with_those_that_it_has(app: App) -> None:
    problem = refused(ask(app, "prime", "POST", body=BODIES["prime"], prefer="outcome=image_not_fond"), 400, "outcome")
    assert "did you mean 'image_not_found'" in problem["detail"]
    problem = refused(ask(app, "prime", "GET", prefer="outcome=error"), 400, "outcome")
    assert problem["detail"] == "listSandboxes has no outcome 'error'"
    refused(
        admin(app, "POST", "/faults", {"provider": "prime", "operation": "listSandboxes", "outcome": "x"}),
        422,
        "outcome",
    )


def test_a_script_without_an_operation_is_about_those_that_can_turn_out_so(app: App) -> None:
    done(admin(app, "POST", "/faults", {"provider": "prime", "outcome": "pause_failed"}))
    identity = create(app, "prime")
    assert done(ask(app, "prime", "POST", f"/{identity}/pause"))["status"] == "RUNNING"
    found = done(ask(app, "prime", "GET", f"/{identity}"))
    assert found["status"] == "RUNNING"
    assert found["errorMessage"]


def test_outcomes_are_listed(app: App) -> None:
    providers = {each["provider"]: each for each in done(admin(app, "GET", "/providers"))["providers"]}
    outcomes = {each["id"]: each["outcomes"] for each in providers["superserve"]["operations"]}
    assert "pause_failed" in outcomes["pauseSandbox"]
    assert outcomes["listSandboxes"] == []


def test_the_effect_happened_and_the_answer_was_lost(app: App) -> None:
    """A retry with the same key finds what the first request has made."""
    body = {**BODIES["prime"], "idempotency_key": "once"}
    lost = ask(app, "prime", "POST", body=body, prefer="code=503, phase=after")
    assert lost.status == 503
    total = ask(app, "prime", "GET").value["total"]
    again = done(ask(app, "prime", "POST", body=body))
    assert ask(app, "prime", "GET").value["total"] == total
    assert ask(app, "prime", "GET").value["sandboxes"][0]["id"] == again["id"]


# The journal


def warnings(app: App) -> list[str]:
    found: list[str] = done(admin(app, "GET", "/requests?limit=1"))["requests"][0]["warnings"]
    return found


def test_a_call_that_the_state_does_not_allow_is_noted(app: App) -> None:
    identity = create(app, "superserve")
    for path, status in (("pause", 204), ("pause", 409)):
        assert ask(app, "superserve", "POST", f"/{identity}/{path}").status == status
    assert warnings(app) == ["pause was called while paused; it is possible while active"]


def test_a_creation_that_was_sent_again_is_noted(app: App) -> None:
    """Not one that has a key for that, nor another one."""
    key = {**BODIES["prime"], "idempotency_key": "once"}
    other = {**BODIES["prime"], "name": "other"}
    for first, second, noted in ((BODIES["prime"],) * 2 + (True,), (key, key, False), (BODIES["prime"], other, False)):
        ask(app, "prime", "POST", body=first, prefer="code=503, phase=after")
        ask(app, "prime", "POST", body=second)
        assert any("sent again" in each for each in warnings(app)) == noted
        ask(app, "prime", "GET")


def test_what_nobody_ended_is_named(app: App) -> None:
    one, other = create(app, "prime"), create(app, "superserve")
    left = done(admin(app, "GET", "/requests"))["meta"]["left"]
    assert left == [
        {"provider": "prime", "tenant": "main", "id": one, "state": "RUNNING"},
        {"provider": "superserve", "tenant": "main", "id": other, "state": "active"},
    ]
    # A seeded one that somebody changes was there before.
    identity = ask(app, "prime", "GET", "?status=RUNNING&page=2&per_page=1").value["sandboxes"][0]["id"]
    assert ask(app, "prime", "POST", f"/{identity}/pause").status in (200, 400)
    ask(app, "prime", "DELETE", f"/{one}")
    ask(app, "superserve", "DELETE", f"/{other}")
    assert done(admin(app, "GET", "/requests"))["meta"]["left"] == []


# The whole state


def test_a_snapshot_in_the_middle_of_a_life_goes_on_from_there(app: App) -> None:
    put_mode(app, "clock")
    identity = create(app, "prime", prefer="outcome=error")
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 30}))
    taken = done(admin(app, "GET", "/snapshot"))
    done(admin(app, "PUT", "/snapshot", taken, ns="copy"))
    for ns in ("", "copy"):
        done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 30}, ns=ns))
        assert done(ask(app, "prime", "GET", f"/{identity}", ns=ns))["status"] == "ERROR"
    ids = [done(ask(app, "prime", "POST", body=BODIES["prime"], ns=ns))["id"] for ns in ("", "copy")]
    assert ids[0] == ids[1] != identity


@pytest.mark.parametrize(
    ("member", "value"), [("since", "now"), ("state", "nowhere"), ("held", "yes"), ("outcome", "x"), ("more", 1)]
)
def test_what_is_kept_in_a_snapshot_is_checked(app: App, member: str, value: Any) -> None:
    create(app, "prime")
    taken = done(admin(app, "GET", "/snapshot"))
    row = taken["documents"]["prime"]["main"]["stored"][0]
    row[4][member] = value
    refused(admin(app, "PUT", "/snapshot", taken), 422, f"documents.prime.main.stored.0.kept.{member}")


def test_documents_of_other_kinds_are_in_a_snapshot_and_checked(app: App) -> None:
    body = {**BODIES["prime"], "idempotency_key": "once"}
    identity = done(ask(app, "prime", "POST", body=body))["id"]
    taken = done(admin(app, "GET", "/snapshot"))
    done(admin(app, "PUT", "/snapshot", taken, ns="copy"))
    assert done(ask(app, "prime", "POST", body=body, ns="copy"))["id"] == identity
    kinds = [place for place in taken["documents"] if "/" in place]
    assert kinds == ["prime/idempotency_keys"]
    rows = taken["documents"]["prime/idempotency_keys"]["main"]["stored"]
    rows[0][3]["sandbox_id"] = 7
    field = "documents.prime/idempotency_keys.main.stored.0.document.sandbox_id"
    refused(admin(app, "PUT", "/snapshot", taken), 422, field)
    rows[0][3]["sandbox_id"] = identity
    taken["documents"]["prime/nothing"] = {}
    refused(admin(app, "PUT", "/snapshot", taken), 422, "documents.prime/nothing")


def test_a_reset_takes_everything_back(app: App) -> None:
    before = ask(app, "prime", "GET").body
    first = create(app, "prime")
    done(admin(app, "POST", "/reset"))
    assert ask(app, "prime", "GET").body == before
    assert ask(app, "prime", "GET", f"/{first}").status == 404
