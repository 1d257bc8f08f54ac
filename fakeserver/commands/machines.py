"""A sandbox that is awake: its files, and the processes that go on in it by themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from fakeserver.commands.files import Files
from fakeserver.commands.processes import SETTLE_SECONDS, Ended, Listener, Process
from fakeserver.commands.workers import POOL, Lost
from fakeserver.instants import SECOND
from fakeserver.interpreter import background, courses, watching, wire
from fakeserver.interpreter.orders import (
    KILL,
    KILLED,
    SEGMENTATION_FAULT,
    SIGNALLED,
    STDERR,
    STDOUT,
    TERMINATE,
    Finished,
    Halt,
    Hear,
    Order,
    Scripted,
    without_surrogates,
)
from fakeserver.machine import monotonic

MAX_PROCESSES = 16
"""Processes of a sandbox that go on by themselves."""
MAX_PROCESSES_IN_ALL = 32
"""The same, of all sandboxes of all worlds: each may hold a worker of its own."""
MAX_DEPTH = 8
"""Processes that start each other, one by one."""
SHELL, FIRST_NUMBER = "1", 1_001
"""Numbers of the shell that somebody waits for, and of the first process."""
SIGNALS = {"TERM": TERMINATE, "KILL": KILL, "INT": 2, "HUP": 1, "QUIT": 3, "USR1": 10, "USR2": 12}
NUMBERS = frozenset(map(str, range(65)))
"""By which they are known to `kill` as well; 0 only asks whether a process is there."""
FULL = b"bash: fork: retry: Resource temporarily unavailable\n"
FORK_FAILED = 254
LAST_WORDS = {KILLED: b"Killed\n", SEGMENTATION_FAULT: b"Segmentation fault\n"}
"""What is said of a command whose worker had to be ended, or has ended by it."""
MAX_SHOWN = 60
"""Characters of a command that `ps` shows."""
SLOTS = threading.BoundedSemaphore(MAX_PROCESSES_IN_ALL)


Told = tuple[Any, ...]
Pieces = tuple[bytes, ...]
"""What a worker is answered: values, and bytes beside them."""


def bounds() -> tuple[float, float]:
    """Seconds that a command may take, and what has to end."""
    return courses.MAX_WALL_SECONDS, watching.GRACE_SECONDS


class NoRoom(Exception):
    """There are as many processes as there may be."""


class OtherWish(Exception):
    """A process has this identity already, and was asked for in another way."""


class Over(Exception):
    """The process that has this identity is over."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.number)
        self.ended = ended


