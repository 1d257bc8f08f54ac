"""Superserve's commands and files: by the API with a key, and at the hosts of the data plane with a token."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from fakeserver.commands.scripts import Script
from fakeserver.serving.app import App
from tests.support.admin import admin, done, small_app
from tests.support.asgi import Reply, Row, call
from tests.support.server import serving
from tests.support.superserve import advance, ask, change_settings, events, freeze, message, plane, status

NOBODY = "00000000-0000-4000-8000-000000000000"
INVALID_TOKEN = (401, "auth_failed", "invalid access token")
INVALID_STATE = (409, "conflict", "Sandbox is not in a valid state for this operation")
GONE = (404, "sandbox_route_stale", "sandbox not found")
MOST_SECONDS = 60
PAUSED = (503, "sandbox_unavailable", "sandbox is paused")


@pytest.fixture
def app() -> App:
    """A server whose clock stands still."""
    server = small_app()
    freeze(server)
    return server


def made(app: App, *, ns: str = "", **body: Any) -> Row:
    """A new sandbox, as its creation shows it."""
    reply = ask(app, "POST", "/sandboxes", {"name": "mine", **body}, ns=ns)
    assert reply.status == 201, reply.body
    found: Row = reply.value
    return found


def run(app: App, box: Row, command: str, **more: Any) -> tuple[str, str, int]:
    """What a command comes to, by the data plane."""
    reply = plane(app, box, "POST", "/exec", {"command": command, **more})
    assert reply.status == 200, reply.body
    value = reply.value
    return value["stdout"], value["stderr"], value["exit_code"]


def write(app: App, box: Row, path: str, content: bytes) -> Reply:
    return plane(app, box, "POST", f"/files?path={path}", content)


def read(app: App, box: Row, path: str) -> Reply:
    return plane(app, box, "GET", f"/files?path={path}")


# Commands by the API


def test_a_command_by_the_api(app: App) -> None:
    """What it writes is told apart, and its exit code is no failure of the request."""
    path = f"/sandboxes/{made(app)['id']}"
    reply = ask(app, "POST", f"{path}/exec", {"command": "echo out; echo err >&2; exit 3"})
    assert (reply.status, reply.value) == (200, {"stdout": "out\n", "stderr": "err\n", "exit_code": 3})


def test_a_stream_by_the_api(app: App) -> None:
    path = f"/sandboxes/{made(app)['id']}"
    reply = ask(app, "POST", f"{path}/exec/stream", {"command": "echo out; echo err >&2; exit 3"})
    assert events(reply) == [{"stdout": "out\n"}, {"stderr": "err\n"}, {"exit_code": 3, "finished": True}]


@pytest.mark.parametrize("operation", ["exec", "exec/stream"])
def test_a_command_by_the_api_resumes_a_paused_sandbox(app: App, operation: str) -> None:
    """Its files are there again, and it stays active."""
    path = f"/sandboxes/{made(app)['id']}"
    ask(app, "POST", f"{path}/exec", {"command": "echo kept > note"})
    assert ask(app, "POST", f"{path}/pause").status == 204
    assert status(app, path) == "paused"
    assert b"kept" in ask(app, "POST", f"{path}/{operation}", {"command": "cat note"}).body
    assert status(app, path) == "active"


def test_a_command_by_the_api_fits_no_other_state(app: App) -> None:
    """While a sandbox starts, pauses or is being resumed it is a conflict; of the one that resumes it, only the first
    command runs before everybody sees it active."""
    change_settings(app, transitions="manual")
    box = made(app)
    path = f"/sandboxes/{box['id']}"
    assert message(ask(app, "POST", f"{path}/exec", {"command": "ls"})) == INVALID_STATE
    change_settings(app, transitions="immediate")
    ask(app, "POST", f"{path}/activate")
    ask(app, "POST", f"{path}/pause")
    change_settings(app, transitions="manual")
    assert ask(app, "POST", f"{path}/exec", {"command": "ls"}).status == 200
    assert status(app, path) == "resuming"
    assert message(ask(app, "POST", f"{path}/exec", {"command": "ls"})) == INVALID_STATE


def test_a_command_by_the_api_is_the_teams_own(app: App) -> None:
    """Nobody else's sandbox runs one, and nobody without a key does."""
    path = f"/sandboxes/{made(app)['id']}/exec"
    assert message(ask(app, "POST", path, {"command": "ls"}, who="outsider"))[:2] == (404, "not_found")
    assert message(ask(app, "POST", f"/sandboxes/{NOBODY}/exec", {"command": "ls"}))[:2] == (404, "not_found")
    assert call(app, f"/superserve{path}", method="POST", body=b'{"command": "ls"}').status == 401


