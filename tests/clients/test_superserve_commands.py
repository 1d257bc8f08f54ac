"""`superserve` from PyPI runs commands and moves files on the live fake, by both of its classes.

It derives the data plane's host from the base URL, always with https, and takes the provider's own for one that it does
not know. Its HTTP client's transport leads that host to the fake here; all else is the SDK's own.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator

import pytest
from superserve import (
    AsyncSandbox,
    AuthenticationError,
    CommandResult,
    NotFoundError,
    Sandbox,
    SandboxError,
    SandboxStatus,
    ServerError,
    ValidationError,
    _http,
    async_connection_pool,
)

from tests.clients.superserve_plane import lead
from tests.support.server import Live

KEY = "superserve-admin-key"
SHARED = "sandbox.superserve.ai"
BINARY = {"empty": b"", "bytes": bytes(range(256)), "megabytes": hashlib.shake_256(b"x").digest(4_000_000)}


def ignore(text: str) -> None:
    """Listens to a command, so that the SDK has it stream."""


@pytest.fixture
def world(live: Live, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """A world of this test's own, which the SDK reads from its variables; the hosts of the data plane that it asked."""
    base_url = live.base_url("superserve", f"commands-{abs(hash(request.node.nodeid)):x}")
    for variable, value in live.app.services["superserve"].provider.environment(base_url, KEY).items():
        monkeypatch.setenv(variable, value)
    _http._reset_shared_client()
    yield lead(monkeypatch, live.root)
    _http.shared_client().close()
    _http._reset_shared_client()


def test_the_quick_start(world: list[str]) -> None:
    """A sandbox, a command, what it says as it comes, files, a pause that keeps them, and an end."""
    box = Sandbox.create(name="quickstart")
    result = box.commands.run("echo 'Hello from Superserve!'")
    assert result == CommandResult(stdout="Hello from Superserve!\n", stderr="", exit_code=0)
    heard: list[tuple[str, str]] = []
    streamed = box.commands.run(
        "for i in 1 2 3; do echo $i; echo e$i >&2; sleep 1; done; exit 7",
        on_stdout=lambda text: heard.append(("out", text)),
        on_stderr=lambda text: heard.append(("err", text)),
    )
    assert heard == [(stream, f"{mark}{number}\n") for number in "123" for stream, mark in (("out", ""), ("err", "e"))]
    assert (streamed.stdout, streamed.stderr, streamed.exit_code) == ("1\n2\n3\n", "e1\ne2\ne3\n", 7)
    box.files.write("/home/user/app/main.py", "print('hi from a file')\n")
    assert box.files.read_text("/home/user/app/main.py") == "print('hi from a file')\n"
    assert box.commands.run("python3 main.py", cwd="/home/user/app").stdout == "hi from a file\n"
    box.pause()
    box.resume()
    assert box.files.read_text("/home/user/app/main.py") == "print('hi from a file')\n"
    box.kill()
    with pytest.raises(NotFoundError):
        box.commands.run("echo hi")
    assert set(world) == {SHARED}


def test_the_quick_start_of_the_asynchronous_class(world: list[str]) -> None:
    async def life() -> None:
        box = await AsyncSandbox.create(name="quickstart", env_vars={"A": "1"})
        result = await box.commands.run("echo $A $B; echo err >&2; exit 3", env={"B": "2"})
        assert (result.stdout, result.stderr, result.exit_code) == ("1 2\n", "err\n", 3)
        heard: list[str] = []
        streamed = await box.commands.run("echo a; echo b; sleep 2; echo c", on_stdout=heard.append)
        assert (heard, streamed.stdout, streamed.exit_code) == (["a\n", "b\n", "c\n"], "a\nb\nc\n", 0)
        for name, content in BINARY.items():
            await box.files.write(f"/data/{name}", content)
            assert await box.files.read(f"/data/{name}") == content
        await box.pause()
        assert (await box.commands.run("ls /data")).stdout == "bytes\nempty\nmegabytes\n"
        assert (await box.get_info()).status is SandboxStatus.ACTIVE
        results = await asyncio.gather(*(box.commands.run(f"echo {number}") for number in range(5)))
        assert [each.stdout for each in results] == [f"{number}\n" for number in range(5)]
        other = await AsyncSandbox.connect(box.id)
        await box.kill()
        with pytest.raises(NotFoundError):
            await other.files.read("/data/empty")
        await other.kill()

    async def pooled() -> None:
        async with async_connection_pool():
            await life()

    asyncio.run(pooled())
    assert set(world) == {SHARED}


