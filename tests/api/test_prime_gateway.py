"""Prime's gateway over HTTP alone: tokens, frames and messages, files, and what a hostile client sends."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from fakeserver.instants import SECOND
from fakeserver.providers.prime import tokens, wire
from fakeserver.serving.app import App
from tests.support.admin import admin, done, small_app
from tests.support.asgi import Reply, Row, call, credential, served

API = "/api/v1/sandbox"
JSON = {"content-type": "application/json"}
SESSION = "command_session.CommandSession/"
STREAM, PROTO = {"content-type": wire.STREAM_TYPE}, {"content-type": wire.CONTENT_TYPE}
OPERATIONS = [each for each in served("prime") if each[1].startswith("/gateway/")]
BOUNDARY = "b0undary"
MALFORMED = (b"", b"\x00\x00", b"\x01\x00\x00\x00\x00", b"\x00\x00\x00\x00\x05ab", b"\x00\x00\x00\x00\x01ab")
MESSAGES = (
    b"\xff",
    b"\x0a\x7f",
    b"\x0b",
    b"\x80" * 11,
    b"\x0a\x01\xff",
    b"\x08\x01",
    b"\x09\x01",
    b"\x0a\x03\x0a\x01\xff",
)
"""Frames, and messages in frames, that are none."""


class Box:
    """A sandbox behind the gateway, in a namespace if one is given."""

    def __init__(self, app: App, *, ns: str = "", outcome: str = "", vm: bool = True, **wish: Any) -> None:
        self.app, self.root = app, f"/ns/{ns}/prime" if ns else "/prime"
        body = {"name": "mine", "docker_image": "python:3.11-slim", "vm": vm, **wish}
        prefer = {"prefer": f"outcome={outcome}"} if outcome else {}
        self.identity: str = self.api("POST", "", body, **prefer).value["id"]
        self.auth: Row = self.api("POST", f"/{self.identity}/auth").value

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        raw = b"" if body is None else json.dumps(body).encode()
        sent = credential("prime") | JSON | headers
        return call(self.app, f"{self.root}{API}{path}", method=method, headers=sent, body=raw)

    def ask(
        self, path: str, body: bytes = b"", *, method: str = "POST", token: str | None = None, **headers: str
    ) -> Reply:
        place = f"{self.root}/gateway/{self.auth['user_ns']}/{self.auth['job_id']}/{path}"
        bearer = {"authorization": f"Bearer {self.auth['token'] if token is None else token}"}
        return call(self.app, place, method=method, headers=bearer | headers, body=body)

    def start(self, text: str, *, timeout: int | None = None, **more: Any) -> Reply:
        headers = STREAM | ({} if timeout is None else {"connect-timeout-ms": str(timeout)})
        return self.ask(SESSION + "Start", wire.frame(start_request(text, **more)), **headers)

    def run(self, text: str, **more: Any) -> tuple[bytes, bytes, int]:
        """What a command writes, and its exit code."""
        found = list(events(self.start(text, **more)))
        assert found[0][0] == "start"
        assert found[-1] == ("last", {})
        said = {name: b"".join(value for kind, value in found if kind == name) for name in ("stdout", "stderr")}
        (code,) = (value for kind, value in found if kind == "end")
        return said["stdout"], said["stderr"], code

    def execute(self, command: str, **more: Any) -> Reply:
        return self.ask("exec", json.dumps({"command": command, **more}).encode(), **JSON)

    def upload(self, path: str, content: bytes) -> Reply:
        head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'.encode()
        form = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        return self.ask(f"upload?path={path}", head + content + f"\r\n--{BOUNDARY}--\r\n".encode(), **form)

    def get(self, path: str) -> Reply:
        return self.ask(path, method="GET")


def start_request(
    text: str = "", *, spec: bytes | None = None, stdin: bool = False, identity: str = "", **more: Any
) -> bytes:
    if spec is None:
        pairs = [(3, wire.write_message([(1, name), (2, value)])) for name, value in more.get("env", {}).items()]
        where = [(number, more[name]) for number, name in ((4, "cwd"), (5, "user")) if name in more]
        spec = wire.write_message([(1, "/bin/bash"), (2, "-c"), (2, text), *pairs, *where])
    return wire.write_message([(1, spec), (4, int(stdin)), *([(5, identity)] if identity else [])])


def events(reply: Reply) -> Iterator[tuple[str, Any]]:
    """The events of a stream, by their names."""
    assert (reply.status, reply.media_type) == (200, wire.STREAM_TYPE), reply.body
    at = 0
    while at < len(reply.body):
        flags, size = struct.unpack_from(">BI", reply.body, at)
        message = reply.body[at + 5 : at + 5 + size]
        at += 5 + size
        if flags:
            assert at == len(reply.body), "the last frame is the last"
            yield "last", json.loads(message)
            continue
        event = wire.read_message(wire.read_message(message, "answer")[1][0], "event")
        ((number, (inner,)),) = event.items()
        fields = wire.read_message(inner, "inner")
        if number == 2:
            ((stream, (piece,)),) = fields.items()
            yield ("stdout" if stream == 1 else "stderr"), piece
        else:
            value = fields[1][0]
            assert isinstance(value, int)
            yield ("start", value) if number == 1 else ("end", value >> 1 ^ -(value & 1))


def code_of(reply: Reply) -> tuple[int, str]:
    """The status and the code of a session's refusal."""
    assert reply.value.keys() == {"code", "message"}
    return reply.status, reply.value["code"]


