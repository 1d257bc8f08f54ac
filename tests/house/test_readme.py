"""The README's promises, executed; what it leaves to pages of docs is in test_pages.py."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.support.asgi import ROOT, app_of, get
from tests.support.pages import README, SECONDS, Block, assert_it_did, blocks, shell
from tests.support.server import Live

MOST_WORDS = 900


def test_it_is_short() -> None:
    """As `wc -w` counts, with one picture."""
    assert len(README.split()) <= MOST_WORDS
    assert len(re.findall(r"!\[", README)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("block", blocks(README, "sh"), ids=str)
def test_every_shell_example_runs(block: Block, live: Live, tmp_path: Path) -> None:
    """Each shell block of the README does what it says, without an error."""
    assert_it_did(block, shell(block.text, live.root, tmp_path))


@pytest.mark.slow
def test_the_python_example_holds(pytester: pytest.Pytester) -> None:
    (example,) = blocks(README, "python")
    pytester.makepyfile(example.text)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_every_page_is_named() -> None:
    """Somebody who is at the README finds all pages but those about single providers, which the page on providers leads
    to."""
    named = set(re.findall(r"docs/([\w-]+)\.md", README))
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert pages - named == {"index", "dreadnode", "instavm", "prime"}
    assert named <= pages


@pytest.mark.parametrize(
    "page",
    ["README.md", "examples/provider-e2b/README.md", *(f"docs/{each.name}" for each in (ROOT / "docs").glob("*.md"))],
)
def test_what_is_installed_is_here(page: str) -> None:
    """`pip install` in a page names folders of this one, and extras that the package has."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = re.findall(r"pip install ((?:'?\.[^ `\n]*[ ]?)+)", (ROOT / page).read_text(encoding="utf-8"))
    for folder in " ".join(named).split():
        path, _, named_extras = folder.strip("')\"").partition("[")
        # A wheel that its reader has built, and a checkout that stands beside a pipeline's own.
        if not path.endswith(".whl") and path != "./fakeserver":
            assert (ROOT / path / "pyproject.toml").is_file(), folder
        assert {*filter(None, named_extras.removesuffix("]").split(","))} <= extras.keys(), folder


@pytest.mark.slow
def test_the_make_targets_resolve() -> None:
    """`make -n` knows all targets and what they need; pages name no others."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    assert {"serve", "quick", "test", "check", "soak", "docs", "lowest", "lock", "bench"} <= set(targets)
    assert set(re.findall(r"`make ([a-z-]+)[` ]", README)) <= set(targets)
    for target in targets:
        done = subprocess.run(["make", "-n", target], capture_output=True, text=True, cwd=ROOT, timeout=SECONDS)

        assert done.returncode == 0, done.stderr


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
