"""`prime-sandboxes` from PyPI runs commands and background jobs, and moves files, on the live fake."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx
import prime_sandboxes
import pytest
from prime_sandboxes import (
    APIClient,
    APIError,
    AsyncSandboxClient,
    CommandTimeoutError,
    CreateSandboxRequest,
    SandboxClient,
    SandboxNotRunningError,
)

from tests.clients.others import OLD
from tests.support.server import Live

KEY = "prime-admin-key"
BYTES = bytes(range(256)) * 40
only_old = pytest.mark.skipif(not OLD, reason="0.5.1 makes VMs alone; test_prime_older runs this with 0.2.39")
vm_and_container = pytest.mark.parametrize("vm", [True, pytest.param(False, marks=only_old)], ids=["vm", "container"])
only_new = pytest.mark.skipif(OLD, reason="0.2.39 has no such method, or asks in another way")


@pytest.fixture
def base_url(live: Live, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A world of the test's own, as `fakeserver env prime` exports it."""
    url = live.base_url("prime", f"prime-run-{crc32(request.node.name.encode())}")
    for variable, value in live.app.services["prime"].provider.environment(url, KEY).items():
        monkeypatch.setenv(variable, value)
    return url


@pytest.fixture
def client(base_url: str) -> Iterator[SandboxClient]:
    found = SandboxClient(APIClient(api_key=KEY))
    yield found
    found.client.client.close()


def wish(vm: bool = True, **more: Any) -> CreateSandboxRequest:
    return CreateSandboxRequest(**{"name": "mine", "docker_image": "python:3.11-slim", "vm": vm, **more})


def make(client: SandboxClient, vm: bool = True, **more: Any) -> str:
    made = client.create(wish(vm, **more))
    client.wait_for_creation(made.id)
    return str(made.id)


def move_clock(base_url: str, **body: Any) -> None:
    httpx.put(f"{base_url.removesuffix('/prime')}/__admin/clock", json=body).raise_for_status()


@vm_and_container
def test_the_quick_start_whole(client: SandboxClient, base_url: str, tmp_path: Path, vm: bool) -> None:
    move_clock(base_url, action="freeze")
    box = make(client, vm, environment_vars={"MINE": "1"})
    ran = client.execute_command(
        box, "echo $MINE $YOURS; pwd; python --version; echo wrong >&2; exit 3", working_dir="/tmp", env={"YOURS": "2"}
    )
    assert (ran.stdout, ran.stderr, ran.exit_code) == ("1 2\n/tmp\nPython 3.11.14\n", "wrong\n", 3)

    here, back = tmp_path / "here.bin", tmp_path / "deep" / "back.bin"
    here.write_bytes(BYTES)
    sent = client.upload_file(box, "/tmp/a/there.bin", str(here))
    assert (sent.success, sent.path, sent.size) == (True, "/tmp/a/there.bin", len(BYTES))
    assert client.execute_command(box, "wc -c < /tmp/a/there.bin").stdout.strip() == str(len(BYTES))
    client.download_file(box, "/tmp/a/there.bin", str(back))
    assert back.read_bytes() == BYTES
    client.upload_bytes(box, "/tmp/text", "grüße\n".encode(), "text")
    assert client.read_file(box, "/tmp/text").content == "grüße\n"

    job = client.start_background_job(box, "echo begun; sleep 60; echo over; exit 5", working_dir="/tmp/a")
    assert client.get_background_job(box, job).completed is False
    assert client.execute_command(box, f"cat {job.stdout_log_file} 2>/dev/null; echo").exit_code == 0
    move_clock(base_url, action="advance", seconds=61)
    over = client.get_background_job(box, job)
    assert (over.completed, over.exit_code, over.stdout, over.stderr) == (True, 5, "begun\nover\n", "")

    client.delete(box)
    # Of containers the older SDK shows the gateway's answer.
    with pytest.raises(SandboxNotRunningError if vm else APIError, match="terminated"):
        client.execute_command(box, "echo")


