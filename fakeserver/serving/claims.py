"""Claims: one thread at a time works in a sandbox, of all processes that have its world."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from fakeserver.commands.ran import Key
from fakeserver.serving.keeping import Keeper
from fakeserver.serving.refusing import overtaken, unavailable
from fakeserver.stores.store import Store, Unavailable
from fakeserver.worlds.ledger import Ledger
from fakeserver.worlds.world import World

MOST_SECONDS = 30.0
"""Until a store that does not answer counts as gone, to a thread that waits for it."""


class Claims:
    """Those of one process."""

    def __init__(self, keeper: Keeper, store: Store) -> None:
        self.keeper = keeper
        self.store = store
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread = 0

    def of(self, world: World, ledger: Ledger) -> ClaimsOfWorld:
        return ClaimsOfWorld(self, world, ledger)

    def begin(self) -> None:
        """The loop that runs now is the one that turns are taken on."""
        self.loop, self.thread = asyncio.get_running_loop(), threading.get_ident()

    def wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        """Have the loop do something, and wait for it in this thread."""
        assert self.loop is not None
        try:
            asyncio.run_coroutine_threadsafe(work, self.loop).result(MOST_SECONDS)
        except Unavailable as error:
            raise unavailable(error) from error
        except TimeoutError as error:
            raise unavailable(Unavailable("unreachable", "it does not answer")) from error


@dataclass(frozen=True, slots=True)
class ClaimsOfWorld:
    """See `commands.guests.Outlasting`."""

    claims: Claims
    world: World
    ledger: Ledger

    def note(self, key: Key) -> None:
        self.ledger.note(key)
        self.claims.keeper.worlds.left_late.add(self.world)

    @contextmanager
    def claim(self, key: Key, stands: Callable[[], bool]) -> Iterator[None]:
        claims = self.claims
        if claims.loop is None or claims.thread == threading.get_ident() or claims.loop.is_closed():
            # On the loop nothing waits; there, nobody works in a sandbox but to forget it.
            yield
            return
        name = hashlib.blake2b("\x1f".join((self.world.name, *key)).encode(), digest_size=7).digest()
        with claims.store.claim(int.from_bytes(name)):
            claims.wait_for(claims.keeper.follow())
            try:
                yield
            finally:
                claims.wait_for(claims.keeper.turn(partial(self.keep, stands)))

    def keep(self, stands: Callable[[], bool]) -> None:
        """In a turn, so behind all that others have done: keep what was left in a sandbox. A claim may have been lost,
        as when its session with PostgreSQL ended; of two who then worked there at once, the one who was kept first
        stands."""
        if not stands():
            raise overtaken()
        self.claims.keeper.worlds.used.setdefault(self.world)
