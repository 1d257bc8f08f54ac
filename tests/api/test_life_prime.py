"""Prime's sandboxes from their creation to their end, over HTTP alone."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from fakeserver.instants import SECOND, instant
from fakeserver.providers.prime import batches
from fakeserver.serving.app import App
from tests.support.admin import admin, done, small_app
from tests.support.asgi import Reply, Row, call, credential, resolved, rows, schema_of, served

ROOT = "/api/v1/sandbox"
JSON = {"content-type": "application/json"}
WISH: Row = {"name": "mine", "docker_image": "python:3.11-slim", "vm": True}
TEAM = {**WISH, "team_id": "research"}
CONTAINER = {**WISH, "vm": False}
OPERATIONS = [
    (method, path, operation)
    for method, path, operation in served("prime")
    if operation["tags"] == ["observed"] and path.startswith(ROOT)
]


@pytest.fixture
def app() -> App:
    app = small_app()
    done(admin(app, "PUT", "/clock", {"action": "freeze"}))
    return app


def ask(
    app: App, method: str, path: str = "", body: Any = None, *, who: str = "admin", ns: str = "", **headers: str
) -> Reply:
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    root = f"/ns/{ns}/prime" if ns else "/prime"
    return call(app, f"{root}{ROOT}{path}", method=method, headers=credential("prime", who) | JSON | headers, body=raw)


def create(app: App, wish: Row = WISH, *, who: str = "admin", outcome: str = "", **more: Any) -> Row:
    headers = {"prefer": f"outcome={outcome}"} if outcome else {}
    reply = ask(app, "POST", "", wish | more, who=who, **headers)
    assert reply.status == 201, reply.body
    found: Row = reply.value
    return found


def look(app: App, identity: str, who: str = "admin") -> Row:
    reply = ask(app, "GET", f"/{identity}", who=who)
    assert reply.status == 200, reply.body
    found: Row = reply.value
    return found


def listed(app: App, query: str = "", who: str = "admin") -> list[Row]:
    return rows("prime", ask(app, "GET", f"?per_page=1000{query}", who=who))


def advance(app: App, seconds: float) -> None:
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": seconds}))


def set_mode(app: App, mode: str) -> None:
    done(admin(app, "PUT", "/settings", {"transitions": mode}))


def seeded(app: App, status: str, *, vm: bool | None = None, who: str = "admin") -> Row:
    return next(row for row in listed(app, f"&status={status}", who) if vm is None or row.get("vm") is vm)


def detail(reply: Reply, status: int) -> Any:
    assert reply.status == status, reply.body
    return reply.value["detail"]


def fields(reply: Reply) -> set[str]:
    """The places that a 422 blames, behind `body`."""
    return {".".join(map(str, each["loc"][1:])) for each in detail(reply, 422)}


# The way of a sandbox


def test_the_answer_shows_the_first_state_and_everybody_after_it_the_last(app: App) -> None:
    made = create(app)
    assert (made["status"], made["startedAt"], made["kubernetesJobId"]) == ("PENDING", None, None)
    for who in ("admin", "admin"):
        found = look(app, made["id"], who)
        assert (found["status"], found["startedAt"]) == ("RUNNING", made["createdAt"])
        assert found["kubernetesJobId"]
    assert listed(app)[0] == found
    assert listed(app, "&status=PENDING&labels=nobody") == []


def test_a_sandbox_is_paused_resumed_and_deleted(app: App) -> None:
    made = create(app)
    path = f"/{made['id']}"
    paused = ask(app, "POST", f"{path}/pause")
    assert (paused.status, paused.value["status"], look(app, made["id"])["status"]) == (200, "RUNNING", "PAUSED")
    resumed = ask(app, "POST", f"{path}/resume")
    assert (resumed.status, resumed.value["status"], look(app, made["id"])["status"]) == (200, "PAUSED", "RUNNING")
    deleted = ask(app, "DELETE", path)
    assert (deleted.status, deleted.value["success"]) == (200, True)
    ended = look(app, made["id"])
    assert (ended["status"], ended["errorType"]) == ("TERMINATED", None)
    assert ended["terminatedAt"] is not None
    assert ended in listed(app)
    assert ended not in listed(app, "&is_active=true")
    again = ask(app, "DELETE", path)
    assert (again.status, again.value["success"], look(app, made["id"])) == (200, True, ended)


def test_every_answer_is_as_the_spec_has_it(app: App) -> None:
    """Each operation, done well, answers with its first status and a body that fits the schema."""
    vm, box = create(app)["id"], create(app, CONTAINER)["id"]
    exposure = ask(app, "POST", f"/{box}/expose", {"port": 8080, "protocol": "TCP"}).value["exposure_id"]
    bodies: dict[str, Any] = {
        "createSandbox": WISH,
        "deleteSandboxes": {"sandbox_ids": ["nobody"]},
        "getSandboxStatuses": {"sandbox_ids": [vm, "nobody"]},
        "getBackgroundJobStatuses": {"jobs": [{"sandbox_id": vm, "job_id": "0123abcd"}]},
        "exposePort": {"port": 3000, "name": "web"},
        "putEgressPolicy": {"allowlist": ["packages.example.org"], "denylist": None},
    }
    order = ["pauseSandbox", "resumeSandbox", "unexposePort", "deleteSandbox"]
    for method, path, operation in sorted(
        OPERATIONS, key=lambda each: order.index(each[2]["operationId"]) if each[2]["operationId"] in order else -1
    ):
        name = operation["operationId"]
        own = box if "xpose" in name else vm
        place = path.removeprefix(ROOT).format(sandbox_id=own, exposure_id=exposure)
        reply = ask(app, method, place, bodies.get(name))
        status, response = next(iter(operation["responses"].items()))
        assert reply.status == int(status), (name, reply.body)
        schema = resolved("prime", response)["content"]["application/json"]["schema"]
        Draft202012Validator(schema_of("prime", schema), validate_formats=True).validate(reply.value)


def test_what_was_wished_for_is_what_is_there(app: App) -> None:
    wish = {
        **WISH,
        "start_command": {"executable": "sleep", "args": ["9"]},
        "cpu_cores": 2.5,
        "memory_gb": 8,
        "disk_size_gb": 20,
        "gpu_count": 1,
        "gpu_type": "H100_80GB",
        "timeout_minutes": -1,
        "idle_timeout_minutes": 30,
        "environment_vars": {"CI": "true"},
        "secrets": {"TOKEN": "hush"},
        "labels": ["a", "b,c"],
        "advanced_configs": {"any": [1]},
        "region": "us",
        "network_denylist": ["Evil.Example", "10.1.2.3"],
        "surprise": 1,
    }
    made = create(app, wish)
    shown = {
        "startCommand": {"executable": "sleep", "args": ["9"]},
        "cpuCores": 2.5,
        "gpuType": "H100_80GB",
        "timeoutMinutes": -1,
        "idleTimeoutMinutes": 30,
        "environmentVars": {"CI": "true"},
        "secrets": {"TOKEN": "********"},
        "labels": ["a", "b,c"],
        "advancedConfigs": {"any": [1]},
        "networkDenylist": ["evil.example", "10.1.2.3/32"],
        "userId": "user_admin",
        "teamId": None,
    }
    assert {name: made[name] for name in shown} == shown
    assert "surprise" not in made
    assert "hush" not in json.dumps(done(admin(app, "GET", "/snapshot")))
    assert [row["id"] for row in listed(app, "&labels=b,c&labels=a")][:1] == [made["id"]]


def test_defaults_are_those_of_the_provider(app: App) -> None:
    made = create(app, {"name": "x", "docker_image": "y"})
    assert (made["cpuCores"], made["memoryGB"], made["diskSizeGB"], made["timeoutMinutes"]) == (1, 2, 10, 60)
    assert (made["vm"], made["networkAccess"], made["gpuCount"], made["labels"]) == (False, True, 0, [])
    assert not made.keys() & {"networkAllowlist", "secrets", "idleTimeoutMinutes"}


def test_a_new_sandbox_has_what_it_was_wished_for_with_under_the_switch(app: App) -> None:
    """Seeded sandboxes draw the newest fields; one that somebody made has them as they were asked for."""
    done(admin(app, "PUT", "/settings", {"switches": {"prime": {"fields": "sdk"}}}))
    for _ in range(20):
        made = create(app, CONTAINER)
        found = look(app, made["id"])
        assert found == next(row for row in listed(app) if row["id"] == made["id"])
        assert (found["secrets"], found["idleTimeoutMinutes"], found["terminationReason"]) == (None, None, None)
        assert made["pendingImageBuildId"] is None
    waiting = next(row for row in listed(app, "&status=PENDING"))
    (status,) = ask(app, "POST", "/status:batchGet", {"sandbox_ids": [waiting["id"]]}).value["statuses"]
    assert status["pending_image_build_id"] == waiting["pendingImageBuildId"]


# The same key again


def test_a_key_makes_one_sandbox(app: App) -> None:
    first = create(app, idempotency_key="k")
    again = create(app, idempotency_key="k", name="other")
    assert (again["id"], again["name"], again["status"]) == (first["id"], "mine", "RUNNING")
    assert create(app, idempotency_key="l")["id"] != first["id"]
    assert create(app)["id"] != create(app)["id"]
    ask(app, "DELETE", f"/{first['id']}")
    assert create(app, idempotency_key="k")["status"] == "TERMINATED"


def test_a_key_counts_in_one_account(app: App) -> None:
    made = [
        create(app, WISH, idempotency_key="k")["id"],
        create(app, TEAM, idempotency_key="k")["id"],
        create(app, WISH, who="member", idempotency_key="k")["id"],
        ask(app, "POST", "", {**WISH, "idempotency_key": "k"}, ns="other").value["id"],
    ]
    assert len({*made}) == 4


@pytest.mark.parametrize(("preference", "made"), [("code=503", 0), ("code=503, phase=after", 1)])
def test_a_retry_finds_what_a_lost_answer_made(app: App, preference: str, made: int) -> None:
    before = len(listed(app))
    wish = {**WISH, "idempotency_key": "k"}
    assert ask(app, "POST", "", wish, prefer=preference).status == 503
    assert len(listed(app)) == before + made
    create(app, wish)
    assert len(listed(app)) == before + 1


def test_an_effect_is_there_although_its_answer_failed(app: App) -> None:
    identity = create(app)["id"]
    for method, path, status in (("POST", "/pause", "PAUSED"), ("POST", "/resume", "RUNNING"), ("DELETE", "", None)):
        assert ask(app, method, f"/{identity}{path}", prefer="code=502, phase=after").status == 502
        assert look(app, identity)["status"] == (status or "TERMINATED")


# Refusals

BAD = [
    ({"name": None}, {"name"}),
    ({"name": ""}, {"name"}),
    ({"name": "n" * 101}, {"name"}),
    ({"docker_image": None}, {"docker_image"}),
    ({"docker_image": 7}, {"docker_image"}),
    ({"cpu_cores": 0}, {"cpu_cores"}),
    ({"cpu_cores": 16.1}, {"cpu_cores"}),
    ({"memory_gb": 65}, {"memory_gb"}),
    ({"disk_size_gb": 1_001}, {"disk_size_gb"}),
    ({"gpu_count": 9, "gpu_type": "H100_80GB"}, {"gpu_count"}),
    ({"gpu_count": 1}, {"gpu_type"}),
    ({"gpu_count": 1, "gpu_type": "H100_80GB", "vm": False}, {"vm"}),
    ({"gpu_type": "H100_80GB"}, {"gpu_count"}),
    ({"gpu_count": 1, "gpu_type": "ABACUS"}, {"gpu_type"}),
    ({"timeout_minutes": 0}, {"timeout_minutes"}),
    ({"timeout_minutes": 1_441}, {"timeout_minutes"}),
    ({"timeout_minutes": 10**30}, {"timeout_minutes"}),
    ({"timeout_minutes": 10, "idle_timeout_minutes": 11}, {"idle_timeout_minutes"}),
    ({"idle_timeout_minutes": 0}, {"idle_timeout_minutes"}),
    ({"start_command": "sleep 9"}, {"start_command"}),
    ({"start_command": {"executable": "x", "shell": True}}, {"start_command.shell"}),
    ({"environment_vars": {"A": 1}}, {"environment_vars.A"}),
    ({"labels": "a"}, {"labels"}),
    ({"idempotency_key": ""}, {"idempotency_key"}),
    ({"idempotency_key": "k" * 129}, {"idempotency_key"}),
    ({"guaranteed": True}, {"guaranteed"}),
    ({"registry_credentials_id": "r"}, {"registry_credentials_id"}),
    ({"network_allowlist": ["a.de"], "network_denylist": []}, {"network_denylist"}),
    ({"vm": False, "network_allowlist": []}, {"network_allowlist"}),
    ({"network_allowlist": ["https://a.de", "b.de", "a.*.de"]}, {"network_allowlist.0", "network_allowlist.2"}),
    ({"name": "", "gpu_count": -1, "vm": "yes"}, {"name", "gpu_count", "vm"}),
    ({"gpu_count": 1, "timeout_minutes": 0, "guaranteed": True}, {"gpu_type", "timeout_minutes", "guaranteed"}),
]


@pytest.mark.parametrize(
    ("change", "blamed"), BAD, ids=lambda each: str(sorted(each) if isinstance(each, set) else each)[:40]
)
def test_a_bad_wish_is_refused_by_all_its_fields(app: App, change: Row, blamed: set[str]) -> None:
    before = app.world.version
    wish = {name: value for name, value in {**WISH, **change}.items() if value is not None}
    assert fields(ask(app, "POST", "", wish)) == blamed
    assert app.world.version == before


def test_refusals_are_in_the_published_form_under_the_switch(app: App) -> None:
    done(admin(app, "PUT", "/settings", {"switches": {"prime": {"validation_errors": "published"}}}))
    reply = ask(app, "POST", "", {**WISH, "gpu_count": 1})
    assert (reply.status, [each["param"] for each in reply.value["errors"]]) == (422, ["gpu_type"])


def test_what_no_world_has_is_not_found(app: App) -> None:
    restored = {"name": "x", "checkpoint_id": "c", "vm": True}
    assert detail(ask(app, "POST", "", restored), 404) == "Checkpoint not found"
    assert "'v'" in detail(ask(app, "POST", "", {**WISH, "volumes": [{"name": "v", "mount_path": "/v"}]}), 404)


def test_states_refuse_what_does_not_fit(app: App) -> None:
    vm = create(app)["id"]
    assert "must be PAUSED" in detail(ask(app, "POST", f"/{vm}/resume"), 409)
    ask(app, "POST", f"/{vm}/pause")
    assert "must be RUNNING" in detail(ask(app, "POST", f"/{vm}/pause"), 409)
    ask(app, "DELETE", f"/{vm}")
    for verb in ("pause", "resume"):
        assert "TERMINATED" in detail(ask(app, "POST", f"/{vm}/{verb}"), 409)
    box = create(app, CONTAINER)["id"]
    for method, path, body in (
        ("POST", "pause", None),
        ("POST", "resume", None),
        ("GET", "egress-policy", None),
        ("PUT", "egress-policy", {}),
    ):
        assert "VM" in detail(ask(app, method, f"/{box}/{path}", body), 400)
    assert "VM" in detail(ask(app, "POST", f"/{create(app)['id']}/expose", {"port": 80}), 400)


@pytest.mark.parametrize("identity", ["nobody", "sbx" + "a" * 21, "%00", "%F0%9F%98%80", "x" * 5_000, "a%2Fb"])
def test_an_unknown_sandbox_is_not_found(app: App, identity: str) -> None:
    for method, path, operation in OPERATIONS:
        if "{sandbox_id}" in path:
            place = path.removeprefix(ROOT).format(sandbox_id=identity, exposure_id="e")
            body = {"port": 80} if operation["operationId"] == "exposePort" else {}
            assert detail(ask(app, method, place, body), 404) in ("Sandbox not found", "Not Found")


HOSTILE = [
    *(b"", b"{", b"[]", b"null", b'"x"', b"7", b"[" * 15_000, b'{"name":' * 5_000, b"\xff\xfe", b"{}x"),
    *(b'{"name": NaN}', b'{"name": "\\ud800"}', b'{"name": "\\u0000", "docker_image": "\\u0000"}'),
    b'{"name": "x", "docker_image": "y", "cpu_cores": 1e400}',
    b'{"name": "x", "docker_image": "y", "gpu_count": ' + b"9" * 30 + b"}",
    b'{"name": "x", "docker_image": "y", "labels": [' + b'"a",' * 50_000 + b'"a"]}',
    b'{"name": "x", "docker_image": "y", "advanced_configs": ' + b'{"a":' * 60 + b"1" + b"}" * 61,
    b'{"name": "x", "name": "y"}',
    b'{"sandbox_ids": [' + b'"a",' * 600 + b'"a"]}',
    b'{"sandbox_ids": [null, 1, {}]}',
    b'{"sandbox_ids": ["a", "a"]}',
    b'{"jobs": [{"sandbox_id": {}, "job_id": []}]}',
    b'{"port": 1e3, "name": "' + b"n" * 60 + b'", "protocol": "UDP"}',
    b'{"port": 99999999999999999999}',
    b'{"allowlist": ["' + b"a." * 5_000 + b'", "\\u0000", "::1", "1.2.3.4/99", "", "*", "xn--\\u00e9"]}',
    b'{"allowlist": {}, "denylist": 1}',
    b" " * (2**20 + 1),
]


@pytest.mark.parametrize(
    "body", HOSTILE, ids=lambda body: body[:40].decode("latin-1").encode("unicode_escape").decode()
)
def test_hostile_bodies_are_refused_in_the_dialect(app: App, body: bytes) -> None:
    """Whatever a body holds, an operation takes it or says what is wrong with it, and a refusal changes nothing."""
    identity = create(app)["id"]
    for method, path, _ in (each for each in OPERATIONS if "requestBody" in each[2]):
        before = app.world.version
        reply = ask(app, method, path.removeprefix(ROOT).format(sandbox_id=identity), body)
        assert reply.status < 500, (path, reply.body)
        assert reply.value
        if reply.status >= 400:
            assert reply.value.keys() == {"detail"}
            assert app.world.version == before
    assert ask(app, "GET").status == 200


# Accounts


def test_teams_share_what_they_see_and_not_what_they_may_do(app: App) -> None:
    mine, theirs = create(app, TEAM), create(app, TEAM, who="member")
    assert (mine["teamId"], mine["userId"], theirs["userId"]) == ("research", "user_admin", "user_member")
    assert look(app, mine["id"], "member")["status"] == "RUNNING"
    assert mine["id"] in {row["id"] for row in listed(app, "&team_id=research", "member")}
    assert mine["id"] not in {row["id"] for row in listed(app)}
    path = f"/{mine['id']}"
    for method, place, body in (
        ("POST", "/pause", None),
        ("POST", "/resume", None),
        ("POST", "/auth", None),
        ("POST", "/expose", {"port": 80}),
        ("PUT", "/egress-policy", {"denylist": []}),
        ("DELETE", "/expose/e", None),
        ("DELETE", "", None),
    ):
        assert "admin of its team" in detail(ask(app, method, path + place, body, who="member"), 403)
        assert detail(ask(app, method, path + place, body, who="outsider"), 404) == "Sandbox not found"
    assert ask(app, "DELETE", f"/{theirs['id']}").status == 200
    assert look(app, mine["id"])["status"] == "RUNNING"


@pytest.mark.parametrize("team", ["nobody", "main", "research"])
def test_a_team_that_one_is_not_in_is_refused(app: App, team: str) -> None:
    before = app.world.version
    reply = ask(app, "POST", "", {**WISH, "team_id": team}, who="outsider")
    assert detail(reply, 403) == "You are not a member of this team"
    assert app.world.version == before


def test_an_empty_team_is_the_personal_account(app: App) -> None:
    assert create(app, team_id="")["teamId"] is None


def test_without_a_credential_nothing_is_done(app: App) -> None:
    identity, before = create(app)["id"], app.world.version
    for method, path, _ in OPERATIONS:
        place = path.format(sandbox_id=identity, exposure_id="e")
        assert call(app, f"/prime{place}", method=method, headers=JSON, body=b"{}").status == 401
    assert app.world.version == before


# Many at once


def test_statuses_come_in_order_with_an_error_for_each_that_is_not_shown(app: App) -> None:
    mine, theirs = create(app)["id"], create(app, who="outsider")["id"]
    failed = create(app, outcome="error")["id"]
    reply = ask(app, "POST", "/status:batchGet", {"sandbox_ids": [failed, theirs, mine, "nobody"]})
    assert [(each["sandbox_id"], each["status"]) for each in reply.value["statuses"]] == [
        (failed, "ERROR"),
        (mine, "RUNNING"),
    ]
    assert reply.value["statuses"][0]["error_type"] == "OOM_KILLED"
    assert [(each["sandbox_id"], each["code"]) for each in reply.value["errors"]] == [
        (theirs, "FORBIDDEN"),
        ("nobody", "NOT_FOUND"),
    ]


@pytest.mark.parametrize("ids", [[], ["a", "a"], [str(number) for number in range(101)], None])
def test_statuses_are_asked_for_of_a_hundred_at_most(app: App, ids: Any) -> None:
    assert fields(ask(app, "POST", "/status:batchGet", {"sandbox_ids": ids})) == {"sandbox_ids"}


def test_background_jobs_are_told_apart_from_sandboxes(app: App) -> None:
    running, paused, box = create(app)["id"], create(app)["id"], create(app, CONTAINER)["id"]
    ask(app, "POST", f"/{paused}/pause")
    theirs = create(app, who="outsider")["id"]
    ids = [running, paused, box, theirs, "nobody"]
    jobs = [{"sandbox_id": identity, "job_id": "0123abCD"} for identity in ids]
    reply = ask(app, "POST", "/background-jobs/status:batchGet", {"jobs": jobs})
    assert reply.value["statuses"] == []
    assert [(each["sandbox_id"], each["job_id"], each["code"]) for each in reply.value["errors"]] == [
        (identity, "0123abCD", code)
        for identity, code in zip(ids, ["NOT_FOUND", "NOT_RUNNING", "NOT_VM", "FORBIDDEN", "NOT_FOUND"], strict=True)
    ]
    wrong = {"jobs": [{"sandbox_id": running, "job_id": "x"}]}
    assert fields(ask(app, "POST", "/background-jobs/status:batchGet", wrong)) == {"jobs.0.job_id"}


def test_many_are_deleted_by_their_ids(app: App) -> None:
    mine, team = create(app)["id"], create(app, TEAM)["id"]
    old = seeded(app, "TERMINATED")
    reply = ask(app, "DELETE", "", {"sandbox_ids": [mine, "nobody", team, mine, old["id"]]})
    assert reply.value["succeeded"] == [mine, team, old["id"]]
    assert reply.value["failed"] == [{"sandbox_id": "nobody", "error": "Sandbox not found"}]
    assert {look(app, identity)["status"] for identity in (mine, team)} == {"TERMINATED"}
    assert look(app, old["id"]) == old
    refused = ask(app, "DELETE", "", {"sandbox_ids": [create(app, TEAM)["id"]]}, who="member").value
    assert (refused["succeeded"], len(refused["failed"])) == ([], 1)
    assert "admin" in refused["failed"][0]["error"]


def test_many_are_deleted_by_labels(app: App) -> None:
    both, one = create(app, labels=["a", "b"])["id"], create(app, labels=["a"])["id"]
    reply = ask(app, "DELETE", "", {"labels": ["a", "b"]})
    assert reply.value["succeeded"] == [both]
    assert (look(app, both)["status"], look(app, one)["status"]) == ("TERMINATED", "RUNNING")
    assert ask(app, "DELETE", "", {"labels": ["a", "b"]}).value["succeeded"] == []


def test_a_scope_is_deleted_in_pieces(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, one request ends only so many, the newest."""
    monkeypatch.setattr(batches, "MOST_DELETED", 2)
    ids = []
    for _ in range(3):
        ids.append(create(app, labels=["l"])["id"])
        advance(app, 1)
    assert [ask(app, "DELETE", "", {"labels": ["l"]}).value["succeeded"] for _ in range(3)] == [
        [ids[2], ids[1]],
        [ids[0]],
        [],
    ]


