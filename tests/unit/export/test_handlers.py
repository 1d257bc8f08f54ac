"""Handlers for the browser: what the server answers, byte for byte, from a provider's table and a small engine."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from fakeserver.cli import main
from fakeserver.export import handlers
from fakeserver.export.dialects import learn
from fakeserver.export.source import Source
from fakeserver.export.table import Table
from fakeserver.export.unexportable import Unexportable
from fakeserver.instants import instant
from fakeserver.pipeline.service import Service
from fakeserver.problems import Problem
from fakeserver.provider import Equal, Listing, Provider, Within
from fakeserver.recipes import fixture
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.spec import reader
from fakeserver.worlds.documents import Seeding
from tests.support.asgi import EPOCH, ROOT, SLUGS, Row, app_of, call
from tests.support.command import environment
from tests.support.vectors import COMPARED, FOLDER, SIZE, asker, small, source_of

COUNT = 2_000
"""Vectors of each provider."""
MOST_ENGINE_BYTES = 30_000
"""Of everything but table and documents, as gzip writes it."""
MOST_SECONDS = 240
NODE = Path(__file__).with_name("node")
OPTIONS = (
    "--strict",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--lib",
    "es2022,dom,dom.iterable",
    "--skipLibCheck",
)

needs_npm = pytest.mark.skipif(
    shutil.which("node") is None or not (ROOT / "node_modules" / "msw").exists(),
    reason="msw is not installed; `make test` installs it where npm is",
)


@pytest.fixture(scope="module")
def e2b() -> Provider:
    """The example, without a place among the providers."""
    place = str(ROOT / "examples" / "provider-e2b")
    sys.path.insert(0, place)
    try:
        from provider_e2b import PROVIDER
    finally:
        sys.path.remove(place)
    found: Provider = PROVIDER
    return found


def serve(provider: Provider, contract: reader.Spec | None = None) -> App:
    """A server of this provider alone, which is found under its slug as any other is."""
    contract = contract or reader.load(provider.spec, provider.operations)
    service = Service(provider, contract, fixture.load(provider, contract, fixture.load_vocabularies()))
    settings = Settings(size=SIZE, epoch=EPOCH, rate_limits=False)
    return create_app(settings, {provider.slug: service})


@pytest.fixture(scope="module")
def apps(e2b: Provider) -> dict[str, App]:
    app = app_of(size=SIZE)
    return {**dict.fromkeys(SLUGS, app), "e2b": serve(e2b)}


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, encoding="utf-8",
        timeout=MOST_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
    return done.stdout


@pytest.fixture(scope="module")
def compiled(apps: dict[str, App], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exports of all providers, compiled at once with `tsc --strict`."""
    folder = tmp_path_factory.mktemp("handlers")
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    (folder / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
    sources: list[str] = []
    for slug, app in apps.items():
        for name, content in handlers.export(source_of(app, slug)).files.items():
            path = folder / "ts" / slug / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            sources.append(str(path))
    run(folder, "node", "node_modules/typescript/bin/tsc", *OPTIONS, "--rootDir", "ts", "--outDir", "js", *sources)
    shutil.copy(NODE / "vectors.mjs", folder)
    return folder


def differences(compiled: Path, slug: str, vectors: list[Row]) -> Any:
    """What the handlers answer otherwise."""
    file = compiled / f"{slug}.json"
    asked = {"base": f"http://127.0.0.1:8000/{slug}", "compared": COMPARED, "vectors": vectors}
    file.write_text(json.dumps(asked), encoding="utf-8")
    found = json.loads(run(compiled, "node", "vectors.mjs", file.name, str(compiled / "js" / slug)))
    assert found["asked"] == len(vectors)
    return found["wrong"]


@pytest.mark.slow
@needs_npm
@pytest.mark.parametrize("slug", [*SLUGS, "e2b"])
def test_handlers_answer_as_the_server(compiled: Path, apps: dict[str, App], slug: str) -> None:
    """Status, bytes and headers of two thousand requests: filters, pages, cursors, facets, orders, callers, bad input,
    wrong methods and paths, and failures that are asked for."""
    vectors = asker(apps[slug], slug, seed=1).vectors(COUNT)
    assert len({each["status"] for each in vectors}) >= 5
    assert sum(each["status"] == 200 for each in vectors) >= COUNT / 10
    if slug in ("dreadnode", "e2b"):
        name = {"dreadnode": "cursor=", "e2b": "nextToken="}[slug]
        assert sum(name in each["target"] and each["status"] == 200 for each in vectors) >= COUNT / 50
    assert differences(compiled, slug, vectors) == []


@pytest.mark.slow
@needs_npm
@pytest.mark.parametrize("slug", SLUGS)
def test_handlers_answer_the_committed_vectors(compiled: Path, slug: str) -> None:
    vectors = json.loads((FOLDER / f"{slug}.json").read_text(encoding="utf-8"))
    assert len(vectors) == 100
    assert differences(compiled, slug, vectors) == []


@pytest.mark.slow
@needs_npm
def test_a_difference_is_found(compiled: Path, apps: dict[str, App]) -> None:
    """The comparison sees another status, body or header."""
    (vector,) = asker(apps["prime"], "prime", seed=2).vectors(1)
    others = [{**vector, "status": 299}, {**vector, "body": "x"}, {**vector, "sent": {**vector["sent"], "allow": "x"}}]
    assert len(differences(compiled, "prime", [vector, *others])) == len(others)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_server_answers_the_committed_vectors(slug: str) -> None:
    """What is committed is what the server answers today; `python -m tests.support.vectors` writes it anew."""
    app = app_of(size=SIZE)
    vectors = json.loads((FOLDER / f"{slug}.json").read_text(encoding="utf-8"))
    for each in vectors:
        reply = call(app, f"/{slug}{each['target']}", method=each["method"], headers=each["headers"])
        sent = {name: reply.headers[name] for name in COMPARED if name in reply.headers}
        assert (reply.status, sent, reply.body.decode()) == (each["status"], each["sent"], each["body"]), each["target"]
    assert small(vectors) == vectors


@pytest.mark.slow
@needs_npm
def test_the_engine_is_small(compiled: Path) -> None:
    """Without table and documents, as it is compiled and before anything makes it smaller."""
    text = b"".join(
        path.read_bytes()
        for path in sorted((compiled / "js" / "prime").iterdir())
        if path.stem not in ("table", "documents")
    )
    size = len(gzip.compress(text))
    print(f"the engine: {size:,} bytes of gzip")
    assert size <= MOST_ENGINE_BYTES


@pytest.mark.slow
@needs_npm
def test_the_example_of_the_page_runs(compiled: Path) -> None:
    """The page's example, compiled and run beside the export that it imports."""
    page = (ROOT / "docs" / "frontend.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```ts\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (compiled / "ts" / "example.ts").write_text(example, encoding="utf-8")
    run(
        compiled,
        "node",
        "node_modules/typescript/bin/tsc",
        *OPTIONS,
        "--rootDir",
        "ts",
        "--outDir",
        "js",
        "ts/example.ts",
    )
    assert run(compiled, "node", "js/example.js").splitlines() == ["200 2", "429 1"]


# One truth


def test_a_filter_of_the_table_is_in_the_export(e2b: Provider) -> None:
    """Somebody adds a parameter to the spec and a filter to the table, and nothing else."""
    listing = e2b.operations["listSandboxes"]
    assert isinstance(listing, Listing)
    before = Table(Source(serve(e2b).services["e2b"], Seeding(0, SIZE, EPOCH))).describe()
    changed = dataclasses.replace(listing, filters=(*listing.filters, Within("template", field="templateID")))
    provider = dataclasses.replace(e2b, operations={**e2b.operations, "listSandboxes": changed})
    contract = reader.load(e2b.spec, e2b.operations)
    operation = contract.operations["listSandboxes"]
    parameter = next(each for each in operation.parameters if each.name == "nextToken")
    parameters = (*operation.parameters, dataclasses.replace(parameter, name="template"))
    contract.operations["listSandboxes"] = dataclasses.replace(operation, parameters=parameters)
    after = Table(Source(serve(provider, contract).services["e2b"], Seeding(0, SIZE, EPOCH))).describe()
    added = {"kind": "within", "parameter": "template", "field": "templateID"}
    assert added not in before["operations"]["listSandboxes"]["filters"]
    assert added in after["operations"]["listSandboxes"]["filters"]
    assert "template" in [each["name"] for each in after["operations"]["listSandboxes"]["inputs"]]


def changed_listing(slug: str, **more: Any) -> Table:
    """The table of a provider whose list is another one, which its spec is not held against."""
    service = app_of(size=5).services[slug]
    listing = service.provider.operations["listSandboxes"]
    assert isinstance(listing, Listing)
    meaning = dataclasses.replace(listing, **more)
    routes = [each for each in service.routes if each.operation.id != "listSandboxes"]
    route = next(each for each in service.routes if each.operation.id == "listSandboxes")
    provider = dataclasses.replace(service.provider, operations={"listSandboxes": meaning})
    other = type(route)(route.operation, meaning, route.decoder)
    return Table(Source(Service(provider, service.spec, service.fixture, [*routes, other]), Seeding(0, 5, EPOCH)))


class Own(Equal):
    """A kind of filter that somebody brings along."""


def test_a_filter_that_the_engine_does_not_know_is_left_out_by_name() -> None:
    """A request that has the parameter is told so, and the export lists it."""
    table = changed_listing("prime", filters=(Own("status", field="status"),))
    operation = table.describe()["operations"]["listSandboxes"]
    assert operation["missing"]["status"]["status"] == 501
    assert "the parameter status of listSandboxes" in operation["missing"]["status"]["body"]
    told = "listSandboxes: parameter 'status': the engine knows no filter of the kind Own"
    assert told in table.left_out
    decoded = changed_listing("prime", filters=(Equal("status", field="status", decode=str.upper),))
    decoded.describe()
    assert (
        "listSandboxes: parameter 'status': its decode, upper, is a function of the provider's own" in decoded.left_out
    )


def test_what_would_answer_otherwise_stops_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and dialects of a kind that the engine does not know are one line, and nothing is written."""

    class Sideways:
        pass

    service = app_of(size=5).services["prime"]
    listing = service.provider.operations["listSandboxes"]
    assert isinstance(listing, Listing)
    pages = dataclasses.replace(listing.pages)
    object.__setattr__(pages, "position", Sideways())
    table = changed_listing("prime", pages=pages)
    with pytest.raises(Unexportable, match="the engine knows no position of the kind Sideways"):
        table.describe()

    def errors(problem: Problem, switches: Any) -> tuple[int, Row]:
        return 400, {"first": problem.issues[0].msg.upper() if problem.issues else "none"}

    provider = dataclasses.replace(service.provider, errors=errors)
    with pytest.raises(Unexportable, match="errors: what the dialect makes of bad input"):
        learn(provider, "listSandboxes", ["status"], {})
    monkeypatch.setattr("fakeserver.export.handlers.Table.describe", lambda self: learn(provider, "x", ["status"], {}))
    err = StringIO()
    assert main(["export", "prime", "--format", "msw", "--out", str(tmp_path / "out")], StringIO(), err) == 2
    assert err.getvalue().count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("slug", SLUGS)
def test_what_is_left_out_is_listed(slug: str) -> None:
    """Every operation of the provider is exported or listed, and an export comes out the same."""
    app = app_of(size=30)
    made = handlers.export(source_of(app, slug))
    listed = "\n".join(made.about["left_out"])
    exported = Table(source_of(app, slug)).describe()["operations"]
    for route in app.services[slug].routes:
        operation = route.operation
        assert (operation.id in exported) != (f"{operation.method} {operation.path}:" in listed)
    again = handlers.export(source_of(app_of(size=30), slug))
    assert (made.about, made.files) == (again.about, again.files)
    assert made.about["epoch"] == "2026-01-18T10:30:00.000000Z"
    assert instant(made.about["epoch"]) == EPOCH
