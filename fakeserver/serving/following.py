"""Following what other processes do to a store that costs next to nothing to look at: who wants to know looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, Protocol, TypeVar

from fakeserver.serving.stored_worlds import StoredWorlds
from fakeserver.stores.store import Change, LocalStore
from fakeserver.worlds.ledger import OutOfTurn

Found = TypeVar("Found")
Asked = ParamSpec("Asked")


class Shared(Protocol):
    """What a keeper knows of the store that it shares with others."""

    worlds: StoredWorlds
    news: int
    """How often others may have committed something."""
    looks_find_trouble: bool
    """Whether a look raises all that makes the store unreadable."""

    @property
    def position(self) -> int:
        """The newest row that the worlds have followed."""
        ...

    def is_current(self) -> bool:
        """Whether somebody who only reads may be answered now, as far as `shows` lets."""
        ...

    def shows(self, name: str) -> bool:
        """Whether a world is seen by somebody who only reads."""
        ...

    def shows_at_once(self, name: str) -> bool:
        """Whether both is so, where no world is in doubt."""
        ...

    async def read(self, work: Callable[[], Found], is_current: Callable[[], bool]) -> Found:
        """What somebody comes to who only reads, as soon as the worlds are as they were when this was called, or later.
        OutOfTurn: it takes a turn."""
        ...

    async def look(self) -> None:
        """Follow what others have done."""
        ...

    async def tend(self) -> None:
        """See to what makes reading cheap."""
        ...

    async def ask(self, question: Callable[Asked, Found], *values: Asked.args, **named: Asked.kwargs) -> Found:
        """What the store answers."""
        ...

    def open(self, seconds: float) -> Change | None:
        """Begin a change before anybody is served, and follow what others have done before it."""
        ...

    async def begin(self, seconds: float) -> Change | None:
        """The same while others are served."""
        ...

    def reach(self, change: Change, position: int) -> None:
        """The worlds are as a change has left them, which is committed."""
        ...

    async def commit(self, change: Change, work: Callable[[], int]) -> None:
        """Have work commit a change."""
        ...

    async def undo(self, change: Change) -> None: ...

    def rest(self, kept: bool) -> None:
        """Nobody changes anything any longer; what was changed is kept, or is not."""
        ...

    def settling(self, names: Collection[str]) -> Coroutine[Any, Any, None] | None:
        """What waits until it may be told how these worlds are; None if it may be at once."""
        ...

    def end(self) -> None: ...


class Following:
    """See `Shared`."""

    looks_find_trouble = False

    def __init__(self, store: LocalStore) -> None:
        self.worlds: StoredWorlds
        self.position = store.position()
        self.news = 0
        self._behind = False
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fakeserver-store")

    def is_current(self) -> bool:
        if self._is_behind():
            self._follow()
        return not self.worlds.stale

    def _is_behind(self) -> bool:
        """Whether others have done something that was not followed yet: the store tells of it once, whatever comes of
        that."""
        if self._store.has_news():
            self.news += 1
            self._behind = True
        return self._behind

    def shows(self, name: str) -> bool:
        return True

    def shows_at_once(self, name: str) -> bool:
        return self.is_current()

    async def read(self, work: Callable[[], Found], is_current: Callable[[], bool]) -> Found:
        if not is_current():
            raise OutOfTurn
        return work()

    async def look(self) -> None:
        if self._is_behind() and not self.worlds.is_turn:
            self._follow()

    def _follow(self) -> None:
        rows, doubtful = self._store.rows_after(self.position)
        self.worlds.doubt(doubtful)
        for row in rows:
            self.worlds.follow(row)
            self.position = row.number
        self._behind = False

    async def tend(self) -> None:
        pass

    async def ask(self, question: Callable[Asked, Found], *values: Asked.args, **named: Asked.kwargs) -> Found:
        return question(*values, **named)

    def open(self, seconds: float) -> Change | None:
        return self._followed(self._store.change(seconds))

    async def begin(self, seconds: float) -> Change | None:
        return self._followed(self._store.change(0) or await self._in_thread(self._store.change, seconds))

    def _followed(self, change: Change | None) -> Change | None:
        if change is not None:
            try:
                self._follow()
            except BaseException:
                change.undo()
                raise
        return change

    def reach(self, change: Change, position: int) -> None:
        self.position = max(self.position, position)

    async def commit(self, change: Change, work: Callable[[], int]) -> None:
        self.reach(change, await self._in_thread(work))

    async def _in_thread(self, work: Callable[..., Found], *values: Any) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *values)

    async def undo(self, change: Change) -> None:
        change.undo()

    def rest(self, kept: bool) -> None:
        pass

    def settling(self, names: Collection[str]) -> None:
        return None

    def end(self) -> None:
        self._thread.shutdown()