def test_many_are_deleted_by_team_and_user(app: App) -> None:
    """Without a user the caller's own go; another's, or all, are for an admin of the team."""
    everybody = {row["id"]: row["userId"] for row in listed(app, "&team_id=research&is_active=true")}
    assert {"user_admin", "user_member"} < {*everybody.values()}
    for body in ({"all_users": True}, {"user_id": "user_admin"}):
        assert ask(app, "DELETE", "", {"team_id": "research", **body}, who="member").status == 403
    for body, users in (
        ({}, {"user_admin"}),
        ({"user_id": "user_member"}, {"user_member"}),
        ({"all_users": True}, {*everybody.values()} - {"user_admin", "user_member"}),
    ):
        gone = ask(app, "DELETE", "", {"team_id": "research", **body}).value["succeeded"]
        assert {*gone} == {identity for identity, user in everybody.items() if user in users}
    assert listed(app, "&team_id=research&is_active=true") == []
    assert listed(app, "&is_active=true")
    gone = ask(app, "DELETE", "", {"user_id": "user_admin"}).value["succeeded"]
    assert {row["userId"] for row in listed(app, "&is_active=true")} <= {None}
    assert gone


@pytest.mark.parametrize(
    ("body", "blamed"),
    [
        ({}, {"sandbox_ids"}),
        ({"all_users": False}, {"sandbox_ids"}),
        ({"all_users": True}, {"team_id"}),
        ({"user_id": "user_member"}, {"team_id"}),
        ({"sandbox_ids": ["a"], "labels": ["b"]}, {"labels"}),
        ({"team_id": "research", "user_id": "user_admin", "all_users": True}, {"user_id"}),
        ({"sandbox_ids": []}, {"sandbox_ids"}),
        ({"labels": ["l"] * 51}, {"labels"}),
        ({"sandbox_ids": ["i"] * 501}, {"sandbox_ids"}),
    ],
)
def test_a_scope_that_makes_no_sense_is_refused(app: App, body: Row, blamed: set[str]) -> None:
    before = app.world.version
    assert fields(ask(app, "DELETE", "", body)) == blamed
    assert app.world.version == before


