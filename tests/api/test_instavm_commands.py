"""InstaVM's data plane: commands, executions behind their answer, and files, as the raw protocol has them."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema_rs import Draft202012Validator

from fakeserver.commands.scripts import Script
from tests.api.test_life_instavm import OPERATIONS, SECOND, START, Fake
from tests.support.admin import admin, done, refused
from tests.support.asgi import EPOCH, Reply, schema_of

MULTIPART = {"content-type": "multipart/form-data; boundary=b0undary"}
URL_ENCODED = {"content-type": "application/x-www-form-urlencoded"}
LARGEST = 10_000_000


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def session(fake: Fake) -> str:
    return fake.session()


def check(name: str, value: Any) -> Any:
    """An answer that is as the spec has it."""
    content = OPERATIONS[name][2]["responses"]["200"]["content"]["application/json"]
    Draft202012Validator(schema_of("instavm", content["schema"])).validate(value)
    return value


def run(fake: Fake, session_id: str, command: str, *, language: str | None = "bash", **more: Any) -> Any:
    body = {"command": command, "session_id": session_id, "language": language, **more}
    return check("executeCommand", fake.done("POST", "/execute", body))


def stdout_of(fake: Fake, session_id: str, command: str) -> str:
    result = run(fake, session_id, command)
    assert (result["exit_code"], result["stderr"]) == (0, "")
    return str(result["stdout"])


def begin(fake: Fake, session_id: str, command: str, **more: Any) -> str:
    body = {"command": command, "session_id": session_id, "language": "bash", **more}
    task_id: str = check("executeCommandAsync", fake.done("POST", "/execute_async", body))["task_id"]
    return task_id


def execution(fake: Fake, task_id: str) -> Any:
    return check("getExecution", fake.done("GET", f"/v1/executions/{task_id}"))


def finished(fake: Fake, task_id: str) -> Any:
    """The execution when its command has ended, however long the machine takes for that."""
    while not (found := execution(fake, task_id))["is_complete"]:
        pass
    return found


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    told = "" if filename is None else f'; filename="{filename}"'
    return f'--b0undary\r\nContent-Disposition: form-data; name="{name}"{told}\r\n\r\n'.encode() + content + b"\r\n"


def form(session_id: str, remote: str, content: bytes, filename: str = "local") -> bytes:
    fields = part("remote_path", remote.encode()) + part("session_id", session_id.encode())
    return fields + part("file", content, filename) + b"--b0undary--\r\n"


def upload(fake: Fake, session_id: str, remote: str, content: bytes, **more: str) -> Reply:
    return fake.ask("POST", "/upload", form(session_id, remote, content, **more), **MULTIPART)


def download(fake: Fake, session_id: str, filename: str, who: str = "admin") -> Reply:
    body = urlencode({"filename": filename, "session_id": session_id}).encode()
    return fake.ask("POST", "/download", body, who=who, **URL_ENCODED)


def content_of(fake: Fake, session_id: str, filename: str) -> bytes:
    reply = download(fake, session_id, filename)
    assert reply.status == 200, reply.body
    return base64.b64decode(check("downloadFile", reply.value)["content"], validate=True)


def kinds(detail: Any) -> list[tuple[list[str], str]]:
    return [(each["loc"], each["type"]) for each in detail]


# Commands


def test_python_is_the_language_that_nobody_names(fake: Fake, session: str) -> None:
    for language in (None, "python"):
        result = run(fake, session, "print(1 + 1, 'two')", language=language)
        assert (result["stdout"], result["stderr"], result["exit_code"]) == ("2 two\n", "", 0)
    body = {"command": "print('no member')", "session_id": session}
    assert fake.done("POST", "/execute", body)["stdout"] == "no member\n"


def test_what_a_command_answers(fake: Fake, session: str) -> None:
    result = run(fake, session, "echo out; echo err >&2; exit 7")
    assert (result["stdout"], result["stderr"], result["exit_code"]) == ("out\n", "err\n", 7)
    assert run(fake, session, "if")["exit_code"] == 2
    assert run(fake, session, "printf '\\xff\\n'")["stdout"] == "\ufffd\n"


def test_a_command_sleeps_by_the_clock_of_its_vm(fake: Fake, session: str) -> None:
    """It takes that long for itself alone, and the processor rests meanwhile."""
    result = run(fake, session, "date +%s; sleep 90; date +%s")
    first, second = map(int, result["stdout"].split())
    assert first == EPOCH // SECOND
    assert second - first == 90
    assert 90 <= result["execution_time"] < 95
    assert result["cpu_time"] < 5
    assert fake.done("GET", f"/v1/sessions/usage/{session}")["runtime_seconds"] == 0


@pytest.mark.parametrize("command", ["echo before; sleep 60; echo after", "echo before; while :; do :; done"])
def test_a_command_is_ended_when_its_time_is_up(fake: Fake, session: str, command: str) -> None:
    result = run(fake, session, command, timeout=1)
    assert (result["stdout"], result["exit_code"]) == ("before\n", 124)
    assert result["stderr"].endswith("Execution timed out after 1 seconds\n")
    assert stdout_of(fake, session, "echo alive") == "alive\n"


def test_a_seeded_session_runs_commands(fake: Fake) -> None:
    """And the one of a VM that is suspended does not."""
    assert stdout_of(fake, fake.seeded("active")["session_id"], "echo hi") == "hi\n"
    body = {"command": "x", "session_id": fake.seeded("suspended")["session_id"]}
    assert fake.refused(409, "POST", "/execute", body) == "Cannot run commands in a VM that is suspended"


def test_scripted_commands_answer_as_they_are_told(fake: Fake, session: str) -> None:
    """In either language, at once and behind the answer."""
    made = Script("*make all*", stdout="built\n", stderr="warned\n", exit_code=3)
    fake.app.world.guests.scripts.rows = [made]
    for command, language in (("make all", "bash"), ("import os  # make all", "python")):
        result = run(fake, session, command, language=language)
        assert (result["stdout"], result["stderr"], result["exit_code"]) == ("built\n", "warned\n", 3)
    assert finished(fake, begin(fake, session, "make all"))["serialized_stdout"] == "built\n"
    assert made.hits == 3
    assert run(fake, session, "no-such-program")["exit_code"] == 127


GREEDY = {
    "a fork bomb": (":(){ :|:& };:", "bash"),
    "an endless loop": ("while True: pass", "python"),
    "a gigabyte of output": ("head -c 1000000000 /dev/zero | tr '\\0' a", "bash"),
    "more than there is memory": ("x = 'a' * 10**10", "python"),
    "a million files": ("for i in $(seq 1000000); do echo $i > f$i; done", "bash"),
    "endless recursion": ("f() { f; }; f", "bash"),
}
MOST_BYTES = 2 * 2**20


@pytest.mark.parametrize("what", GREEDY)
def test_a_greedy_command_comes_to_an_end(fake: Fake, session: str, what: str) -> None:
    """A clear one, with an answer that has bounds, and behind which the VM goes on."""
    command, language = GREEDY[what]
    reply = fake.ask(
        "POST", "/execute", {"command": command, "session_id": session, "language": language, "timeout": 1}
    )
    assert reply.status == 200
    assert reply.value["exit_code"] in (0, 1, 124, 137, 139)
    assert len(reply.body) < MOST_BYTES
    assert stdout_of(fake, session, "echo alive") == "alive\n"


def test_no_variable_of_this_machine_is_there(fake: Fake, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKESERVER_CANARY", "tr0ub4dor")
    told = [run(fake, session, each)["stdout"] for each in ("env; set; export -p", "cat /proc/*/environ; ps; hostname")]
    told.append(run(fake, session, "import os\nprint(os.getenv('FAKESERVER_CANARY'))", language="python")["stdout"])
    assert told[2] == "None\n"
    assert "tr0ub4dor" not in "".join(told)


BAD = [
    ({}, [(["body", "command"], "missing"), (["body", "session_id"], "missing")]),
    ({"command": "", "session_id": "x"}, [(["body", "command"], "string_too_short")]),
    ({"command": 5, "session_id": "x"}, [(["body", "command"], "string_type")]),
    ({"command": "x", "session_id": None}, [(["body", "session_id"], "string_type")]),
    ({"command": "x", "session_id": "x", "language": "cobol"}, [(["body", "language"], "enum")]),
    ({"command": "x", "session_id": "x", "timeout": 0}, [(["body", "timeout"], "greater_than_equal")]),
    ({"command": "x", "session_id": "x", "timeout": 86_401}, [(["body", "timeout"], "less_than_equal")]),
    ({"command": "x", "session_id": "x", "timeout": "soon"}, [(["body", "timeout"], "int_type")]),
    (b"{", [(["body"], "json_invalid")]),
    (b"", [(["body"], "missing")]),
]


@pytest.mark.parametrize(("body", "issues"), BAD)
@pytest.mark.parametrize("path", ["/execute", "/execute_async"])
def test_bad_bodies_name_the_member(fake: Fake, path: str, body: Any, issues: Any) -> None:
    found = kinds(fake.refused(422, "POST", path, body))
    assert [loc for loc, _ in found] == [loc for loc, _ in issues]
    assert [type_.removesuffix("_error") for _, type_ in found] == [type_.removesuffix("_error") for _, type_ in issues]


def test_a_body_that_is_too_large(fake: Fake, session: str) -> None:
    """A very long command is none that anybody runs, one that is longer than Linux takes does not begin."""
    assert stdout_of(fake, session, f"echo {'x' * 100_000} | wc -c").strip() == "100001"
    assert run(fake, session, f"echo {'x' * 500_000} | wc -c")["stderr"] == "bash: Argument list too long\n"
    body = {"command": "x" * 2**20, "session_id": session}
    assert "longer than" in fake.refused(413, "POST", "/execute", body)


# The life of a VM


def refusals(fake: Fake, session_id: str, **more: Any) -> set[tuple[int, str]]:
    """What every operation of the data plane says of a session."""
    command = {"command": "echo hi", "session_id": session_id, "language": "bash"}
    replies = [fake.ask("POST", path, command, **more) for path in ("/execute", "/execute_async")]
    replies.append(download(fake, session_id, "/etc/passwd", **more))
    replies.append(fake.ask("POST", "/upload", form(session_id, "/x", b""), **more, **MULTIPART))
    return {(each.status, each.value["detail"]) for each in replies}


def test_sessions_that_are_not_the_accounts(fake: Fake, session: str) -> None:
    """Another account's is as unknown as one that nobody has; a colleague's is shared."""
    assert refusals(fake, "nobody") == {(404, "Session not found")}
    assert refusals(fake, session, who="outsider") == {(404, "Session not found")}
    body = {"command": "echo hi", "session_id": session, "language": "bash"}
    assert fake.done("POST", "/execute", body, who="member")["stdout"] == "hi\n"
    task_id = begin(fake, session, "echo hi")
    assert fake.refused(404, "GET", f"/v1/executions/{task_id}", who="outsider") == "Execution not found"
    assert fake.refused(404, "GET", "/v1/executions/nobody") == "Execution not found"


def test_a_vm_that_is_killed_runs_nothing_and_keeps_nothing(fake: Fake, session: str) -> None:
    """Its files are gone for whoever looks into a snapshot of the world."""
    run(fake, session, "echo canary > /root/note")
    fake.done("POST", "/kill", {"session_id": session})
    assert refusals(fake, session) == {(409, "Cannot run commands in a VM that is killed")}
    assert fake.snapshot()["guests"]["files"] == {}
    respawned = fake.vm(session_id=session)
    assert respawned["session_id"] == session
    assert run(fake, session, "cat /root/note")["exit_code"] == 1


def test_time_ends_a_vm(fake: Fake) -> None:
    session_id = fake.session(vm_lifetime_seconds=60)
    assert stdout_of(fake, session_id, "echo hi") == "hi\n"
    fake.wait(60)
    assert refusals(fake, session_id) == {(409, "Cannot run commands in a VM that is killed")}


def test_a_suspended_vm_keeps_its_files(fake: Fake, session: str) -> None:
    """Under its next id, and nothing has the one before any more."""
    run(fake, session, "echo one > note")
    old = fake.status(session)["vm_id"]
    fake.done("POST", f"/v1/vms/{old}/suspend")
    assert refusals(fake, session) == {(409, "Cannot run commands in a VM that is suspended")}
    new = fake.done("POST", f"/v1/vms/{old}/resume")["vm_id"]
    assert {*fake.snapshot()["guests"]["files"]["instavm"]} == {new}
    assert stdout_of(fake, session, "cat note; hostname") == f"one\n{new}\n"


def test_a_command_resumes_a_vm_that_may_be(fake: Fake, session: str) -> None:
    vm_id = fake.status(session)["vm_id"]
    run(fake, session, "echo one > note")
    fake.done("PATCH", f"/v1/vms/{vm_id}", {"auto_resume": True})
    for _ in range(2):
        fake.done("POST", f"/v1/vms/{fake.status(session)['vm_id']}/suspend")
        assert content_of(fake, session, "note") == b"one\n"
        assert stdout_of(fake, session, "cat note") == "one\n"
        assert fake.status(session)["vm_alive"] is True
    assert fake.status(session)["vm_id"] != vm_id


def test_a_command_waits_for_a_vm_that_is_not_ready() -> None:
    """It is ready for everybody then; where passing states wait for somebody, it is not."""
    fake = Fake(transitions="clock")
    session_id = fake.session()
    assert fake.status(session_id)["vm_status"] == "creating"
    assert stdout_of(fake, session_id, "echo hi") == "hi\n"
    assert fake.status(session_id)["vm_status"] == "active"
    fake = Fake(transitions="manual")
    session_id = fake.session()
    assert refusals(fake, session_id) == {(409, "Cannot run commands in a VM that is creating")}


def test_a_clone_has_the_files_and_goes_its_own_way(fake: Fake, session: str) -> None:
    run(fake, session, "echo one > note")
    vm_id = fake.status(session)["vm_id"]
    clone = fake.done("POST", f"/v1/vms/{vm_id}/clone", {"snapshot_name": "base"})
    run(fake, session, "echo two > note")
    assert stdout_of(fake, clone["session_id"], "cat note") == "one\n"
    started = fake.vm(snapshot_id=clone["snapshot_id"])
    assert stdout_of(fake, started["session_id"], "cat note; echo three > note") == "one\n"
    again = fake.vm(snapshot_id=clone["snapshot_id"])
    assert stdout_of(fake, again["session_id"], "cat note") == "one\n"
    fake.done("DELETE", f"/v1/snapshots/{clone['snapshot_id']}")
    assert clone["snapshot_id"] not in fake.snapshot()["guests"]["files"]["instavm"]


def test_the_snapshot_that_a_vm_leaves_has_its_files(fake: Fake) -> None:
    vm = fake.vm(snapshot_on_terminate=True)
    run(fake, vm["session_id"], "echo last > note")
    fake.done("DELETE", f"/v1/vms/{vm['vm_id']}")
    left = fake.done("GET", "/v1/snapshots")[0]["id"]
    assert stdout_of(fake, fake.vm(snapshot_id=left)["session_id"], "cat note") == "last\n"


def test_a_world_is_restored_with_its_files(fake: Fake, session: str) -> None:
    run(fake, session, "echo one > note")
    task_id = begin(fake, session, "echo done")
    finished(fake, task_id)
    other = Fake()
    other.restore(fake.snapshot())
    assert stdout_of(other, session, "cat note") == "one\n"
    assert execution(other, task_id) == execution(fake, task_id)
    done(admin(other.app, "POST", "/reset"))
    assert refusals(other, session) == {(404, "Session not found")}


def test_variables_are_shown_nowhere(fake: Fake) -> None:
    """Commands find them, and neither the journal nor a snapshot has them."""
    session_id = fake.session(env={"TOKEN": "tr0ub4dor", "N": 4, "FLAG": True})
    vm_id = fake.status(session_id)["vm_id"]
    staged = fake.done("POST", f"/v1/vms/{vm_id}/stage-env", {"entries": [{"env_name": "LATE", "value": "st4ged"}]})
    assert staged == {"vm_id": vm_id, "staged": 1}
    assert stdout_of(fake, session_id, "echo ${#TOKEN} $N $FLAG ${#LATE}") == "9 4 true 6\n"
    told = json.dumps([fake.snapshot(), done(admin(fake.app, "GET", "/requests")), fake.records()])
    assert "tr0ub4dor" not in told
    assert "st4ged" not in told


def test_variables_that_are_no_texts(fake: Fake) -> None:
    """What is no text counts as its JSON, and null as nothing; a name that no variable has is refused."""
    session_id = fake.session(env={"LIST": [1, "a"], "NUMBER": 1.5, "NONE": None, "EMPTY": ""})
    assert stdout_of(fake, session_id, 'echo "$LIST" $NUMBER [${NONE-unset}] [${EMPTY-unset}]') == (
        '[1, "a"] 1.5 [unset] []\n'
    )
    for body in ({"env": {"A-B": "x"}}, {"env": {"": "x"}}):
        ((loc, type_),) = kinds(fake.refused(422, "POST", "/v1/vms", body))
        assert (loc[:2], type_) == (["body", "env"], "string_pattern_mismatch")


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A=B", "A\n", "Ä"])
def test_names_that_no_variable_has(fake: Fake, session: str, name: str) -> None:
    vm_id = fake.status(session)["vm_id"]
    body = {"entries": [{"env_name": name, "value": "x"}]}
    found = kinds(fake.refused(422, "POST", f"/v1/vms/{vm_id}/stage-env", body))
    assert found == [(["body", "entries", 0, "env_name"], "string_pattern_mismatch")]


# Executions


def test_an_execution_behind_its_answer(fake: Fake, session: str) -> None:
    task_id = begin(fake, session, "echo out; echo err >&2; echo kept > note; exit 3")
    found = finished(fake, task_id)
    assert (found["serialized_stdout"], found["serialized_stderr"], found["exit_code"]) == ("out\n", "err\n", 3)
    assert (found["task_id"], found["session_id"]) == (task_id, session)
    assert found["created_at"] == found["completed_at"] == f"{START}.000000"
    assert stdout_of(fake, session, "cat note") == "kept\n"


def test_an_execution_sleeps_until_the_clock_says(fake: Fake, session: str) -> None:
    """Until then, nothing is known of what it comes to."""
    task_id = begin(fake, session, "echo out; sleep 30; echo done")
    stdout_of(fake, session, "echo the command before has ended")
    for _ in range(2):
        found = execution(fake, task_id)
        assert {found[name] for name in ("serialized_stdout", "exit_code", "execution_time", "completed_at")} == {None}
        assert found["is_complete"] is False
        fake.wait(29 if _ == 0 else 1)
    assert finished(fake, task_id)["serialized_stdout"] == "out\ndone\n"


def test_an_execution_that_takes_too_long(fake: Fake, session: str) -> None:
    task_id = begin(fake, session, "echo out; sleep 30", timeout=2)
    fake.wait(2)
    found = finished(fake, task_id)
    assert (found["serialized_stdout"], found["exit_code"]) == ("out\n", 124)


def test_so_many_executions_run_at_once(fake: Fake, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is a 429 until another has ended; another account may still begin one."""
    monkeypatch.setattr("fakeserver.providers.instavm.commands.MOST_RUNNING", 2)
    theirs = fake.done("POST", "/v1/vms", {}, who="outsider")["session_id"]
    tasks = [begin(fake, session, "while :; do :; done", timeout=1) for _ in range(2)]
    body = {"command": "echo hi", "session_id": session, "language": "bash"}
    assert "at once" in fake.refused(429, "POST", "/execute_async", body)
    assert fake.done("POST", "/execute_async", {**body, "session_id": theirs}, who="outsider")["task_id"]
    assert {finished(fake, each)["exit_code"] for each in tasks} == {124}
    assert finished(fake, begin(fake, session, "echo hi"))["serialized_stdout"] == "hi\n"


