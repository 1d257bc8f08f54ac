"""Threads that carry jobs out, and whatever else blocks for a sandbox; what waits for a lock holds none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from fakeserver.commands.locks import Postponed
from fakeserver.commands.waits import Waits

MAX_THREADS = 128
"""Jobs that are carried out at once, each in another sandbox."""
THREADS = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="fakeserver-job")
Found = TypeVar("Found")


def carry_out(work: Callable[[], Found], waits: Waits) -> Future[Found]:
    """Let a thread do some work, and once more if it was postponed, as soon as it has the lock."""
    future: Future[Found] = Future()
    # Whoever waits for it may go; it comes to its end nevertheless.
    future.set_running_or_notify_cancel()

    def run() -> None:
        end: Callable[[Any], None] = future.set_exception
        told: Any
        try:
            told = waits.during(work)
        except Postponed:
            assert waits.lock is not None
            waits.lock.wait(begin)
            return
        except BaseException as error:
            told = error
        else:
            end = future.set_result
        waits.give_up()
        end(told)

    def begin() -> None:
        try:
            THREADS.submit(run)
        except RuntimeError as error:  # The interpreter is about to end.
            waits.give_up()
            future.set_exception(error)

    begin()
    return future
