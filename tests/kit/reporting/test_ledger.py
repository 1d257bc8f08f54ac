"""Known deviations: reported, not failed, until they expire."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from contract_tests.outcome import Verdict, broken
from contract_tests.reporting import ledger


def test_the_ledger_accepts_until_it_expires(tmp_path: Path) -> None:
    """A known deviation is reported, not failed; an expired one fails and says so; one that is gone may go."""
    path = tmp_path / "ledger.yaml"
    path.write_text("- {law: a, reason: known, expires: 2030-01-01}\n- {law: b, reason: old, expires: 2020-01-01}\n")
    entries = ledger.read(path)
    found, notes = ledger.apply_ledger([broken("a", "x"), broken("b", "y")], entries, "prime", date(2025, 1, 1))
    assert [each.verdict for each in found] == [Verdict.ACCEPTED, Verdict.BROKEN]
    assert notes == ["b: the acceptance (old) expired on 2020-01-01"]
    assert ledger.apply_ledger([], entries, "prime", date(2019, 1, 1))[1][0].startswith(
        "a: the accepted deviation was not seen"
    )


@pytest.mark.parametrize("text", ["{}", "- {law: a}", "- {law: a, reason: b, expires: soon}", "- [", "- {x: 1}"])
def test_a_bad_ledger_is_named(tmp_path: Path, text: str) -> None:
    """One sentence that names the file."""
    path = tmp_path / "ledger.yaml"
    path.write_text(text)
    with pytest.raises(ledger.LedgerError, match=r"ledger\.yaml"):
        ledger.read(path)
