"""Time is a view: what was stored stays as it was stored, and every instant looks the same each time it is seen."""

from __future__ import annotations

import copy
import json
from itertools import pairwise

from pyroaring import BitMap

from fakeserver.documents.changes import Put, Remove
from fakeserver.documents.collection import Collection
from fakeserver.documents.dues import Lifetimes
from fakeserver.documents.keys import itself
from fakeserver.documents.order import newest_first
from fakeserver.documents.seeded import FIRST, Seeded
from fakeserver.documents.states import GONE, Due, Machine, Transition
from fakeserver.instants import at
from fakeserver.problems import Document
from tests.support.asgi import EPOCH, Row

ORDER = newest_first("created", "id")
SIZE = 12


def passed(document: Document, then: int, now: int) -> Document:
    return {**document, "passed": document["passed"] + now - then}


def after(limit: int) -> Due:
    def due(document: Document, kept: Document, since: int) -> int:
        asked.append(document["id"])
        if document["id"].startswith("broken"):
            raise ValueError(document["id"])
        return since + limit - int(document["passed"])

    return due


asked: list[str] = []
TABLE = Machine(
    "state",
    (
        Transition("end", ("running",), "ended", due=after(100)),
        Transition("leave", ("ended",), GONE, due=after(200)),
        Transition("kill", ("running",), "killed"),
    ),
    meters={"running": passed, "ended": passed},
)
"""Running documents count what passes, end after 100 and are gone after 200; some cannot be read."""


def seeded() -> Seeded:
    def document(ordinal: int) -> Document:
        created = at(EPOCH - ordinal * 1_000_000)
        state = "running" if ordinal % 3 else "killed"
        return {"id": f"seeded-{ordinal:02d}", "created": created, "passed": 5 * ordinal, "state": state}

    from fakeserver.documents.draws import Column

    owners = Column("owner", ("somebody",), (0,), (bytes(256),), frozenset())
    return Seeded(
        lambda draw: document(draw.ordinal),
        ORDER,
        key=b"",
        epoch=EPOCH,
        size=SIZE,
        columns={"owner": owners},
        vocabularies={},
        pins={},
    )


def tenant() -> Collection:
    return Collection(seeded(), ORDER, Lifetimes(TABLE, EPOCH))


def new(identity: str, passed: int = 0, state: str = "running") -> Row:
    return {"id": identity, "created": at(EPOCH + 1), "passed": passed, "state": state}


def look(collection: Collection) -> tuple[list[Document], list[bytes], dict[str, list[str]]]:
    """Everything that a reader can see."""
    ranks = list(collection.everything)
    filed = {
        str(state): [collection.document(rank)["id"] for rank in found]
        for state, found in collection.postings("state", itself).items()
        if found
    }
    return list(collection.documents()), collection.bodies(ranks), filed


def by_id(collection: Collection) -> dict[str, Document]:
    return {document["id"]: document for document in collection.documents()}


def test_each_instant_looks_the_same_whenever_it_is_seen() -> None:
    """Forth and back, in one step or in many: the documents, their bodies and their filing."""
    instants = [0, 1, 60, 100, 150, 190, 10**6]
    looks = {}
    for aged in instants:
        collection = tenant()
        collection.advance_to(aged)
        looks[aged] = look(collection)
    assert all(looks[one] != looks[other] for one, other in pairwise(instants))
    collection = tenant()
    for aged in (60, 0, 190, 100, 10**6, 1, 150, 60, 0):
        collection.advance_to(aged)
        assert look(collection) == looks[aged], aged
    assert collection.untouched


def test_only_candidates_change() -> None:
    """What is not in a state that time changes is not even asked."""
    collection = tenant()
    assert collection.candidates() == BitMap(FIRST + ordinal for ordinal in range(SIZE) if ordinal % 3)
    collection.advance_to(10**6)
    assert {document["state"] for document in collection.documents()} == {"killed"}
    collection.apply([Put(new("one"), "x"), Put(new("two", state="killed"), "x")])
    (one,) = [rank for rank in collection.everything if collection.document(rank)["id"] == "one"]
    assert one in collection.candidates()
    assert len(collection.candidates()) == SIZE - SIZE // 3 + 1


