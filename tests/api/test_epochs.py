"""A world's epoch is the wall clock when the world comes into being, and worlds share what does not depend on it."""

from __future__ import annotations

from typing import Any

import pytest

from fakeserver.documents import seeded
from fakeserver.documents.seeded import Seeded
from fakeserver.instants import at, instant
from fakeserver.serving.app import App, Settings, create_app
from tests.api.test_clock import PRIME
from tests.support.admin import FREEZE, SECOND, Machine, admin, done, listing, small_app
from tests.support.asgi import EPOCH, FACETS, SLUGS, app_of, call, credential, services

SIZE = 60
HOUR = 3_600 * SECOND


class Wall:
    """The machine's wall clock, which stands still until a test moves it."""

    def __init__(self) -> None:
        self.instant = EPOCH + 123_456

    def time_ns(self) -> int:
        return self.instant * 1_000


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    wall = Wall()
    monkeypatch.setattr("fakeserver.serving.app.time", wall)
    return wall


def unpinned(**more: Any) -> App:
    return create_app(Settings(size=SIZE, rate_limits=False, **more), services())


def epoch_of(app: App, ns: str = "") -> int:
    return instant(done(admin(app, "GET", "/health", ns=ns))["epoch"])


def look(app: App, ns: str = "") -> list[bytes]:
    """What clients see of every provider: lists, pages behind cursors, filters and facets."""
    prefix = f"/ns/{ns}" if ns else ""
    seen = [listing(app, slug, ns=ns).body for slug in SLUGS]
    seen += [listing(app, slug, query, ns=ns).body for slug, query in QUERIES]
    cursor = listing(app, "dreadnode", "limit=5", ns=ns).value["next_cursor"]
    # Each world signs its own cursors.
    page = listing(app, "dreadnode", f"limit=5&cursor={cursor}", ns=ns).body
    seen.append(page.partition(b'"next_cursor"')[0])
    seen.append(call(app, f"{prefix}/dreadnode{FACETS}", headers=credential("dreadnode")).body)
    return seen


QUERIES = [
    ("dreadnode", "state=running"),
    ("instavm", "limit=3"),
    ("prime", "status=RUNNING&per_page=3&page=2"),
    ("superserve", "status=active&limit=3&offset=2"),
]


def test_the_epoch_is_when_the_world_comes_into_being(wall: Wall) -> None:
    """Exactly, for the root and for each namespace; each look at a world later leaves it."""
    app = unpinned()
    started = wall.instant
    wall.instant += 5 * HOUR + 654_321
    assert (epoch_of(app), epoch_of(app, "a")) == (started, wall.instant)
    born = wall.instant
    wall.instant += HOUR
    assert (epoch_of(app), epoch_of(app, "a"), epoch_of(app, "b")) == (started, born, wall.instant)


def test_a_pinned_epoch_is_that_of_every_world(wall: Wall) -> None:
    app = small_app(size=SIZE)
    wall.instant += HOUR
    assert epoch_of(app) == epoch_of(app, "a") == EPOCH
    assert look(app) == look(app, "a")


@pytest.mark.parametrize("later", [1, 5 * 3_600, -40, 400 * 86_400])
def test_a_later_world_is_that_of_a_server_started_then(wall: Wall, later: int) -> None:
    """Byte for byte, whichever epoch the documents were drawn at, and whether that world was asked first or last."""
    app = unpinned()
    early = look(app)
    wall.instant += later * SECOND
    expected = look(app_of(size=SIZE, epoch=wall.instant))
    assert look(app, "test") == look(app, "test") == expected
    assert expected != early == look(app)
    fresh = unpinned()
    wall.instant -= later * SECOND
    assert look(fresh, "back") == early


def test_a_later_world_ages_as_that_of_a_server_started_then(wall: Wall) -> None:
    app = unpinned()
    look(app)
    wall.instant += 5 * HOUR
    other = app_of(size=SIZE, epoch=wall.instant)
    for server, ns in ((app, "test"), (other, "")):
        done(admin(server, "PUT", "/clock", FREEZE | {"instant": at(wall.instant)}, ns=ns))
        done(admin(server, "PUT", "/clock", {"action": "advance", "seconds": 2 * 86_400}, ns=ns))
    for slug in SLUGS:
        assert listing(app, slug, ns="test").body == listing(other, slug).body


