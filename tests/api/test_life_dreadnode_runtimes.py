"""Dreadnode's runtimes live: ensured, started, paused, resumed, extended and reset, as their sandboxes do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from fakeserver.instants import instant
from tests.support.admin import SECOND, admin, done
from tests.support.asgi import Row
from tests.support.dreadnode import RUNTIMES, SANDBOXES, WORKSPACE, Caller, ensured, started, wait, world

HOUR = 3_600
DAYS = 72 * HOUR
"""The longest session."""
DOCKER = {"build": {"provider": "docker"}}


def member_of(caller: Caller) -> Caller:
    return Caller(caller.app, "member")


def own_sandbox(caller: Caller, key: str = "mine") -> Row:
    """The sandbox of a runtime, as the ledger has it."""
    instance = caller.get(f"{RUNTIMES}/{key}")["instance"]
    found: Row = caller.get(f"{SANDBOXES}/{instance['provider_sandbox_id']}")
    return found


# Ensuring


def test_ensuring_twice_makes_one() -> None:
    caller = world(size=5)
    first = ensured(caller, description="One")
    assert (first["created"], first["status"], first["instance"]) == (True, "idle", None)
    assert (first["owned_by_me"], first["supports_pause"], first["materialization_stale"]) == (True, True, False)
    again = ensured(caller, description="Other")
    assert again == {**first, "created": False}
    assert [each["id"] for each in caller.get(RUNTIMES)["items"]] == [first["id"]]
    del first["created"]
    assert caller.get(f"{RUNTIMES}/mine") == caller.get(f"{RUNTIMES}/{first['id']}") == first


def test_without_a_key_the_projects_own_is_meant() -> None:
    """A colleague gets another one, with a number behind the project's key."""
    caller = world(size=5)
    project = caller.get(f"{WORKSPACE}/projects")[1]
    first = caller.post(RUNTIMES, {"project": project["key"]})
    assert (first["key"], first["project_id"]) == (project["key"], project["id"])
    assert caller.post(RUNTIMES, {"project": project["id"].upper()})["id"] == first["id"]
    other = member_of(caller).post(RUNTIMES, {"project": project["key"]})
    assert (other["key"], other["created"]) == (f"{project['key']}-2", True)
    assert member_of(caller).post(RUNTIMES, {"project": project["key"]})["id"] == other["id"]
    assert caller.get(f"{WORKSPACE}/projects/{project['key']}")["runtime_count"] == 2


def test_of_several_the_one_that_runs_is_meant() -> None:
    """Then one that is paused, then the one with the project's key."""
    caller = world(size=5)
    project = {"project": caller.get(f"{WORKSPACE}/projects")[0]["key"]}
    keyed = caller.post(RUNTIMES, project)["id"]
    other = ensured(caller, "other", **project)["id"]
    third = ensured(caller, "third", **project)["id"]
    assert caller.post(RUNTIMES, project)["id"] == keyed
    caller.post(f"{RUNTIMES}/other/start")
    caller.post(f"{RUNTIMES}/other/pause")
    assert caller.post(RUNTIMES, project)["id"] == other
    caller.post(f"{RUNTIMES}/third/start")
    assert caller.post(RUNTIMES, project)["id"] == third


def test_without_a_project_it_is_the_workspaces_default() -> None:
    caller = world(size=5)
    default = next(each for each in caller.get(f"{WORKSPACE}/projects") if each["is_default"])
    assert ensured(caller)["project_id"] == default["id"]
    problem = caller.refused("POST", RUNTIMES, 422, {"requested_runtime_limit_seconds": DAYS + 1})
    assert [each["loc"] for each in problem["errors"]] == [
        ["body", "requested_runtime_limit_seconds"],
        ["body", "key"],
        ["body", "name"],
    ]