class Machine:
    """One sandbox's files, in a worker, and its processes by their numbers; `key` is the provider and the sandbox's id.
    `ended` is told of each process that has ended, and `keep` how the files are."""

    def __init__(
        self,
        key: tuple[str, str],
        frozen: bytes | None,
        numbers: count[int],
        clock: Callable[[], int],
        ended: Callable[[tuple[str, str], Process, Finished], None],
        keep: Callable[[Machine, bytes], None] = lambda machine, frozen: None,
        scripted: Callable[[str], Mapping[str, Scripted]] = lambda slug: {},
        free: Callable[[], None] = lambda: None,
    ) -> None:
        self.key = key
        self.processes: dict[int, Process] = {}
        self.tenancy = POOL.take(free)
        self._halt = Halt()
        self._numbers = numbers
        self._clock = clock
        self._ended = ended
        self._keep = keep
        self._scripted = scripted
        self._guard = threading.Lock()
        self._kept_upto = 0
        self.overflows = False
        """Whether there was no room to keep its files as they are."""
        self._released = False
        try:
            self.tenancy.talk(wire.OPEN, [self.tenancy.number, *bounds()], [] if frozen is None else [frozen])
        except BaseException:
            POOL.give_back(self.tenancy)
            raise
        # From here on all is kept that it tells.
        self.tenancy.keep = self._note_files
        self.tenancy.note_loss = self._stop_processes

    @property
    def is_lost(self) -> bool:
        """Whether its worker has ended: whoever comes next finds the files as they were kept."""
        return self.tenancy.is_lost

    @property
    def is_kept(self) -> bool:
        """Whether the files are kept as they are now."""
        return self._kept_upto == self.tenancy.last

    def _note_files(self, frozen: bytes, upto: int) -> None:
        self._keep(self, frozen)
        self._kept_upto = upto

    def _carry(
        self,
        order: Order,
        now: int,
        hear: Hear | None,
        surroundings: Surroundings,
        begin: Callable[[Callable[[int], None]], None],
        number: int = 0,
        state: str = "",
        session: bool = False,
    ) -> Finished:
        """What the worker makes of an order."""
        scripted = self._scripted(self.key[0])
        fields, stdin = wire.order_values(without_surrogates(order))
        values = (fields, now, sorted(scripted), number, state, session, hear is not None)
        surroundings.scripted = scripted
        heard: dict[str, list[bytes]] = {STDOUT: [], STDERR: []}

        def listen(stream: str, piece: bytes) -> None:
            heard[stream].append(piece)
            if hear is not None:
                hear(stream, piece)

        try:
            told = self.tenancy.talk(
                wire.RUN, values, [stdin], hear=listen, answers=surroundings.answer, begin=begin, changes=True
            )
        except Lost as lost:
            listen(STDERR, LAST_WORDS[lost.exit_code])
            return Finished(lost.exit_code, b"".join(heard[STDOUT]), b"".join(heard[STDERR]))
        return wire.finished_of(told.values[0], told.pieces)

    def run(self, order: Order, now: int, hear: Hear | None, halt: Halt | None) -> Finished:
        """Run an order that somebody waits for, at an instant (microseconds since 1970), until `halt` ends it."""
        self._halt = halt = halt or Halt()
        try:
            return self._carry(order, now, hear, Surroundings(self, order, 0), halt.arm_signal)
        finally:
            self._halt = Halt()

    @contextmanager
    def files(self, *, changes: bool) -> Iterator[Files]:
        """The files, for somebody who `changes` them or only looks."""
        try:
            yield Files(self.tenancy)
        finally:
            if changes:
                self.tenancy.tell_files()

    def freezing(self) -> Callable[[], bytes | None]:
        """The files as they are now, for who waits until they are frozen; none if the worker ends before. A `Lost` if
        it has ended already."""
        waiting = self.tenancy.freeze()

        def wait() -> bytes | None:
            if (found := waiting()) is None:
                return None
            self._note_files(*found)
            return found[0]

        return wait

    def release(self) -> None:
        """Let go of its worker, once."""
        with self._guard:
            released, self._released = self._released, True
        if not released:
            POOL.give_back(self.tenancy)

    def settle(self) -> None:
        """Wait a little until all processes rest, so that whoever looks finds what the clock says."""
        until = monotonic() + SETTLE_SECONDS
        for process in [*self.processes.values()]:
            process.settle(max(0.0, until - monotonic()))

    def _stop_processes(self) -> None:
        for process in [*self.processes.values()]:
            process.stop()

    def stop(self) -> None:
        """The end of all processes, and of the command that somebody waits for."""
        self._halt()
        self._stop_processes()
        # It takes a moment, which nobody has to wait for who forgets a sandbox.
        threading.Thread(target=self.release, name="fakeserver-release", daemon=True).start()

    def start(
        self,
        order: Order,
        listener: Callable[[Process], Listener],
        *,
        identity: str = "",
        wish: bytes = b"",
        session: bool = False,
        depth: int = 0,
        state: str = "",
        over: Callable[[str], Ended | None] = lambda identity: None,
    ) -> Process:
        """Let a command go on by itself, in a shell that has the variables and functions of a `state`; one with an
        `identity` is started once, and `over` knows those that have been. `listener` makes what is told of its
        output."""
        with self._guard:
            for process in self.processes.values() if identity else ():
                if process.identity == identity:
                    if process.wish != wish:
                        raise OtherWish
                    process.listen(listener(process))
                    return process
            if identity and (ended := over(identity)) is not None:
                raise Over(ended) if ended.fits(wish) else OtherWish
            if len(self.processes) >= MAX_PROCESSES or depth > MAX_DEPTH or not SLOTS.acquire(blocking=False):
                raise NoRoom
            process = Process(next(self._numbers), order, self._clock, identity, wish, depth, session)
            self.processes[process.number] = process
        process.listen(listener(process))
        name, given = f"fakeserver-process-{process.number}", (process, self._clock(), state)
        threading.Thread(target=self._carry_out, args=given, name=name, daemon=True).start()
        return process

    def _carry_out(self, process: Process, began: int, state: str) -> None:
        """From its first command to its end."""
        order = process.order
        try:
            text, process.merged = background.merged(background.of_its_own(order.text, process.number))
            surroundings = Surroundings(self, order, process.depth + 1, process)
            finished = self._carry(
                replace(order, text=text),
                began,
                process.hear,
                surroundings,
                lambda end: process.begin(lambda: end(process.signal or KILL)),
                process.number,
                state,
                process.session,
            )
        except Exception as error:  # Whatever becomes of the interpreter, the process has an end.
            finished = Finished(1, stderr=f"bash: {error}\n".encode())
        late = finished.timed_out and not process.signal
        if late or process.signal:
            finished = replace(finished, exit_code=SIGNALLED + (process.signal or KILL), timed_out=late)
        finished = replace(finished, seconds=max(0.0, (self._clock() - began) / SECOND))
        with self._guard:
            # At every instant it is known as one that goes on, or as one that is over.
            self._ended(self.key, process, finished)
            del self.processes[process.number]
        SLOTS.release()
        process.finish(finished)

    def start_for(self, order: Order, text: str, directory: str, state: str, depth: int) -> tuple[Told, Pieces]:
        """Let a command go on by itself that a shell has put into the background, and say what it has written by
        then."""
        said: dict[str, list[bytes]] = {STDOUT: [], STDERR: []}

        def hear(stream: str, piece: bytes | None) -> None:
            if piece is not None:
                said[stream].append(piece)

        order = replace(order, text=text, directory=directory, stdin=b"", seconds=None)
        try:
            process = self.start(order, lambda process: hear, depth=depth, state=state)
        except NoRoom:
            return (None, FORK_FAILED), (b"", FULL)
        process.settle_first()
        return (process.number, 0), (b"".join(said[STDOUT]), b"".join(said[STDERR]))

    def kill(self, words: list[str], *, first: bool) -> Told:
        """Signals for processes, and of the `first` command for itself: for any other, the shell is `init`."""
        signal = TERMINATE
        if words[:1] == ["-l"]:
            return (" ".join(SIGNALS) + "\n",)
        if words[:1] in (["-s"], ["-n"]):
            words[:2] = [f"-{''.join(words[1:2])}"]
        if words and words[0].startswith("-"):
            name = words.pop(0)[1:].upper().removeprefix("SIG")
            found = int(name) if name in NUMBERS else SIGNALS.get(name)
            if found is None:
                return "", f"bash: kill: {name}: invalid signal specification\n", 1
            signal = found
        if not words:
            return "", "kill: usage: kill [-s sigspec | -n signum | -sigspec] pid ...\n", 2
        living = {str(each.number): each for each in [*self.processes.values()]}
        for word in words if signal else ():
            if word in living:
                living[word].stop(signal)
            elif word == SHELL and first:
                self._halt(signal)
        missing = [f"bash: kill: ({word}) - No such process\n" for word in words if word not in (SHELL, *living)]
        return "", "".join(missing), 1 if missing else 0

    def ps(self) -> str:
        rows = [(1, "bash"), *((each.number, each.order.text) for each in [*self.processes.values()])]
        lines = (f"{number:7} ?        00:00:00 {' '.join(text.split())[:MAX_SHOWN]}\n" for number, text in rows)
        return "".join(("    PID TTY          TIME CMD\n", *lines))


