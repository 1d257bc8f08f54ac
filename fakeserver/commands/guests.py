"""The sandboxes of a world as machines: what is run in them, and their files."""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from fakeserver.commands.awake import AWAKE, Machines
from fakeserver.commands.files import Files
from fakeserver.commands.kept import Kept, read_frozen
from fakeserver.commands.machines import Machine
from fakeserver.commands.processes import Ended, Listener, Process
from fakeserver.commands.ran import Key, Ran
from fakeserver.commands.scripts import MAX_SCRIPTS, Script, Scripts, read_script
from fakeserver.commands.turns import Turn, Turns
from fakeserver.commands.waits import current, wait
from fakeserver.commands.workers import Lost, NoShell, Spoiled, drop, is_installed
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
    Scripted,
)
from fakeserver.parts import Part
from fakeserver.problems import Document, FakeProblem, Problem

if TYPE_CHECKING:
    from fakeserver.worlds.state import Served

MAX_VARIABLES = 200_000
"""Sandboxes of which it is kept what every command finds there."""
MOST_TRIALS = 3
"""Of work on files in a sandbox that breaks down meanwhile, and of waking one."""
MAX_RAN = 1_000
"""Commands that are remembered."""
INSTALL = "the extra `commands` of fakeserver is not installed here"
MISSING = f"{INSTALL}; script this one: POST /__admin/commands, or on_command in tests"
Found = TypeVar("Found")


class Halted(Exception):
    """A command was ended before its turn had come."""


