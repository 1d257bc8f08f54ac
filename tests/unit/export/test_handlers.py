"""Handlers for the browser: what the server answers, byte for byte, from a provider's table and a small engine."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import shutil
import sys
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from fakeserver.cli import main
from fakeserver.export import handlers
from fakeserver.export.source import Source
from fakeserver.export.table import Table
from fakeserver.export.unexportable import Unexportable
from fakeserver.faults.scenarios import SCENARIOS
from fakeserver.instants import instant
from fakeserver.pipeline.service import Service
from fakeserver.problems import Problem
from fakeserver.provider import Equal, Listing, Provider, Within
from fakeserver.recipes import fixture
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.spec import reader
from fakeserver.worlds.documents import Seeding
from tests.support.asgi import EPOCH, ROOT, SLUGS, Row, app_of, call
from tests.support.bundling import bundle, needs_esbuild, run
from tests.support.vectors import COMPARED, FOLDER, HOST, SIZE, Pinned, asker, source_of

READING, LIVES = 1_300, 700
"""Vectors of each provider: those that change nothing, and those of lives."""
MOST_BUNDLE_BYTES = 30_000
"""Of a page's bundle without data, as gzip writes it."""
NODE = Path(__file__).with_name("node")
MOST_COMPILED = 20_000
"""Bytes of a scenario that the compiler is shown."""
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