@pytest.mark.parametrize("body", [{}, {"command": ""}, {"command": 1}, {"command": "ls", "env": {"A": 1}}, b"{"])
def test_the_api_has_one_sentence_for_bad_bodies(app: App, body: Any) -> None:
    """Observed: that of the provider's server."""
    told = "Request body is not valid JSON or is missing required fields (command is required)."
    reply = ask(app, "POST", f"/sandboxes/{made(app)['id']}/exec", body)
    assert message(reply) == (400, "bad_request", told)


# Where the data plane is


def hosts(identity: str) -> dict[str, tuple[str, bool]]:
    """Hosts by name, and whether the other header has to say which sandbox is meant."""
    return {
        "shared": ("sandbox.superserve.ai", True),
        "of a region": ("usw-sandbox.superserve.ai", True),
        "of staging": ("staging-sandbox.superserve.ai", True),
        "with a port": ("sandbox.superserve.ai:8000", True),
        "in capitals": ("Sandbox.SUPERSERVE.ai", True),
        "its own": (f"boxd-{identity}.sandbox.superserve.ai", False),
        "its own in a region": (f"boxd-{identity}.usw-sandbox.superserve.ai:443", False),
    }


@pytest.mark.parametrize("name", [*hosts("")])
def test_commands_at_the_hosts_of_the_data_plane(app: App, name: str) -> None:
    box = made(app)
    host, shared = hosts(box["id"])[name]
    more: dict[str, str | None] = {} if shared else {"x_superserve_sandbox_id": None}
    reply = plane(app, box, "POST", "/exec", {"command": "hostname"}, host=host, **more)
    assert (reply.status, reply.value["stdout"]) == (200, f"sandbox-{box['id'][:8]}\n")
    assert reply.headers["referrer-policy"] == "no-referrer"


def test_a_sandboxs_own_host_comes_before_the_header(app: App) -> None:
    one, two = made(app), made(app)
    own = f"boxd-{one['id']}.sandbox.superserve.ai"
    reply = plane(app, one, "POST", "/exec", {"command": "hostname"}, host=own, x_superserve_sandbox_id=two["id"])
    assert reply.value["stdout"] == f"sandbox-{one['id'][:8]}\n"


@pytest.mark.parametrize(
    "host",
    [
        "sandbox.superserve.ai.example.com",
        "xsuperserve.ai",
        "",
        "x" * 300,
    ],
)
def test_other_hosts_are_none_of_the_data_plane(app: App, host: str) -> None:
    """There a path names the provider, as everywhere else."""
    box = made(app)
    headers = {"host": host, "x-superserve-sandbox-id": box["id"], "x-access-token": box["access_token"]}
    reply = call(app, "/exec", method="POST", headers=headers | {"content-type": "application/json"}, body=b"{}")
    assert (reply.status, reply.media_type) == (404, "application/problem+json")


@pytest.mark.parametrize("identity", [None, "", "../x", "x" * 65, "a b", "é"])
def test_a_request_that_names_no_sandbox(app: App, identity: str | None) -> None:
    reply = plane(app, made(app), "POST", "/exec", {"command": "ls"}, x_superserve_sandbox_id=identity)
    assert message(reply)[:2] == (400, "bad_request")
    assert "X-Superserve-Sandbox-Id" in message(reply)[2]


@pytest.mark.parametrize(
    "path", ["/sandboxes", "/superserve/sandboxes", "/__admin/clock", "/ns/a/superserve/sandboxes", "/"]
)
def test_nothing_else_is_at_the_data_plane(app: App, path: str) -> None:
    """Neither the API nor what is the fake's own."""
    box = made(app)
    reply = call(app, path, headers={"host": "sandbox.superserve.ai", "x-api-key": "superserve-admin-key"})
    assert message(reply) == (404, "not_found", "Not Found"), box


@pytest.mark.parametrize("path", ["/exec/connect", "/terminal"])
def test_web_sockets_are_not_served(app: App, path: str) -> None:
    reply = call(app, path, headers={"host": "sandbox.superserve.ai"})
    assert (reply.status, reply.headers["x-fakeserver-unserved"]) == (501, f"GET {path}")


# Tokens


@pytest.mark.parametrize(
    "token", ["", "x", "superserve-admin-key", "0" * 64, "é" * 20, ".", "a.b.c", "+", "x" * 5_000, "\u00ff\u00fe"]
)
def test_a_token_that_is_none(app: App, token: str) -> None:
    reply = plane(app, made(app), "POST", "/exec", {"command": "ls"}, x_access_token=token)
    told = "invalid access token" if token.strip() not in ("", "+") else "missing X-Access-Token header"
    assert message(reply) in ((401, "auth_failed", told), INVALID_TOKEN)


