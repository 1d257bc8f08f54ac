"""A sandbox of Superserve from its creation to its end, as everybody sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakeserver.providers.superserve.states import BOOT_SECONDS, PAUSE_SECONDS, RESUME_SECONDS
from fakeserver.serving.app import App
from tests.support.admin import admin, done, small_app
from tests.support.asgi import Reply, Row, call
from tests.support.superserve import (
    advance,
    ask,
    change_settings,
    create,
    found,
    freeze,
    listed,
    message,
    status,
    switch,
)

NOBODY = "00000000-0000-4000-8000-000000000000"
INVALID_STATE = (409, "conflict", "Sandbox is not in a valid state for this operation")
NOT_FOUND = (404, "not_found", "Sandbox not found")
INTERNAL = (500, "internal_error", "A problem occurred. Please try again, or contact the team if it persists.")
GONE = (410, "gone", "Sandbox VM is no longer available and has been marked failed")


@pytest.fixture
def app() -> App:
    """A server whose clock stands still."""
    server = small_app()
    freeze(server)
    return server


def first(app: App, wanted: str) -> str:
    """The path of a seeded sandbox in a state."""
    return f"/sandboxes/{next(row['id'] for row in listed(app, f'status={wanted}'))}"


# At once


def test_rows_have_what_newer_servers_have_with_a_switch(app: App) -> None:
    """The same as a look at the sandbox alone, for what was seeded as for what was made; without the switch, none of
    it."""
    path = create(app, auto_delete_seconds=60, preview_access="private")
    newer = {"preview_access", "source_snapshot_id", "auto_delete_seconds", "auto_delete_at"}
    assert not any(newer & {*row} for row in listed(app))
    switch(app, fields="server")
    assert ask(app, "POST", f"{path}/pause").status == 204
    made, *seeded = listed(app)
    assert newer & {*made} == newer - {"source_snapshot_id"}
    assert {row["preview_access"] for row in seeded} == {"legacy_public"}
    for row in (made, *seeded[:3]):
        alone = ask(app, "GET", f"/sandboxes/{row['id']}").value
        assert row == {name: alone[name] for name in alone if name != "access_token"}


def test_health_asks_for_no_key() -> None:
    reply = call(small_app(), "/superserve/health")
    assert (reply.status, reply.value) == (200, {"status": "ok", "version": "0.1.0"})


def test_a_sandbox_lives_at_once(app: App) -> None:
    """An answer shows what is on its way, and everybody after it sees the end of it."""
    before = listed(app)
    made = ask(app, "POST", "/sandboxes", {"name": "mine", "metadata": {"env": "test"}})
    assert (made.status, made.value["status"], made.value["metadata"]) == (201, "starting", {"env": "test"})
    path = f"/sandboxes/{made.value['id']}"
    assert (made.value["vcpu_count"], made.value["memory_mib"], made.value["preview_access"]) == (1, 1_024, "public")
    assert status(app, path) == "active"
    rows = listed(app)
    assert rows[1:] == before
    assert rows[0] == {
        name: value for name, value in made.value.items() if name not in ("access_token", "preview_access")
    } | {"status": "active"}
    assert found(app, path, "status=active&metadata.env=test&q=mine")

    assert ask(app, "POST", f"{path}/pause").status == 204
    assert status(app, path) == "paused"
    paused = ask(app, "GET", path).value
    assert paused["snapshot_id"]
    assert not found(app, path, "status=active")
    assert found(app, path, "status=paused")

    resumed = ask(app, "POST", f"{path}/resume")
    assert (resumed.status, resumed.value["id"], resumed.value["status"]) == (200, made.value["id"], "active")
    assert resumed.value["access_token"] == made.value["access_token"]
    assert status(app, path) == "active"

    assert ask(app, "DELETE", path).status == 204
    assert listed(app) == before
    for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/activate")):
        assert message(ask(app, method, path + tail)) == NOT_FOUND


def test_an_active_sandbox_is_had_in_one_call(app: App) -> None:
    """`activate` resumes a paused one, leaves an active one as it is, and shows all of it with a token."""
    path = create(app)
    again = ask(app, "POST", f"{path}/activate")
    assert again.value == ask(app, "GET", path).value
    ask(app, "POST", f"{path}/pause")
    resumed = ask(app, "POST", f"{path}/activate")
    assert (resumed.status, resumed.value["status"]) == (200, "active")
    assert resumed.value == ask(app, "GET", path).value


def test_what_a_state_does_not_allow(app: App) -> None:
    path = create(app)
    assert message(ask(app, "POST", f"{path}/resume")) == INVALID_STATE
    ask(app, "POST", f"{path}/pause")
    assert message(ask(app, "POST", f"{path}/pause")) == INVALID_STATE
    refused = ask(app, "PATCH", path, {"network": {"allow_out": ["a.com"]}, "metadata": {"a": "b"}})
    assert message(refused) == (409, "conflict", "Sandbox must be active to update network config")
    assert ask(app, "GET", path).value["metadata"] == {}
    assert ask(app, "PATCH", path, {"metadata": {"a": "b"}}).status == 204
    assert ask(app, "GET", path).value["metadata"] == {"a": "b"}


def test_seeded_sandboxes_live_as_well(app: App) -> None:
    """Those that the world began with are paused, resumed, changed and deleted; the others stay."""
    before = {row["id"]: row for row in listed(app)}
    active, paused = first(app, "active"), first(app, "paused")
    assert ask(app, "POST", f"{active}/pause").status == 204
    assert ask(app, "POST", f"{paused}/resume").status == 200
    assert (status(app, active), status(app, paused)) == ("paused", "active")
    assert ask(app, "PATCH", active, {"metadata": {"mine": "1"}, "timeout_seconds": 60}).status == 204
    assert ask(app, "DELETE", paused).status == 204
    after = {row["id"]: row for row in listed(app)}
    changed, gone = active.rpartition("/")[2], paused.rpartition("/")[2]
    assert before.keys() - after.keys() == {gone}
    assert {name for name, row in after.items() if row != before[name]} == {changed}
    assert after[changed]["created_at"] == before[changed]["created_at"]
    assert (after[changed]["metadata"], after[changed]["timeout_seconds"]) == ({"mine": "1"}, 60)


@pytest.mark.parametrize("operation", ["DELETE", "POST /activate", "POST /pause", "POST /snapshot", "PATCH"])
def test_nothing_is_in_transition_where_transitions_take_no_time(app: App, operation: str) -> None:
    """A sandbox that was seeded on its way back is back when somebody does something to it."""
    path = first(app, "resuming")
    method, _, tail = operation.partition(" ")
    body = {"network": {"deny_out": ["1.1.1.1"]}} if method == "PATCH" else None
    assert ask(app, method, path + tail, body).status in (200, 201, 204)


def test_previews_of_sandboxes_that_had_no_choice(app: App) -> None:
    assert ask(app, "GET", first(app, "active")).value["preview_access"] == "legacy_public"
    path = create(app, preview_access="private")
    assert ask(app, "GET", path).value["preview_access"] == "private"
    ask(app, "PATCH", path, {"preview_access": "public"})
    assert ask(app, "GET", path).value["preview_access"] == "public"


# Switches


def test_a_creation_may_be_answered_as_the_server_does(app: App) -> None:
    switch(app, created="active")
    assert ask(app, "POST", "/sandboxes", {"name": "mine"}).value["status"] == "active"


def test_a_pause_may_be_accepted_and_done_later(app: App) -> None:
    """The 202 is for clients that do not wait; whatever they wish, the switch decides."""
    path = create(app)
    switch(app, pause="accepted")
    reply = ask(app, "POST", f"{path}/pause", prefer="respond-async")
    assert (reply.status, reply.value, reply.headers["retry-after"]) == (202, {"status": "pausing"}, "1")
    assert status(app, path) == "paused"
    assert message(ask(app, "POST", f"{path}/pause")) == INVALID_STATE


def test_the_page_knows_three_states(app: App) -> None:
    """Rows in others are left out of lists and totals, whatever is asked, until the switch shows them all; a single
    one is always shown."""
    rows = listed(app)
    failed = {**rows[0], "id": NOBODY, "status": "failed"}
    done(admin(app, "PUT", "/documents/superserve/main", [failed, *rows]))
    assert listed(app) == rows
    assert listed(app, "status=failed") == []
    assert status(app, f"/sandboxes/{NOBODY}") == "failed"
    switch(app, states="server")
    assert len(listed(app)) == len(rows) + 1
    assert listed(app, "status=failed") == [failed]
    switch(app, states="page")
    assert listed(app) == rows
    assert listed(app, "status=failed,active") == listed(app, "status=active")


# In its own time


def test_transitions_take_their_time(app: App) -> None:
    """Under `clock` each passing state lasts its seconds; the page does not list what it has no word for."""
    change_settings(app, transitions="clock")
    path = create(app, timeout_seconds=600)
    assert status(app, path) == "starting"
    assert not found(app, path)
    switch(app, states="server")
    assert found(app, path, "status=starting")
    switch(app, states="page")
    assert message(ask(app, "POST", f"{path}/activate")) == INVALID_STATE
    advance(app, BOOT_SECONDS)
    assert found(app, path, "status=active")

    assert ask(app, "POST", f"{path}/pause").status == 204
    assert status(app, path) == "pausing"
    assert not found(app, path)
    for method, tail in (("DELETE", ""), ("POST", "/resume"), ("POST", "/pause")):
        assert message(ask(app, method, path + tail)) == INVALID_STATE
    assert message(ask(app, "POST", f"{path}/activate"))[:2] == (409, "sandbox_pausing")
    advance(app, PAUSE_SECONDS)
    assert found(app, path, "status=paused")

    assert ask(app, "POST", f"{path}/resume").value["status"] == "active"
    assert status(app, path) == "resuming"
    assert found(app, path, "status=resuming")
    advance(app, RESUME_SECONDS - 1)
    assert status(app, path) == "resuming"
    advance(app, 1)
    assert status(app, path) == "active"


def test_transitions_wait_for_somebody(app: App) -> None:
    """Under `manual` a passing state lasts until it is ended; one that lasts for 15 minutes does not keep a sandbox."""
    change_settings(app, transitions="manual")
    path = create(app)
    advance(app, 60)
    assert status(app, path) == "starting"
    identity = path.rpartition("/")[2]
    moved = done(admin(app, "POST", "/transitions", {"provider": "superserve", "id": identity}))["moved"]
    assert moved == [{"kind": "sandboxes", "tenant": "main", "id": identity, "from": "starting", "to": "active"}]
    assert ask(app, "POST", f"{path}/pause").status == 204
    done(admin(app, "POST", "/transitions", {"provider": "superserve", "id": identity, "outcome": "pause_failed"}))
    assert status(app, path) == "active"
    ask(app, "POST", f"{path}/pause")
    assert message(ask(app, "DELETE", path)) == INVALID_STATE
    advance(app, 15 * 60 - 1)
    assert message(ask(app, "DELETE", path)) == INVALID_STATE
    advance(app, 1)
    assert ask(app, "DELETE", path).status == 204


@pytest.mark.parametrize("mode", ["immediate", "clock"])
def test_failures_on_demand(app: App, mode: str) -> None:
    """Each failure that the server documents is answered as it does, and leaves the state that it does."""
    change_settings(app, transitions=mode)

    def passed() -> None:
        advance(app, BOOT_SECONDS + PAUSE_SECONDS + RESUME_SECONDS)

    before = {row["id"] for row in listed(app)}
    assert message(ask(app, "POST", "/sandboxes", {"name": "a"}, prefer="outcome=boot_failed")) == INTERNAL
    passed()
    switch(app, states="server")
    (failed,) = [row for row in listed(app) if row["id"] not in before]
    assert failed["status"] == "failed"
    assert ask(app, "DELETE", f"/sandboxes/{failed['id']}").status == 204

    path = create(app)
    passed()
    assert message(ask(app, "POST", f"{path}/pause", prefer="outcome=pause_failed")) == INTERNAL
    passed()
    assert status(app, path) == "active"
    ask(app, "POST", f"{path}/pause")
    passed()
    for tail in ("/resume", "/activate"):
        assert message(ask(app, "POST", path + tail, prefer="outcome=resume_failed")) == INTERNAL
        passed()
        assert status(app, path) == "paused"
    ask(app, "POST", f"{path}/resume")
    passed()
    assert message(ask(app, "POST", f"{path}/pause", prefer="outcome=vm_lost")) == GONE
    passed()
    assert status(app, path) == "failed"
    for tail in ("/pause", "/resume", "/activate"):
        assert message(ask(app, "POST", path + tail)) == INVALID_STATE
    assert ask(app, "DELETE", path).status == 204


def test_a_failure_behind_an_accepted_pause_shows_later(app: App) -> None:
    path = create(app)
    switch(app, pause="accepted")
    assert ask(app, "POST", f"{path}/pause", prefer="outcome=vm_lost").status == 202
    assert status(app, path) == "failed"


# Lifetimes


def test_a_timeout_pauses_and_counts_anew_after_a_resume(app: App) -> None:
    """It takes an active sandbox to a paused one with a snapshot, leaves a paused one alone, and removes nothing."""
    path = create(app, timeout_seconds=60)
    advance(app, 59)
    assert status(app, path) == "active"
    advance(app, 1 + PAUSE_SECONDS)
    paused = ask(app, "GET", path).value
    assert paused["status"] == "paused"
    assert paused["snapshot_id"]
    advance(app, 86_400)
    assert ask(app, "GET", path).value == paused | {"access_token": ask(app, "GET", path).value["access_token"]}
    ask(app, "POST", f"{path}/resume")
    advance(app, 59)
    assert status(app, path) == "active"
    advance(app, 1 + PAUSE_SECONDS)
    assert status(app, path) == "paused"
    assert ask(app, "GET", path).value["snapshot_id"] != paused["snapshot_id"]


def test_a_day_removes_nothing_that_was_seeded(app: App) -> None:
    before = {row["id"]: row["status"] for row in listed(app)}
    capped = {row["id"] for row in listed(app) if row.get("timeout_seconds", 10**9) <= 86_400}
    advance(app, 86_400)
    after = {row["id"]: row["status"] for row in listed(app)}
    assert before.keys() == after.keys()
    for identity, state in before.items():
        expected = "active" if state == "resuming" else state
        assert after[identity] == ("paused" if state == "active" and identity in capped else expected)


def test_a_timeout_can_be_changed_and_ended(app: App) -> None:
    """It counts for the session that is under way."""
    path = create(app, timeout_seconds=600)
    advance(app, 100)
    ask(app, "PATCH", path, {"timeout_seconds": None})
    assert "timeout_seconds" not in ask(app, "GET", path).value
    advance(app, 600)
    assert status(app, path) == "active"
    ask(app, "PATCH", path, {"timeout_seconds": 701})
    advance(app, 1 + PAUSE_SECONDS)
    assert status(app, path) == "paused"


def test_a_paused_sandbox_deletes_itself(app: App) -> None:
    """So long after it paused; a resume ends that, and the next pause begins anew."""
    path = create(app, auto_delete_seconds=60)
    assert "auto_delete_at" not in ask(app, "GET", path).value
    ask(app, "POST", f"{path}/pause")
    shown = ask(app, "GET", path).value
    assert shown["auto_delete_seconds"] == 60
    advance(app, 59)
    assert ask(app, "GET", path).value["auto_delete_at"] == shown["auto_delete_at"]
    ask(app, "POST", f"{path}/resume")
    advance(app, 120)
    assert "auto_delete_at" not in ask(app, "GET", path).value
    ask(app, "POST", f"{path}/pause")
    advance(app, 60)
    assert status(app, path) is None
    assert not found(app, path)


def test_an_auto_deletion_of_what_is_paused_counts_from_now(app: App) -> None:
    path = create(app)
    ask(app, "POST", f"{path}/pause")
    advance(app, 3_600)
    assert ask(app, "PATCH", path, {"auto_delete_seconds": 60}).status == 204
    advance(app, 59)
    assert status(app, path) == "paused"
    assert ask(app, "PATCH", path, {"auto_delete_seconds": None}).status == 204
    assert {"auto_delete_seconds", "auto_delete_at"}.isdisjoint(ask(app, "GET", path).value)
    advance(app, 3_600)
    assert status(app, path) == "paused"
    ask(app, "PATCH", path, {"auto_delete_seconds": 0})
    assert status(app, path) is None


def test_a_failed_resume_keeps_the_hour_of_deletion(app: App) -> None:
    path = create(app, auto_delete_seconds=60)
    ask(app, "POST", f"{path}/pause")
    due = ask(app, "GET", path).value["auto_delete_at"]
    advance(app, 30)
    ask(app, "POST", f"{path}/resume", prefer="outcome=resume_failed")
    assert ask(app, "GET", path).value["auto_delete_at"] == due
    advance(app, 30)
    assert status(app, path) is None


def test_a_world_that_aged_agrees_with_one_that_lived(app: App) -> None:
    """However the clock comes to an instant, everybody sees the same there."""

    def lived(*steps: float) -> list[Row]:
        server = small_app()
        done(admin(server, "PUT", "/clock", {"action": "freeze", "instant": "2026-01-18T11:00:00Z"}))
        change_settings(server, transitions="clock")
        for seconds in (30, 60):
            create(server, timeout_seconds=seconds, auto_delete_seconds=90)
        ask(server, "POST", f"{first(server, 'active')}/pause")
        for step in steps:
            advance(server, step)
            listed(server)
        return listed(server)

    for instant in (4, 31, 33, 62, 123, 86_400):
        assert lived(instant) == lived(*[instant / 8] * 8)


# Tokens and teams


def test_a_token_holds_for_an_hour(app: App) -> None:
    """It is the sandbox's own, the same for an hour, and stands in no list, snapshot or journal."""
    done(admin(app, "PUT", "/clock", {"action": "freeze", "instant": "2026-01-18T11:00:00Z"}))
    paths = [create(app), create(app)]
    tokens = [ask(app, "GET", path).value["access_token"] for path in paths]
    assert len({*tokens}) == 2
    assert all(len(token) == 64 for token in tokens)
    advance(app, 3_599)
    assert ask(app, "POST", f"{paths[0]}/activate").value["access_token"] == tokens[0]
    for kept in (listed(app), done(admin(app, "GET", "/snapshot")), done(admin(app, "GET", "/requests"))):
        assert tokens[0] not in json.dumps(kept)
    advance(app, 1)
    assert ask(app, "GET", paths[0]).value["access_token"] not in tokens


