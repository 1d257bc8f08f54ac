"""The application over a store: worlds outlive the process, and other processes have them too.

What only reads is answered at once, as without a store, once it is sure that nothing has happened elsewhere. All else
takes turns (`keeping`), and what cannot be kept is a 503.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import uvicorn
from starlette.types import Message, Receive, Scope, Send

from fakeserver.admin.reading import MAX_BODY_BYTES
from fakeserver.admin.responses import problem_response
from fakeserver.pipeline.exchange import Answer, Request, own_refusal
from fakeserver.pipeline.refusals import note_refusal
from fakeserver.pipeline.repeats import Opening, Repeat
from fakeserver.pipeline.service import Service
from fakeserver.problems import FakeProblem
from fakeserver.serving.app import (
    ADMIN,
    BODILESS,
    NAMESPACE,
    App,
    Settings,
    address_of,
    read_body,
    split_namespace,
)
from fakeserver.serving.checking import Checking, GoOn
from fakeserver.serving.claims import Claims
from fakeserver.serving.keeping import Keeper
from fakeserver.serving.refusing import unavailable
from fakeserver.serving.sharing import Shares, Taking
from fakeserver.serving.stored_worlds import StoredWorlds, Trusting, Wall, shared_of
from fakeserver.serving.telling import Telling
from fakeserver.stores.store import Store, Unavailable
from fakeserver.worlds.ledger import Ledger, OutOfTurn
from fakeserver.worlds.namespaces import Worlds
from fakeserver.worlds.world import World

Taken = TypeVar("Taken", Answer, Answer | None)
HEALTH, LIVE = "/health", "/requests/live"
READING = re.compile(rb"(?:GET|HEAD) (?:/ns/([^/?# ]*))?+(?!/__admin[/? ])")
"""The begin of a request to a provider that only reads, with its namespace."""
TOLD = ("/requests", "/metrics", "/snapshot")
"""Calls of the admin API that read what all processes have answered."""


class StoredApp(App):
    """See the module."""

    def __init__(self, services: dict[str, Service], settings: Settings, store: Store) -> None:
        self.store = store
        self.wall = Wall()
        self.keeper = Keeper(store, self.wall)
        self.claims = Claims(self.keeper, store)
        super().__init__(services, settings)
        self.telling = Telling(self.keeper, self.stored, services, settings.namespace_ttl)
        if isinstance(self.keeper.shared, Checking):
            self.hold = partial(self.hold_for, self.keeper.shared)

    # Its worlds

    def make_worlds(self) -> Worlds:
        self.stored = StoredWorlds(self.store, self.make_world, Trusting(self.services), self.wall, self.attend)
        self.keeper.attach(self.stored)
        return self.stored

    def make_world(self, name: str, epoch: int | None) -> World:
        """A world that comes into being now, or did at an epoch."""
        pinned = self.settings.epoch
        began = None if name else self.settings.began
        return World(
            self.seeded,
            name,
            epoch=epoch or pinned or began or self.wall.now(),
            wall=self.wall.now if pinned is None else None,
            machine=self.wall.now,
            room=self.settings.room,
            live=self.settings.live,
            rate_limits=self.settings.rate_limits,
        )

    def attend(self, world: World, ledger: Ledger) -> None:
        """Have a world's sandboxes kept, and claimed by whoever works in them."""
        world.guests.outlast(self.claims.of(world, ledger))

    # Requests

    def place(self, path: str) -> tuple[World, str]:
        name, path = split_namespace(path)
        return self.stored.at(name), path

    def hold_for(self, checking: Checking, packet: bytes, name: str | None, go_on: GoOn) -> bool:
        """Whether a packet is kept back until it is known what has happened by now. Which world it is about is a guess,
        by its first line, unless somebody knows: what is read by it makes sure."""
        if name is None:
            reading = READING.match(packet)
            if reading is None:
                return False
            name = (reading[1] or b"").decode("latin-1")
        if not self.telling.begun or self.keeper.unreadable is not None:
            return False
        if checking.has_lease(name) and not self.stored.is_turn:
            return False
        checking.wait(go_on)
        return True

    def at_once(self, scope: Scope, body: bytes = b"") -> Answer | None:
        if scope["method"] not in BODILESS or not self.telling.begun or not self.keeper.is_current():
            return None
        try:
            return super().at_once(scope, body)
        except OutOfTurn:
            return None

    def repeat(self, kept: Repeat) -> Answer | None:
        if not self.keeper.shows(kept.world.name):
            return None
        try:
            return App.repeat(self, kept)
        except OutOfTurn:
            return None

    def ask(self, opening: Opening, query: bytes, body: bytes = b"", *, again: bool = False) -> Answer | None:
        # What has a body may change something, and takes a turn.
        if body or not self.telling.begun or not self.keeper.shows(opening.world):
            return None
        try:
            return App.ask(self, opening, query, body, again=again)
        except OutOfTurn:
            return None

    def answer(self, scope: Scope, headers: dict[str, str], body: bytes = b"") -> Answer | None:
        answer = super().answer(scope, headers, body)
        if answer is not None and answer.job is not None:
            answer.turn = lambda conclude: self.take_turn(conclude, scope, headers, body)
        return answer

    def begin(self) -> None:
        """Look at the store from now on, on the loop that runs."""
        self.telling.begin()
        self.claims.begin()
        self.stored.asking.aside = isinstance(self.keeper.shared, Checking)

    async def answer_in_turn(self, scope: Scope, headers: dict[str, str], body: bytes) -> Answer | None:
        self.begin()
        if self.asks_admin(scope["path"], headers):
            return None
        if scope["method"] in BODILESS:
            try:
                return await self.keeper.read(lambda: self.answer(scope, headers, body))
            except OutOfTurn:
                pass
            except Unavailable as error:
                return self.refuse(error, scope, headers, body)
        return await self.take_turn(lambda: self.answer(scope, headers, body), scope, headers, body)

    async def take_turn(
        self, work: Callable[[], Taken], scope: Scope, headers: dict[str, str], body: bytes
    ) -> Taken | Answer:
        """The answer that a turn comes to, or that it cannot be kept."""
        try:
            return await self.keeper.turn(work)
        except Unavailable as error:
            return self.refuse(error, scope, headers, body)

    def refuse(self, error: Unavailable, scope: Scope, headers: dict[str, str], body: bytes) -> Answer:
        """A 503, as the provider says it. It is in the journal of a world that is at hand."""
        problem = unavailable(error)
        try:
            service, match, path = self.matching(scope, headers)
        except FakeProblem:
            answer = own_refusal(FakeProblem(problem.status, problem.detail))
            answer.headers.update(problem.headers)
            return answer
        answer = service.refusal_of(problem, service.fixture.switches, {})
        name = split_namespace(scope["path"])[0] if self.at_host(headers) is None else headers.get(NAMESPACE)
        world = self.stored.at_hand(name or "")
        if world is not None:
            query, address = scope["query_string"], address_of(scope)
            request = Request(scope["method"], path, query, headers, address, body)
            with shared_of(world)[0].beside_batch():
                note_refusal(service, request, match, answer, world)
        return answer

    # The admin API

    async def ask_admin(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A call is one turn, and its answer leaves when that is kept. But who looks on as the journal grows looks for
        long, and how the server is shall be known when nothing can be kept."""
        path = split_namespace(scope["path"])[1][len(ADMIN) :] or "/"
        try:
            if path == HEALTH:
                await self.tell_health(scope, receive, send)
            elif path == LIVE:
                world, below = await self.keeper.turn(lambda: self.place(scope["path"]))
                # Whoever has seen something at another server goes on behind that, which has to be known here.
                await self.telling.gather(world)
                async with self.telling.on_and_on(world):
                    await self.ask_placed(world, below, scope, receive, send)
            else:
                await self.ask_in_turn(path, scope, receive, send)
        except Unavailable as error:
            problem = unavailable(error)
            response = problem_response(FakeProblem(problem.status, problem.detail))
            response.headers.update(problem.headers)
            await response(scope, receive, send)
        except FakeProblem as problem:
            await problem_response(problem)(scope, receive, send)

    async def ask_in_turn(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive, MAX_BODY_BYTES)
        if body is None:
            return
        if path.startswith(TOLD):
            world = (await self.keeper.turn(lambda: self.place(scope["path"])))[0]
            await self.telling.gather(world)
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        async def work() -> None:
            # It is done once; only a whole answer is sent.
            messages.clear()
            await App.ask_admin(self, scope, replaying(body), keep)

        await self.keeper.turn_for(work)
        for message in messages:
            await send(message)

    async def tell_health(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Whether the server can do its work; a balancer sends nobody to one that cannot."""
        error = await self.telling.find_trouble()
        if error is not None:
            raise error
        told = {**scope, "store": self.store.name}
        try:
            self.place(scope["path"])
        except OutOfTurn:
            # A namespace comes into being by being asked how it is.
            await self.ask_in_turn(HEALTH, told, receive, send)
        else:
            await super().ask_admin(told, receive, send)

    async def close(self) -> None:
        """Tell the others what is still to be told, and let go of the store."""
        await self.telling.end()
        self.keeper.close()


def replaying(body: bytes) -> Receive:
    """What receives a body that is there, and then waits for ever."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    return receive


@dataclass(frozen=True, slots=True)
class Member:
    """What a server knows that is a worker of several: it calls `ready` when it answers, ends when the pipe `alive` is
    closed, and is the one of this number among those that share their connections."""

    ready: Callable[[], None]
    alive: int
    shares: Shares
    number: int


class StoredServer(uvicorn.Server):
    """uvicorn's server, which looks at its store while it serves, and lets go of it behind the last answer."""

    def __init__(self, config: uvicorn.Config, app: StoredApp, member: Member | None = None) -> None:
        super().__init__(config)
        self._app = app
        self._member = member
        self._taking: Taking | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        member = self._member
        if member is None or not sockets:
            return await super().startup(sockets)
        await super().startup([])
        connections = self.server_state.connections
        how = self._make_protocol, lambda: len(connections), self.config.ssl, member.shares, member.number
        self._taking = Taking(sockets[0], *how)

    def _make_protocol(self) -> asyncio.Protocol:
        """That of one connection, as uvicorn makes it."""
        config = self.config
        made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
            config=config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    async def main_loop(self) -> None:
        self._app.begin()
        member = self._member
        if member is not None:
            asyncio.get_running_loop().add_reader(member.alive, self._leave, member.alive)
            member.ready()
        await super().main_loop()

    async def on_tick(self, counter: int) -> bool:
        if self._taking is not None:
            self._taking.note()
        return await super().on_tick(counter)

    def _leave(self, alive: int) -> None:
        """Who led this worker is gone."""
        asyncio.get_running_loop().remove_reader(alive)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._taking is not None:
            self._taking.end()
        await super().shutdown(sockets)
        await self._app.close()
