"""One Chromium, one tab and one address for all tests of the console. What stands behind the address is each test's
own, so that what the tab has loaded once it has for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.types import Receive, Scope, Send

from fakeserver.pipeline.exchange import Answer
from fakeserver.serving.app import App
from fakeserver.serving.configuration import server_config
from tests.console.views import OPEN, Console
from tests.support.asgi import app_of
from tests.support.chromium import CHROMIUM, MISSING, NARROW, WIDE, Browser, Page, browsing
from tests.support.server import Live, listening

LEFT = f"""(() => {{
  const said = document.getElementById('said');
  if (!({OPEN}) || !said || location.pathname !== '/' || !document.getElementById('lost').hidden) return false;
  for (const name of ['harm', 'taken']) delete window[name];
  said.textContent = '';
  sessionStorage.clear();
  history.replaceState(null, '', '#/');
  dispatchEvent(new Event('back'));
  return true;
}})()"""
"""What brings a console back to where it begins; false of any other page, and of one that has lost its server."""


class Stage:
    """The application of the test that runs."""

    app: App

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def at_once(self, scope: Scope, body: bytes = b"") -> Answer | None:
        return self.app.at_once(scope, body)


class Tabs:
    """A tab for each look that a test wants. A console that is open stays open, since loading it anew costs ten times
    as much as all that most tests do; but it is where it begins, and keeps nothing of the test before."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._kept: dict[tuple[tuple[int, int], bool], Page] = {}

    @contextmanager
    def tab(self, size: tuple[int, int] = WIDE, *, dark: bool = False) -> Iterator[Page]:
        page = self._kept.get((size, dark))
        if page is None:
            page = self._kept[size, dark] = self._browser.new_page(size, dark=dark)
        try:
            yield page
        finally:
            if not page.run(LEFT):
                page.clear()
            self._browser.told.clear()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real browser, which the whole session shares."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    with browsing() as found:
        yield found


@pytest.fixture(scope="session")
def tabs(browser: Browser) -> Tabs:
    return Tabs(browser)


@pytest.fixture(scope="session")
def stage() -> Iterator[tuple[Stage, str]]:
    """What is served, and where."""
    stage = Stage()
    with listening(server_config(stage)) as root:
        yield stage, root


@pytest.fixture
def app() -> App:
    return app_of(size=200)


@pytest.fixture
def served(app: App, stage: tuple[Stage, str]) -> Live:
    """A small server that the test may change."""
    stage[0].app = app
    return Live(app, stage[1])


@pytest.fixture
def page(tabs: Tabs) -> Iterator[Page]:
    with tabs.tab() as found:
        yield found


@pytest.fixture
def narrow(tabs: Tabs) -> Iterator[Page]:
    """A tab as narrow as a telephone, in the dark."""
    with tabs.tab(NARROW, dark=True) as found:
        yield found


@pytest.fixture
def console(served: Live, page: Page) -> Console:
    return Console(served, page)


@pytest.fixture(scope="session")
def unchanged() -> App:
    """What no test changes."""
    return app_of(size=200)


@pytest.fixture
def still(unchanged: App, stage: tuple[Stage, str]) -> Live:
    """A small server for tests that only read."""
    stage[0].app = unchanged
    return Live(unchanged, stage[1])


@pytest.fixture
def reader(still: Live, page: Page) -> Console:
    return Console(still, page)