def error_of(reply: Reply) -> tuple[int, str]:
    """The same of other operations."""
    assert reply.value.keys() == {"error", "message", "code"}
    assert reply.value["code"] == reply.status
    return reply.status, reply.value["error"]


def advance(app: App, seconds: float, ns: str = "") -> None:
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": seconds}, ns=ns))


@pytest.fixture
def app() -> Iterator[App]:
    app = small_app()
    done(admin(app, "PUT", "/clock", {"action": "freeze"}))
    yield app
    for world in app.worlds:
        world.guests.machines.close()


@pytest.fixture
def box(app: App) -> Box:
    return Box(app, environment_vars={"MINE": "1"})


# Commands


def test_a_session_streams_what_a_command_writes_in_its_order(box: Box) -> None:
    found = [*events(box.start("echo a; echo b >&2; echo c; exit 7"))]
    assert [kind for kind, _ in found] == ["start", "stdout", "stderr", "stdout", "end", "last"]
    assert [value for _, value in found[1:]] == [b"a\n", b"b\n", b"c\n", 7, {}]


def test_a_command_has_what_surrounds_it(box: Box) -> None:
    text = "echo $MINE $YOURS; pwd; whoami; echo ~"
    said, _, code = box.run(text, env={"YOURS": "ü"}, cwd="/tmp", user="bob")
    assert (said.decode(), code) == ("1 ü\n/tmp\nbob\n/home/bob\n", 0)
    assert box.run("pwd; whoami")[0] == b"/root\nroot\n"
    reply = box.execute("echo $MINE $YOURS; pwd; whoami", env={"YOURS": "2"}, working_dir="/tmp", user="bob:staff")
    assert reply.value == {"stdout": "1 2\n/tmp\nbob\n", "stderr": "", "exit_code": 0}


@pytest.mark.parametrize(("text", "code"), [("exit 0", 0), ("exit 255", 255), ("nope", 127)])
def test_exit_codes_are_those_of_the_command(box: Box, text: str, code: int) -> None:
    assert box.run(text)[2] == code
    assert box.execute(text).value["exit_code"] == code


def test_a_program_without_a_shell_is_run_with_its_words(box: Box) -> None:
    spec = wire.write_message([(1, "printf"), (2, "%s|"), (2, "a b"), (2, "$HOME")])
    assert box.run("", spec=spec)[0] == b"a b|$HOME|"


