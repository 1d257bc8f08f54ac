"""`serve --workers`: several processes answer at one socket, and one leads them and replaces those that end."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from fakeserver.arguments import UsageError
from fakeserver.serving.sharing import Shares

RESTART_SECONDS = 0.2
"""Before another takes the place of one that has ended, which may end likewise."""
END_SECONDS = 10.0
"""That workers have for what they are answering."""
READY = b"1"

log = logging.getLogger("fakeserver")
Work = Callable[[Callable[[], None], int, Shares, int], None]
"""What a worker does until it is told to end: it calls the first when it answers, and ends when the pipe of the second
is closed. The rest is how many connections all have, and which worker it is."""


KILL: int = getattr(signal, "SIGKILL", signal.SIGTERM)
AT_ONCE: int = getattr(os, "WNOHANG", 0)

if sys.platform == "win32":

    def fork() -> int:
        raise UsageError("fakeserver: this system has no workers")

    def reap(options: int = 0) -> tuple[int, int]:
        return 0, 0

else:

    def fork() -> int:
        """Another process that goes on from here, where this is 0."""
        return os.fork()

    def reap(options: int = 0) -> tuple[int, int]:
        """A process that has ended, and how."""
        return os.waitpid(-1, options)


class Told(BaseException):
    """The leader was told to end, by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def tell(number: int, frame: FrameType | None) -> None:
    raise Told(number)


class Workers:
    """So many processes that do the same work."""

    def __init__(self, count: int, work: Work) -> None:
        self._count = count
        self._work = work
        self._ready: dict[int, int] = {}
        """By process, the pipe through which it says that it answers."""
        self._numbers: dict[int, int] = {}
        """By process, which worker it is."""
        self._shares = Shares(count)
        # Nobody writes to it: it closes with the leader, however that ends.
        self._alive, self._held = os.pipe()

    def run(self, announce: Callable[[], None]) -> int:
        """Lead them until a signal comes; `announce` is called when all answer. The exit code."""
        before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            for number in range(self._count):
                self._start(number)
            for ready in self._ready.values():
                if os.read(ready, 1) != READY:
                    raise UsageError("fakeserver: a worker could not start")
            announce()
            while True:
                process, status = reap()
                if process in self._ready:
                    os.close(self._ready.pop(process))
                    code = os.waitstatus_to_exitcode(status)
                    log.error("worker %s has ended with %s; another takes its place", process, code)
                    number = self._numbers.pop(process)
                    self._shares.leave(number)
                    time.sleep(RESTART_SECONDS)
                    self._start(number)
        except Told as told:
            return 0 if told.number == signal.SIGINT else 128 + told.number
        finally:
            for number in before:
                signal.signal(number, signal.SIG_IGN)
            self._end()
            for number, how in before.items():
                signal.signal(number, how)

    def _start(self, number: int) -> None:
        """One more, which is the worker of this number."""
        ready, tells = os.pipe()
        sys.stdout.flush()
        process = fork()
        if process:
            os.close(tells)
            self._ready[process], self._numbers[process] = ready, number
            return
        code = 1
        try:
            for told in (signal.SIGTERM, signal.SIGINT):
                signal.signal(told, signal.SIG_DFL)
            for pipe in (self._held, ready, *self._ready.values()):
                os.close(pipe)
            self._work(lambda: say_ready(tells), self._alive, self._shares, number)
            code = 0
        except (SystemExit, KeyboardInterrupt):
            code = 0
        except BaseException as error:
            log.error("a worker ends: %s", error)
        finally:
            # What the leader has still to do is not for its workers.
            os._exit(code)

    def _end(self) -> None:
        """Have all end, those gently that can."""
        for process in self._ready:
            os.kill(process, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        while self._ready:
            process, _ = reap(AT_ONCE)
            if process:
                self._ready.pop(process, None)
            elif time.monotonic() > deadline:
                for left in self._ready:
                    os.kill(left, KILL)
                deadline += END_SECONDS
            else:
                time.sleep(0.01)


def say_ready(pipe: int) -> None:
    os.write(pipe, READY)
    os.close(pipe)
