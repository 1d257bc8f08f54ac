"""Dreadnode's task environments live: built, provisioned, ready, torn down, and what can fail."""

from __future__ import annotations

from collections import Counter

import pytest

from fakeserver.instants import instant
from tests.support.admin import SECOND, admin, done
from tests.support.asgi import Row
from tests.support.dreadnode import ENVIRONMENTS, SANDBOXES, WORKSPACE, Caller, wait, world

HOUR = 3_600
BUILD, PROVISION = 8, 4
"""Seconds of the world's clock."""


def create(caller: Caller, task: str = "acme/recon@1.0", prefer: str = "", **body: object) -> Row:
    headers = {"prefer": prefer} if prefer else {}
    found: Row = caller.ask("POST", ENVIRONMENTS, {"task_ref": task, **body}, 201, **headers)
    return found


def state_of(caller: Caller, environment: Row) -> str:
    """The state, which three answers agree on."""
    path = f"{ENVIRONMENTS}/{environment['id']}"
    status, whole = caller.get(f"{path}/status"), caller.get(path)
    assert {name: whole[name] for name in status} == status
    listed = caller.get(f"{ENVIRONMENTS}?state={status['state']}&limit=200")["environments"]
    assert whole in listed
    assert (status["service_urls"] is not None) == (status["state"] in ("ready", "paused"))
    assert (status["error"] is not None) == (status["state"] == "failed")
    return str(status["state"])


def test_an_environment_is_ready_for_everybody_who_asks() -> None:
    """The answer to the call shows that it is building; nobody is told the token again."""
    caller = world()
    made = create(caller)
    assert (made["state"], made["service_urls"]) == ("building", None)
    assert made["execute_token"]
    assert state_of(caller, made) == "ready"
    after = caller.get(f"{ENVIRONMENTS}/{made['id']}")
    assert after["execute_token"] is None
    assert instant(after["expires_at"]) == instant(after["created_at"]) + HOUR * SECOND
    assert create(caller)["execute_token"] != made["execute_token"]


def test_its_sandbox_stands_in_the_ledger() -> None:
    """With the task in its context, and as long as the environment."""
    caller = world(switches={"dreadnode": {"fields": "sdk"}})
    before = caller.states()
    project = caller.get(f"{WORKSPACE}/projects")[1]
    made = create(caller, timeout_sec=600, project_id=project["id"])
    assert caller.states() == Counter(before) + Counter({"running": 1})
    row = caller.sandboxes()[0]
    assert (row["sandbox_kind"], row["provider"], row["project_key"]) == ("task", "e2b", project["key"])
    assert (made["project_id"], made["project_key"]) == (project["id"], project["key"])
    assert row["expires_at"] == made["expires_at"]
    assert row["workload_context"]["task_name"] == "acme/recon@1.0"
    assert row["provider_sandbox_id"] in caller.get(f"{ENVIRONMENTS}/{made['id']}/logs")["logs"]


def test_the_clock_ends_passing_states() -> None:
    caller = world(transitions="clock")
    made = create(caller)
    for seconds, state in ((BUILD - 1, "building"), (1, "provisioning"), (PROVISION - 1, "provisioning"), (1, "ready")):
        assert caller.get(f"{ENVIRONMENTS}/{made['id']}/logs")["logs"] == ""
        wait(caller, seconds)
        assert state_of(caller, made) == state


def test_somebody_ends_passing_states() -> None:
    caller = world(transitions="manual")
    made = create(caller)
    wait(caller, 100 * HOUR)
    for before, after in (("building", "provisioning"), ("provisioning", "ready")):
        assert state_of(caller, made) == before
        (moved,) = done(admin(caller.app, "POST", "/transitions", {"provider": "dreadnode", "kind": "environments"}))[
            "moved"
        ]
        assert (moved["id"], moved["from"], moved["to"]) == (made["id"], before, after)


OUTCOMES = {"build_failed": "task build failed: ", "provision_failed": "BadGatewayError: "}


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("transitions", ["immediate", "clock"])
def test_what_fails_says_why(outcome: str, transitions: str) -> None:
    """It has no sandbox, no logs, and can be torn down."""
    caller = world(transitions=transitions)
    before = caller.states()
    made = create(caller, prefer=f"outcome={outcome}")
    assert made["state"] == "building"
    wait(caller, BUILD + PROVISION)
    assert state_of(caller, made) == "failed"
    assert caller.get(f"{ENVIRONMENTS}/{made['id']}")["error"].startswith(OUTCOMES[outcome])
    assert sum(caller.states().values()) == sum(before.values())
    caller.refused("GET", f"{ENVIRONMENTS}/{made['id']}/logs", 404)
    caller.ask("DELETE", f"{ENVIRONMENTS}/{made['id']}", status=204)
    assert state_of(caller, made) == "torn_down"


def test_somebody_lets_it_fail() -> None:
    caller = world(transitions="manual")
    made = create(caller)
    asked = {"provider": "dreadnode", "kind": "environments", "id": made["id"], "outcome": "build_failed"}
    (moved,) = done(admin(caller.app, "POST", "/transitions", asked))["moved"]
    assert moved["to"] == "failed"
    assert state_of(caller, made) == "failed"
    caller.ask("DELETE", f"{ENVIRONMENTS}/{made['id']}", status=204)
    assert caller.sandboxes()[0]["state"] == "killed"


