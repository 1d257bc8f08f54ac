"""Bugs of lives that were met once, each with the requests that showed it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakeserver.serving.app import App
from tests.support.admin import Machine, admin, done, small_app
from tests.support.asgi import PATHS, Reply, Row, call, credential, rows
from tests.support.dreadnode import SANDBOXES, Caller, started

CREATE: dict[str, tuple[str, Row]] = {
    "prime": (PATHS["prime"], {"name": "mine", "docker_image": "python:3.11-slim", "vm": True}),
    "superserve": (PATHS["superserve"], {"name": "mine"}),
    "instavm": ("/v1/vms", {}),
}


def ask(app: App, slug: str, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    raw = b"" if body is None else json.dumps(body).encode()
    sent = credential(slug) | {"content-type": "application/json"} | headers
    return call(app, f"/{slug}{path}", method=method, headers=sent, body=raw)


def create(app: App, slug: str, **more: Any) -> str:
    path, body = CREATE[slug]
    reply = ask(app, slug, "POST", path, body | more)
    assert reply.status in (200, 201), reply.body
    identity: str = reply.value["vm_id" if slug == "instavm" else "id"]
    return identity


def listed(app: App, slug: str, query: str = "") -> list[Row]:
    return rows(slug, ask(app, slug, "GET", f"{PATHS[slug]}{query}"))


def documents(app: App, slug: str) -> list[Row]:
    found: list[Row] = done(admin(app, "GET", f"/documents/{slug}/main"))
    return found


@pytest.fixture
def app() -> App:
    """A server whose clock stands still."""
    app = small_app(size=20)
    done(admin(app, "PUT", "/clock", {"action": "freeze"}))
    return app


@pytest.mark.parametrize("slug", CREATE)
def test_an_id_that_is_taken_is_not_given_out_again(app: App, slug: str) -> None:
    """A reset counts writes from nought again; what a test then puts back must not be lost under a new document."""
    create(app, slug)
    (made,) = (row for row in documents(app, slug) if row not in documents(small_app(size=20), slug))
    done(admin(app, "POST", "/reset"))
    done(admin(app, "PUT", "/clock", {"action": "freeze"}))
    done(admin(app, "PUT", f"/documents/{slug}/main", [made]))

    create(app, slug)

    after = documents(app, slug)
    assert len(after) == 2
    assert made in after


def test_a_clock_that_is_set_back_shows_what_was(app: App) -> None:
    """Lists, filters and a single look-up agree at every instant, the earlier ones after the later ones."""
    done(admin(app, "PUT", "/settings", {"transitions": "clock"}))
    identity = create(app, "prime")
    start = done(admin(app, "GET", "/clock"))["now"]

    def seen() -> tuple[str, str, int]:
        single = ask(app, "prime", "GET", f"{PATHS['prime']}/{identity}").value["status"]
        row = next(row for row in listed(app, "prime") if row["id"] == identity)
        same = [each["id"] for each in listed(app, "prime", f"?status={row['status']}")]
        return single, row["status"], same.count(identity)

    assert seen() == ("PENDING", "PENDING", 1)
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 100}))
    assert seen() == ("RUNNING", "RUNNING", 1)
    done(admin(app, "PUT", "/clock", {"action": "freeze", "instant": start}))
    assert seen() == ("PENDING", "PENDING", 1)


def test_a_meter_shows_the_same_in_a_list_and_alone(machine: Machine) -> None:
    """What changes all the time is worked out at the instant of each request."""
    caller = Caller(small_app(size=20))
    started(caller)
    for seconds in (0.25, 0.5, 7, 100):
        machine.wait(seconds)
        row = caller.sandboxes()[0]
        alone = caller.get(f"{SANDBOXES}/{row['provider_sandbox_id']}")
        assert {name: alone[name] for name in row} == row


def test_a_document_that_a_test_changes_keeps_its_life(machine: Machine) -> None:
    """A pending sandbox that is given another name still becomes a running one, and one that is put in another state
    begins anew in that."""
    app = small_app(size=20)
    done(admin(app, "PUT", "/settings", {"transitions": "clock"}))
    one, other = create(app, "prime"), create(app, "prime")
    machine.wait(10)
    mine = {row["id"]: row for row in documents(app, "prime")}
    changed = [mine[one] | {"name": "renamed"}, mine[other] | {"status": "RUNNING"}]
    done(admin(app, "PATCH", "/documents/prime/main", changed))

    def states() -> list[str]:
        return [ask(app, "prime", "GET", f"{PATHS['prime']}/{each}").value["status"] for each in (one, other)]

    machine.wait(9)
    assert states() == ["PENDING", "RUNNING"]
    machine.wait(41)
    assert states() == ["RUNNING", "RUNNING"]
    assert {row["id"]: row["name"] for row in documents(app, "prime")}[one] == "renamed"


def test_a_key_is_one_users_own(app: App) -> None:
    """Two members of a team who use the same key each get a sandbox of their own."""
    body = {**CREATE["prime"][1], "team_id": "research", "idempotency_key": "nightly"}
    made = [
        call(
            app,
            f"/prime{PATHS['prime']}",
            method="POST",
            headers=credential("prime", who) | {"content-type": "application/json"},
            body=json.dumps(body).encode(),
        )
        for who in ("admin", "member", "admin")
    ]
    assert [reply.status for reply in made] == [201, 201, 201]
    first, second, again = (reply.value for reply in made)
    assert first["id"] == again["id"] != second["id"]
    assert first["userId"] != second["userId"]


def test_a_domain_of_any_length_is_answered(app: App) -> None:
    """Spelling a long name in ASCII takes ever longer; nobody is held up by one that cannot be right."""
    sandbox = create(app, "prime")
    for domain in ("ä" * 100_000 + ".example", "a." * 50_000, "ä" * 64 + ".example", "*." + "x" * 64 + ".example"):
        path = f"{PATHS['prime']}/{sandbox}/egress-policy"
        reply = ask(app, "prime", "PUT", path, {"allowlist": [domain]})
        assert reply.status == 422, (domain[:20], reply.status, reply.body[:300])


def test_what_a_test_put_in_by_hand_can_be_lived_with(app: App) -> None:
    """InstaVM's page leaves dates free: a strange one ends nothing, and no call on its VM is a 500."""
    strange = {**documents(app, "instavm")[0], "end_at": "soon", "status": "active"}
    done(admin(app, "PUT", "/documents/instavm/main", [strange]))
    path = f"/v1/vms/{strange['sandbox_id']}"
    calls: list[tuple[str, str, Any]] = [
        ("GET", path, None),
        ("PATCH", path, {"metadata": {"a": "b"}}),
        ("POST", f"{path}/suspend", None),
        ("POST", f"{path}/resume", None),
        ("POST", f"{path}/clone", {}),
        ("DELETE", path, None),
    ]
    for method, target, body in calls:
        assert ask(app, "instavm", method, target, body).status < 500, (method, target)