def test_a_paused_sandbox_is_resumed_by_the_sdk(world: list[str]) -> None:
    """It is told that the sandbox does not run, has it activated, and asks again, for commands, streams and files."""
    box = Sandbox.create(name="mine")
    box.files.write("/tmp/a", b"kept")
    asks: tuple[Callable[[], str], ...] = (
        lambda: box.commands.run("cat /tmp/a").stdout,
        lambda: box.commands.run("cat /tmp/a", on_stdout=ignore).stdout,
        lambda: box.files.read_text("/tmp/a"),
    )
    for ask in asks:
        box.pause()
        assert box.get_info().status is SandboxStatus.PAUSED
        assert ask() == "kept"
        assert box.get_info().status is SandboxStatus.ACTIVE


def test_a_token_that_is_too_old_is_changed_by_the_sdk(world: list[str]) -> None:
    """The same for one that is refused: the SDK asks for another."""
    box = Sandbox.create(name="mine")
    box._access_token = "0" * 64
    assert box.commands.run("echo hi").stdout == "hi\n"
    assert box._access_token != "0" * 64


def test_commands_that_take_too_long(world: list[str]) -> None:
    box = Sandbox.create(name="mine")
    assert box.commands.run("sleep 60; echo late", timeout_seconds=10).exit_code == 124
    result = box.commands.run("echo early; sleep 60; echo late", timeout_seconds=10, on_stdout=ignore)
    assert (result.stdout, result.exit_code) == ("early\n", 124)


@pytest.mark.parametrize("name", BINARY)
def test_files_byte_for_byte(world: list[str], name: str) -> None:
    content, box = BINARY[name], Sandbox.create(name="mine")
    path = "/data/a folder/ä&=?#%.bin"
    box.files.write(path, content)
    assert box.files.read(path) == content
    told = box.commands.run("sha256sum 'a folder/ä&=?#%.bin'", cwd="/data").stdout
    assert told.split()[0] == hashlib.sha256(content).hexdigest()


def test_a_directory_comes_as_an_archive(world: list[str]) -> None:
    box = Sandbox.create(name="mine")
    box.files.write("/home/user/out/deep/a.txt", "a")
    with zipfile.ZipFile(io.BytesIO(box.files.download_dir("/home/user/out"))) as archived:
        assert archived.read("out/deep/a.txt") == b"a"


def test_refusals(world: list[str]) -> None:
    """Each is of the class that the SDK has for it, and says what the server says."""
    box = Sandbox.create(name="mine")
    with pytest.raises(NotFoundError, match="file not found"):
        box.files.read("/nowhere")
    with pytest.raises(ValidationError, match=r"use FilesystemService\.ListDir"):
        box.files.read("/home/user")
    with pytest.raises(ValidationError, match="access denied: /proc"):
        box.files.write("/proc/1/mem", b"x")
    with pytest.raises(ValidationError, match="no such file or directory"):
        box.commands.run("ls", cwd="/nowhere")
    with pytest.raises(ValidationError, match="command is required"):
        box.commands.run("", on_stdout=ignore)
    with pytest.raises(ServerError) as full:
        box.files.write("/tmp/a", b"x" * 20_000_000)
    assert (full.value.status_code, full.value.code) == (507, "sandbox_storage_full")
    assert box.commands.run("nowhere").exit_code == 127


def test_failures_on_demand(world: list[str]) -> None:
    """A token with a wish behind it fails as asked; what comes of a stream that breaks off is the SDK's own."""
    box = Sandbox.create(name="mine")
    token = box._access_token
    box._access_token = f"{token}+code=502"
    with pytest.raises(ServerError):
        box.commands.run("echo hi")
    box._access_token = f"{token}+code=401"
    assert box.commands.run("echo hi").stdout == "hi\n"
    box._access_token = f"{token}+fault=TRUNCATED_BODY"
    with pytest.raises(SandboxError):
        box.commands.run("echo hi", on_stdout=ignore)


def test_namespaces_are_apart(world: list[str], live: Live) -> None:
    """The SDK's requests to one shared host end up in the world of the sandbox that they are for."""
    one = Sandbox.create(name="one")
    other = Sandbox.create(name="other", base_url=live.base_url("superserve", "commands-other"))
    one.files.write("/tmp/a", "one")
    other.files.write("/tmp/a", "other")
    assert (one.commands.run("cat /tmp/a").stdout, other.commands.run("cat /tmp/a").stdout) == ("one", "other")
    headers = {"X-Superserve-Sandbox-Id": one.id, "X-Access-Token": other._access_token or ""}
    with pytest.raises(AuthenticationError, match="invalid access token"):
        _http.api_request("POST", f"https://{SHARED}/exec", headers=headers, json_body={"command": "ls"})
