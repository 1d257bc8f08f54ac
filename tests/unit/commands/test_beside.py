"""What goes on beside commands: the loop, other sandboxes, and the output of a command as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from fakeserver.commands.guests import Guests
from fakeserver.commands.threads import MAX_THREADS
from fakeserver.interpreter.orders import Finished, Halt, Order
from fakeserver.listing.meaning import Emit, Job, Result
from fakeserver.pipeline.exchange import Answer
from fakeserver.serving.working import work
from tests.unit.interpreter.shells import NOW

ENDLESS = "while :; do :; done"


def answer_of(
    guests: Guests, identity: str, order: Order, *, streams: bool = False, halt: Halt | None = None
) -> Answer:
    """An answer that waits for a command, or streams it; its status is the exit code."""

    def run(emit: Emit) -> Finished:
        return guests.of("prime", identity).run(order, NOW, lambda stream, piece: emit(piece), halt)

    def conclude(come: Callable[[], Any]) -> Answer:
        return Answer(come().exit_code, b"")

    return Answer(200, b"", job=Job(run, lambda finished: Result(200), streams=streams), conclude=conclude)


@pytest.mark.slow
def test_others_are_answered_while_endless_commands_run() -> None:
    """The loop turns, and a command in another sandbox has its answer before they have theirs."""

    async def main() -> tuple[list[str], int]:
        guests, order, turns = Guests(), list[str](), 0

        async def ask(name: str, command: Order) -> None:
            answer = await work(answer_of(guests, name, command))
            order.append(f"{name} {answer.status}")

        endless = [asyncio.create_task(ask(f"endless{index}", Order(ENDLESS, seconds=4))) for index in range(6)]
        while len([*guests.locks]) < len(endless):
            await asyncio.sleep(0)
        other = asyncio.create_task(ask("other", Order("echo hi")))
        while not other.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert not any(each.done() for each in endless)
        await asyncio.gather(*endless)
        return order, turns

    order, turns = asyncio.run(main())
    assert order[0] == "other 0"
    assert {each.split()[1] for each in order[1:]} == {"124"}
    assert turns > 1


@pytest.mark.slow
def test_one_sandbox_runs_one_command_after_the_other() -> None:
    async def main() -> list[int]:
        guests = Guests()
        count = Order("n=$(cat n 2> /dev/null || echo 0); echo $((n + 1)) > n")
        answers = await asyncio.gather(*(work(answer_of(guests, "a", count)) for _ in range(20)))
        assert guests.of("prime", "a").run(Order("cat n"), NOW).stdout == b"20\n"
        return [each.status for each in answers]

    assert asyncio.run(main()) == [0] * 20


@pytest.mark.slow
def test_who_waits_for_a_busy_sandbox_holds_nobody_else_up() -> None:
    """More commands than there are threads wait for it: each has its answer, and one in another sandbox before all of
    them."""

    many = MAX_THREADS + 8

    async def main() -> tuple[list[str], bytes]:
        guests, order, halt = Guests(), list[str](), Halt()

        async def ask(name: str, command: Order, **more: Any) -> None:
            answer = await work(answer_of(guests, name, command, **more))
            order.append(f"{name} {answer.status}")

        busy = asyncio.create_task(ask("busy", Order(ENDLESS), halt=halt))
        while not guests.machines.awake:
            await asyncio.sleep(0.001)
        waiting = [asyncio.create_task(ask("busy", Order(f"echo {index} >> log"))) for index in range(many)]
        await asyncio.sleep(0)
        await ask("other", Order("echo hi"))
        halt()
        await asyncio.gather(busy, *waiting)
        return order, guests.of("prime", "busy").run(Order("cat log"), NOW).stdout

    order, log = asyncio.run(main())
    assert order == ["other 0", "busy 137", *["busy 0"] * many]
    assert sorted(map(int, log.split())) == [*range(many)]


@pytest.mark.slow
def test_output_is_streamed_while_the_command_still_runs() -> None:
    async def main() -> bytes:
        guests = Guests()
        answer = await work(answer_of(guests, "a", Order(f"echo a; echo b >&2; {ENDLESS}", seconds=0.5), streams=True))
        assert isinstance(answer.body, AsyncIterator)
        first = await anext(answer.body)
        assert not guests.ran, "the command is over already"
        return first + b"".join([piece async for piece in answer.body])

    assert asyncio.run(main()) == b"a\nb\n"