class Surroundings:
    """What an order finds around it, which its worker asks for; commands that it starts are so deep."""

    def __init__(self, machine: Machine, order: Order, depth: int, process: Process | None = None) -> None:
        self.machine, self.order, self.depth, self.process = machine, order, depth, process
        self.scripted: Mapping[str, Scripted] = {}
        limit = order.seconds
        self._until = None if process is None or limit is None else process.clock() + round(limit * SECOND)

    def answer(self, name: str, values: Sequence[Any]) -> tuple[Told, Pieces]:
        """What it asks for, by name; what only a process asks for comes last."""
        machine, process = self.machine, self.process
        if name == "scripted":
            finished = self.scripted[values[0]](values[1])
            told, pieces = (None, []) if finished is None else wire.finished_values(finished)
            return (told,), (*pieces,)
        if name == "start":
            state, text, directory = values
            return machine.start_for(self.order, text, directory, state, self.depth)
        if name == "kill":
            return machine.kill(values[0], first=self.depth == 0), ()
        if name == "ps":
            return (machine.ps(),), ()
        assert process is not None
        if name == "now":
            return (process.clock(),), ()
        if name == "sleep":
            process.sleep(values[0])
            return (), ()
        if name == "release":
            process.release()
            return (), ()
        read, until = process.read(self._until), self._until
        return (not read and until is not None and process.clock() >= until,), (read,)