# What turns out otherwise


@pytest.mark.parametrize(
    ("outcome", "status", "error"),
    [
        ("image_not_found", "ERROR", "IMAGE_PULL_FAILED"),
        ("error", "ERROR", "OOM_KILLED"),
        ("timeout", "TERMINATED", "TIMEOUT"),
        ("unreachable", "RUNNING", None),
    ],
)
def test_a_new_sandbox_turns_out_as_somebody_wants(app: App, outcome: str, status: str, error: str | None) -> None:
    made = create(app, outcome=outcome)
    assert made["status"] == "PENDING"
    found = look(app, made["id"])
    assert (found["status"], found["errorType"]) == (status, error)
    context = ask(app, "GET", f"/{made['id']}/error-context").value
    assert context == {name: found[name] for name in ("status", "errorType", "errorMessage")}
    assert (found["errorMessage"] is not None) is (error is not None)
    assert (found["terminatedAt"] is not None) is (status == "TERMINATED")


def test_a_pause_fails_with_a_message(app: App) -> None:
    identity = create(app)["id"]
    assert ask(app, "POST", f"/{identity}/pause", prefer="outcome=pause_failed").value["errorMessage"] is None
    found = look(app, identity)
    assert (found["status"], found["errorType"]) == ("RUNNING", None)
    assert "could not be paused" in found["errorMessage"]
    ask(app, "POST", f"/{identity}/pause")
    assert (look(app, identity)["status"], look(app, identity)["errorMessage"]) == ("PAUSED", None)


