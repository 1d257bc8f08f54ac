"""The README's promises, executed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from fakeserver.admin import api
from fakeserver.faults.headers import PREFIX
from fakeserver.faults.on_request import NAMES
from fakeserver.faults.scripts import CONNECTION_FAULTS
from fakeserver.instants import SECOND
from fakeserver.serving.app import Settings, create_app
from fakeserver.worlds.documents import MAX_AGEING, MAX_LIVE
from tests.support.admin import Machine
from tests.support.asgi import EPOCH, ROWS, SPECS, Row, app_of, get, tenants
from tests.support.server import Live

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECONDS = 120


def blocks(language: str) -> list[str]:
    """The README's fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def shell(script: str, root: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the README against a live server instead of port 8000."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "NO_PROXY": "127.0.0.1,localhost",
        **more,
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8000", root)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=home,
        env=environment,
    )


@pytest.mark.parametrize("script", blocks("sh"), ids=lambda script: script.splitlines()[0][:50])
def test_every_shell_example_runs(script: str, live: Live, tmp_path: Path) -> None:
    """Each shell block of the README does what it says, without an error."""
    done = shell(script, live.root, tmp_path)

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert done.stdout.strip()
    for wanted in re.findall(r"code=(\d{3})", script):
        assert f"HTTP/1.1 {wanted}" in done.stdout


def test_the_python_example_holds(live: Live, pytester: pytest.Pytester) -> None:
    """The README's tests pass as they stand, with a client that retries once."""
    (example,) = blocks("python")
    client = """
import httpx

class MyClient:
    def __init__(self, base_url, token):
        self.url, self.headers = base_url + "/api/v1/sandbox", {"Authorization": "Bearer " + token}

    def list_sandboxes(self):
        with httpx.Client(headers=self.headers, trust_env=False) as http:
            answers = (http.get(self.url) for _ in range(2))
            return next(each for each in answers if each.status_code == 200).json()["sandboxes"]

"""
    pytester.makepyfile(client + example)

    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)


def test_the_ci_step_runs(live: Live, tmp_path: Path) -> None:
    """The README's CI step exits 0 on the fake and writes its JUnit file."""
    (recipe,) = blocks("yaml")
    (step,) = yaml.safe_load(recipe)

    done = shell(
        step["run"], live.root, tmp_path, STAGING_URL=live.base_url("prime"), FAKESERVER_TOKEN="prime-admin-key"
    )

    assert set(step["env"]) == {"FAKESERVER_TOKEN"}
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "<testsuite" in (tmp_path / "contract.xml").read_text(encoding="utf-8")


def test_the_tables_are_complete() -> None:
    """Providers, operations and admin calls are all in the README, or on a page of docs that it names; the flags and
    targets that it names exist."""
    app = create_app(Settings(size=0))
    pages = README + "".join(
        page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" in README
    )
    for slug, service in app.services.items():
        assert f"| `{slug}` |" in README
        for operation in service.spec.operations.values():
            assert f"`{operation.method} {operation.path}`" in pages
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`?make ([a-z-]+)[` ]", README)) - {"for"}:
        assert f"\n{target}:" in makefile, target
    helps = "".join(
        subprocess.run([sys.executable, "-m", "fakeserver", command, "--help"], capture_output=True, text=True).stdout
        for command in ("serve", "check", "health", "tail", "lint")
    )
    for flag in set(re.findall(r"`(--[a-z-]+)", README)):
        assert flag in helps, flag
    table = README.partition("| call | does |")[2].partition("\n\n")[0]
    for route in api.Admin(app.services, app.seeded, app.worlds).routes():
        assert route.path.split("/")[1].partition(".")[0] in table, route.path


@pytest.mark.parametrize(
    "page", ["README.md", "docs/add-a-provider.md", "docs/commands.md", "examples/provider-e2b/README.md"]
)
def test_what_is_installed_is_here(page: str) -> None:
    """`pip install` in a page names folders of this one, and extras that the package has."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = re.findall(r"pip install ((?:'?\.[^ `\n]*[ ]?)+)", (ROOT / page).read_text(encoding="utf-8"))
    assert named
    for folder in " ".join(named).split():
        path, _, named_extras = folder.strip("'").partition("[")
        assert (ROOT / path / "pyproject.toml").is_file(), folder
        assert {*filter(None, named_extras.removesuffix("]").split(","))} <= extras.keys(), folder


def test_the_make_targets_resolve() -> None:
    """`make -n` knows all targets and what they need."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    assert {"serve", "quick", "test", "check", "soak", "lowest", "lock", "bench"} <= set(targets)
    for target in targets:
        done = subprocess.run(["make", "-n", target], capture_output=True, text=True, cwd=ROOT, timeout=SECONDS)

        assert done.returncode == 0, done.stderr


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
"""By provider that sends null: which rows leave fields out all the same, in the words of the README."""


@pytest.mark.parametrize("slug", LEAVING_OUT)
def test_the_rows_that_leave_fields_out_are_as_the_readme_says(slug: str) -> None:
    """They are some of those that it names and no others, and lack every field that is not required, and no other."""
    words, is_one = LEAVING_OUT[slug]
    spec = SPECS[slug]["components"]["schemas"][ROWS[slug]]
    for seed in range(3):
        rows = [row for tenant in tenants(app_of(seed=seed), slug).values() for row in tenant.documents()]
        whole = set().union(*rows)
        lacking = [row for row in rows if whole - row.keys()]

        assert words in " ".join(README.split())
        assert 0 < len(lacking) < sum(map(is_one, rows))
        assert all(map(is_one, lacking))
        assert all(row.keys() == set(spec["required"]) for row in lacking)


def test_the_credentials_are_those_of_the_fixtures(live: Live) -> None:
    """Every credential that the README names works."""
    for key in set(re.findall(r"(?<![\w-])([a-z]+-(?:admin|member|outsider)-key)", README)):
        slug = key.split("-")[0]

        assert key in live.app.services[slug].fixture.callers


def test_processes_share_a_world() -> None:
    """Two servers of one seed and epoch answer with the same bytes, cursors included."""
    first, second = (get(app_of(), "dreadnode", "limit=3") for _ in range(2))

    assert first.body == second.body
    assert first.value["next_cursor"]


def test_the_clock_is_as_the_readme_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of documents that a clock moves with, and where the clock of a namespace starts."""
    assert f"more than {MAX_AGEING:,} documents" in README
    assert f"at most {MAX_LIVE:,} documents" in README
    monkeypatch.setattr("fakeserver.worlds.clock.time", Machine())
    app = app_of()
    app.world.clock.advance(3_600 * SECOND)

    assert app.worlds.named("fresh").clock.now == app.seeded.seeding.epoch == EPOCH


def test_what_can_be_asked_for_is_listed() -> None:
    """The README has every name that a request may ask by, and every fault."""
    first = [cell for line in README.splitlines() if line.startswith("| `") for cell in line.split("|")[1:2]]
    listed = {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}
    assert {*NAMES, f"{PREFIX}NAME", *CONNECTION_FAULTS} - {"handling"} <= listed
