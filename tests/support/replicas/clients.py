"""Clients that ask the servers of one store at the same time, and write down what they were answered."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fakeserver.instants import SECOND, at
from tests.support.asgi import EPOCH, Reply, Row, credential
from tests.support.lives import PROVIDERS, dreadnode, prime
from tests.support.lives.model import Ask, Model, Provider, Question, Sandbox, newest_first, when
from tests.support.replicas.history import (
    Advance,
    Count,
    Create,
    Fire,
    Get,
    History,
    Key,
    Look,
    Now,
    Operation,
    Patch,
    Place,
    World,
    shown,
)
from tests.support.replicas.order import NEVER

CALLS_OF_A_CONNECTION = 8
"""About so many, until a client takes another connection, and with it another server."""
MOST_SECONDS = 60.0
SETTLED_SECONDS = 100
"""Until nothing that was seeded is in a passing state any more."""
ACTIONS: Mapping[str, int] = {
    "create": 14,
    "fire": 22,
    "change": 8,
    "advance": 2,
    "look": 30,
    "get": 14,
    "count": 6,
    "now": 4,
}
STEPS = (1, 7, 60, 600, 3_600)
"""Seconds that a clock is moved by."""
PAGES = {"dreadnode": dreadnode.LARGEST, "prime": prime.PAGE}
"""Rows of the pages in which everything is read; others have one."""
STORE, NOT_KNOWN = "x-fakeserver-store", b"is not known"
"""What tells that the store was in the way of an answer, and that even a server does not know whether it happened."""
RENAMING = ("instavm", "resume")
"""A provider's event after which a sandbox has another id."""
PAUSE_SECONDS = 0.05
"""Before a client goes on whom the store was in the way of."""
ALONE = 1_000_000
"""Numbers of runtimes that a client has to itself."""


class Unanswered(Exception):
    """Nobody knows whether a request was carried out."""


class Undone(Exception):
    """A server says that a request has changed nothing."""


