"""`prime-sandboxes` from PyPI creates, finds, waits for, pauses and deletes sandboxes on the live fake."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import prime_sandboxes
import pytest
from prime_sandboxes import (
    APIClient,
    APIError,
    AsyncAPIClient,
    AsyncSandboxClient,
    CreateSandboxRequest,
    PaymentRequiredError,
    SandboxClient,
    SandboxImagePullError,
    SandboxNotRunningError,
    SandboxOOMError,
    SandboxTimeoutError,
    StartCommand,
    UnauthorizedError,
)
from prime_sandboxes import sandbox as implementation
from prime_sandboxes.models import BackgroundJob

from tests.clients.others import OLD, only_old, waits_for_limits
from tests.support.server import Live

KEY = "prime-admin-key"
WISH: dict[str, Any] = {"name": "mine", "docker_image": "python:3.11-slim", **({"vm": True} if OLD else {})}
"""A VM, which is what the newer one makes where nobody says."""
JOB = "0123abcd"


@pytest.fixture
def base_url(live: Live, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A world of the test's own, as `fakeserver env prime` exports it."""
    url = live.base_url("prime", f"prime-life-{crc32(request.node.name.encode())}")
    for variable, value in live.app.services["prime"].provider.environment(url, KEY).items():
        monkeypatch.setenv(variable, value)
    return url


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the SDK would have slept, in its waits and between its attempts; not those in which it gathers
    what several threads ask for."""
    found: list[float] = []

    def note(seconds: float) -> None:
        if seconds != implementation.STATUS_BATCH_WINDOW_SECONDS:
            found.append(seconds)

    async def note_too(seconds: float) -> None:
        note(seconds)

    monkeypatch.setattr(implementation, "time", SimpleNamespace(sleep=note, monotonic=time.monotonic))
    for client, sleep in ((APIClient, note), (AsyncAPIClient, note_too)):
        for name in ("_idempotent_request_with_retry", "_idempotent_post_request_with_retry"):
            monkeypatch.setattr(getattr(client, name).retry, "sleep", sleep)
    return found


@pytest.fixture
def clients(base_url: str) -> Iterator[Any]:
    """Clients by the suffix of their credential."""
    opened: list[SandboxClient] = []

    def client(suffix: str = "", key: str = KEY) -> SandboxClient:
        opened.append(SandboxClient(APIClient(api_key=key + suffix)))
        return opened[-1]

    yield client
    for each in opened:
        each.client.client.close()


@pytest.fixture
def client(clients: Any) -> SandboxClient:
    found: SandboxClient = clients()
    return found


def wish(**more: Any) -> CreateSandboxRequest:
    return CreateSandboxRequest(**{**WISH, **more})


def test_the_quick_start(client: SandboxClient, base_url: str, slept: list[float]) -> None:
    made = client.create(
        wish(
            start_command=StartCommand(executable="sleep", args=["infinity"]),
            cpu_cores=1,
            memory_gb=2,
            timeout_minutes=120,
            labels=["quick"],
            environment_vars={"CI": "true"},
            secrets={"TOKEN": "hush"},
        )
    )
    assert (made.status, made.vm, made.user_id, made.team_id) == ("PENDING", True, "user_admin", None)
    assert made.start_command == StartCommand(executable="sleep", args=["infinity"])
    client.wait_for_creation(made.id)
    assert slept == [], "it is reached at once"
    assert client.execute_command(made.id, "echo $CI").stdout == "true\n"
    token = client._auth_cache.get_or_refresh(made.id)
    assert token["gateway_url"] == f"{base_url}/gateway"
    assert client._auth_cache.get_or_refresh(made.id) == token, "it is kept until it expires"
    found = client.get(made.id)
    assert (found.status, found.labels, found.environment_vars) == ("RUNNING", ["quick"], {"CI": "true"})
    assert found.secrets == {"TOKEN": "********"}
    assert found.started_at is not None
    assert [each.id for each in client.list(labels=["quick"]).sandboxes] == [made.id]
    assert "started" in client.get_logs(made.id)
    assert client.delete(made.id)["success"] is True
    assert client.get(made.id).status == "TERMINATED"
    assert client.list(labels=["quick"], exclude_terminated=True).total == 0


def test_many_are_waited_for_at_once(client: SandboxClient, slept: list[float]) -> None:
    ids = [client.create(wish(labels=["many"])).id for _ in range(3)]
    assert client.bulk_wait_for_creation(ids) == dict.fromkeys(ids, "RUNNING")
    assert slept == []
    assert [each.sandbox_id for each in client.get_sandbox_statuses(ids).statuses] == ids
    gone = client.bulk_delete(labels=["many"])
    assert ({*gone.succeeded}, gone.failed) == ({*ids}, [])
    again = client.bulk_delete(sandbox_ids=[*ids, "nobody"])
    assert (again.succeeded, again.failed) == (ids, [{"sandbox_id": "nobody", "error": "Sandbox not found"}])
    with pytest.raises(RuntimeError, match="Sandboxes failed"):
        client.bulk_wait_for_creation(ids)
    with pytest.raises(RuntimeError, match="NOT_FOUND"):
        client.bulk_wait_for_creation(["nobody"])


def test_a_loop_over_pages_sees_every_new_sandbox_once(client: SandboxClient) -> None:
    ids = [client.create(wish(labels=["page"])).id for _ in range(7)]
    found: list[str] = []
    for page in range(1, 5):
        answer = client.list(labels=["page"], page=page, per_page=2)
        assert (answer.total, answer.has_next) == (7, page < 4)
        found += [each.id for each in answer.sandboxes]
    assert found == ids[::-1]


@pytest.mark.parametrize(
    ("outcome", "error", "kind"),
    [
        ("image_not_found", SandboxImagePullError, "IMAGE_PULL_FAILED"),
        ("error", SandboxOOMError, "OOM_KILLED"),
        ("timeout", SandboxTimeoutError, "TIMEOUT"),
    ],
)
def test_a_wait_ends_with_the_failure(
    clients: Any, slept: list[float], outcome: str, error: type[Exception], kind: str
) -> None:
    made = clients(f"+outcome={outcome}").create(wish())
    with pytest.raises(error, match=kind) as caught:
        clients().wait_for_creation(made.id)
    assert type(caught.value) is error
    assert slept == []


def test_a_sandbox_that_runs_and_cannot_be_reached(
    clients: Any, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for in vain, and says that it runs."""
    made = clients("+outcome=unreachable").create(wish())
    now = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(implementation, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    error = SandboxNotRunningError
    with pytest.raises(error, match="did not become reachable"):
        clients().wait_for_creation(made.id, max_attempts=3)
    assert slept
    assert clients().get(made.id).status == "RUNNING"
    with pytest.raises(error, match="no longer"):
        clients().execute_command(made.id, "echo")


def test_a_wait_for_what_was_deleted_ends(client: SandboxClient) -> None:
    made = client.create(wish())
    client.delete(made.id)
    with pytest.raises(SandboxNotRunningError, match="TERMINATED") as caught:
        client.wait_for_creation(made.id)
    assert type(caught.value) is SandboxNotRunningError
    assert client._get_sandbox_error_context(made.id)["status"] == "TERMINATED"


@pytest.mark.parametrize("suffix", ["+code=503,times=1", "+code=503,phase=after,times=1"])
def test_a_creation_that_is_tried_again_makes_one_sandbox(clients: Any, slept: list[float], suffix: str) -> None:
    made = clients(suffix).create(wish(labels=["once"]))
    assert len(slept) == 1
    assert [each.id for each in clients().list(labels=["once"]).sandboxes] == [made.id]
    again = clients().create(wish(labels=["once"], idempotency_key="k"))
    assert clients().create(wish(labels=["other"], idempotency_key="k")).id == again.id


def test_a_deletion_that_is_tried_again_is_a_success(clients: Any, slept: list[float]) -> None:
    made = clients().create(wish())
    assert clients("+code=502,phase=after,times=1").delete(made.id)["success"] is True
    assert len(slept) == 1


def test_a_team_from_the_environment_owns_what_is_made(clients: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIME_TEAM_ID", "research")
    made = clients().create(wish())
    assert made.team_id == "research"
    assert clients(key="prime-member-key").get(made.id).id == made.id
    with pytest.raises(APIError, match="HTTP 403"):
        clients(key="prime-member-key").delete(made.id)
    with pytest.raises(APIError, match="HTTP 404"):
        clients(key="prime-outsider-key").get(made.id)


def test_pause_and_resume_by_path(client: SandboxClient) -> None:
    """0.5.1 has no method for them yet."""
    made = client.create(wish())
    for verb, status in (("pause", "PAUSED"), ("resume", "RUNNING")):
        client.client.request("POST", f"/sandbox/{made.id}/{verb}")
        assert client.get(made.id).status == status
    with pytest.raises(APIError, match="HTTP 409: The sandbox is RUNNING"):
        client.client.request("POST", f"/sandbox/{made.id}/resume")


def test_networks(client: SandboxClient) -> None:
    made = client.create(wish(network_allowlist=["packages.example.org"]))
    assert made.network_allowlist == ["packages.example.org"]
    assert client.get_network(made.id).policy.allowlist == ["packages.example.org"]
    for arguments, lists in (
        ({"deny": ["*"]}, ([], None)),
        ({"allow": ["*"]}, (None, [])),
        ({"deny": ["evil.example", "10.0.0.0/8"]}, (None, ["evil.example", "10.0.0.0/8"])),
    ):
        ordered = client.set_network(made.id, **arguments)
        assert ((ordered.policy.allowlist, ordered.policy.denylist), ordered.applied) == (lists, False)
        assert client.get_network(made.id).applied
    client.delete(made.id)
    with pytest.raises(APIError, match="HTTP 409"):
        client.set_network(made.id, allow=["*"])


@only_old
def test_ports_are_exposed(client: Any) -> None:
    """Of containers, which is what the older one makes where nobody says."""
    made = client.create(wish(vm=None))
    assert (made.vm, client.get(made.id).status) == (False, "RUNNING")
    exposed = client.expose(made.id, 8_000, "web")
    assert (exposed.port, exposed.name, exposed.sandbox_id) == (8_000, "web", made.id)
    assert [each.exposure_id for each in client.list_exposed_ports(made.id).exposures] == [exposed.exposure_id]
    assert exposed.exposure_id in {each.exposure_id for each in client.list_all_exposed_ports().exposures}
    client.unexpose(made.id, exposed.exposure_id)
    assert client.list_exposed_ports(made.id).exposures == []


@pytest.mark.skipif(OLD, reason="0.2.39 asks for jobs in another way, which needs commands")
def test_background_jobs_that_are_not_there(client: SandboxClient) -> None:
    made = client.create(wish())

    def job(identity: str) -> BackgroundJob:
        return implementation._canonical_background_job(identity, JOB)

    with pytest.raises(APIError, match="Background job not found"):
        client.get_background_job_statuses([job(made.id)])
    box = client.client.request("POST", "/sandbox", json={**WISH, "vm": False})["id"]
    with pytest.raises(prime_sandboxes.BatchStatusUnsupportedError, match="Only VM sandboxes"):
        client.get_background_job_statuses([job(box)])


@pytest.mark.parametrize(
    ("code", "error"), [(401, UnauthorizedError), (402, PaymentRequiredError), (403, APIError), (409, APIError)]
)
def test_errors_of_a_creation(clients: Any, slept: list[float], code: int, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        clients(f"+code={code}").create(wish(labels=["refused"]))
    assert type(caught.value) is error
    assert (clients().list(labels=["refused"]).total, slept) == (0, [])


@pytest.mark.parametrize(
    "change", [{"name": ""}, {"cpu_cores": 99}, {"timeout_minutes": 0}, {"labels": ["a"], "memory_gb": 0}]
)
def test_bad_wishes_name_their_field(client: SandboxClient, change: dict[str, Any]) -> None:
    with pytest.raises(APIError, match="HTTP 422") as caught:
        client.create(wish(**change))
    assert f"'{next(name for name in change if name != 'labels')}'" in str(caught.value)


@pytest.mark.parametrize("code", [pytest.param(429, marks=waits_for_limits), 502, 504])
def test_waits_ride_out_what_passes(clients: Any, slept: list[float], code: int) -> None:
    made = clients().create(wish())
    clients(f"+code={code},times=1").wait_for_creation(made.id)
    # The status and the token are asked for twice; the older SDK also looks what kind of sandbox it is.
    assert len(slept) == (3 if OLD else 2)
    assert clients().execute_command(made.id, "echo it runs").stdout == "it runs\n"


def test_the_async_client_does_the_same(base_url: str, slept: list[float]) -> None:
    async def scenario() -> None:
        async with AsyncSandboxClient(api_key=KEY) as sandboxes:
            made = await sandboxes.create(wish(labels=["async"]))
            await sandboxes.wait_for_creation(made.id)
            assert (await sandboxes.get(made.id)).status == "RUNNING"
            token = await sandboxes._auth_cache.get_or_refresh(made.id)
            assert token["job_id"]
            assert (await sandboxes.delete(made.id))["success"] is True
            with pytest.raises(SandboxNotRunningError):
                await sandboxes.wait_for_creation(made.id)
            gone = await sandboxes.bulk_delete(sandbox_ids=[made.id])
            assert gone.succeeded == [made.id]
        async with AsyncSandboxClient(api_key=f"{KEY}+outcome=error") as failing:
            made = await failing.create(wish())
        async with AsyncSandboxClient(api_key=KEY) as sandboxes:
            with pytest.raises(SandboxOOMError):
                await sandboxes.wait_for_creation(made.id)

    asyncio.run(scenario())
    assert slept == []