def test_a_team_is_among_itself(app: App) -> None:
    """A colleague sees and does everything; for another team there is nothing."""
    path = create(app)
    assert ask(app, "GET", path, who="member").status == 200
    assert ask(app, "PATCH", path, {"metadata": {"a": "1"}}, who="member").status == 204
    for method, tail, body in (
        ("GET", "", None),
        ("PATCH", "", {"metadata": {}}),
        ("DELETE", "", None),
        ("POST", "/activate", None),
        ("POST", "/pause", None),
        ("POST", "/resume", None),
        ("POST", "/snapshot", None),
    ):
        assert message(ask(app, method, path + tail, body, who="outsider")) == NOT_FOUND
    assert not any(path.endswith(row["id"]) for row in listed(app, who="outsider"))
    assert ask(app, "POST", f"{path}/pause", who="member").status == 204


def test_worlds_are_apart(app: App) -> None:
    path = create(app)
    assert message(ask(app, "GET", path, ns="other")) == NOT_FOUND
    assert ask(app, "GET", path).status == 200


# What goes wrong on the way


def test_an_answer_that_is_lost_has_had_its_effect(app: App) -> None:
    """`phase: after` loses the answer and not the effect; a failure in front of it changes nothing."""
    before = len(listed(app))
    assert ask(app, "POST", "/sandboxes", {"name": "a"}, prefer="code=503").status == 503
    assert len(listed(app)) == before
    assert ask(app, "POST", "/sandboxes", {"name": "a"}, prefer="code=503, phase=after").status == 503
    assert len(listed(app)) == before + 1
    path = f"/sandboxes/{listed(app)[0]['id']}"
    script = {"provider": "superserve", "operation": "deleteSandbox", "code": 502, "phase": "after", "times": 1}
    done(admin(app, "POST", "/faults", script))
    assert ask(app, "DELETE", path).status == 502
    assert message(ask(app, "DELETE", path)) == NOT_FOUND
    assert len(listed(app)) == before


