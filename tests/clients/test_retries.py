"""How the real SDKs take failures that a script sends them: who tries again, when, and what the caller sees."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from instavm import InstaVM, RateLimitError
from prime_sandboxes import APIClient, AsyncSandboxClient, SandboxClient
from superserve import AsyncSandbox, Sandbox, ServerError, _http

from fakeserver.serving.app import Settings
from fakeserver.testing.handles import ProviderHandle, World
from fakeserver.testing.server import Server, running


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A live server for this file."""
    with running(Settings(size=20)) as served:
        yield served


@pytest.fixture
def world(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of the test's own, with the variables of every SDK set to it."""
    with server.world() as made:
        for handle in (made.prime, made.superserve, made.instavm):
            for name, text in handle.env.items():
                monkeypatch.setenv(name, text)
        yield made
    _http.shared_client().close()
    _http._reset_shared_client()


def statuses(handle: ProviderHandle) -> list[int]:
    return [each["status"] for each in handle.requests]


# prime-sandboxes


def prime_list() -> list[str]:
    api = APIClient()
    try:
        return [each.id for each in SandboxClient(api).list().sandboxes]
    finally:
        api.client.close()


def prime_list_async() -> list[str]:
    async def ids() -> list[str]:
        async with AsyncSandboxClient() as sandboxes:
            found = await sandboxes.list()
        return [each.id for each in found.sandboxes]

    return asyncio.run(ids())


@pytest.mark.parametrize("listed", [prime_list, prime_list_async])
@pytest.mark.parametrize(
    "fault", [{"code": 503}, {"fault": "CONNECTION_RESET_BY_PEER"}, {"fault": "HTML_GATEWAY"}], ids=str
)
def test_prime_survives_one_failure(
    world: World, prime_delays: list[float], listed: Callable[[], list[str]], fault: dict[str, Any]
) -> None:
    """After a single 503, reset or gateway page, prime-sandboxes waits a moment and gets the whole list."""
    world.prime.fault(**fault, times=1)
    assert listed() == [each["id"] for each in world.prime.documents]
    assert len(prime_delays) == 1
    assert prime_delays[0] <= 2
    assert len(statuses(world.prime)) == 2
    assert [each["fault"] is None for each in world.prime.requests] == [False, True]


def test_prime_ignores_retry_after(world: World, prime_delays: list[float]) -> None:
    """After a 429 prime-sandboxes waits its own ten seconds, whatever Retry-After says; too early is noted."""
    world.prime.fault(code=429, times=1, headers={"Retry-After": "60"})
    assert prime_list()
    assert prime_delays == [10.0]
    assert "Retry-After was ignored" in world.prime.requests[-1]["warnings"][0]


# superserve


def superserve_list() -> list[str]:
    return [each.id for each in Sandbox.list()]


def superserve_list_async() -> list[str]:
    return [each.id for each in asyncio.run(AsyncSandbox.list())]


@pytest.mark.parametrize("listed", [superserve_list, superserve_list_async])
@pytest.mark.parametrize("seconds", [1, 7])
def test_superserve_obeys_retry_after(
    world: World, superserve_delays: list[float], listed: Callable[[], list[str]], seconds: int
) -> None:
    """After a 429 superserve waits as long as Retry-After says, and gets the whole list."""
    world.superserve.fault(code=429, times=1, headers={"Retry-After": str(seconds)})
    assert listed() == [each["id"] for each in world.superserve.documents]
    assert superserve_delays == [seconds]
    assert statuses(world.superserve) == [429, 200]


def test_superserve_obeys_a_real_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the team's bucket is empty, what superserve waits on the world's clock is enough to be served."""
    world.admin.call("PUT", "/settings", {"rate_limits": {"superserve": "enforced"}})
    world.clock.freeze()
    monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=world.clock.advance, monotonic=time.monotonic))
    for _ in range(41):
        assert superserve_list()
    assert statuses(world.superserve) == [200] * 40 + [429, 200]
    assert world.superserve.requests[-1]["warnings"] == []


def test_superserve_gives_up(world: World, superserve_delays: list[float]) -> None:
    """Three 503s are more than superserve takes."""
    world.superserve.fault(code=503)
    with pytest.raises(ServerError):
        superserve_list()
    assert statuses(world.superserve) == [503] * 3
    assert len(superserve_delays) == 2


# instavm


def test_instavm_surfaces_a_rate_limit(world: World) -> None:
    """instavm does not try again: a 429 is a RateLimitError at once, and the next call is served."""
    world.instavm.fault(code=429, times=1)
    client = InstaVM(world.instavm.token, base_url=world.instavm.base_url, auto_start_session=False)
    try:
        with pytest.raises(RateLimitError):
            client.list_sandboxes()
        assert statuses(world.instavm) == [429]
        assert len(client.list_sandboxes()) == len(world.instavm.documents)
    finally:
        client.session.close()