def test_what_differs_is_a_conflict() -> None:
    """Ensuring changes nothing: another configuration or project, or a colleague's key, is refused."""
    caller = world(size=5)
    first = ensured(caller, config={"resources": {"cpu_cores": 4}})
    assert not ensured(caller)["created"]
    assert not ensured(caller, config={"resources": {"cpu_cores": 4, "memory_mb": 2048}, "version": "v2"})["created"]
    other = caller.get(f"{WORKSPACE}/projects")[1]["key"]
    for body, kind in (({"config": {}}, "conflict_error"), ({"project": other}, "conflict_error")):
        assert caller.refused("POST", RUNTIMES, 409, {"key": "mine", "name": "Mine", **body})["type"] == kind
    problem = member_of(caller).refused("POST", RUNTIMES, 409, {"key": "mine", "name": "Mine"})
    assert problem["type"] == "already_exists_error"
    assert caller.get(f"{RUNTIMES}/mine")["updated_at"] == first["updated_at"]


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({"project": "nowhere"}, None),
        ({"key": "Has Spaces", "name": ""}, ["key", "name"]),
        ({"key": "k", "name": "x" * 101, "description": "x" * 501}, ["name", "description"]),
        ({"key": "k", "name": "n", "requested_runtime_limit_seconds": 59}, ["requested_runtime_limit_seconds"]),
        ({"key": "k", "name": "n", "config": {"version": "v1"}}, ["config.version"]),
        ({"key": "k", "name": "n", "config": {"resources": {"cpu_cores": 33, "memory_mb": 511}}},
         ["config.resources.cpu_cores", "config.resources.memory_mb"]),
        ({"key": "k", "name": "n", "config": {"build": {"provider": "opensandbox"}}}, ["config.build.provider"]),
        ({"key": "k", "name": "n", "config": {"capabilities": [{"name": "a"}, {"name": "a"}]}},
         ["config.capabilities.1.name"]),
        ({"key": "k", "name": "n", "config": {"sandbox": {"exposed_ports": [0], "timeout_seconds": 59}}},
         ["config.sandbox.exposed_ports.0", "config.sandbox.timeout_seconds"]),
        ({"key": "k", "name": "n", "config": {"sandbox": {"timeout_seconds": DAYS + 1}}},
         ["config.sandbox.timeout_seconds"]),
        ({"key": "k", "name": "n", "config": {"sandbox": {"egress": {"deny": []}}}}, ["config.sandbox.egress.deny"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_runtime_that_cannot_be(body: Row, places: list[str] | None) -> None:
    """All issues at once, and nothing is there afterwards; a project that is not there is a 404."""
    caller = world(size=5)
    problem = caller.refused("POST", RUNTIMES, 404 if places is None else 422, body)
    found = [".".join(map(str, each["loc"][1:])) for each in problem.get("errors", ())]
    assert sorted(found) == sorted(places or ())
    assert caller.get(RUNTIMES)["items"] == []


@pytest.mark.parametrize(
    ("target", "stored"),
    [
        ("Target.Example.com", "target.example.com"),
        ("*.internal.corp", "*.internal.corp"),
        ("10.20.0.0/16", "10.20.0.0/16"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("tcp://target.example.com:443", "tcp://target.example.com:443"),
        *((bad, None) for bad in ("*", "https://x.example", "single", "10.20.0.1/16", "", "*.com", "a b.example")),
        *((bad, None) for bad in ("tcp://x.example", "tcp://x.example:0", "tcp://10.0.0.0/8:1", "x.example/path")),
    ],
)
def test_targets_of_the_network(target: str, stored: str | None) -> None:
    """What the SDK's own grammar (`packaging/egress.py`) takes is taken, and nothing else."""
    caller = world(size=5)
    body = {"key": "mine", "name": "Mine", "config": {"sandbox": {"egress": {"allow": [target]}}}}
    if stored is None:
        problem = caller.refused("POST", RUNTIMES, 422, body)
        assert problem["errors"][0]["loc"] == ["body", "config", "sandbox", "egress", "allow", 0]
        return
    caller.post(RUNTIMES, body)
    assert caller.get(f"{RUNTIMES}/mine/config")["config"]["sandbox"]["egress"] == {"allow": [stored]}


# Configuration


def test_a_configuration_has_all_defaults() -> None:
    """And none where the network is not spoken of, which is not the same as a network without targets."""
    caller = world(size=5)
    first = ensured(caller)
    shown = caller.get(f"{RUNTIMES}/mine/config")
    assert (shown["runtime_id"], shown["config_digest"]) == (first["id"], first["config_digest"])
    assert shown["config"]["resources"] == {"cpu_cores": 2, "memory_mb": 2048}
    assert shown["config"]["sandbox"]["egress"] is None
    config = {"sandbox": {"egress": {"allow": []}, "exposed_ports": [9, 8, 9]}, "metadata": {"labels": {"a": "b"}}}
    wait(caller, 5)
    after = caller.ask("PUT", f"{RUNTIMES}/mine/config", {"config": config})
    assert after == caller.get(f"{RUNTIMES}/mine/config")
    assert after["config"]["sandbox"] == {
        "timeout_seconds": None, "workspace_mount": True, "exposed_ports": [8, 9], "egress": {"allow": []},
    }  # fmt: skip
    assert after["config"]["metadata"] == config["metadata"]
    assert after["config_digest"] != first["config_digest"]
    assert instant(after["updated_at"]) == instant(first["updated_at"]) + 5 * SECOND
    caller.refused("PUT", f"{RUNTIMES}/mine/config", 422, {})
    assert caller.ask("PUT", f"{RUNTIMES}/mine/config", {"config": {}})["config_digest"] == first["config_digest"]


def test_a_running_sandbox_keeps_its_configuration() -> None:
    """Which the runtime says, until it is reset and started again."""
    caller = world(size=5)
    started(caller)
    caller.ask("PUT", f"{RUNTIMES}/mine/config", {"config": {"sandbox": {"timeout_seconds": 600}}})
    assert caller.post(f"{RUNTIMES}/mine/start")["materialization_stale"]
    caller.post(f"{RUNTIMES}/mine/reset")
    after = caller.post(f"{RUNTIMES}/mine/start")
    assert not after["materialization_stale"]
    assert after["instance"]["configured_runtime_limit_seconds"] == 600


# Living


def test_a_started_runtime_runs_when_the_call_answers() -> None:
    """Its sandbox stands in the ledger and is counted."""
    caller = world()
    before = caller.states()
    runtime = started(caller)
    assert (runtime["status"], runtime["instance"]["state"]) == ("running", "running")
    assert caller.states() == Counter(before) + Counter({"running": 1})
    newest = caller.sandboxes()[0]
    assert (newest["sandbox_kind"], newest["provider"]) == ("runtime", "e2b")
    for name in ("provider_sandbox_id", "expires_at", "state"):
        assert newest[name] == runtime["instance"][name]
    for name in ("project_id", "project_key", "project_name", "workspace_id", "workspace_key"):
        assert newest[name] == runtime[name]
    assert instant(newest["expires_at"]) == instant(newest["created_at"]) + HOUR * SECOND
    assert newest["provider_sandbox_id"] in runtime["instance"]["sandbox_url"]


def test_a_start_is_idempotent() -> None:
    """Also without a body; no second sandbox, and the same token, which no other answer has."""
    caller = world()
    first, before = started(caller), caller.states()
    again = caller.post(f"{RUNTIMES}/mine/start")
    assert again == {name: value for name, value in first.items() if name != "created"}
    assert caller.states() == before
    assert "sandbox_token" not in caller.get(f"{RUNTIMES}/mine")
    for verb in ("pause", "resume", "reset"):
        assert "sandbox_token" not in caller.post(f"{RUNTIMES}/mine/{verb}")
    assert caller.post(f"{RUNTIMES}/mine/start")["sandbox_token"] != first["sandbox_token"]


def test_a_start_whose_answer_is_lost_is_found_by_the_next() -> None:
    caller = world()
    ensured(caller)
    before = caller.states()
    caller.ask("POST", f"{RUNTIMES}/mine/start", {}, status=502, prefer="code=502, phase=before")
    assert caller.states() == before
    caller.ask("POST", f"{RUNTIMES}/mine/start", {}, status=504, prefer="code=504, phase=after")
    assert caller.states() == Counter(before) + Counter({"running": 1})
    caller.post(f"{RUNTIMES}/mine/start", {})
    assert caller.states() == Counter(before) + Counter({"running": 1})


def test_pause_and_resume() -> None:
    """Credits stop in between, and a new session begins with its own hour."""
    caller = world()
    started(caller)
    wait(caller, 1_000)
    paused = caller.post(f"{RUNTIMES}/mine/pause")
    assert (paused["status"], paused["instance"]["pause_reason"]) == ("paused", "user")
    spent = paused["instance"]["total_runtime_seconds"], paused["instance"]["estimated_total_credits"]
    assert spent == (1_000, 1_000 // 18)
    wait(caller, 10 * HOUR)
    assert caller.get(f"{RUNTIMES}/mine") == paused
    assert caller.post(f"{RUNTIMES}/mine/start")["status"] == "paused"
    resumed = caller.post(f"{RUNTIMES}/mine/resume")
    instance = resumed["instance"]
    assert (resumed["status"], instance["pause_reason"]) == ("running", None)
    assert instant(instance["expires_at"]) == instant(instance["last_started_at"]) + HOUR * SECOND
    wait(caller, 500)
    after = own_sandbox(caller)
    assert after["total_runtime_seconds"] == 1_500
    assert after["estimated_total_credits"] == after["billed_credits"] + after["running_credits"] == 1_500 // 18
    assert after["stopped_at"] is None


@pytest.mark.parametrize(
    ("before", "verbs"),
    [((), ("pause", "resume", "reset")), (("start",), ("resume",)), (("start", "pause"), ("pause",))],
    ids=str,
)
def test_what_does_not_fit_a_status_is_a_conflict(before: tuple[str, ...], verbs: tuple[str, ...]) -> None:
    caller = world(size=5)
    ensured(caller)
    for verb in before:
        caller.post(f"{RUNTIMES}/mine/{verb}")
    found = caller.get(f"{RUNTIMES}/mine")
    for verb in verbs:
        assert caller.refused("POST", f"{RUNTIMES}/mine/{verb}", 409)["type"] == "conflict_error"
    if found["status"] != "running":
        caller.refused("POST", f"{RUNTIMES}/mine/keepalive", 409, {"extend_seconds": 60})
    assert caller.get(f"{RUNTIMES}/mine") == found


def test_only_e2b_pauses() -> None:
    caller = world(size=5)
    runtime = started(caller, config=DOCKER)
    assert (runtime["supports_pause"], runtime["instance"]["provider"]) == (False, "docker")
    for verb in ("pause", "resume"):
        assert "docker" in caller.refused("POST", f"{RUNTIMES}/mine/{verb}", 409)["detail"]
    assert caller.post(f"{RUNTIMES}/mine/reset")["status"] == "idle"


def test_only_the_owner_changes_a_runtime() -> None:
    """Whoever administers the organization included; to read one is everybody's right."""
    caller = world(size=5)
    member = member_of(caller)
    runtime = started(member)
    seen = caller.get(f"{RUNTIMES}/mine")
    assert not seen["owned_by_me"]
    assert seen["created_by"] == member.get("/user")["id"] == runtime["created_by"]
    caller.get(f"{RUNTIMES}/mine/config")
    for verb in ("start", "pause", "resume", "reset"):
        assert caller.refused("POST", f"{RUNTIMES}/mine/{verb}", 403)["type"] == "forbidden_error"
    caller.refused("POST", f"{RUNTIMES}/mine/keepalive", 403, {"extend_seconds": 60})
    caller.refused("PUT", f"{RUNTIMES}/mine/config", 403, {"config": {}})
    assert member.get(f"{RUNTIMES}/mine")["status"] == "running"
    for path in ("/org/acme/ws/research/runtimes/mine", "/org/globex/ws/main/runtimes/mine"):
        caller.refused("GET", path, 404)


def test_a_runtime_is_idle_once_its_sandbox_is_gone() -> None:
    """By a reset, or by a deletion of the sandbox; the next start makes another one."""
    caller = world()
    runtime = started(caller)
    sandbox = f"{SANDBOXES}/{runtime['instance']['provider_sandbox_id']}"
    caller.ask("DELETE", sandbox, status=204)
    assert (caller.get(f"{RUNTIMES}/mine")["status"], caller.get(f"{RUNTIMES}/mine")["instance"]) == ("idle", None)
    assert caller.get(sandbox)["state"] == "killed"
    again = caller.post(f"{RUNTIMES}/mine/start")
    assert again["instance"]["provider_sandbox_id"] != runtime["instance"]["provider_sandbox_id"]
    caller.post(f"{RUNTIMES}/mine/pause")
    after = caller.post(f"{RUNTIMES}/mine/reset")
    assert (after["status"], after["id"], after["key"]) == ("idle", runtime["id"], "mine")
    assert [row["state"] for row in caller.sandboxes()[:2]] == ["killed", "killed"]


@pytest.mark.parametrize(("config", "status", "state"), [({}, "paused", "paused"), (DOCKER, "idle", "killed")])
def test_a_session_ends_by_itself(config: Row, status: str, state: str) -> None:
    """At its expiry and not before, for what is paused by a timeout on e2b, and killed elsewhere."""
    caller = world()
    runtime = started(caller, config=config)
    path = f"{SANDBOXES}/{runtime['instance']['provider_sandbox_id']}"
    wait(caller, HOUR - 1)
    assert caller.get(f"{RUNTIMES}/mine")["status"] == "running"
    wait(caller, 2)
    assert caller.get(f"{RUNTIMES}/mine")["status"] == status
    after = caller.get(path)
    assert (after["state"], after["pause_reason"]) == (state, "timeout" if state == "paused" else None)
    assert (after["stopped_at"], after["total_runtime_seconds"]) == (after["expires_at"], HOUR)
    assert caller.get(f"{RUNTIMES}?state={status}")["items"][0]["id"] == runtime["id"]
    assert caller.get(f"{RUNTIMES}?state=running")["items"] == []


def test_a_session_is_extended_up_to_the_longest() -> None:
    caller = world()
    runtime = started(caller, requested_runtime_limit_seconds=DAYS - 100)
    began = instant(runtime["instance"]["last_started_at"])
    for extension, lasts in ((60, DAYS - 40), (3_600, DAYS), (60, DAYS)):
        answer = caller.post(f"{RUNTIMES}/mine/keepalive", {"extend_seconds": extension})
        assert instant(answer["expires_at"]) == began + lasts * SECOND
        assert own_sandbox(caller)["expires_at"] == answer["expires_at"]
    for seconds in (59, 3_601, "60", None):
        caller.refused("POST", f"{RUNTIMES}/mine/keepalive", 422, {"extend_seconds": seconds})
    wait(caller, DAYS - 1)
    assert caller.get(f"{RUNTIMES}/mine")["status"] == "running"
    wait(caller, 2)
    assert caller.get(f"{RUNTIMES}/mine")["status"] == "paused"


@pytest.mark.parametrize(
    ("ensuring", "starting", "seconds", "level"),
    [
        ({}, {}, HOUR, "l1_platform_default"),
        ({"config": {"sandbox": {"timeout_seconds": 120}}}, {}, 120, "l4_requested"),
        (
            {"config": {"sandbox": {"timeout_seconds": 120}}, "requested_runtime_limit_seconds": 90},
            {},
            90,
            "l4_requested",
        ),
        ({"requested_runtime_limit_seconds": 90}, {"requested_runtime_limit_seconds": 7_200}, 7_200, "l4_requested"),
    ],
    ids=str,
)
def test_the_limit_that_counts(ensuring: Row, starting: Row, seconds: int, level: str) -> None:
    caller = world(size=5)
    ensured(caller, **ensuring)
    instance = caller.post(f"{RUNTIMES}/mine/start", starting)["instance"]
    assert instance["configured_runtime_limit_seconds"] == seconds
    assert instance["configured_runtime_limit_source_level"] == level
    assert instant(instance["expires_at"]) == instant(instance["last_started_at"]) + seconds * SECOND


@pytest.mark.parametrize("seconds", [59, DAYS + 1])
def test_a_limit_out_of_bounds(seconds: int) -> None:
    caller = world(size=5)
    ensured(caller)
    body = {"requested_runtime_limit_seconds": seconds, "secret_ids": ["nope"]}
    places = [each["loc"] for each in caller.refused("POST", f"{RUNTIMES}/mine/start", 422, body)["errors"]]
    assert ["body", "secret_ids", 0] in places
    assert caller.get(f"{RUNTIMES}/mine")["status"] == "idle"


# The list


def walked(caller: Caller, query: str = "") -> list[Row]:
    found, cursor = list[Row](), ""
    while True:
        page = caller.get(f"{RUNTIMES}?limit=2{query}{cursor}")
        assert len(page["items"]) <= 2
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_the_list_is_walked_and_filtered() -> None:
    """Newest first, whoever owns them; by status, project and owner, in every combination."""
    caller = world(size=5)
    projects = caller.get(f"{WORKSPACE}/projects")
    made = []
    for number in range(7):
        wait(caller, 1)
        who = caller if number % 3 else member_of(caller)
        made.append(ensured(who, f"r{number}", project=projects[number % 2]["key"])["id"])
        for verb in ("start", "pause")[: number % 4]:
            who.post(f"{RUNTIMES}/r{number}/{verb}")
    every = walked(caller)
    assert [each["id"] for each in every] == made[::-1]
    assert Counter(each["status"] for each in every) == {"idle": 2, "running": 2, "paused": 3}
    for states in ("", "idle", "running,paused", "idle&state=paused"):
        for project in (None, projects[0]["id"]):
            for owner in (None, "me"):
                query = f"&state={states}"
                query += f"&project_id={project}" if project else ""
                query += f"&owner={owner}" if owner else ""
                wanted = [word for word in states.replace("&state=", ",").split(",") if word]
                expected = [
                    each["id"]
                    for each in every
                    if (not wanted or each["status"] in wanted)
                    and project in (None, each["project_id"])
                    and (owner is None or each["owned_by_me"])
                ]
                assert [each["id"] for each in walked(caller, query)] == expected, query


@pytest.mark.parametrize(
    ("query", "status", "place"),
    [
        *(("state=killed", 422, "state"), ("owner=you", 422, "owner"), ("project_id=x", 422, "project_id")),
        *(("limit=0", 422, "limit"), ("limit=101", 422, "limit"), ("cursor=x", 400, None)),
    ],
)
def test_a_bad_question(query: str, status: int, place: str | None) -> None:
    problem = world(size=5).refused("GET", f"{RUNTIMES}?{query}", status)
    assert place is None or problem["errors"][0]["loc"][:2] == ["query", place]


def test_a_cursor_belongs_to_its_question() -> None:
    caller = world(size=5)
    for key in "abc":
        ensured(caller, key)
    cursor = caller.get(f"{RUNTIMES}?limit=1")["next_cursor"]
    assert len(caller.get(f"{RUNTIMES}?limit=1&cursor={cursor}")["items"]) == 1
    for query in (f"{RUNTIMES}?state=idle&cursor={cursor}", f"/org/acme/ws/research/runtimes?cursor={cursor}"):
        caller.refused("GET", query, 400)


@pytest.mark.parametrize("transitions", ["immediate", "clock", "manual"])
def test_no_runtime_passes_through_anything(transitions: str) -> None:
    """Whatever the setting: it runs when start answers, and nothing is left for anybody to end."""
    caller = world(size=5, transitions=transitions)
    assert started(caller)["status"] == "running"
    assert done(admin(caller.app, "POST", "/transitions", {"provider": "dreadnode"})) == {"moved": []}
    assert caller.post(f"{RUNTIMES}/mine/pause")["status"] == "paused"
    assert caller.post(f"{RUNTIMES}/mine/resume")["status"] == "running"


def test_documents_that_somebody_puts_in_leave_no_runtime_behind() -> None:
    """A runtime whose sandbox is not there any more is idle."""
    caller = world(size=5)
    started(caller)
    rows: list[Any] = caller.sandboxes()[1:]
    done(admin(caller.app, "PUT", "/documents/dreadnode/acme", rows))
    assert caller.get(f"{RUNTIMES}/mine")["status"] == "idle"
    assert caller.post(f"{RUNTIMES}/mine/start")["status"] == "running"
