"""The bar of a check, on a terminal only."""

from __future__ import annotations

from io import StringIO

from contract_tests.reporting.progress import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_fills_with_the_budget() -> None:
    """Requests against the budget where there is one, and their number where there is none; the line is cleared."""
    stream = Terminal()
    progress = Progress(stream, {"laws": 48})
    progress("laws", 24)
    progress("laws", 480)
    progress("conformance", 3)
    progress.done()
    lines = stream.getvalue().split("\r\x1b[K")
    assert lines == [
        "",
        f"laws: [{'#' * 12}{'.' * 12}] 24 of at most 48 requests",
        f"laws: [{'#' * 24}] 480 of at most 48 requests",
        "conformance: 3 requests",
        "",
    ]


def test_a_file_gets_no_bar() -> None:
    """Nothing is written where nobody looks."""
    stream = StringIO()
    progress = Progress(stream, {})
    progress("laws", 1)
    progress.done()
    assert stream.getvalue() == ""
