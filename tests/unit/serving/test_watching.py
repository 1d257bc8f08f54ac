"""`serve --watch`: what changed is served, what was written stays, and what is broken is told in one line."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakeserver.interpreter.orders import Order
from fakeserver.providers import PROVIDERS
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.serving.reloading import change_over, load_anew
from fakeserver.serving.watching import Watcher
from tests.support.admin import admin, done, listing
from tests.support.asgi import EPOCH, PATHS, ROOT, main_tenant, rows
from tests.support.command import Served, serving

SECONDS = 20.0
PRIME = "/documents/prime/main"


class Watched:
    """A server whose recipes are in a folder, and what is said while it is watched."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.app = create_app(Settings(size=40, epoch=EPOCH, fixtures=folder, **more))
        self.watcher = Watcher(self.app, self.lines.append)
        self.edits = 0

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        """Change a file; its time of change is another one even where two edits come in one tick of the file system."""
        path = self.folder / name
        path.write_text(change(path.read_text("utf-8")), "utf-8")
        self.edits += 1
        os.utime(path, ns=(self.edits * 10**9,) * 2)

    def look(self) -> list[str]:
        """Two looks, which saw the same; what was said."""
        before = len(self.lines)
        for _ in range(2):
            asyncio.run(self.watcher.look())
        return self.lines[before:]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    for name in ("prime.yaml", "superserve.yaml"):
        shutil.copy(ROOT / "fixtures" / name, tmp_path)
    return Watched(tmp_path)


def names(app: App, slug: str = "prime") -> list[str]:
    return [each["name"] for each in main_tenant(app, slug).documents()]


def rename(text: str) -> str:
    """A recipe with another credential, and with a pin more."""
    return text.replace("prime-member-key:", "sk-mine:")


def test_a_recipe_is_followed(watched: Watched) -> None:
    """The next request finds the new callers; of the providers that did not change, nothing is made anew."""
    before = watched.app.services
    assert watched.look() == []
    watched.edit("prime.yaml", rename)
    assert watched.look() == ["reloaded prime"]
    assert watched.look() == []
    assert "sk-mine" in watched.app.services["prime"].fixture.callers
    assert {slug for slug, old in before.items() if watched.app.services[slug] is not old} == {"prime"}
    assert done(admin(watched.app, "GET", "/health"))["status"] == "ok"
    watched.edit("superserve.yaml", lambda text: text + "\n# a remark\n")
    assert watched.look() == []
    (watched.folder / "prime.yaml").unlink()
    assert watched.look() == ["reloaded prime"]
    assert "prime-member-key" in watched.app.services["prime"].fixture.callers


@pytest.mark.parametrize("ns", ["", "mine"])
def test_what_was_written_is_kept(watched: Watched, ns: str) -> None:
    """Documents over seeded ones and in their place, scripts with their counts, clock, settings and journal."""
    app = watched.app
    seeded = done(admin(app, "GET", PRIME, ns=ns))
    new = {**seeded[0], "id": "sbxmine", "name": "mine"}
    done(admin(app, "POST", PRIME, [new], ns=ns))
    done(admin(app, "PATCH", PRIME, [{**seeded[3], "name": "other"}], ns=ns))
    done(admin(app, "PUT", "/documents/superserve/main", [], ns=ns))
    done(
        admin(
            app, "POST", "/faults", {"provider": "prime", "operation": "listSandboxes", "code": 503, "times": 2}, ns=ns
        )
    )
    done(admin(app, "PUT", "/clock", {"action": "freeze", "instant": "2026-02-01T00:00:00Z"}, ns=ns))
    done(admin(app, "PUT", "/settings", {"rate_limits": {"prime": "off"}}, ns=ns))
    assert listing(app, "prime", ns=ns).status == 503
    calls = (
        PRIME,
        "/documents/prime/research",
        "/documents/superserve/main",
        "/faults",
        "/clock",
        "/settings",
        "/requests",
    )
    before = [done(admin(app, "GET", call, ns=ns)) for call in calls]
    watched.edit("prime.yaml", rename)
    watched.edit("superserve.yaml", lambda text: text.replace("superserve-member-key:", "ss-mine:"))
    assert watched.look() == ["reloaded prime, superserve"]
    assert [done(admin(app, "GET", call, ns=ns)) for call in calls] == before
    assert [listing(app, "prime", ns=ns).status for _ in range(2)] == [503, 200]
    assert rows("prime", listing(app, "prime", "per_page=100", ns=ns))[:1] == [done(admin(app, "GET", PRIME, ns=ns))[0]]
    snapshot = done(admin(app, "GET", "/snapshot", ns=ns))
    done(admin(app, "POST", "/reset", ns=ns))
    assert {each["name"] for each in done(admin(app, "GET", PRIME, ns=ns))} >= {each["name"] for each in seeded[5:9]}
    done(admin(app, "PUT", "/snapshot", snapshot, ns=ns))
    assert [done(admin(app, "GET", call, ns=ns)) for call in calls[:3]] == before[:3]


