"""examples/frontend, as its README has it: on exported handlers, with vitest, Storybook and Playwright."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.asgi import ROOT
from tests.support.bundling import run, showing
from tests.support.chromium import CHROMIUM, MISSING, browsing

EXAMPLE = ROOT / "examples" / "frontend"
PACKAGES = ROOT / "node_modules"
MOST_SECONDS = 300
STORIES = {
    "full": "RUNNING",
    "empty": "No sandboxes yet.",
    "long-texts": "Donaudampfschifffahrtsgesellschaft",
    "right-to-left": "مرحبا",
    "many": "2500 sandboxes",
    "failing": "The list cannot be loaded (503).",
}
"""What each story shows."""


def needs(*packages: str) -> pytest.MarkDecorator:
    missing = [each for each in packages if not (PACKAGES / each).exists()]
    return pytest.mark.skipif(
        bool(missing), reason=f"{', '.join(missing)} not installed; `make test` installs it where npm is"
    )


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example in a folder of its own, with handlers that the command has written."""
    folder = tmp_path_factory.mktemp("example") / "frontend"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", "mocks", "storybook-static"))
    (folder / "node_modules").symlink_to(PACKAGES)
    script = json.loads((folder / "package.json").read_text(encoding="utf-8"))["scripts"]["mocks"].split()
    assert script[0] == "fakeserver"
    run(folder, sys.executable, "-m", *script, "--size", "120")
    return folder


def test_the_example_has_the_versions_of_the_checks() -> None:
    """What is installed for the tests is what the example asks for."""
    ours = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    theirs = json.loads((EXAMPLE / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    assert theirs.items() <= ours.items()


@pytest.mark.slow
@needs("vitest", "msw")
def test_components_are_tested_with_vitest(example: Path) -> None:
    said = run(example, "node_modules/.bin/vitest", "run", "src", "--reporter", "json")
    found = json.loads(said[said.index("{") :])
    assert (found["numPassedTests"], found["numFailedTests"]) == (5, 0)


@pytest.mark.soak
@needs("@playwright/test", "msw")
@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_a_page_is_tested_with_playwright(example: Path) -> None:
    said = run(example, "node_modules/.bin/playwright", "test", CHROMIUM=str(CHROMIUM))
    assert "2 passed" in said


@pytest.fixture
def storybook(example: Path) -> Iterator[str]:
    """Where the built stories are found."""
    run(example, "node_modules/.bin/msw", "init", "public", "--no-save")
    run(example, "node_modules/.bin/storybook", "build", "--quiet", STORYBOOK_DISABLE_TELEMETRY="1")
    with showing(example / "storybook-static") as url:
        yield url


@pytest.mark.soak
@needs("storybook", "@storybook/html-vite", "msw-storybook-addon", "msw")
@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_every_state_is_a_story(storybook: str) -> None:
    """Each story is opened in a browser, where handlers answer through the worker of the addon."""
    with browsing() as browser:
        for name, shown in STORIES.items():
            with browser.page() as page:
                page.open(f"{storybook}/iframe.html?id=list--{name}&viewMode=story")
                page.wait(f"document.querySelector('section')?.innerText.includes({json.dumps(shown)})")
