"""What worlds ask their store while a loop serves others: a thread asks it, before whoever wants to know goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import orjson

from fakeserver.commands.ran import Key
from fakeserver.stores.store import Left, Row, Store
from fakeserver.worlds.ledger import FILES, OutOfTurn

IN_FILES = FILES.encode()
Found = TypeVar("Found")


class Unasked(OutOfTurn):
    """The store has to be asked something first, which takes a thread. Whoever wants to know has done nothing yet, and
    begins anew when it is known."""

    def __init__(self, question: Callable[[], Any], key: tuple[str, ...]) -> None:
        super().__init__(*key)
        self.question = question
        self.key = key


class Asking:
    """What a store has answered; `aside` where it may take long to."""

    def __init__(self, store: Store) -> None:
        self.aside = False
        self.told: dict[tuple[str, ...], Any] = {}
        """In this batch of turns."""
        self._store = store
        self._left: dict[tuple[str, Key], Left | None] = {}

    def ask(self, question: Callable[..., Found], *values: str) -> Found:
        """What the store answers, which holds nobody else up."""
        if not self.aside:
            return question(*values)
        key = (question.__name__, *values)
        if key not in self.told:
            raise Unasked(partial(question, *values), key)
        found: Found = self.told[key]
        return found

    def tell_kept(self, names: Iterable[str]) -> None:
        """These worlds are known to be in the store."""
        self.told |= {(self._store.has.__name__, name): True for name in names}

    def find_left(self, rows: Iterable[Row]) -> None:
        """In a thread, before rows of worlds that are at hand are followed: what sandboxes have left by them."""
        for row in rows:
            for name, *rest in orjson.loads(row.entries) if IN_FILES in row.entries else ():
                if name == FILES:
                    key = (rest[0], rest[1])
                    self._left[row.world, key] = self._store.left(row.world, key)

    def left(self, world: str, key: Key) -> Left | None:
        """What a sandbox has left, as of a row that is followed."""
        place = (world, key)
        return self._left[place] if place in self._left else self._store.left(world, key)

    def forget_left(self) -> None:
        """The rows were followed."""
        self._left.clear()
