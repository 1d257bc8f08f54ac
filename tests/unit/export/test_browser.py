"""Handlers where they are meant to run: in a browser. Chromium asks them what the server was asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from fakeserver.export import handlers
from tests.support.asgi import EPOCH, SLUGS, app_of
from tests.support.bundling import bundle, needs_esbuild, showing
from tests.support.chromium import CHROMIUM, MISSING, Browser, Page, browsing
from tests.support.vectors import COMPARED, HOST, SIZE, asker, source_of

NODE = Path(__file__).with_name("node")
COUNT = 1_000
"""Vectors of each kind that a provider is asked."""
ROUNDS = 9
DOCUMENTS = 1_000
"""Of the world whose first answer is timed."""
PAGE = b"<!doctype html><meta charset=utf-8><title>handlers</title>"
ENTRY = """
import { getResponse } from "msw";
import { differences } from "./differences.js";
window.compare = async () => {
  const { handlers } = await import("./%(slug)s/handlers.js");
  return differences(await (await fetch("/%(slug)s.json")).json(), handlers, getResponse);
};
window.start = async () => {
  const { handlers } = await import("./%(slug)s/handlers.js");
  window.served = handlers("https://api.example.com");
  return window.served.length;
};
window.first = async (path, headers) => {
  const response = await getResponse(window.served, new Request(`https://api.example.com${path}`, { headers }));
  return { status: response.status, bytes: (await response.text()).length };
};
"""

pytestmark = [
    pytest.mark.soak,
    needs_esbuild,
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder, and where a browser finds it."""
    folder = tmp_path_factory.mktemp("site")
    with showing(folder) as url:
        yield folder, url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as found:
        yield found


def build(folder: Path, slug: str, size: int) -> None:
    """The export of a provider, as a bundler makes it ready for a page."""
    source = folder / "source"
    for name, content in handlers.export(source_of(app_of(size=size), slug)).files.items():
        path = source / slug / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    shutil.copy(NODE / "differences.js", source)
    (source / "page.js").write_text(ENTRY % {"slug": slug}, encoding="utf-8")
    bundle(source, source / "page.js", folder / slug)
    (folder / f"{slug}.html").write_bytes(PAGE + f"<script type=module src=/{slug}/page.js></script>".encode())


@pytest.mark.parametrize("slug", SLUGS)
def test_handlers_answer_in_a_browser_as_the_server(site: tuple[Path, str], browser: Browser, slug: str) -> None:
    folder, url = site
    build(folder, slug, SIZE)
    ask = asker(app_of(size=SIZE), slug, seed=1)
    vectors = ask.vectors(COUNT) + ask.lives(COUNT)
    asked = {"base": f"http://{HOST}/{slug}", "epoch": EPOCH // 1_000, "compared": COMPARED, "vectors": vectors}
    (folder / f"{slug}.json").write_text(json.dumps(asked), encoding="utf-8")
    with browser.page() as page:
        page.open(f"{url}/{slug}.html")
        page.wait("window.compare")
        # The protocol gives up on a call that takes long, and this one does.
        page.run("window.compare().then((found) => { window.found = found; }); 0")
        while not page.run("Boolean(window.found)"):
            pass
        found = page.run("window.found")
    assert found["asked"] == len(vectors)
    assert found["wrong"] == []


@pytest.mark.parametrize("slug", SLUGS)
def test_the_first_answer_is_there_at_once(site: tuple[Path, str], browser: Browser, slug: str) -> None:
    """Measured and printed, in time of the page's own thread, which no other load moves: loading the handlers of a
    thousand documents, their first answer, and the same once more."""
    folder, url = site
    build(folder, slug, DOCUMENTS)
    service = app_of(size=5).services[slug]
    scheme, key = service.schemes[0], next(iter(service.fixture.callers))
    asked = json.dumps(service.provider.try_path), json.dumps({scheme.header: f"{scheme.prefix} {key}".strip()})
    took: list[list[float]] = []
    for _ in range(ROUNDS):
        with browser.page() as page:
            page.call("Performance.enable", timeDomain="threadTicks")
            page.open(f"{url}/{slug}.html")
            page.wait("window.first")
            marks = [busy(page)]
            for script in ("window.start()", *[f"window.first({', '.join(asked)})"] * 2):
                found = page.run(script)
                marks.append(busy(page))
            assert found["status"] == 200
            assert found["bytes"] > 100
            took.append([after - before for before, after in pairwise(marks)])
    for what, times in zip(("loading", "first answer", "second answer"), zip(*took, strict=True), strict=True):
        print(f"{slug}: {what} {median(times):.1f} ms, {min(times):.1f} to {max(times):.1f}")


def busy(page: Page) -> float:
    """Milliseconds that the page's thread has worked so far."""
    metrics = {each["name"]: each["value"] for each in page.call("Performance.getMetrics")["metrics"]}
    return 1_000.0 * float(metrics["TaskDuration"])