class Line:
    """One client's way to a port of this machine."""

    def __init__(self, port: int, chance: random.Random, ns: str) -> None:
        self._port = port
        self._chance = chance
        self._ns = ns
        self._connection: http.client.HTTPConnection | None = None
        self.answered = self.refused = 0
        """Requests to providers, and those that the store was in the way of."""

    def send(self, slug: str, wanted: Ask) -> Reply:
        reply = self.call(wanted.method, f"/{slug}{wanted.path}", wanted.body, credential(slug, wanted.who))
        self.answered += not is_of_store(reply)
        self.refused += is_of_store(reply)
        return reply

    def admin(self, method: str, path: str, body: Any = None) -> Reply:
        return self.call(method, f"/__admin{path}", body, {})

    def admin_surely(self, method: str, path: str, body: Any = None) -> Row:
        """What the admin API says to whom may ask again."""
        reply = ask_again(partial(self.admin, method, path, body))
        assert reply.status == 200, (reply.status, reply.body)
        value: Row = reply.value
        return value

    def send_surely(self, slug: str, wanted: Ask) -> Reply:
        return ask_again(partial(self.send, slug, wanted))

    def call(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Reply:
        content = None if body is None else json.dumps(body).encode()
        sent = {**headers, "content-type": "application/json"} if body is not None else headers
        connection = self._connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=MOST_SECONDS)
        self._connection = None
        try:
            connection.request(method, f"/ns/{self._ns}{path}", content, dict(sent))
            answer = connection.getresponse()
            reply = Reply(answer.status, {name.lower(): text for name, text in answer.headers.items()}, answer.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unanswered(repr(error)) from error
        if answer.will_close or self._chance.randrange(CALLS_OF_A_CONNECTION) == 0:
            connection.close()
        else:
            self._connection = connection
        return reply

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def ask_again(ask: Callable[[], Reply]) -> Reply:
    """The answer once the store is not in the way, as it is for a moment on a machine with too much to do."""
    deadline = time.monotonic() + MOST_SECONDS
    while is_of_store(reply := ask()) and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    return reply


def is_of_store(reply: Reply) -> bool:
    """Whether a server says that its store is in the way."""
    return reply.status == 503 and STORE in reply.headers


# What there is of each provider


def path_of(slug: str, sandbox: Sandbox) -> str:
    """Where one sandbox is read."""
    name = sandbox.facts["name"] if slug == "dreadnode" else sandbox.id
    return {
        "dreadnode": f"/api/v1/org/acme/sandboxes/{name}",
        "instavm": f"/v1/vms/{name}",
        "prime": f"/api/v1/sandbox/{name}",
        "superserve": f"/sandboxes/{name}",
    }[slug]


def row_of(slug: str, row: Row) -> Row:
    """The answer there as lists have it."""
    return {**row, "sandbox_id": row["vm_id"], "started_at": row["created_at"]} if slug == "instavm" else row


def made_at(slug: str, answer: Row) -> int:
    """When a creation says that the sandbox was made."""
    row = answer["instance"] if slug == "dreadnode" else answer
    return when(row["createdAt" if slug == "prime" else "created_at"])


def marked(slug: str, body: Row, mark: str) -> Row:
    """A creation that is told from all others by what lists show, as far as a body can say such a thing."""
    if slug == "prime":
        return {**body, "labels": [*body["labels"], mark]}
    return {**body, "metadata": {**body["metadata"], "mark": mark}} if "metadata" in body else body


def mark_of(row: Row) -> str | None:
    marks = [each for each in row.get("labels") or () if each.startswith("mark ")]
    found: str | None = marks[0] if marks else (row.get("metadata") or {}).get("mark")
    return found


def answer_of(slug: str, row: Row) -> Row:
    """What the creation of a sandbox has been answered that a list shows."""
    passing = {"prime": "PENDING", "superserve": "starting", "instavm": "active"}[slug]
    return {**row, "status": passing, "access_token": "unknown", "vm_id": row.get("sandbox_id")}


@dataclass(frozen=True)
class Lost:
    """A creation that was sent and not answered."""

    slug: str
    tenant: str
    sent: Ask
    called: int
    said: str


@dataclass
class Shared:
    """What the clients of one world know together: the sandboxes that somebody was told of, by provider, how the world
    began, and all that was asked since."""

    ns: str
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    history: History
    unknown: list[Lost] = field(default_factory=list)
    """Creations of which nobody knows whether they happened."""
    resumed: list[Fire] = field(default_factory=list)
    """What would have given a sandbox another id, of which nobody knows whether it happened."""
    lost: int = 0
    """Requests of which nobody knows what became of them."""
    answered: int = 0
    """Requests to providers that were answered."""
    refused: int = 0
    """Those that the store was in the way of, which may be in the journal."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def end(self, line: Line) -> None:
        """A client is done."""
        line.close()
        with self.lock:
            self.answered += line.answered
            self.refused += line.refused

    def know(self, slug: str, sandbox: Sandbox) -> None:
        with self.lock:
            self.models[slug].sandboxes[sandbox.tenant, sandbox.id] = sandbox


class Known(Model):
    """The sandboxes that somebody was told of, while others are told of more."""

    def of(self, tenant: str) -> list[Sandbox]:
        return [each for each in [*self.sandboxes.values()] if each.tenant == tenant]


def begin(port: int, ns: str, slugs: Sequence[str], seed: int) -> Shared:
    """A new world, with its clock stopped, and what is in it."""
    line = Line(port, random.Random(seed), ns)
    for action, instant in (("freeze", EPOCH), ("set", EPOCH + SETTLED_SECONDS * SECOND)):
        body = {"action": action, "instant": at(instant)}
        clock = line.admin_surely("PUT", "/clock", body)
    now = when(clock["now"])
    providers = {slug: PROVIDERS[slug]() for slug in slugs}
    models = {slug: Known(provider, now) for slug, provider in providers.items()}
    places: dict[Place, dict[str, Sandbox]] = {}
    for slug, provider in providers.items():
        send = partial(line.send_surely, slug)
        for who, tenant in provider.callers:
            place = places.setdefault((slug, tenant), {})
            for wanted in provider.everything(tenant, who):
                for row in provider.rows(send(wanted))[0]:
                    sandbox = provider.seeded(row, tenant)
                    if sandbox.id not in place:
                        place[sandbox.id] = sandbox
                        models[slug].add(sandbox)
        provider.learn(models[slug], send)
    empty = World(providers, now, {place: {} for place in places})
    for found, sandboxes in places.items():
        empty = empty.put(found, *sandboxes.items())
    shared = Shared(ns, providers, models, History(empty))
    shared.end(line)
    return shared


class Client(threading.Thread):
    """Asks one thing after the other until enough was asked."""

    def __init__(
        self,
        number: int,
        port: int,
        shared: Shared,
        seed: int,
        rounds: Sequence[Callable[[], bool]],
        pause: threading.Barrier,
    ) -> None:
        """It asks as long as the first of the rounds says so, and then, behind a pause of all clients, as the next."""
        super().__init__(daemon=True, name=f"client {number}")
        self.number = number
        self.error: BaseException | None = None
        self._shared = shared
        self._chance = random.Random(f"{seed} {shared.ns} {number}")
        self._line = Line(port, self._chance, shared.ns)
        self._rounds = rounds
        self._pause = pause
        self._marks = 0
        # Those of the models that count or remember something are a client's own.
        self._providers = {slug: PROVIDERS[slug]() for slug in shared.providers}
        for provider in self._providers.values():
            if hasattr(provider, "made"):
                provider.made = number * ALONE

    def run(self) -> None:
        try:
            for more in self._rounds:
                while more():
                    with contextlib.suppress(Undone):
                        self.act()
                self._pause.wait()
        except threading.BrokenBarrierError:
            pass  # Another one says why.
        except BaseException as error:
            self._pause.abort()
            self.error = error
            self._shared.history.wrong.append(f"{self.name}: {error!r}")
        finally:
            self._shared.end(self._line)

    def act(self) -> None:
        (action,) = self._chance.choices([*ACTIONS], [*ACTIONS.values()])
        slug = self._chance.choice([*self._providers])
        getattr(self, action)(slug, self._providers[slug])

    # Asking

    def ask(self, send: Callable[[], Reply]) -> tuple[int, int, Reply | None]:
        """When it was called and returned, and the answer; None and never where nobody knows what became of it."""
        called = time.monotonic_ns()
        try:
            reply = send()
        except Unanswered:
            with self._shared.lock:
                self._shared.lost += 1
            return called, NEVER, None
        returned = time.monotonic_ns()
        if is_of_store(reply):
            time.sleep(PAUSE_SECONDS)
            if NOT_KNOWN not in reply.body:
                # A server is believed that: if it happened all the same, no order explains what is seen of it.
                raise Undone
            return called, NEVER, None
        if reply.status >= 500:
            self._shared.history.wrong.append(f"{self.name}: {reply.status} {reply.body[:500]!r}")
            return called, NEVER, None
        return called, returned, reply

    def ask_provider(self, slug: str, wanted: Ask) -> tuple[int, int, Reply | None]:
        return self.ask(lambda: self._line.send(slug, wanted))

    def note(self, operation: Operation) -> None:
        operation.client = self.number
        self._shared.history.operations.append(operation)

    def choose(self, slug: str) -> tuple[Sandbox, str] | None:
        """A sandbox that somebody was told of, the newer the likelier, and who asks for it."""
        who, tenant = self._chance.choice(self._providers[slug].callers)
        known = self._shared.models[slug].of(tenant)
        if not known:
            return None
        newest = known[-12:] if self._chance.random() < 0.7 else known
        sandbox = self._chance.choice(newest)
        return (sandbox, who) if self._providers[slug].sees(sandbox, who) else None

    # Actions

    def create(self, slug: str, provider: Provider) -> None:
        try:
            wanted, tenant = provider.creation(self._chance, self.send_aside(slug))
        except Unanswered:
            return
        self._marks += 1
        mark = f"mark {self.number}.{self._marks}"
        wanted = Ask(wanted.method, wanted.path, marked(slug, wanted.body, mark), wanted.who)
        called, returned, reply = self.ask_provider(slug, wanted)
        said = f"{slug} {tenant}: create {mark}"
        if reply is None:
            self._shared.unknown.append(Lost(slug, tenant, wanted, called, said))
            return
        if reply.status not in (200, 201):
            self._shared.history.wrong.append(f"{said}: {reply.status} {reply.body[:500]!r}")
            return
        answer = reply.value
        made = made_at(slug, answer)
        sandbox = provider.created(answer, wanted, tenant, made)
        self._shared.know(slug, sandbox)
        make = partial(self._shared.providers[slug].created, answer, wanted, tenant)
        key = (slug, tenant, sandbox.id)
        self.note(Create(called=called, returned=returned, said=said, key=key, make=make, made=made))

    def send_aside(self, slug: str) -> Callable[[Ask], Reply]:
        """What is asked besides, whose order nobody looks at."""

        def send(wanted: Ask) -> Reply:
            reply = self.ask_provider(slug, wanted)[2]
            if reply is None:
                raise Unanswered
            return reply

        return send

    def fire(self, slug: str, provider: Provider) -> None:
        chosen = self.choose(slug)
        if chosen is None:
            return
        sandbox, who = chosen
        event = self._chance.choice([*provider.events])
        if (slug, event) == RENAMING and mark_of(sandbox.row) is None:
            # If nobody knew what became of it, nobody would know it again.
            return
        called, returned, reply = self.ask_provider(slug, provider.request(event, sandbox, who))
        happened = None if reply is None else reply.status < 300
        answer = reply.value if reply is not None and happened and reply.body else {}
        key = (slug, sandbox.tenant, sandbox.id)
        renamed = provider.name_in(answer) if answer else None
        if renamed not in (None, sandbox.id):
            self._shared.know(slug, Sandbox(renamed, "", 0, sandbox.tenant, sandbox.row, sandbox.facts))
        operation = Fire(
            called=called,
            returned=returned,
            said=f"{slug} {sandbox.tenant}: {event} {sandbox.id} by {who}",
            key=key,
            event=event,
            who=who,
            answer=answer,
            happened=happened,
        )
        if happened is None and (slug, event) == RENAMING:
            self._shared.resumed.append(operation)
        else:
            self.note(operation)

    def change(self, slug: str, provider: Provider) -> None:
        chosen = self.choose(slug)
        drawn = None if chosen is None else provider.change(self._chance, chosen[0])
        if chosen is None or drawn is None:
            return
        sandbox, (wanted, fields) = chosen[0], drawn
        self._marks += 1
        # So that what is shown says whose change it is; the first mark stays.
        fields = {**fields, "metadata": {**fields["metadata"], "patch": f"{self.number}.{self._marks}"}}
        first = mark_of(sandbox.row)
        if first is not None:
            fields["metadata"]["mark"] = first
        called, returned, reply = self.ask_provider(slug, Ask(wanted.method, wanted.path, fields, wanted.who))
        happened = None if reply is None else reply.status < 300
        key = (slug, sandbox.tenant, sandbox.id)
        said = f"{slug} {sandbox.tenant}: patch {sandbox.id} {fields}"
        self.note(Patch(called=called, returned=returned, said=said, key=key, fields=fields, happened=happened))

    def advance(self, slug: str, provider: Provider) -> None:
        seconds = self._chance.choice(STEPS)
        body = {"action": "advance", "seconds": seconds}
        called, returned, reply = self.ask(lambda: self._line.admin("PUT", "/clock", body))
        reached = None if reply is None else when(reply.value["now"])
        said = f"advance {seconds} s"
        self.note(Advance(called=called, returned=returned, said=said, seconds=seconds, reached=reached))

    def look(self, slug: str, provider: Provider) -> None:
        question = provider.question(self._chance, self._shared.models[slug])
        called, returned, reply = self.ask_provider(slug, question.ask)
        if reply is not None:
            self.note(look_of(slug, provider, question, reply, called, returned))

    def get(self, slug: str, provider: Provider) -> None:
        chosen = self.choose(slug)
        if chosen is None:
            return
        sandbox, who = chosen
        called, returned, reply = self.ask_provider(slug, Ask("GET", path_of(slug, sandbox), who=who))
        if reply is None:
            return
        key = (slug, sandbox.tenant, sandbox.id)
        seen = None
        if reply.status == 200:
            seen = shown(provider.seeded(row_of(slug, reply.value), sandbox.tenant))
        said = f"{slug} {sandbox.tenant}: get {sandbox.id} by {who}"
        self.note(Get(called=called, returned=returned, said=said, key=key, seen=seen))

    def count(self, slug: str, provider: Provider) -> None:
        if "dreadnode" not in self._providers:
            return
        who, tenant = self._chance.choice(self._providers["dreadnode"].callers)
        wanted = Ask("GET", "/api/v1/org/acme/sandboxes/facets", who=who)
        called, returned, reply = self.ask_provider("dreadnode", wanted)
        if reply is None:
            return
        states = {each["value"]: each["count"] for each in reply.value["states"] if each["count"]}
        projects = {each["project_id"]: each["count"] for each in reply.value["projects"] if each["count"]}
        place = ("dreadnode", tenant)
        said = f"facets by {who}"
        self.note(
            Count(called=called, returned=returned, said=said, place=place, who=who, states=states, projects=projects)
        )

    def now(self, slug: str, provider: Provider) -> None:
        called, returned, reply = self.ask(lambda: self._line.admin("GET", "/clock"))
        if reply is not None:
            self.note(Now(called=called, returned=returned, said="now", instant=when(reply.value["now"])))


def look_of(slug: str, provider: Provider, question: Question, reply: Reply, called: int, returned: int) -> Look:
    rows, total = provider.rows(reply)
    seen = [provider.seeded(row, question.tenant) for row in rows]
    shows = [(each.id, shown(each)) for each in seen]
    said = f"{slug} {question.tenant}: {question.ask.path} by {question.ask.who}"
    return Look(called=called, returned=returned, said=said, slug=slug, question=question, rows=shows, total=total)


# The whole


def look_around(port: int, shared: Shared) -> None:
    """While nobody else asks: all that there is goes into the history, so that all that was asked before has to come to
    that. What the store is in the way of is left out."""
    line = Line(port, random.Random(0), shared.ns)

    def send(slug: str, wanted: Ask) -> Reply:
        reply = line.send(slug, wanted)
        if is_of_store(reply):
            raise Undone
        return reply

    with contextlib.suppress(Undone, Unanswered):
        for slug, provider in shared.providers.items():
            for who, tenant in provider.callers:
                for _ in pages_of(shared, slug, who, tenant, partial(send, slug)):
                    pass
    shared.end(line)


def look_at_everything(port: int, shared: Shared) -> Iterator[str]:
    """When nobody asks any more: what every caller sees of the whole world goes into its history, and what nobody knew
    the end of becomes what is there of it. What is there and was made by nobody is told."""
    line = Line(port, random.Random(0), shared.ns)
    for slug, provider in shared.providers.items():
        send = partial(line.send_surely, slug)
        known = set(shared.models[slug].sandboxes)
        if slug == "dreadnode":
            known |= set(find_started(shared, send))
        for who, tenant in provider.callers:
            for sandbox, row in pages_of(shared, slug, who, tenant, send):
                if (tenant, sandbox.id) not in known:
                    known.add((tenant, sandbox.id))
                    if not find_made(shared, slug, row, sandbox) and not find_resumed(shared, slug, sandbox):
                        yield f"{slug} {tenant}: nobody made {sandbox}"
    shared.end(line)


def pages_of(
    shared: Shared, slug: str, who: str, tenant: str, send: Callable[[Ask], Reply]
) -> Iterator[tuple[Sandbox, Row]]:
    """All that a caller sees of a tenant, page by page, each of which is part of the history."""
    provider, start, size = shared.providers[slug], 0, PAGES.get(slug)
    for wanted in provider.everything(tenant, who):
        called = time.monotonic_ns()
        reply = send(wanted)
        question = Question(wanted, tenant, everything, newest_first, slice(start, start + size if size else None))
        start += size or 0
        look = look_of(slug, provider, question, reply, called, time.monotonic_ns())
        shared.history.operations.append(look)
        for row in provider.rows(reply)[0]:
            yield provider.seeded(row, tenant), row


def everything(sandbox: Sandbox) -> bool:
    return True


def find_started(shared: Shared, send: Callable[[Ask], Reply]) -> Iterator[tuple[str, str]]:
    """The sandboxes of runtimes of which nobody knew whether they were started; the runtime says so."""
    for lost in [each for each in shared.unknown if each.slug == "dreadnode"]:
        runtime = send(Ask("GET", lost.sent.path.removesuffix("/start"), who=lost.sent.who)).value
        if runtime.get("instance") is not None:
            answer = {**runtime, "status": "running", "instance": {**runtime["instance"], "state": "running"}}
            identity = answer["instance"]["sandbox_id"]
            note_made(shared, lost, answer, identity, made_at("dreadnode", answer))
            yield lost.tenant, identity


def find_made(shared: Shared, slug: str, row: Row, sandbox: Sandbox) -> bool:
    """Find out by its mark whose creation it was that a sandbox came of."""
    mark = mark_of(sandbox.row)
    for lost in shared.unknown:
        if (lost.slug, lost.tenant) == (slug, sandbox.tenant) and mark is not None and mark_of(lost.sent.body) == mark:
            note_made(shared, lost, answer_of(slug, row), sandbox.id, sandbox.created)
            return True
    return False


def note_made(shared: Shared, lost: Lost, answer: Row, identity: str, made: int) -> None:
    shared.unknown.remove(lost)
    make = partial(shared.providers[lost.slug].created, answer, lost.sent, lost.tenant)
    key: Key = (lost.slug, lost.tenant, identity)
    shared.history.operations.append(
        Create(called=lost.called, said=lost.said, key=key, make=make, made=made, happened=None)
    )


def find_resumed(shared: Shared, slug: str, sandbox: Sandbox) -> bool:
    """Find out by its mark which sandbox goes on under a new id. Of several tries any may have been the one."""
    models, mark = shared.models[slug].sandboxes, mark_of(sandbox.row)
    tries = [each for each in shared.resumed if each.key[0] == slug and mark_of(models[each.key[1:]].row) == mark]
    if not tries or mark is None:
        return False
    first = min(tries, key=lambda each: each.called)
    shared.resumed.remove(first)
    first.answer = {"vm_id": sandbox.id}
    shared.history.operations.append(first)
    return True


def total_of(port: int, shared: Shared) -> int:
    """How many requests the journal has, as one server shows it."""
    line = Line(port, random.Random(0), shared.ns)
    total: int = line.admin_surely("GET", "/requests?limit=1")["meta"]["total"]
    line.close()
    return total


def count_journal(ports: Sequence[int], shared: Shared) -> Iterator[str]:
    """The journal has every request that some server answered. One that has stood still for a second, as on a machine
    with too much to do, tells its own when it goes on."""
    most = shared.answered + shared.refused + shared.lost
    deadline = time.monotonic() + MOST_SECONDS
    for port in ports:
        while (total := total_of(port, shared)) < shared.answered and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        if not shared.answered <= total <= most:
            yield f"the journal has {total} requests, and {shared.answered} were answered, or {most} at most"


def compare_snapshots(ports: Sequence[int], shared: Shared) -> Iterator[str]:
    """The world is the same on every server, but for what was used of rate limits, which each tells now and then. Where
    it is not, what differs is named."""
    found = []
    for port in ports:
        line = Line(port, random.Random(0), shared.ns)
        found.append(line.admin_surely("GET", "/snapshot") | {"limits": None})
        line.close()
    differ = sorted(name for name in found[0] if any(each.get(name) != found[0][name] for each in found))
    if differ or len({json.dumps(each) for each in found}) != 1:
        yield f"{len(ports)} servers have different snapshots: {', '.join(differ) or 'the order of something'}"
