"""Keeping worlds in a store: who may change them when, what is kept of it, and what is done when it cannot be.

All that changes a world is done in turns. Those that wait together are one batch: the store is begun, which keeps all
other processes out; what they did is followed; each has its turn; and what has come of it is committed, in a thread.
Only then does anybody learn of it: whoever reads meanwhile waits. If it cannot be committed, the worlds are read again
as they were, and everybody in the batch is told why.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

from fakeserver.problems import Document
from fakeserver.serving.acts import Act, acts_of, add, drop
from fakeserver.serving.asking import Unasked
from fakeserver.serving.checking import Checking
from fakeserver.serving.following import Following, Shared
from fakeserver.serving.stored_worlds import (
    StoredWorlds,
    Wall,
    encode,
    snapshot_of,
)
from fakeserver.stores.store import Change, LocalStore, RemoteStore, Store, Unavailable
from fakeserver.worlds.world import World

LOCK_SECONDS = 5.0
"""Until others who do not let go of the store count as its failure."""
MAX_BATCH = 64
"""Turns in one batch."""
ROWS_TO_COMPACT, PER_ROW = 5_000, 20
"""Rows of a world's log until a snapshot takes their place; of one with many writes, one for so many of them."""

log = logging.getLogger("fakeserver")
Found = TypeVar("Found")


@dataclass(slots=True)
class Turn:
    """Something that waits to be done, and who is told of what comes of it."""

    work: Callable[[], Any]
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    seen: set[str] = field(default_factory=set)
    """The worlds that it was about, beside the one at the root."""

    async def take(self, find_out: Callable[[Unasked], Awaitable[None]]) -> None:
        try:
            while True:
                try:
                    self.result = self.work()
                    if inspect.isawaitable(self.result):
                        self.result = await self.result
                    return
                except Unasked as unasked:
                    await find_out(unasked)
        except Exception as error:
            self.error = error

    def tell(self, error: BaseException | None = None) -> None:
        """Let whoever waits go on."""
        error = error or self.error
        if self.done.done():
            return
        if error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(error)


