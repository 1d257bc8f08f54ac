"""When Python looks for garbage: not during a start, and never among what the start made."""

from __future__ import annotations

import gc

import pytest

from fakeserver.garbage import keep_all, uncollected


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
            keep_all()
            assert not gc.isenabled()
        keep_all()
        assert not gc.isenabled()
    finally:
        gc.unfreeze()
        gc.enable()


def test_a_start_within_a_start_ends_with_it() -> None:
    with uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_a_start_made_is_kept_and_what_comes_is_collected() -> None:
    gc.unfreeze()
    try:
        with uncollected():
            keep_all()
            assert gc.isenabled()
            assert gc.get_freeze_count() > 0
            with uncollected():
                assert not gc.isenabled()
            assert gc.isenabled()
        assert gc.isenabled()
    finally:
        gc.unfreeze()
