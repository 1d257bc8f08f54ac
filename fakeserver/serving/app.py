"""The composition root: base URLs to services, the admin API beside them, CORS around them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import Receive, Scope, Send

from fakeserver import loopback
from fakeserver.admin import api
from fakeserver.admin.guard import check_reader
from fakeserver.console.pages import FILES, Console
from fakeserver.machine import time
from fakeserver.pipeline.dialect import check_dialect
from fakeserver.pipeline.exchange import Answer, Request, own_refusal
from fakeserver.pipeline.hosts import Hosts, Way
from fakeserver.pipeline.repeats import Opening, Repeat
from fakeserver.pipeline.routes import Matcher
from fakeserver.pipeline.service import Service
from fakeserver.plugins import UnusablePlugin
from fakeserver.problems import FakeProblem, Json, Moved, Problem
from fakeserver.providers import PROVIDERS
from fakeserver.recipes import fixture
from fakeserver.recipes.located import FixtureError
from fakeserver.serving.cors import ORIGIN, BrowserCORS, exposed_headers
from fakeserver.serving.remembering import AGAIN, ALIKE, Remembered
from fakeserver.serving.sending import ANSWER, send_answer
from fakeserver.spec import reader
from fakeserver.spec.bodies import MAX_BODY_BYTES
from fakeserver.worlds.documents import SeededDocuments, Seeding
from fakeserver.worlds.latencies import Latencies
from fakeserver.worlds.namespaces import Worlds
from fakeserver.worlds.room import ROOM, Room
from fakeserver.worlds.world import World

OWN = "/__"
"""What paths begin with that are the fake's own, and no provider's."""
ADMIN = "/__admin"
BODILESS = frozenset({"GET", "HEAD"})
"""Methods whose requests have bodies that nobody looks at."""
PREPARED_SIZE = 20_000
"""From this size on the index is built at start; a smaller one is built in milliseconds when it is asked for."""
MAX_LENGTH_DIGITS = 9
"""Of a length that is worth reading; no body of a longer one is."""
Hold = Callable[[bytes, str | None, Callable[[Exception | None], None]], bool]
"""Whether a packet for the world of this name, if anybody knows it, has to wait until the last is called, which is told
what has gone wrong."""
NAMESPACE = "x-fakeserver-namespace"
"""The header that names a world where the path cannot: at a provider's own host."""
ORIGIN_HERE = "x-fakeserver-origin"
"""The header that says, at a provider's own host, where on this machine the server is: for answers that lead clients on
who trust nobody's certificates but their own."""

log = logging.getLogger("fakeserver")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is started with. `epoch` is that of every world, in microseconds since 1970; None is the instant at
    which a world comes into being."""

    seed: int = 0
    size: int = 1_000
    only: tuple[str, ...] = ()
    epoch: int | None = None
    live: bool = False
    """Whether seeded documents age by themselves."""
    fixtures: Path | None = None
    locale: str | None = None
    """Faker's name of the locale by which, with the seed, the vocabularies are drawn; None is those of the package."""
    rate_limits: bool = True
    admin_token: str | None = field(default=None, repr=False)
    began: int | None = None
    """When the store began that worlds are kept in; None without one."""
    namespace_ttl: int | None = None
    """Seconds after which a store drops a namespace that nobody has used; None is never."""
    room: Room = ROOM
    origins: tuple[str, ...] = ()
    """Origins beside those of this machine whose pages may call the providers' APIs; `*` is every one."""


def load_services(
    only: Iterable[str] = (),
    folder: Path | None = None,
    locale: str | None = None,
    seed: int = 0,
    needed: Collection[str] = (),
) -> dict[str, Service]:
    """The providers with their specs and fixtures; files of `folder` replace recipes and vocabularies of their names,
    and with a `locale` the vocabularies are drawn by it and by the seed.

    A provider of another package that cannot be used is left out: a warning of one line names the package and the
    cause. If `only`, `needed` or a file asks for it, or it is one of ours, that line is an UnusablePlugin instead; and
    what is wrong with a file of the folder is a FixtureError."""
    only = tuple(only)
    files = {} if folder is None else fixture.find_files(folder, PROVIDERS)
    replaced = files.get(fixture.VOCABULARIES)
    words = fixture.find_vocabularies(replaced, locale, seed)
    found = {}
    for slug in only or PROVIDERS:
        for line in PROVIDERS.left_out.get(slug, ()):
            log.warning("%s", line)
        try:
            found[slug] = load_service(slug, words, files.get(slug), trial=replaced is not None)
        except UnusablePlugin as error:
            if slug in (*only, *needed, *files) or PROVIDERS.is_ours(slug):
                raise
            log.warning("%s", error)
    if not found:
        raise UnusablePlugin("no provider is installed; the package itself brings some: pip install it once more")
    return found


