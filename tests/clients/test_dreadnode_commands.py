"""`dreadnode` from PyPI runs commands in environments on the live fake."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

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
    from dreadnode.core.environment import TaskEnvironment

KEY = "dreadnode-admin-key"
PLACE = ("acme", "main")


@pytest.fixture
def base_url(live: Live) -> str:
    return live.base_url("dreadnode", f"commands-{uuid4().hex}")


@pytest.fixture
def client(base_url: str) -> Iterator[ApiClient]:
    made = ApiClient(base_url, api_key=KEY)
    yield made
    made._client.close()


def execute(client: ApiClient, made: Row, command: str, **more: Any) -> Row:
    token = more.pop("token", made["execute_token"])
    found: Row = client.execute_in_environment(*PLACE, made["id"], command=command, execute_token=token, **more)
    return found


def test_a_task_environment_executes(client: ApiClient) -> None:
    """The SDK's own class keeps the token that it was told once."""
    environment = TaskEnvironment(client, org="acme", workspace="main", task_ref="acme/recon@1.0")

    async def live() -> list[tuple[int, str]]:
        async with asyncio.timeout(20), environment:
            return [
                await environment.execute("echo one > note; echo told; echo err >&2; exit 3"),
                await environment.execute("cat note", timeout_sec=5),
                await environment.execute("echo before; sleep 9", timeout_sec=5),
            ]

    assert asyncio.run(live()) == [(3, "told\nerr\n"), (0, "one\n"), (124, "before\n")]


def test_what_a_client_is_refused(client: ApiClient) -> None:
    """Another's token, a command that is none, and an environment that is gone."""
    made = client.create_environment(*PLACE, {"task_ref": "recon"})
    other = client.create_environment(*PLACE, {"task_ref": "recon"})
    assert execute(client, made, "echo hi") == {"exit_code": 0, "output": "hi\n"}
    with pytest.raises(RuntimeError, match="403: The execute token"):
        execute(client, made, "echo hi", token=other["execute_token"])
    with pytest.raises(RuntimeError, match="422: "):
        execute(client, made, "")
    with pytest.raises(RuntimeError, match="422: "):
        execute(client, made, "echo hi", timeout_sec=601)
    with pytest.raises(NotFoundError):
        execute(client, {**made, "id": str(uuid4())}, "echo hi")
    client.delete_environment(*PLACE, made["id"])
    with pytest.raises(ConflictError, match="torn_down"):
        execute(client, made, "echo hi")
