"""All state of a world, found by reflection: a snapshot brings it back, a reset takes it away, or a reason stands here.

Whoever adds an attribute to a world or to anything in it finds it named by `unaccounted`, until a part's `dump` and
`load` have it, and until the world of this test has another value there than a new one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from itertools import count
from typing import Any

import pytest
from pyroaring import BitMap

from fakeserver.admin import bodies
from fakeserver.commands.guests import Guests
from fakeserver.documents.ageing import Ageing
from fakeserver.documents.changes import Put, Remove
from fakeserver.documents.collection import Collection
from fakeserver.documents.overlay import Overlay
from fakeserver.documents.seeded import FIRST, Seeded
from fakeserver.faults.scripts import FaultRule, Faults
from fakeserver.interpreter.orders import Order
from fakeserver.serving.app import App
from fakeserver.worlds import entries
from fakeserver.worlds import world as worlds
from fakeserver.worlds.clock import Clock
from fakeserver.worlds.documents import Documents
from fakeserver.worlds.entries import Entry
from fakeserver.worlds.journal import Journal
from fakeserver.worlds.rate_limits import Limits
from fakeserver.worlds.settings import Settings
from fakeserver.worlds.world import World
from tests.support.admin import FREEZE, admin, done, listing, small_app
from tests.support.asgi import SLUGS, call

Key = tuple[str, str]
"""A class and an attribute of its instances."""
Place = tuple[Any, ...]
Found = dict[Key, dict[Place, Any]]
"""What each attribute has, by the place of the instance."""

SIZE = 20
FAULT = {"provider": "prime", "operation": "listSandboxes", "code": 503}

CONSTANT = "what the world is made from, and nothing changes"
KEPT_BY = "what keeps the world beyond its process, if anything does; none of its state"
WORKED_OUT = "worked out again when it is asked for"
EXCEPTED: dict[Key, str] = {
    ("World", "name"): "a world that takes over another's state keeps its own",
    ("World", "_origin"): "a reset leads back to the seed that this server was started with",
    ("World", "_epoch"): "a reset leads back to the epoch at which this world came into being",
    ("World", "_wall"): CONSTANT,
    ("World", "_machine"): CONSTANT,
    ("World", "_room"): CONSTANT,
    ("World", "log"): KEPT_BY,
    ("World", "live"): CONSTANT,
    ("Documents", "_live"): CONSTANT,
    ("Documents", "_living"): "where something may live by the running clock; whoever looks in vain finds nothing",
    ("World", "_rate_limits"): CONSTANT,
    ("World", "_taken_over"): "a version only rises; a reset and a restored snapshot raise it",
    ("Clock", "_epoch"): CONSTANT,
    ("Clock", "_machine"): CONSTANT,
    ("Clock", "_wall"): CONSTANT,
    ("Clock", "_live"): CONSTANT,
    ("Clock", "_initially"): CONSTANT,
    ("Clock", "_since"): "the machine's clock at the last change; what has passed since is in `now` and `added`",
    ("Settings", "initial"): CONSTANT,
    ("Faults", "seed"): CONSTANT,
    ("Faults", "revision"): "only rises; tells whoever keeps the faults that they are other ones",
    ("Faults", "about_to_count"): KEPT_BY,
    ("Guests", "ran"): "which commands were run is in no snapshot, and that of a new world",
    ("Guests", "locks"): "who works in which sandbox at the moment",
    ("Guests", "_guard"): "a lock",
    ("Guests", "revision"): "only rises; tells whoever keeps the scripts that they are other ones",
    ("Guests", "outlasting"): KEPT_BY,
    ("Guests", "overtaken"): KEPT_BY,
    ("Kept", "most"): CONSTANT,
    ("Journal", "most"): CONSTANT,
    ("Kept", "note"): KEPT_BY,
    ("Kept", "_guard"): "a lock",
    ("Kept", "_coming"): "files that are being frozen, for which a snapshot waits",
    ("Guests", "_variables"): "they may be secrets, so no snapshot has them",
    ("Guests", "machines"): "who is awake at the moment; a snapshot has the files of all, and no processes",
    ("Journal", "_last"): "the newest entry of the ring, before or after it was put into words",
    ("Journal", "_counts"): "metrics of this process, which begin anew with it and with an empty journal",
    ("Journal", "_counted"): "how far the metrics have got",
    ("Documents", "seeded"): "the seeding stands in the snapshot; all worlds share what is made from it",
    ("Documents", "seeding"): "stands in the snapshot as the recipe",
    ("Documents", "dated"): "follows from the seeding",
    ("Collection", "_index"): WORKED_OUT,
    ("Collection", "_bodies"): WORKED_OUT,
    ("Collection", "_passing"): WORKED_OUT,
    ("Collection", "_everything"): WORKED_OUT,
    ("Collection", "_as_seeded"): WORKED_OUT,
    ("Collection", "answers"): WORKED_OUT,
    ("Collection", "_shared"): "whether a copy reads along",
    ("Collection", "version"): "only rises, as that of the world",
    ("Stored", "_body"): "the document as bytes, where it was read from a store",
    ("Overlay", "order"): CONSTANT,
    ("Overlay", "_own"): "whether nobody else holds the ranks",
    ("Overlay", "_references"): WORKED_OUT,
    ("Overlay", "_heads"): "known again from the next instant on",
    ("Ageing", "lifetimes"): CONSTANT,
    ("Ageing", "dues"): CONSTANT,
    ("Ageing", "_stored_dues"): WORKED_OUT,
    ("Ageing", "_passing"): WORKED_OUT,
}
"""What is neither in a snapshot nor taken away by a reset, or need not be the same afterwards; and why."""
SHARED: dict[type, str] = {Seeded: "a pure function of the seeding, and of what the server was started with"}
"""What is not looked into, and why; whether a world has it is still compared."""


# Reflection


def attributes(value: object) -> list[str]:
    """The names of everything that an object of ours has; none for a plain value."""
    if not type(value).__module__.startswith(("fakeserver", __name__)) or type(value) in SHARED:
        return []
    if isinstance(value, tuple):
        return list(getattr(value, "_fields", ()))
    if is_dataclass(value) and value.__hash__ is not None:
        # Frozen, so it has no state; two are compared as values.
        return []
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return list(dict.fromkeys([*slots, *getattr(value, "__dict__", ())]))


def walk(value: object, place: Place = ()) -> Iterator[tuple[type, str, Place, Any]]:
    """Every attribute of ours that can be reached: its class, its name, the place of the instance, and what it has."""
    for name in attributes(value):
        member = getattr(value, name)
        yield type(value), name, place, plain(member)
        if (type(value).__name__, name) not in EXCEPTED:
            yield from walk(member, (*place, name))
    if isinstance(value, dict):
        for name, member in value.items():
            yield from walk(member, (*place, name))
    elif isinstance(value, list | deque) or type(value) is tuple:
        for index, member in enumerate(value):
            yield from walk(member, (*place, index))


def plain(value: object) -> Any:
    """A value for comparison: objects of ours by their class alone, since `walk` looks into them by itself."""
    if attributes(value) or type(value) in SHARED:
        return type(value)
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple | deque | BitMap):
        return [plain(member) for member in value]
    return value


def of_classes(value: Any) -> bool:
    """Whether a value for comparison has nothing but objects that have been looked into by themselves."""
    if isinstance(value, dict):
        return bool(value) and all(map(of_classes, value.values()))
    return isinstance(value, type) and value not in SHARED


def state_of(world: World, app: App) -> Found:
    """All state of a world, once every tenant was asked for and is as of now."""
    for service in app.services.values():
        for name in ("", *service.provider.kinds):
            world.collections(service.provider, name, world.clock.now)
    found: Found = {}
    for kind, name, place, value in walk(world):
        found.setdefault((kind.__name__, name), {})[place] = value
    return found


def defaults(world: World) -> dict[Key, Any]:
    """What a new instance has, where its class says so."""
    kinds = {kind for kind, *_ in walk(world) if is_dataclass(kind)}
    return {(kind.__name__, each.name): each.default for kind in kinds for each in fields(kind)}


# A world in which everything is other than in a new one


def upset(app: App, ns: str) -> World:
    """A world of which every part has been used."""
    world = app.worlds.named(ns)
    change_documents(app, world)
    done(
        admin(
            app,
            "PUT",
            "/settings",
            {"rate_limits": {"prime": "enforced"}, "transitions": "clock", "credentials": "any"},
            ns=ns,
        )
    )
    done(admin(app, "PUT", "/settings", {"switches": {"prime": {"validation_errors": "published"}}}, ns=ns))
    done(admin(app, "PUT", "/clock", {"action": "scale", "factor": 2}, ns=ns))
    done(admin(app, "PUT", "/clock", FREEZE, ns=ns))
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 7_200}, ns=ns))
    match = {"caller": "admin", "query": {"page": "9"}}
    some = {"times": 2, "after": 1, "probability": 0.99, "match": match, "headers": {"Retry-After": "30"}}
    done(admin(app, "POST", "/faults", {**FAULT, **some}, ns=ns))
    done(admin(app, "POST", "/faults", {**FAULT, "provider": "instavm", "headers": {"Retry-After": "30"}}, ns=ns))
    for _ in range(3):
        for slug in SLUGS:
            listing(app, slug, "page=9&limit=3&more=1", ns=ns)
        listing(app, "superserve", suffix="+code=503,times=3", ns=ns)
    for _ in range(2):
        listing(app, "instavm", ns=ns)
    call(app, f"/ns/{ns}/prime/nowhere")
    done(admin(app, "PUT", "/settings", {"scenarios": {"instavm": "many"}}, ns=ns))
    prefix = f"/ns/{ns}" if ns else ""
    call(app, f"{prefix}/instavm/v1/sessions/sandboxes", headers={"x-api-key": "instavm-admin-key"})
    done(admin(app, "PUT", "/settings", {"journal": False}, ns=ns))
    run_commands(app, world)
    return world


def run_commands(app: App, world: World) -> None:
    """Scripts of which one has answered, and a sandbox that has files."""
    said = {"stdout": "a", "stderr": "b", "exit_code": 3, "delay_ms": 1.5, "provider": "prime", "times": 2}
    done(admin(app, "PUT", "/commands", [{"pattern": "make *", **said}, {"pattern": "*test*"}], ns=world.name))
    provider = app.services["prime"].provider
    collection = world.advance(provider)[provider.default_tenant]
    running = next(each["id"] for each in collection.documents() if each["status"] == "RUNNING")
    for text in ("make all", "echo hi > a.txt"):
        world.guests.of("prime", running).run(Order(text), world.clock.now)
    world.guests.put_to_sleep(("prime", running))


def change_documents(app: App, world: World) -> None:
    """Documents stored in front of, between and over the seeded ones, and some removed; another tenant has only new."""
    provider = app.services["dreadnode"].provider
    collection = world.advance(provider)["acme"]
    seeded = [collection.document(FIRST + ordinal) for ordinal in range(8)]
    front = {**seeded[0], "id": "00000000-0000-4000-8000-00000000000a", "created_at": "2026-01-18T11:00:00Z"}
    between = {**seeded[6], "id": "00000000-0000-4000-8000-00000000000b"}
    world.apply(provider, "acme", [Put(front, "somebody"), Put(between, "somebody")])
    world.apply(provider, "acme", [Remove(seeded[5]["id"], 5), Put({**seeded[3], "build_ref": "x"}, "somebody", 3)])
    rows = done(admin(app, "GET", "/documents/superserve/main", ns=world.name))
    done(admin(app, "PUT", "/documents/superserve/main", rows[:1], ns=world.name))
    # This one is gone by the time that the clock then shows.
    paused = {**rows[1], "status": "paused"}
    deleted = Put(paused, "somebody", kept={"auto_delete_seconds": 1})
    world.apply(app.services["superserve"].provider, "main", [deleted])
    world.clock.advance(60 * 1_000_000)
    world.apply(provider, "acme", [Put({**front, "id": "00000000-0000-4000-8000-00000000000c"}, "somebody")])


def unaccounted() -> list[str]:
    """What is missing for each attribute of which something is."""
    app = small_app(size=SIZE, rate_limits=True)
    new = state_of(app.worlds.named("new"), app)
    used = upset(app, "used")
    taken = done(admin(app, "GET", "/snapshot", ns="used"))
    before, usual = state_of(used, app), defaults(used)
    done(admin(app, "PUT", "/snapshot", taken, ns="copy"))
    restored = state_of(app.worlds.named("copy"), app)
    assert done(admin(app, "GET", "/snapshot", ns="copy")) == taken
    unused = state_of(app.worlds._make("used"), app)
    used.reset()
    reset = state_of(used, app)
    missing = []
    for key in sorted({*new, *before, *restored, *unused, *reset} - EXCEPTED.keys()):
        name = ".".join(key)
        there = new.get(key, {})

        def is_as_new(place: Place, value: Any, there: dict[Place, Any] = there, key: Key = key) -> bool:
            known = [there[place]] if place in there else [*there.values()]
            return value in [*known, usual.get(key, MISSING)] and not of_classes(value)

        if all(is_as_new(place, value) for place, value in before.get(key, {}).items()):
            missing.append(f"{name}: the world of this test has it as a new one has")
        if restored.get(key) != before.get(key):
            missing.append(f"{name}: a snapshot does not bring it back")
        if reset.get(key) != unused.get(key):
            missing.append(f"{name}: a reset does not take it away")
    missing += [f"{'.'.join(key)}: is excepted, but not there" for key in EXCEPTED if key not in before]
    return missing


def test_all_state_is_in_the_snapshot_and_reset() -> None:
    assert unaccounted() == []


# That it would be noticed


CLASSES = (World, Clock, Faults, Limits, Journal, Documents, Guests, Collection, Overlay, Ageing)


def given_more(monkeypatch: pytest.MonkeyPatch, kind: type[Any], make: Callable[[], Any]) -> None:
    """Give every new instance of a class one more attribute."""
    begin = kind.__init__

    def init(self: Any, *arguments: Any, **more: Any) -> None:
        begin(self, *arguments, **more)
        self.more = make()

    monkeypatch.setattr(kind, "__init__", init)


@pytest.mark.parametrize("kind", CLASSES)
def test_an_attribute_that_nothing_here_changes_is_noticed(monkeypatch: pytest.MonkeyPatch, kind: type[Any]) -> None:
    given_more(monkeypatch, kind, dict)
    assert unaccounted() == [f"{kind.__name__}.more: the world of this test has it as a new one has"]


@pytest.mark.parametrize("kind", CLASSES)
def test_an_attribute_that_is_in_no_snapshot_is_noticed(monkeypatch: pytest.MonkeyPatch, kind: type[Any]) -> None:
    """Here, each instance has something else in it."""
    given_more(monkeypatch, kind, count().__next__)
    assert f"{kind.__name__}.more: a snapshot does not bring it back" in unaccounted()


def test_an_attribute_that_no_reset_takes_away_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a world has beside its parts stays there."""
    given_more(monkeypatch, World, list)
    forward = World.apply

    def apply(self: Any, *arguments: Any) -> None:
        forward(self, *arguments)
        self.more.append(arguments)

    monkeypatch.setattr(World, "apply", apply)
    assert "World.more: a reset does not take it away" in unaccounted()


