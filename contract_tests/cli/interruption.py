"""Ctrl-C and a polite kill: the first one ends the run with a report of what was found, the second one ends all."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from contract_tests.reporting import exit_codes

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FAREWELL = b"\nended at once, without a report\n"


class Interruption:
    """Heeds signals inside of its `with` block. `running` is the part of it that they interrupt; behind that, the first
    one changes nothing, since all that is left to do is to write the reports."""

    def __init__(self) -> None:
        self.running = True
        self.times = 0
        self.code = exit_codes.COULD_NOT_CHECK
        """What the process ends with when somebody has no patience."""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for each in SIGNALS:
                # Whoever starts us with a signal ignored, as nohup and shells do, wants it ignored.
                if signal.getsignal(each) is not signal.SIG_IGN:
                    self._before[each] = signal.signal(each, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.times += 1
        if self.times > 1:
            with suppress(OSError):
                os.write(2, FAREWELL)
            os._exit(self.code)
        self.heed()

    def heed(self) -> None:
        """Interrupt the run where somebody wants that. Called between requests too, since a library on the way may have
        taken the interruption for one of its own."""
        if self.times and self.running:
            raise KeyboardInterrupt