def test_the_oldest_execution_makes_room(fake: Fake, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakeserver.providers.instavm.commands.MOST_EXECUTIONS", 2)
    tasks = []
    for text in ("one", "two", "three"):
        tasks.append(begin(fake, session, f"echo {text}"))
        finished(fake, tasks[-1])
        fake.wait(1)
    assert fake.refused(404, "GET", f"/v1/executions/{tasks[0]}") == "Execution not found"
    assert [execution(fake, each)["serialized_stdout"] for each in tasks[1:]] == ["two\n", "three\n"]


def test_a_reset_takes_executions_away(fake: Fake, session: str) -> None:
    """Also one that ends afterwards."""
    task_id = begin(fake, session, "for i in $(seq 20000); do :; done")
    done(admin(fake.app, "POST", "/reset"))
    assert fake.refused(404, "GET", f"/v1/executions/{task_id}") == "Execution not found"
    assert fake.app.world.guests.changed is False


# Files


CONTENTS = {
    "empty": b"",
    "every byte": bytes(range(256)),
    "an end of a form": b"\r\n--b0undar\r\n--b0undary",
    "several megabytes": bytes(range(251)) * 20_000,
}


@pytest.mark.parametrize("what", CONTENTS)
def test_files_come_back_byte_for_byte(fake: Fake, session: str, what: str) -> None:
    content = CONTENTS[what].removesuffix(b"\r\n--b0undary")
    reply = upload(fake, session, "/data/deep/file.bin", content)
    assert check("uploadFile", reply.value) == {
        "filename": "local",
        "path": "/data/deep/file.bin",
        "size": len(content),
    }
    assert content_of(fake, session, "/data/deep/file.bin") == content
    assert stdout_of(fake, session, "wc -c < /data/deep/file.bin").strip() == str(len(content))


@pytest.mark.parametrize(
    ("remote", "path"),
    [
        ("relative", "/root/relative"),
        ("../up", "/up"),
        ("../../../../../up", "/up"),
        ("/tmp/../tmp/./x", "/tmp/x"),
        ("grüße 日本 ✓.txt", "/root/grüße 日本 ✓.txt"),
        ("a'b\"c$(id)&+%20", "/root/a'b\"c$(id)&+%20"),
        ("-rf", "/root/-rf"),
        ("/tmp", "/tmp/local"),
        ("new/", "/root/new/local"),
    ],
)
def test_where_a_file_is(fake: Fake, session: str, remote: str, path: str) -> None:
    """Paths lead nowhere but through the VM's own files."""
    assert upload(fake, session, remote, b"here").status == 200
    assert content_of(fake, session, path) == b"here"
    assert stdout_of(fake, session, f"cat -- {quoted(path)}") == "here"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.mark.parametrize("name", ["C:\\Users\\me\\file.txt", "/home/me/file.txt", "../../file.txt", "file.txt"])
def test_the_name_of_a_file_is_its_last_part(fake: Fake, session: str, name: str) -> None:
    assert upload(fake, session, "/tmp/", b"here", filename=name).value["path"] == "/tmp/file.txt"


@pytest.mark.parametrize("path", ["/proc/x", "/a\0b", "/" + "n" * 5_000, "/etc/passwd/x", "/tmp/../..", "/a\nb"])
def test_where_no_file_can_be(fake: Fake, session: str, path: str) -> None:
    """A 400 that names it, in as many words as anybody reads."""
    reply = upload(fake, session, path, b"x", filename="")
    assert reply.status == 400, reply.body
    assert reply.value["detail"].startswith("Cannot write /")
    assert len(reply.value["detail"]) < 500
    assert download(fake, session, path).status in (400, 404)


def test_files_that_are_not_there(fake: Fake, session: str) -> None:
    assert download(fake, session, "none").value == {"detail": "File not found: /root/none"}
    assert download(fake, session, "none").status == 404
    assert (download(fake, session, "/tmp").status, download(fake, session, "/").status) == (400, 400)
    run(fake, session, "ln -s loop /root/loop; ln -s / /root/all")
    assert download(fake, session, "loop").status == 400
    assert download(fake, session, "all/../root/none").status == 404


def test_nothing_of_this_machine_is_there(fake: Fake, session: str, tmp_path: Any) -> None:
    """Neither by its path, nor by a link to it, nor from a command."""
    canary = tmp_path / "canary"
    canary.write_text("of the host")
    assert download(fake, session, str(canary)).status == 404
    assert download(fake, session, f"../../../../../..{canary}").status == 404
    run(fake, session, f"ln -s {canary} /root/link")
    assert download(fake, session, "link").status == 404
    assert upload(fake, session, str(canary), b"changed").status == 200
    assert canary.read_text() == "of the host"
    assert content_of(fake, session, "link") == b"changed"


def test_a_file_that_is_too_large(fake: Fake, session: str) -> None:
    assert upload(fake, session, "/x", b"x" * LARGEST).status == 200
    reply = upload(fake, session, "/y", b"x" * (LARGEST + 1))
    assert (reply.status, reply.value) == (413, {"detail": f"Cannot write /y: a file has at most {LARGEST} bytes"})
    reply = upload(fake, session, "/y", b"x" * (LARGEST + 100_000))
    assert reply.status == 413
    assert download(fake, session, "/y").status == 404


END = b"--b0undary--\r\n"
FIELDS = part("remote_path", b"/x") + part("session_id", b"any")
FORMS = [
    (b"", [(["body"], "missing")]),
    (END, [(["body", name], "missing") for name in ("file", "remote_path", "session_id")]),
    (FIELDS + END, [(["body", "file"], "missing")]),
    (FIELDS + part("file", b"a text") + END, [(["body", "file"], "value_error")]),
    (
        part("remote_path", b"/x", "a file") + part("session_id", b"any") + part("file", b"", "x") + END,
        [(["body", "remote_path"], "string_type")],
    ),
    (
        FIELDS + part("file", b"", "x") + part("recursive", b"perhaps") + END,
        [(["body", "recursive"], "enum")],
    ),
    (
        part("remote_path", b"") + part("session_id", b"any") + part("file", b"", "x") + END,
        [(["body", "remote_path"], "string_too_short")],
    ),
    (FIELDS.replace(b"/x", b"\xff") + END, [(["body"], "form_invalid")]),
    (b"no form at all", [(["body"], "form_invalid")]),
    (b"--b0undary\r\nno header\r\n\r\n" + END, [(["body"], "form_invalid")]),
    (b"".join(part(f"f{n}", b"") for n in range(101)) + END, [(["body"], "too_long")]),
]


@pytest.mark.parametrize(("raw", "issues"), FORMS, ids=range(len(FORMS)))
def test_bad_forms_name_the_field(fake: Fake, raw: bytes, issues: Any) -> None:
    assert kinds(fake.refused(422, "POST", "/upload", raw, **MULTIPART)) == issues


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=b0undary",
    ],
)
def test_a_form_of_another_kind(fake: Fake, session: str, content_type: str) -> None:
    raw = form(session, "/x", b"x")
    ((loc, type_),) = kinds(fake.refused(422, "POST", "/upload", raw, **{"content-type": content_type}))
    assert (loc, type_) in ((["body"], "content_type"), (["body"], "form_invalid"))


