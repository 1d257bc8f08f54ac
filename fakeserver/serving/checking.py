"""Following what other processes do to a store that takes a while to look at.

Who reads waits for a look that began after they came; those who come together share one. Most looks are no more than a
glance, which finds that nobody has committed anything. A world that is read a lot and has not changed lately is shown
under a lease, without asking: the store is told of it, and whoever changes that world is believed only once the lease
was given up, or has run out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import Counter
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

from fakeserver.machine import elapsed
from fakeserver.serving.glancing import Glancing
from fakeserver.serving.stored_worlds import StoredWorlds, shared_of
from fakeserver.stores.store import Change, Lease, Look, RemoteChange, RemoteStore, Unavailable
from fakeserver.worlds.ledger import OutOfTurn

LEASE_SECONDS = 0.5
"""That a process may show a world from the begin of a look on which found its lease."""
HELD_SECONDS = 0.45
"""Of these, what it takes, since clocks differ."""
QUIET_SECONDS = 1.0
"""That a world has not changed before there are leases on it."""
MANY_READS = 4
"""Of a world between two looks, so that a lease is worth it."""
RENEW_SECONDS = 5.0
"""Until a lease is given up, unless its world was asked for again and again in the meantime."""
MANY_WAITING, GATHER_SECONDS = 4, 0.0005
"""Of a look that so many shared, how long the next one waits for more."""
SETTLE_SECONDS = 0.01
"""Between two looks whether others have given up their leases."""

OVER, NEVER = -math.inf, math.inf

log = logging.getLogger("fakeserver")
Found = TypeVar("Found")
Asked = ParamSpec("Asked")
GoOn = Callable[[Unavailable | None], None]
"""Called when whoever waits may read, or with why nobody may."""


class Checking:
    """See `following.Shared`."""

    looks_find_trouble = True

    def __init__(self, store: RemoteStore, failed: Callable[[Unavailable | None], None]) -> None:
        """`failed` is told what came of each look."""
        self.worlds: StoredWorlds
        self.news = 0
        self._failed = failed
        self._store = store
        self._mark = store.mark()
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="fakeserver-store-reads")
        self._changing = ThreadPoolExecutor(1, thread_name_prefix="fakeserver-store")
        self._waiting: list[GoOn] = []
        self._covered: list[GoOn] = []
        """Those that the change which goes on will have looked for."""
        self._ready: list[GoOn] = []
        self._deferred: list[tuple[Look, float, int]] = []
        """Looks during a change, which has to be over before they can be followed."""
        self._crowd = 0
        """How many shared the last look."""
        self._looking: asyncio.Task[None] | None = None
        self._glancing = Glancing(store.glances())
        self._session = 0
        """That of the glances since which there was a look."""
        self._is_granting = False
        self._reads: Counter[str] = Counter()
        self._changed: dict[str, float] = {}
        """By world, since when it is as it is, as far as this process knows."""
        self._leases: set[str] = set()
        """Worlds that may be shown without asking until `_until`, all of which the last look has found."""
        self._until = 0.0
        self._leased_at: dict[str, float] = {}
        """By world that the store was told of, since when it knows, or since the world was found in use."""
        self._noted: dict[str, int] = {}
        """How many requests of it this process had noted by then."""
        self._stale: dict[Lease, float] = {}
        """Leases of others that do not hold any longer, and until when somebody may go by them."""

    @property
    def position(self) -> int:
        """The newest row that the worlds have followed."""
        return self._mark.position

    # Reading

    def is_current(self) -> bool:
        return not self.worlds.stale

    def shows(self, name: str) -> bool:
        if self._is_granting:
            self._reads[name] += 1
            return not (self._stale and self._is_held({name}))
        return name in self._leases and self._until > elapsed()

    shows_at_once = shows

    def has_lease(self, name: str) -> bool:
        """Whether a world may be shown without asking."""
        return name in self._leases and self._until > elapsed()

    def wait(self, go_on: GoOn) -> None:
        """Call this when all that somebody was told of by now has been followed."""
        self._waiting.append(go_on)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_for_all())

    async def read(self, work: Callable[[], Found], is_current: Callable[[], bool]) -> Found:
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()

        def go_on(error: Unavailable | None) -> None:
            if future.done():
                return
            if error is not None:
                return future.set_exception(error)
            try:
                if not is_current():
                    raise OutOfTurn
                future.set_result(work())
            except BaseException as refusal:
                future.set_exception(refusal)

        self.wait(go_on)
        return await future

    async def _look_for_all(self) -> None:
        while self._waiting:
            if self._crowd >= MANY_WAITING:
                # Those that were answered together come back together.
                await asyncio.sleep(GATHER_SECONDS)
            waiting, self._waiting = self._waiting, []
            self._crowd = len(waiting)
            try:
                await self.look()
            except Unavailable as error:
                for go_on in waiting:
                    self._call(go_on, error)
            else:
                self._ready += waiting
                self._let_read()

    def _let_read(self) -> None:
        if self.worlds.is_turn:
            return
        ready, self._ready = self._ready, []
        self._is_granting = True
        try:
            for go_on in ready:
                self._call(go_on, None)
        finally:
            self._is_granting = False

    def _call(self, go_on: GoOn, error: Unavailable | None) -> None:
        try:
            go_on(error)
        except Exception as failure:
            log.error("the store %s: unforeseen", self._store.name, exc_info=failure)

    # Looking

    async def look(self) -> None:
        began = elapsed()
        try:
            if await self._is_as_known():
                self._until = max(self._until, began + HELD_SECONDS)
                return self._failed(None)
            session = self._glancing.session
            look = await self.ask(self._look)
        except Unavailable as error:
            self._failed(error)
            raise
        self._failed(None)
        self._glancing.open()
        if self.worlds.is_turn:
            self._deferred.append((look, began, session))
        else:
            self._apply(look, began, session)

    def _look(self) -> Look:
        look = self._store.look(self._mark)
        self.worlds.find_left(look.rows)
        return look

    def _begin(self, seconds: float) -> RemoteChange | None:
        change = self._store.begin(seconds, self._mark)
        if change is not None:
            try:
                self.worlds.find_left(change.look.rows)
            except BaseException:
                change.undo()
                raise
        return change

    async def _is_as_known(self) -> bool:
        """Whether a glance tells that nobody has committed anything since the last look: then no lease is lost, of this
        process or of others. Leases that are new, or are to end, need a look; and so does a new session, which may be
        one with another database."""
        looked = self._session == self._glancing.session > 0
        if not looked or self._stale or not self._leased_at.keys() <= self._leases:
            return False
        return await self._glancing.newest() == self._mark

    def _apply(self, look: Look, began: float, session: int = 0) -> None:
        """Follow what a look has found; it began when there were glances in a session."""
        if look.mark.number > self._mark.number or not look.follows:
            self.news += 1
        elif look.mark.number < self._mark.number:
            # It is from before a change of this process.
            return
        if not look.follows:
            log.error("the store %s has lost what it was given last; its worlds are read again", self._store.name)
            self._leases.clear()
            self.worlds.doubt(world.name for world in self.worlds)
        self.worlds.doubt(look.doubtful)
        for row in look.rows if look.follows else ():
            if row.number > self.position:
                self.worlds.follow(row)
                self._touch(row.world, began)
        self._mark = look.mark
        self.worlds.asking.forget_left()
        self._session = session or self._session
        self._follow_leases(look, began)

    def _touch(self, name: str, now: float) -> None:
        self._changed[name] = now
        self._leases.discard(name)

    def _follow_leases(self, look: Look, began: float) -> None:
        now = elapsed()
        self._stale = {each: self._stale.get(each, now + LEASE_SECONDS) for each in look.stale}
        # Nobody shows a world without asking while somebody else may show how it was before.
        held = {each.world for each, until in self._stale.items() if until > now}
        self._leases = {name for name in look.own - held if self._leased_at.get(name, NEVER) <= began}
        self._until = max(self._until, began + HELD_SECONDS)
        for name, since in [*self._leased_at.items()]:
            if since <= began and name not in look.own:
                self._leased_at[name] = OVER

    async def ask(self, question: Callable[Asked, Found], *values: Asked.args, **named: Asked.kwargs) -> Found:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reading, partial(question, *values, **named))

    # Leases

    async def tend(self) -> None:
        """Have the leases that are worth it, and no others; void those of others that have run out."""
        now = elapsed()
        reads, self._reads = self._reads, Counter()
        ended = [name for name, since in [*self._leased_at.items()] if self._is_over(name, since, now)]
        for name in ended:
            self._leases.discard(name)
            del self._leased_at[name]
            self._noted.pop(name, None)
        if ended:
            await self.ask(self._store.give_up, ended)
        void = [each for each, until in self._stale.items() if until <= now]
        if void:
            await self.ask(self._store.void, void)
        wanted = [name for name, count in reads.items() if count >= MANY_READS and self._is_quiet(name, now)]
        if wanted:
            position = self.position
            await self.ask(self._store.lease, wanted, position)
            self._leased_at |= dict.fromkeys(wanted, elapsed())
            self._noted |= {name: self._count(name) for name in wanted}
            await self.look()

    def _is_over(self, name: str, since: float, now: float) -> bool:
        """Whether a lease is of no more use; one that is stays for a while."""
        if self._changed.get(name, 0.0) >= since or since == OVER:
            return True
        if now <= since + RENEW_SECONDS:
            return False
        before, noted = self._noted.get(name, 0), self._count(name)
        self._leased_at[name], self._noted[name] = now, noted
        return noted < before + MANY_READS

    def _count(self, name: str) -> int:
        """Requests of a world that this process has noted."""
        world = self.worlds.at_hand(name)
        return 0 if world is None else shared_of(world)[0].noted

    def _is_quiet(self, name: str, now: float) -> bool:
        since = self._changed.setdefault(name, now)
        return name not in self._leased_at and now > since + QUIET_SECONDS

    def _is_held(self, names: Collection[str]) -> bool:
        """Whether somebody may go by a lease on one of these worlds that does not hold any longer."""
        now = elapsed()
        return any(each.world in names and until > now for each, until in self._stale.items())

    def settling(self, names: Collection[str]) -> Coroutine[Any, Any, None] | None:
        return self._settle(names) if self._is_held(names) else None

    async def _settle(self, names: Collection[str]) -> None:
        while self._is_held(names):
            await asyncio.sleep(SETTLE_SECONDS)
            # Where nobody can be asked they run out.
            with contextlib.suppress(Unavailable):
                await self.look()

    # Changing

    def open(self, seconds: float) -> Change | None:
        began = elapsed()
        return self._followed(self._store.begin(seconds, self._mark), began)

    async def begin(self, seconds: float) -> Change | None:
        # Whoever waits by now waits for what this change looks at, too.
        self._covered, self._waiting = self._waiting, []
        began = elapsed()
        try:
            loop = asyncio.get_running_loop()
            change = await loop.run_in_executor(self._changing, self._begin, seconds)
            return self._followed(change, began)
        except BaseException:
            self._uncover()
            raise

    def _followed(self, change: RemoteChange | None, began: float) -> Change | None:
        if change is None:
            self._uncover()
        else:
            self._apply(change.look, began)
        return change

    def _uncover(self) -> None:
        covered, self._covered = self._covered, []
        for go_on in covered:
            self.wait(go_on)

    def reach(self, change: Change, position: int) -> None:
        made = cast(RemoteChange, change)
        self._mark = made.mark()
        now = elapsed()
        for lease in made.stale:
            self._stale.setdefault(lease, now + LEASE_SECONDS)

    async def commit(self, change: Change, work: Callable[[], int]) -> None:
        try:
            self.reach(change, await asyncio.get_running_loop().run_in_executor(self._changing, work))
        finally:
            # With the commit the leases of this process have gone, or may have.
            now = elapsed()
            for name in cast(RemoteChange, change).written:
                self._touch(name, now)

    async def undo(self, change: Change) -> None:
        await asyncio.get_running_loop().run_in_executor(self._changing, change.undo)

    def rest(self, kept: bool) -> None:
        deferred, self._deferred = self._deferred, []
        for look, began, session in deferred:
            self._apply(look, began, session)
        if kept:
            covered, self._covered = self._covered, []
            self._ready += covered
        else:
            self._uncover()
        self._let_read()

    def end(self) -> None:
        if self._leased_at:
            with contextlib.suppress(Unavailable):
                self._store.give_up([*self._leased_at])
        self._glancing.end()
        for thread in (self._reading, self._changing):
            thread.shutdown()