def test_files_stay_with_the_sandboxes_that_are_there(watched: Watched) -> None:
    """Those of a sandbox that the new recipe lacks are gone, as what was scripted is not."""
    app = watched.app
    running = next(each for each in done(admin(app, "GET", PRIME)) if each["status"] == "RUNNING")
    done(admin(app, "POST", PRIME, [{**running, "id": "sbxmine", "name": "mine"}]))
    done(admin(app, "PUT", "/commands", [{"pattern": "pytest*", "exit_code": 1}]))
    for identity in ("sbxmine", "sbxgone"):
        app.world.guests.of("prime", identity).run(Order("echo hi > a.txt"), app.world.clock.now)
    watched.edit("prime.yaml", rename)
    assert watched.look() == ["reloaded prime"]
    assert app.world.guests.held("prime") == ["sbxmine"]
    assert admin(app, "GET", "/files/prime/sbxmine?path=/root/a.txt").body == b"hi\n"
    assert [each["pattern"] for each in done(admin(app, "GET", "/commands"))["scripts"]] == ["pytest*"]


def test_seeded_documents_follow_the_recipe(watched: Watched) -> None:
    """They are those of the new recipe, with what was stored and removed in their midst."""
    app = watched.app
    documents = done(admin(app, "GET", PRIME))
    done(admin(app, "PATCH", PRIME, [{**documents[-1], "name": "mine"}]))
    main_tenant(app, "prime").remove(main_tenant(app, "prime").everything[1:2])
    watched.edit("prime.yaml", lambda text: text.replace("value: RUNNING", "value: PAUSED"))
    assert watched.look() == ["reloaded prime"]
    found = done(admin(app, "GET", PRIME))
    assert [each["id"] for each in found] == [each["id"] for each in documents if each is not documents[1]]
    assert found[-1]["name"] == "mine"
    seeded = [each["status"] for each in documents[:-1]], [each["status"] for each in found[:-1]]
    assert "RUNNING" in seeded[0]
    assert seeded[1].count("PAUSED") > seeded[0].count("PAUSED")


def test_what_is_broken_is_told_once(watched: Watched) -> None:
    """With file, place and cause; what is served stays, and follows when the file is mended."""
    before = watched.app.services
    watched.edit("superserve.yaml", lambda text: text.replace("superserve-member-key:", "ss-mine:"))
    watched.edit("prime.yaml", lambda text: text.replace("home: main", "home: mian"))
    (line,) = watched.look()
    assert line.startswith(f"not reloaded, the old one is served on: {watched.folder / 'prime.yaml'}: callers.")
    assert "home: 'mian' does not exist; did you mean 'main'?" in line
    assert watched.look() == []
    assert watched.app.services is before
    assert listing(watched.app, "prime").status == 200
    watched.edit("prime.yaml", lambda text: "callers: [")
    (line,) = watched.look()
    assert str(watched.folder / "prime.yaml") in line
    watched.edit("prime.yaml", lambda text: rename((ROOT / "fixtures" / "prime.yaml").read_text("utf-8")))
    assert watched.look() == ["reloaded prime, superserve"]