def test_no_token(app: App) -> None:
    """A key is none: the data plane knows no callers."""
    reply = plane(app, made(app), "GET", "/files?path=/a", x_access_token=None, x_api_key="superserve-admin-key")
    assert message(reply) == (401, "auth_failed", "missing X-Access-Token header")


def test_the_token_of_another_sandbox(app: App) -> None:
    one, two = made(app), made(app)
    assert message(plane(app, one | {"access_token": two["access_token"]}, "POST", "/exec", {"command": "ls"})) == (
        INVALID_TOKEN
    )


def test_a_token_names_its_world(app: App) -> None:
    """Commands run in the namespace whose answer had the token, and no other world knows it."""
    one, other, root = made(app, ns="one.a"), made(app, ns="other"), made(app)
    assert one["access_token"].endswith(".one.a")
    for box in (one, other, root):
        assert run(app, box, "echo here > /tmp/world; cat /tmp/world") == ("here\n", "", 0)
    signed = one["access_token"].partition(".")[0]
    for token in (signed, f"{signed}.other", f"{signed}.nobody", root["access_token"], f"{root['access_token']}.one.a"):
        assert message(plane(app, one | {"access_token": token}, "POST", "/exec", {"command": "ls"})) == INVALID_TOKEN
    names = [each["name"] for each in done(admin(app, "GET", "/namespaces"))["namespaces"]]
    assert sorted(names) == ["one.a", "other"]


def test_a_token_holds_for_the_hour_and_the_next(app: App) -> None:
    """Afterwards it is refused, and whoever looks at the sandbox has another."""
    box = made(app)
    advance(app, 3_600)
    assert run(app, box, "echo hi") == ("hi\n", "", 0)
    advance(app, 3_600)
    assert message(plane(app, box, "POST", "/exec", {"command": "ls"})) == INVALID_TOKEN
    assert run(app, ask(app, "GET", f"/sandboxes/{box['id']}").value, "echo hi") == ("hi\n", "", 0)


def test_a_token_over_a_life(app: App) -> None:
    """A paused sandbox is there and does not run; the same token holds when it is resumed, and for nothing after it was
    deleted."""
    box = made(app)
    path = f"/sandboxes/{box['id']}"
    ask(app, "POST", f"{path}/pause")
    for method, target, body in (
        ("POST", "/exec", {"command": "ls"}),
        ("POST", "/exec/stream", {"command": "ls"}),
        ("GET", "/files?path=/a", None),
        ("POST", "/files?path=/a", b"x"),
    ):
        assert message(plane(app, box, method, target, body)) == PAUSED
    assert status(app, path) == "paused"
    assert ask(app, "POST", f"{path}/resume").value["access_token"] == box["access_token"]
    assert run(app, box, "echo hi") == ("hi\n", "", 0)
    ask(app, "DELETE", path)
    assert message(plane(app, box, "POST", "/exec", {"command": "ls"})) == GONE
    assert message(read(app, box, "/a")) == GONE


def test_a_failed_sandbox_is_gone(app: App) -> None:
    box = made(app)
    path = f"/sandboxes/{box['id']}"
    assert ask(app, "POST", f"{path}/pause", Prefer="outcome=vm_lost").status == 410
    assert message(plane(app, box, "POST", "/exec", {"command": "ls"})) == GONE


def test_a_failure_is_asked_for_behind_a_token(app: App) -> None:
    box = made(app)
    wished = box | {"access_token": f"{box['access_token']}+code=502"}
    reply = plane(app, wished, "POST", "/exec", {"command": "echo hi > /tmp/a"})
    assert (reply.status, reply.headers["retry-after"]) == (502, "1")
    assert run(app, box, "cat /tmp/a")[2] == 1


def test_the_journal_has_no_token(app: App) -> None:
    box = made(app)
    run(app, box, "echo hi")
    shown = admin(app, "GET", "/requests")
    assert shown.value["requests"][0]["operation"] == "exec"
    assert box["access_token"] not in shown.body.decode()


# What a command finds


def test_a_command_finds_a_sandbox_around_it(app: App) -> None:
    """It runs as root in the home of another user, and with one line of variables over the other."""
    box = made(app, env_vars={"A": "sandbox", "B": "sandbox"})
    script = "whoami; pwd; echo $HOME $USER; echo $A $B"
    assert run(app, box, script, env={"B": "request"})[0] == "root\n/home/user\n/home/user user\nsandbox request\n"
    assert run(app, box, "pwd", working_dir="/tmp")[0] == "/tmp\n"
    assert "env_vars" not in json.dumps(ask(app, "GET", f"/sandboxes/{box['id']}").value)