@pytest.mark.parametrize("call_before", [None, ("POST", "/reset", None), ("PUT", "/clock", {"action": "reset"})])
@pytest.mark.parametrize("waited", [0, 0.000001, 0.4, 7, 5_000])
def test_a_document_dated_now_ends_when_its_time_is_over(
    wall: Wall, monkeypatch: pytest.MonkeyPatch, waited: float, call_before: Any
) -> None:
    """However long the server runs, however long ago the world came into being, and after a reset: a minute is one."""
    machine = Machine()
    monkeypatch.setattr("fakeserver.worlds.clock.time", machine)
    app = unpinned()
    wall.instant += 5 * HOUR + 999_999
    machine.wait(5 * 3_600 + 0.999999)
    epoch_of(app, "test")
    wall.instant += round(waited * SECOND)
    machine.wait(waited)
    if call_before is not None:
        done(admin(app, call_before[0], call_before[1], call_before[2], ns="test"))
    assert not app.worlds.named("test").touched
    present = at(wall.instant)
    times = {"createdAt": present, "updatedAt": present, "startedAt": present}
    row = {**PRIME, **times, "status": "RUNNING", "timeoutMinutes": 1}
    done(admin(app, "PUT", "/documents/prime/main", [row], ns="test"))
    seen = []
    for seconds in (0, 59.999999, 0.000001):
        done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": seconds}, ns="test"))
        seen.append([each["status"] for each in listing(app, "prime", ns="test").value["sandboxes"]])
    assert seen == [["RUNNING"], ["RUNNING"], ["TERMINATED"]]


def test_reset_and_snapshot_keep_the_epoch(wall: Wall) -> None:
    """A reset leads back to the world's own; a restored snapshot has that of the snapshot, until a reset."""
    app = unpinned()
    wall.instant += HOUR
    born, before = wall.instant, look(app, "a")
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 5}, ns="a"))
    taken = done(admin(app, "GET", "/snapshot", ns="a"))
    aged = look(app, "a")
    wall.instant += HOUR
    done(admin(app, "POST", "/reset", ns="a"))
    assert (epoch_of(app, "a"), look(app, "a")) == (born, before)
    own = epoch_of(app, "b")
    assert own == wall.instant
    others = look(app, "b")
    done(admin(app, "PUT", "/snapshot", taken, ns="b"))
    assert (epoch_of(app, "b"), look(app, "b")) == (born, aged)
    assert app.worlds.named("b").touched
    done(admin(app, "POST", "/reset", ns="b"))
    assert (epoch_of(app, "b"), look(app, "b")) == (own, others)
    assert not app.worlds.named("b").touched


def test_what_was_stored_looks_the_same_in_a_restored_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that passed by itself before the last move counts for stored documents, there as well."""
    machine = Machine()
    monkeypatch.setattr("fakeserver.worlds.clock.time", machine)
    app = small_app(size=SIZE)
    rows = [each for each in done(admin(app, "GET", "/documents/dreadnode/acme")) if each["state"] == "running"]
    machine.wait(100)
    done(admin(app, "PUT", "/documents/dreadnode/acme", rows))
    machine.wait(100)
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 60}))
    machine.wait(1_000)
    seen = look(app)
    older = listing(app, "dreadnode").value["items"][0]["total_runtime_seconds"]
    assert older == rows[0]["total_runtime_seconds"] + 260
    done(admin(app, "PUT", "/snapshot", done(admin(app, "GET", "/snapshot")), ns="copy"))
    machine.wait(1_000)
    done(admin(app, "PUT", "/snapshot", done(admin(app, "GET", "/snapshot", ns="copy"))))
    assert look(app) == seen


def test_worlds_share_what_is_drawn(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once two worlds were looked at, another one at another epoch draws no document."""
    app = unpinned()
    look(app)
    wall.instant += HOUR
    look(app, "first")
    monkeypatch.setattr(Seeded, "_draw", lambda *_: pytest.fail("a document was drawn again"))
    wall.instant += HOUR
    assert all(look(app, "second"))


def test_worlds_share_the_room_for_bodies(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many worlds are looked at, no more bodies are kept than one may have."""
    app = unpinned()
    expected = look(app)
    room = 2 * SIZE
    monkeypatch.setattr(seeded, "MAX_CACHED_BODIES", room)
    for hour in range(20):
        wall.instant += HOUR
        assert look(app, f"w{hour}") != expected
    sources = [source for tenants in app.seeded._sources.values() for source in tenants.values()]
    assert all(source._at_others._count <= room for source in sources)
    assert any(source._at_others._count for source in sources)
    assert look(app) == expected


def test_a_cursor_does_not_outlive_its_world(wall: Wall) -> None:
    """In a namespace that comes into being again its rows have other dates, and a place among the old ones is none."""
    app = small_app(epoch=None)
    first = listing(app, "dreadnode", "limit=5", ns="k").value
    done(admin(app, "DELETE", "/namespaces/k"))
    wall.instant += 3 * SECOND
    assert listing(app, "dreadnode", f"limit=5&cursor={first['next_cursor']}", ns="k").status == 400