@vm_and_container
def test_a_command_that_takes_too_long_is_told_at_once(client: SandboxClient, vm: bool) -> None:
    box = make(client, vm)
    with pytest.raises(CommandTimeoutError, match="2"):
        client.execute_command(box, "sleep 30", timeout=2)
    assert client.execute_command(box, "sleep 30; echo over", timeout=31).stdout == "over\n"


@vm_and_container
def test_files_that_are_not_there(client: SandboxClient, vm: bool, tmp_path: Path) -> None:
    box = make(client, vm)
    error = getattr(prime_sandboxes, "SandboxFileNotFoundError", APIError)
    with pytest.raises(error, match="/nope"):
        client.read_file(box, "/nope")
    with pytest.raises(APIError, match="404"):
        client.download_file(box, "/nope", str(tmp_path / "x"))
    with pytest.raises(error):
        client.read_file(box, "/tmp")


@only_old
def test_a_window_of_a_containers_file(client: SandboxClient) -> None:
    box = make(client, vm=False)
    client.upload_bytes(box, "/tmp/ten", b"0123456789", "ten")
    read = client.read_file(box, "/tmp/ten", offset=2, length=3)
    assert (read.content, read.size, read.total_size, read.offset, read.truncated) == ("234", 3, 10, 2, True)
    last = client.read_file(box, "/tmp/ten", offset=-4, length=100)
    assert (last.content, last.offset, last.truncated) == ("6789", 6, True)
    whole = client.read_file(make_file(client, vm=True), "/tmp/ten", offset=2, length=3)
    assert (whole.content, whole.offset, whole.truncated) == ("0123456789", None, None)


def make_file(client: SandboxClient, *, vm: bool) -> str:
    box = make(client, vm)
    client.upload_bytes(box, "/tmp/ten", b"0123456789", "ten")
    return box


@vm_and_container
def test_a_token_that_does_not_count_is_asked_for_anew(client: SandboxClient, vm: bool) -> None:
    box = make(client, vm)
    token = client._auth_cache.get_or_refresh(box)
    for spoilt in (f"{token['token']}x", "nobody's"):
        client._auth_cache.set(box, {**token, "token": spoilt})
        assert client.execute_command(box, "echo again").stdout == "again\n"
        assert client._auth_cache.get_or_refresh(box)["token"] != spoilt
        client._auth_cache.set(box, {**token, "token": spoilt})
        assert client.upload_bytes(box, "/tmp/f", b"x", "f").success


@vm_and_container
def test_a_paused_or_deleted_sandbox_is_gone_for_files_too(client: SandboxClient, vm: bool) -> None:
    box = make(client, vm)
    client.upload_bytes(box, "/tmp/f", b"kept", "f")
    if vm:
        client.client.request("POST", f"/sandbox/{box}/pause")
        with pytest.raises(SandboxNotRunningError):
            client.read_file(box, "/tmp/f")
        client.client.request("POST", f"/sandbox/{box}/resume")
        assert client.read_file(box, "/tmp/f").content == "kept"
    client.delete(box)
    with pytest.raises((SandboxNotRunningError, APIError), match=r"TERMINATED|terminated|SANDBOX_NOT_FOUND"):
        client.upload_bytes(box, "/tmp/f", b"x", "f")


def test_two_sandboxes_have_nothing_in_common(client: SandboxClient) -> None:
    one, other = make(client), make(client, vm=False)
    client.execute_command(one, "echo one > /tmp/f; echo one > /root/f")
    assert client.execute_command(other, "cat /tmp/f /root/f").exit_code == 1


@only_new
def test_jobs_are_looked_at_together(client: SandboxClient, base_url: str) -> None:
    move_clock(base_url, action="freeze")
    box = make(client)
    jobs = [client.start_background_job(box, f"sleep {seconds}; echo {seconds}; exit {seconds}") for seconds in (5, 9)]
    found = client.get_background_jobs(jobs)
    assert [each.completed for each in found] == [False, False]
    move_clock(base_url, action="advance", seconds=6)
    found = client.get_background_jobs(jobs)
    assert [(each.completed, each.exit_code, each.stdout) for each in found] == [(True, 5, "5\n"), (False, None, None)]
    ran = client.run_background_job(box, "echo quick")
    assert (ran.exit_code, ran.stdout) == (0, "quick\n")