@pytest.mark.parametrize("by", ["environment", "sandbox"])
@pytest.mark.parametrize("transitions", ["immediate", "clock"])
def test_it_ends_with_its_sandbox(by: str, transitions: str) -> None:
    """Whichever of the two is deleted, ready or not, the other goes with it; a second time changes nothing."""
    caller = world(transitions=transitions)
    made, sandbox = create(caller), caller.sandboxes()[0]
    paths = {"environment": f"{ENVIRONMENTS}/{made['id']}", "sandbox": f"{SANDBOXES}/{sandbox['provider_sandbox_id']}"}
    caller.ask("DELETE", paths[by], status=204)
    assert state_of(caller, made) == "torn_down"
    after = caller.get(paths["sandbox"])
    assert after["state"] == "killed"
    caller.refused("GET", f"{paths['environment']}/logs", 404)
    wait(caller, 2 * HOUR)
    for path in paths.values():
        caller.ask("DELETE", path, status=204)
    assert state_of(caller, made) == "torn_down"
    assert caller.get(paths["sandbox"]) == after


def test_it_expires_with_its_sandbox() -> None:
    caller = world()
    made = create(caller, timeout_sec=600)
    wait(caller, 599)
    assert (state_of(caller, made), caller.sandboxes()[0]["state"]) == ("ready", "running")
    wait(caller, 2)
    assert (state_of(caller, made), caller.sandboxes()[0]["state"]) == ("paused", "paused")
    caller.ask("DELETE", f"{ENVIRONMENTS}/{made['id']}", status=204)
    assert (state_of(caller, made), caller.sandboxes()[0]["state"]) == ("torn_down", "killed")


def test_the_list_is_numbered() -> None:
    """Newest first; `state` is repeated, and commas are no way to say several."""
    caller = world(size=5)
    made = []
    for number in range(5):
        wait(caller, 1)
        made.append(create(caller, prefer="outcome=build_failed" if number % 2 else "")["id"])
    found = []
    for page in (1, 2, 3):
        value = caller.get(f"{ENVIRONMENTS}?limit=2&page={page}")
        assert (value["has_next"], value["total"], value["limit"]) == (page < 3, 5, 2)
        found += [each["id"] for each in value["environments"]]
    assert found == made[::-1]
    assert caller.get(f"{ENVIRONMENTS}?page={10**30}")["environments"] == []
    both = caller.get(f"{ENVIRONMENTS}?state=ready&state=failed")["environments"]
    assert [each["id"] for each in both] == found
    failed = caller.get(f"{ENVIRONMENTS}?state=failed")["environments"]
    assert [each["id"] for each in failed] == [made[3], made[1]]
    caller.refused("GET", f"{ENVIRONMENTS}?state=ready,failed", 422)
    for query in ("page=0", "limit=0", "limit=201"):
        caller.refused("GET", f"{ENVIRONMENTS}?{query}", 422)
    assert caller.get("/org/acme/ws/research/environments")["environments"] == []


@pytest.mark.parametrize(
    ("body", "status", "places"),
    [
        ({}, 422, ["task_ref"]),
        ({"task_ref": "a/b/c"}, 422, ["task_ref"]),
        ({"task_ref": "", "timeout_sec": 59}, 422, ["task_ref", "timeout_sec"]),
        ({"task_ref": "x", "timeout_sec": 72 * HOUR + 1}, 422, ["timeout_sec"]),
        ({"task_ref": "x", "inputs": [], "model_overrides": {"blue": 1}}, 422, ["inputs", "model_overrides.blue"]),
        ({"task_ref": "x", "project_id": "nope"}, 422, ["project_id"]),
        ({"task_ref": "x", "project_id": "00000000-0000-4000-8000-000000000000"}, 404, []),
        ({"task_ref": "globex/x"}, 404, []),
    ],
    ids=str,
)
def test_an_environment_that_cannot_be(body: Row, status: int, places: list[str]) -> None:
    """All issues at once, and nothing is there afterwards."""
    caller = world(size=5)
    before = caller.states()
    problem = caller.refused("POST", ENVIRONMENTS, status, body)
    found = [".".join(map(str, each["loc"][1:])) for each in problem.get("errors", ())]
    assert sorted(found) == places
    assert caller.get(ENVIRONMENTS)["total"] == 0
    assert caller.states() == before


def test_only_whoever_made_it_tears_it_down() -> None:
    caller = world(size=5)
    member = Caller(caller.app, "member")
    made = create(member)
    assert state_of(caller, made) == "ready"
    caller.refused("DELETE", f"{ENVIRONMENTS}/{made['id']}", 403)
    assert state_of(member, made) == "ready"
    for workspace in ("/org/acme/ws/research", "/org/globex/ws/main"):
        for method, tail in (("GET", ""), ("GET", "/status"), ("GET", "/logs"), ("DELETE", "")):
            caller.refused(method, f"{workspace}/environments/{made['id']}{tail}", 404)


def test_a_creation_whose_answer_is_lost_has_taken_effect() -> None:
    caller = world(size=5)
    caller.ask("POST", ENVIRONMENTS, {"task_ref": "x"}, 504, prefer="code=504, phase=before")
    assert caller.get(ENVIRONMENTS)["total"] == 0
    caller.ask("POST", ENVIRONMENTS, {"task_ref": "x"}, 504, prefer="code=504, phase=after")
    assert [each["state"] for each in caller.get(ENVIRONMENTS)["environments"]] == ["ready"]