def test_a_resume_fails_with_a_message(app: App) -> None:
    identity = create(app)["id"]
    ask(app, "POST", f"/{identity}/pause")
    ask(app, "POST", f"/{identity}/resume", prefer="outcome=resume_failed")
    assert look(app, identity)["status"] == "PAUSED"
    assert "could not be resumed" in look(app, identity)["errorMessage"]
    ask(app, "POST", f"/{identity}/resume", prefer="outcome=lost")
    assert (look(app, identity)["status"], look(app, identity)["errorType"]) == ("ERROR", "SANDBOX_NOT_FOUND")
    assert "must be PAUSED" in detail(ask(app, "POST", f"/{identity}/resume"), 409)
    assert ask(app, "DELETE", f"/{identity}").status == 200


def test_scripts_and_credentials_say_how_things_turn_out_too(app: App) -> None:
    script = {"provider": "prime", "operation": "createSandbox", "outcome": "error", "times": 1}
    done(admin(app, "POST", "/faults", script))
    assert [look(app, create(app)["id"])["status"] for _ in range(2)] == ["ERROR", "RUNNING"]
    assert ask(app, "POST", "", WISH, prefer="outcome=pause_failed").status == 400


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=lambda each: str(each)[:20])
def test_every_documented_status_can_be_had(app: App, method: str, path: str, operation: Row) -> None:
    """An error on demand comes instead of the effect."""
    identity = create(app)["id"]
    place = path.removeprefix(ROOT).format(sandbox_id=identity, exposure_id="e")
    before = app.world.version
    for status in (int(code) for code in operation["responses"] if int(code) >= 400):
        reply = ask(app, method, place, WISH, prefer=f"code={status}")
        assert (reply.status, reply.headers["preference-applied"]) == (status, f"code={status}")
    assert app.world.version == before