def test_a_command_that_takes_too_long(box: Box) -> None:
    found = [*events(box.start("echo begun; sleep 3", timeout=2_000))]
    assert [kind for kind, _ in found] == ["start", "stdout", "last"]
    assert found[-1][1]["error"]["code"] == "deadline_exceeded"
    assert error_of(box.execute("sleep 3", timeout=2)) == (408, "command_timeout")
    assert box.run("sleep 3; echo over", timeout=4_000)[0] == b"over\n"


def test_files_are_left_of_a_command_and_nothing_else(box: Box) -> None:
    box.run("echo kept > f; export GONE=1; cd /tmp")
    assert box.run("cat f; echo $GONE; pwd")[0] == b"kept\n\n/root\n"


# Processes


def test_a_command_in_the_background_goes_on_by_the_worlds_clock(app: App, box: Box) -> None:
    said, _, code = box.run("(sleep 60; echo over > f) & echo $!")
    assert code == 0
    number = int(said)
    assert box.run(f"cat /proc/{number}/cmdline | tr '\\0' ' '")[0] == b"/bin/bash -c (sleep 60; echo over > f) "
    assert box.run("cat f")[2] == 1
    advance(app, 59)
    assert box.run("cat f")[2] == 1
    advance(app, 2)
    assert box.run("cat f")[0] == b"over\n"
    assert box.run(f"ls /proc/{number}")[2] != 0


def test_both_keep_what_they_write(app: App, box: Box) -> None:
    box.run("echo 0 > f; (sleep 5; echo 2 >> f; echo back > g) &")
    box.run("echo 1 >> f; echo fore > h")
    advance(app, 6)
    assert box.run("cat f g h")[0] == b"0\n1\n2\nback\nfore\n"


def test_a_process_is_killed_and_known_by_its_number(box: Box) -> None:
    said, _, _ = box.run("sleep 100 & echo $!; kill -0 $! && echo lives")
    number = said.split()[0].decode()
    assert said.split()[1] == b"lives"
    assert box.run(f"kill -9 {number}")[2] == 0
    _, wrong, code = box.run(f"kill {number}")
    assert (b"No such process" in wrong, code) == (True, 1)


def test_a_sandbox_has_room_for_so_many_processes(box: Box) -> None:
    _, wrong, code = box.run("for each in $(seq 17); do sleep 100 & done; ps | wc -l")
    assert (wrong.count(b"Resource temporarily unavailable"), code) == (1, 0)
    (refused,) = events(box.start("cat", stdin=True))
    assert refused[1]["error"]["code"] == "resource_exhausted"
    box.api("DELETE", f"/{box.identity}")
    other = Box(box.app)
    assert other.run("for each in $(seq 16); do sleep 100 & done")[1] == b"", "those of a sandbox end with it"
    other.api("DELETE", f"/{other.identity}")


def test_a_reset_ends_what_goes_on(app: App, box: Box) -> None:
    box.run("sleep 100 & sleep 100 &")
    (first, second) = app.world.guests.of("prime", box.identity).processes
    done(admin(app, "POST", "/reset"))
    first.settle()
    second.settle()
    assert (first.finished is not None, second.finished is not None) == (True, True)


def test_a_session_that_is_over_is_told_again_to_who_asks_by_its_name(box: Box) -> None:
    found = [*events(box.start("echo once >> f; cat f; exit 3", identity="one"))]
    assert [kind for kind, _ in found] == ["start", "stdout", "end", "last"]
    again = [*events(box.start("echo once >> f; cat f; exit 3", identity="one"))]
    assert again == [found[0], ("end", 3), ("last", {})], "it is not run a second time"
    selector = wire.write_message([(1, wire.write_message([(3, "one")]))])
    assert [*events(box.ask(SESSION + "Connect", wire.frame(selector), **STREAM))] == again
    other = [*events(box.start("echo another", identity="one"))]
    assert [kind for kind, _ in other] == ["last"]
    assert other[0][1]["error"]["code"] == "failed_precondition"


