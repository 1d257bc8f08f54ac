"""The reference of each API: it works offline, with the credential filled in, and asks nobody but this server."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from tests.support.asgi import PATHS, SLUGS, identity
from tests.support.chromium import Browser
from tests.support.server import Live

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("slug", "prefix"), [*((slug, "") for slug in SLUGS), ("prime", "/ns/a")])
def test_trying_an_operation_brings_rows(live: Live, browser: Browser, slug: str, prefix: str) -> None:
    """Nobody types a credential: the listing is opened, "Execute" pressed, and the rows are those of this world."""
    with browser.page() as page:
        page.open(f"{live.root}{prefix}/{slug}/docs")
        page.wait("document.documentElement.dataset.ready")
        opened = "document.querySelector('[id$=listSandboxes]')"
        page.click("[id$=listSandboxes] button.opblock-summary-control")
        page.wait(f"{opened}.querySelector('.execute')")
        if slug == "dreadnode":
            page.type("[id$=listSandboxes] tr[data-param-name=org] input", "acme")
        page.wait(f"!{opened}.querySelector('.execute').disabled")
        status = f"{opened}.querySelector('.live-responses-table tbody .response-col_status')"
        # Until the viewer has resolved the schemas, whose examples it shows then, it takes a press and never asks.
        page.wait(f"Boolean({opened}.querySelector('.responses-inner .model-example .highlight-code'))")
        page.run("new Promise((resolve) => setTimeout(resolve, 1000))")
        page.run(f"{opened}.querySelector('.execute').click()")
        assert page.until(f"{status}?.innerText").startswith("200")
        asked = [
            each["request"]
            for each in page.heard("Network.requestWillBeSent")
            if urlsplit(each["request"]["url"]).path.startswith(f"{prefix}/{slug}{PATHS[slug].rpartition('/')[0]}")
        ]
        assert f"{slug}-admin-key" in json.dumps(asked[-1]["headers"])
        first = live.rows(slug)[0][identity(slug)]
        page.wait(
            f"{opened}.querySelector('.live-responses-table .highlight-code').innerText.includes({json.dumps(first)})"
        )
        hosts = {urlsplit(each["request"]["url"]).netloc for each in page.heard("Network.requestWillBeSent")}
        assert hosts - {""} == {urlsplit(live.root).netloc}
        assert page.complaints() == []


def test_it_is_dark_where_the_browser_is(live: Live, browser: Browser) -> None:
    for dark in (True, False):
        with browser.page(dark=dark) as page:
            page.open(f"{live.root}/prime/docs")
            page.wait("document.documentElement.dataset.ready")
            assert page.run("document.documentElement.classList.contains('dark-mode')") is dark