def load_service(slug: str, words: Mapping[str, list[Json]], path: Path | None, *, trial: bool) -> Service:
    """One provider, compiled, with its own recipe or that of a file. `trial`: see `fixture.load`."""
    provider = PROVIDERS[slug]
    try:
        contract = reader.load(provider.spec, provider.operations)
        check_dialect(provider)
        provider.environment("", "")
        return Service(provider, contract, fixture.load(provider, contract, words, path, trial=trial))
    except (Exception, SystemExit) as error:  # Nothing that is wrong with one provider keeps others from being served.
        if isinstance(error, FixtureError) and (path is not None or trial):
            raise
        raise PROVIDERS.unusable(slug, error) from error


def wall() -> int:
    """Microseconds since 1970, on the machine's clock."""
    return time.time_ns() // 1_000


class App:
    """The ASGI application. A request goes to the world and the service that its first path segments name. With `hold`
    it may have a packet kept back until it can be read."""

    hold: Hold | None = None

    def __init__(self, services: dict[str, Service], settings: Settings) -> None:
        self.settings = settings
        self.latencies = Latencies()
        self.seeded = SeededDocuments(
            Seeding(settings.seed, settings.size, settings.epoch or settings.began or wall()),
            {slug: service.fixture for slug, service in services.items()},
        )
        if settings.size >= PREPARED_SIZE:
            for service in services.values():
                self.seeded.prepare(service.provider)
        for service in services.values() if settings.live else ():
            self.seeded.dues(service.provider)
        self.services = services
        self.worlds = self.make_worlds()
        self.serve_from(services)

    def make_worlds(self) -> Worlds:
        return Worlds(self.new_world)

    def serve_from(self, services: dict[str, Service]) -> None:
        """Answer with these services from now on."""
        self.services = services
        self.remembered = Remembered()
        self.root = next(iter(services.values())) if len(self.settings.only) == 1 else None
        self.hosts = Hosts(each.territory for each in services.values())
        self.admin = api.application(services, self.seeded, self.worlds, self.settings.admin_token, self.latencies)
        exposed = exposed_headers(service.spec for service in services.values())
        token = self.settings.admin_token
        self.console = Console(services, self.root, lambda headers, address: check_reader(headers, address, token))
        self.browser = BrowserCORS(self.serve, self.settings.origins, exposed)

    def new_world(self, name: str) -> World:
        """A world as the seed makes it, which comes into being now; that at the root came with its documents, so that
        none of them is dated anew."""
        pinned = self.settings.epoch
        return World(
            self.seeded,
            name,
            epoch=wall() if name and pinned is None else self.seeded.seeding.epoch,
            wall=wall if pinned is None else None,
            live=self.settings.live,
            rate_limits=self.settings.rate_limits,
        )

    @property
    def world(self) -> World:
        """The world at the root."""
        return self.worlds.root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await (self.browser if ORIGIN in headers_of(scope) else self.serve)(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: Answer | None = scope.pop(ANSWER, None)
        if answer is None:
            headers = headers_of(scope)
            ignored = scope["method"] in BODILESS or self.asks_admin(scope["path"], headers)
            body = b"" if ignored else await read_body(receive, self.most_of(scope, headers))
            if body is None:
                return
            answer = await self.answer_in_turn(scope, headers, body)
        if answer is not None:
            return await send_answer(answer, scope, receive, send)
        await self.ask_admin(scope, receive, send)

    async def answer_in_turn(self, scope: Scope, headers: dict[str, str], body: bytes) -> Answer | None:
        """The answer to a request that could not be given at once."""
        return self.answer(scope, headers, body)

    async def ask_admin(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the admin API answer."""
        await self.ask_placed(*self.place(scope["path"]), scope, receive, send)

    async def ask_placed(self, world: World, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The same where it is known which world it is about, and the path there."""
        await self.admin({**scope, "path": path[len(ADMIN) :] or "/", "root_path": "", "world": world}, receive, send)

    def asks_admin(self, path: str, headers: Mapping[str, str]) -> bool:
        """Whether a request is one for the admin API, which no provider's own host has."""
        return is_admin(split_namespace(path)[1]) and self.at_host(headers) is None

    def most_of(self, scope: Scope, headers: Mapping[str, str]) -> int:
        """Bytes of the largest body that is read of a request: few operations take more than most do."""
        length = headers.get("content-length", "")
        if length.isdecimal() and len(length) <= MAX_LENGTH_DIGITS and int(length) <= MAX_BODY_BYTES:
            return MAX_BODY_BYTES
        try:
            _, match, path = self.matching(scope, headers)
            return match(scope["method"], path)[0].meaning.max_body
        except (FakeProblem, Problem, Moved):
            return MAX_BODY_BYTES

    def repeat(self, kept: Repeat) -> Answer | None:
        """The answer to a request that came before, in the same bytes; None where it has to be made anew."""
        name, service = kept.world.name, self.services.get(kept.slug)
        # A namespace may have been dropped, and one of its name made since; this one is the latest in use.
        if service is None or (self.worlds.named(name) if name else self.worlds.root) is not kept.world:
            return None
        return service.repeat(kept)

    def ask(self, opening: Opening, query: bytes, body: bytes = b"", *, again: bool = False) -> Answer | None:
        """The answer to a request of which all but query or body came before; None where it has to be parsed anew."""
        service = self.services.get(opening.slug)
        if service is None:
            return None
        try:
            world = self.worlds.named(opening.world) if opening.world else self.worlds.root
        except FakeProblem as problem:
            return own_refusal(problem)
        return service.answer(opening.asking(query, body, again=again), world)

    def matching(self, scope: Scope, headers: Mapping[str, str]) -> tuple[Service, Matcher, str]:
        """The service that a request is for, what finds its operations, and the path there."""
        found = self.at_host(headers)
        if found is None:
            service, path = self.serving(split_namespace(scope["path"])[1])
            return service, service.match, path
        service, way = found
        return service, service.match_aside if way == "plane" else service.match, service.below(scope["path"], headers)

    def destination(self, scope: Scope) -> tuple[str, str, str | None] | None:
        """What a request is for, for whoever observes it: the world's name, the provider, and the operation's id, which
        a path that is none's does not have. None is for what is no provider's."""
        headers, (name, path) = headers_of(scope), split_namespace(scope["path"])
        away = self.at_host(headers) is not None
        if not away and (path in self.console.paths or path.startswith(OWN)):
            return None
        try:
            service, match, path = self.matching(scope, headers)
        except FakeProblem:
            return None
        world = (headers.get(NAMESPACE) if away else name) or ""
        try:
            return world, service.provider.slug, match(scope["method"], path)[0].operation.id
        except (FakeProblem, Problem, Moved):
            return world, service.provider.slug, None

    def at_once(self, scope: Scope, body: bytes = b"") -> Answer | None:
        """The answer to a request, with its body if that is there; None where it takes more than the application
        itself: the admin API, pages in a browser, and bodies that have to be waited for."""
        headers = headers_of(scope)
        if ORIGIN in headers or (not body and scope["method"] not in BODILESS and has_body(headers)):
            return None
        return self.answer(scope, headers, body)

    def at_host(self, headers: Mapping[str, str]) -> tuple[Service, Way] | None:
        """The service that a provider's own host leads to, if a request names one, and what is there."""
        found = self.hosts.of(headers.get("host", ""))
        return None if found is None else (self.services[found[0]], found[1])

    def place(self, path: str) -> tuple[World, str]:
        """The world that a path is in, and the path there."""
        name, path = split_namespace(path)
        return self.worlds.root if name is None else self.worlds.named(name), path

    def serving(self, path: str) -> tuple[Service, str]:
        """The service at a path of a world, and the path there."""
        slug, _, rest = path[1:].partition("/")
        if slug in self.services:
            return self.services[slug], "/" + rest
        if self.root is not None:
            return self.root, path
        providers = {slug: f"/{slug}" for slug in self.services}
        raise FakeProblem(404, "No provider answers at this path", providers=providers)

    def answer(self, scope: Scope, headers: dict[str, str], body: bytes = b"") -> Answer | None:
        """Find the world and the service, by the path or at a provider's own host; everything after that is
        `Service.answer`. None is for the admin API."""
        found, path = self.at_host(headers), scope["path"]
        try:
            if found is not None:
                return self.answer_at_host(*found, scope, headers, body)
            world, path = self.place(path)
            if path in self.console.paths or path.startswith(OWN):
                if is_admin(path):
                    return None
                if path in self.console.paths or path.startswith(FILES):
                    prefix, client = scope["path"].removesuffix(path), scope["client"]
                    return self.console.answer(scope["method"], path, prefix, headers, client and client[0])
            service, path = self.serving(path)
        except FakeProblem as problem:
            return own_refusal(problem)
        prefix, scheme = scope["path"].removesuffix(path), scope.get("scheme", "http")
        query, address = scope["query_string"], address_of(scope)
        request = Request(scope["method"], path, query, headers, address, body, prefix, scheme)
        request.again, request.alike, request.patient = scope.get(AGAIN, False), scope.get(ALIKE, False), True
        return service.answer(request, world)

    def answer_at_host(self, service: Service, way: Way, scope: Scope, headers: dict[str, str], body: bytes) -> Answer:
        """The same at a provider's own host, where a header names the world, or a token that the world has made."""
        named = headers.get(NAMESPACE, "")
        known = service.world_of(headers) if way == "plane" else ""
        world = self.worlds.known(known) if known or not named else self.worlds.named(named)
        path, query, address = service.below(scope["path"], headers), scope["query_string"], address_of(scope)
        prefix = scope["path"].removesuffix(path)
        # What is at such a host is always reached by https, whoever has ended that in front of this server.
        request = Request(scope["method"], path, query, headers, address, body, prefix, "https", aside=way == "plane")
        here = headers.get(ORIGIN_HERE, "")
        if here.startswith("http://") and loopback.HOST.fullmatch(here.removeprefix("http://")):
            place = f"/ns/{world.name}" if world.name else ""
            request.base_url = f"{here}{place}/{service.provider.slug}"
        return service.guard(request, world) if way == "guarded" else service.answer(request, world)


def address_of(scope: Scope) -> str:
    """The address of a request's client."""
    client = scope["client"]
    return client[0] if client else ""


def split_namespace(path: str) -> tuple[str | None, str]:
    """The name of the world that a path is in (None at the root), and the path there."""
    if path != "/ns" and not path.startswith("/ns/"):
        return None, path
    name, _, rest = path[4:].partition("/")
    return name, "/" + rest


def is_admin(path: str) -> bool:
    """Whether a path, in its world, is one of the admin API."""
    return (path == ADMIN or path.startswith(ADMIN + "/")) and path.isprintable()


def has_body(headers: Mapping[str, str]) -> bool:
    """Whether a body follows these headers."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def read_body(receive: Receive, most: int) -> bytes | None:
    """The body of a request, or a little more of it than is allowed; None if the client leaves before it is there."""
    body = bytearray()
    while len(body) <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


def headers_of(scope: Scope) -> dict[str, str]:
    """The request's headers by name in lower case; of a repeated header, the last value."""
    headers = {name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]}
    if "prefer" in headers:
        # A list may come in several lines, and means the same in one.
        lines = [text.decode("latin-1") for name, text in scope["headers"] if name == b"prefer"]
        headers["prefer"] = ", ".join(lines)
    return headers


def create_app(settings: Settings | None = None, services: Mapping[str, Service] | None = None) -> App:
    """The server as an ASGI application."""
    settings = settings or Settings()
    return App(
        dict(services or load_services(settings.only, settings.fixtures, settings.locale, settings.seed)), settings
    )