def test_a_command_finds_what_its_template_says(app: App) -> None:
    """Its version of Python, and what the steps of its build left: variables, a directory and a user."""
    own = made(app, from_template="superserve/python-3.11")
    assert run(app, own, "python --version")[0] == "Python 3.11.0\n"
    steps = [
        {"env": {"key": "A", "value": "template"}},
        {"env": {"key": "B", "value": "template"}},
        {"workdir": "/srv/app"},
        {"user": {"name": "dev"}},
    ]
    spec = {"name": "mine", "build_spec": {"from": "python:3.12.7-slim", "steps": steps}}
    assert ask(app, "POST", "/templates", spec).status == 202
    box = made(app, from_template="mine", env_vars={"B": "sandbox"})
    told = run(app, box, "whoami; pwd; echo $HOME; echo $A $B; python3 --version")[0]
    assert told == "dev\n/srv/app\n/home/dev\ntemplate sandbox\nPython 3.12.7\n"
    copy = made(app, from_snapshot=ask(app, "POST", f"/sandboxes/{box['id']}/snapshot", {}).value["id"])
    assert run(app, copy, "whoami; pwd; echo $A $B")[0] == "dev\n/srv/app\ntemplate sandbox\n"


def test_arguments_mean_nothing_to_a_shell(app: App) -> None:
    assert run(app, made(app), "echo", args=["a  b", "$HOME", "'", "; ls"]) == ("a  b $HOME ' ; ls\n", "", 0)


def test_a_command_takes_as_long_as_it_sleeps(app: App) -> None:
    """It ends where its time does, and has written what it had by then; the sleep takes no time but its own."""
    box = made(app)
    assert run(app, box, "echo a; sleep 5; echo b; sleep 100; echo c", timeout_s=50) == ("a\nb\n", "", 124)
    assert run(app, box, "sleep 15") == ("", "", 0)
    assert run(app, box, "sleep 31") == ("", "", 124)
    for seconds in (0, -5, None):
        assert run(app, box, "sleep 31", timeout_s=seconds) == ("", "", 124)
    first, last = run(app, box, "date +%s; sleep 20; date +%s")[0].split()
    assert int(last) - int(first) >= 20


def test_bytes_that_are_no_text(app: App) -> None:
    """They are shown as Go shows them, in the answer and in events, whatever ends a line for somebody."""
    box = made(app)
    assert run(app, box, r"printf '\xff'")[0] == "\ufffd"
    for text in ("é\u2028\u2029\u0085\x0b\x0c", "\U0001f4a5"):
        reply = plane(app, box, "POST", "/exec/stream", {"command": f"printf '%s' '{text}'"})
        assert events(reply) == [{"stdout": text}, {"exit_code": 0, "finished": True}]
        assert len(reply.body.decode().splitlines()) == 4


def test_events_come_in_order(app: App) -> None:
    """The last one says when it ended by the clock of the sandbox."""
    script = "for i in 1 2 3; do echo $i; echo e$i >&2; sleep 1; done; exit 7"
    reply = plane(app, made(app), "POST", "/exec/stream", {"command": script})
    told = [each for number in "123" for each in ({"stdout": f"{number}\n"}, {"stderr": f"e{number}\n"})]
    assert events(reply) == [*told, {"exit_code": 7, "finished": True}]
    assert reply.headers["cache-control"] == "no-cache"
    first, *_, last = reply.body.decode().split("\n\n")[:-1]
    instants = [json.loads(each.removeprefix("data: "))["timestamp"] for each in (first, last)]
    assert int(instants[1][17:19]) - int(instants[0][17:19]) in (3, 3 - 60)


def test_a_script_answers_in_the_place_of_a_command(app: App) -> None:
    box = made(app)
    app.world.guests.scripts.rows.insert(0, Script("git clone *", "Cloning\n", "warning\n", 128, provider="superserve"))
    assert run(app, box, "git clone https://example.com") == ("Cloning\n", "warning\n", 128)
    reply = plane(app, box, "POST", "/exec/stream", {"command": "git clone x"})
    assert events(reply) == [{"stdout": "Cloning\n"}, {"stderr": "warning\n"}, {"exit_code": 128, "finished": True}]