def test_what_is_stored_ages_from_then_on() -> None:
    """A document is as it was stored at the instant it was stored, and before; then it ages by what passes."""
    collection = tenant()
    collection.advance_to(1_000)
    collection.apply([Put(new("late"), "x")])
    assert by_id(collection)["late"] == new("late")
    for aged, passed in ((1_050, 50), (1_000, 0), (500, 0), (0, 0), (1_099, 99)):
        collection.advance_to(aged)
        assert by_id(collection)["late"]["passed"] == passed, aged
    collection.advance_to(1_100)
    assert by_id(collection)["late"]["state"] == "ended"
    collection.advance_to(1_200)
    assert "late" not in by_id(collection)


def test_a_write_leaves_the_view_of_the_others_alone() -> None:
    """Nobody else is asked for its age again, and the one that was written is as it was written."""
    collection = Collection(seeded(), ORDER, Lifetimes(TABLE, EPOCH))
    collection.advance_to(60)
    before = by_id(collection)
    asked.clear()
    collection.apply([Put(new("new"), "x"), Put({**before["seeded-01"], "state": "killed"}, "x", 1)])
    collection.apply([Remove("seeded-02", 2)])
    assert asked == []
    expected = {**before, "new": new("new"), "seeded-01": {**before["seeded-01"], "state": "killed"}}
    del expected["seeded-02"]
    assert by_id(collection) == expected
    collection.advance_to(0)
    assert asked == []
    collection.advance_to(60)
    assert by_id(collection) == expected


def test_what_time_took_can_be_changed() -> None:
    """A document that is gone by now is stored all the same: it can be put again, or removed for good."""
    collection = tenant()
    collection.advance_to(10**6)
    assert "seeded-01" not in by_id(collection)
    assert collection.shown(FIRST + 1) is None
    collection.apply([Put(new("seeded-01") | {"created": at(EPOCH - 1_000_000)}, "x", 1), Remove("seeded-02", 2)])
    assert by_id(collection)["seeded-01"]["passed"] == 0
    collection.advance_to(0)
    assert "seeded-01" in by_id(collection)
    assert "seeded-02" not in by_id(collection)


def test_documents_find_their_place_among_those_that_are_gone() -> None:
    """One that is stored next to a document that time took stands in order with it when time goes back."""
    collection = tenant()
    collection.advance_to(10**6)
    between = new("between") | {"created": at(EPOCH - 1_500_000)}
    collection.apply([Put(between, "x")])
    collection.advance_to(0)
    ids = [document["id"] for document in collection.documents()]
    assert ids == ["seeded-00", "seeded-01", "between", *(f"seeded-{ordinal:02d}" for ordinal in range(2, SIZE))]
    collection.advance_to(60)
    assert by_id(collection)["seeded-05"]["passed"] == 85


def test_what_cannot_be_read_does_not_age() -> None:
    collection = tenant()
    collection.apply([Put(new("broken"), "x")])
    collection.advance_to(10**6)
    assert by_id(collection)["broken"] == new("broken")


def test_a_view_keeps_its_instant() -> None:
    """A copy shows what it showed, whether time passes for the original or for the copy."""
    collection = tenant()
    collection.advance_to(60)
    then = look(collection)
    view = copy.copy(collection)
    collection.advance_to(150)
    now = look(collection)
    assert look(view) == then != now
    view.advance_to(199)
    assert look(collection) == now


def test_time_passes_for_a_restored_collection() -> None:
    """What is dumped under a moved clock is what was stored, and when."""
    from fakeserver.admin.part import Part

    collection = tenant()
    collection.advance_to(1_000)
    collection.apply([Put(new("late"), "x"), Put(new("later"), "x")])
    collection.advance_to(1_150)
    restored = tenant()
    restored.advance_to(1_150)
    restored.load(Part(json.loads(json.dumps(collection.dump()))), lambda documents, part: None)
    assert look(restored) == look(collection)
    for aged in (0, 1_050, 1_200):
        restored.advance_to(aged)
        collection.advance_to(aged)
        assert look(restored) == look(collection)
