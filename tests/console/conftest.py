"""One Chromium for all tests of the console, and a server of each test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fakeserver.serving.app import App
from tests.console.views import Console
from tests.support.asgi import app_of
from tests.support.chromium import CHROMIUM, MISSING, Browser, Page, browsing
from tests.support.server import Live, serving


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real browser, which the whole session shares."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    with browsing() as found:
        yield found


@pytest.fixture
def app() -> App:
    return app_of(size=200)


@pytest.fixture
def served(app: App) -> Iterator[Live]:
    """A small server that the test may change."""
    with serving(app) as live:
        yield live


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.page() as found:
        yield found


@pytest.fixture
def console(served: Live, page: Page) -> Console:
    return Console(served, page)
