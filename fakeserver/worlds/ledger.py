"""What has happened to a world, as a log keeps it: entries that make the same of the same world, in any process.

An entry is a JSON array whose first element says what it is. Writes are kept as the changes they made, everything else
as the whole part of the world that it changed; what puts another world in the place of one is no entry but a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fakeserver.commands.guests import Left
from fakeserver.commands.ran import Key
from fakeserver.documents.changes import Change, dump, load
from fakeserver.faults.scripts import Faults
from fakeserver.parts import Part
from fakeserver.problems import Json
from fakeserver.worlds.state import Served
from fakeserver.worlds.world import World

Entry = list[Json]
ReadPart = Callable[[Json], Part]
FILES, EMPTIED = "files", "emptied"
ANEW, DROPPED = "anew", "dropped"
"""What whoever has the world finds when another one took its place, or none."""


class OutOfTurn(BaseException):
    """A world was about to be changed by somebody whose turn it is not. It is no refusal: whoever answers asks again
    when it is."""


@dataclass(slots=True)
class Taken:
    """What has happened to a world since it was asked last: entries of its log, and what sandboxes have left; `anew` if
    another world has taken its place, of which a snapshot has to be kept, and `emptied` if its journal was."""

    entries: list[Entry] = field(default_factory=list)
    left: dict[Key, Left] = field(default_factory=dict)
    anew: bool = False
    emptied: bool = False

    def __bool__(self) -> bool:
        return bool(self.entries or self.anew)


class Ledger:
    """Notes what happens to a world, which is changed only while it is somebody's turn (`is_open`)."""

    def __init__(self, world: World, is_open: Callable[[], bool]) -> None:
        self._world = world
        self._is_open = is_open
        self.forget()

    # What a world tells

    def begin(self) -> None:
        if not self._is_open():
            raise OutOfTurn

    def write(self, slug: str, at: int, changes: Mapping[tuple[str, str], Sequence[Change]]) -> None:
        rows = [[kind, tenant, [dump(each) for each in made]] for (kind, tenant), made in changes.items()]
        self._writes.append(["write", slug, at, rows])

    def note(self, key: Key) -> None:
        """Called by any thread: a sandbox has other files or variables."""
        self._left[key] = None

    def forget(self) -> None:
        """What has happened so far is of no account: the world is as it is kept."""
        self._writes: list[Entry] = []
        self._left: dict[Key, None] = {}
        self.catch_up()

    def know(self, key: Key) -> None:
        """What a sandbox has left is as it is kept."""
        self._left.pop(key, None)

    def catch_up(self) -> None:
        """All that has happened so far is kept already."""
        world = self._world
        self._marks = self._look()
        world.log, world.faults.about_to_count = self, self.begin

    def _look(self) -> tuple[Any, ...]:
        """What is another one, or another value, when a part was changed."""
        world, faults = self._world, self._world.faults
        return (
            world.documents,
            world.clock.anchor,
            world.settings,
            (faults, faults.revision, faults.applied),
            (world.guests, world.guests.revision),
            world.journal.era,
        )

    # What is kept of it

    def take(self) -> Taken:
        """What has happened since the last time."""
        before, now, world = self._marks, self._look(), self._world
        left = [*self._left]
        if now == before and now[2] is before[2] and not self._writes and not left:
            return Taken()
        writes, self._writes = self._writes, []
        for key in left:
            del self._left[key]
        self.catch_up()
        if now[0] is not before[0]:
            return Taken(anew=True)
        entries = writes
        if now[1] != before[1]:
            entries.append(["clock", *world.clock.anchor])
        if now[2] is not before[2]:
            entries.append(["settings", world.settings.dump()])
        if now[3] != before[3]:
            entries.append(["faults", world.faults.dump()])
        if now[4] != before[4]:
            entries.append(["scripts", world.guests.rows()])
        emptied = now[5] is not before[5]
        if emptied:
            entries.append([EMPTIED])
        entries += [[FILES, *key] for key in left]
        return Taken(entries, {key: world.guests.left(key) for key in left}, emptied=emptied)


def repeat(world: World, entries: Sequence[Entry], served: Served, part: ReadPart, left: Callable[[Key], Left]) -> None:
    """Make of a world what these entries made of it. `part` reads what a part has dumped, and `left` says what a
    sandbox holds by now."""
    for name, *rest in entries:
        match name:
            case "write":
                slug, at, rows = rest
                changes = {(kind, tenant): [load(each) for each in made] for kind, tenant, made in rows}
                world.repeat(served.providers[slug], at, changes)
            case "clock":
                world.clock.resume(anchor_of(rest))
            case "settings":
                settings = replace(world.settings)
                settings.load(part(rest[0]), served)
                world.settings = settings
            case "faults":
                world.faults = Faults(world.faults.seed)
                world.faults.load(part(rest[0]), served)
            case "scripts":
                world.guests.read_scripts(part({"scripts": rest[0]}), served)
            case "files":
                key = (rest[0], rest[1])
                world.guests.adopt(key, left(key))
            case "emptied":
                world.journal.clear()


def anchor_of(row: Sequence[Any]) -> tuple[int, int, int, int, int, float, bool]:
    """A clock's anchor as JSON has it."""
    said, since, added, initially, lead, factor, frozen = row
    return int(said), int(since), int(added), int(initially), int(lead), float(factor), bool(frozen)
