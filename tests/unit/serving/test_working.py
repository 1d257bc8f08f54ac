"""Jobs: what a command waits for on the wall holds no thread and comes in order; whose client leaves is stopped."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from fakeserver.commands import threads
from fakeserver.commands.guests import Guests
from fakeserver.commands.scripts import Script
from fakeserver.commands.waits import wait
from fakeserver.interpreter.orders import Order
from fakeserver.listing.meaning import Emit, Job, Result
from fakeserver.pipeline.exchange import Answer
from fakeserver.problems import Problem
from fakeserver.serving import working
from fakeserver.serving.working import work

MOST_SECONDS = 60


class Sleeps:
    """What the server waits for; nobody goes on before all are there."""

    def __init__(self, most: int = 1) -> None:
        self.seconds: list[float] = []
        self.most = most
        self._all = asyncio.Event()

    async def sleep(self, seconds: float, gone: object = None) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) == self.most:
            self._all.set()
        await self._all.wait()


def answer_of(job: Job) -> Answer:
    """An answer that is concluded with what its job has come to."""
    answer = Answer(200, b"", job=job)
    answer.conclude = lambda come: Answer(200, str(come()).encode())
    return answer


def job_of(seconds: float, **more: Any) -> Job:
    def run(emit: Emit) -> float:
        emit(b"begun")
        wait(seconds)
        emit(b"half")
        wait(seconds)
        return seconds

    return Job(run, lambda come: Result(200), **more)


def test_what_waits_holds_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """More scripted commands take ten minutes at once than there are workers, and another one runs meanwhile."""
    many = 3 * threads.MAX_THREADS
    guests = Guests()
    guests.script([Script("slow", "done", delay_ms=600_000)])

    def run(text: str) -> Job:
        return Job(lambda emit: guests.of("prime", "a").run(Order(text), 0).stdout.decode(), lambda come: Result(200))

    async def everything() -> list[bytes | Any]:
        sleeps = Sleeps(many + 1)
        monkeypatch.setattr(working, "pass_time", sleeps.sleep)
        slow = [asyncio.create_task(working.work(answer_of(run("slow")))) for _ in range(many)]
        while len(sleeps.seconds) < many:
            await asyncio.sleep(0.001)
        quick = await working.work(answer_of(run("echo quick")))
        assert not any(task.done() for task in slow)
        assert sleeps.seconds == [600.0] * many
        await sleeps.sleep(0)
        return [quick.body, *{(await task).body for task in slow}]

    assert asyncio.run(everything()) == [b"quick\n", b"done"]


def test_a_stream_waits_where_its_job_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece comes once everything before it was waited for, and the end comes last."""
    seen: list[Any] = []

    async def sleep(seconds: float, gone: object) -> None:
        seen.append(seconds)

    async def everything() -> None:
        answer = await working.work(answer_of(job_of(1.5, streams=True)))
        assert isinstance(answer.body, AsyncIterator)
        async for piece in answer.body:
            seen.append(piece)
        seen.append("end")

    monkeypatch.setattr(working, "pass_time", sleep)
    asyncio.run(everything())
    assert seen == [b"begun", 1.5, b"half", 1.5, "end"]


def test_a_job_behind_an_answer_is_concluded_once_it_was_waited_for() -> None:
    """The answer is there at once."""
    seen: list[str] = []

    async def everything() -> None:
        answer = answer_of(job_of(0.01, background=True))
        concluded = asyncio.Event()

        def conclude(come: Any) -> Answer:
            seen.append(f"concluded with {come()}")
            concluded.set()
            return answer

        answer.conclude = conclude
        assert await working.work(answer) is answer
        seen.append("answered")
        await concluded.wait()

    asyncio.run(everything())
    assert seen == ["answered", "concluded with 0.01"]


def test_what_goes_wrong_in_a_job_is_raised_where_its_answer_is_made() -> None:
    """And nowhere else: asyncio would write into the log what nobody has asked a future for."""
    told: list[Any] = []

    async def everything() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["message"]))
        with pytest.raises(ZeroDivisionError):
            await working.work(answer_of(Job(lambda emit: 1 / 0, lambda come: Result(200))))
        gc.collect()

    asyncio.run(everything())
    assert told == []


