"""Documents of the newest instant: their places are known, whatever else is stored, removed and replaced."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.documents import heads
from fakeserver.documents.changes import Change, Put, Remove
from fakeserver.documents.collection import Collection
from fakeserver.documents.order import OrderKey
from fakeserver.documents.ranks import STEP
from fakeserver.problems import Document


def order(document: Document) -> OrderKey:
    return -document["at"], document["id"]


def row(at: int, identity: str) -> Document:
    return {"id": identity, "at": at}


ids = st.text("abcd", min_size=1, max_size=3)
kinds = st.sampled_from(["put", "put", "put", "remove", "fork"])
steps = st.lists(st.tuples(kinds, st.integers(0, 3), ids), max_size=60)


@given(steps)
def test_lists_are_in_order_whatever_happens(steps: list[tuple[str, int, str]]) -> None:
    """Few instants and few ids, so that most documents meet others of their instant, and take others' places."""
    collection, known = Collection.of([], order), dict[str, int]()
    for what, at, identity in steps:
        if what == "fork":
            view = collection._overlay.fork()
            collection._overlay = view
        elif what == "put":
            known[identity] = at
            collection.apply([Put(row(at, identity), "")])
        elif identity in known:
            del known[identity]
            collection.apply([Remove(identity)])
        wanted = sorted((-at, identity) for identity, at in known.items())
        assert [order(each) for each in collection.documents()] == wanted
        first = [place for place in wanted if place[0] == wanted[0][0]]
        assert collection._overlay._heads._ids in ([], [identity for _, identity in first])
        for age, identity in [(-4, "b"), *((wanted[0][0], each) for each in ("a", "bb", "d"))] if wanted else ():
            index = collection._overlay._heads.index((age, identity))
            assert index in (None, sum(place <= (age, identity) for place in wanted))


def created(collection: Collection, at: int, count: int, chance: random.Random) -> None:
    changes: list[Change] = [Put(row(at, f"{chance.getrandbits(64):016x}"), "") for _ in range(count)]
    for change in changes:
        collection.apply([change])


def test_a_crowd_finds_room_where_one_was_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first instant each document moves another on average; at the next ones few do."""
    moved: list[int] = []

    def count(self: Any, places: dict[int, int]) -> None:
        moved.append(len(places))

    collection, chance = Collection.of([], order), random.Random(1)
    monkeypatch.setattr(type(collection._ageing), "move", count)
    created(collection, 1, 2_000, chance)
    squeezed = sum(moved)
    moved.clear()
    for at in range(2, 6):
        created(collection, at, 2_000, chance)
    assert squeezed > 2_000
    assert sum(moved) / 4 < squeezed / 3


def test_single_documents_take_one_step_each() -> None:
    """As ever, where each instant has one."""
    collection = Collection.of([], order)
    for at in range(5):
        collection.apply([Put(row(at, "x" * at), "")])
    ranks = [*collection.everything]
    assert [behind - front for front, behind in itertools.pairwise(ranks)] == [STEP] * 4


def test_more_than_are_kept_at_hand_are_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MAX_HEADS", 10)
    collection, chance = Collection.of([], order), random.Random(2)
    created(collection, 1, 30, chance)
    assert not collection._overlay._heads
    assert [*map(order, collection.documents())] == sorted(map(order, collection.documents()))
    created(collection, 2, 3, chance)
    assert len(collection._overlay._heads._ids) == 3
