"""The pages of docs by question, executed; pages that a test module of their own executes are left to that."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import httpx
import pytest
import yaml

from fakeserver.admin import api
from fakeserver.cli import main
from fakeserver.faults.headers import PREFIX
from fakeserver.faults.on_request import NAMES
from fakeserver.faults.scripts import CONNECTION_FAULTS
from fakeserver.instants import SECOND
from fakeserver.serving.app import Settings, create_app
from fakeserver.worlds.documents import MAX_AGEING, MAX_LIVE
from tests.support import command
from tests.support.admin import Machine
from tests.support.asgi import EPOCH, ROOT, ROWS, SPECS, Row, app_of, tenants
from tests.support.command import environment
from tests.support.pages import README, SECONDS, Block, assert_it_did, blocks, page, shell
from tests.support.scripts import load_script
from tests.support.server import Live, serving

DOCS = ROOT / "docs"
SKILL = (ROOT / "skills" / "fakeserver" / "SKILL.md").read_text(encoding="utf-8")
BY_QUESTION = (
    "start", "test-an-application", "errors", "time", "worlds", "teams", "serve", "observe", "check-a-deployment",
    "coming-from", "admin-api", "assumptions", "superserve",
)  # fmt: skip
NEEDS = {
    "prime-sandboxes": "prime_sandboxes",
    "instavm": "instavm",
    "superserve": "superserve",
    "dreadnode": "dreadnode",
    "otel": "opentelemetry.sdk",
}
"""By the note of a block: the module that it needs."""
IN_NODE = {"@superserve/sdk"}
ELSEWHERE = {"--dynamic", "--errors"}
"""Flags of Prism."""
RUN_AS = {"text", "sh", "python", "js", "go", "yaml"}
"""Languages of pages by question. What is `text` is a command that goes on, or that changes what is installed."""


@pytest.fixture(scope="module")
def written() -> ModuleType:
    """What writes the pages that are made of specs."""
    return load_script("pages")


@pytest.fixture
def served() -> Iterator[Live]:
    """A server of this test's own: what pages write, no other test sees."""
    with serving(app_of()) as live:
        yield live


def with_free_ports(script: str) -> str:
    """The script with a free port for each that a server of its own listens at."""
    for port in sorted(set(re.findall(r"\b87\d\d\b", script))):
        with socket.create_server(("127.0.0.1", 0)) as free:
            script = script.replace(port, str(free.getsockname()[1]))
    return script


# What is executed


