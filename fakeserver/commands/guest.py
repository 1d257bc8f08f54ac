"""One sandbox of a world as a machine: what runs in it, and whoever looks at its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from fakeserver.commands.awake import AWAKE
from fakeserver.commands.files import Files
from fakeserver.commands.locks import Lock
from fakeserver.commands.machines import Machine
from fakeserver.commands.processes import Ended, Listener, Process
from fakeserver.commands.ran import Key, Ran
from fakeserver.commands.waits import current, wait
from fakeserver.commands.workers import Lost, NoShell, Spoiled, drop
from fakeserver.interpreter.orders import (
    KILLED,
    NOBODY,
    NOT_FOUND,
    STDERR,
    STDOUT,
    Finished,
    Halt,
    Hear,
    Order,
)
from fakeserver.problems import FakeProblem, Problem

if TYPE_CHECKING:
    from fakeserver.commands.guests import Guests

MOST_TRIALS = 3
"""Of work on files in a sandbox that breaks down meanwhile."""
INSTALL = "the extra `commands` of fakeserver is not installed here"
MISSING = f"{INSTALL}; script this one: POST /__admin/commands, or on_command in tests"
Found = TypeVar("Found")


class Halted(Exception):
    """A command was ended before it had the sandbox's lock."""


@dataclass(frozen=True, slots=True)
class Guest:
    """One sandbox as a machine. What runs in it and looks at its files blocks, so that it is for jobs."""

    guests: Guests
    key: Key

    def forget(self) -> None:
        """Its files die with it."""
        self.guests.forget(*self.key)

    def move(self, new: str) -> None:
        """It goes on under another id."""
        self.guests.move(*self.key, new)

    def copy(self, new: str) -> None:
        """Another sandbox begins with its files."""
        self.guests.copy(*self.key, new)

    def set_variables(self, more: Mapping[str, str]) -> None:
        """Every command in it finds these variables, beside its own."""
        self.guests.set_variables(self.key, more)

    def run(self, order: Order, now: int, hear: Hear | None = None, halt: Halt | None = None) -> Finished:
        """What an order comes to at an instant: what somebody scripted, what the interpreter makes of it, or a 127
        where there is none. `hear` is told of output as it comes, and `halt` ends it."""
        order = self.surround(order)
        script = self.guests.find(self.key[0], order)
        if script is not None:
            finished = script.finish(order)
            wait(finished.seconds)
            tell(finished, hear or drop)
        else:
            try:
                finished = self._awake(lambda machine: machine.run(order, now, hear, halt), halt)
            except Halted:
                finished = Finished(KILLED)
            except NoShell:
                finished = Finished(NOT_FOUND, stderr=f"fakeserver: {MISSING}\n".encode(), answered_by=NOBODY)
                tell(finished, hear or drop)
        self.guests.note(Ran.of(now, self.key, order, finished))
        return finished

    def surround(self, order: Order) -> Order:
        """An order with all variables that it finds in the sandbox."""
        variables = {**order.defaults, **self.guests.variables(self.key), **order.variables}
        return replace(order, variables=variables, defaults={})

    def start(self, order: Order, identity: str, wish: bytes, listener: Callable[[Process], Listener]) -> Process:
        """Let an order go on by itself as a process that a client has asked for, or find the one with this identity;
        `Over` if it has ended, an `OtherWish` where it was another, a `NoRoom` where there are too many, and a 501
        where there is no interpreter. `listener` makes what is told of output as it comes."""

        order = self.surround(order)

        def start(machine: Machine) -> Process:
            return machine.start(order, listener, identity=identity, wish=wish, session=True, over=self.ended)

        try:
            process = self._awake(start)
        except NoShell:
            raise Problem(501, "unserved", f"There are no processes, since {INSTALL}") from None
        process.settle_first()
        return process

    @property
    def processes(self) -> list[Process]:
        """Those that go on by themselves."""
        machine = self.guests.machines.awake.get(self.key)
        return [] if machine is None else [*machine.processes.values()]

    def ended(self, identity: str) -> Ended | None:
        """What is remembered of a process that is over."""
        return self.guests.machines.ended(self.key, identity)

    def files(self, work: Callable[[Files], Found], *, changes: bool = True) -> Found:
        """What somebody makes of the files; a 501 where there is no interpreter that has them. It is made once more if
        the sandbox breaks down meanwhile."""

        def on(machine: Machine) -> Found:
            with machine.files(changes=changes) as files:
                return work(files)

        try:
            return self._awake(on, keeps=changes or self.guests.knows(self.key), trials=MOST_TRIALS)
        except NoShell:
            raise Problem(501, "unserved", f"There are no files, since {INSTALL}") from None
        except Lost:
            raise FakeProblem(503, f"The sandbox {self.key[1]!r} breaks down again and again") from None

    def _awake(
        self, work: Callable[[Machine], Found], halt: Halt | None = None, *, keeps: bool = True, trials: int = 1
    ) -> Found:
        """What somebody makes of the sandbox, alone in it; where it breaks down, so many times. What is not kept is
        nobody's."""
        try:
            with self.guests.locks.alone(self.key, current()) as lock, self.guests.claimed(self.key, lock):
                if halt is not None and halt.asked:
                    raise Halted
                for trial in range(trials):
                    with suppress(*[Lost] * (trial + 1 < trials)):
                        return self._work(work, lock.owner if keeps else None, lock)
                raise AssertionError(trials)
        except Spoiled as error:
            told = f"The files of {self.key[1]!r} came with a snapshot and are damaged: {error}"
            raise FakeProblem(409, told, field="id") from error
        finally:
            AWAKE.make_room()

    def _work(self, work: Callable[[Machine], Found], owner: Key | None, lock: Lock) -> Found:
        machine = self.guests.wake_for(owner, lock)
        machine.settle()
        try:
            return work(machine)
        finally:
            if owner is None or lock.owner is None:
                machine.stop()
            elif self.guests.outlasting is not None:
                self.guests.settle(machine)


def tell(finished: Finished, hear: Hear) -> None:
    """Say in one go what was not heard while it ran."""
    for stream, piece in ((STDOUT, finished.stdout), (STDERR, finished.stderr)):
        if piece:
            hear(stream, piece)
