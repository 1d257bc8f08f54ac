"""`superserve` from PyPI makes, finds, pauses, resumes and deletes on the live fake, by both of its classes.

Each test has a world of its own. What runs commands is in test_superserve_commands.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from superserve import (
    AsyncSandbox,
    AsyncTemplate,
    BuildError,
    ConflictError,
    NetworkConfig,
    NotFoundError,
    RateLimitError,
    Sandbox,
    SandboxError,
    SandboxStatus,
    SandboxTimeoutError,
    ServerError,
    Template,
    ValidationError,
    _http,
)
from superserve.async_snapshots import AsyncSnapshot
from superserve.snapshots import Snapshot
from superserve.types import BuildStep, RunStep

from tests.support.server import Live

KEY = "superserve-admin-key"
STEPS: list[BuildStep] = [RunStep(run="apt-get update")]


class Waits:
    """What an SDK's module slept, instead of sleeping."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sync(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def later(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """The waits of the SDK's classes and of its attempts."""
    from superserve import async_sandbox, async_snapshots, sandbox, snapshots

    noted = Waits()
    for module in (_http, sandbox, snapshots):
        if hasattr(module, "time"):
            monkeypatch.setattr(module, "time", SimpleNamespace(sleep=noted.sync, monotonic=time.monotonic))
    for module in (_http, async_sandbox, async_snapshots):
        if hasattr(module, "asyncio"):
            own = SimpleNamespace(**{**vars(asyncio), "sleep": noted.later})
            monkeypatch.setattr(module, "asyncio", own)
    return noted


@pytest.fixture
def world(live: Live, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """The base URL of a world of this test's own, which the SDK reads from its variables."""
    name = f"life-{abs(hash(request.node.nodeid)):x}"
    base_url = live.base_url("superserve", name)
    for variable, value in live.app.services["superserve"].provider.environment(base_url, KEY).items():
        monkeypatch.setenv(variable, value)
    yield name
    _http.shared_client().close()
    _http._reset_shared_client()


def admin(live: Live, world: str, method: str, path: str, body: Any) -> None:
    import httpx

    with httpx.Client(trust_env=False) as client:
        reply = client.request(method, f"{live.root}/ns/{world}/__admin{path}", json=body)
    assert reply.status_code in (200, 201, 204), reply.text


def switch(live: Live, world: str, **choices: str) -> None:
    admin(live, world, "PUT", "/settings", {"switches": {"superserve": choices}})


def script(live: Live, world: str, **rule: Any) -> None:
    admin(live, world, "POST", "/faults", {"provider": "superserve", "times": 1, **rule})


def test_the_quick_start_up_to_its_first_command(world: str) -> None:
    """`create` comes back without a wait, with what later calls need."""
    box = Sandbox.create(name="quickstart")
    assert (box.name, box.metadata) == ("quickstart", {})
    assert box._access_token
    assert box.get_info().status is SandboxStatus.ACTIVE
    assert Sandbox.list(limit=1)[0].id == box.id
    box.kill()
    assert box.id not in [each.id for each in Sandbox.list()]
    with pytest.raises(NotFoundError):
        Sandbox.connect(box.id)


def test_everything_that_a_sandbox_can_be_made_with(world: str) -> None:
    box = Sandbox.create(
        name="data-analyzer",
        from_template="superserve/python-3.11",
        timeout_seconds=3_600,
        auto_delete_seconds=600,
        metadata={"env": "prod", "owner": "agent-7"},
        env_vars={"LOG_LEVEL": "debug"},
        network=NetworkConfig(allow_out=["api.openai.com", "8.8.8.8"]),
        preview_access="private",
    )
    info = box.get_info()
    assert (info.timeout_seconds, info.auto_delete_seconds, info.preview_access.value) == (3_600, 600, "private")
    assert info.metadata == {"env": "prod", "owner": "agent-7"}
    assert info.network is not None
    assert (info.network.allow_out, info.network.deny_out) == (["8.8.8.8/32", "api.openai.com"], None)
    assert [each.id for each in Sandbox.list(metadata={"owner": "agent-7"}, limit=1)] == [box.id]


