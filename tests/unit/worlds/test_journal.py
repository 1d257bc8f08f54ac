"""The ring: numbers, what is put into words when, and the remarks that come from what was asked before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakeserver.admin.part import Part
from fakeserver.instants import SECOND
from fakeserver.worlds import journal as module
from fakeserver.worlds.entries import Entry, Exchange, Particulars, describe
from fakeserver.worlds.journal import LOOP, MAX_ENTRIES, Journal


def exchange(query: bytes = b"", *, caller: str = "admin", instant: int = 0, **more: Any) -> Exchange:
    facts: dict[str, Any] = {"operation": None, "values": {}, "status": 200, "fault": None, "retry_after": None}
    facts["is_list"] = True
    about = Particulars(provider="prime", method="GET", path="/", query=query, caller=caller, **(facts | more))
    return Exchange(instant, about)


def remarks(journal: Journal, **facts: Any) -> list[str]:
    journal.add(exchange(**facts))
    return [*next(journal.entries()).warnings]


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the exchanges that were put into words."""
    numbers: list[int] = []

    def counting(exchange: Exchange, number: int) -> Entry:
        numbers.append(number)
        return describe(exchange, number)

    monkeypatch.setattr(module, "describe", counting)
    return numbers


def test_an_exchange_is_described_when_it_is_read_and_once(described: list[int]) -> None:
    journal = Journal()
    for number in range(10):
        journal.add(exchange(b"page=%d" % number))
    assert described == []
    assert [row["id"] for row in journal.rows(3)] == [10, 9, 8]
    assert described == [10, 9, 8]
    assert [entry.number for entry in journal.entries()] == [*range(10, 0, -1)]
    assert [entry.query for entry in journal.entries()] == [f"page={number}" for number in range(9, -1, -1)]
    assert described == [*range(10, 0, -1)]


def test_numbers_go_on_over_the_edge_of_the_ring_and_over_a_snapshot() -> None:
    """Also where the entries of the snapshot have numbers with gaps."""
    journal = Journal()
    for _ in range(MAX_ENTRIES + 3):
        journal.add(exchange())
    assert [row["id"] for row in journal.rows()] == [*range(MAX_ENTRIES + 3, 3, -1)]

    restored = Journal()
    entries = [describe(exchange(), number).dump() for number in (2, 5)]
    restored.load(Part({"total": 9, "repeated": 1, "retry_at": [], "entries": entries}))
    restored.add(exchange())
    restored.add(exchange())
    assert [row["id"] for row in restored.rows()] == [11, 10, 5, 2]


def test_a_loop_is_remarked_on_once() -> None:
    """At the fifth equal request for something that was understood; another caller or query starts anew."""
    journal = Journal()
    counts = [len(remarks(journal)) for _ in range(LOOP + 2)]
    assert counts == [0] * (LOOP - 1) + [1, 0, 0]
    assert remarks(journal, caller="member") == []
    assert not any(remarks(journal, values=None) for _ in range(LOOP))


@pytest.mark.parametrize("between", ["nothing", "another query"])
def test_a_loop_goes_on_after_a_snapshot(between: str) -> None:
    journal, restored = Journal(), Journal()
    for _ in range(LOOP - 1):
        journal.add(exchange(b"page=1&api_key=S"))
    restored.load(Part(json.loads(json.dumps(journal.dump()))))
    if between == "another query":
        restored.add(exchange(b"page=2"))
    assert len(remarks(restored, query=b"page=1&api_key=S")) == (between == "nothing")


def test_retry_after_is_remembered_for_one_caller_and_one_request() -> None:
    journal = Journal()
    journal.add(exchange(retry_after="3", instant=10 * SECOND))
    assert remarks(journal, caller="member", instant=11 * SECOND) == []
    assert remarks(journal, instant=11 * SECOND) == ["Retry-After was ignored: 2.0 s too early"]
    assert remarks(journal, instant=12 * SECOND) == []
    journal.add(exchange(retry_after="3", instant=20 * SECOND))
    assert remarks(journal, instant=23 * SECOND) == []


@pytest.mark.parametrize("text", ["soon", "Fri, 31 Dec 1999 23:59:59 GMT", "-1", "1.5"])
def test_a_retry_after_that_is_not_in_seconds_is_not_remembered(text: str) -> None:
    journal = Journal()
    journal.add(exchange(retry_after=text))
    assert remarks(journal, query=b"other") == []


def test_clear_forgets_everything() -> None:
    journal = Journal()
    for _ in range(LOOP - 1):
        journal.add(exchange(retry_after="9"))
    journal.clear()
    assert journal.dump() == Journal().dump()
    assert remarks(journal) == []
    assert journal.rows()[0]["id"] == 1
