"""Dreadnode's environments run commands: with a token that is told once, while they are ready."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.admin import admin, done, refused
from tests.support.asgi import EPOCH, Row, app_of
from tests.support.asgi import call as send
from tests.support.dreadnode import ENVIRONMENTS, JSON, SANDBOXES, Caller, ensured, started, wait, world

HOUR = 3_600
HEADER = "x-environment-token"


def create(caller: Caller, **body: object) -> Row:
    found: Row = caller.ask("POST", ENVIRONMENTS, {"task_ref": "acme/recon@1.0", **body}, 201)
    return found


def execute(caller: Caller, made: Row, command: Any = "echo hi", status: int = 200, **more: Any) -> Row:
    """What comes of a command, with the token of the environment unless another is given."""
    headers = {HEADER: more.pop("token", f"Bearer {made['execute_token']}")}
    body = {"command": command, **more}
    found: Row = caller.ask("POST", f"{ENVIRONMENTS}/{made['id']}/execute", body, status, **headers)
    return found


def output_of(caller: Caller, made: Row, command: str) -> str:
    found = execute(caller, made, command)
    assert found["exit_code"] == 0
    return str(found["output"])


def test_a_command_is_run() -> None:
    """Its exit code, and what it wrote to both streams, in order."""
    caller = world()
    made = create(caller)
    assert execute(caller, made) == {"exit_code": 0, "output": "hi\n"}
    said = "echo one; echo two >&2; echo three; exit 5"
    assert execute(caller, made, said) == {"exit_code": 5, "output": "one\ntwo\nthree\n"}
    assert execute(caller, made, "no-such-program")["exit_code"] == 127
    assert output_of(caller, made, "pwd; whoami; hostname") == f"/root\nroot\n{made['id']}\n"
    assert execute(caller, made, "printf '\\xff'")["output"] == "\ufffd"


def test_files_stay_from_one_command_to_the_next() -> None:
    """And nothing else does; another environment has none of them."""
    caller = world()
    made, other = create(caller), create(caller)
    assert output_of(caller, made, "echo kept > note; X=1; cd /tmp") == ""
    assert output_of(caller, made, "cat note; pwd; echo [$X]") == "kept\n/root\n[]\n"
    assert output_of(caller, other, "ls") == ""


def test_a_command_is_ended_when_its_time_is_up() -> None:
    """After the seconds that were asked for, or thirty; asleep, it takes none of anybody's."""
    caller = world()
    made = create(caller)
    late = execute(caller, made, "echo before; sleep 9; echo after", timeout_sec=5)
    assert late == {"exit_code": 124, "output": "before\n"}
    assert execute(caller, made, "sleep 29; echo done")["output"] == "done\n"
    assert execute(caller, made, "sleep 31; echo done") == {"exit_code": 124, "output": ""}
    assert execute(caller, made, "while :; do :; done", timeout_sec=1)["exit_code"] == 124
    assert caller.get(f"{ENVIRONMENTS}/{made['id']}")["state"] == "ready"


def test_the_token_is_that_of_the_environment() -> None:
    """Any other is a 403, whoever has it, and none at all a 422 that names the header."""
    caller = world()
    made, other = create(caller), create(caller)
    token = made["execute_token"]
    for wrong in (other["execute_token"], token[:-1], token + "x", token.upper(), "", "ü"):
        for text in (f"Bearer {wrong}", wrong):
            refused = execute(caller, made, status=403, token=text)
            assert (refused["type"], refused["code"]) == ("forbidden_error", 403)
            assert token not in json.dumps(refused)
    assert execute(caller, made, status=403, token=token)["code"] == 403
    path = f"{ENVIRONMENTS}/{made['id']}/execute"
    missing = caller.refused("POST", path, 422, {"command": "echo hi"})
    assert missing["errors"] == [{"loc": ["header", "X-Environment-Token"], "msg": "Field required", "type": "missing"}]


