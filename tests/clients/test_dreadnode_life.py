"""`dreadnode` from PyPI drives sandboxes, runtimes and environments on the live fake, each test in its own world."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest

from tests.support.asgi import Row
from tests.support.server import Live

with warnings.catch_warnings():
    # The SDK's many dependencies warn about each other while they are imported, which says nothing about the fake.
    warnings.simplefilter("ignore")
    pytest.importorskip(
        "dreadnode", reason="dreadnode is not installed; it is about a gigabyte, so `make test` leaves it out"
    )
    from dreadnode.app.api.client import ApiClient, ConflictError, NotFoundError

KEY = "dreadnode-admin-key"


def client_of(live: Live, test: str, key: str = KEY) -> ApiClient:
    return ApiClient(live.base_url("dreadnode", "life-" + sha256(test.encode()).hexdigest()[:16]), api_key=key)


@pytest.fixture
def client(live: Live, request: pytest.FixtureRequest) -> Iterator[ApiClient]:
    """The admin's client in the world of one test."""
    made = client_of(live, request.node.nodeid)
    yield made
    made._client.close()


@pytest.fixture
def member(live: Live, request: pytest.FixtureRequest) -> Iterator[ApiClient]:
    """Somebody else in the same world."""
    made = client_of(live, request.node.nodeid, "dreadnode-member-key")
    yield made
    made._client.close()


def started(client: ApiClient, **more: Any) -> Row:
    """The quick start, up to where a command would run."""
    project = client.get_default_project_key("acme", "main")
    runtime = client.create_runtime("acme", "main", project, **more)
    found: Row = client.start_runtime("acme", "main", runtime["id"])
    return found


def test_what_the_command_line_asks_first(client: ApiClient) -> None:
    """The models of the SDK take every answer, and agree with each other."""
    assert client.get_user().username == "admin"
    organization = client.get_organization("acme")
    assert organization in client.list_user_organizations()
    workspaces = client.list_workspaces("acme")
    assert {each.org_id for each in workspaces} == {organization.id}
    for workspace in workspaces:
        assert client.get_workspace("acme", workspace.key) == workspace
        for project in client.list_projects("acme", workspace.key):
            assert client.get_project("acme", workspace.key, project.key) == project
            assert project.workspace_id == workspace.id
    missing: tuple[Callable[[], Any], ...] = (
        lambda: client.get_workspace("acme", "nowhere"),
        lambda: client.get_project("acme", "main", "nowhere"),
    )
    for call in missing:
        with pytest.raises(NotFoundError, match="404: "):
            call()


def test_the_quick_start(client: ApiClient) -> None:
    """Ensured, started, found, paused, resumed, kept alive, killed, listed."""
    runtime = started(client)
    sandbox = runtime["instance"]["provider_sandbox_id"]
    assert (runtime["status"], client.get_sandbox("acme", sandbox)["state"]) == ("running", "running")
    assert client.list_sandboxes("acme", state="running", limit=1)["items"][0]["provider_sandbox_id"] == sandbox
    place = "acme", "main", runtime["id"]
    assert client.pause_runtime(*place)["status"] == "paused"
    assert client.get_sandbox("acme", sandbox)["pause_reason"] == "user"
    assert client.resume_runtime(*place)["status"] == "running"
    until = client.keepalive_runtime(*place)["expires_at"]
    assert client.get_sandbox("acme", sandbox)["expires_at"] == until
    assert client.start_runtime(*place)["sandbox_token"] == runtime["sandbox_token"]
    assert sandbox in client.get_sandbox_logs("acme", sandbox)
    sessions = client.get_sandbox_usage("acme")["sessions_count"]
    client.delete_sandbox("acme", sandbox)
    assert client.get_runtime(*place)["status"] == "idle"
    assert client.get_sandbox("acme", sandbox)["state"] == "killed"
    assert client.get_sandbox_usage("acme")["sessions_count"] == sessions
    with pytest.raises(NotFoundError):
        client.get_sandbox_logs("acme", sandbox)


