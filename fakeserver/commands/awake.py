"""Sandboxes that are awake: which machines of which worlds have their files at hand, and what is remembered of their
processes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import count
from weakref import ref

from fakeserver.commands.machines import FIRST_NUMBER, Machine
from fakeserver.commands.processes import Ended, Process, ended_as
from fakeserver.commands.ran import Key
from fakeserver.interpreter.orders import Finished, Order, Scripted

MAX_AWAKE = 8
"""Sandboxes of all worlds whose files are at hand although nothing goes on in them. Each has a worker."""
MAX_ENDED = 1_000
"""Processes of a world that are remembered once they are over."""


class Awake:
    """The machines of all worlds, those that were used least lately first."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._machines: OrderedDict[Machine, ref[Machines]] = OrderedDict()

    def note(self, machine: Machine, machines: Machines) -> None:
        """It was used just now."""
        with self._guard:
            self._machines[machine] = ref(machines)
            self._machines.move_to_end(machine)

    def forget(self, machine: Machine) -> None:
        with self._guard:
            self._machines.pop(machine, None)

    def make_room(self, most: int | None = None) -> None:
        """Put those to sleep that are more than `most`, or than may be, and have nothing going on; end those whose
        world nobody has any longer."""
        most = MAX_AWAKE if most is None else most
        with self._guard:
            left = [each for each, known in self._machines.items() if known() is None]
            idle = [each for each in self._machines if not each.processes and each not in left]
            found = [(each, self._machines[each]) for each in idle[: max(0, len(idle) - most)]]
        for machine in left:
            self.forget(machine)
            machine.stop()
        for machine, known in found:
            machines = known()
            if machines is not None:
                machines.put_to_sleep(machine.key)

    def free(self) -> None:
        """Put one more to sleep, since no worker is left."""
        with self._guard:
            idle = sum(not each.processes for each in self._machines)
        self.make_room(max(0, idle - 1))


AWAKE = Awake()


class Machines:
    """Those of a world, by its clock (microseconds since 1970). `put_to_sleep` is asked to freeze one, `note` is told
    of each process that is over, and `keep` of files as they are now."""

    def __init__(
        self,
        clock: Callable[[], int],
        put_to_sleep: Callable[[Key], None],
        note: Callable[[Key, Order, Finished], None],
        scripted: Callable[[str], Mapping[str, Scripted]],
        keep: Callable[[Machine, bytes], None],
    ) -> None:
        self.clock = clock
        self.keep = keep
        self.scripted = scripted
        self.put_to_sleep = put_to_sleep
        self.note = note
        self.awake: dict[Key, Machine] = {}
        self._ended: OrderedDict[tuple[Key, str], Ended] = OrderedDict()
        self._numbers = count(FIRST_NUMBER)
        self._guard = threading.Lock()

    def wake(self, key: Key | None, frozen: Callable[[Key], bytes | None]) -> Machine:
        """A sandbox with its files at hand, as they were `frozen` if it sleeps; whoever calls this is alone in it. One
        without a key is nobody's any longer, and not kept."""
        if key is None:
            return Machine(("", ""), None, self._numbers, self.clock, note_nothing, free=AWAKE.free)
        machine = self.awake.get(key)
        if machine is not None and machine.is_lost:
            self.forget(key)
            machine = None
        if machine is None:
            machine = self.awake[key] = Machine(
                key,
                frozen(key),
                self._numbers,
                self.clock,
                notes_of(self),
                keeps_of(self),
                scripts_of(self),
                AWAKE.free,
            )
        AWAKE.note(machine, self)
        return machine

    def forget(self, key: Key) -> None:
        """All that goes on in a sandbox ends."""
        machine = self.awake.pop(key, None)
        if machine is not None:
            AWAKE.forget(machine)
            machine.stop()

    def let_go(self, key: Key) -> None:
        """A sandbox sleeps, and nothing goes on in it."""
        machine = self.awake.pop(key, None)
        if machine is not None:
            AWAKE.forget(machine)

    def close(self) -> None:
        """The end of all that goes on."""
        for key in [*self.awake]:
            self.forget(key)

    def move(self, old: Key, new: Key) -> None:
        """A sandbox goes on under another id."""
        machine = self.awake.pop(old, None)
        if machine is not None:
            machine.key = new
            self.awake[new] = machine

    def ended(self, key: Key, identity: str) -> Ended | None:
        """What is remembered of a process."""
        return self._ended.get((key, identity))

    def note_end(self, key: Key, process: Process, finished: Finished) -> None:
        """Remember a process that is over."""
        self.note(key, process.order, finished)
        if process.identity:
            with self._guard:
                self._ended[key, process.identity] = ended_as(process, finished)
                if len(self._ended) > MAX_ENDED:
                    self._ended.popitem(last=False)


def notes_of(machines: Machines) -> Callable[[Key, Process, Finished], None]:
    """What notes the ends of processes as long as somebody has their world, which they do not keep."""
    known = ref(machines)

    def note(key: Key, process: Process, finished: Finished) -> None:
        found = known()
        if found is not None:
            found.note_end(key, process, finished)

    return note


def scripts_of(machines: Machines) -> Callable[[str], Mapping[str, Scripted]]:
    """The scripts of their world, as long as somebody has it."""
    known = ref(machines)

    def scripted(slug: str) -> Mapping[str, Scripted]:
        found = known()
        return {} if found is None else found.scripted(slug)

    return scripted


def keeps_of(machines: Machines) -> Callable[[Machine, bytes], None]:
    """What keeps files, as long as somebody has their world."""
    known = ref(machines)

    def keep(machine: Machine, frozen: bytes) -> None:
        found = known()
        if found is not None:
            found.keep(machine, frozen)

    return keep


def note_nothing(key: Key, process: Process, finished: Finished) -> None:
    """Nobody has the sandbox any longer."""