def test_a_token_of_another_world_is_none() -> None:
    """Worlds of other seeds make the same environment, and another token for it."""
    one, two = world(), Caller(app_of(size=120, seed=1))
    path = f"{ENVIRONMENTS}/{create(one)['id']}/execute"
    two_made = create(two)
    assert one.ask("POST", path, {"command": "x"}, 403, **{HEADER: f"Bearer {two_made['execute_token']}"})


def test_the_token_is_told_once() -> None:
    """Neither the journal nor a snapshot nor any other answer has it, and it still opens the restored world."""
    caller = world()
    made = create(caller)
    execute(caller, made, "echo kept > note")
    snapshot = done(admin(caller.app, "GET", "/snapshot"))
    told = [
        snapshot,
        done(admin(caller.app, "GET", "/requests")),
        caller.get(f"{ENVIRONMENTS}/{made['id']}"),
        caller.get(f"{ENVIRONMENTS}/{made['id']}/logs"),
        caller.sandboxes(),
    ]
    assert made["execute_token"] not in json.dumps(told)
    other = Caller(app_of(size=120))
    done(admin(other.app, "PUT", "/snapshot", snapshot))
    assert output_of(other, made, "cat note") == "kept\n"


def test_who_may_not_see_it_may_not_run_anything() -> None:
    """With the right token neither; another member of the organization may, and a stranger is a 401."""
    caller = world()
    made = create(caller)
    assert execute(Caller(caller.app, "member"), made)["output"] == "hi\n"
    assert execute(Caller(caller.app, "outsider"), made, status=403)["type"] == "forbidden_error"
    nobody = {**made, "id": "00000000-0000-4000-8000-000000000000"}
    assert execute(caller, nobody, status=404)["type"] == "not_found_error"
    path = f"/dreadnode/api/v1{ENVIRONMENTS}/{made['id']}/execute"
    headers = {"content-type": JSON, HEADER: f"Bearer {made['execute_token']}"}
    body = json.dumps({"command": "echo hi"}).encode()
    assert send(caller.app, path, method="POST", headers=headers, body=body).status == 401


def test_an_environment_that_is_not_ready() -> None:
    caller = world(transitions="clock")
    made = create(caller)
    for state, seconds in (("building", 8), ("provisioning", 4)):
        assert execute(caller, made, status=409)["detail"] == f"The environment is {state}"
        wait(caller, seconds)
    assert output_of(caller, made, "echo kept > note; cat note") == "kept\n"
    wait(caller, HOUR)
    assert execute(caller, made, status=409)["detail"] == "The environment is paused"
    failed = caller.ask("POST", ENVIRONMENTS, {"task_ref": "recon"}, 201, prefer="outcome=build_failed")
    wait(caller, 8)
    assert execute(caller, failed, status=409)["detail"] == "The environment is failed"


def files(caller: Caller) -> Row:
    found: Row = done(admin(caller.app, "GET", "/snapshot"))["guests"]["files"]
    return found


def test_a_paused_environment_keeps_its_files() -> None:
    caller = world()
    made = create(caller)
    output_of(caller, made, "echo kept > note")
    wait(caller, HOUR)
    assert caller.get(f"{ENVIRONMENTS}/{made['id']}/status")["state"] == "paused"
    assert len(files(caller)["dreadnode"]) == 1


@pytest.mark.parametrize("ended", ["environment", "sandbox"])
def test_files_die_with_the_environment(ended: str) -> None:
    """However it ends, and a command in it is a conflict then."""
    caller = world()
    made = create(caller)
    output_of(caller, made, "echo canary > note")
    sandbox = caller.sandboxes()[0]["provider_sandbox_id"]
    path = f"{ENVIRONMENTS}/{made['id']}" if ended == "environment" else f"{SANDBOXES}/{sandbox}"
    caller.ask("DELETE", path, status=204)
    assert execute(caller, made, status=409)["detail"] == "The environment is torn_down"
    assert files(caller).get("dreadnode", {}) == {}