def test_two_bodies_are_two_requests(app: App) -> None:
    """A loop that creates sandboxes is no loop that repeats one request, and a null key is none."""
    path, body = CREATE["prime"]
    for number in range(12):
        assert ask(app, "prime", "POST", path, {**body, "name": f"mine-{number}"}).status == 201
    entries = done(admin(app, "GET", "/requests"))["requests"]
    assert [each["warnings"] for each in entries if each.get("warnings")] == []

    failing = {"prefer": "code=503, phase=after"}
    assert ask(app, "prime", "POST", path, {**body, "idempotency_key": None}, **failing).status == 503
    assert ask(app, "prime", "POST", path, {**body, "idempotency_key": None}).status == 201
    (warned,) = (each for each in done(admin(app, "GET", "/requests"))["requests"] if each.get("warnings"))
    assert "a creation that failed was sent again" in str(warned["warnings"])


def test_a_seeded_state_that_passes_is_over_for_whoever_calls(app: App) -> None:
    """At once means that no call finds a sandbox on its way, whoever put it there."""
    running = next(row for row in documents(app, "prime") if row["status"] == "RUNNING" and row["vm"])
    pending = {**running, "status": "PENDING", "startedAt": None}
    done(admin(app, "PUT", "/documents/prime/main", [pending]))
    reply = ask(app, "prime", "POST", f"{PATHS['prime']}/{pending['id']}/pause", {})
    assert reply.status == 200, reply.body
