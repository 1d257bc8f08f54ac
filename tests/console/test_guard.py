"""A page of a foreign origin, in a real browser: it neither reads, nor drives, nor frames the console or the admin API,
under whatever name it reaches this machine."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.console.views import READY
from tests.support.asgi import PATHS
from tests.support.chromium import Browser, Page
from tests.support.server import Live

pytestmark = pytest.mark.slow

FOREIGN = "evil.example"
"""The browser takes every name for this machine: this one is another origin, and one that is rebound."""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A web server that keeps its log to itself."""

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Somebody else's page."""
    tmp_path = tmp_path_factory.mktemp("elsewhere")
    (tmp_path / "index.html").write_text("<!doctype html><title>elsewhere</title><body></body>", encoding="utf-8")
    (tmp_path / "form.html").write_text("<!doctype html><form method=post enctype=text/plain></form>", encoding="utf-8")
    serve = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://{FOREIGN}:{server.server_address[1]}"
        server.shutdown()
        thread.join(5)


def fetched(page: Page, url: str, **options: Any) -> Any:
    """What a page learns of an answer: its status and text, or that there was none to see."""
    script = f"""(async () => {{
      try {{
        const response = await fetch({json.dumps(url)}, {json.dumps(options)});
        return [response.type, response.status, await response.text()];
      }} catch (error) {{ return [error.name]; }}
    }})()"""
    return page.run(script)


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("/", {}),
    ("/prime/docs", {}),
    ("/__admin/requests", {}),
    ("/__admin/requests/live", {}),
    ("/__admin/snapshot", {}),
    ("/__admin/reset", {"method": "POST"}),
    ("/__admin/clock", {"method": "PUT", "body": '{"action": "freeze"}', "headers": {"Content-Type": "text/plain"}}),
    ("/__admin/faults", {"method": "POST", "body": '{"provider": "prime", "code": 503}'}),
]


@pytest.mark.parametrize(("path", "options"), CALLS)
def test_a_foreign_page_reads_and_changes_nothing(
    served: Live, page: Page, elsewhere: str, path: str, options: dict[str, Any]
) -> None:
    """By fetch, with and without CORS; the server does nothing, since the browser says whose page asks."""
    served.request("prime", PATHS["prime"])
    page.open(f"{elsewhere}/index.html")
    page.wait("document.title === 'elsewhere'")
    assert fetched(page, served.root + path, **options) == ["TypeError"]
    blind = fetched(page, served.root + path, mode="no-cors", **options)
    assert blind in (["TypeError"], ["opaque", 0, ""])
    world = served.app.world
    assert (world.journal.total, world.clock.changed, len(world.faults.rules)) == (1, False, 0)


@pytest.mark.parametrize("path", ["/__admin/reset", "/__admin/requests", "/"])
def test_a_foreign_form_changes_nothing(served: Live, page: Page, elsewhere: str, path: str) -> None:
    """A form asks nobody for leave, and sends its origin."""
    served.request("prime", PATHS["prime"])
    page.open(f"{elsewhere}/form.html")
    page.wait("document.forms.length === 1")
    page.run(f"document.forms[0].action = {json.dumps(served.root + path)}; document.forms[0].submit()")
    page.wait(f"location.origin === {json.dumps(served.root)}")
    assert served.app.world.journal.total == 1


FRAMED = ["/", "/#/worlds", "/prime/docs", "/__admin/providers", "/ns/a/"]


def test_nobody_frames_us(served: Live, page: Page, elsewhere: str) -> None:
    """Not even a page of this very origin: nothing can be laid over a button. The browser says of each why not."""
    for opener in (f"{elsewhere}/index.html", f"{served.root}/prime/docs"):
        page.open(opener)
        page.wait(f"location.href === {json.dumps(opener)} && document.readyState === 'complete' && document.body")
        page.browser.told.clear()
        addresses = json.dumps([served.root + each for each in FRAMED])
        page.run(
            f"Promise.all({addresses}.map((url) => new Promise((resolve) => {{"
            " const frame = document.createElement('iframe'); frame.src = url; frame.onload = resolve;"
            " document.body.append(frame); setTimeout(resolve, 2000); })))"
        )
        blocked = [each for each in page.complaints() if each.startswith("Framing ") and "has been blocked" in each]
        assert len(blocked) == len(FRAMED), page.complaints()


def test_a_foreign_page_takes_nothing_in(served: Live, page: Page, elsewhere: str) -> None:
    """Scripts, styles and pictures of ours do not load there, whatever they would tell by their size or errors."""
    page.open(f"{served.root}/")
    page.wait(READY)
    script = page.run("document.querySelector('script').src")
    page.open(f"{elsewhere}/index.html")
    page.wait("document.title === 'elsewhere'")
    for url in (script, f"{served.root}/__admin/providers"):
        assert (
            page.run(
                "new Promise((resolve) => { const script = document.createElement('script');"
                f" script.src = {json.dumps(url)}; script.onload = () => resolve('loaded');"
                " script.onerror = () => resolve('refused'); document.body.append(script); })"
            )
            == "refused"
        )


def test_an_opened_console_is_out_of_reach(served: Live, browser: Browser, elsewhere: str) -> None:
    """Who opens the console in a window has no hold on it."""
    with browser.page() as page:
        page.open(f"{elsewhere}/index.html")
        page.wait("document.title === 'elsewhere'")
        page.run(f"window.opened = window.open({json.dumps(served.root + '/')}); 0")
        page.wait("window.opened === null || window.opened.closed")


def test_a_name_that_is_rebound_here(served: Live, page: Page) -> None:
    """DNS rebinding: the foreign name resolves to this machine and this port, so the browser takes both for one origin;
    the server does not, by the Host header."""
    port = served.root.rpartition(":")[2]
    rebound = f"http://{FOREIGN}:{port}"
    page.open(f"{rebound}/prime/openapi.json")
    page.wait(f"location.origin === {json.dumps(rebound)} && document.readyState === 'complete'")
    for path, options in CALLS:
        kind, status, text = fetched(page, path, **options)
        assert (kind, status) == ("basic", 403), path
        assert "loopback name" in text or "other origins" in text
    world = served.app.world
    assert (world.clock.changed, len(world.faults.rules)) == (False, 0)
    page.open(f"{rebound}/")
    page.wait("document.body?.innerText.includes('loopback name')")


def test_a_page_of_this_machine_may(served: Live, page: Page, elsewhere: str) -> None:
    """So that the refusals above are about who asks."""
    page.open(elsewhere.replace(FOREIGN, "localhost") + "/index.html")
    page.wait("document.title === 'elsewhere'")
    kind, status, _ = fetched(page, served.root + "/__admin/requests")
    assert (kind, status) == ("cors", 200)