# Time


def test_passing_states_last_as_long_as_the_table_says(app: App) -> None:
    set_mode(app, "clock")
    identity = create(app)["id"]
    way = [look(app, identity)["status"]]
    for _ in range(4):
        advance(app, 19.9)
        way.append(look(app, identity)["status"])
    assert way == ["PENDING", "PENDING", "PROVISIONING", "PROVISIONING", "RUNNING"]
    ask(app, "POST", f"/{identity}/pause")
    assert look(app, identity)["status"] == "RUNNING"
    assert "already pausing" in detail(ask(app, "POST", f"/{identity}/pause"), 409)
    advance(app, 5)
    assert look(app, identity)["status"] == "PAUSED"
    ask(app, "POST", f"/{identity}/resume")
    assert "already resuming" in detail(ask(app, "POST", f"/{identity}/resume"), 409)
    advance(app, 5)
    assert look(app, identity)["status"] == "RUNNING"


def test_passing_states_wait_for_somebody(app: App) -> None:
    set_mode(app, "manual")
    made = create(app)
    advance(app, 300)
    assert look(app, made["id"])["status"] == "PENDING"
    for status in ("PROVISIONING", "RUNNING"):
        done(admin(app, "POST", "/transitions", {"provider": "prime", "id": made["id"]}))
        assert look(app, made["id"])["status"] == status
    ask(app, "POST", f"/{made['id']}/pause")
    ending = {"provider": "prime", "id": made["id"], "outcome": "pause_failed"}
    done(admin(app, "POST", "/transitions", ending))
    assert "could not be paused" in look(app, made["id"])["errorMessage"]


