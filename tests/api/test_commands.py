"""Commands and files from outside: what is scripted, what ran, what files there are, and when they die."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from fakeserver.admin import files as shown_files
from fakeserver.admin.responses import respond_lists
from fakeserver.documents.changes import ChangeError, Put, Remove
from fakeserver.interpreter.orders import Order
from fakeserver.listing.meaning import Write
from fakeserver.serving.app import App
from tests.support import superserve
from tests.support.admin import admin, arrive, done, refused, small_app
from tests.support.asgi import PATHS, Reply, call, credential, get, ids, rows
from tests.support.superserve import advance, ask, freeze

PYTEST = {"pattern": "pytest*", "stdout": "1 failed", "exit_code": 1}
USUAL = {"stdout": "", "stderr": "", "exit_code": 0, "delay_ms": 0, "provider": None, "times": None, "hits": 0}


@pytest.fixture
def app() -> App:
    """A server whose clock stands still."""
    server = small_app()
    freeze(server)
    return server


def create(app: App) -> str:
    """The id of a new sandbox of Superserve."""
    return superserve.create(app).rpartition("/")[2]


def run(app: App, text: str, identity: str, slug: str = "superserve", ns: str = "") -> str:
    """What a command prints that is run in a sandbox."""
    world = app.worlds.known(ns) if ns else app.world
    assert world is not None
    return world.guests.of(slug, identity).run(Order(text), world.clock.now).stdout.decode()


def files(app: App, identity: str, path: str = "/root", slug: str = "superserve", ns: str = "") -> Reply:
    return admin(app, "GET", f"/files/{slug}/{identity}?path={quote(path, safe='')}", ns=ns)


def names(app: App, identity: str, slug: str = "superserve") -> list[str]:
    return [entry["name"] for entry in done(files(app, identity, slug=slug))["entries"]]


# Scripts


def test_scripts_are_put_added_shown_and_taken_away(app: App) -> None:
    done(admin(app, "PUT", "/commands", [PYTEST, {"pattern": "git *"}]))
    added = admin(app, "POST", "/commands", {"pattern": "make *", "provider": "prime", "times": 2, "delay_ms": 0.5})
    assert (added.status, added.value) == (
        201,
        {**USUAL, "pattern": "make *", "provider": "prime", "times": 2, "delay_ms": 0.5},
    )
    run(app, "pytest -q", create(app))
    shown = done(admin(app, "GET", "/commands"))["scripts"]
    assert shown == [added.value, {**USUAL, **PYTEST, "hits": 1}, {**USUAL, "pattern": "git *"}]
    assert admin(app, "PUT", "/commands", [PYTEST]).status == 204
    assert done(admin(app, "GET", "/commands"))["scripts"] == [{**USUAL, **PYTEST}]
    assert admin(app, "DELETE", "/commands").status == 204
    shown = done(admin(app, "GET", "/commands"))
    assert (shown["scripts"], [each["command"] for each in shown["commands"]]) == ([], ["pytest -q"])


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(
    ("script", "field", "words"),
    [
        ({}, "pattern", "required"),
        ({"patern": "a"}, "patern", "did you mean 'pattern'"),
        ({"pattern": "a", "exit_cod": 1}, "exit_cod", "did you mean 'exit_code'"),
        ({"pattern": ""}, "pattern", "at least 1 character"),
        ({"pattern": "a", "exit_code": 256}, "exit_code", "less than or equal to 255"),
        ({"pattern": "a", "exit_code": "1"}, "exit_code", "integer"),
        ({"pattern": "a", "delay_ms": -1}, "delay_ms", "greater than or equal to 0"),
        ({"pattern": "a", "times": 0}, "times", "greater than or equal to 1"),
        ({"pattern": "a", "stdout": ["x"]}, "stdout", "string"),
        ({"pattern": "a", "provider": "prim"}, "provider", "did you mean 'prime'"),
        ("pytest", "", "valid dictionary"),
    ],
)
def test_a_script_that_is_wrong_is_refused_by_its_field(
    app: App, method: str, script: Any, field: str, words: str
) -> None:
    """And nothing has changed."""
    done(admin(app, "PUT", "/commands", [PYTEST]))
    body = [{"pattern": "b"}, script] if method == "PUT" else script
    place = (f"1.{field}" if field else "1") if method == "PUT" else field or "body"
    assert words in refused(admin(app, method, "/commands", body), 422, place)["detail"]
    assert done(admin(app, "GET", "/commands"))["scripts"] == [{**USUAL, **PYTEST}]


@pytest.mark.parametrize("body", [{"pattern": "a"}, "a", None, [{"pattern": "a"}] * 1_001])
def test_scripts_that_are_no_list_or_too_long_a_one_are_refused(app: App, body: Any) -> None:
    refused(admin(app, "PUT", "/commands", b"null" if body is None else body), 422, "body")


@pytest.mark.parametrize(
    ("method", "body", "told"),
    [
        ("PUT", {"pattern": "a"}, "Input should be a valid list, of all scripts; POST adds one"),
        ("POST", [{"pattern": "a"}], "Input should be a valid dictionary, one script; PUT takes a list"),
    ],
)
def test_who_sends_one_script_for_many_is_told_of_the_other_call(app: App, method: str, body: Any, told: str) -> None:
    """And the other way round."""
    assert refused(admin(app, method, "/commands", body), 422, "body")["detail"] == f"body: {told}"


def test_a_null_says_no_more_than_nothing(app: App) -> None:
    done(admin(app, "POST", "/commands", {**dict.fromkeys(USUAL.keys() - {"hits"}), "pattern": "a"}))
    assert done(admin(app, "GET", "/commands"))["scripts"] == [{**USUAL, "pattern": "a"}]


def test_commands_are_of_one_world(app: App) -> None:
    """A namespace has scripts, files and commands of its own; a reset forgets them all."""
    identity = ids("prime", rows("prime", get(app, "prime", "status=RUNNING")))[0]
    done(admin(app, "PUT", "/commands", [PYTEST], ns="a"))
    assert run(app, "pytest", identity, "prime", "a") == "1 failed"
    run(app, "echo hi > a.txt", identity, "prime", "a")
    assert done(admin(app, "GET", "/commands")) == {"scripts": [], "commands": []}
    assert names(app, identity, "prime") == []
    assert len(done(admin(app, "GET", "/commands", ns="a"))["commands"]) == 2
    assert {"name": "a", "touched": True} in done(admin(app, "GET", "/namespaces"))["namespaces"]
    done(admin(app, "POST", "/reset", ns="a"))
    assert done(admin(app, "GET", "/commands", ns="a")) == {"scripts": [], "commands": []}
    refused(files(app, identity, "/root/a.txt", "prime", "a"), 404, "path")


def test_the_journal_knows_nothing_of_commands(app: App) -> None:
    """What was run is told by one call alone."""
    identity = create(app)
    run(app, "export TOKEN=hunter2; echo $TOKEN", identity)
    assert b"hunter2" not in admin(app, "GET", "/requests").body
    assert b"hunter2" in admin(app, "GET", "/commands").body


@pytest.mark.parametrize(("method", "path"), [("GET", "/commands"), ("PUT", "/commands"), ("GET", "/files/prime/a")])
def test_nobody_else_may_look(app: App, method: str, path: str) -> None:
    refused(arrive(app, f"/__admin{path}", client="10.1.2.3", method=method), 403, None)


# Files


def test_a_directory_is_shown_as_rows_and_a_file_as_its_bytes(app: App) -> None:
    identity = create(app)
    run(app, "mkdir b; printf '\\0\\377' > 'a ü?.bin'; chmod 640 a*; ln -s /etc/passwd l", identity)
    shown = done(files(app, identity))
    assert (shown["path"], shown["total"]) == ("/root", 3)
    assert [{name: each[name] for name in ("name", "kind", "size", "mode", "target")} for each in shown["entries"]] == [
        {"name": "a ü?.bin", "kind": "file", "size": 2, "mode": "640", "target": None},
        {"name": "b", "kind": "directory", "size": 0, "mode": "755", "target": None},
        {"name": "l", "kind": "symlink", "size": 11, "mode": "777", "target": "/etc/passwd"},
    ]
    reply = files(app, identity, "/root/a ü?.bin")
    assert (reply.status, reply.media_type, reply.body) == (200, "application/octet-stream", b"\0\xff")
    assert files(app, identity, "/root/l").body == files(app, identity, "/etc/passwd").body


def test_without_a_path_the_root_is_shown(app: App) -> None:
    shown = done(admin(app, "GET", f"/files/superserve/{create(app)}"))
    assert (shown["path"], {"root", "tmp"} <= {each["name"] for each in shown["entries"]}) == ("/", True)


@pytest.mark.parametrize("path", ["../../../../etc/passwd", "/root/../../etc/passwd", "//etc//passwd", "etc/passwd"])
def test_every_path_begins_at_the_root_of_the_sandbox(app: App, path: str) -> None:
    shown = files(app, create(app), path)
    assert (shown.status, b"nobody:x:" in shown.body) == (200, True)
    with open("/etc/passwd", "rb") as ours:
        assert shown.body != ours.read()


@pytest.mark.parametrize(
    "path",
    ["/root/nothing", "/root/a.txt/b", "/loop", "/dangling", "/root/\0", "x" * 4_096, "/proc/self/environ", "/%"],
)
def test_what_is_not_there_is_a_404(app: App, path: str) -> None:
    identity = create(app)
    run(app, "echo hi > a.txt; ln -s /loop /loop; ln -s /none /dangling", identity)
    refused(files(app, identity, path), 404, "path")


def test_a_path_that_is_too_long_is_refused(app: App) -> None:
    refused(files(app, create(app), "x" * 4_097), 422, "path")


def test_a_file_that_is_too_long_is_not_shown(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_files, "MAX_BYTES", 3)
    identity = create(app)
    run(app, "printf abc > a; printf abcd > b", identity)
    assert files(app, identity, "/root/a").body == b"abc"
    refused(files(app, identity, "/root/b"), 413, "path")
    # What has no length of its own is cut.
    assert files(app, identity, "/dev/zero").body == b"\0\0\0"


def test_of_a_large_directory_the_first_names_are_shown(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_files, "MAX_ENTRIES", 2)
    identity = create(app)
    run(app, "touch c b a", identity)
    shown = done(files(app, identity))
    assert ([each["name"] for each in shown["entries"]], shown["total"]) == (["a", "b"], 3)


@pytest.mark.parametrize(
    ("slug", "identity", "field"), [("prim", "a", "slug"), ("prime", "nobody", "id"), ("instavm", "x" * 9_000, "id")]
)
def test_files_of_nobody_are_a_404(app: App, slug: str, identity: str, field: str) -> None:
    refused(admin(app, "GET", f"/files/{slug}/{identity}"), 404, field)


@pytest.mark.parametrize("slug", [*PATHS])
def test_every_seeded_sandbox_that_has_not_ended_has_files(app: App, slug: str) -> None:
    """And whoever looks at them changes nothing."""
    machine = app.services[slug].provider.machine
    assert machine is not None
    tenant = app.services[slug].provider.default_tenant
    for row in done(admin(app, "GET", f"/documents/{slug}/{tenant}")):
        (identity,) = ids(slug, [row])
        reply = files(app, identity, "/", slug)
        assert reply.status == (404 if row[machine.field] in machine.ended else 200), row
    assert not app.world.guests.changed


@pytest.mark.usefixtures("bare")
def test_without_the_interpreter_no_files_are_shown(app: App) -> None:
    told = refused(admin(app, "GET", f"/files/superserve/{create(app)}"), 501, None)["detail"]
    assert "the extra `commands`" in told


# Their life


def test_files_survive_pause_and_resume(app: App) -> None:
    identity = create(app)
    run(app, "echo hi > a.txt", identity)
    for event in ("pause", "resume"):
        assert ask(app, "POST", f"/sandboxes/{identity}/{event}").status < 300
        assert names(app, identity) == ["a.txt"]


def test_files_are_in_snapshots(app: App) -> None:
    """And in a snapshot that is put back somewhere else."""
    identity = create(app)
    run(app, "echo hi > a.txt", identity)
    taken = done(admin(app, "GET", "/snapshot"))
    run(app, "echo more > b.txt", identity)
    for ns in ("", "copy"):
        done(admin(app, "PUT", "/snapshot", taken, ns=ns))
        assert files(app, identity, "/root/a.txt", ns=ns).body == b"hi\n"
        refused(files(app, identity, "/root/b.txt", ns=ns), 404, "path")


def delete(app: App, identity: str) -> None:
    assert ask(app, "DELETE", f"/sandboxes/{identity}").status == 204


def put_others(app: App, identity: str) -> None:
    done(admin(app, "PUT", "/documents/superserve/main", []))


def fail(app: App, identity: str) -> None:
    (row,) = (each for each in done(admin(app, "GET", "/documents/superserve/main")) if each["id"] == identity)
    done(admin(app, "PATCH", "/documents/superserve/main", [{**row, "status": "failed"}]))


def pass_time(app: App, identity: str) -> None:
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 10**8}))


def bring_back(app: App, identity: str) -> None:
    """Another document with the same id, of another life."""
    done(admin(app, "POST", "/documents/superserve/main", [{**ROW, "id": identity}]))


ROW = {
    "name": "mine",
    "status": "active",
    "created_at": "2026-01-18T10:30:00Z",
    "metadata": {},
    "vcpu_count": 1,
    "memory_mib": 1024,
}


@pytest.mark.parametrize("end", [delete, put_others, fail], ids=lambda end: end.__name__)
def test_files_die_with_the_sandbox(app: App, end: Callable[[App, str], None]) -> None:
    """However it ends; the next one with its id begins without them."""
    identity = create(app)
    run(app, "echo hi > a.txt", identity)
    other = create(app)
    run(app, "echo hi > a.txt", other)
    end(app, identity)
    refused(files(app, identity), 404, "id")
    assert not app.world.guests.holds("superserve", identity)
    assert app.world.guests.holds("superserve", other) == (end is not put_others)


def test_files_die_with_the_time_of_the_sandbox(app: App) -> None:
    """Whether the clock is moved or runs; a snapshot has them no more."""
    made = call(
        app,
        "/prime/api/v1/sandbox",
        method="POST",
        headers={**credential("prime"), "content-type": "application/json"},
        body=b'{"name": "mine", "docker_image": "python:3.11-slim", "timeout_minutes": 5}',
    )
    assert made.status == 201, made.body
    identity = made.value["id"]
    run(app, "echo hi > a.txt", identity, "prime")
    advance(app, 60)
    assert names(app, identity, "prime") == ["a.txt"]
    app.world.clock.advance(600 * 1_000_000)
    refused(files(app, identity, slug="prime"), 404, "id")
    assert app.world.guests.holds("prime", identity)
    assert done(admin(app, "GET", "/snapshot"))["guests"]["files"] == {}
    assert not app.world.guests.holds("prime", identity)


def test_a_move_of_the_clock_that_ends_a_sandbox_takes_its_files(app: App) -> None:
    """They do not come back with an earlier instant."""
    identity = ids("prime", rows("prime", get(app, "prime", "status=RUNNING")))[0]
    run(app, "echo hi > a.txt", identity, "prime")
    advance(app, 10**8)
    assert not app.world.guests.holds("prime", identity)


def test_many_are_deleted_at_once(app: App) -> None:
    found = ids("prime", rows("prime", get(app, "prime", "status=RUNNING&per_page=3")))
    for identity in found:
        run(app, "echo hi > a.txt", identity, "prime")
    body = str({"sandbox_ids": found[:2]}).replace("'", '"').encode()
    headers = {**credential("prime"), "content-type": "application/json"}
    assert call(app, "/prime/api/v1/sandbox", method="DELETE", headers=headers, body=body).status == 200
    assert app.world.guests.held("prime") == found[2:]


@pytest.mark.parametrize("how", ["move", "copy"])
def test_what_follows_from_a_write_comes_before_what_died_by_it(app: App, how: str) -> None:
    """A document that takes the place of another may take over its files."""
    identity, new = create(app), "00000000-0000-4000-8000-00000000000a"
    run(app, "echo hi > a.txt", identity)
    provider, guest = app.services["superserve"].provider, app.world.guests.of("superserve", identity)
    changes = (Remove(identity), Put({**ROW, "id": new}, "user_admin"))
    app.world.write(provider, [Write("main", changes)], app.world.clock.now, [lambda: getattr(guest, how)(new)])
    assert names(app, new) == ["a.txt"]
    assert app.world.guests.held("superserve") == [new]


def test_a_write_that_cannot_be_made_has_no_consequences(app: App) -> None:
    identity = create(app)
    run(app, "echo hi > a.txt", identity)
    provider, guest = app.services["superserve"].provider, app.world.guests.of("superserve", identity)
    with pytest.raises(ChangeError):
        app.world.write(provider, [Write("main", (Remove("nobody"),))], app.world.clock.now, [guest.forget])
    assert names(app, identity) == ["a.txt"]


def test_the_list_of_scripts_is_written_row_by_row(app: App) -> None:
    """However long it is, others are answered in between: as many as there are rows."""
    done(admin(app, "PUT", "/commands", [{"pattern": "a", "stdout": "x" * 1_000}] * 9))
    rows = app.world.guests.rows()

    async def main() -> tuple[int, bytes]:
        turns, task = 0, asyncio.ensure_future(respond_lists(scripts=rows, commands=[]))
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        return turns, bytes(task.result().body)

    turns, body = asyncio.run(main())
    assert turns >= len(rows)
    assert json.loads(body) == {"scripts": rows, "commands": []}
