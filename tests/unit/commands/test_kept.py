"""What is kept of sandboxes in which nobody works."""

from __future__ import annotations

import gc
import logging
import os
import sys

import pytest

from fakeserver.commands.guests import Guests
from fakeserver.commands.kept import Kept
from fakeserver.interpreter.orders import Order
from tests.unit.interpreter.shells import NOW


def test_sandboxes_make_room_for_others_once_there_are_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakeserver.commands.kept.MAX_KEPT_BYTES", 100)
    kept = Kept()
    for name in "abc":
        kept.put(("prime", name), b"." * 40)
    kept.put(("prime", "b"), b"." * 50)
    assert [name for _, name in kept] == ["c", "b"]
    kept.put(("prime", "d"), b"." * 50)
    assert [name for _, name in kept] == ["b", "d"]
    kept.pop(("prime", "b"))
    kept.put(("prime", "e"), b"." * 50)
    assert [name for _, name in kept] == ["d", "e"]


def test_what_is_kept_already_is_no_news() -> None:
    """A worker tells of the same files again, and others who have the sandbox would have to adopt them."""
    kept, news = Kept(), list[str]()
    kept.note = lambda key: news.append(key[1])
    for files in (b"one", b"one", b"two"):
        kept.put(("prime", "a"), files)
    assert news == ["a", "a", "a"], "first made, then taken away and made again"
    assert kept.get(("prime", "a")) == b"two"


def test_the_last_sandbox_is_kept_however_large_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakeserver.commands.kept.MAX_KEPT_BYTES", 100)
    kept = Kept()
    kept.put(("prime", "a"), b"." * 500)
    assert ("prime", "a") in kept


def test_there_are_no_more_sandboxes_than_may_be_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fakeserver.commands.kept.MAX_KEPT", 2)
    kept = Kept()
    with caplog.at_level(logging.WARNING, "fakeserver"):
        for name in ("a", "b", "a", "c"):
            kept.put(("prime", name), b".")
    assert [name for _, name in kept] == ["a", "c"]
    assert caplog.messages == ["prime b: its files make room for those of other sandboxes"]


@pytest.mark.slow
def test_what_a_command_makes_that_was_given_up_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What others had made before it is."""
    monkeypatch.setattr("fakeserver.interpreter.watching.GRACE_SECONDS", 0.0)
    guest = Guests().of("prime", "a")
    assert guest.run(Order("echo before > f"), NOW).exit_code == 0
    text = "echo lost > f; awk 'BEGIN { while (i++ < 3000000000); }'; echo after > f"
    finished = guest.run(Order(text, seconds=0.2), NOW)
    assert (finished.exit_code, finished.stderr) == (137, b"Killed\n")
    assert guest.run(Order("cat f"), NOW).stdout == b"before\n"


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted as Linux shows them")
def test_nothing_is_left_open_behind_commands() -> None:
    """Nothing that has to wait for the collector, either."""
    guest = Guests().of("prime", "a")
    command = Order("echo a; timeout 5 date; python3 -c 'import time; time.sleep(1)'; jq -n 1; ls -l; sleep 1")
    guest.run(command, NOW)
    gc.disable()
    try:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            assert guest.run(command, NOW).exit_code == 0
        assert len(os.listdir("/proc/self/fd")) <= before
    finally:
        gc.enable()