@pytest.mark.parametrize("mode", ["immediate", "clock", "manual"])
def test_a_snapshot_of_the_world_keeps_lives(app: App, mode: str) -> None:
    """What is restored goes on where it was, what is kept beside it too."""
    change_settings(app, transitions=mode)
    paths = [create(app, timeout_seconds=30, auto_delete_seconds=30, preview_access="private") for _ in range(2)]
    advance(app, BOOT_SECONDS)
    if mode == "manual":
        done(admin(app, "POST", "/transitions", {"provider": "superserve"}))
    ask(app, "POST", f"{paths[0]}/pause")
    ask(app, "POST", f"{paths[1]}/snapshot", {"idempotency_key": "k"})
    kept = done(admin(app, "GET", "/snapshot"))

    def future(server: App) -> list[Any]:
        seen: list[Any] = []
        for seconds in (0, PAUSE_SECONDS, 27, 30, 10):
            advance(server, seconds)
            seen += [ask(server, "GET", path).value for path in paths]
            seen.append(ask(server, "GET", f"{paths[1]}/snapshots").value)
        return seen

    expected = future(app)
    other = small_app(seed=0)
    done(admin(other, "PUT", "/snapshot", kept))
    assert future(other) == expected
    done(admin(app, "POST", "/reset"))
    assert [status(app, path) for path in paths] == [None, None]