@pytest.mark.parametrize("name", ["Connect", "SendInput", "SendSignal", "Update"])
def test_a_session_that_is_not_there(box: Box, name: str) -> None:
    for selector in (b"", wire.write_message([(3, "nobody")]), wire.write_message([(1, 4_711)])):
        message = wire.write_message([(1, selector), (2, b"")] if name != "SendSignal" else [(1, selector), (2, 15)])
        body, headers = (wire.frame(message), STREAM) if name == "Connect" else (message, PROTO)
        assert code_of(box.ask(SESSION + name, body, **headers)) == (404, "not_found")


@pytest.mark.parametrize("name", ["Connect", "SendInput", "SendSignal", "Update"])
def test_a_session_that_is_not_there_is_called_by_its_name(box: Box, name: str) -> None:
    for selector, told in (
        ([], "The request names no session"),
        ([(3, "nobody")], "There is no session with the session_uuid 'nobody'"),
        ([(1, 4_711)], "There is no session of the process 4711"),
    ):
        message = wire.write_message([(1, wire.write_message(selector)), (2, 15 if name == "SendSignal" else b"")])
        body, headers = (wire.frame(message), STREAM) if name == "Connect" else (message, PROTO)
        assert box.ask(SESSION + name, body, **headers).value["message"] == told


@pytest.mark.usefixtures("bare")
def test_without_the_interpreter_no_session_begins(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    """The stream that has begun ends with an error, and nothing has gone wrong in the server."""
    for more in ({"identity": "one"}, {"stdin": True}):
        ((kind, last),) = events(box.start("echo", **more))
        assert (kind, last["error"]["code"]) == ("last", "unimplemented")
        assert "is not installed" in last["error"]["message"]
    assert caplog.records == []


def test_no_sessions_go_on_in_a_new_sandbox(box: Box) -> None:
    box.run("sleep 100 &")
    reply = box.ask(SESSION + "List", b"", **PROTO)
    assert (reply.status, reply.media_type, reply.body) == (200, wire.CONTENT_TYPE, b"")


# Files


@pytest.mark.parametrize("content", [b"", b"\x00\xff\r\n--b0undar", bytes(range(256)) * 5_000])
def test_files_go_up_and_down_byte_for_byte(box: Box, content: bytes) -> None:
    assert box.upload("/tmp/new/f", content).value["size"] == len(content)
    reply = box.get("download?path=/tmp/new/f")
    assert (reply.body, reply.media_type) == (content, "application/octet-stream")
    assert box.run("wc -c < /tmp/new/f")[0].strip() == str(len(content)).encode()


def test_a_window_of_a_file_is_for_containers(app: App) -> None:
    for vm, window in ((False, {"total_size": 5, "offset": 1, "truncated": True}), (True, {})):
        box = Box(app, vm=vm)
        box.upload("/tmp/f", b"01234")
        read = box.get("read-file?path=/tmp/f&offset=1&length=2").value
        assert read == {"content": "01234" if vm else "12", "size": 5 if vm else 2, **window}
    for query, content in (("offset=-2", "34"), ("offset=9", ""), ("length=0", ""), ("offset=-9&length=1", "0")):
        box = Box(app, vm=False)
        box.upload("/tmp/f", b"01234")
        assert box.get(f"read-file?path=/tmp/f&{query}").value["content"] == content


def test_paths_lead_nowhere_else(box: Box) -> None:
    box.upload("../../../tmp/up", b"x")
    assert box.run("cat /tmp/up")[0] == b"x"
    box.run("ln -s /etc/passwd /tmp/link; ln -s ../../../../../../etc/shadow /tmp/up2")
    for path in ("/tmp/link", "/etc/passwd", "../../etc/passwd", "/proc/self/environ", "/tmp/up2"):
        assert b"/bin/sh\n" not in box.get(f"download?path={path}").body
    assert error_of(box.get("download?path=/nope")) == (404, "file_not_found")
    assert error_of(box.get("read-file?path=/tmp")) == (404, "file_not_found")
    assert error_of(box.upload("/tmp", b"x")) == (400, "not_written")
    for path in ("", "a%00b", "x" * 5_000):
        assert error_of(box.get(f"read-file?path={path}"))[0] == 422
    assert error_of(box.get("read-file"))[0] == 422


def test_what_is_too_large_is_refused(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakeserver.providers.prime.gateway.MAX_READ", 4)
    box.upload("/tmp/f", b"01234")
    assert error_of(box.get("read-file?path=/tmp/f")) == (413, "file_too_large")
    assert error_of(box.upload("/tmp/f", b"x" * (33 * 2**20)))[0] == 413
    assert code_of(box.ask(SESSION + "Start", b"x" * (2**20 + 1), **STREAM)) == (413, "resource_exhausted")


# Tokens


def test_a_token_is_for_one_sandbox_of_one_world(app: App, box: Box) -> None:
    other, elsewhere = Box(app), Box(app, ns="elsewhere")
    for stranger in (other, elsewhere):
        found = box.ask(SESSION + "Start", wire.frame(start_request("echo")), token=stranger.auth["token"], **STREAM)
        assert code_of(found) == ((404, "not_found") if stranger is other else (401, "unauthenticated"))
    assert error_of(box.ask("download?path=/etc/passwd", method="GET", token=other.auth["token"])) == (
        502,
        "sandbox_not_found",
    )
    assert elsewhere.run("echo there")[0] == b"there\n"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "prime-admin-key", "é", "." * 5_000])