def test_a_life_by_the_synchronous_class(world: str, waits: Waits) -> None:
    """Pause, resume, change and kill wait for nothing."""
    box = Sandbox.create(name="mine")
    box.pause()
    assert box.get_info().status is SandboxStatus.PAUSED
    with pytest.raises(ConflictError):
        box.update(network=NetworkConfig(deny_out=["0.0.0.0/0"]))
    box.resume()
    assert box.get_info().status is SandboxStatus.ACTIVE
    box.update(metadata={"a": "1"}, timeout_seconds=60, network=NetworkConfig(deny_out=["1.1.1.1"]))
    assert box.get_info().metadata == {"a": "1"}
    box.update(timeout_seconds=None)
    assert box.get_info().timeout_seconds is None
    box.pause(wait=True)
    with pytest.raises(ConflictError) as caught:
        box.pause()
    assert caught.value.code == "conflict"
    again = Sandbox.connect(box.id)
    assert again.status is SandboxStatus.ACTIVE
    Sandbox.update_by_id(box.id, auto_delete_seconds=60)
    box.pause()
    assert isinstance(box.get_info().auto_delete_at, datetime)
    Sandbox.kill_by_id(box.id)
    again.kill()
    assert waits.slept == []


def test_a_life_by_the_asynchronous_class(world: str, waits: Waits) -> None:
    async def live_() -> None:
        box = await AsyncSandbox.create(name="mine")
        await box.pause()
        assert (await box.get_info()).status is SandboxStatus.PAUSED
        await box.resume()
        assert (await box.get_info()).status is SandboxStatus.ACTIVE
        await box.pause(wait=True)
        again = await AsyncSandbox.connect(box.id)
        assert again.status is SandboxStatus.ACTIVE
        taken = await box.snapshot(name="before")
        assert [each.id for each in await AsyncSnapshot.list(box.id)] == [taken.id]
        fork = await AsyncSandbox.create(name="fork", from_snapshot=taken)
        assert (await fork.get_info()).source_snapshot_id == taken.id
        await taken.delete()
        await fork.kill()
        await box.kill()
        with pytest.raises(NotFoundError):
            await AsyncSandbox.connect(box.id)
        template = await AsyncTemplate.create(name="mine", from_="debian:12", steps=STEPS)
        assert (await template.wait_until_ready()).status.value == "ready"
        await template.delete()

    asyncio.run(live_())
    assert waits.slept == []


def test_a_pause_that_is_accepted(live: Live, world: str, waits: Waits) -> None:
    """A 202 is as good as done for who does not wait, and who waits looks once."""
    switch(live, world, pause="accepted")
    box = Sandbox.create(name="mine")
    box.pause()
    box.resume()
    box.pause(wait=True)
    assert box.get_info().status is SandboxStatus.PAUSED
    assert waits.slept == []


def test_a_pause_that_does_not_come_about(live: Live, world: str, waits: Waits) -> None:
    switch(live, world, pause="accepted")
    box = Sandbox.create(name="mine")
    script(live, world, operation="pauseSandbox", outcome="vm_lost")
    with pytest.raises(SandboxError, match="did not pause: status is failed"):
        box.pause(wait=True)


def test_a_pause_that_takes_too_long(live: Live, world: str, waits: Waits) -> None:
    switch(live, world, pause="accepted")
    box = Sandbox.create(name="mine")
    admin(live, world, "PUT", "/settings", {"transitions": "manual"})
    with pytest.raises(SandboxTimeoutError, match="still pausing"):
        box.pause(wait=True, timeout=0.2)
    admin(live, world, "POST", "/transitions", {"provider": "superserve", "id": box.id})
    box.resume()


def test_a_kill_asks_again_while_something_is_on_its_way(live: Live, world: str, waits: Waits) -> None:
    """The SDK takes a DELETE's 409 for a moment's, and gives up in the end."""
    box = Sandbox.create(name="mine")
    script(live, world, operation="deleteSandbox", code=409)
    box.kill()
    assert len(waits.slept) == 1
    other = Sandbox.create(name="mine")
    admin(live, world, "PUT", "/settings", {"transitions": "manual"})
    other.pause()
    with pytest.raises(ConflictError):
        Sandbox.kill_by_id(other.id)
    assert len(waits.slept) > 5


def test_a_kill_whose_answer_was_lost(live: Live, world: str, waits: Waits) -> None:
    """It is tried again, and the 404 of what is gone is a success."""
    box = Sandbox.create(name="mine")
    script(live, world, operation="deleteSandbox", code=503, phase="after")
    box.kill()
    assert len(waits.slept) == 1
    assert box.id not in [each.id for each in Sandbox.list()]


