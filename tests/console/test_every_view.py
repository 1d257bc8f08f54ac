"""What holds for every view: it is usable without eyes or a mouse, asks nobody else, breaks no rule, and is light."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.console.views import READY, Console
from tests.support.asgi import PATHS, ROOT, SLUGS
from tests.support.chromium import WIDE, Browser, Page
from tests.support.server import Live

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
LEAST_BYTES, MOST_BYTES = 10_000, 100_000
"""What a view takes over the wire; less than the least was not loaded, but kept from before."""
SERIOUS = ("serious", "critical")
VIEWS = {
    "start": "#/",
    "explore": "#/explore/dreadnode/listSandboxes?state=running",
    "refused": "#/explore/prime/listSandboxes?__code=429",
    "row": "#/explore/prime/listSandboxes?~row={id}",
    "failures": "#/failures/superserve/listSandboxes",
    "links": "#/links/instavm/listSandboxes",
    "journal": "#/journal",
    "clock": "#/clock",
    "worlds": "#/worlds",
    "documents": "#/documents/prime/main",
    "call": "#/call/prime/createSandbox",
}


def address_of(live: Live, view: str) -> str:
    first = live.rows("prime")[0]["id"]
    return VIEWS[view].replace("{id}", first)


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_a_view(still: Live, browser: Browser, view: str) -> None:
    """As whoever has nothing of it yet sees it: sound, and at most 100 kB over the wire."""
    with browser.page(WIDE) as page:
        page.open(f"{still.root}/{address_of(still, view)}")
        check(still, page)
        sent = sum(each["encodedDataLength"] for each in page.heard("Network.loadingFinished"))
        assert LEAST_BYTES < sent <= MOST_BYTES


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_that_is_narrow_and_dark(still: Live, narrow: Page, view: str) -> None:
    """As somebody with a telephone sees it."""
    Console(still, narrow).open(address_of(still, view))
    check(still, narrow)


def check(live: Live, page: Page) -> None:
    """No exception, no breach of the page's policy, nothing wider than the window, no host but this one, and no serious
    finding of axe."""
    page.wait(f"{READY} && !document.body.innerText.includes('Loading')")
    page.wait("document.fonts.status === 'loaded'")
    assert page.complaints() == []
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    hosts = {urlsplit(each["request"]["url"]).netloc for each in page.heard("Network.requestWillBeSent")}
    assert hosts - {""} == {urlsplit(live.root).netloc}
    assert findings(page) == []


def findings(page: Any) -> list[str]:
    """What axe finds that keeps somebody from using the page."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: `npm install` brings it")
    # The page's policy lets no text become a script, so it is the tool that runs this one.
    if not page.run("typeof axe === 'object'"):
        page.run(AXE.read_text(encoding="utf-8") + "; 0")
    told = page.run(
        "axe.run(document, {resultTypes: ['violations']}).then((found) => JSON.stringify(found.violations))"
    )
    return [
        f"{each['id']}: {[node['html'] for node in each['nodes']]}"
        for each in json.loads(told)
        if each["impact"] in SERIOUS
    ]


@pytest.mark.slow
def test_a_keyboard_is_enough(still: Live, page: Page) -> None:
    """From the address bar: past the skip link and the navigation to a view, whose heading then has the focus."""
    page.open(f"{still.root}/")
    page.wait(READY)
    page.press("Tab", 9)
    assert page.run("document.activeElement.innerText") == "Skip to the content"
    for _ in range(3):
        page.press("Tab", 9)
    assert page.run("document.activeElement.innerText") == "Failures"
    page.run("document.activeElement.click()")
    page.wait("document.activeElement.tagName === 'H1' && document.activeElement.innerText === 'Failures'")
    page.wait("document.querySelector('main table')")


@pytest.mark.slow
def test_the_start_page_opens_no_stream(still: Live, page: Page) -> None:
    """Whoever leaves the first page open all day costs the server nothing."""
    page.open(f"{still.root}/")
    page.wait(READY)
    page.run("new Promise((resolve) => setTimeout(resolve, 300))")
    asked = {urlsplit(each["request"]["url"]).path for each in page.heard("Network.requestWillBeSent")}
    assert {path for path in asked if path.startswith("/__admin")} == {"/__admin/providers", "/__admin/health"}


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_a_newcomer_finds_a_failing_request_in_two_clicks(still: Live, page: Page, slug: str) -> None:
    """From the start page: "Make it fail", and a credential to copy that makes the SDK's next request fail so."""
    page.open(f"{still.root}/")
    page.wait(READY)
    page.wait("document.querySelectorAll('.card').length === 4")
    # What a headless browser's clipboard holds can be read by nobody.
    page.run("navigator.clipboard.writeText = async (text) => { window.taken = text; }")
    page.run(
        f"[...document.querySelectorAll('[aria-labelledby=of-{slug}] a')]"
        ".find((each) => each.innerText === 'Make it fail').click()"
    )
    page.wait("document.querySelector('main h1').innerText === 'Failures' && document.querySelector('.copy')")
    page.run(
        "[...document.querySelectorAll('tr')].find((each) => each.cells[0].innerText === '429')"
        ".querySelector('.pair .copy').click()"
    )
    page.wait("[...document.querySelectorAll('.copy')].some((each) => each.innerText === 'Copied')")
    key = page.run("window.taken")
    assert key.startswith(f"{slug}-admin-key+code=429")
    assert still.request(slug, PATHS[slug], key=key).status_code == 429
