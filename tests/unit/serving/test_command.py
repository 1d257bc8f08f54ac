"""What the command does around the server that it starts."""

from __future__ import annotations

import gc

import pytest

from fakeserver.serving.command import uncollected


def test_garbage_is_collected_again_after_the_start() -> None:
    """Also where the server cannot start."""
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="no spec"), uncollected():
        raise ValueError("no spec")
    assert gc.isenabled()


def test_whoever_collects_no_garbage_goes_on_so() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