def test_a_token_that_does_not_count(box: Box, token: str) -> None:
    reply = box.ask(SESSION + "Start", wire.frame(start_request("echo")), token=token, **STREAM)
    assert code_of(reply) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert error_of(box.ask("read-file?path=/f", method="GET", token=token)) == (401, "unauthenticated")


def test_a_token_with_other_claims_is_none(box: Box) -> None:
    head, claims, signature = box.auth["token"].split(".")
    text = json.dumps({"aud": "gateway", "sub": box.identity, "tenant": "main", "exp": 10**10})
    for spoilt in (f"{head}.{tokens.in_base64(text.encode())}.{signature}", f"{head}.{claims}.{signature[::-1]}"):
        assert error_of(box.ask("read-file?path=/f", method="GET", token=spoilt))[0] == 401


def test_a_token_expires_by_the_clock_on_the_wall(app: App, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    advance(app, 3_000)
    assert box.run("echo yet")[0] == b"yet\n"
    monkeypatch.setattr(tokens, "TOKEN_SECONDS", -1)
    late = box.api("POST", f"/{box.identity}/auth").value["token"]
    assert error_of(box.ask("read-file?path=/f", method="GET", token=late)) == (401, "unauthenticated")
    assert SECOND == 10**6


# States


def test_a_sandbox_that_does_not_run(app: App) -> None:
    box = Box(app)
    box.run("echo kept > f")
    box.api("POST", f"/{box.identity}/pause")
    assert code_of(box.start("cat f")) == (409, "aborted")
    assert error_of(box.execute("cat f")) == (409, "sandbox_not_running")
    box.api("POST", f"/{box.identity}/resume")
    assert box.run("cat f")[0] == b"kept\n"
    box.api("DELETE", f"/{box.identity}")
    assert code_of(box.start("cat f")) == (404, "not_found")
    assert error_of(box.execute("cat f")) == (410, "sandbox_terminated")
    assert not app.world.guests.knows(("prime", box.identity)), "its files are gone"


def test_a_sandbox_that_no_gateway_leads_to(app: App) -> None:
    box = Box(app, outcome="unreachable")
    assert box.api("GET", f"/{box.identity}").value["status"] == "RUNNING"
    assert code_of(box.start("echo")) == (404, "not_found")
    assert error_of(box.execute("echo")) == (502, "sandbox_not_found")


def test_whoever_is_used_does_not_idle_out(app: App) -> None:
    box = Box(app, idle_timeout_minutes=10, timeout_minutes=60)
    for _ in range(3):
        advance(app, 9 * 60)
        assert box.run("echo still here")[2] == 0
    advance(app, 11 * 60)
    assert error_of(box.execute("echo")) == (410, "sandbox_terminated")


# Hostile


@pytest.mark.parametrize("name", ["Start", "Connect"])
@pytest.mark.parametrize("body", [*MALFORMED, *map(wire.frame, MESSAGES)])
def test_a_stream_that_is_not_asked_for_as_it_must_be(box: Box, name: str, body: bytes) -> None:
    status, code = code_of(box.ask(SESSION + name, body, **STREAM))
    assert (status, code) in {(400, "invalid_argument"), (404, "not_found")}
    assert status == 400 or name == "Connect"


@pytest.mark.parametrize("name", ["Start", "Connect"])
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"command": {"cmd": "ls"}}', "The body looks like JSON"),
        (b"[]", "The body looks like JSON"),
        (wire.frame(b"", flags=1), "The frame is compressed"),
        (wire.frame(b"{}", flags=2), "The frame has the flag 2, which ends a stream"),
        (wire.frame(b"", flags=8), "The frame has the flags 8, which mean nothing"),
    ],
)
def test_a_body_that_is_no_frame_is_called_what_it_is(box: Box, name: str, body: bytes, told: str) -> None:
    reply = box.ask(SESSION + name, body, **STREAM)
    assert code_of(reply) == (400, "invalid_argument")
    assert reply.value["message"].startswith(told)