class Guests:
    """What the sandboxes of a world hold, by its clock (microseconds since 1970). Threads run in them, one at a time in
    each."""

    def __init__(self, clock: Callable[[], int] = lambda: 0) -> None:
        self.scripts = Scripts()
        self.ran: deque[Ran] = deque(maxlen=MAX_RAN)
        self._kept = Kept()
        self.turns = Turns()
        self._variables: OrderedDict[Key, Mapping[str, str]] = OrderedDict()
        self._guard = threading.Lock()
        self.machines = Machines(clock, self.put_to_sleep, self.note_end, self.scripted, self.keep)

    @property
    def changed(self) -> bool:
        return any((self.scripts.rows, len(self._kept), self.machines.awake))

    def of(self, slug: str, identity: str) -> Guest:
        return Guest(self, (slug, identity))

    # Commands

    def rows(self) -> list[Document]:
        """The scripts, in the order in which they are tried."""
        with self._guard:
            return [each.row() for each in self.scripts.rows]

    def rows_of_ran(self) -> list[Document]:
        """The commands that were run, the last one first."""
        with self._guard:
            return [each.row() for each in reversed(self.ran)]

    def script(self, rows: list[Script]) -> None:
        """These scripts from now on, and no others."""
        with self._guard:
            self.scripts.rows = rows

    def prepend(self, script: Script) -> None:
        """One more script, which comes before the others; the last of them makes room."""
        with self._guard:
            self.scripts.rows = [script, *self.scripts.rows][:MAX_SCRIPTS]

    def find(self, slug: str, order: Order) -> Script | None:
        """The script that answers an order, counted."""
        for script in self.scripts.matching(slug, order):
            with self._guard:
                if (script.is_about(order.text.strip()) or not is_installed()) and script.take():
                    return script
        return None

    def scripted(self, slug: str) -> dict[str, Scripted]:
        """By name, the commands that scripts answer wherever they are called: within a longer text, in a file, behind
        `cd … &&`."""

        def answer(text: str) -> Finished | None:
            order = Order(text)
            script = self.find(slug, order)
            return None if script is None else script.finish(order)

        return dict.fromkeys(self.scripts.names(slug), answer)

    def note(self, ran: Ran) -> None:
        with self._guard:
            self.ran.append(ran)

    # The life of a sandbox's files

    def holds(self, slug: str, identity: str) -> bool:
        """Whether there are files or variables of a sandbox, or somebody is about to leave some."""
        key = slug, identity
        return any(key in each for each in (self._kept, self.machines.awake, self._variables, self.turns))

    def held(self, slug: str) -> list[str]:
        """The ids of all of a provider's sandboxes of which that is so."""
        with self._guard:
            keys = {*self._kept, *self.machines.awake, *self._variables, *self.turns}
            return [identity for name, identity in keys if name == slug]

    def forget(self, slug: str, identity: str) -> None:
        """They die with the sandbox, and with them what a command would still leave there."""
        key = slug, identity
        with self._guard:
            self._kept.pop(key)
            self._variables.pop(key, None)
            self.turns.forget(key)
            self.machines.forget(key)

    def move(self, slug: str, old: str, new: str) -> None:
        """The sandbox goes on under another id."""
        with self._guard:
            old_key, key = (slug, old), (slug, new)
            if old_key in self._variables:
                self._variables[key] = self._variables.pop(old_key)
            self._kept.move(old_key, key)
            self.turns.move(old_key, key)
            self.machines.move(old_key, key)

    def copy(self, slug: str, source: str, new: str) -> None:
        """Another sandbox begins with the files and variables of one."""
        key, made = (slug, source), (slug, new)
        with self._guard:
            machine = self.machines.awake.get(key)
            self._kept.copy(key, made)
            if machine is not None and not machine.is_kept:
                with suppress(Lost):
                    self._kept.expect(made, machine.freezing())
        self.set_variables(made, self.variables(key))

    def frozen(self, key: Key) -> bytes | None:
        """The files of a sandbox as they are now."""
        machine = self.machines.awake.get(key)
        if machine is not None and not machine.is_kept:
            with suppress(Lost):
                return machine.freezing()() or self._kept.get(key)
        return self._kept.get(key)

    def keep(self, machine: Machine, frozen: bytes) -> None:
        """A sandbox has these files now."""
        with self._guard:
            if self.machines.awake.get(machine.key) is not machine:
                return
            self._kept.put(machine.key, frozen)
        if machine.tenancy.spent:
            rest = threading.Thread(target=self.replace_worker, args=(machine,), name="fakeserver-rest", daemon=True)
            rest.start()

    def knows(self, key: Key) -> bool:
        """Whether anybody has worked in a sandbox."""
        return key in self.machines.awake or key in self._kept

    def wake(self, owner: Key | None) -> Machine:
        """A sandbox with its files at hand; what is left in one that was forgotten meanwhile, and is nobody's, is not
        kept. A worker that ends before it has them costs nothing but another one."""
        for _ in range(MOST_TRIALS - 1):
            with suppress(Lost):
                return self.machines.wake(owner, self.frozen)
        return self.machines.wake(owner, self.frozen)

    def put_to_sleep(self, key: Key) -> None:
        """Keep nothing of a sandbox but its frozen files, unless something goes on in it."""
        if key in self.turns:
            return
        with self.turns.alone(key):
            machine = self.machines.awake.get(key)
            if machine is not None and not machine.processes:
                self.let_go(machine)

    def replace_worker(self, machine: Machine) -> None:
        """Let a sandbox sleep whose worker has grown too much, unless something goes on in it; it wakes in another."""
        with self.turns.alone(machine.key):
            if self.machines.awake.get(machine.key) is machine and machine.tenancy.spent and not machine.processes:
                self.let_go(machine)

    def let_go(self, machine: Machine) -> None:
        """Keep the files of a sandbox as they are now, and no machine that works on them."""
        self.frozen(machine.key)
        with self._guard:
            if self.machines.awake.get(machine.key) is machine:
                self.machines.let_go(machine.key)
        machine.release()

    def note_end(self, key: Key, order: Order, finished: Finished) -> None:
        """Remember a command that went on by itself."""
        self.note(Ran.of(self.machines.clock(), key, order, finished))

    def variables(self, key: Key) -> Mapping[str, str]:
        """Those that every command of a sandbox finds."""
        with self._guard:
            return self._variables.get(key, {})

    def set_variables(self, key: Key, more: Mapping[str, str]) -> None:
        """Add to them. They may be secrets, so no snapshot has them."""
        if not more:
            return
        with self._guard:
            self._variables[key] = {**self._variables.get(key, {}), **more}
            self._variables.move_to_end(key)
            if len(self._variables) > MAX_VARIABLES:
                self._variables.popitem(last=False)

    # Snapshots

    def _keys(self) -> list[Key]:
        """All sandboxes that have files."""
        with self._guard:
            return [*dict.fromkeys((*self._kept, *self.machines.awake))]

    def rest(self) -> dict[Key, bytes]:
        """All files as they are now. Who calls this waits for workers."""
        found = ((key, self.frozen(key)) for key in self._keys())
        return {key: frozen for key, frozen in found if frozen is not None}

    def dump(self, rested: Mapping[Key, bytes] | None = None) -> Document:
        """Where all files were at rest before, nobody is waited for here."""
        rested = self.rest() if rested is None else rested
        files: dict[str, dict[str, str]] = {}
        for slug, identity in self._keys():
            if (frozen := rested.get((slug, identity))) is not None:
                files.setdefault(slug, {})[identity] = base64.b64encode(frozen).decode()
        return {"scripts": self.rows(), "files": files}

    def load(self, part: Part, served: Served) -> None:
        """Become what `dump` wrote; which commands were run is not in it."""
        rows = part.elements("scripts", MAX_SCRIPTS)
        self.scripts.rows = [read_script(rows.part(index), served.providers) for index in rows.names()]
        for key, frozen in read_frozen(part.part("files"), served.providers):
            self._kept.put(key, frozen)
        part.end()


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
            with self.guests.turns.alone(self.key, current()) as turn:
                if halt is not None and halt.asked:
                    raise Halted
                for trial in range(trials):
                    with suppress(*[Lost] * (trial + 1 < trials)):
                        return self._work(work, turn.owner if keeps else None, turn)
                raise AssertionError(trials)
        except Spoiled as error:
            told = f"The files of {self.key[1]!r} came with a snapshot and are damaged: {error}"
            raise FakeProblem(409, told, field="id") from error
        finally:
            AWAKE.make_room()

    def _work(self, work: Callable[[Machine], Found], owner: Key | None, turn: Turn) -> Found:
        machine = self.guests.wake(owner)
        machine.settle()
        try:
            return work(machine)
        finally:
            if owner is None or turn.owner is None:
                machine.stop()


def tell(finished: Finished, hear: Hear) -> None:
    """Say in one go what was not heard while it ran."""
    for stream, piece in ((STDOUT, finished.stdout), (STDERR, finished.stderr)):
        if piece:
            hear(stream, piece)
