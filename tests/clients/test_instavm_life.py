"""`instavm` from PyPI and its command line start, find, suspend, resume and kill on the live fake, in worlds of their
own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import requests
from instavm import (
    AuthenticationError,
    ForbiddenError,
    InstaVM,
    NetworkError,
    RateLimitError,
    SessionError,
    sandbox_client,
)
from instavm._cookbook import _reattach_vm_after_timeout as reattach
from instavm.cli import main

from fakeserver.instants import SECOND
from tests.support.asgi import EPOCH
from tests.support.server import Live

KEY = "instavm-admin-key"


@pytest.fixture
def base_url(live: Live) -> str:
    return live.base_url("instavm", f"life-{uuid4().hex}")


Connect = Callable[..., InstaVM]


@pytest.fixture
def connect(base_url: str) -> Iterator[Connect]:
    """Makes clients as the README of the SDK does; their connections are closed at the end."""
    made: list[InstaVM] = []

    def connect(key: str = KEY, **options: Any) -> InstaVM:
        made.append(InstaVM(key, base_url=base_url, **options))
        return made[-1]

    yield connect
    for client in made:
        client.session.close()


@pytest.fixture
def never_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(seconds: float) -> None:
        raise AssertionError(f"the SDK slept for {seconds} s")

    monkeypatch.setattr(sandbox_client, "time", SimpleNamespace(sleep=refuse, time=time.time))


@pytest.mark.usefixtures("never_sleeps")
def test_a_session_is_active_at_once(connect: Connect) -> None:
    """The constructor has a session; what is asked for in it is what it says of itself."""
    with connect(cpu_count=2, memory_mb=1024, env={"APP_ENV": "dev"}, metadata={"team": "platform"}) as client:
        session_id = client.session_id
        assert client.is_session_active()
        info = client.get_session_info()
        assert (info["session_id"], info["status"]) == (session_id, "active")
        assert (info["vcpu_count"], info["memory_mb"], info["metadata"]) == (2, 1024, {"team": "platform"})
        (row,) = client.list_sandboxes(metadata={"team": "platform"}, limit=50)[:1]
        assert (row["sandbox_id"], row["status"]) == (info["vm_id"], "active")
        assert client.get_session_app_url(port=8080)["app_url"].startswith("https://8080-vmid-")
        assert client.get_usage()["session_id"] == session_id
    assert client.session_id is None


def test_a_session_is_killed(connect: Connect) -> None:
    client = connect()
    session_id = client.session_id
    assert client.kill()["status"] == "killed"
    assert client.session_id is None
    assert client.is_session_active() is False
    status = client.get_session_status(session_id)
    assert (status["exists"], status["vm_alive"], status["vm_status"]) == (True, False, "killed")
    with pytest.raises(SessionError, match="Failed to kill VM: 409 "):
        client.kill(session_id)


def test_sizes_out_of_range_are_refused_by_the_constructor(connect: Connect) -> None:
    """The SDK drops the body of a 422, and makes no client."""
    for options in ({"timeout": 19}, {"timeout": 86_401}, {"memory_mb": 100}, {"cpu_count": 0}):
        with pytest.raises(SessionError, match="Failed to start session: 422 "):
            connect(**options)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (401, AuthenticationError),
        (403, ForbiddenError),
        (409, None),
        (429, RateLimitError),
        (500, NetworkError),
        (504, NetworkError),
    ],
)
def test_errors_of_the_constructor(connect: Connect, code: int, error: type[Exception] | None) -> None:
    """The key that asks for a failure gets it from the body; one that the operation does not document is refused."""
    with pytest.raises(error or SessionError):
        connect(f"{KEY}+code={code}")


def test_a_key_of_nobody(connect: Connect) -> None:
    with pytest.raises(AuthenticationError, match="Invalid API key"):
        connect("instavm_sk_nobody")


@pytest.mark.usefixtures("never_sleeps")
def test_vms(connect: Connect) -> None:
    """The README's section on VMs and snapshots, call by call."""
    client = connect(auto_start_session=False)
    before, running = client.vms.list_all_records(), client.vms.list()
    vm = client.vms.create(wait=True, metadata={"purpose": "dev"}, auto_resume=True)
    assert (vm["status"], vm["auto_resume"]) == ("active", True)
    assert client.vms.list() == [vm, *running]
    assert client.vms.list_all_records() == [vm, *before]
    assert client.vms.get(vm["vm_id"]) == vm
    assert client.vms.update(vm["vm_id"], auto_resume=False, memory_mb=2048)["memory_mb"] == 2048
    snapshot = client.vms.snapshot(vm_id=vm["vm_id"], wait=True, name="dev-base")
    assert (snapshot["status"], client.snapshots.get(snapshot["id"])["name"]) == ("ready", "dev-base")
    assert client.snapshots.list(snapshot_type="user")[0]["id"] == snapshot["snapshot_id"]
    clone = client.vms.clone(vm["vm_id"], snapshot_name="of-dev")
    assert clone["vm_id"] != vm["vm_id"]
    booted = client.vms.create(snapshot_id=snapshot["id"])
    assert (booted["snapshot_id"], booted["status"]) == (snapshot["id"], "active")
    assert client.snapshots.delete(snapshot["id"])["status"] == "deleted"
    for each in (vm, clone, booted):
        assert client.vms.delete(each["vm_id"])["status"] == "killed"
    assert client.vms.list() == running
    assert client.get_current_user()["id"] == "user-1"


