"""Known deviations: reported, not failed, until they expire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from contract_tests.outcome import Outcome, Verdict

FIELDS = {"law", "reason", "expires", "provider"}


class LedgerError(ValueError):
    """A ledger that cannot be read; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One deviation that somebody knows about."""

    law: str
    reason: str
    expires: date
    provider: str = ""


def read(path: Path) -> tuple[Accepted, ...]:
    """The ledger: a YAML list of law, reason and expires (a date), each for all providers or for one."""
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError:
        raise LedgerError(f"{path}: is not YAML") from None
    if not isinstance(value, list):
        raise LedgerError(f"{path}: must be a list of law, reason and expires")
    return tuple(_entry(path, index, each) for index, each in enumerate(value))


def _entry(path: Path, index: int, raw: Any) -> Accepted:
    where = f"{path}: entry {index + 1}"
    if not isinstance(raw, dict) or set(raw) - FIELDS or not {"law", "reason", "expires"} <= set(raw):
        raise LedgerError(f"{where} needs law, reason and expires, and nothing else but provider")
    expires = raw["expires"]
    if isinstance(expires, str):
        try:
            expires = date.fromisoformat(expires)
        except ValueError:
            raise LedgerError(f"{where}: expires is not a date") from None
    if not isinstance(expires, date):
        raise LedgerError(f"{where}: expires is not a date")
    return Accepted(str(raw["law"]), str(raw["reason"]), expires, str(raw.get("provider", "")))


def apply_ledger(
    outcomes: Iterable[Outcome], ledger: Sequence[Accepted], slug: str, today: date
) -> tuple[list[Outcome], list[str]]:
    """The outcomes with what is accepted marked as such, and notes on entries that expired or are no longer needed."""
    found, notes, used = [], [], set()
    for outcome in outcomes:
        entry = next((each for each in ledger if each.law == outcome.law and each.provider in ("", slug)), None)
        if entry is None or outcome.verdict is not Verdict.BROKEN:
            found.append(outcome)
            continue
        used.add(entry)
        if entry.expires < today:
            notes.append(f"{entry.law}: the acceptance ({entry.reason}) expired on {entry.expires}")
            found.append(outcome)
        else:
            sentence = f"{outcome.sentence} (accepted until {entry.expires}: {entry.reason})"
            found.append(replace(outcome, verdict=Verdict.ACCEPTED, sentence=sentence))
    for entry in ledger:
        if entry not in used and entry.provider in ("", slug):
            notes.append(f"{entry.law}: the accepted deviation was not seen; the entry may go")
    return found, notes