@pytest.fixture(scope="module")
def compiled(apps: dict[str, App], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exports of all providers, compiled at once with `tsc --strict`. Of large scenarios, which differ from small
    ones by their text alone, the compiler sees none: megabytes of it would take a minute."""
    folder = tmp_path_factory.mktemp("handlers")
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    (folder / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
    sources: list[str] = []
    large: dict[str, bytes] = {}
    for slug, app in apps.items():
        for name, content in handlers.export(source_of(app, slug)).files.items():
            path = folder / "ts" / slug / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.startswith("scenarios/") and len(content) > MOST_COMPILED:
                large[f"{slug}/{name}"] = content
                content = content[: content.index(b"{\n")] + b"{};\n"
            path.write_bytes(content)
            sources.append(str(path))
        path.with_name("typed.ts").write_text(typed(app, slug), encoding="utf-8")
        sources.append(str(path.with_name("typed.ts")))
    run(folder, "node", "node_modules/typescript/bin/tsc", *OPTIONS, "--rootDir", "ts", "--outDir", "js", *sources)
    for name, content in large.items():
        plain = re.sub(rb"^import type .*\n|: Scene(?= = )", b"", content, flags=re.MULTILINE)
        (folder / "js" / name).with_suffix(".js").write_bytes(plain)
    for name in ("vectors.mjs", "differences.js"):
        shutil.copy(NODE / name, folder)
    return folder


def typed(app: App, slug: str) -> str:
    """A module that says of some documents that they are of the type of the list's rows."""
    tenants = app.world.advance(app.services[slug].provider)
    rows = [row for each in tenants.values() for row in islice(each.documents(), 5)]
    said = "".join(f"  {json.dumps(row)},\n" for row in rows)
    kind = "ListSandboxesRow"
    return f'import type {{ {kind} }} from "./types.js";\n\nexport const rows: {kind}[] = [\n{said}];\n'


def differences(compiled: Path, slug: str, vectors: list[Row]) -> Any:
    """What the handlers answer otherwise."""
    file = compiled / f"{slug}.json"
    base = f"http://{HOST}/{slug}"
    asked = {"base": base, "epoch": EPOCH // 1_000, "compared": COMPARED, "vectors": vectors}
    file.write_text(json.dumps(asked), encoding="utf-8")
    found = json.loads(run(compiled, "node", "vectors.mjs", file.name, str(compiled / "js" / slug)))
    assert found["asked"] == len(vectors)
    return found["wrong"]


@pytest.mark.slow
@needs_npm
@pytest.mark.parametrize("slug", [*SLUGS, "e2b"])
def test_handlers_answer_as_the_server(compiled: Path, apps: dict[str, App], slug: str) -> None:
    """Status, bytes and headers of two thousand requests: filters, pages, cursors, facets, orders, callers, bad input,
    wrong methods and paths, scenarios, failures that are asked for, and lives from their creation to their end."""
    ask = asker(apps[slug], slug, seed=1)
    reading = ask.vectors(READING)
    assert len({each["status"] for each in reading}) >= 5
    assert sum(each["status"] == 200 for each in reading) >= READING / 10
    shown = {each["sent"].get("x-fakeserver-scenario") for each in reading}
    assert shown >= {*SCENARIOS} - {"slow"}
    if slug in ("dreadnode", "e2b"):
        name = {"dreadnode": "cursor=", "e2b": "nextToken="}[slug]
        assert sum(name in each["target"] and each["status"] == 200 for each in reading) >= READING / 50
    lives = ask.lives(LIVES) if ask.calls else []
    assert not ask.calls or {200, 404, 422 if slug != "superserve" else 400} <= {each["status"] for each in lives}
    assert differences(compiled, slug, reading + lives) == []


@pytest.mark.soak
@needs_npm
@pytest.mark.parametrize("seed", range(2, 6))
@pytest.mark.parametrize("slug", SLUGS)
def test_handlers_answer_as_the_server_under_other_seeds(
    compiled: Path, apps: dict[str, App], slug: str, seed: int
) -> None:
    ask = asker(apps[slug], slug, seed=seed)
    assert differences(compiled, slug, ask.vectors(3 * READING) + ask.lives(3 * LIVES)) == []


@pytest.mark.slow
@needs_npm
@pytest.mark.parametrize("slug", SLUGS)
def test_handlers_answer_the_committed_vectors(compiled: Path, slug: str) -> None:
    """Among them is a whole life: created, listed, paused, listed, ended, listed, on a pinned clock."""
    vectors = json.loads((FOLDER / f"{slug}.json").read_text(encoding="utf-8"))
    assert len(vectors) == 100
    life = [each for each in vectors if each.get("world")]
    assert all(each["status"] < 300 for each in life if each["method"] == "POST" and each is not life[-2])
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
    world, app, now = -1, app_of(size=SIZE), None
    for each in json.loads((FOLDER / f"{slug}.json").read_text(encoding="utf-8")):
        if each.get("world", 0) != world:
            world, app = each.get("world", 0), app_of(size=SIZE)
            now = Pinned(app.world)
        assert now is not None
        now.milliseconds = each.get("at", 0)
        content, headers = each.get("content", "").encode(), {"host": HOST, **each["headers"]}
        reply = call(app, f"/{slug}{each['target']}", method=each["method"], headers=headers, body=content)
        sent = {name: reply.headers[name] for name in COMPARED if name in reply.headers}
        assert (reply.status, sent, reply.body.decode()) == (each["status"], each["sent"], each["body"]), each["target"]


@pytest.mark.slow
@needs_esbuild
@pytest.mark.parametrize("slug", SLUGS)
def test_the_bundle_is_small(compiled: Path, slug: str) -> None:
    """Everything that a page loads beside MSW and data, calls and bodies included, as bundlers make it small. Data are
    documents, scenarios, the table and the constants of functions."""
    source, out = compiled / "small" / slug, compiled / "bundle" / slug
    shutil.copytree(compiled / "js" / slug, source, ignore=shutil.ignore_patterns("scenarios"))
    for name in handlers.CONTENTS:
        names = re.findall(r"^export const (\w+)", (source / f"{name}.js").read_text(encoding="utf-8"), re.MULTILINE)
        (source / f"{name}.js").write_text(f"export let {', '.join(names)};\n", encoding="utf-8")
    bundle(compiled, source / "handlers.js", out, "--external:msw")
    (found,) = out.iterdir()
    size = len(gzip.compress(found.read_bytes(), 9))
    print(f"{slug}: {size:,} bytes of gzip")
    assert size <= MOST_BUNDLE_BYTES


@pytest.mark.slow
@needs_npm
def test_the_example_of_the_page_runs(compiled: Path) -> None:
    """The page's example, compiled and run beside the export that it imports."""
    page = (ROOT / "docs" / "frontend.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```ts\n// (\w+\.ts)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in examples] == ["server.ts", "handlers.ts"]
    for name, text in examples:
        (compiled / "ts" / name).write_text(text, encoding="utf-8")
    files = [f"ts/{name}" for name, _ in examples]
    tsc = (compiled / "node_modules" / "typescript" / "bin" / "tsc").as_posix()
    run(compiled, "node", tsc, *OPTIONS, "--types", "node", "--rootDir", "ts", "--outDir", "js", *files)
    said = run(compiled, "node", "js/handlers.js").splitlines()
    assert said == ["200 RUNNING RUNNING", "429 1", "0 1", "PENDING true"]
    said = run(compiled, sys.executable, "-m", "fakeserver", "run", "prime", "--", "node", "js/server.js").splitlines()
    assert said[-1:] == ["PENDING true"]


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


@pytest.mark.slow
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
    assert "listSandboxes: parameter 'status': it calls str.upper" in decoded.left_out


def test_what_would_answer_otherwise_stops_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and dialects of a kind that the engine does not know are one line, and nothing is written."""

    class Sideways:
        parameters: frozenset[str] = frozenset()

    service = app_of(size=5).services["prime"]
    listing = service.provider.operations["listSandboxes"]
    assert isinstance(listing, Listing)
    pages = dataclasses.replace(listing.pages)
    object.__setattr__(pages, "position", Sideways())
    table = changed_listing("prime", pages=pages)
    with pytest.raises(Unexportable, match="the engine knows no position of the kind Sideways"):
        table.describe()

    def errors(problem: Problem, switches: Any) -> tuple[int, Row]:
        return 400, {"first": locals()}

    provider = dataclasses.replace(service.provider, errors=errors)
    source = Source(Service(provider, service.spec, service.fixture, service.routes), Seeding(0, 5, EPOCH))
    with pytest.raises(Unexportable, match=r"errors: it calls locals"):
        Table(source).describe()
    describe = Table.describe
    monkeypatch.setattr("fakeserver.export.handlers.Table.describe", lambda self: describe(Table(source)))
    err = StringIO()
    assert main(["export", "prime", "--format", "msw", "--out", str(tmp_path / "out")], StringIO(), err) == 2
    assert err.getvalue().count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_what_is_left_out_is_listed(slug: str) -> None:
    """Every operation of the provider is exported or listed."""
    app = app_of(size=30)
    table = Table(source_of(app, slug))
    exported = table.describe()["operations"]
    listed = "\n".join(table.left_out)
    for route in app.services[slug].routes:
        operation = route.operation
        assert (operation.id in exported) != (f"{operation.method} {operation.path}:" in listed)
    again = Table(source_of(app_of(size=30), slug))
    assert (again.describe()["operations"], again.module()) == (exported, table.module())


@pytest.mark.slow
def test_an_export_comes_out_the_same() -> None:
    """Every file of it, byte for byte, and it says of which epoch it is."""
    made, again = (handlers.export(source_of(app_of(size=30), "superserve")) for _ in range(2))
    assert (made.about, made.files) == (again.about, again.files)
    assert instant(made.about["epoch"]) == EPOCH
