"""`instavm` from PyPI and its command line run commands and move files on the live fake, in worlds of their own."""

from __future__ import annotations

import ast
import inspect
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from instavm import (
    AuthenticationError,
    ExecutionError,
    InstaVM,
    InstaVMError,
    NetworkError,
    RateLimitError,
    SessionError,
    sandbox_client,
)
from instavm.cli import main

from tests.support.asgi import services
from tests.support.server import Live

KEY = "instavm-admin-key"
Connect = Callable[..., InstaVM]


@pytest.fixture
def base_url(live: Live) -> str:
    return live.base_url("instavm", f"commands-{uuid4().hex}")


@pytest.fixture
def connect(base_url: str) -> Iterator[Connect]:
    """Makes clients as the README of the SDK does; their connections are closed at the end."""
    made: list[InstaVM] = []

    def connect(**options: Any) -> InstaVM:
        made.append(InstaVM(KEY, base_url=base_url, **options))
        return made[-1]

    yield connect
    for client in made:
        client.session.close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK polls without the second that it waits in between."""
    monkeypatch.setattr(sandbox_client, "time", SimpleNamespace(sleep=lambda _: time.sleep(0.01), time=time.time))


def stdout_of(client: InstaVM, command: str, language: str = "bash") -> str:
    result = client.execute(command, language=language)
    assert (result["exit_code"], result["stderr"]) == (0, "")
    return str(result["stdout"])


@pytest.mark.usefixtures("hurried")
def test_the_quick_start_with_commands(connect: Connect, tmp_path: Path) -> None:
    """Line by line as in the README; a client that is closed leaves its VM running."""
    local, output = tmp_path / "local_script.py", tmp_path / "output.json"
    local.write_text("import json\nwith open('output.json', 'w') as file:\n    file.write(json.dumps({'done': True}))")
    with connect(cpu_count=2, memory_mb=1024, env={"APP_ENV": "dev"}, metadata={"team": "platform"}) as client:
        session_id = client.session_id
        assert client.execute("print('session id:', 'ok')")["stdout"] == "session id: ok\n"
        client.upload_file(str(local), "/app/local_script.py")
        assert client.execute("python /app/local_script.py", language="bash")["exit_code"] == 0
        told = client.download_file("output.json", local_path=str(output))
        assert (told["status"], told["size"]) == ("success", output.stat().st_size)
        assert json.loads(output.read_text()) == {"done": True}
        task = client.execute_async("echo 'done'", language="bash")
        result = client.get_task_result(task["task_id"], poll_interval=2, timeout=60)
        assert (result["stdout"], result["stderr"]) == ("done\n", "")
        assert client.is_session_active()
    assert client.session_id is None
    client.session_id = session_id
    assert stdout_of(client, "cat output.json") == '{"done": true}'
    assert client.kill(session_id)["status"] == "killed"
    with pytest.raises(ExecutionError, match="409 Client Error"):
        client.execute("echo hi", language="bash")


def test_bash_and_python(connect: Connect) -> None:
    """Output apart from errors, exit codes, and times that are numbers."""
    client = connect()
    result = client.execute("echo out; echo err >&2; exit 3", language="bash")
    assert (result["stdout"], result["stderr"], result["exit_code"]) == ("out\n", "err\n", 3)
    assert result["execution_time"] >= result["cpu_time"] >= 0
    assert client.execute("no-such-program", language="bash")["exit_code"] == 127
    result = client.execute("for each in range(3):\n    print(each, 'ü')")
    assert (result["stdout"], result["exit_code"]) == ("0 ü\n1 ü\n2 ü\n", 0)
    result = client.execute("print(1 / 0)", language="python")
    assert (result["stdout"], result["exit_code"]) == ("", 1)
    assert result["stderr"].startswith("Traceback")
    assert "ZeroDivisionError: division by zero" in result["stderr"]


def test_what_surrounds_a_command(connect: Connect) -> None:
    """The session's variables and root's home; of a command nothing but its files is left for the next one."""
    client = connect(env={"APP_ENV": "dev", "WORKERS": 4})
    assert stdout_of(client, 'echo "$APP_ENV $WORKERS $HOME $USER"; pwd') == "dev 4 /root root\n/root\n"
    assert stdout_of(client, "cd /tmp; APP_ENV=other; X=1; echo kept > note") == ""
    assert stdout_of(client, 'echo "$APP_ENV [$X]"; pwd; cat /tmp/note') == "dev []\n/root\nkept\n"
    assert stdout_of(client, "hostname") == f"{client.get_session_status()['vm_id']}\n"
    others = connect()
    assert stdout_of(others, 'echo "[$APP_ENV]"; ls /tmp') == "[]\n"


def test_variables_are_staged(connect: Connect) -> None:
    """As `instavm deploy` does with secrets."""
    client = connect(env={"A": "first", "B": "b"})
    vm_id = client.get_session_status()["vm_id"]
    assert client.vms.stage_env(vm_id, {"A": "second", "TOKEN": "tr0ub4 'dor'"})["staged"] == 2
    assert stdout_of(client, 'echo "$A $B $TOKEN"') == "second b tr0ub4 'dor'\n"


def test_a_command_that_takes_too_long(connect: Connect) -> None:
    """It is ended when its time is up, by the clock that it sleeps by; nobody waits for that."""
    client = connect()
    result = client.execute("echo before; sleep 60; echo after", language="bash", timeout=5)
    assert (result["stdout"], result["exit_code"]) == ("before\n", 124)
    assert "timed out after 5 seconds" in result["stderr"]
    assert stdout_of(client, "sleep 4; echo done") == "done\n"


@pytest.mark.usefixtures("hurried")
def test_an_execution_goes_on_behind_its_answer(connect: Connect) -> None:
    """The SDK asks until it is complete; its output and errors are apart, and its files are there."""
    client = connect(env={"APP_ENV": "dev"})
    task = client.execute_async("echo $APP_ENV; echo err >&2; echo kept > /root/note; exit 4", language="bash")
    result = client.get_task_result(task["task_id"])
    assert (result["stdout"], result["stderr"]) == ("dev\n", "err\n")
    assert result["created_at"]
    assert stdout_of(client, "cat note") == "kept\n"
    task = client.execute_async("print(6 * 7)")
    assert client.get_task_result(task["task_id"])["stdout"] == "42\n"


@pytest.mark.usefixtures("hurried")
def test_an_execution_that_sleeps(connect: Connect, live: Live, base_url: str) -> None:
    """It is complete when the world's clock has passed its end."""
    client = connect()
    world = base_url.removesuffix("/instavm")
    clock = {"action": "freeze"}
    assert client.session.put(f"{world}/__admin/clock", json=clock).ok
    task = client.execute_async("sleep 5 && echo 'done'", language="bash")
    with pytest.raises(TimeoutError):
        client.get_task_result(task["task_id"], timeout=0.5)
    assert client.session.put(f"{world}/__admin/clock", json={"action": "advance", "seconds": 5}).ok
    assert client.get_task_result(task["task_id"])["stdout"] == "done\n"