def test_what_is_mended_is_told(watched: Watched) -> None:
    """A file that is again as it was before is served as it is, and what was last said is no longer so."""
    text = (watched.folder / "prime.yaml").read_text("utf-8")
    watched.edit("prime.yaml", lambda _: "callers: 7")
    assert len(watched.look()) == 1
    watched.edit("prime.yaml", lambda _: text)
    assert watched.look() == ["mended, and as it is served"]
    assert watched.look() == []


def test_a_live_clock_follows_the_new_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due is that of the new documents; a recipe with more of them than can age is not served."""
    shutil.copy(ROOT / "fixtures" / "dreadnode.yaml", tmp_path)
    watched = Watched(tmp_path, live=True)
    main_tenant(watched.app, "dreadnode")
    watched.edit("dreadnode.yaml", lambda text: text.replace("share: 15", "share: 80"))
    assert watched.look() == ["reloaded dreadnode"]
    fresh = create_app(Settings(size=40, epoch=EPOCH, fixtures=tmp_path, live=True))
    for app in (watched.app, fresh):
        done(admin(app, "PUT", "/clock", {"action": "freeze"}))
        done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 432_000}))
    for query in ("limit=100", "state=paused&limit=100", "state=killed&limit=100"):
        assert (
            listing(watched.app, "dreadnode", query).value["items"] == listing(fresh, "dreadnode", query).value["items"]
        )
    monkeypatch.setattr("fakeserver.worlds.documents.MAX_LIVE", 1)
    watched.edit("dreadnode.yaml", lambda text: text.replace("share: 80", "share: 70"))
    (line,) = watched.look()
    assert line.startswith("not reloaded, the old one is served on: dreadnode has ")
    assert listing(watched.app, "dreadnode").status == 200


def test_a_file_that_is_being_written_is_not_read(watched: Watched) -> None:
    """A look that sees another change waits for the next."""
    watched.edit("prime.yaml", lambda text: "callers: [")
    asyncio.run(watched.watcher.look())
    watched.edit("prime.yaml", lambda text: rename((ROOT / "fixtures" / "prime.yaml").read_text("utf-8")))
    asyncio.run(watched.watcher.look())
    assert watched.lines == []
    assert watched.look() == ["reloaded prime"]


def test_what_no_longer_fits_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document, a script and a switch that the new spec or table does not know are gone, each with a line."""
    spec = tmp_path / "prime.yaml"
    shutil.copy(ROOT / "openapi" / "prime.yaml", spec)
    old = PROVIDERS["prime"]
    monkeypatch.setitem(PROVIDERS.loaded, "prime", replace(old, spec=spec))
    app = create_app(Settings(size=20, epoch=EPOCH, only=("prime",)))
    one = done(admin(app, "GET", PRIME))[0]
    more = [
        {**one, "id": f"sbx{number}", "name": name} for number, name in enumerate(["fits", "fits not", "neither does"])
    ]
    done(admin(app, "PUT", PRIME, more))
    for code in (402, 503):
        done(admin(app, "POST", "/faults", {"provider": "prime", "operation": "listSandboxes", "code": code}))
    name = next(name for name in old.switches if len(old.switches[name]) > 1)
    done(admin(app, "PUT", "/settings", {"switches": {"prime": {name: old.switches[name][-1]}}}))

    head, row, rest = spec.read_text("utf-8").partition("    SandboxResponse:\n")
    named = "        name:\n          type: string\n"
    assert named in rest
    text = head + row + rest.replace(named, f"{named}          pattern: '^[a-z0-9.-]+$'\n", 1)
    first, _, rest = text.partition("        '402':")
    spec.write_text(first + rest[rest.index("        '4") :], "utf-8")
    switches = {**old.switches, name: old.switches[name][:1]}
    monkeypatch.setitem(PROVIDERS.loaded, "prime", replace(old, spec=spec, switches=switches))
    lines = change_over(app, load_anew(app, [spec]))

    assert [each["name"] for each in done(admin(app, "GET", PRIME))] == ["fits"]
    assert [each["code"] for each in done(admin(app, "GET", "/faults"))["faults"]] == [503]
    assert done(admin(app, "GET", "/settings"))["switches"]["prime"][name] == old.switches[name][0]
    assert len(lines) == 3
    assert lines[0].startswith("2 of prime main no longer fit and are gone, the first is sbx1: name ")
    assert lines[1] == f"the switch {name} of prime can no longer be {old.switches[name][-1]!r}"
    assert lines[2].startswith("fault-1 of prime no longer fits and is gone: code: listSandboxes documents no 402")


