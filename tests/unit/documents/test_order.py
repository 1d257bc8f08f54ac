"""The order of every listing."""

from __future__ import annotations

from typing import Any

from fakeserver.documents.order import newest_first


def ids(documents: list[dict[str, Any]], created: str) -> list[Any]:
    """The ids of documents in their order."""
    return [document["id"] for document in sorted(documents, key=newest_first(created, "id"))]


def test_the_newest_come_first_and_ids_break_ties() -> None:
    """Of one instant, the lower id is first."""
    documents = [
        {"id": "c", "at": "2026-01-01T00:00:00Z"},
        {"id": "b", "at": "2026-01-02T00:00:00Z"},
        {"id": "a", "at": "2026-01-01T00:00:00Z"},
    ]
    assert ids(documents, "at") == ["b", "a", "c"]


def test_numbers_are_in_the_order_of_numbers() -> None:
    """Ten comes behind nine, also where no date comes before."""
    documents = [{"id": number, "at": "2026-01-01T00:00:00Z"} for number in (10, 9, 2**63 - 1, 0, 100)]
    assert ids(documents, "at") == ids(documents, "") == [0, 9, 10, 100, 2**63 - 1]


def test_ids_alone_order_what_has_no_date() -> None:
    """Whatever other fields say."""
    assert ids([{"id": "b", "at": "2026"}, {"id": "a"}], "") == ["a", "b"]
