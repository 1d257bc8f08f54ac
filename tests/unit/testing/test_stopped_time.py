"""A test that stops time in its own process does not stop the server beside it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from fakeserver.instants import instant
from fakeserver.serving.app import Settings
from fakeserver.testing.handles import World
from fakeserver.testing.server import Server, running
from tests.support.asgi import PATHS, credential
from tests.unit.test_machine import LIBRARIES, STOPPED

pytestmark = pytest.mark.slow

YEAR = "2020"
"""That the clock would show if it were stopped."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A live server for this file."""
    with running(Settings(size=20)) as served:
        yield served


def get(world: World, slug: str, client: httpx.Client) -> httpx.Response:
    return client.get(f"{world.provider(slug).base_url}{PATHS[slug]}", headers=credential(slug))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_stopped_test_leaves_the_world_alone(server: Server, library: str) -> None:
    """A world that comes into being then has real dates; its clock, delays, journal and limits go on, and its own clock
    still rules."""
    assert str(STOPPED.year) == YEAR
    with httpx.Client(trust_env=False, timeout=20) as client, LIBRARIES[library](), server.world() as world:
        assert world.clock.now[:4] > YEAR
        world.prime.fault(delay_ms=20, times=1)
        assert get(world, "prime", client).status_code == 200
        assert world.prime.requests[0]["time"][:4] > YEAR
        first = instant(world.clock.now)
        assert any(instant(world.clock.now) > first for _ in range(100))
        assert world.clock.freeze("2099-01-01T00:00:00Z")["now"] == world.clock.now
        assert world.clock.advance(60)["now"] == world.clock.now == "2099-01-01T00:01:00.000000Z"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_limit_is_over_when_the_world_says_so(server: Server, library: str) -> None:
    """Neither stopping time nor letting it go on counts for a rate limit; the world's clock does."""
    with httpx.Client(trust_env=False, timeout=20) as client, server.world() as world:
        world.clock.freeze()
        world.admin.call("PUT", "/settings", {"rate_limits": {"superserve": "enforced"}})

        def used_up() -> bool:
            return get(world, "superserve", client).status_code == 429

        with LIBRARIES[library]():
            assert any(used_up() for _ in range(200))
            assert used_up()
        assert used_up()
        with LIBRARIES[library]():
            world.clock.advance(60)
            assert not used_up()