@pytest.mark.slow
@pytest.mark.parametrize("name", [*BY_QUESTION, "frontend"])
def test_every_shell_example_runs(name: str, served: Live, tmp_path: Path) -> None:
    """From the first to the last in one folder, beside the files that the page has."""
    for block in blocks(page(name), "yaml"):
        (tmp_path / block.note).write_text(block.text, "utf-8")
    for block in blocks(page(name), "sh"):
        # What the README has too is run there, and what a compiler makes in tests/unit/export/test_handlers.py.
        if not block.note and block.text not in README and "dist/" not in block.text:
            assert_it_did(block, shell(with_free_ports(block.text), served.root, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(
    "block", [each for name in BY_QUESTION for each in blocks(page(name), "sh") if each.note], ids=str
)
def test_what_needs_more_runs_where_that_is(block: Block, served: Live, tmp_path: Path) -> None:
    """Those with an SDK, which they name."""
    if block.note in IN_NODE:
        if not (ROOT / "node_modules" / block.note).exists():
            pytest.skip(f"{block.note} is not installed: make test installs it, where npm is")
        (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    elif not is_installed(NEEDS[block.note]):
        pytest.skip(f"{block.note} is not installed")
    assert_it_did(block, shell(with_free_ports(block.text), served.root, tmp_path))


@cache
def is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.slow
def test_the_python_examples_hold(pytester: pytest.Pytester) -> None:
    """Those of pytest and of unittest pass as they stand."""
    with_pytest, with_unittest = blocks(page("test-an-application"), "python")
    (with_an_sdk,) = blocks(page("superserve"), "python")
    paths = [
        pytester.makepyfile(**{f"test_{each}": text})
        for each, text in (("a", with_pytest.text), ("b", with_an_sdk.text))
    ]
    pytester.runpytest_subprocess("-p", "no:cacheprovider", *paths).assert_outcomes(passed=5)
    done = subprocess.run([sys.executable, "-c", with_unittest.text], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    assert "Ran 2 tests" in done.stderr


@pytest.mark.slow
def test_stores_are_as_their_page_says(tmp_path: Path) -> None:
    """Its first command serves; while that goes on, every other one does what is shown, or what it says."""
    start, *others = "".join(each.text for each in blocks(page("stores"), "console")).removeprefix("$ ").split("\n$ ")
    with command.serving(tmp_path, *start.removeprefix("fakeserver serve ").split()) as served:
        world = f"{served.base_url}/ns/my-branch"
        httpx.put(f"{world}/__admin/clock", json={"action": "freeze"}, trust_env=False).raise_for_status()
        with command.serving(tmp_path, "--store", "sqlite:other.db"):
            pass
        for line in others:
            typed, *shown = line.splitlines()
            done = shell(f"{typed} || test $? = 2", "", tmp_path)
            assert done.returncode == 0, (typed, done.stderr)
            assert done.stderr.splitlines() == shown, typed
        state = httpx.get(f"{world}/__admin/snapshot", trust_env=False).json()
    again = shell(
        "fakeserver store export sqlite:other.db --namespace my-branch --out again.json && echo", "", tmp_path
    )
    assert again.returncode == 0, again.stderr
    exported, imported = (json.loads((tmp_path / each).read_text("utf-8")) for each in ("state.json", "again.json"))
    assert exported == imported
    assert exported["clock"] == state["clock"]


@pytest.mark.slow
def test_the_skill_holds(served: Live, tmp_path: Path, pytester: pytest.Pytester) -> None:
    """The file for coding agents: its head has what such a file needs, and what it tells to do can be done."""
    head = yaml.safe_load(SKILL.partition("\n---\n")[0])
    assert (head["name"], {*head}) == ("fakeserver", {"name", "description"})
    assert len(head["description"]) < 1_024
    (script,), (example,) = blocks(SKILL, "sh"), blocks(SKILL, "python")
    assert_it_did(script, shell(script.text, served.root, tmp_path))
    pytester.runpytest_subprocess("-p", "no:cacheprovider", pytester.makepyfile(example.text)).assert_outcomes(passed=1)


@pytest.mark.slow
def test_the_javascript_example_holds(tmp_path: Path) -> None:
    """With vitest, from the files as the page names them."""
    tool = ROOT / "node_modules" / ".bin" / "vitest"
    if shutil.which("node") is None or not tool.exists():
        pytest.skip("vitest is not installed: make test installs it, where npm is")
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    for block in blocks(page("test-an-application"), "js"):
        (tmp_path / block.note).write_text(block.text, "utf-8")
    done = subprocess.run(
        [tool, "run"], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in re.sub(r"\x1b\[\d+m", "", done.stdout)


@pytest.mark.slow
def test_the_go_example_holds(tmp_path: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    (block,) = blocks(page("test-an-application"), "go")
    (tmp_path / block.note).write_text(block.text, "utf-8")
    (tmp_path / "go.mod").write_text("module sandboxes\n", "utf-8")
    done = subprocess.run(
        ["go", "test", "./..."],
        cwd=tmp_path,
        env={**environment(tmp_path), "GOFLAGS": "-mod=mod", "GOPROXY": "off"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("ok")


@pytest.mark.slow
def test_the_ci_step_runs(live: Live, tmp_path: Path) -> None:
    """It exits with 0 on the fake and writes its JUnit file; the README has the same command with nothing left out."""
    (recipe,) = (each for each in blocks(page("check-a-deployment"), "yaml") if each.note == "ci")
    (step,) = yaml.safe_load(recipe.text)

    done = shell(
        step["run"].rstrip() + " --profile polite --min-power 0 --rate 1000",
        live.root,
        tmp_path,
        STAGING_URL=live.base_url("prime"),
        FAKESERVER_TOKEN="prime-admin-key",
    )

    assert set(step["env"]) == {"FAKESERVER_TOKEN"}
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "<testsuite" in (tmp_path / "contract.xml").read_text(encoding="utf-8")


def test_nothing_is_left_to_nobody() -> None:
    """Every page with commands is by question, or is named by a test module of its own; every language is one that is
    run; and what is not run names flags and commands that there are."""
    tests = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    here = Path(__file__).read_text("utf-8")
    for path in DOCS.glob("*.md"):
        fences = blocks(path.read_text("utf-8"), "sh", "python", "js", "ts", "go", "yaml", "yml", "console")
        if path.stem in BY_QUESTION:
            assert {each.language for each in blocks(page(path.stem))} <= RUN_AS, path.name
        elif fences:
            assert f'page("{path.stem}")' in here or any(path.name in text for text in tests), path.name
    shown = "".join(block.text for name in BY_QUESTION for block in blocks(page(name), "text"))
    assert set(re.findall(r"^\w+", shown, re.MULTILINE)) == {"pip", "fakeserver"}


def test_the_flags_are_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Of all commands that pages by question name; and `serve` has no other than its page."""
    helps = {}
    for name in ("serve", "run", "check", "health", "tail", "lint", "env", "new", "export", "providers", "ca"):
        with contextlib.suppress(SystemExit):
            main([name, "--help"], io.StringIO(), io.StringIO())
        helps[name] = capsys.readouterr().out
    for name in BY_QUESTION:
        for flag in set(re.findall(r"(?<![\w-])`(--[a-z-]+)", page(name))) - ELSEWHERE:
            assert any(flag in text for text in helps.values()), (name, flag)
    rows = [line.split("|")[1] for line in page("serve").splitlines() if line.startswith("| `--")]
    flag = re.compile(r"--[a-z][a-z-]+")
    assert {*flag.findall(helps["serve"])} - {"--help"} == {*flag.findall("".join(rows))}


# What is true


def test_the_pages_are_those_that_the_specs_make(written: ModuleType) -> None:
    """`make docs` was run: providers, assumptions, the admin API and llms.txt are as it writes them."""
    for path, text in written.made().items():
        assert path.read_text("utf-8") == text, f"{path.name}: run make docs"


def test_the_made_pages_are_complete() -> None:
    """Every operation of every provider, everything assumed or observed, and every call of the admin API."""
    app = create_app(Settings(size=0))
    for slug, service in app.services.items():
        assert f"| `{slug}` |" in page("providers")
        for operation in service.spec.operations.values():
            assert f"`{operation.method} {operation.path}`" in page("providers")
        text = json.dumps({key: each for key, each in service.spec.document.items() if key != "info"})
        found = page("assumptions").partition(f"`openapi/{slug}.yaml` marks ")[2].split(".")[0]
        assert found == (
            f"{len(re.findall('Assumed:', text))} sentences as assumed and "
            f"{len(re.findall('Observed:', text))} as observed"
        )
    for route in api.Admin(app.services, app.seeded, app.worlds).routes():
        for method in (route.methods or set()) - {"HEAD"}:
            path = re.sub(r":\w+\}", "}", route.path)
            assert f"### {method} {path}\n" in page("admin-api"), (method, path)


LEAVING_OUT: dict[str, tuple[str, Callable[[Row], bool]]] = {
    "dreadnode": (
        "in Dreadnode killed sandboxes without a project",
        lambda row: row["state"] == "killed" and not row.get("project_id"),
    ),
    "instavm": ("in InstaVM suspended ones", lambda row: row["status"] == "suspended"),
    "prime": (
        "in Prime terminated ones without labels",
        lambda row: row["status"] == "TERMINATED" and not row.get("labels"),
    ),
}
"""By provider that sends null: which rows leave fields out all the same, in the words of the page."""


@pytest.mark.slow
@pytest.mark.parametrize("slug", LEAVING_OUT)
def test_the_rows_that_leave_fields_out_are_as_the_page_says(slug: str) -> None:
    """They are some of those that it names and no others, and lack every field that is not required, and no other."""
    words, is_one = LEAVING_OUT[slug]
    spec = SPECS[slug]["components"]["schemas"][ROWS[slug]]
    for seed in range(3):
        rows = [row for tenant in tenants(app_of(seed=seed), slug).values() for row in tenant.documents()]
        whole = set().union(*rows)
        lacking = [row for row in rows if whole - row.keys()]

        assert words in " ".join(page("assumptions").split())
        assert 0 < len(lacking) < sum(map(is_one, rows))
        assert all(map(is_one, lacking))
        assert all(row.keys() == set(spec["required"]) for row in lacking)


def test_the_clock_is_as_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of documents that a clock moves with, and where the clock of a namespace starts."""
    assert f"more than {MAX_AGEING:,} documents" in page("time")
    assert f"at most {MAX_LIVE:,} documents" in page("time")
    monkeypatch.setattr("fakeserver.worlds.clock.time", Machine())
    app = app_of()
    app.world.clock.advance(3_600 * SECOND)

    assert app.worlds.named("fresh").clock.now == app.seeded.seeding.epoch == EPOCH


def test_what_can_be_asked_for_is_listed() -> None:
    """Every name that a request may ask by, and every fault."""
    first = [cell for line in page("errors").splitlines() if line.startswith("| `") for cell in line.split("|")[1:2]]
    listed = {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}
    assert {*NAMES, f"{PREFIX}NAME", *CONNECTION_FAULTS} - {"handling"} <= listed


def test_limits_are_as_the_page_has_them() -> None:
    rows = re.findall(r"^\| `([\w.]+)\.(\w+)` \| ([\d,]+) \|", page("limits"), re.MULTILINE)
    assert len(rows) > 10
    for module, name, number in rows:
        assert getattr(importlib.import_module(module), name) == int(number.replace(",", "")), name


# Links and the site


def anchors(text: str) -> set[str]:
    """The names of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", each.lower())).replace(" ", "-") for each in titles}


@pytest.mark.parametrize(
    "path",
    [*ROOT.glob("*.md"), *DOCS.glob("*.md"), DOCS / "llms.txt", ROOT / "contract_tests" / "README.md"],
    ids=lambda path: path.name,
)
def test_no_link_is_dead(path: Path) -> None:
    """Files and headings that links of this repository lead to are there."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:", target):
            name, _, heading = target.partition("#")
            found = path.parent / name if name else path
            assert found.exists(), target
            assert not heading or heading in anchors(found.read_text("utf-8")), target


@pytest.mark.slow
def test_the_site_is_built_strictly(tmp_path: Path) -> None:
    """Without a warning, with every page in its place; a dead link, or a page that is nowhere, stops it."""
    if not is_installed("mkdocs"):
        pytest.skip("mkdocs is not installed: make test installs it")
    for name in ("docs", ".ci"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    assert build(tmp_path) == (0, [])
    built = {path.name for path in (tmp_path / "site").iterdir()}
    assert {f"{path.stem}.html" for path in DOCS.glob("*.md")} | {path.name for path in DOCS.iterdir()} <= built
    for path in DOCS.glob("*.md"):
        fences = [each for each in blocks(path.read_text("utf-8")) if each.language != "mermaid"]
        html = (tmp_path / "site" / f"{path.stem}.html").read_text("utf-8")
        assert html.count("<pre") == len(fences), path.name
    states = (tmp_path / "site" / "states.html").read_text("utf-8")
    assert "stateDiagram" not in states
    # Nothing is fetched from anywhere else.
    for text in (path.read_text("utf-8") for path in (tmp_path / "site").glob("*.html")):
        assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=\"?https?:(?![^>]*rel=.?canonical)", text)
    (tmp_path / "docs" / "lost.md").write_text("# Lost\n\n[gone](gone.md), [nowhere](start.md#nowhere)\n", "utf-8")
    code, warnings = build(tmp_path)
    assert code == 1
    assert sorted(re.findall(r"gone\.md|#nowhere|lost\.md", "".join(warnings))) != []
    assert len(warnings) == 3, warnings


def build(folder: Path) -> tuple[int, list[str]]:
    """The exit code of building the site there, and its warnings."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"],
        cwd=folder,
        env={**environment(folder), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("WARNING")]


def test_the_readme_is_the_way_in() -> None:
    """Systems, SDK table and assumptions stand on pages, once."""
    assert "### Other systems" not in README
    assert "Assumed:" not in README