@only_new
def test_a_job_that_was_killed_is_lost(client: SandboxClient) -> None:
    box = make(client)
    job = client.start_background_job(box, "sleep 1000")
    assert client.execute_command(box, f"kill -9 $(cat /tmp/job_{job.job_id}.launch/pid)").exit_code == 0
    with pytest.raises(APIError, match="without recording an exit code"):
        client.get_background_job(box, job)
    with pytest.raises(APIError, match="without recording an exit code"):
        client.get_background_job_statuses([job])


def test_processes_read_write_and_end(client: SandboxClient) -> None:
    box = make(client)

    async def scenario() -> None:
        async with AsyncSandboxClient(api_key=KEY) as sandboxes:
            greeter = await sandboxes.open_process(box, "echo hello; read who; echo hi $who; echo wrong >&2; exit 4")
            assert await anext(greeter.stdout) == b"hello\n"
            await greeter.write_stdin(b"wor")
            await greeter.write_stdin(b"ld\n")
            assert await greeter.wait() == 4
            assert [each async for each in greeter.stdout] == [b"hi world\n"]
            assert [each async for each in greeter.stderr] == [b"wrong\n"]
            await greeter.aclose()

            sleeper = await sandboxes.open_process(box, "sleep 1000")
            assert sleeper.pid != greeter.pid
            assert str(sleeper.pid) in client.execute_command(box, "ps").stdout
            await sleeper.terminate()
            assert await sleeper.wait() == 143
            await sleeper.aclose()

            echo = await sandboxes.open_process(box, "cat")
            await echo.write_stdin(b"a\n")
            assert await anext(echo.stdout) == b"a\n"
            await echo.kill()
            assert await echo.wait() == 137
            await echo.aclose()

    asyncio.run(scenario())
    assert client.execute_command(box, "ps | wc -l").stdout.strip() == "2"


def test_many_processes_hold_nobody_up(client: SandboxClient) -> None:
    """As many as a sandbox has room for, each with somebody who listens."""
    box = make(client)

    async def scenario() -> None:
        async with AsyncSandboxClient(api_key=KEY) as sandboxes:
            processes = [await sandboxes.open_process(box, "cat") for _ in range(16)]
            ran = await sandboxes.execute_command(box, "ps | grep -c cat")
            assert ran.stdout == "16\n"
            await asyncio.gather(*(each.write_stdin(b"%d\n" % place) for place, each in enumerate(processes)))
            said = await asyncio.gather(*(anext(each.stdout) for each in processes))
            assert said == [b"%d\n" % place for place in range(16)]
            await asyncio.gather(*(each.aclose() for each in processes))
            assert [each.returncode for each in processes] == [143] * 16

    asyncio.run(scenario())


def test_the_async_client_runs_commands(base_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AsyncSandboxClient(api_key=KEY) as sandboxes:
            made = await sandboxes.create(wish())
            await sandboxes.wait_for_creation(made.id)
            many = await asyncio.gather(*(sandboxes.execute_command(made.id, f"echo {each}") for each in range(20)))
            assert [each.stdout for each in many] == [f"{each}\n" for each in range(20)]
            await sandboxes.upload_bytes(made.id, "/tmp/f", BYTES, "f")
            await sandboxes.download_file(made.id, "/tmp/f", str(tmp_path / "f"))
            assert (tmp_path / "f").read_bytes() == BYTES
            job = await sandboxes.start_background_job(made.id, "echo done")
            found = await sandboxes.get_background_job(made.id, job)
            assert (found.completed, found.stdout) == (True, "done\n")
            with pytest.raises(CommandTimeoutError):
                await sandboxes.execute_command(made.id, "sleep 9", timeout=1)
            await sandboxes.delete(made.id)
            with pytest.raises(SandboxNotRunningError):
                await sandboxes.execute_command(made.id, "echo")

    asyncio.run(scenario())
