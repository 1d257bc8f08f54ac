"""A signal that comes before the command, while it starts, and while it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from fakeserver.intercept import running

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that is delivered")
WAITING = ["sleep", "30"]


def test_one_before_the_command_ends_the_run() -> None:
    """As an exception, so that all that is set up goes with it."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended, running.Signals():
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("when", ["starting", "running"])
def test_one_from_then_on_is_the_commands(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Also where the command is faster than we are: it may send one before we hold its process in our hands."""

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            if when == "starting":
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    with running.Signals() as signals:
        process = signals.start(WAITING, os.environ)
        if when == "running":
            signal.raise_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == -signal.SIGTERM


@pytest.mark.slow
def test_one_that_was_ignored_stays_so() -> None:
    """As under nohup, and as a shell starts what it puts into the background."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running.Signals() as signals:
            signal.raise_signal(signal.SIGHUP)
            done = signals.start(
                [sys.executable, "-c", "import signal; exit(signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN)"],
                os.environ,
            )
            assert done.wait(timeout=30) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