CONTENTS = {
    "text": "Grüße\n".encode(),
    "every byte": bytes(range(256)) * 3,
    "one that looks like the end of a form": b"\r\n--boundary--\r\n" * 5,
    "several megabytes": bytes(range(251)) * 20_000,
}


@pytest.mark.parametrize("what", CONTENTS)
@pytest.mark.parametrize("remote", ["/app/deep/file.bin", "relative.bin", "/tmp/with space ü.bin"])
def test_files_go_up_and_come_down(connect: Connect, tmp_path: Path, what: str, remote: str) -> None:
    """Byte for byte, as bytes and into a local file."""
    client, content = connect(), CONTENTS[what]
    local, back = tmp_path / "ä file.bin", tmp_path / "back.bin"
    local.write_bytes(content)
    told = client.upload_file(str(local), remote)
    assert (told["filename"], told["size"]) == ("ä file.bin", len(content))
    found = client.download_file(remote)
    assert (found["size"], found["content"]) == (len(content), content)
    client.download_file(remote, local_path=str(back))
    assert back.read_bytes() == content
    assert stdout_of(client, f"wc -c < '{remote}'").strip() == str(len(content))


def test_an_empty_file(connect: Connect, tmp_path: Path) -> None:
    """It goes up; of an answer without content the SDK returns the answer itself, which says that the file is empty."""
    client, local = connect(), tmp_path / "empty"
    local.write_bytes(b"")
    assert client.upload_file(str(local), "empty")["size"] == 0
    assert stdout_of(client, "wc -c < empty").strip() == "0"
    found = json.loads(client.download_file("empty")["content"])
    assert found == {"filename": "empty", "content": "", "size": 0}