# Commands that are refused


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "command is required"),
        ({"command": ""}, "command is required"),
        (b"{", "invalid JSON body: body"),
        ({"command": ["ls"]}, "invalid JSON body: command"),
        ({"command": "ls", "env": {"A": 1}}, "invalid JSON body: env.A"),
        ({"command": "ls", "env": {"A=B": "1"}}, 'env key "A=B" contains invalid character'),
        ({"command": "ls", "env": {"": "1"}}, "env keys cannot be empty"),
        ({"command": "ls", "args": [1]}, "invalid JSON body: args.0"),
        ({"command": "ls", "timeout_s": "5"}, "invalid JSON body: timeout_s"),
        ({"command": "ls", "timeout_s": 10**20}, "invalid JSON body: timeout_s"),
        ({"command": "ls", "working_dir": "/nowhere"}, "working_dir: chdir /nowhere: no such file or directory"),
        ({"command": "nowhere", "args": ["x"]}, 'resolve "nowhere": executable file not found in PATH'),
    ],
)
def test_a_command_that_is_refused(app: App, body: Any, told: str) -> None:
    """Each sentence names what is wrong; a stream says so too, in its way where it has begun."""
    box = made(app)
    reply = plane(app, box, "POST", "/exec", body, content_type="application/json")
    assert message(reply)[:2] == (400, "bad_request")
    assert message(reply)[2].startswith(told)
    reply = plane(app, box, "POST", "/exec/stream", body, content_type="application/json")
    if reply.status == 400:
        assert message(reply)[2].startswith(told)
    else:
        assert events(reply) == [{"error": told, "code": "bad_request", "finished": True}]


@pytest.mark.parametrize(
    "body",
    [
        {"command": "ls", "working_dir": "/d" * 2_000},
        {"command": "n" * 5_000, "args": ["x"]},
        {"command": "ls", "env": {"=" * 5_000: "1"}},
    ],
)
def test_a_refusal_repeats_the_beginning_of_what_was_sent(app: App, body: Any) -> None:
    reply = plane(app, made(app), "POST", "/exec", body, content_type="application/json")
    status, kind, told = message(reply)
    assert (status, kind, len(told) < 500) == (400, "bad_request", True)


def test_what_looks_like_a_refusal_and_is_none(app: App) -> None:
    """A command that begins, and then says the same words, has an exit code."""
    box = made(app)
    said = "bash: line 1: nowhere: command not found\n"
    assert run(app, box, "nowhere") == ("", said, 127)
    script = "echo 'bash: line 1: nowhere: command not found' >&2; echo on; exit 127"
    reply = plane(app, box, "POST", "/exec/stream", {"command": "bash", "args": ["-c", script]})
    assert {"stdout": "on\n"} in events(reply)
    assert "".join(each.get("stderr", "") for each in events(reply)) == said
    assert events(reply)[-1] == {"exit_code": 127, "finished": True}


@pytest.mark.parametrize("path", ["/exec", "/exec/stream"])
def test_a_command_line_of_ten_megabytes(app: App, path: str) -> None:
    reply = plane(app, made(app), "POST", path, {"command": "x" * 10_000_000})
    assert message(reply)[:2] == (413, "too_long")


@pytest.mark.parametrize(
    "command",
    [
        ":(){ :|:& };:",
        "python3 -c 'while True: pass'",
        "while :; do :; done",
        "cat /dev/zero | head -c 1000000000",
        "yes | head -c 100000000",
        "cat /etc/shadow /proc/1/environ /proc/self/environ",
    ],
)
def test_hostile_commands_end(app: App, command: str) -> None:
    """Within a bound and with an exit code, and the sandbox runs the next one."""
    box = made(app)
    reply = plane(app, box, "POST", "/exec", {"command": command, "timeout_s": 1})
    assert reply.status == 200
    assert run(app, box, "echo hi") == ("hi\n", "", 0)


# Clients that leave


@pytest.mark.parametrize("path", ["/exec", "/exec/stream"])
def test_a_command_ends_when_its_client_leaves(path: str) -> None:
    """It is killed, and what it has done to the files until then is there."""
    app = small_app()
    box = made(app)
    body = json.dumps({"command": "echo kept > /tmp/a; echo begun; while :; do :; done", "timeout_s": 600}).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: sandbox.superserve.ai\r\nX-Superserve-Sandbox-Id: {box['id']}\r\n"
        f"X-Access-Token: {box['access_token']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with serving(app) as live:
        address = live.root.removeprefix("http://").split(":")
        with socket.create_connection((address[0], int(address[1]))) as client:
            client.sendall(head.encode() + body)
            if path == "/exec/stream":
                received = b""
                while b"begun" not in received:
                    received += client.recv(4_096)
        (ran,) = waited_for(app, 1)
        assert (ran["exit_code"], ran["timed_out"]) == (137, False)
    if path == "/exec/stream":
        assert read(app, box, "/tmp/a").body == b"kept\n"
    assert run(app, box, "echo hi") == ("hi\n", "", 0)