# As a process


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def said(served: Served) -> list[str]:
    lines = served.stderr.read_text("utf-8").splitlines()
    return [line for line in lines if line.startswith("fakeserver: ")]


@pytest.mark.slow
def test_a_plugin_under_an_open_connection(tmp_path: Path) -> None:
    """The table and the spec of an installed package are followed, also if they were broken at the start; a connection
    that is open stays open, and what was put is there."""
    place = tmp_path / "place"
    package = place / "provider_e2b"
    shutil.copytree(ROOT / "examples" / "provider-e2b" / "provider_e2b", package)
    known = place / "provider_e2b-1.0.dist-info"
    known.mkdir()
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: provider-e2b\nVersion: 1.0\n")
    (known / "entry_points.txt").write_text("[fakeserver.providers]\ne2b = provider_e2b:PROVIDER\n")
    module, spec = package / "__init__.py", package / "openapi.yaml"
    source = module.read_text("utf-8")
    module.write_text("import nothing_of_this_name\n", "utf-8")
    path = f"{os.environ.get('PYTHONPATH', '')}{os.pathsep}{place}".strip(os.pathsep)
    with (
        serving(tmp_path, "--size", "20", "--watch", PYTHONPATH=path) as served,
        httpx.Client(trust_env=False, headers={"X-API-Key": "e2b-admin-key"}) as client,
    ):
        url = f"{served.base_url}/e2b/v2/sandboxes"
        connections: set[int] = set()
        assert client.get(url).status_code == 404
        module.write_text(source, "utf-8")
        wait_for(lambda: client.get(url).status_code == 200)

        def ask() -> httpx.Response:
            answer = client.get(url)
            connections.add(answer.extensions["network_stream"].get_extra_info("socket").fileno())
            return answer

        mine = {**ask().json()[0], "sandboxID": "imine", "envdVersion": "9.9.9"}
        documents = f"{served.base_url}/__admin/documents/e2b/main"
        assert httpx.put(documents, json=[mine], trust_env=False).status_code == 204

        module.write_text(source.replace('"message": problem.detail', '"message": "other: " + problem.detail'), "utf-8")
        wait_for(lambda: client.get(f"{url}?limit=0").json()["message"].startswith("other: "))
        assert ask().json() == [mine]

        module.write_text(source.replace("def errors(", "def errors(("), "utf-8")
        wait_for(lambda: len(said(served)) == 3)
        line = said(served)[2]
        assert line.startswith(
            "fakeserver: not reloaded, the old one is served on: provider 'e2b' of package 'provider-e2b'"
        )
        assert "SyntaxError: " in line
        assert "__init__.py, line " in line
        assert ask().json() == [mine]

        module.write_text(source, "utf-8")
        spec.write_text(spec.read_text("utf-8").replace(": 100\n", ": 99\n"), "utf-8")
        wait_for(lambda: client.get(f"{url}?limit=100").status_code == 400)
        assert said(served)[3:] == ["fakeserver: reloaded e2b"]
        assert ask().json() == [mine]
        assert client.get(f"{served.base_url}/prime{PATHS['prime']}").status_code == 401
        assert len(connections) == 1