def test_a_file_into_a_directory(connect: Connect, tmp_path: Path) -> None:
    client, local = connect(), tmp_path / "tool.sh"
    local.write_text("echo tool")
    assert client.upload_file(str(local), "/tmp")["path"] == "/tmp/tool.sh"
    assert client.upload_file(str(local), "/new/place/", recursive=True)["path"] == "/new/place/tool.sh"
    assert stdout_of(client, "bash /tmp/tool.sh; bash /new/place/tool.sh") == "tool\ntool\n"


def test_files_that_are_not_there(connect: Connect, tmp_path: Path) -> None:
    client, local = connect(), tmp_path / "x"
    with pytest.raises(InstaVMError, match="Failed to download file: 404 "):
        client.download_file("nowhere.txt")
    with pytest.raises(InstaVMError, match="Failed to download file: 400 "):
        client.download_file("/tmp")
    with pytest.raises(InstaVMError, match="File not found: "):
        client.upload_file(str(local), "/x")
    local.write_bytes(b"x" * 10_000_001)
    with pytest.raises(InstaVMError, match="Failed to upload file: 413 "):
        client.upload_file(str(local), "/x")


def test_files_survive_being_suspended(connect: Connect) -> None:
    """Resumed, the VM has another id and the same files; its clone has them too, and goes its own way."""
    client = connect(env={"APP_ENV": "dev"})
    stdout_of(client, "echo one > note")
    vm_id = client.get_session_status()["vm_id"]
    client.vms.suspend(vm_id)
    with pytest.raises(ExecutionError, match="409 "):
        client.execute("cat note", language="bash")
    resumed = client.vms.resume(vm_id)
    assert resumed["vm_id"] != vm_id
    assert stdout_of(client, "cat note; echo $APP_ENV") == "one\ndev\n"
    clone = client.vms.clone(resumed["vm_id"])
    stdout_of(client, "echo two >> note")
    other = connect(auto_start_session=False)
    other.session_id = clone["session_id"]
    assert stdout_of(other, "cat note; echo three > note; cat note") == "one\nthree\n"
    assert stdout_of(client, "cat note") == "one\ntwo\n"


def test_a_suspended_vm_is_resumed_by_a_command(connect: Connect) -> None:
    """Where it has `auto_resume`, and then under another id."""
    client = connect()
    vm_id = client.get_session_status()["vm_id"]
    stdout_of(client, "echo one > note")
    client.vms.update(vm_id, auto_resume=True)
    client.vms.suspend(vm_id)
    assert stdout_of(client, "cat note") == "one\n"
    status = client.get_session_status()
    assert status["vm_status"] == "active"
    assert status["vm_id"] != vm_id


def test_a_snapshot_has_the_files(connect: Connect) -> None:
    """And so has every VM that is started from it, until it is gone."""
    client = connect()
    stdout_of(client, "echo one > note")
    snapshot = client.vms.snapshot(client.get_session_status()["vm_id"], name="base")
    stdout_of(client, "echo two > note")
    for _ in range(2):
        made = client.vms.create(snapshot_id=snapshot["snapshot_id"])
        other = connect(auto_start_session=False)
        other.session_id = made["session_id"]
        assert stdout_of(other, "cat note; echo more >> note") == "one\n"


def test_what_is_killed_is_gone(connect: Connect) -> None:
    """A session that gets another VM begins with no files."""
    client = connect()
    session_id = client.session_id
    stdout_of(client, "echo one > note")
    client.kill()
    client.vms.create(session_id=session_id)
    client.session_id = session_id
    assert stdout_of(client, "ls") == ""


@pytest.mark.parametrize(
    ("code", "error"), [(401, AuthenticationError), (429, RateLimitError), (500, NetworkError), (504, NetworkError)]
)
def test_errors_on_request(connect: Connect, code: int, error: type[Exception]) -> None:
    client = connect()
    client.api_key = f"{KEY}+code={code}"
    asked = (client.execute, client.execute_async, client.get_task_result, client.download_file)
    for call in asked:
        with pytest.raises(error):
            call("echo hi")