BAD: list[tuple[Any, list[tuple[list[str], str]]]] = [
    ({}, [(["body", "command"], "missing")]),
    ({"command": ""}, [(["body", "command"], "string_too_short")]),
    ({"command": ["ls"]}, [(["body", "command"], "string_type")]),
    ({"command": "ls", "timeout_sec": 0}, [(["body", "timeout_sec"], "greater_than_equal")]),
    ({"command": "ls", "timeout_sec": 601}, [(["body", "timeout_sec"], "less_than_equal")]),
    (b"{", [(["body"], "json_invalid")]),
    (b"[]", [(["body"], "dict_type")]),
]


@pytest.mark.parametrize(("body", "issues"), BAD, ids=range(len(BAD)))
def test_bad_bodies_name_the_member(body: Any, issues: list[tuple[list[str], str]]) -> None:
    """Beside a missing header, where that is wrong as well."""
    caller = world()
    made = create(caller)
    path, token = f"{ENVIRONMENTS}/{made['id']}/execute", {HEADER: f"Bearer {made['execute_token']}"}
    refused = caller.ask("POST", path, body, 422, **token)
    assert [(each["loc"], each["type"]) for each in refused["errors"]] == issues
    refused = caller.refused("POST", path, 422, body)
    found = [(each["loc"], each["type"]) for each in refused["errors"]]
    assert found == [(["header", "X-Environment-Token"], "missing"), *issues]


def test_a_command_that_is_too_long() -> None:
    caller = world()
    made = create(caller)
    assert execute(caller, made, f"echo {'x' * 100_000} | wc -c")["output"].strip() == "100001"
    assert execute(caller, made, f"echo {'x' * 500_000} | wc -c")["exit_code"] == 126
    reply = caller.send(
        "POST",
        f"{ENVIRONMENTS}/{made['id']}/execute",
        {"command": "x" * 2**20},
        {HEADER: f"Bearer {made['execute_token']}"},
    )
    assert (reply.status, reply.value["code"]) == (413, 413)


def test_the_clock_is_that_of_the_world() -> None:
    caller = world()
    done(admin(caller.app, "PUT", "/clock", {"action": "set", "instant": "2026-01-18T10:30:00Z"}))
    made = create(caller)
    assert output_of(caller, made, "date +%s") == f"{EPOCH // 1_000_000}\n"


def test_failures_on_request() -> None:
    """Before the command nothing happens; after it, the answer is lost."""
    caller = world()
    made = create(caller)
    path, token = f"{ENVIRONMENTS}/{made['id']}/execute", {HEADER: f"Bearer {made['execute_token']}"}
    for prefer, there in (("code=502", "no\n"), ("code=502, phase=after", "yes\n")):
        body = {"command": "echo kept > note"}
        assert caller.send("POST", path, body, {**token, "prefer": prefer}).status == 502
        assert output_of(caller, made, "[ -e note ] && echo yes || echo no") == there


def test_the_admin_api_finds_files_by_the_id_of_what_has_the_sandbox() -> None:
    """An environment, and a runtime, until its sandbox ends."""
    caller = world()
    made = create(caller)
    output_of(caller, made, "echo kept > note")
    assert admin(caller.app, "GET", f"/files/dreadnode/{made['id']}?path=/root/note").body == b"kept\n"
    runtime = started(caller)
    idle = admin(caller.app, "GET", f"/files/dreadnode/{ensured(caller, key='idle')['id']}")
    assert "has no files" in refused(idle, 404, "id")["detail"]
    sandbox = runtime["instance"]["sandbox_id"]
    for identity in (runtime["id"], sandbox):
        done(admin(caller.app, "GET", f"/files/dreadnode/{identity}"))
    caller.ask("DELETE", f"{ENVIRONMENTS}/{made['id']}", status=204)
    ended = admin(caller.app, "GET", f"/files/dreadnode/{made['id']}")
    assert "has ended" in refused(ended, 404, "id")["detail"]