def telling(job: Job) -> Answer:
    """An answer that says what its job has come to."""

    def conclude(come: Callable[[], Any]) -> Answer:
        try:
            return Answer(200, str(come()).encode())
        except Problem as problem:
            return Answer(problem.status, b"")

    return Answer(200, b"", job=job, conclude=conclude)


def waiting(stopped: threading.Event, *, streams: bool) -> Job:
    """A job that goes on until it is stopped."""

    def run(emit: Emit) -> str:
        emit(b"begun")
        assert stopped.wait(MOST_SECONDS), "nobody stops it"
        emit(b"over")
        return "stopped"

    return Job(run, lambda come: Result(200, come), streams=streams, stop=stopped.set)


async def leave() -> None:
    """A client that leaves in a moment."""
    await asyncio.sleep(0.01)


async def stay() -> None:
    """A client that waits for what comes."""
    await asyncio.Event().wait()


async def pieces_of(answer: Answer) -> list[bytes]:
    assert isinstance(answer.body, AsyncIterator)
    return [piece async for piece in answer.body]


def test_a_job_that_is_waited_for_is_stopped_when_its_client_leaves() -> None:
    stopped = threading.Event()
    answer = asyncio.run(work(telling(waiting(stopped, streams=False)), leave))
    assert (answer.body, stopped.is_set()) == (b"stopped", True)


def test_a_job_that_streams_is_stopped_when_its_client_leaves() -> None:
    """What it still emits comes to its end in order."""
    stopped = threading.Event()

    async def listen() -> list[bytes]:
        return await pieces_of(await work(telling(waiting(stopped, streams=True)), leave))

    assert asyncio.run(listen()) == [b"begun", b"over"]
    assert stopped.is_set()


def test_a_stream_that_nobody_reads_on_is_stopped() -> None:
    stopped = threading.Event()

    async def listen() -> None:
        answer = await work(telling(waiting(stopped, streams=True)))
        assert isinstance(answer.body, AsyncIterator)
        assert await anext(answer.body) == b"begun"
        await answer.body.aclose()  # type: ignore[attr-defined]

    asyncio.run(listen())
    assert stopped.wait(MOST_SECONDS)


@pytest.mark.parametrize("streams", [False, True])
def test_a_job_whose_client_stays_is_not_stopped(streams: bool) -> None:
    stopped: list[bool] = []

    def run(emit: Emit) -> str:
        emit(b"a")
        return "b"

    job = Job(run, lambda come: Result(200, come), streams=streams, stop=lambda: stopped.append(True))

    async def listen() -> None:
        answer = await work(telling(job), stay)
        assert (await pieces_of(answer) if streams else answer.body) == ([b"a"] if streams else b"b")

    asyncio.run(listen())
    assert stopped == []


def test_a_refusal_in_a_job_is_told_once() -> None:
    """It becomes the answer, and no future complains that nobody looked at it."""
    complaints: list[Any] = []

    def refuse(emit: Emit) -> None:
        raise Problem(404, "not_found", "No")

    async def listen() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        assert (await work(telling(Job(refuse, lambda come: Result(200))), stay)).status == 404
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(listen())
    gc.collect()
    assert complaints == []


@pytest.mark.parametrize("streams", [False, True])
def test_nobody_waits_for_a_client_that_has_left(streams: bool) -> None:
    """However long a script was to take."""

    def run(emit: Emit) -> str:
        emit(b"begun")
        wait(600)
        emit(b"late")
        return "late"

    async def everything() -> None:
        answer = await work(telling(Job(run, lambda come: Result(200, come), streams=streams)), leave)
        if streams:
            await pieces_of(answer)

    asyncio.run(asyncio.wait_for(everything(), MOST_SECONDS))


def test_the_end_of_a_server_ends_its_jobs() -> None:
    stopped = threading.Event()

    async def everything() -> Answer:
        task = asyncio.create_task(work(telling(waiting(stopped, streams=False))))
        while not working.RUNNING:
            await asyncio.sleep(0.001)
        working.stop_all()
        return await task

    assert asyncio.run(everything()).body == b"stopped"