@dataclass(slots=True)
class MoreSettings(Settings):
    more: int = 0


@dataclass(slots=True)
class MoreRule(FaultRule):
    more: int = 0


@dataclass(slots=True)
class MoreEntry(Entry):
    more: int = 0


@pytest.mark.parametrize(
    ("place", "name", "kind"),
    [(worlds, "Settings", MoreSettings), (bodies, "FaultRule", MoreRule), (entries, "Entry", MoreEntry)],
    ids=["Settings", "FaultRule", "Entry"],
)
def test_a_field_that_nothing_here_changes_is_noticed(
    monkeypatch: pytest.MonkeyPatch, place: Any, name: str, kind: type[Any]
) -> None:
    monkeypatch.setattr(place, name, kind)
    assert f"{kind.__name__}.more: the world of this test has it as a new one has" in unaccounted()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("clock", "Clock"),
        ("settings", "Settings"),
        ("faults", "Faults"),
        ("limits", "Limits"),
        ("journal", "Journal"),
        ("documents", "Overlay"),
        ("guests", "Kept"),
    ],
)
def test_a_part_that_is_not_among_the_parts_is_noticed(monkeypatch: pytest.MonkeyPatch, name: str, kind: str) -> None:
    """It is then neither in the snapshot nor reset."""
    every = World.parts.fget  # type: ignore[attr-defined]
    fewer = property(lambda self: {each: part for each, part in every(self).items() if each != name})
    monkeypatch.setattr(World, "parts", fewer)
    missing = unaccounted()
    for wrong in ("a snapshot does not bring it back", "a reset does not take it away"):
        assert any(line.startswith(f"{kind}.") and line.endswith(wrong) for line in missing), wrong


