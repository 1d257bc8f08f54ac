"""All worlds of a server: the one at the root, and one per namespace, made at first use."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator

from fakeserver.problems import Document, FakeProblem
from fakeserver.worlds.world import World

MAX_WORLDS = 2_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Worlds:
    """The worlds alive, least recently used first."""

    def __init__(self, make: Callable[[str], World]) -> None:
        self._make = make
        self.root = make("")
        self._named: OrderedDict[str, World] = OrderedDict()

    def named(self, name: str) -> World:
        """The world of a namespace; it comes into being here."""
        world = self._named.get(name)
        if world is None:
            if NAME.fullmatch(name) is None:
                raise FakeProblem(
                    400, "A namespace is 1 to 64 letters, digits, dots, dashes and underscores", field="namespace"
                )
            if len(self._named) >= MAX_WORLDS:
                self._make_room()
            world = self._named[name] = self._make(name)
        else:
            self._named.move_to_end(name)
        return world

    def known(self, name: str) -> World:
        """The world of a namespace if it is there, otherwise that at the root: a name in a token makes none."""
        return self.named(name) if name in self._named else self.root

    def at_hand(self, name: str) -> World | None:
        """A world, if this process has it."""
        return self.root if name == "" else self._named.get(name)

    def has(self, world: World) -> bool:
        """Whether it is one of them still, and no other has come in its place."""
        return self.at_hand(world.name) is world

    def __iter__(self) -> Iterator[World]:
        """All worlds alive, the one at the root first."""
        return iter([self.root, *self._named.values()])

    def _make_room(self) -> None:
        """Drop the least recently used world that nobody changed; a changed one is never dropped in silence."""
        for name, world in self._named.items():
            if not world.touched:
                del self._named[name]
                return
        raise FakeProblem(
            503,
            f"All {MAX_WORLDS} namespaces hold changes; DELETE /__admin/namespaces/<name> makes room",
            field="namespace",
        )

    def listed(self) -> list[Document]:
        return [{"name": name, "touched": world.touched} for name, world in self._named.items()]

    def delete(self, name: str) -> None:
        world = self._named.pop(name, None)
        if world is None:
            raise FakeProblem(404, f"Namespace {name[:64]!r} does not exist", field="namespace")
        world.guests.machines.close()
