"""What processes tell each other that nobody waits for: what their journals have, and what was used of rate limits; and
the look at the store that each takes again and again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

import orjson

from fakeserver.admin.part import Part
from fakeserver.instants import SECOND
from fakeserver.listing.limit import Limit
from fakeserver.pipeline.service import Service
from fakeserver.problems import FakeProblem
from fakeserver.serving.keeping import Keeper
from fakeserver.serving.stored_worlds import StoredWorlds, shared_of
from fakeserver.stores.store import READABLE, Change, Journalled, Unavailable
from fakeserver.worlds.shared import Counter, Fresh, SharedJournal, SharedLimits, counted, share_out, told
from fakeserver.worlds.world import World

LOOK_SECONDS = 0.05
"""Between two looks at the store."""
COUNTERS_SECONDS, JOURNAL_SECONDS, CHECK_SECONDS = 0.25, 2.0, 0.5
"""Until what was used of rate limits is told, what the journal has, and whether the store is still there."""
AT_A_TIME = 1_000
"""Entries that all journals tell so soon, unless somebody asks: to put one into words takes as long as a request, and
nobody is answered meanwhile."""
BLOCKS = 20
"""Of what a store keeps of a journal; it may have one more for a while."""
USE_SECONDS = 2 * JOURNAL_SECONDS
"""Until all servers have told which namespaces they use."""
ANSWER_SECONDS = 1.0
"""That another process has to tell what its journal has, before it counts as gone."""
HEALTH_SECONDS = 2.0
"""That a store may take until the server is not well, to whoever asks how it is."""
QUESTION, PROCESS = "question", "process/"
"""Notes in a store: the number of the newest question for the journals, and by process of the last it has answered."""

log = logging.getLogger("fakeserver")


class Telling:
    """Of one process to all that have its store."""

    def __init__(
        self, keeper: Keeper, worlds: StoredWorlds, services: Mapping[str, Service], ttl: int | None = None
    ) -> None:
        self._ttl = ttl
        self._keeper = keeper
        self._worlds = worlds
        self._limits = {
            (slug, each.name): each for slug, service in services.items() for each in service.provider.limits
        }
        self._note = f"{PROCESS}{os.getpid()}-{secrets.token_hex(4)}"
        self._answered = self._news = -1
        keeper.enter(self._answer)
        self._task: asyncio.Task[None] | None = None
        self._trouble: Unavailable | None = None
        self._checking: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        """Whether it looks at the store."""
        return self._task is not None

    def begin(self) -> None:
        """Look at the store from now on."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._look_on())

    async def end(self) -> None:
        """Tell all that is left, and look no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(Unavailable):
            await self._keeper.turn(partial(self._tell, journals=True, leaving=True))

    def leave(self) -> None:
        """Be no longer among the processes that have the store."""
        self._keeper.enter(lambda change: change.note(self._note, None))

    async def find_trouble(self) -> Unavailable | None:
        """What is wrong with the store, if anything is."""
        self.begin()
        if self._checking is None or self._checking.done():
            self._checking = asyncio.get_running_loop().create_task(self._check())
        done, _ = await asyncio.wait([self._checking], timeout=HEALTH_SECONDS)
        if not done:
            return Unavailable("slow", f"the store {self._keeper.store.name} does not answer")
        self._checking.result()
        return self._trouble or self._keeper.trouble

    async def _check(self) -> None:
        keeper = self._keeper
        try:
            await keeper.shared.ask(keeper.store.check)
            self._trouble = None
        except Unavailable as error:
            if self._trouble is None:
                log.error("%s", error)
            self._trouble = error
        keeper.unreadable = None if self._trouble is None or self._trouble.reason in READABLE else self._trouble

    # Again and again

    async def _look_on(self) -> None:
        looks = 0
        while True:
            try:
                await self._look(looks * LOOK_SECONDS)
            except Unavailable:
                # Whoever asks is told; it may be well again at the next look.
                await asyncio.sleep(CHECK_SECONDS)
            except Exception as error:
                log.error("the store %s: unforeseen", self._keeper.store.name, exc_info=error)
                await asyncio.sleep(CHECK_SECONDS)
            looks += 1
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, seconds: float) -> None:
        shared = self._keeper.shared
        if not shared.looks_find_trouble and self._is_due(seconds, CHECK_SECONDS):
            await self._check()
        await shared.look()
        await shared.tend()
        news, self._news = shared.news != self._news, shared.news
        asked = int((await shared.ask(self._keeper.store.notes)).get(QUESTION, 0)) if news else self._answered
        is_asked = asked > self._answered
        due = self._is_due(seconds, JOURNAL_SECONDS)
        worth = self._find_worth_telling() if due else set[World]()
        journals = is_asked or bool(worth or (due and self._worlds.asked_for))
        counters = self._is_due(seconds, COUNTERS_SECONDS) and self._has_counters()
        if self._ttl is not None and self._is_due(seconds, CHECK_SECONDS):
            await self.prune(self._ttl)
        if journals or counters or self._worlds.left_late or self._keeper.trouble is not None:
            await self._keeper.turn(partial(self._tell, journals=journals, only=None if is_asked else worth))

    def _is_due(self, seconds: float, every: float) -> bool:
        return round(seconds / LOOK_SECONDS) % round(every / LOOK_SECONDS) == 0

    def _find_worth_telling(self) -> set[World]:
        """Those of whose journals somebody will still read what is told now."""
        found = [(world, journal) for world, journal, _ in self._told() if not journal.overflows()]
        return {world for world, journal in found if journal.fresh}

    def _has_counters(self) -> bool:
        return any(limits.has_fresh for _, _, limits in self._told())

    def _told(self) -> Iterator[tuple[World, SharedJournal, SharedLimits]]:
        for world in self._worlds:
            yield world, *shared_of(world)

    def _tell(self, *, journals: bool, only: Collection[World] | None = None, leaving: bool = False) -> None:
        """In a turn: what this process has to tell, of all worlds, and that it has; or of the journals some of what
        `only` these have."""
        keeper = self._keeper
        self._worlds.use_late()
        portions = self._portions(only) if journals else {}
        for world, journal, limits in self._told():
            if world in portions:
                fresh = journal.take(portions[world])
                state = orjson.dumps(journal.memory()).decode()
                keeper.act(
                    partial(keep_journal, world.name, fresh, state, journal.most), partial(journal.give_back, fresh)
                )
            if limits.has_fresh:
                used = limits.take_fresh()
                keeper.act(partial(self._keep_counters, world, used), partial(limits.give_back, used))
        for name in self._worlds.asked_for if journals else ():
            keeper.act(partial(use, name, keeper.now()))
        if journals:
            self._worlds.asked_for.clear()
        if leaving:
            keeper.act(lambda change: change.note(self._note, None))
        elif journals and only is None:
            keeper.act(self._answer)
        elif keeper.trouble is not None:
            # Only what is written tells whether the store takes something again.
            keeper.act(lambda change: change.note(self._note, str(self._answered)))

    def _portions(self, only: Collection[World] | None) -> Mapping[World, int]:
        """How much their journals tell in a turn."""
        fresh = {world: journal.fresh for world, journal, _ in self._told() if journal.fresh}
        if only is None:
            return fresh
        return share_out({world: number for world, number in fresh.items() if world in only}, AT_A_TIME)

    def _answer(self, change: Change) -> None:
        question = change.notes().get(QUESTION, "0")
        change.note(self._note, question)
        self._answered = int(question)

    def _keep_counters(
        self, world: World, fresh: Mapping[tuple[str, ...], tuple[int, Counter]], change: Change
    ) -> None:
        limits: Mapping[tuple[str, str], Limit] = self._limits
        if change.journal_total(world.name) is not None:
            found = counted(limits, change.counters(world.name), fresh)
            change.put_counters(world.name, found)
            shared_of(world)[1].adopt(found)

    async def prune(self, ttl: int) -> None:
        """Drop the namespaces that nobody has used for so many seconds, on any server."""
        least = self._keeper.now() - int((ttl + USE_SECONDS) * SECOND)
        worlds = await self._keeper.shared.ask(self._keeper.store.worlds)
        listed = [each.name for each in worlds if each.name and each.used_at < least]
        unused = [name for name in listed if name not in self._worlds.asked_for]
        if unused:
            log.info("%s namespaces that nobody has used for %s s are dropped", len(unused), ttl)
            await self._keeper.turn(partial(self._drop, unused))

    def _drop(self, names: Sequence[str]) -> None:
        self._worlds.asking.tell_kept(names)
        for name in names:
            if name not in self._worlds.asked_for:
                with contextlib.suppress(FakeProblem):
                    self._worlds.delete(name)

    # The journal, when somebody reads it

    async def gather(self, world: World) -> None:
        """Have a world's journal show all that any process had answered by now."""
        number = await self._ask()
        deadline = asyncio.get_running_loop().time() + ANSWER_SECONDS
        while missing := await self._missing(number):
            if asyncio.get_running_loop().time() > deadline:
                # They were killed, or stand still; one that goes on notes itself again.
                await self._keeper.turn(partial(self._forget, missing))
                break
            await asyncio.sleep(LOOK_SECONDS / 5)
        await self._merge(world)

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._keeper.act(partial(forget, name))

    async def _ask(self) -> int:
        """Tell what this process has, and ask the others to."""
        asked: list[int] = []

        def ask(change: Change) -> None:
            number = int(change.notes().get(QUESTION, "0")) + 1
            change.note(QUESTION, str(number))
            change.note(self._note, str(number))
            asked.append(number)

        def work() -> None:
            self._tell(journals=True)
            asked.clear()
            self._keeper.act(ask)

        await self._keeper.turn(work)
        self._answered = asked[0]
        return asked[0]

    async def _missing(self, number: int) -> list[str]:
        notes = await self._keeper.shared.ask(self._keeper.store.notes)
        return [name for name, text in notes.items() if name.startswith(PROCESS) and int(text) < number]

    async def _merge(self, world: World) -> None:
        journal, _ = shared_of(world)
        era = journal.era
        found = await self._keeper.shared.ask(self._keeper.store.journal_after, world.name, journal.total)
        # Meanwhile another may have taken its place, or more have come to it.
        if found is not None and world.journal.era is era and found.total > journal.total:
            journal.merge(found.total, [each for each in found.entries if each[0] > journal.total], Part)
            if found.state and not journal.fresh:
                journal.remember(Part(orjson.loads(found.state)))

    @contextlib.asynccontextmanager
    async def on_and_on(self, world: World) -> AsyncIterator[None]:
        """Have a world's journal grow meanwhile as all processes answer."""

        async def gather() -> None:
            while True:
                with contextlib.suppress(Unavailable):
                    await self.gather(world)
                if world.name:
                    # Whoever looks at a namespace uses it.
                    self._worlds.asked_for.add(world.name)
                await asyncio.sleep(COUNTERS_SECONDS)

        task = asyncio.create_task(gather())
        try:
            yield
        finally:
            task.cancel()


def keep_journal(name: str, fresh: Fresh, state: str, most: int, change: Change) -> None:
    total = change.journal_total(name)
    if total is not None:
        after = total + fresh.lost + len(fresh.exchanges)
        # To find what is to make room, a store looks at all that it keeps: once for many, and nobody sees the others.
        block = max(1, most // BLOCKS)
        makes_room = total // block != after // block
        change.put_journal(name, Journalled(after, told(fresh, total), state), most if makes_room else None)


def use(name: str, at: int, change: Change) -> None:
    change.use(name, at)


def forget(name: str, change: Change) -> None:
    change.note(name, None)
