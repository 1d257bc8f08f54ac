"""Records: what is shown of a document that is made, and what is stored."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fakeserver.documents.changes import Put
from fakeserver.documents.states import HELD, OUTCOME, SINCE, Life, Machine, Transition
from fakeserver.lifecycle.records import Record, begin

NOW = 1_768_732_200_000_000
MACHINE = Machine(
    "state",
    (
        Transition("booted", ("new",), "running", seconds=5),
        Transition("broken", ("new",), "failed", seconds=5, outcome="error"),
    ),
    facts={"uses": int},
)
RECORD = Record(Life({"id": "a", "state": "new"}, {"uses": 0}), "me", "main", "a")


@pytest.mark.parametrize(
    ("mode", "outcome", "stored", "kept"),
    [
        ("immediate", "", "running", {}),
        ("immediate", "error", "failed", {}),
        ("clock", "", "new", {"timed": True}),
        ("clock", "error", "new", {OUTCOME: "error", "timed": True}),
        ("manual", "error", "new", {OUTCOME: "error", HELD: True}),
    ],
)
def test_a_document_begins_its_life(mode: str, outcome: str, stored: str, kept: dict[str, Any]) -> None:
    """The answer shows its first state; what is stored lives from now on, in the outcome that somebody wants."""
    view: Any = SimpleNamespace(now=NOW, transitions=mode, outcome=outcome)
    begun = begin(RECORD, MACHINE, view)
    assert begun.shown is not None
    assert begun.shown.document == RECORD.document
    (put,) = begun.write.changes
    assert isinstance(put, Put)
    assert (put.document, put.owner) == ({"id": "a", "state": stored}, "me")
    assert put.kept == {"uses": 0, SINCE: NOW, **kept}
