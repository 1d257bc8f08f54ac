"""Messages over pipes, where several threads write and any of them may end it."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakeserver.interpreter.wire import Closed, Message, Sink


class Alone(io.BytesIO):
    """A file that says which of its calls began while another one went on."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0
        self.beside: list[str] = []
        self.pause = threading.Event()

    def close(self) -> None:
        self.inside += 1
        if self.inside > 1:
            self.beside.append("close")
        self.pause.wait(0.05)
        super().close()
        self.inside -= 1


def test_threads_that_end_it_at_once_take_turns() -> None:
    """A buffered file that two threads close at the same moment raises a ValueError, or worse."""
    file = Alone()
    sink = Sink(file)
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(sink.close) for _ in range(4)]:
            done.result()
    assert file.beside == []
    with pytest.raises(Closed):
        sink.send(Message(1, "end"))
