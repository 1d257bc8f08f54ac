"""The reference of each API: it works offline, with the credential filled in, and asks nobody but this server."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from tests.support.asgi import PATHS, SLUGS, identity
from tests.support.chromium import Page
from tests.support.server import Live

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("slug", "prefix"), [(slug, "/ns/a" if slug == "prime" else "") for slug in SLUGS])
def test_trying_an_operation_brings_rows(still: Live, page: Page, slug: str, prefix: str) -> None:
    """Nobody types a credential, or an org: the listing is opened, "Execute" pressed at once, and its rows are this
    world's. It is dark where the browser is, and becomes so with it."""
    page.open(f"{still.root}{prefix}/{slug}/docs")
    page.wait("document.documentElement.dataset.ready")
    opened = "document.querySelector('[id$=listSandboxes]')"
    page.click("[id$=listSandboxes] button.opblock-summary-control")
    page.wait(f"{opened}.querySelector('.execute')")
    page.run(f"{opened}.querySelector('.execute').click()")
    status = f"{opened}.querySelector('.live-responses-table tbody .response-col_status')?.innerText"
    assert page.until(status).startswith("200")
    asked = [
        each["request"]
        for each in page.heard("Network.requestWillBeSent")
        if urlsplit(each["request"]["url"]).path.startswith(f"{prefix}/{slug}{PATHS[slug].rpartition('/')[0]}")
    ]
    assert f"{slug}-admin-key" in json.dumps(asked[-1]["headers"])
    first = still.rows(slug)[0][identity(slug)]
    page.wait(
        f"{opened}.querySelector('.live-responses-table .highlight-code').innerText.includes({json.dumps(first)})"
    )
    hosts = {urlsplit(each["request"]["url"]).netloc for each in page.heard("Network.requestWillBeSent")}
    assert hosts - {""} == {urlsplit(still.root).netloc}
    assert page.complaints() == []
    for dark in (True, False):
        page.shade(dark=dark)
        page.wait(f"document.documentElement.classList.contains('dark-mode') === {json.dumps(dark)}")