NAMES = ("Start", "Connect", "SendInput", "SendSignal", "Update", "List")


def wanted(name: str) -> str:
    return wire.STREAM_TYPE if name in ("Start", "Connect") else wire.CONTENT_TYPE


def sound(name: str) -> bytes:
    """A body that is as it must be, about a session that is not there."""
    about = start_request("echo") if name == "Start" else wire.write_message([(1, wire.write_message([(1, 4_711)]))])
    return wire.frame(about) if wanted(name) == wire.STREAM_TYPE else about


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sent", ["application/json", "application/connect+json", "", "the other", "x" * 5_000])
def test_a_body_is_sent_as_what_it_is(box: Box, name: str, sent: str) -> None:
    """Any other media type is refused, and the refusal says which one is wanted."""
    other = {wire.STREAM_TYPE: wire.CONTENT_TYPE, wire.CONTENT_TYPE: wire.STREAM_TYPE}[wanted(name)]
    headers = {"content-type": other if sent == "the other" else sent} if sent else {}
    reply = box.ask(SESSION + name, sound(name), **headers)
    assert code_of(reply) == (415, "unknown")
    assert reply.value["message"].startswith(f"The body must be sent as {wanted(name)}, ")
    assert reply.headers["accept-post"] == wanted(name)
    assert len(reply.value["message"]) < 300


@pytest.mark.parametrize("name", NAMES)
def test_a_media_type_may_have_parameters_and_capitals(box: Box, name: str) -> None:
    media_type = {"content-type": f"{wanted(name).title()}; charset=utf-8"}
    assert box.ask(SESSION + name, sound(name), **media_type).status in (200, 404)


@pytest.mark.parametrize("name", NAMES)
def test_bodies_that_are_compressed_are_not_read(box: Box, name: str) -> None:
    head = "connect-content-encoding" if wanted(name) == wire.STREAM_TYPE else "content-encoding"
    body = sound(name)
    sent = {"content-type": wanted(name)}
    reply = box.ask(SESSION + name, body, **sent, **{head: "gzip"})
    assert code_of(reply) == (501, "unimplemented")
    assert "'gzip' is not supported" in reply.value["message"]
    assert box.ask(SESSION + name, body, **sent, **{head: "identity"}).status in (200, 404)