def test_a_client_without_a_session(connect: Connect) -> None:
    client = connect(auto_start_session=False)
    for call in (client.execute, client.execute_async, client.download_file):
        with pytest.raises(SessionError, match="Session ID not set"):
            call("echo hi")
    client.session_id = "nobody's"
    with pytest.raises(ExecutionError, match="404 "):
        client.execute("echo hi")
    with pytest.raises(ExecutionError, match="422 "):
        client.execute("echo hi", language="cobol")


def asked_for() -> set[str]:
    """Every path that the SDK's source has, with something in the place of what it fills in."""
    found = set()
    nodes = [*ast.walk(ast.parse(inspect.getsource(sandbox_client)))]
    pieces = {piece for node in nodes if isinstance(node, ast.JoinedStr) for piece in node.values}
    for node in nodes:
        if not isinstance(node, ast.JoinedStr | ast.Constant) or node in pieces:
            continue
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        path = "".join(str(each.value) if isinstance(each, ast.Constant) else "\0" for each in parts)
        path = path.removeprefix("\0").partition("?")[0]
        if re.fullmatch(r"/[a-z][^\s:]*(:[a-z_]+)?", path):
            found.add(path.replace("\0", "x"))
    return found


def test_whatever_else_can_be_asked_for_is_on_the_list(connect: Connect) -> None:
    """Nothing looks as if the provider had not got it: what the fake has not is a 501 that says so."""
    service = services()["instavm"]
    endpoints = [*(route.operation for route in service.routes), *service.provider.unserved]
    paths = asked_for()
    assert len(paths) > 80
    assert {each for each in paths if not any(known.pattern.fullmatch(each) for known in endpoints)} == set()
    client = connect()
    with pytest.raises(InstaVMError, match=r"(?s)501 .*POST /v1/browser/sessions/"):
        client.create_browser_session()
    with pytest.raises(NetworkError, match=r"(?s)501 .*POST /v1/sessions/\{id\}/pty/sessions"):
        client.pty.create(client.session_id)


# The command line


@pytest.fixture
def run(base_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs a command in process, and reads what it prints as JSON."""
    monkeypatch.setenv("INSTAVM_BASE_URL", base_url)
    monkeypatch.setenv("INSTAVM_API_KEY", KEY)

    def run(*words: str, code: int = 0) -> Any:
        assert main([*words, "--json"]) == code
        told = capsys.readouterr()
        return told.err if code else json.loads(told.out)

    return run


@pytest.mark.usefixtures("hurried")
def test_the_command_line_runs_commands(run: Callable[..., Any], tmp_path: Path) -> None:
    """`instavm exec` with a command, with files of both languages, in a session that it made before, and `--async`."""
    first = run("exec", "--cmd", "echo one > note; echo hi", "--language", "bash")
    assert (first["stdout"], first["exit_code"]) == ("hi\n", 0)
    again = run("exec", "--cmd", "cat note", "--language", "bash", "--session", first["session_id"])
    assert (again["stdout"], again["session_id"]) == ("one\n", first["session_id"])
    assert run("exec", "--cmd", "print(6 * 7)")["stdout"] == "42\n"
    for name, text in (("tool.sh", "echo from bash"), ("tool.py", "print('from python')")):
        path = tmp_path / name
        path.write_text(text)
        assert run("exec", str(path))["stdout"].startswith("from ")
    task = run("exec", "--cmd", "echo done", "--language", "bash", "--async")
    assert run("exec", "result", task["task_id"])["stdout"] == "done\n"
    late = run("exec", "--cmd", "sleep 9", "--language", "bash", "--timeout", "2")
    assert late["exit_code"] == 124
    assert "404" in run("exec", "--cmd", "echo hi", "--session", "nobody's", code=1)


def test_commands_as_people_see_them(run: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exec", "--cmd", "echo out; echo err >&2", "--language", "bash"]) == 0
    printed = capsys.readouterr().out
    for word in ("Stdout", "out", "Stderr", "err", "Execution time: "):
        assert word in printed