@pytest.mark.usefixtures("never_sleeps")
def test_suspend_and_resume(connect: Connect) -> None:
    """The README's section on suspending: another id, the same session, and no wait in between."""
    client = connect()
    old = client.get_session_info()["vm_id"]
    client.vms.suspend(old)
    assert client.is_session_active() is False
    live = client.vms.resume(old)
    assert (live["status"], live["session_id"]) == ("active", client.session_id)
    assert live["vm_id"] != old
    assert client.is_session_active()
    client.vms.update(live["vm_id"], auto_resume=False)
    assert refusal(lambda: client.vms.get(old)) == (404, {"detail": "VM not found"})
    message = "Cannot resume a VM that is active"
    assert refusal(lambda: client.vms.resume(live["vm_id"])) == (409, {"detail": message})


def refusal(ask: Callable[[], object]) -> tuple[int, Any]:
    """What managers of the SDK let through: the HTTP library's own error for every status below 500."""
    with pytest.raises(requests.HTTPError) as caught:
        ask()
    response = caught.value.response
    assert response is not None
    return response.status_code, response.json()


def test_two_limits_of_a_plan(connect: Connect) -> None:
    """What the SDK's cookbooks look for in the text of an error, on request."""
    for example, words in (("lifetime_limit", "VM lifetime cannot exceed 3600s"), ("free_tier", "free tier")):
        client = connect(f"{KEY}+example={example}", auto_start_session=False)
        with pytest.raises(ForbiddenError, match=words):
            client.vms.create()


def test_a_create_whose_answer_timed_out_is_found_again(connect: Connect) -> None:
    """As the SDK's cookbooks do: the gateway gave up, and the newest VM since then is the one; or it has failed."""
    client = connect(f"{KEY}+code=504,phase=after", auto_start_session=False)
    with pytest.raises(NetworkError, match="504 Gateway Timeout"):
        client.vms.create(metadata={"n": 1})
    client.api_key = KEY
    (row,) = client.list_sandboxes(metadata={"n": 1})
    found = reattach(client, snapshot_id=None, started_at=EPOCH / SECOND)
    assert found is not None
    assert (found["vm_id"], found["status"]) == (row["sandbox_id"], "active")
    failing = connect(f"{KEY}+outcome=provisioning_failed", auto_start_session=False)
    assert failing.vms.create(wait=True)["status"] == "failed"


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


def test_the_command_line(run: Callable[..., Any]) -> None:
    """`instavm create`, `ls`, `clone`, `vm update`, `vm suspend`, `vm resume`, `snapshot`, `desktop status`, `rm`."""
    seeded, every = run("ls")["vms"], run("ls", "--all")["vms"]
    assert {each["status"] for each in seeded} == {"active", "creating"}
    assert len(every) > len(seeded)
    made = run("create", "--timeout", "600", "--memory", "256", "--type", "computer-use")
    assert run("ls")["vms"] == [made, *seeded]
    assert (made["vm_lifetime_seconds"], made["memory_mb"], made["image_variant"]) == (600, 256, "computer-use")
    assert run("vm", "update", made["vm_id"], "--auto-suspend")["auto_suspend"] is True
    assert run("vm", "suspend", made["vm_id"])["status"] == "suspending"
    assert made["vm_id"] not in {each["vm_id"] for each in run("ls")["vms"]}
    resumed = run("vm", "resume", made["vm_id"])
    assert resumed["status"] == "active"
    clone = run("clone", resumed["vm_id"], "--name", "base")
    assert run("snapshot", "ls", "--type", "user")["snapshots"][0]["name"] == "base"
    snapshot = run("snapshot", "get", clone["snapshot_id"])
    assert snapshot["status"] == "ready"
    removed = run("rm", clone["vm_id"], resumed["vm_id"])["results"]
    assert [(each["vm_id"], each["status"]) for each in removed] == [
        (clone["vm_id"], "killed"),
        (resumed["vm_id"], "killed"),
    ]
    assert run("ls")["vms"] == seeded
    assert len(run("ls", "--all")["vms"]) == len(every) + 2


def test_a_desktop_is_stopped_and_started_again(run: Callable[..., Any]) -> None:
    """By its session, which gets another VM; where it is to be viewed the fake does not say."""
    made = run("create", "--type", "computer-use")
    session_id = made["session_id"]
    assert run("desktop", "status", made["vm_id"])["vm_alive"] is True
    stopped = run("desktop", "stop", made["vm_id"])
    assert (stopped["session_id"], stopped["status"]) == (session_id, "killed")
    started = run("desktop", "start", session_id)
    assert (started["session_id"], started["status"], started["vm_alive"]) == (session_id, "active", True)
    assert started["vm_id"] != made["vm_id"]
    assert "409" in run("vm", "update", made["vm_id"], "--auto-resume", code=1)


def test_the_command_line_as_people_see_it(run: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    made = run("create")
    assert main(["ls"]) == 0
    printed = capsys.readouterr().out
    assert made["vm_id"] in printed
    assert main(["rm", made["vm_id"]]) == 0
    assert f"{made['vm_id']}: killed" in capsys.readouterr().out
    assert main(["rm", "vmid-nobody-1"]) == 1
    assert "VM not found" in capsys.readouterr().err