@pytest.mark.parametrize("name", ["SendInput", "SendSignal", "Update", "List"])
@pytest.mark.parametrize("body", MESSAGES)
def test_a_message_that_is_none(box: Box, name: str, body: bytes) -> None:
    reply = box.ask(SESSION + name, body, **PROTO)
    assert reply.status == 200 or code_of(reply) in {(400, "invalid_argument"), (404, "not_found")}
    assert name != "List" or reply.status == (200 if body[:1] in (b"\x08", b"\x0a") and reply.status == 200 else 400)


@pytest.mark.parametrize(
    "more",
    [
        {"env": {"": "x"}},
        {"env": {"A=B": "x"}},
        {"env": {"A": "\0"}},
        {"cwd": "\0"},
        {"user": "../../etc"},
        {"user": "-x"},
    ],
)
def test_what_surrounds_a_command_is_refused_by_its_name(box: Box, more: Row) -> None:
    assert code_of(box.start("echo", **more)) == (400, "invalid_argument")
    renamed = {"working_dir" if name == "cwd" else name: value for name, value in more.items()}
    assert error_of(box.execute("echo", **renamed))[0] == 422


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"{", b'{"command": 1}', b'{"command": "x", "timeout": 0}', b'{"command": "\\u0000"}']
)
def test_a_wish_for_a_command_that_is_none(box: Box, body: bytes) -> None:
    assert error_of(box.ask("exec", body, **JSON))[0] == 422


@pytest.mark.parametrize("body", [b"", b"x", f"--{BOUNDARY}--".encode(), b"--b0undary\r\n\r\n\r\n"])
def test_a_form_that_is_none(box: Box, body: bytes) -> None:
    form = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    assert error_of(box.ask("upload?path=/tmp/f", body, **form))[0] == 422
    assert error_of(box.ask("upload?path=/tmp/f", b"x", **JSON))[0] == 422


def test_a_bomb_of_processes_comes_to_its_end(box: Box) -> None:
    box.run("bomb() { bomb | bomb & }; bomb")
    guest = box.app.world.guests.of("prime", box.identity)
    for process in guest.processes:
        process.stop()
        process.settle()
    assert box.run("echo still here")[0] == b"still here\n"


# On demand


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=lambda each: str(each)[-40:])
def test_every_documented_status_can_be_had(box: Box, method: str, path: str, operation: Row) -> None:
    name = path.removeprefix("/gateway/{user_ns}/{job_id}/")
    for status in (int(code) for code in operation["responses"] if int(code) >= 400):
        reply = box.ask(f"{name}?path=/f", b"x", method=method, prefer=f"code={status}")
        assert (reply.status, reply.headers["preference-applied"]) == (status, f"code={status}")
        (code_of if name.startswith(SESSION) else error_of)(reply)


def test_a_script_stands_in_for_a_command(app: App, box: Box) -> None:
    from fakeserver.commands.scripts import Script

    app.world.guests.scripts.rows.append(Script("pytest*", "3 passed\n", exit_code=1))
    assert box.run("pytest -q") == (b"3 passed\n", b"", 1)
    assert box.execute("pytest").value == {"stdout": "3 passed\n", "stderr": "", "exit_code": 1}


@pytest.mark.parametrize("stdin", [False, True])
def test_files_that_are_damaged_are_told_at_the_end_of_a_stream(stdin: bool) -> None:
    """They came with a snapshot, which is looked into when somebody wants them; the answer has begun by then."""
    app = small_app()
    box = Box(app)
    app.world.guests._kept.put(("prime", box.identity), bytes(32) + b"BKSNAP" + bytes(32))
    last, told = list(events(box.start("echo hi", stdin=stdin)))[-1]
    assert last == "last"
    assert told["error"]["code"] == "failed_precondition"
    assert "damaged" in told["error"]["message"]
