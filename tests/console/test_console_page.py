"""docs/console.md: its addresses show what they say, its commands answer, and its picture is of the console."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
from pathlib import Path

import pytest

from tests.console.views import ANSWERED, READY, ROWS, Console
from tests.support.asgi import ROOT, app_of
from tests.support.chromium import WIDE, Page
from tests.support.server import Live, serving

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")
ADDRESSES = re.findall(r"^\| `(/[^`]*)` \| ([A-Za-z ]+): ", PAGE, re.MULTILINE)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
PICTURE = ROOT / "docs" / "explorer.png"
WRITTEN = os.environ.get("FAKESERVER_PICTURE")
"""Where `make pages` has the picture written."""
SECONDS = 30


def test_every_view_has_its_address() -> None:
    """The table is whole."""
    source = (ROOT / "fakeserver" / "console" / "static" / "main.js").read_text(encoding="utf-8")
    assert [title for _, title in ADDRESSES] == re.findall(r'^  \w+: \["([^"]+)"', source, re.MULTILINE)


@pytest.mark.parametrize(("address", "title"), ADDRESSES)
def test_an_address_shows_what_it_says(still: Live, page: Page, address: str, title: str) -> None:
    page.clear()
    page.open(still.root + address)
    page.wait(READY)
    assert page.run("document.querySelector('main h1').innerText") == title
    assert page.run("document.querySelectorAll('main [role=alert]').length") == 0


def test_the_browser_takes_every_address(page: Page) -> None:
    """As many in a second as the suite gives it; a person's takes no more than 200 in ten seconds."""
    views = [f"#/call/{each}" for each in range(300)]
    taken = page.run(
        f"""{json.dumps(views)}.filter((each) => {{
          history.replaceState(null, '', each);
          return location.hash === each;
        }})"""
    )
    assert taken == views


def test_every_command_answers(served: Live) -> None:
    """Run as they stand, in their order."""
    told = []
    for command in COMMANDS:
        line = command.replace("http://127.0.0.1:8000", served.root)
        run = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=SECONDS, check=False)
        assert (run.returncode, run.stderr) == (0, ""), command
        told.append(run.stdout)
    refused, late, failed, specification, other, live, why = told
    assert "detail" in refused
    assert "sandboxes" in late
    assert "error" in failed
    assert specification.startswith('{"openapi"')
    assert other.startswith("openapi:")
    assert "url: /ns/my-branch/prime" in other
    assert 'data: {"id":1,' in live
    assert '"why":' in why


def test_the_picture_is_of_the_explorer(page: Page, tmp_path: Path) -> None:
    """Taken of a world that is the same on every machine; `make pages` puts it into its place."""
    with serving(app_of()) as live:
        console = Console(live, page)
        console.explore("dreadnode", "state=running")
        page.wait(f"{ROWS}.length === 50 && {ANSWERED} && document.querySelector('[data-facet=states]')")
        page.run("document.querySelector('#answered').textContent = '200, 50 rows, 4 ms'")
        page.run("document.querySelector('#said').remove()")
        taken = Path(WRITTEN) if WRITTEN else tmp_path / "explorer.png"
        page.picture(taken)
    for file in (taken, PICTURE):
        head = file.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", head[16:24]) == WIDE
