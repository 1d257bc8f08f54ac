"""The journal as it grows: which events a stream tells, in which order, and when it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import httpx
import pytest

from fakeserver.admin import following
from fakeserver.admin.following import look_on
from fakeserver.serving.app import App
from tests.support.admin import admin, done, listing, refused, small_app
from tests.support.asgi import app_of
from tests.support.server import serving

SECONDS = 20


def told(news: bytes) -> list[tuple[str, Any]]:
    """The events of a look, as their kind and value."""
    found = []
    for part in news.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in part.splitlines())
        found.append((fields.get("event", "message"), json.loads(fields["data"])))
    return found


def numbers(news: bytes) -> list[int]:
    return [value["id"] for kind, value in told(news) if kind == "message"]


@pytest.fixture
def app() -> App:
    return small_app(size=20)


def test_each_look_tells_what_is_new(app: App) -> None:
    """Oldest first, each entry once, as the journal has it, and nothing where nothing happened."""
    listing(app, "prime")
    looks = look_on(app.world, None)
    assert next(looks) == b""
    listing(app, "prime", "page=2")
    listing(app, "superserve", "nothing=1")
    news = next(looks)
    assert numbers(news) == [2, 3]
    assert [value for _, value in told(news)] == done(admin(app, "GET", "/requests?limit=2"))["requests"][::-1]
    assert next(looks) == b""


def test_a_look_back(app: App) -> None:
    """From behind an entry's number on; who knows a number that is still to come has missed that the journal was
    emptied, and is told."""
    for _ in range(3):
        listing(app, "prime")
    assert numbers(next(look_on(app.world, 1))) == [2, 3]
    assert numbers(next(look_on(app.world, 0))) == [1, 2, 3]
    looks = look_on(app.world, 99)
    assert told(next(looks)) == [("emptied", {})]
    assert numbers(next(looks)) == [1, 2, 3]


@pytest.mark.parametrize("how", ["DELETE", "reset", "restore"])
def test_an_emptied_journal_is_told(app: App, how: str) -> None:
    """And what is in it after that, although its numbers begin anew."""
    for _ in range(3):
        listing(app, "prime")
    taken = admin(app, "GET", "/snapshot").body
    looks = look_on(app.world, None)
    next(looks)
    if how == "DELETE":
        done(admin(app, "DELETE", "/requests"))
    elif how == "reset":
        done(admin(app, "POST", "/reset"))
    else:
        done(admin(app, "PUT", "/snapshot", taken))
    for _ in range(4):
        listing(app, "instavm")
    assert told(next(looks)) == [("emptied", {})]
    before = [1, 2, 3] if how == "restore" else []
    assert numbers(next(looks)) == [*before, *range(len(before) + 1, len(before) + 5)]


def test_of_a_crowd_the_newest_are_told(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """With how many there were beside them, so that no look takes long."""
    monkeypatch.setattr(following, "MAX_TOLD", 2)
    looks = look_on(app.world, None)
    next(looks)
    for _ in range(5):
        listing(app, "prime")
    news = next(looks)
    assert told(news)[0] == ("skipped", {"count": 3})
    assert numbers(news) == [4, 5]


def test_what_made_room_unseen_is_among_those_that_were_skipped(app: App) -> None:
    """In the journal of a store some have had numbers that nobody has seen."""
    journal = app.world.journal
    listing(app, "prime")
    looks = look_on(app.world, None)
    next(looks)
    listing(app, "prime")
    journal.newest(2)[0].number = 7
    journal.total = 7
    assert told(next(looks))[0] == ("skipped", {"count": 5})
    listing(app, "prime")
    assert numbers(next(looks)) == [8]


def events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


@pytest.mark.slow
def test_a_stream_tells_requests_as_they_arrive() -> None:
    """Over a real connection, in a namespace; Last-Event-ID goes on where another stream broke off; it ends with the
    namespace."""
    with serving(app_of(size=20)) as live, httpx.Client(trust_env=False, timeout=SECONDS) as client:
        base = f"{live.root}/ns/a"
        client.get(f"{base}/prime/one")
        client.get(f"{base}/prime/two")
        headers = {"Last-Event-ID": "1"}
        with client.stream("GET", f"{base}/__admin/requests/live", headers=headers) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
            assert response.headers["cache-control"] == "no-store"
            found = events(response)
            assert next(found)["path"] == "/prime/two"
            client.get(f"{live.root}/prime/elsewhere")
            client.get(f"{base}/prime/three")
            assert next(found)["path"] == "/prime/three"
            client.delete(f"{live.root}/__admin/namespaces/a")
            assert [*found] == []


@pytest.mark.slow
def test_streams_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is refused, and one that has ended counts no longer."""
    monkeypatch.setattr(following, "MAX_FOLLOWERS", 1)
    monkeypatch.setattr(following, "QUIET_LOOKS", 1)
    with serving(app_of(size=20)) as live, httpx.Client(trust_env=False, timeout=SECONDS) as client:
        url = f"{live.root}/__admin/requests/live"
        with client.stream("GET", url) as response:
            # Who lets go of the lines lets go of the stream.
            lines = response.iter_lines()
            next(lines)
            with client.stream("GET", url) as refusal:
                assert (refusal.status_code, refusal.headers["content-type"]) == (503, "application/problem+json")
        for _ in range(500):
            with client.stream("GET", url) as response:
                if response.status_code == 200:
                    break
        assert response.status_code == 200


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=1e3", "after=9999999999999999999"])
def test_what_is_no_number_is_refused(app: App, query: str) -> None:
    refused(admin(app, "GET", f"/requests/live?{query}"), 422, "after")


def test_only_who_may_call_may_follow(app: App) -> None:
    """The stream has the guard of every other call."""
    for headers in ({"host": "evil.example"}, {"host": "localhost", "origin": "https://evil.example"}):
        assert admin(app, "GET", "/requests/live", headers=headers).status == 403


def test_entries_are_found_by_their_numbers(app: App) -> None:
    for path in ("one", "two", "three"):
        listing(app, "prime", f"x={path}")
    journal = app.world.journal
    found = journal.numbered(2)
    assert found is not None
    assert found.query == "x=two"
    assert journal.numbered(4) is None
    assert [entry.number for entry in islice(journal.newest(2), 5)] == [3, 2]
    assert journal.newest(-1) == []