def waited_for(app: App, count: int) -> list[Row]:
    """The commands that were run, once there are so many."""
    deadline = time.monotonic() + MOST_SECONDS
    while len(app.world.guests.ran) < count:
        assert time.monotonic() < deadline, "the command does not end"
        time.sleep(0.01)
    return [each.row() for each in app.world.guests.ran]


# Files

CONTENTS = {
    "nothing": b"",
    "every byte": bytes(range(256)),
    "line ends": b"a\r\nb\rc\n\0",
    "five megabytes": hashlib.shake_256(b"x").digest(5_000_000),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_files_byte_for_byte(app: App, name: str) -> None:
    content, box = CONTENTS[name], made(app)
    written = write(app, box, "/home/user/new/folder/b%C3%A9%20.bin", content)
    assert (written.status, written.value) == (200, {"path": "/home/user/new/folder/bé .bin", "size": len(content)})
    reply = read(app, box, "/home/user/new/folder/b%C3%A9%20.bin")
    assert (reply.status, reply.media_type, reply.body) == (200, "application/octet-stream", content)
    assert reply.headers["content-disposition"] == 'inline; filename="b .bin"'
    told = run(app, box, "wc -c < 'new/folder/bé .bin'; sha256sum 'new/folder/bé .bin'")[0].split()
    assert told[:2] == [str(len(content)), hashlib.sha256(content).hexdigest()]


def test_files_and_commands_see_the_same_disk(app: App) -> None:
    box = made(app)
    run(app, box, "mkdir -p /data; printf 'one' > /data/a; ln -s /data/a /data/link")
    assert (
        read(app, box, "/data/a").body
        == read(app, box, "//data/./a").body
        == read(app, box, "data/link").body
        == b"one"
    )
    write(app, box, "/data/a", b"two")
    assert run(app, box, "cat /data/a /data/link")[0] == "twotwo"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "missing path query parameter"),
        ("/", "path: cannot operate on root directory"),
        ("//.", "path: cannot operate on root directory"),
        ("/a/../b", "path traversal not allowed"),
        ("../../etc/passwd", "path traversal not allowed"),
        ("%2e%2e/x", "path traversal not allowed"),
        ("/a%00b", "path contains null byte"),
        ("/proc/self/environ", "path: access denied: /proc"),
        ("/dev/null", "path: access denied: /dev"),
        ("/sys", "path: access denied: /sys"),
        ("/./sbin//init", "path: access denied: /sbin/init"),
        ("/" + "n" * 300, "path: "),
        ("/a%0Ab/c", "path: "),
    ],
)
def test_paths_that_are_refused(app: App, path: str, told: str) -> None:
    """Neither read nor written, with a sentence about the path."""
    box = made(app)
    for reply in (read(app, box, path), write(app, box, path, b"x")):
        assert message(reply)[:2] == (400, "bad_request")
        assert message(reply)[2].startswith(told)


def test_a_request_without_a_path(app: App) -> None:
    box = made(app)
    for method in ("GET", "POST"):
        reply = plane(app, box, method, "/files")
        assert message(reply) == (400, "bad_request", "missing path query parameter")


def test_files_that_are_not_there(app: App) -> None:
    """What is missing, what is no directory, and what is one."""
    box = made(app)
    write(app, box, "/data/a", b"x")
    assert message(read(app, box, "/data/b")) == (404, "not_found", "file not found")
    assert message(read(app, box, "/data/a/b"))[:2] == (400, "bad_request")
    assert message(write(app, box, "/data/a/b", b"x"))[:2] == (400, "bad_request")
    assert message(write(app, box, "/data/a/b/c", b"x"))[:2] == (400, "bad_request")
    told = "path: create file: open /data: is a directory"
    assert message(write(app, box, "/data", b"x")) == (400, "bad_request", told)
    told = "path: use FilesystemService.ListDir for directories"
    assert message(read(app, box, "/data")) == (400, "bad_request", told)
    assert read(app, box, "/data/a").body == b"x"


@pytest.mark.parametrize("path", ["/etc/passwd/x", "/etc/passwd/x/y", "/tmp/link/x"])
def test_a_file_of_the_image_does_not_become_a_directory(app: App, path: str) -> None:
    box = made(app)
    run(app, box, "ln -s /etc/passwd /tmp/link")
    told = "path: mkdir /etc/passwd: not a directory"
    assert message(write(app, box, path, b"x")) == (400, "bad_request", told)
    assert read(app, box, "/etc/passwd").body.startswith(b"root:")


