"""The console as a person uses it: views by their addresses, and what is seen there."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.support.chromium import Page
from tests.support.server import Live

READY = "document.querySelector('main h1') && main.children[1]?.children.length > 0"
OPEN = "document.querySelector('#nav a') && document.querySelector('main h1')"
"""What is so of a console that has been loaded."""
ROWS = "[...document.querySelectorAll('section.rows tbody tr')].map((row) => row.querySelector('a').innerText.trim())"
ANSWERED = "document.querySelector('#answered')?.innerText"


CLIENT = httpx.Client(trust_env=False, verify=False, timeout=20, headers={"Connection": "close"})
"""What asks past the page: a client for each request would read all certificates of the machine each time."""


class Console:
    """The console of a served application in a page."""

    def __init__(self, live: Live, page: Page, namespace: str = "") -> None:
        self.live = live
        self.page = page
        self.root = live.root + (f"/ns/{namespace}" if namespace else "")

    def open(self, view: str = "#/") -> Page:
        """A view, once it is there: by its address, or in a console that is open already."""
        if self.page.run(f"{OPEN} && location.origin + location.pathname") == f"{self.root}/":
            self.page.run(f"history.replaceState(null, '', {json.dumps(view)}); void dispatchEvent(new Event('back'))")
        else:
            self.page.open(f"{self.root}/{view}")
        self.page.wait(READY)
        return self.page

    def explore(self, slug: str, query: str = "", operation: str = "listSandboxes") -> Page:
        page = self.open(f"#/explore/{slug}/{operation}{query and '?'}{query}")
        page.wait(ANSWERED)
        return page

    def rows(self) -> list[str]:
        """The first cell of each row that is seen."""
        found: list[str] = self.page.run(ROWS)
        return found

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the admin API, past the page."""
        return call_admin(self.root, method, path, body)

    def count(self, selector: str) -> int:
        found: int = self.page.run(f"document.querySelectorAll({json.dumps(selector)}).length")
        return found


def call_admin(root: str, method: str, path: str, body: Any = None) -> Any:
    response = CLIENT.request(method, f"{root}/__admin{path}", json=body)
    response.raise_for_status()
    return response.json() if response.content else None
