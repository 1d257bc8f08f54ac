"""The sandboxes of a world as machines: what is run in them, and their files."""

from __future__ import annotations

import base64
import contextlib
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from fakeserver.commands.awake import Machines
from fakeserver.commands.guest import Guest
from fakeserver.commands.kept import Kept, no_room, read_frozen
from fakeserver.commands.locks import Lock, Locks
from fakeserver.commands.machines import Machine
from fakeserver.commands.ran import Key, Ran
from fakeserver.commands.scripts import MAX_SCRIPTS, Script, Scripts, read_script
from fakeserver.commands.workers import Lost, is_installed
from fakeserver.interpreter.orders import (
    Finished,
    Order,
    Scripted,
)
from fakeserver.parts import Part
from fakeserver.problems import Document
from fakeserver.stores import namespace_full

if TYPE_CHECKING:
    from fakeserver.worlds.state import Served

MAX_VARIABLES = 200_000
"""Sandboxes of which it is kept what every command finds there."""
MOST_TRIALS = 3
"""Of work on files in a sandbox that breaks down meanwhile, and of waking one."""
MAX_RAN = 1_000
"""Commands that are remembered."""


log = logging.getLogger("fakeserver")
Left = tuple[bytes | None, Mapping[str, str]]
"""The files of a sandbox, frozen, and the variables that every command finds there."""


class Outlasting(Protocol):
    """What keeps sandboxes beyond this process, and shares them with others."""

    def note(self, key: Key) -> None:
        """A sandbox has other files or variables."""
        ...

    def claim(self, key: Key, stands: Callable[[], bool]) -> contextlib.AbstractContextManager[None]:
        """Let nobody in any other process work in a sandbox meanwhile; behind that, what was left there is kept, or
        refused where it does not stand since somebody did all the same."""
        ...