@pytest.mark.parametrize("mode", ["immediate", "clock", "manual"])
def test_a_sandbox_can_be_deleted_whenever_it_is_there(app: App, mode: str) -> None:
    set_mode(app, mode)
    waiting = create(app)["id"]
    assert ask(app, "DELETE", f"/{waiting}").status == 200
    for status in ("PENDING", "PROVISIONING", "RUNNING", "PAUSED", "ERROR"):
        row = seeded(app, status)
        assert ask(app, "DELETE", f"/{row['id']}").status == 200
        found = look(app, row["id"])
        assert (found["status"], found["errorType"]) == ("TERMINATED", row["errorType"])
    assert look(app, waiting)["status"] == "TERMINATED"


def test_a_running_sandbox_ends_at_its_timeout(app: App) -> None:
    identity, endless = create(app, timeout_minutes=10)["id"], create(app, timeout_minutes=-1)["id"]
    advance(app, 599)
    assert look(app, identity)["status"] == "RUNNING"
    advance(app, 1)
    found = look(app, identity)
    assert (found["status"], found["errorType"]) == ("TERMINATED", "TIMEOUT")
    assert instant(found["terminatedAt"]) - instant(found["startedAt"]) == 600 * SECOND
    assert found in listed(app, "&status=TERMINATED")
    advance(app, 90 * 86_400)
    assert look(app, endless)["status"] == "RUNNING"


def test_time_in_which_it_is_paused_does_not_count(app: App) -> None:
    identity = create(app, timeout_minutes=10)["id"]
    advance(app, 540)
    ask(app, "POST", f"/{identity}/pause")
    advance(app, 7_200)
    assert look(app, identity)["status"] == "PAUSED"
    ask(app, "POST", f"/{identity}/resume")
    advance(app, 59)
    assert look(app, identity)["status"] == "RUNNING"
    advance(app, 1)
    assert look(app, identity)["errorType"] == "TIMEOUT"


def test_an_idle_sandbox_ends_sooner(app: App) -> None:
    identity = create(app, timeout_minutes=60, idle_timeout_minutes=5)["id"]
    advance(app, 240)
    ask(app, "POST", f"/{identity}/pause")
    ask(app, "POST", f"/{identity}/resume")
    advance(app, 299)
    assert look(app, identity)["status"] == "RUNNING"
    advance(app, 1)
    found = look(app, identity)
    assert (found["status"], found["errorType"]) == ("TERMINATED", "TIMEOUT")
    assert "idle" in found["errorMessage"]