Refused = tuple[Callable[[], Any], type[SandboxError], int, str]
REFUSED: dict[str, Refused] = {
    "a bad name": (lambda: Sandbox.create(name=""), ValidationError, 400, "bad_request"),
    "a bad timeout": (lambda: Sandbox.create(name="a", timeout_seconds=0), ValidationError, 400, "bad_request"),
    "no such template": (lambda: Sandbox.create(name="a", from_template="x"), NotFoundError, 404, "not_found"),
    "no such sandbox": (
        lambda: Sandbox.connect("00000000-0000-4000-8000-000000000000"),
        NotFoundError,
        404,
        "not_found",
    ),
    "no id": (lambda: Sandbox.connect("missing-id"), ValidationError, 400, "bad_request"),
    "no such secret": (
        lambda: Sandbox.create(name="a", secrets={"KEY": "prod"}),
        ValidationError,
        400,
        "secret_not_found",
    ),
    "too many": (
        lambda: Sandbox.create(name="a", api_key=f"{KEY}+code=429,example=too_many_sandboxes"),
        RateLimitError,
        429,
        "too_many_sandboxes",
    ),
    "not booted": (
        lambda: Sandbox.create(name="a", api_key=f"{KEY}+outcome=boot_failed"),
        ServerError,
        500,
        "internal_error",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(world: str, waits: Waits, name: str) -> None:
    """Each is its exception, with the server's code, at the first attempt."""
    call, kind, status, code = REFUSED[name]
    with pytest.raises(SandboxError) as caught:
        call()
    assert (type(caught.value), caught.value.status_code, caught.value.code) == (kind, status, code)
    assert waits.slept == []


def test_a_lost_machine(live: Live, world: str) -> None:
    """A 410 has no class of its own."""
    box = Sandbox.create(name="mine")
    script(live, world, operation="pauseSandbox", outcome="vm_lost")
    with pytest.raises(SandboxError) as caught:
        box.pause()
    assert (type(caught.value), caught.value.status_code, caught.value.code) == (SandboxError, 410, "gone")
    assert box.get_info().status is SandboxStatus.FAILED


def test_snapshots(world: str, waits: Waits) -> None:
    """A snapshot is ready when the call comes back; a lost answer is found by its key."""
    box = Sandbox.create(name="mine")
    taken = box.snapshot(name="before", idempotency_key="k")
    assert (taken.status.value, taken.name, taken.resources.memory_mib) == ("ready", "before", 1_024)
    assert box.snapshot(idempotency_key="k").id == taken.id
    assert Snapshot.get(taken.id).rename("after").name == "after"
    assert [each.name for each in box.snapshots(limit=5)] == ["after"]
    fork = Sandbox.create(name="fork", from_snapshot=taken)
    assert fork.get_info().source_snapshot_id == taken.id
    taken.delete()
    taken.delete()
    assert box.snapshots() == []
    with pytest.raises(NotFoundError):
        Snapshot.get(taken.id)
    assert waits.slept == []


def test_templates(world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template is ready when somebody asks, and says while it is built what it does."""
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"it waited for {seconds} seconds"))
    assert "superserve/base" in [each.name for each in Template.list(name_prefix="superserve/")]
    template = Template.create(name="mine", from_="debian:12", steps=STEPS, vcpu=2)
    texts: list[str] = []
    ready = template.wait_until_ready(on_log=lambda event: texts.append(event.text))
    assert (ready.status.value, ready.vcpu) == ("ready", 2)
    assert texts[-1] == "build ready"
    box = Sandbox.create(name="box", from_template=template)
    assert box.get_info().vcpu_count == 2
    with pytest.raises(ConflictError, match="still referencing it"):
        template.delete()
    again = template.rebuild()
    assert [each.id for each in template.list_builds(limit=1)] == [again.id]
    template.cancel_build(again.id)
    box.kill()
    template.delete()
    with pytest.raises(NotFoundError):
        Template.connect(template.id)


def test_a_template_that_fails(live: Live, world: str) -> None:
    """The message's first word is the code."""
    script(live, world, operation="createTemplate", outcome="build_failed")
    template = Template.create(name="mine", from_="debian:12")
    with pytest.raises(BuildError) as caught:
        template.wait_until_ready()
    assert caught.value.code == "build_failed"
    assert template.get_info().error_message == f"build_failed: {caught.value}"