def test_a_refusal_repeats_the_beginning_of_a_long_path(app: App) -> None:
    """Whatever is done with it."""
    box = made(app)
    run(app, box, "mkdir -p /data; touch /data/f; ln -s /tmp/loop /tmp/loop")
    long = "/d" * 2_500
    for reply in (
        read(app, box, f"/data/f{long}"),
        read(app, box, "/tmp/loop" + long),
        write(app, box, f"/data/f{long}", b"x"),
        write(app, box, "/data/" + "n" * 5_000, b"x"),
        write(app, box, "/tmp/" + "n" * 5_000 + "/x", b"x"),
    ):
        status, kind, told = message(reply)
        assert (status, kind, len(told) < 500) == (400, "bad_request", True)


@pytest.mark.parametrize("link", ["/proc", "../../proc", "/tmp/again", "//proc/."])
def test_links_lead_nowhere_that_is_forbidden(app: App, link: str) -> None:
    """Neither to read, to write, to list nor to archive, whatever else is a link on the way."""
    box = made(app)
    run(app, box, f"mkdir -p /tmp/a; ln -s /proc /tmp/again; ln -s {link} /tmp/a/l; ln -s / /tmp/r; ln -s l /tmp/a/m")
    told = (400, "bad_request", "path: access denied: /proc")
    for path in ("/tmp/a/l/version", "/tmp/a/m/version", "/tmp/a/l", "/tmp/a/l&format=json", "/tmp/r/proc&format=zip"):
        assert message(read(app, box, path)) == told
    assert message(write(app, box, "/tmp/a/l/version", b"x")) == told
    assert message(write(app, box, "/tmp/a/l/new/x", b"x")) == told
    run(app, box, "mkdir -p /usr/local/bin; echo x > /usr/local/bin/boxd; echo y > /usr/local/bin/other")
    archived = zipfile.ZipFile(io.BytesIO(read(app, box, "/tmp/r/usr/local/bin&format=zip").body)).namelist()
    assert ("bin/other" in archived, "bin/boxd" in archived) == (True, False)


def test_links_that_lead_to_themselves_are_refused(app: App) -> None:
    box = made(app)
    run(app, box, "ln -s /tmp/loop /tmp/loop")
    told = "path: open /tmp/loop/x: too many levels of symbolic links"
    for reply in (read(app, box, "/tmp/loop/x"), write(app, box, "/tmp/loop/x", b"x")):
        assert message(reply) == (400, "bad_request", told)


