"""`fakeserver tail`: the journal in a terminal."""

from __future__ import annotations

import contextlib
import io
import json

import pytest

from fakeserver.cli import main
from fakeserver.serving.tail import Entry, follow, line_of
from tests.support.admin import small_app
from tests.support.asgi import PATHS
from tests.support.server import Live, serving


def entries(*numbers: int) -> list[Entry]:
    return [{"id": number} for number in numbers]


class Journal:
    """A journal that grows, or is emptied, while somebody waits."""

    def __init__(self, *steps: list[int] | None) -> None:
        self.held: list[int] = []
        self.steps = [*steps]

    def look(self, limit: int) -> list[Entry]:
        return entries(*self.held[:limit])

    def pause(self) -> None:
        if not self.steps:
            raise KeyboardInterrupt
        step = self.steps.pop(0)
        self.held = [] if step is None else step + self.held


def seen(journal: Journal, lines: int) -> list[int]:
    found = []
    with contextlib.suppress(KeyboardInterrupt):
        for entry in follow(journal.look, lines, journal.pause):
            found.append(entry["id"])
    return found


def test_what_comes_is_shown_once_and_in_order() -> None:
    assert seen(Journal([1], [], [4, 3, 2], [5]), 10) == [1, 2, 3, 4, 5]


def test_it_begins_with_the_last() -> None:
    journal = Journal([8])
    journal.held = [7, 6, 5, 4]
    assert seen(journal, 2) == [6, 7, 8]
    journal = Journal([8])
    journal.held = [7, 6]
    assert seen(journal, 0) == [8]


def test_an_emptied_journal_begins_anew() -> None:
    journal = Journal(None, [2, 1])
    journal.held = [9, 8]
    assert seen(journal, 10) == [8, 9, 1, 2]


def test_a_line_moves_no_terminal() -> None:
    entry = {"time": "t", "method": "GET", "path": "/\x1b[2J\n", "query": "", "status": 200, "operation": None}
    assert "\x1b" not in line_of({**entry, "caller": "admin", "fault": None, "warnings": ["a\rb"]})
    assert line_of({**entry, "caller": None, "fault": None, "warnings": ["a", "b"]}).count("\n") == 2


def tail(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    return main(["tail", "--once", *arguments], out, io.StringIO()), out.getvalue()


@pytest.mark.slow
def test_a_server_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Its last requests as lines or as JSON, by the token that it wants; who has none is told so."""
    with serving(small_app(size=10, admin_token="sesame")) as live:
        shown = show(live)
        assert "GET /prime" + PATHS["prime"] + "?colour=red 200 listSandboxes as admin" in shown
        assert "\n  ! parameter 'colour'" in shown
        code, told = tail("--url", live.root, "--admin-token", "sesame", "--format", "json")
        assert (code, json.loads(told)["status"]) == (0, 200)
        assert tail("--url", live.root) == (1, "")
        assert "admin token" in capsys.readouterr().err
    assert tail("--url", live.root) == (1, "")


def show(live: Live) -> str:
    live.request("prime", PATHS["prime"] + "?colour=red")
    code, told = tail("--url", live.root, "--admin-token", "sesame")
    assert code == 0
    return told