def test_the_other_id_is_not_found(client: ApiClient) -> None:
    row = client.list_sandboxes("acme", limit=1)["items"][0]
    assert client.get_sandbox("acme", row["provider_sandbox_id"])["id"] == row["id"]
    for call in (client.get_sandbox, client.delete_sandbox, client.get_sandbox_logs):
        with pytest.raises(NotFoundError):
            call("acme", row["id"])


def test_a_configuration_is_replaced(client: ApiClient) -> None:
    """The SDK's own way: the stored one, with something else in it, is sent back whole."""
    runtime = started(client, config={"build": {"provider": "docker"}})
    place = "acme", "main", runtime["key"]
    config = client.get_runtime_config(*place)["config"]
    config["sandbox"]["egress"] = {"allow": ["*.internal.corp"]}
    after = client.update_runtime_config(*place, config)
    assert after["config"] == config
    assert client.start_runtime(*place)["materialization_stale"]
    with pytest.raises(ConflictError, match="409: "):
        client.pause_runtime(*place)
    with pytest.raises(ConflictError, match="different configuration"):
        started(client, config={})
    assert client.reset_runtime(*place)["status"] == "idle"
    with pytest.raises(ConflictError):
        client.reset_runtime(*place)


def test_runtimes_are_walked(client: ApiClient, member: ApiClient) -> None:
    """As the command line does: until there is no cursor, or nothing on a page."""
    for number in range(5):
        who = (client, member)[number % 2]
        who.create_runtime("acme", "main", key=f"r{number}", name=f"R {number}")
    for owner, count in ((None, 5), ("me", 3)):
        found, cursor = list[Row](), None
        while True:
            page = client.list_runtimes("acme", "main", state=["idle", "paused"], owner=owner, limit=2, cursor=cursor)
            found += page["items"]
            cursor = page["next_cursor"]
            if not cursor or not page["items"]:
                break
        assert len({each["id"] for each in found}) == count
    with pytest.raises(RuntimeError, match="403: "):
        member.start_runtime("acme", "main", "r0")


def test_an_environment_is_waited_for(client: ApiClient) -> None:
    """By the SDK's own class, whose wait finds it ready at the first look."""
    from dreadnode.core.environment import TaskEnvironment

    environment = TaskEnvironment(client, org="acme", workspace="main", task_ref="acme/recon@1.0", timeout_sec=600)

    async def live() -> tuple[Row, str | None]:
        async with asyncio.timeout(20):
            context = await environment.setup()
            rendered = environment.render_instruction()
            await environment.teardown()
        return dict(context), rendered

    context, rendered = asyncio.run(live())
    assert context["state"] == "ready"
    assert rendered is not None
    assert context["service_urls"]["target"]["url"] in rendered
    assert client.get_environment_status("acme", "main", context["id"])["state"] == "torn_down"
    listed = client.list_environments("acme", "main", state=["torn_down", "failed"])
    assert [each["id"] for each in listed["environments"]] == [context["id"]]


def test_an_environment_that_fails(client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK raises what the environment says."""
    from dreadnode.core.environment import TaskEnvironment

    create = client.create_environment

    def fail(*arguments: Any) -> Row:
        with monkeypatch.context() as patch:
            patch.setitem(client._client.headers, "X-API-Key", f"{KEY}+outcome=build_failed")
            found: Row = create(*arguments)
        return found

    async def wait() -> None:
        async with asyncio.timeout(20):
            await TaskEnvironment(client, org="acme", workspace="main", task_ref="recon").setup()

    monkeypatch.setattr(client, "create_environment", fail)
    with pytest.raises(RuntimeError, match="failed to provision: task build failed"):
        asyncio.run(wait())


def test_a_task_that_is_not_there(client: ApiClient) -> None:
    """With the words that the command line looks for."""
    with pytest.raises(NotFoundError, match=r"(?i)task not found"):
        client.create_environment("acme", "main", {"task_ref": "somebody/recon"})
