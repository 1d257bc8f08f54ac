"""What the command does around the server that it starts."""

from __future__ import annotations

import signal
import time

import pytest
import uvicorn

from fakeserver.serving.command import kept_signals
from fakeserver.serving.configuration import server_config
from tests.support.asgi import app_of


def test_a_signal_that_comes_before_the_server_runs_is_not_lost() -> None:
    """It ends the server, which then has not answered anybody, and takes effect behind it."""
    before = signal.getsignal(signal.SIGINT)
    server = uvicorn.Server(server_config(app_of(size=20), log_config=None))
    runs = []

    def run() -> None:
        with kept_signals(server):
            signal.raise_signal(signal.SIGINT)
            server.run(sockets=[])
            runs.append(server.started)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert runs == [True]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_signal_takes_effect_at_once() -> None:
    """The server may have ended, and what is left wait for a thread that has something to do."""
    before = signal.getsignal(signal.SIGINT)
    server = uvicorn.Server(uvicorn.Config("nobody:app"))

    def wait() -> None:
        with kept_signals(server):
            signal.raise_signal(signal.SIGINT)
            assert server.should_exit
            signal.raise_signal(signal.SIGINT)
            time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        wait()
    assert signal.getsignal(signal.SIGINT) is before