class Keeper:
    """Keeps the worlds of one process in a store."""

    def __init__(self, store: Store, wall: Wall) -> None:
        self.store = store
        self.trouble: Unavailable | None = None
        """Why nothing could be kept the last time."""
        self.unreadable: Unavailable | None = None
        """Why what was read might be wrong."""
        self.worlds: StoredWorlds
        self._wall = wall
        self.shared = share(store, self._tell_readable)
        self._queue: deque[Turn] = deque()
        self._runner: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._acts: list[Act] = []
        self._undone: list[Callable[[], None]] = []
        self._compacting: asyncio.Task[None] | None = None

    def attach(self, worlds: StoredWorlds) -> None:
        """These are the worlds, with the one at the root; a store without it begins with it."""
        self.worlds = self.shared.worlds = worlds
        worlds.shows = self.shared.shows
        self._acts, is_new = [], "" in worlds.new
        self._collect(set())
        acts, self._acts = self._acts, []
        is_begun = False

        def begin(change: Change) -> None:
            # Another server may have begun it since it was looked for here.
            nonlocal is_begun
            is_begun = is_new and change.journal_total("") is not None
            if not is_begun:
                perform(acts, change)

        if acts:
            self.enter(begin)
        if is_begun:
            worlds.read_root()
        worlds.is_turn = False

    def do(self, work: Callable[[], None]) -> None:
        """Have something done to the worlds by somebody who serves nobody."""
        self.worlds.is_turn = True
        self._acts = []
        work()
        self._collect(set())
        self.enter(partial(perform, self._acts))

    def enter(self, act: Act) -> None:
        """Have something done to the store before the server begins to answer."""
        change = self.shared.open(LOCK_SECONDS)
        if change is None:
            raise self._locked()
        try:
            self.shared.reach(change, commit(change, [act]))
        except BaseException:
            change.undo()
            raise

    # Reading

    def is_current(self) -> bool:
        """Whether whoever only reads finds all that anybody was told of, in the worlds that are shown."""
        if self.worlds.is_turn or self.worlds.stale or self.unreadable is not None:
            return False
        try:
            return self.shared.is_current()
        except Unavailable as error:
            self._note(error)
            return False

    def shows(self, name: str) -> bool:
        """Whether whoever only reads is shown a world at once."""
        # Every such request asks this.
        if self.worlds.is_turn or self.worlds.stale or self.unreadable is not None:
            return False
        try:
            return self.shared.shows_at_once(name)
        except Unavailable as error:
            self._note(error)
            return False

    async def read(self, work: Callable[[], Found]) -> Found:
        """What somebody comes to who only reads. OutOfTurn: it takes a turn."""
        if self.unreadable is not None:
            raise self.unreadable
        return await self.shared.read(work, self.is_current)

    def _tell_readable(self, error: Unavailable | None) -> None:
        """What came of a look at the store."""
        if error is not None and self.unreadable is None:
            log.error("%s", error)
        self.unreadable = error

    def now(self) -> int:
        """By the clock of the worlds."""
        return self._wall.now()

    # Changing

    async def follow(self) -> None:
        """Do what all others have done by now."""
        await self.turn(lambda: None)

    async def turn(self, work: Callable[[], Found]) -> Found:
        """What somebody does who may change worlds, once it is kept. `Unavailable`: it was not, and is undone."""
        found: Found = await self._wait_for(work)
        return found

    async def turn_for(self, work: Callable[[], Awaitable[Found]]) -> Found:
        """The same for what itself waits, and lets nobody else change anything meanwhile."""
        found: Found = await self._wait_for(work)
        return found

    async def _wait_for(self, work: Callable[[], Any]) -> Any:
        turn = Turn(work, asyncio.get_running_loop().create_future())
        self._queue.append(turn)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await turn.done

    async def _run(self) -> None:
        while self._queue:
            batch: list[Turn] = []
            try:
                await self._do(batch)
            except Exception as error:
                if isinstance(error, Unavailable):
                    self._note(error)
                else:
                    log.error("the store %s: unforeseen", self.store.name, exc_info=error)
                for turn in batch or self._waiting():
                    turn.tell(error)
            else:
                self._tell(batch)

    def _tell(self, batch: Sequence[Turn]) -> None:
        """Let those go on whose turns are kept, once nobody goes by how their worlds were before."""
        for turn in batch:
            settling = self.shared.settling({"", *turn.seen})
            if settling is None:
                turn.tell()
            else:
                task = asyncio.create_task(tell_behind(settling, turn))
                self._telling.add(task)
                task.add_done_callback(self._telling.discard)

    def _waiting(self) -> list[Turn]:
        waiting = [*self._queue]
        self._queue.clear()
        return waiting

    async def _do(self, batch: list[Turn]) -> None:
        """One batch, from its begin to its commit."""
        if self.unreadable is not None:
            raise self.unreadable
        change, touched, kept = await self._begin(), set[World](), False
        self.worlds.is_turn = True
        self._acts, self._undone = [], []
        try:
            await self._renew()
            self._collect(touched)
            if not self._acts:
                await self._compact_one()
            while self._queue and len(batch) < MAX_BATCH:
                turn = self._queue.popleft()
                batch.append(turn)
                await turn.take(self._find_out)
                turn.seen = self._collect(touched)
            if self._acts:
                await self.shared.commit(change, partial(commit, change, self._acts))
                self.trouble = None
            else:
                await self.shared.undo(change)
            kept = True
        except BaseException:
            self._give_up(touched)
            await self.shared.undo(change)
            raise
        finally:
            self.worlds.is_turn = False
            self.worlds.gone.clear()
            self.worlds.asking.told.clear()
            self.worlds.end_batch(kept=kept)
            self.shared.rest(kept)

    async def _begin(self) -> Change:
        """Let no other process change anything, and follow what they have."""
        change = await self.shared.begin(LOCK_SECONDS)
        if change is None:
            raise self._locked()
        return change

    async def _renew(self) -> None:
        """Read again what is in doubt."""
        for name in [*self.worlds.stale]:
            self.worlds.renew(name, await self.shared.ask(self.store.read, name))

    async def _find_out(self, unasked: Unasked) -> None:
        self.worlds.asking.told[unasked.key] = await self.shared.ask(unasked.question)

    def _locked(self) -> Unavailable:
        return Unavailable("locked", f"the store {self.store.name} is held by somebody else")

    def _give_up(self, touched: Iterable[World]) -> None:
        """Nothing of a batch was kept: what it changed is read again before anybody sees it."""
        for undo in self._undone:
            undo()
        self.worlds.doubt(world.name for world in touched)

    def _note(self, error: Unavailable) -> None:
        if self.trouble is None or self.trouble.reason != error.reason:
            log.error("%s", error)
        self.trouble = error

    def act(self, act: Act, undo: Callable[[], None] | None = None) -> None:
        """Have something done to the store with this batch; and what is done if that fails."""
        self._acts.append(act)
        if undo is not None:
            self._undone.append(undo)

    # What is kept of a turn

    def _collect(self, touched: set[World]) -> set[str]:
        """Note what has happened to the worlds that were used, whose names these are."""
        worlds, at = self.worlds, self._wall.now()
        dropped = {*worlds.to_drop}
        for name in dropped:
            self.act(partial(drop, name, at))
        worlds.to_drop.clear()
        for name, new in worlds.new.items():
            self.act(partial(add, name, new, at), partial(worlds.let_go, name))
        worlds.new.clear()
        used = {worlds.root: None, **worlds.used}
        worlds.used.clear()
        for world in used:
            ledger = worlds.ledgers.get(world)
            taken = None if ledger is None else ledger.take()
            if not taken:
                continue
            touched.add(world)
            self._acts += acts_of(world, taken, at)
            worlds.rows[world.name] = worlds.rows.get(world.name, 0) + 1
            if taken.anew and ledger is not None:
                worlds.attend(world, ledger)
                worlds.rows[world.name] = 0
        return dropped | {world.name for world in used}

    # Snapshots in the place of rows

    @property
    def compacting(self) -> bool:
        """Whether a world is being written down."""
        return self._compacting is not None and not self._compacting.done()

    async def _compact_one(self) -> None:
        """Begin to write a world down whose log has become long; it is as the store has it."""
        worlds = self.worlds
        if self.compacting:
            return
        for name, rows in [*worlds.rows.items()]:
            outdated = name in worlds.outdated and rows > 0
            if rows >= ROWS_TO_COMPACT or outdated:
                world = worlds.at_hand(name)
                worlds.rows[name] = 0 if world is None else await self.shared.ask(self.store.rows_of, name)
                worlds.outdated.discard(name)
                least = 1 if outdated or world is None else max(ROWS_TO_COMPACT, world.writes // PER_ROW)
                if world is not None and worlds.rows[name] >= least:
                    compaction = self._compact(name, snapshot_of(world), self.shared.position, worlds.rows[name])
                    self._compacting = asyncio.create_task(compaction)
                    return

    async def _compact(self, name: str, snapshot: Document, upto: int, rows: int) -> None:
        encoded = await asyncio.to_thread(encode, snapshot)
        with contextlib.suppress(Unavailable):
            await self.turn(lambda: self.act(lambda change: change.put_snapshot(name, encoded, upto)))
            self.worlds.rows[name] = max(0, self.worlds.rows.get(name, 0) - rows)

    def close(self) -> None:
        self.shared.end()
        self.store.close()


async def tell_behind(settling: Awaitable[None], turn: Turn) -> None:
    try:
        await settling
    finally:
        turn.tell()


def share(store: Store, failed: Callable[[Unavailable | None], None]) -> Shared:
    """What follows a store, by how long that takes to ask."""
    return Checking(store, failed) if isinstance(store, RemoteStore) else Following(cast(LocalStore, store))


def perform(acts: Sequence[Act], change: Change) -> None:
    for act in acts:
        act(change)


def commit(change: Change, acts: Sequence[Act]) -> int:
    """Do all of it, and have it last; the number of the newest row."""
    perform(acts, change)
    return change.commit()
