"""Jobs: what an answer waits for, or streams, is done in a thread, so that nobody else waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from typing import Any

from fakeserver.commands.threads import carry_out
from fakeserver.commands.waits import Waits
from fakeserver.listing.meaning import Emit, Going, Job
from fakeserver.pipeline.exchange import Answer


def drop(piece: bytes | None) -> None:
    """Nobody wants what is emitted."""


WAITING: set[asyncio.Future[Answer]] = set()
"""Conclusions that wait for their turn; a loop does not hold them."""
RUNNING: set[Callable[[], None]] = set()
"""What stops each job that has not come to its end."""


def stop_all() -> None:
    """The end of all jobs, as when the server stops."""
    for stop in [*RUNNING]:
        stop()


def submit(job: Job, waits: Waits, emit: Emit) -> Future[Any]:
    """Let a thread carry a job out."""

    def tell(piece: bytes | None) -> None:
        waits.begun = True
        emit(piece)

    RUNNING.add(job.stop)
    future = carry_out(lambda: job.run(tell), waits)
    future.add_done_callback(lambda _: RUNNING.discard(job.stop))
    return future


async def pass_time(seconds: float, gone: asyncio.Event) -> None:
    """Wait for what a job had to wait for, unless its client has left."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(gone.wait(), seconds)


Leaves = Callable[[], Awaitable[None]]
"""Waits until the client has left."""


async def work(answer: Answer, leaves: Leaves | None = None) -> Answer:
    """The answer with a body: what its job has come to, what that emits, or, where that is in the background, the one
    there is. What goes wrong in a job that is waited for is raised where its answer is made. A job whose client leaves
    before that is stopped. What a job waits for holds no thread: it is waited for here."""
    job = answer.job
    if job is None:
        return answer
    if job.streams:
        answer.body = stream(job, concluding(answer), leaves)
        return answer
    waits = Waits()
    future = submit(job, waits, drop)
    if job.background:
        loop, conclude = asyncio.get_running_loop(), concluding(answer)

        def tell(done: Future[Any]) -> None:
            # A server that has stopped in the meantime keeps nothing.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(loop.call_later, waits.seconds, conclude, done.result)

        future.add_done_callback(tell)
        return answer
    done, gone = asyncio.wrap_future(future), asyncio.Event()

    def stop() -> None:
        gone.set()
        job.stop()

    with watching(leaves, stop):
        await asyncio.wait([done])
        if waits.seconds:
            await pass_time(waits.seconds, gone)
    # Whatever it is, it is raised below.
    done.exception()
    turn = answer.turn
    if turn is None:
        concluded = answer.conclude(future.result)
    else:
        concluded = await turn(lambda: answer.conclude(future.result))
    # What comes of it may have to wait in its turn.
    concluded.turn = turn
    return await work(concluded, leaves)


def concluding(answer: Answer) -> Callable[[Callable[[], Any]], Any]:
    """What concludes an answer that nobody waits for any longer; where that takes a turn, it begins to wait for it."""
    turn = answer.turn
    if turn is None:
        return answer.conclude

    def conclude(come: Callable[[], Any]) -> None:
        task = asyncio.ensure_future(turn(lambda: answer.conclude(come)))
        WAITING.add(task)
        task.add_done_callback(WAITING.discard)

    return conclude


@contextlib.contextmanager
def watching(leaves: Leaves | None, stop: Callable[[], None]) -> Iterator[None]:
    """Stop something if the client leaves meanwhile."""
    watch = None if leaves is None else asyncio.ensure_future(leaves())
    if watch is not None:
        watch.add_done_callback(lambda watch: None if watch.cancelled() else stop())
    try:
        yield
    finally:
        if watch is not None:
            watch.cancel()


async def stream(
    job: Job, conclude: Callable[[Callable[[], Any]], Any], leaves: Leaves | None = None
) -> AsyncIterator[bytes]:
    """What a job emits while it runs, in order; `conclude` is told what has come of it, whoever still listens."""
    loop, waits, waited = asyncio.get_running_loop(), Waits(), 0.0
    pieces: asyncio.Queue[tuple[bytes | None, float]] = asyncio.Queue()
    gone = asyncio.Event()

    def emit(piece: bytes | None) -> None:
        # Who emits when the loop is over has nobody to tell.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(pieces.put_nowait, (piece, waits.seconds))

    def note(done: Future[Any]) -> None:
        if gone.is_set() or going_of(done) is None:
            emit(None)

    def stop() -> None:
        gone.set()
        job.stop()
        if future.done():
            emit(None)

    def tell(done: Future[Any]) -> None:
        # A server that has stopped in the meantime keeps nothing.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(conclude, done.result)

    future = submit(job, waits, emit)
    future.add_done_callback(note)
    try:
        with watching(leaves, stop):
            while True:
                piece, due = await pieces.get()
                if due > waited:
                    await pass_time(due - waited, gone)
                if piece is None:
                    break
                waited = due
                yield piece
    finally:
        if not future.done():
            job.stop()
        future.add_done_callback(leave)
        future.add_done_callback(tell)


def going_of(done: Future[Any]) -> Going | None:
    """What goes on behind a job, if anything does."""
    if done.exception() is None and isinstance(going := done.result(), Going):
        return going
    return None


def leave(done: Future[Any]) -> None:
    """Nobody listens any longer to what goes on behind a job."""
    if (going := going_of(done)) is not None:
        going.leave()