def test_nothing_of_the_host_is_read(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by a path nor by links that lead there, nor by commands."""
    canary = tmp_path / "canary"
    canary.write_text("of the host")
    monkeypatch.setenv("CANARY", "of the host")
    box = made(app)
    run(app, box, f"ln -s {canary} /tmp/link; mkdir -p /tmp/up; ln -s ../../../../../../../..{canary} /tmp/up/link")
    for path in (canary, "/tmp/link", "/tmp/up/link"):
        assert message(read(app, box, str(path)))[0] in (400, 404)
    assert "of the host" not in "".join(map(str, run(app, box, f"cat {canary} /tmp/link; env; cat /proc/*/environ")))
    assert write(app, box, str(canary), b"of the sandbox").status == 200
    assert canary.read_text() == "of the host"


def test_a_directory_as_an_archive(app: App) -> None:
    """Its entries begin with its name; links are left out, and empty directories are not."""
    box = made(app)
    run(app, box, "mkdir -p out/deep/er out/empty; echo a > out/a; echo b > out/deep/er/b; ln -s /etc/passwd out/link")
    run(app, box, "ln -s /home/user/out /home/user/away")
    reply = read(app, box, "/home/user/out&format=zip")
    assert (reply.status, reply.media_type) == (200, "application/zip")
    assert reply.headers["content-disposition"] == 'attachment; filename="out.zip"'
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archived:
        assert archived.namelist() == ["out/a", "out/deep/", "out/empty/", "out/deep/er/", "out/deep/er/b"]
        assert (archived.read("out/a"), archived.read("out/deep/er/b")) == (b"a\n", b"b\n")
    assert read(app, box, "/home/user/out/a&format=zip").body == b"a\n"
    told = "path: refusing to archive a symlinked directory"
    assert message(read(app, box, "/home/user/away&format=zip")) == (400, "bad_request", told)


def test_a_directory_as_a_list(app: App) -> None:
    box = made(app)
    run(app, box, "mkdir -p out/d; printf abc > out/b; ln -s b out/a")
    reply = read(app, box, "/home/user/out&format=json")
    rows = [(each["name"], each["is_dir"], each["size"]) for each in reply.value["entries"]]
    assert rows[1:] == [("b", False, 3), ("d", True, 0)]
    assert rows[0][:2] == ("a", False)
    run(app, box, "mkdir none")
    assert read(app, box, "/home/user/none&format=json").value == {"entries": []}


def test_files_that_are_too_large(app: App) -> None:
    """One that nobody reads to its end, and one for which the disk has no room; neither leaves anything behind."""
    box = made(app)
    assert message(write(app, box, "/tmp/a", b"x" * (64 * 2**20 + 1)))[:2] == (413, "too_long")
    full = (507, "sandbox_storage_full", "Sandbox storage limit reached.")
    assert message(write(app, box, "/tmp/a", b"x" * (64 * 2**20))) == full
    assert read(app, box, "/tmp/a").status == 404


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=x", "application/json", "", "nonsense", "a/b; c=\u00ff"]
)
def test_the_body_is_the_file_whatever_it_is_called(app: App, content_type: str) -> None:
    """A form is kept as it came: nothing is looked for in it."""
    box, raw = (
        made(app),
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="../../etc/passwd"\r\n\r\nx\r\n--x',
    )
    assert plane(app, box, "POST", "/files?path=/tmp/a", raw, content_type=content_type).status == 200
    assert read(app, box, "/tmp/a").body == raw


# The life of files


def test_files_go_with_a_snapshot(app: App) -> None:
    """A sandbox that is made of one begins with its files, as they were; what each does with them is its own."""
    box = made(app)
    write(app, box, "/tmp/a", b"then")
    taken = ask(app, "POST", f"/sandboxes/{box['id']}/snapshot", {}).value["id"]
    write(app, box, "/tmp/a", b"later")
    one, two = made(app, from_snapshot=taken), made(app, from_snapshot=taken)
    write(app, one, "/tmp/a", b"one")
    assert [read(app, each, "/tmp/a").body for each in (box, one, two)] == [b"later", b"one", b"then"]
    assert ask(app, "DELETE", f"/snapshots/{taken}").status == 204
    ask(app, "DELETE", f"/sandboxes/{box['id']}")
    assert read(app, two, "/tmp/a").body == b"then"


def test_files_die_with_their_sandbox(app: App) -> None:
    """Nothing of them is kept, and a world without any is as it was."""
    box = made(app)
    write(app, box, "/tmp/a", b"x")
    taken = ask(app, "POST", f"/sandboxes/{box['id']}/snapshot", {}).value["id"]
    assert app.world.guests.changed
    ask(app, "DELETE", f"/sandboxes/{box['id']}")
    ask(app, "DELETE", f"/snapshots/{taken}")
    assert not app.world.guests.changed


def test_a_snapshot_of_the_world_has_the_files(app: App) -> None:
    """And not the variables, which may be secrets."""
    box = made(app, env_vars={"A": "tr0ub4dor"})
    assert run(app, box, "echo $A")[0] == "tr0ub4dor\n"
    write(app, box, "/tmp/a", bytes(range(256)))
    taken = admin(app, "GET", "/snapshot").value
    ask(app, "DELETE", f"/sandboxes/{box['id']}")
    done(admin(app, "PUT", "/snapshot", taken))
    assert read(app, box, "/tmp/a").body == bytes(range(256))
    assert run(app, box, "echo [$A]")[0] == "[]\n"
    assert "tr0ub4dor" not in json.dumps(taken)


@pytest.mark.parametrize("path", ["exec", "exec/stream"])
def test_a_fault_in_front_of_a_command_breaks_an_answer_off(path: str) -> None:
    """Half of the answer comes that was promised; nothing is run."""
    app = small_app()
    box = made(app)
    body = json.dumps({"command": "echo hi > /tmp/a"}).encode()
    head = (
        f"POST /superserve/sandboxes/{box['id']}/{path} HTTP/1.1\r\nHost: localhost\r\n"
        "X-API-Key: superserve-admin-key\r\n"
        "Prefer: fault=TRUNCATED_BODY\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    received = b""
    with serving(app) as live:
        address = live.root.removeprefix("http://").split(":")
        with socket.create_connection((address[0], int(address[1]))) as client:
            client.sendall(head.encode() + body)
            while piece := client.recv(4_096):
                received += piece
    told, _, half = received.partition(b"\r\n\r\n")
    (length,) = (int(line.split(b":")[1]) for line in told.split(b"\r\n") if line.startswith(b"content-length"))
    assert told.startswith(b"HTTP/1.1 200")
    assert 0 < len(half) < length
    assert read(app, box, "/tmp/a").status == 404
