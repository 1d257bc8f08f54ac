"""Dreadnode's sandboxes live: what its command line asks first, and each sandbox by its provider's id."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from fakeserver.instants import instant
from tests.support.admin import SECOND, Machine, admin, done
from tests.support.asgi import Row, app_of
from tests.support.dreadnode import MANY, RUNTIMES, SANDBOXES, WORKSPACE, Caller, started, wait, world

HOUR = 3_600
LIMITS = "configured_runtime_limit_seconds", "configured_runtime_limit_source_level"


def path_of(sandbox: Row) -> str:
    return f"{SANDBOXES}/{sandbox['provider_sandbox_id']}"


def first(caller: Caller, **fields: Any) -> Row:
    """The newest sandbox with these fields."""
    return next(row for row in caller.sandboxes() if all(row.get(name) == value for name, value in fields.items()))


# Who is calling, and where


def test_the_user_is_the_caller() -> None:
    caller = world()
    assert caller.get("/user")["username"] == "admin"
    member = Caller(caller.app, "member")
    assert member.get("/user")["id"] != caller.get("/user")["id"]
    own = {row["id"] for row in member.sandboxes()}
    assert own < {row["id"] for row in caller.sandboxes()}


def test_organizations_are_those_of_the_caller() -> None:
    caller = world()
    assert [org["key"] for org in caller.get("/user/organizations")] == ["acme", "globex"]
    assert [org["key"] for org in Caller(caller.app, "member").get("/user/organizations")] == ["acme"]
    acme = caller.get("/org/acme")
    assert acme["can_manage_members"]
    assert not Caller(caller.app, "member").get("/org/acme")["can_manage_members"]
    longest = max(
        instant(row["expires_at"]) - instant(row["last_started_at"])
        for row in caller.sandboxes()
        if row.get("expires_at")
    )
    assert longest <= acme["effective_max_sandbox_runtime_seconds"] * SECOND


@pytest.mark.parametrize(
    "path",
    ["", "/ws", "/ws/main", "/ws/main/projects", "/ws/main/runtimes", "/ws/main/environments", "/sandboxes/usage"],
)
def test_an_organization_is_known_to_its_members(path: str) -> None:
    """Unknown: 404; known, and the caller is no member: 403; without a credential: 401."""
    caller = world(size=5)
    outsider = Caller(caller.app, "outsider")
    assert caller.refused("GET", f"/org/nowhere{path}", 404)["detail"] == "Organization not found"
    assert outsider.refused("GET", f"/org/acme{path}", 403)["type"] == "forbidden_error"
    assert Caller(caller.app, "nobody").refused("GET", f"/org/acme{path}", 401)["type"] == "authentication_error"


def test_workspaces_and_projects_are_those_of_the_rows() -> None:
    """Every workspace and project of a row is found by its key and its id, and a project is in one workspace alone."""
    caller = world(size=400)
    workspaces = caller.get("/org/acme/ws")
    assert [each["is_default"] for each in workspaces].count(True) == 1
    listed = {each["id"]: caller.get(f"/org/acme/ws/{each['key']}/projects") for each in workspaces}
    assert [len(projects) for projects in listed.values()] == [each["project_count"] for each in workspaces]
    homes = Counter(project["id"] for projects in listed.values() for project in projects)
    assert set(homes.values()) == {1}
    rows = caller.sandboxes()
    for row in rows:
        if row.get("workspace_id"):
            found = caller.get(f"/org/acme/ws/{row['workspace_key']}")
            assert found == caller.get(f"/org/acme/ws/{row['workspace_id']}")
            assert found["id"] == row["workspace_id"]
        if row.get("project_id"):
            home = f"/org/acme/ws/{row['workspace_key'] or 'main'}/projects"
            project = caller.get(f"{home}/{row['project_id']}")
            assert (project["id"], project["name"]) == (row["project_id"], row["project_name"])
    counted = caller.get(f"{SANDBOXES}/facets")["projects"]
    known = {project["id"]: project["resource_counts"]["sandboxes"] for each in listed.values() for project in each}
    assert {each["project_id"]: each["count"] for each in counted} == {id: n for id, n in known.items() if n}


def test_each_workspace_has_one_default_project() -> None:
    caller = world(size=5)
    for workspace in caller.get("/org/acme/ws"):
        projects = caller.get(f"/org/acme/ws/{workspace['key']}/projects")
        assert [each["is_default"] for each in projects].count(True) == 1
        for project in projects:
            assert caller.get(f"/org/acme/ws/{workspace['key']}/projects/{project['key']}") == project


@pytest.mark.parametrize("path", ["/org/acme/ws/nowhere", f"{WORKSPACE}/projects/nowhere", f"{RUNTIMES}/nowhere"])
def test_what_is_not_there(path: str) -> None:
    assert world(size=5).refused("GET", path, 404)["detail"].endswith("not found")


# A sandbox by itself


def test_a_sandbox_is_found_by_its_providers_id_alone() -> None:
    caller = world()
    for row in caller.sandboxes():
        found = caller.get(path_of(row))
        assert {name: found[name] for name in row} == row
        assert {"workload_context", "updated_at", *LIMITS} <= found.keys()
        for method, tail in (("GET", ""), ("GET", "/logs"), ("DELETE", "")):
            assert caller.refused(method, f"{SANDBOXES}/{row['id']}{tail}", 404)["detail"] == "Sandbox not found"


def test_a_limit_is_how_long_a_session_may_last() -> None:
    caller = world()
    for row in caller.sandboxes():
        seconds, level = (caller.get(path_of(row))[name] for name in LIMITS)
        if row.get("expires_at") is None:
            assert (seconds, level) == (None, None)
            continue
        assert instant(row["expires_at"]) - instant(row["last_started_at"]) == seconds * SECOND
        assert level == ("l1_platform_default" if seconds == HOUR else "l4_requested")


def test_others_sandboxes_are_not_there() -> None:
    """For a member, in another organization, and for an admin under `admin_sees: own`."""
    caller = world()
    member = Caller(caller.app, "member")
    own = {row["id"] for row in member.sandboxes()}
    foreign = next(row for row in caller.sandboxes() if row["id"] not in own and row["state"] != "killed")
    globex = f"/org/globex/sandboxes/{foreign['provider_sandbox_id']}"
    for method in ("GET", "DELETE"):
        member.refused(method, path_of(foreign), 404)
        caller.refused(method, globex, 404)
    done(admin(caller.app, "PUT", "/settings", {"switches": {"dreadnode": {"admin_sees": "own"}}}))
    mine = {row["id"] for row in caller.sandboxes()}
    done(admin(caller.app, "PUT", "/settings", {"switches": {"dreadnode": {"admin_sees": "org"}}}))
    hidden = next(row for row in caller.sandboxes() if row["id"] not in mine)
    caller.get(path_of(hidden))
    done(admin(caller.app, "PUT", "/settings", {"switches": {"dreadnode": {"admin_sees": "own"}}}))
    caller.refused("GET", path_of(hidden), 404)


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_deleted_sandbox_is_killed_and_stays(state: str) -> None:
    """List, facets and the sandbox itself agree; what it cost is settled, and a second time changes nothing."""
    caller = world()
    row, before = first(caller, state=state), caller.states()
    caller.ask("DELETE", path_of(row), status=204)
    after = caller.get(path_of(row))
    assert after["state"] == "killed"
    assert after["pause_reason"] is None
    assert instant(after["killed_at"]) >= instant(after["stopped_at"]) >= instant(after["last_started_at"])
    assert (after["billed_credits"], after["running_credits"]) == (row["estimated_total_credits"], 0)
    assert after["total_runtime_seconds"] == row["total_runtime_seconds"]
    assert first(caller, id=row["id"]) == {name: after[name] for name in row}
    assert caller.states() == Counter(before) - Counter({state: 1}) + Counter({"killed": 1})
    caller.ask("DELETE", path_of(row), status=204)
    assert caller.get(path_of(row)) == after


def test_a_killed_sandbox_stays_as_it_is() -> None:
    caller = world()
    row = first(caller, state="running")
    caller.ask("DELETE", path_of(row), status=204)
    after = caller.get(path_of(row))
    wait(caller, 100 * HOUR)
    assert caller.get(path_of(row)) == after


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_seeded_sandbox_that_stood_still_ends_now(state: str, machine: Machine) -> None:
    """In a world that nobody touched it does not age; deleted, its session has lasted until then, and is settled."""
    caller = Caller(app_of(size=MANY))
    row = first(caller, state=state)
    machine.wait(HOUR)
    assert first(caller, id=row["id"]) == row
    caller.ask("DELETE", path_of(row), status=204)
    after = caller.get(path_of(row))
    ran = row["total_runtime_seconds"] + (HOUR if state == "running" else 0)
    assert (after["total_runtime_seconds"], after["billed_credits"], after["running_credits"]) == (ran, ran // 18, 0)
    assert instant(after["killed_at"]) >= instant(row["created_at"]) + HOUR * SECOND
    assert state == "running" or after["stopped_at"] == row["stopped_at"]
    assert state == "paused" or after["stopped_at"] == after["killed_at"]
    machine.wait(HOUR)
    assert caller.get(path_of(row)) == after


def test_logs_last_as_long_as_the_compute() -> None:
    caller = world()
    row = first(caller, state="running")
    assert row["provider_sandbox_id"] in caller.get(f"{path_of(row)}/logs")["logs"]
    caller.ask("DELETE", path_of(row), status=204)
    assert "no longer available" in caller.refused("GET", f"{path_of(row)}/logs", 404)["detail"]


def usage(rows: list[Row], month: str) -> Row:
    return {
        "total_runtime_seconds": sum(row["total_runtime_seconds"] for row in rows),
        "sessions_count": len(rows),
        "current_month_seconds": sum(
            row["total_runtime_seconds"] for row in rows if row["created_at"].startswith(month)
        ),
    }


def test_usage_sums_up_what_the_caller_sees() -> None:
    """Also while sandboxes run, and in the next month."""
    caller = world(size=100)
    member = Caller(caller.app, "member")
    started(caller)
    for seconds, month in ((0, "2026-01"), (600, "2026-01"), (1_000 * HOUR, "2026-03")):
        wait(caller, seconds)
        for each in (caller, member):
            assert each.get(f"{SANDBOXES}/usage") == usage(each.sandboxes(), month)
    assert caller.get(f"{SANDBOXES}/usage")["current_month_seconds"] == 0


# With everything else


def test_a_lost_answer_has_its_effect_and_an_early_fault_has_none() -> None:
    caller = world()
    row = first(caller, state="running")
    for phase, state in (("before", "running"), ("after", "killed")):
        caller.ask("DELETE", path_of(row), status=504, prefer=f"code=504, phase={phase}")
        assert caller.get(path_of(row))["state"] == state


def test_a_snapshot_brings_back_the_middle_of_a_life() -> None:
    caller = world()
    runtime = started(caller)
    caller.post(f"{RUNTIMES}/mine/pause")
    environment = caller.ask("POST", f"{WORKSPACE}/environments", {"task_ref": "x"}, status=201)
    taken = done(admin(caller.app, "GET", "/snapshot"))
    before = caller.get(RUNTIMES), caller.get(f"{WORKSPACE}/environments"), caller.sandboxes()
    caller.post(f"{RUNTIMES}/mine/reset")
    caller.ask("DELETE", f"{WORKSPACE}/environments/{environment['id']}", status=204)
    other = world()
    for each in (caller, other):
        done(admin(each.app, "PUT", "/snapshot", taken))
        assert (each.get(RUNTIMES), each.get(f"{WORKSPACE}/environments"), each.sandboxes()) == before
        again = each.post(f"{RUNTIMES}/mine/start", {})
        assert (again["status"], again["sandbox_token"]) == ("paused", runtime["sandbox_token"])
        assert each.post(f"{RUNTIMES}/mine/resume")["status"] == "running"
    assert "sandbox_token" not in str(taken)
    assert runtime["sandbox_token"] not in str(taken)
    assert environment["execute_token"] not in str(taken)


def test_a_reset_leads_back_to_the_seed() -> None:
    caller = world()
    before = caller.sandboxes()
    started(caller)
    done(admin(caller.app, "POST", "/reset"))
    assert caller.sandboxes() == before
    assert caller.get(RUNTIMES)["items"] == []


def test_the_journal_knows_what_was_left() -> None:
    caller = world()
    sandbox = started(caller)["instance"]

    def left() -> list[Row]:
        found: list[Row] = done(admin(caller.app, "GET", "/requests"))["meta"]["left"]
        return found

    assert [(each["id"], each["state"]) for each in left()] == [(sandbox["sandbox_id"], "running")]
    caller.ask("DELETE", f"{SANDBOXES}/{sandbox['provider_sandbox_id']}", status=204)
    assert left() == []


OPERATIONS = [
    *(("POST", RUNTIMES), ("POST", f"{RUNTIMES}/mine/start"), ("POST", f"{RUNTIMES}/mine/keepalive")),
    *(("PUT", f"{RUNTIMES}/mine/config"), ("POST", f"{WORKSPACE}/environments")),
]
BODIES: dict[str, Any] = {
    "no JSON": b"{",
    "no object": b"[]",
    "null": b"null",
    "a text": b'"x"',
    "NUL": {"key": "a\0", "name": "\0", "task_ref": "\0", "extend_seconds": "\0", "config": "\0", "secret_ids": "\0"},
    "types": {key: [{}] for key in ("key", "task_ref", "extend_seconds", "config", "secret_ids", "project_id")},
    "30 digits": dict.fromkeys(("extend_seconds", "requested_runtime_limit_seconds", "timeout_sec"), 10**30),
    "a fraction": {"extend_seconds": 60.5, "requested_runtime_limit_seconds": 60.5, "timeout_sec": 60.5},
    "depth": b'{"config":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "size": b'{"key": "' + b"x" * 2_000_000 + b'"}',
    "bytes": b'{"key": "\xff"}',
    "twice": b'{"key": "a", "key": "b", "extend_seconds": 60, "extend_seconds": 61}',
    "surrogates": b'{"key": "\\ud800", "task_ref": "\\ud800", "config": {"build": {"profile": "\\ud800"}}}',
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_hostile_bodies(method: str, path: str, name: str) -> None:
    """A clear refusal in the dialect, and nothing has changed; the server goes on."""
    caller = world(size=5)
    started(caller)
    before = caller.get(RUNTIMES), caller.get(f"{WORKSPACE}/environments"), caller.states()
    reply = caller.send(method, path, BODIES[name])
    assert 400 <= reply.status < 500, (reply.status, reply.body[:300])
    assert reply.value["code"] == reply.status
    assert reply.status != 422 or reply.value["errors"]
    assert (caller.get(RUNTIMES), caller.get(f"{WORKSPACE}/environments"), caller.states()) == before


@pytest.mark.parametrize("text", ["%00", "%FF", "..", "x" * 3_000, "%F0%9F%92%A5", "' OR 1", "i" + "0" * 20, "%2e%2e"])
def test_hostile_ids(text: str) -> None:
    caller = world(size=5)
    raw = text.replace(" ", "%20").replace("'", "%27")
    for path in (f"{SANDBOXES}/{raw}", f"{RUNTIMES}/{raw}", f"{WORKSPACE}/environments/{raw}", f"/org/{raw}"):
        assert caller.send("GET", path).status == 404
