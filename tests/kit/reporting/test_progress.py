"""The bar of a check, on a terminal only."""

from __future__ import annotations

import os
from io import StringIO

import pytest

from contract_tests.judging.session import SHARED_ACCOUNT
from contract_tests.planted.false_alarms import handler
from contract_tests.reporting.progress import ERASE, Progress
from tests.support.deployments import judged


class Terminal(StringIO):
    """A terminal with so many columns; with none it is one that does not tell."""

    def __init__(self, columns: int = 0) -> None:
        super().__init__()
        self.columns = columns

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        if not self.columns:
            raise OSError("not the terminal of a process")
        return self.columns


@pytest.fixture(autouse=True)
def sized(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal has as many columns as its descriptor is called."""
    monkeypatch.setattr(os, "get_terminal_size", lambda descriptor: os.terminal_size((descriptor, 24)))
    monkeypatch.setenv("TERM", "xterm")


def test_the_bar_fills_with_the_budget() -> None:
    """Requests against the budget where there is one, and their number where there is none; the line is cleared."""
    stream = Terminal()
    progress = Progress(stream, {"laws": 48})
    progress("laws", 24, "pages.total")
    progress("laws", 480)
    progress("conformance", 3)
    progress.done()
    lines = stream.getvalue().split(ERASE)
    assert lines == [
        "",
        f"laws, pages.total: [{'#' * 12}{'.' * 12}] 24 of at most 48 requests",
        f"laws: [{'#' * 24}] 480 of at most 48 requests",
        "conformance: 3 requests",
        "",
    ]


@pytest.mark.parametrize("columns", [1, 2, 10, 40, 80, 200])
def test_the_line_never_wraps(columns: int) -> None:
    """It is cut in front of the last column; what is written over would else be the end of a longer line."""
    stream = Terminal(columns)
    progress = Progress(stream, {"laws": 120})
    progress("laws", 60, "filters.conjunction")
    assert len(stream.getvalue().removeprefix(ERASE)) == min(columns - 1, 80)


@pytest.mark.parametrize(("stream", "term"), [(StringIO(), "xterm"), (Terminal(), "dumb")])
def test_nothing_is_written_where_nothing_can_be_erased(
    stream: StringIO, term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, a pipe, and a terminal that cannot go back."""
    monkeypatch.setenv("TERM", term)
    progress = Progress(stream, {})
    progress("laws", 1, "pages.total")
    progress.done()
    assert stream.getvalue() == ""


def test_a_run_tells_which_law_it_exercises() -> None:
    """With every answer: the layer, the requests so far, and the law that asked."""
    told: list[tuple[str, int, str]] = []
    report = judged(handler("prime", 0, 100), progress=lambda *each: told.append(each))
    assert {"filters.single", "pages.windows"} < {law for _, _, law in told}
    assert [sent for _, sent, _ in told] == sorted(sent for _, sent, _ in told)
    assert told[-1][1] == report.requests[SHARED_ACCOUNT]