HOSTILE: list[Any] = [
    *(b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff", b"{}{}", b'{"name": "a", "name": "b"}'),
    *(b'{"name": "a\\u0000"}', b'{"name": "\\ud800"}', b'{"timeout_seconds": ' + b"9" * 30 + b"}"),
    *(b"[" * 100_000, b'{"a":' * 100_000, b'{"name": 1e999}', b'{"name": NaN}'),
    {"name": ["a"]},
    {"name": "ä" * 64},
    {"name": "a", "metadata": {"a": {"b": "c"}}},
    {"name": "a", "metadata": [["a", "b"]]},
    {"name": "a", "metadata": {f"k{number}": "v" for number in range(10_000)}},
    {"name": "a", "network": {"allow_out": "a.com"}},
    {"name": "a", "network": {"deny_out": ["999.0.0.1", "::1", "1.1.1.1/33", "1.1.1.1/+1", ""]}},
    {"name": "a", "env_vars": {"a=b": "c"}},
    {"name": "a", "from_template": "x" * 100_000},
    {"name": "a", "from_snapshot": "x"},
    {"name": "a", "kind": {}, "build_spec": {"from": "x", "steps": [1]}},
    {"name": "a", "build_spec": {"from": "x", "steps": [{"user": {"name": "\u2028"}}]}},
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: str(body)[:40])
def test_hostile_bodies(app: App, body: Any) -> None:
    """A clear refusal in the dialect wherever a body is read, and nothing changes."""
    path = create(app)
    snapshot = f"/snapshots/{ask(app, 'POST', f'{path}/snapshot').value['id']}"
    version = app.world.version
    for method, place in (
        ("POST", "/sandboxes"),
        ("PATCH", path),
        ("POST", f"{path}/snapshot"),
        ("PATCH", snapshot),
        ("POST", "/templates"),
    ):
        if body == b"" and place.endswith("/snapshot"):
            continue
        reply = ask(app, method, place, body)
        assert reply.status in (400, 404, 413), (method, place, reply.status)
    assert app.world.version == version


def test_a_body_that_is_too_large(app: App) -> None:
    assert ask(app, "POST", "/sandboxes", {"name": "a" * 2**20}).status == 413


def test_what_is_sent_twice_is_made_twice(app: App) -> None:
    """There is no idempotency key: every creation has an id of its own."""
    made: list[Reply] = [ask(app, "POST", "/sandboxes", {"name": "same"}) for _ in range(20)]
    assert len({reply.value["id"] for reply in made}) == 20
    assert [row["name"] for row in listed(app)[:20]] == ["same"] * 20