class Guests:
    """What the sandboxes of a world hold, by its clock (microseconds since 1970). Threads run in them, one at a time in
    each."""

    def __init__(self, clock: Callable[[], int] = lambda: 0, most_bytes: int | None = None) -> None:
        """Their files have no more than so many bytes, where that is said."""
        self.scripts = Scripts()
        self.ran: deque[Ran] = deque(maxlen=MAX_RAN)
        self._kept = Kept(most_bytes)
        self.locks = Locks()
        self._variables: OrderedDict[Key, Mapping[str, str]] = OrderedDict()
        self._guard = threading.Lock()
        self.revision = 0
        """Raised by every change of the scripts, and by every command that one answers."""
        self.outlasting: Outlasting | None = None
        self.overtaken = False
        """Whether what is left from now on is lost, since the world was read again from what is kept."""
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
            self.revision += 1
            self.scripts.rows = rows

    def prepend(self, script: Script) -> None:
        """One more script, which comes before the others; the last of them makes room."""
        with self._guard:
            self.revision += 1
            self.scripts.rows = [script, *self.scripts.rows][:MAX_SCRIPTS]

    def find(self, slug: str, order: Order) -> Script | None:
        """The script that answers an order, counted."""
        for script in self.scripts.matching(slug, order):
            with self._guard:
                if (script.is_about(order.text.strip()) or not is_installed()) and script.take():
                    self.revision += 1
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
        return key in self._variables or key in self._kept or key in self.machines.awake or key in self.locks

    def held(self, slug: str) -> list[str]:
        """The ids of all of a provider's sandboxes of which that is so."""
        with self._guard:
            keys = {*self._kept, *self.machines.awake, *self._variables, *self.locks}
            return [identity for name, identity in keys if name == slug]

    def forget(self, slug: str, identity: str) -> None:
        """They die with the sandbox, and with them what a command would still leave there."""
        key = slug, identity
        with self._guard:
            self._kept.pop(key)
            if self._variables.pop(key, None) is not None:
                self._note(key)
            self.locks.forget(key)
            self.machines.forget(key)

    def move(self, slug: str, old: str, new: str) -> None:
        """The sandbox goes on under another id."""
        with self._guard:
            old_key, key = (slug, old), (slug, new)
            if old_key in self._variables:
                self._variables[key] = self._variables.pop(old_key)
                self._note(old_key)
                self._note(key)
            self._kept.move(old_key, key)
            self.locks.move(old_key, key)
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
            machine.overflows = not self._kept.has_room(machine.key, frozen)
            if machine.overflows:
                log.warning("%s %s: its files are not kept, since its namespace is full", *machine.key)
                return
            self._kept.put(machine.key, frozen)
        if machine.tenancy.spent:
            rest = threading.Thread(target=self.replace_worker, args=(machine,), name="fakeserver-rest", daemon=True)
            rest.start()

    def settle(self, machine: Machine) -> None:
        """Keep the files of a sandbox as work there has left them. Where there is no room for them they are as before
        it, and what goes on there ends."""
        self.frozen(machine.key)
        if machine.overflows:
            assert self._kept.most is not None
            with self._guard:
                self.machines.forget(machine.key)
            told = no_room(self.kept_bytes, self._kept.most)
            raise namespace_full(f"What this has left in the sandbox is not kept: {told}")

    @property
    def kept_bytes(self) -> int:
        """Of all files, as they are kept."""
        return self._kept.bytes

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
        if key in self.locks:
            return
        with self.locks.alone(key):
            machine = self.machines.awake.get(key)
            if machine is not None and not machine.processes:
                self.let_go(machine)

    def replace_worker(self, machine: Machine) -> None:
        """Let a sandbox sleep whose worker has grown too much, unless something goes on in it; it wakes in another."""
        with self.locks.alone(machine.key):
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
            self._note(key)
            if len(self._variables) > MAX_VARIABLES:
                self._note(self._variables.popitem(last=False)[0])

    def _note(self, key: Key) -> None:
        if self.outlasting is not None:
            self.outlasting.note(key)

    # Where they outlast the process

    def outlast(self, outlasting: Outlasting) -> None:
        """Keep the files as they are after all work in a sandbox, and say so; whoever works there has claimed it."""
        self.outlasting, self._kept.note = outlasting, outlasting.note

    def claimed(self, key: Key, lock: Lock) -> contextlib.AbstractContextManager[None]:
        """Let nobody in any other process work in a sandbox meanwhile, where others can."""
        if self.outlasting is None:
            return contextlib.nullcontext()
        lock.seen = None
        return self.outlasting.claim(key, lambda: lock.seen in (None, lock.adopted) and not self.overtaken)

    def wake_for(self, owner: Key | None, lock: Lock) -> Machine:
        """A sandbox with its files at hand, as no other process has left it since."""
        while True:
            lock.seen = lock.adopted
            machine = self.wake(owner)
            if lock.adopted == lock.seen or owner is None:
                return machine
            with self._guard:
                self.machines.forget(owner)

    def all_left(self) -> dict[Key, Left]:
        """What all sandboxes leave."""
        with self._guard:
            keys = [*dict.fromkeys((*self._kept, *self._variables))]
        return {key: self.left(key) for key in keys}

    def left(self, key: Key) -> Left:
        """What a sandbox leaves to whoever works in it next."""
        return self._kept.at_hand(key), dict(self._variables.get(key, {}))

    def adopt(self, key: Key, left: Left) -> None:
        """A sandbox is as another process has left it; what goes on in it here ends."""
        frozen, variables = left
        with self._guard:
            self.machines.forget(key)
            self._kept.pop(key)
            self.locks.note_adopted(key)
            if frozen is not None:
                self._kept.put(key, frozen)
            self._variables.pop(key, None)
            if variables:
                self._variables[key] = variables

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
        self.read_scripts(part, served)
        for key, frozen in read_frozen(part.part("files"), served.providers):
            self._kept.put(key, frozen)
        part.end()

    def read_scripts(self, part: Part, served: Served) -> None:
        """These scripts from now on, as `dump` wrote them."""
        rows = part.elements("scripts", MAX_SCRIPTS)
        self.scripts.rows = [read_script(rows.part(index), served.providers) for index in rows.names()]
