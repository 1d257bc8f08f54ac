"""Names that a test misspells are answered with the one that was meant."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from fakeserver.serving.app import Settings
from fakeserver.testing import World, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fake() -> Iterator[Any]:
    """A world, of which the type checker is not told, since it would find all of this."""
    with running(Settings(size=5)) as server, server.world() as world:
        yield world


def test_arguments(fake: Any) -> None:
    with pytest.raises(TypeError, match=r"fault\(\) has no argument 'cod'; did you mean 'code'\?"):
        fake.prime.fault(cod=429)
    with pytest.raises(TypeError, match=r"fault\(\) has no argument 'xyz'; known are operation, code, example"):
        fake.prime.fault(code=429, xyz=1)
    with pytest.raises(TypeError, match=r"advance\(\) has no argument 'second'; did you mean 'seconds'\?"):
        fake.clock.advance(second=1)
    assert fake.prime.fault(code=429, times=1)["times"] == 1
    assert fake.clock.advance(seconds=1)["aged_seconds"] == 1


def test_attributes(fake: Any) -> None:
    for handle, wrong, meant in (
        (fake, "prme", "prime"),
        (fake, "clok", "clock"),
        (fake.prime, "tokn", "token"),
        (fake.prime, "base_ulr", "base_url"),
        (fake.clock, "advanse", "advance"),
    ):
        with pytest.raises(AttributeError, match=f"has no attribute {wrong!r}; did you mean {meant!r}") as caught:
            getattr(handle, wrong)
        assert caught.value.name == wrong
        assert not hasattr(handle, wrong)


def test_what_asks_for_attributes_that_need_not_be_there_goes_on(fake: World) -> None:
    assert copy.copy(fake).base_url == fake.base_url
    assert copy.copy(fake.clock).now