def test_seeded_sandboxes_live_as_others_do(app: App) -> None:
    paused = seeded(app, "PAUSED")
    resumed = ask(app, "POST", f"/{paused['id']}/resume")
    assert (resumed.status, look(app, paused["id"])["status"]) == (200, "RUNNING")
    running = seeded(app, "RUNNING", vm=True)
    assert ask(app, "POST", f"/{running['id']}/pause").status == 200
    assert look(app, running["id"])["status"] == "PAUSED"
    advance(app, 1)
    assert look(app, running["id"])["status"] == "PAUSED"
    assert len(listed(app, "&status=PAUSED")) == len([row for row in listed(app) if row["status"] == "PAUSED"])


def test_totals_and_filters_follow(app: App) -> None:
    """After a lively hour every listing agrees with the rows that are there."""
    for number in range(6):
        identity = create(app, labels=[f"n{number % 2}"], timeout_minutes=20 + number * 20)["id"]
        if number % 3 == 0:
            ask(app, "POST", f"/{identity}/pause")
        advance(app, 600)
    whole = listed(app)
    assert len({row["id"] for row in whole}) == len(whole)
    for status in ("RUNNING", "PAUSED", "TERMINATED"):
        page = ask(app, "GET", f"?status={status}&labels=n0&per_page=1").value
        assert page["total"] == len([row for row in whole if row["status"] == status and row.get("labels") == ["n0"]])
    assert whole == sorted(whole, key=lambda row: (-instant(row["createdAt"]), row["id"]))


def test_a_snapshot_in_the_middle_goes_on_as_it_was(app: App) -> None:
    set_mode(app, "clock")
    waiting = create(app, idempotency_key="k")["id"]
    advance(app, 30)
    snapshot = done(admin(app, "GET", "/snapshot"))
    other = small_app()
    done(admin(other, "PUT", "/snapshot", snapshot))
    for each in (app, other):
        assert look(each, waiting)["status"] == "PROVISIONING"
        advance(each, 30)
        assert look(each, waiting)["status"] == "RUNNING"
        assert create(each, idempotency_key="k")["id"] == waiting
    done(admin(app, "POST", "/reset"))
    assert ask(app, "GET", f"/{waiting}").status == 404


# The gateway's token


def test_a_token_is_for_the_host_that_was_asked_and_for_the_clock_on_the_wall(app: App) -> None:
    identity = create(app)["id"]
    advance(app, 400 * 86_400)
    before = time.time_ns() // 1_000
    token = ask(app, "POST", f"/{identity}/auth", host="fake.test:4000").value
    assert token["gateway_url"] == "http://fake.test:4000/prime/gateway"
    assert token["job_id"] == look(app, identity)["kubernetesJobId"]
    left = instant(token["expires_at"]) - before
    assert 3_600 * SECOND <= left <= 3_660 * SECOND
    head, claims, signature = token["token"].split(".")
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"] == identity
    assert (head, len(signature)) == ("eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9", 43)
    assert signature not in json.dumps(done(admin(app, "GET", "/snapshot")))


def test_a_token_is_had_in_every_state_and_in_namespaces(app: App) -> None:
    for status in ("PENDING", "PAUSED", "TERMINATED"):
        row = seeded(app, status)
        assert ask(app, "POST", f"/{row['id']}/auth").status == 200
    identity = ask(app, "POST", "", WISH, ns="a").value["id"]
    token = ask(app, "POST", f"/{identity}/auth", ns="a", host="h").value
    assert token["gateway_url"] == "http://h/ns/a/prime/gateway"


def test_logs_tell_the_life_of_a_sandbox(app: App) -> None:
    identity = create(app, timeout_minutes=1)["id"]
    started = ask(app, "GET", f"/{identity}/logs").value["logs"]
    assert "python:3.11-slim" in started
    advance(app, 60)
    ended = ask(app, "GET", f"/{identity}/logs").value["logs"]
    assert ended.startswith(started)
    assert "terminated" in ended
    assert "timeout" in ended


# Exposed ports


def test_ports_are_exposed_and_hidden_again(app: App) -> None:
    box = create(app, CONTAINER)["id"]
    made = ask(app, "POST", f"/{box}/expose", {"port": 8080, "name": "web"}, host="h:1").value
    assert (made["port"], made["name"], made["protocol"], made["sandbox_id"]) == (8080, "web", "HTTP", box)
    assert made["url"].startswith("http://h:1/prime/")
    assert (made["external_port"], made["external_endpoint"]) == (None, None)
    tcp = ask(app, "POST", f"/{box}/expose", {"port": 22, "protocol": "TCP"}, host="h:1").value
    assert tcp["external_endpoint"] == f"h:{tcp['external_port']}"
    for path in (f"/{box}/expose", "/expose/all"):
        found = ask(app, "GET", path, host="h:1").value["exposures"]
        assert {each["exposure_id"] for each in found} == {made["exposure_id"], tcp["exposure_id"]}
        assert made.items() <= next(each for each in found if each["port"] == 8080).items()
    assert "already exposed" in detail(ask(app, "POST", f"/{box}/expose", {"port": 22}), 409)
    gone = ask(app, "DELETE", f"/{box}/expose/{made['exposure_id']}")
    assert (gone.status, gone.value["success"]) == (200, True)
    assert detail(ask(app, "DELETE", f"/{box}/expose/{made['exposure_id']}"), 404) == "Exposure not found"
    assert [each["port"] for each in ask(app, "GET", f"/{box}/expose").value["exposures"]] == [22]
    other = create(app, CONTAINER)["id"]
    assert ask(app, "DELETE", f"/{other}/expose/{tcp['exposure_id']}").status == 404