@pytest.mark.parametrize(
    ("raw", "issues"),
    [
        (b"", [(["body"], "missing")]),
        (b"filename=x", [(["body", "session_id"], "missing")]),
        (b"filename=&session_id=x", [(["body", "filename"], "string_too_short")]),
        (b"filename=%ff&session_id=x", [(["body"], "form_invalid")]),
        (b"filename=\xff&session_id=x", [(["body"], "form_invalid")]),
        (b"&".join(b"f%d=" % n for n in range(101)), [(["body"], "too_long")]),
    ],
)
def test_bad_questions_for_a_file(fake: Fake, raw: bytes, issues: Any) -> None:
    assert kinds(fake.refused(422, "POST", "/download", raw, **URL_ENCODED)) == issues


def test_a_file_is_asked_for_in_the_form_that_is_declared(fake: Fake, session: str) -> None:
    upload(fake, session, "/tmp/a b+c&d.txt", b"here")
    assert content_of(fake, session, "/tmp/a b+c&d.txt") == b"here"
    body = part("filename", b"/tmp/a b+c&d.txt") + part("session_id", session.encode()) + END
    assert kinds(fake.refused(422, "POST", "/download", body, **MULTIPART)) == [(["body"], "content_type")]


def test_the_admin_api_finds_files_by_the_id_of_a_session(fake: Fake, session: str) -> None:
    """One of which something is stored, one that was seeded, and one whose VM has another id by now; an execution has
    no files."""
    seeded = fake.seeded("active")
    for session_id in (session, seeded["session_id"]):
        stdout_of(fake, session_id, "echo kept > /root/note")
        assert admin(fake.app, "GET", f"/files/instavm/{session_id}?path=/root/note").body == b"kept\n"
    for step in ("suspend", "resume?wait=true"):
        fake.done("POST", f"/v1/vms/{seeded['vm_id']}/{step}")
    assert admin(fake.app, "GET", f"/files/instavm/{seeded['session_id']}?path=/root/note").body == b"kept\n"
    task = admin(fake.app, "GET", f"/files/instavm/{begin(fake, session, 'true')}")
    assert "has no files" in refused(task, 404, "id")["detail"]
    fake.done("POST", "/kill", {"session_id": session})
    assert "has ended" in refused(admin(fake.app, "GET", f"/files/instavm/{session}"), 404, "id")["detail"]