def test_a_member_that_is_not_written_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    dump = Faults.dump
    monkeypatch.setattr(Faults, "dump", lambda self: {**dump(self), "wishes": {}})
    assert unaccounted() == ["Faults.counters: a snapshot does not bring it back"]


def test_an_exception_for_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXCEPTED, ("Clock", "_moon"), CONSTANT)
    assert unaccounted() == ["Clock._moon: is excepted, but not there"]


# What follows from it


def test_a_restored_world_stores_the_next_document_where_the_first_one_would() -> None:
    """A cursor has the rank of its row in it, and the pages of both are the same byte for byte."""
    app = small_app(size=SIZE, rate_limits=True)
    provider = app.services["dreadnode"].provider
    upset(app, "used")
    done(admin(app, "PUT", "/snapshot", done(admin(app, "GET", "/snapshot", ns="used")), ns="copy"))
    pages = []
    for ns in ("used", "copy"):
        world = app.worlds.named(ns)
        newest = next(iter(world.advance(provider)["acme"].documents()))
        next_one = {**newest, "id": "00000000-0000-4000-8000-00000000000d"}
        world.apply(provider, "acme", [Put(next_one, "somebody")])
        found = [listing(app, "dreadnode", f"limit={limit}", ns=ns) for limit in range(1, 6)]
        pages.append([(page.status, page.body) for page in found])
    assert pages[0] == pages[1]


@pytest.mark.parametrize("limited", [True, False])
def test_a_restored_world_is_touched_when_the_first_one_was(limited: bool) -> None:
    """Whatever this server was started with, and whatever requests left behind."""
    app = small_app(size=SIZE, rate_limits=limited)
    listing(app, "prime", ns="asked")
    upset(app, "used")
    for ns, touched in (("asked", False), ("used", True)):
        done(admin(app, "PUT", "/snapshot", done(admin(app, "GET", "/snapshot", ns=ns)), ns=ns))
        world = app.worlds.named(ns)
        assert world.touched == touched, ns
        world.reset()
        assert not world.touched


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/settings", {"journal": False}),
        ("/clock", FREEZE),
        ("/faults", FAULT),
        ("/documents/prime/research", []),
    ],
)
def test_each_part_that_somebody_changes_makes_its_world_touched(path: str, body: Any) -> None:
    app = small_app(size=SIZE)
    done(admin(app, "POST" if path == "/faults" else "PUT", path, body, ns="a"))
    assert app.worlds.named("a").touched