def test_exposed_ports_go_with_their_sandbox(app: App) -> None:
    box = create(app, CONTAINER)["id"]
    assert ask(app, "POST", f"/{box}/expose", {"port": 22}).status == 200
    assert ask(app, "GET", "/expose/all", who="member").value == {"exposures": []}
    ask(app, "DELETE", f"/{box}")
    for path in (f"/{box}/expose", "/expose/all"):
        assert ask(app, "GET", path).value == {"exposures": []}
    assert "TERMINATED" in detail(ask(app, "POST", f"/{box}/expose", {"port": 22}), 409)


@pytest.mark.parametrize(
    ("body", "blamed"),
    [
        ({}, {"port"}),
        ({"port": 21}, {"port"}),
        ({"port": 9_001}, {"port"}),
        ({"port": "80"}, {"port"}),
        ({"port": 80, "name": "n" * 51, "protocol": "UDP"}, {"name", "protocol"}),
    ],
)
def test_bad_ports_are_refused(app: App, body: Row, blamed: set[str]) -> None:
    box = create(app, CONTAINER)["id"]
    assert fields(ask(app, "POST", f"/{box}/expose", body)) == blamed


def test_exposures_are_in_the_snapshot(app: App) -> None:
    box = create(app, CONTAINER)["id"]
    made = ask(app, "POST", f"/{box}/expose", {"port": 22}).value
    other = small_app()
    done(admin(other, "PUT", "/snapshot", done(admin(app, "GET", "/snapshot"))))
    assert [each["exposure_id"] for each in ask(other, "GET", "/expose/all").value["exposures"]] == [
        made["exposure_id"]
    ]


# Egress policies


def test_a_policy_is_replaced_and_then_in_force(app: App) -> None:
    identity = create(app)["id"]
    path = f"/{identity}/egress-policy"
    assert ask(app, "GET", path).value == {
        "policy": {"allowlist": None, "denylist": None},
        "generation": 0,
        "applied_generation": 0,
        "applied": True,
    }
    ordered = ask(app, "PUT", path, {"allowlist": ["Packages.Example.org", "*.Example.com.", "10.0.0.7", "10.1.2.3/8"]})
    assert (ordered.status, ordered.value["applied"]) == (202, False)
    found = ask(app, "GET", path).value
    assert found["policy"]["allowlist"] == ["packages.example.org", "*.example.com", "10.0.0.7/32", "10.0.0.0/8"]
    assert (found["generation"], found["applied_generation"], found["applied"]) == (1, 1, True)
    assert look(app, identity)["networkAllowlist"] == found["policy"]["allowlist"]
    ask(app, "PUT", path, {"denylist": ["münchen.de"]})
    assert ask(app, "GET", path).value["policy"] == {"allowlist": None, "denylist": ["xn--mnchen-3ya.de"]}
    assert ask(app, "PUT", path, {}).value["policy"] == {"allowlist": None, "denylist": None}


def test_a_paused_sandbox_gets_its_policy_when_it_is_resumed(app: App) -> None:
    identity = create(app, network_allowlist=[])["id"]
    path = f"/{identity}/egress-policy"
    assert ask(app, "GET", path).value["generation"] == 1
    ask(app, "POST", f"/{identity}/pause")
    assert ask(app, "GET", path).value["applied"]
    ask(app, "PUT", path, {"denylist": []})
    found = ask(app, "GET", path).value
    assert (found["generation"], found["applied_generation"], found["applied"]) == (2, 1, False)
    ask(app, "POST", f"/{identity}/resume")
    assert ask(app, "GET", path).value["applied"]
    ask(app, "DELETE", f"/{identity}")
    assert "TERMINATED" in detail(ask(app, "PUT", path, {"denylist": []}), 409)


def test_a_policy_takes_time_under_the_clock(app: App) -> None:
    identity = create(app)["id"]
    set_mode(app, "clock")
    path = f"/{identity}/egress-policy"
    ask(app, "PUT", path, {"denylist": ["a.de"]})
    assert not ask(app, "GET", path).value["applied"]
    advance(app, 5)
    assert ask(app, "GET", path).value["applied"]


def test_who_may_reach_no_network_has_a_list_of_nobody(app: App) -> None:
    identity = create(app, network_access=False)["id"]
    assert ask(app, "GET", f"/{identity}/egress-policy").value["policy"]["allowlist"] == []


BAD_ENTRIES = [
    *("", " ", "*", "*.", "a..b", ".a", "a b", "-a.de", "a.*.b", "a*.de", "user@a.de", "a.de?x", "a.de/x", "a.de:443"),
    *("https://a.de", "::1", "fe80::/10", "1.2.3.4/33", "1.2.3.4:80", "a" * 64 + ".de", "é" * 70, "\x00", "a.de\n.b"),
    "a." * 140 + "de",
]


@pytest.mark.parametrize("entry", BAD_ENTRIES, ids=lambda text: text[:20].encode("unicode_escape").decode())
def test_bad_entries_are_refused(app: App, entry: str) -> None:
    identity = create(app)["id"]
    before = app.world.version
    body = {"denylist": ["a.de", entry]}
    assert fields(ask(app, "PUT", f"/{identity}/egress-policy", body)) == {"denylist.1"}
    assert app.world.version == before


def test_a_policy_has_one_list(app: App) -> None:
    identity = create(app)["id"]
    path = f"/{identity}/egress-policy"
    assert fields(ask(app, "PUT", path, {"allowlist": [], "denylist": []})) == {"denylist"}
    assert fields(ask(app, "PUT", path, {"allowlist": ["a.de"] * 1_025})) == {"allowlist"}


# The journal


def test_the_journal_knows_creations_and_their_keys(app: App) -> None:
    create(app, idempotency_key="k")
    entry = done(admin(app, "GET", "/requests"))["requests"][0]
    assert (entry["operation"], entry["status"], entry["caller"]) == ("createSandbox", 201, "admin")
    assert done(admin(app, "GET", "/requests"))["meta"]["left"]
