"""Kept answers: bounded, each kind by itself, and brought up to date by the documents that changed and no others."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fakeserver.documents.answers import MAX_ANSWERS, MAX_FOLLOWED, MAX_NOTED, Answer, Answers
from fakeserver.documents.cache import Cache
from fakeserver.documents.seeded import MAX_PLACES
from fakeserver.listing.filters import AnyOf
from fakeserver.listing.scope import Scope
from fakeserver.listing.select import find
from fakeserver.problems import Document
from tests.support.tenant import untouched

STATE = AnyOf("state", field="state")


@given(st.integers(1, 5), st.lists(st.integers(0, 9), max_size=30))
def test_the_oldest_goes(most: int, keys: list[int]) -> None:
    """A cache has at most so many values, and they are the latest that were new."""
    cache: Cache[int, str] = Cache(most)
    kept: list[int] = []
    for key in keys:
        cache.keep(key, str(key))
        kept = kept if key in kept else [*kept, key][-most:]
        assert list(cache) == kept
        assert all(cache[each] == str(each) for each in kept)


def asks(collection: Any, question: str, asked: list[Document]) -> BitMap:
    """A question whose filter notes every document that it is asked about one by one."""

    class Noting:
        parameter, field, keys = STATE.parameter, STATE.field, STATE.keys

        def predicate(self, value: Any) -> Any:
            def holds(document: Document) -> bool:
                asked.append(document)
                return STATE.predicate(value)(document)

            return holds

        def rows(self, index: Any, value: Any) -> Any:
            asked.append({"rows": value})
            return STATE.rows(index, value)

    kinds: Any = (Noting(),)
    return find(question, kinds, collection, Scope("t"), {"state": (question,)})


def test_only_what_changed_is_asked_about_again() -> None:
    """The index is asked once; after writes, the documents that were written, once each."""
    collection = untouched("dreadnode")
    asked: list[Document] = []
    before = set(asks(collection, "running", asked))
    asks(collection, "running", asked)
    assert asked == [{"rows": ("running",)}]
    asked.clear()
    first, second = sorted(before)[:2]
    paused = {**collection.document(first), "state": "paused"}
    new = {**collection.document(first), "id": "00000000-0000-4000-8000-00000000000a"}
    collection.change({first: paused})
    collection.add(new, "somebody")
    collection.remove(BitMap([second]))
    (rank,) = [rank for rank in collection.everything if collection.document(rank) == new]
    assert set(asks(collection, "running", asked)) == before - {first, second} | {rank}
    assert sorted(asked, key=str) == sorted([paused, new], key=str)


def test_an_answer_that_missed_too_much_is_found_anew() -> None:
    """Changes are noted for so many writes and so many documents, and what is not noted is not guessed."""
    for writes, documents in ((MAX_NOTED, 1), (MAX_NOTED + 1, 1), (1, MAX_FOLLOWED), (1, MAX_FOLLOWED + 1)):
        answers = Answers()
        for _ in range(5):
            answers.note([1])
        revision = answers.revision
        for number in range(writes):
            answers.note(range(number, number + documents))
        changed = answers.changed_since(revision)
        if writes > MAX_NOTED or documents > MAX_FOLLOWED:
            assert changed is None
        else:
            assert changed is not None
            assert sorted(changed) == sorted(
                rank for number in range(writes) for rank in range(number, number + documents)
            )
        assert answers.changed_since(answers.revision) == []


def test_a_bitmap_that_was_kept_for_somebody_else_stays() -> None:
    """An answer may be the index's own bitmap; following changes it makes one of its own first."""
    rows = BitMap([1, 2, 3])
    answer = Answer(rows, 0, lambda document, owner: document["found"])
    shown = {2: ({"found": False}, "x"), 4: ({"found": True}, "x")}
    assert answer.follow([2, 4, 5], shown.get, 1) == BitMap([1, 3, 4])
    assert rows == BitMap([1, 2, 3])
    assert answer.revision == 1
    assert answer.follow([3], shown.get, 2) == BitMap([1, 4])


def test_walking_a_list_leaves_the_answers_alone() -> None:
    """The places of thousands of rows are kept apart from what questions found."""
    collection = untouched("dreadnode", 1_000)
    kept = find("running", (STATE,), collection, Scope("t"), {"state": ("running",)})
    for rank in collection.everything:
        collection.order(rank)
    for number in range(MAX_ANSWERS - 1):
        find(number, (STATE,), collection, Scope("t"), {"state": ("paused",)})
    assert len(collection.everything) > MAX_ANSWERS
    assert MAX_PLACES > MAX_ANSWERS
    assert find("running", (STATE,), collection, Scope("t"), {"state": ("running",)}) is kept
    find("one more", (STATE,), collection, Scope("t"), {"state": ("paused",)})
    assert find("running", (STATE,), collection, Scope("t"), {"state": ("running",)}) == kept
    assert len(collection.answers.found) == MAX_ANSWERS
