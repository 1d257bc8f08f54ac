"""The index: filed in place, document by document, and never under the hands of somebody who holds a bitmap."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fakeserver.documents.collection import Collection
from fakeserver.documents.index import NOTHING, Filing
from fakeserver.documents.keys import Key, elements, itself
from fakeserver.documents.order import newest_first
from fakeserver.documents.ranks import GAP, Layout
from fakeserver.documents.seeded import FIRST
from tests.support.asgi import SLUGS, Row, main_tenant
from tests.support.listing import fill, filters_of
from tests.support.tenant import server

words = st.sampled_from(["prod", "dev", "eval"])
labels = st.lists(words, unique=True, max_size=3)
SIZE = 8


def postings(values: dict[int, Any], keys: Any = elements) -> dict[Key, BitMap]:
    found: dict[Key, BitMap] = {}
    for rank, value in values.items():
        for key in keys(value):
            found.setdefault(key, BitMap()).add(rank)
    return found


def filled(filed: dict[Key, BitMap]) -> dict[Key, BitMap]:
    return {key: ranks for key, ranks in filed.items() if ranks}


@given(
    st.lists(labels, min_size=SIZE, max_size=SIZE),
    st.lists(
        st.lists(st.tuples(st.integers(0, SIZE + 3), st.none() | labels), max_size=4, unique_by=lambda each: each[0]),
        max_size=6,
    ),
    st.booleans(),
    st.data(),
)
def test_filings_follow_and_what_was_handed_out_stays(
    seeded: list[list[str]],
    changes: list[list[tuple[int, list[str] | None]]],
    gap: bool,
    chance: st.DataObject,
) -> None:
    """After any changes, every key has the ranks that have it now, and each bitmap that was handed out has those that
    had it then."""
    layout = Layout().with_gap(SIZE // 2, GAP) if gap else Layout()
    values: dict[int, Any] = {layout.rank(ordinal): value for ordinal, value in enumerate(seeded)}
    filing = Filing(postings({FIRST + ordinal: value for ordinal, value in enumerate(seeded)}), layout)
    held: list[tuple[BitMap, list[int]]] = []
    for some in changes:
        for key in chance.draw(st.lists(words, max_size=2)):
            bitmap = filing.filed(key)
            held.append((bitmap, list(bitmap)))
        if chance.draw(st.booleans()):
            held += [(bitmap, list(bitmap)) for bitmap in filing.postings().values()]
        moves = []
        for ordinal, value in some:
            rank = layout.rank(ordinal)
            moves.append((rank, values.pop(rank, NOTHING), NOTHING if value is None else value))
            if value is not None:
                values[rank] = value
        filing.refile(moves, elements)
        assert filled(filing.postings()) == postings(values)
        for key in ("prod", "dev", "eval", "nobody"):
            assert filing.filed(key) == postings(values).get(key, BitMap())
    for bitmap, ranks in held:
        assert list(bitmap) == ranks


def test_a_forked_filing_is_on_its_own() -> None:
    """Changes of the one are not seen in the other, whichever is changed."""
    filing = Filing(postings({FIRST: ["prod"], FIRST + 1: ["dev"]}), Layout())
    filing.refile([(FIRST + 2, NOTHING, ["prod"])], elements)
    fork = filing.fork()
    fork.refile([(FIRST, ["prod"], NOTHING), (FIRST + 3, NOTHING, ["eval"])], elements)
    assert filled(fork.postings()) == postings({FIRST + 1: ["dev"], FIRST + 2: ["prod"], FIRST + 3: ["eval"]})
    assert filled(filing.postings()) == postings({FIRST: ["prod"], FIRST + 1: ["dev"], FIRST + 2: ["prod"]})


def test_a_write_files_one_document() -> None:
    """However many there are, only the keys of the document that was written are looked at."""
    asked: list[Any] = []

    def counting(value: Any) -> Iterator[Key]:
        asked.append(value)
        yield value

    collection = Collection(None, newest_first("created", "id"))
    fill(
        collection,
        (
            ({"id": f"{number:03d}", "created": "2026-01-18T10:30:00Z", "state": "old"}, "somebody")
            for number in range(300)
        ),
    )
    assert len(collection.filed("state", counting, "old")) == 300
    asked.clear()
    collection.add({"id": "123a", "created": "2026-01-18T10:30:00Z", "state": "new"}, "somebody")
    collection.change({collection.everything[7]: {**collection.document(collection.everything[7]), "state": "changed"}})
    collection.remove(BitMap([collection.everything[9]]))
    assert len(collection.filed("state", counting, "old")) == 298
    assert sorted(asked) == ["changed", "new", "old", "old"]


def test_the_seeded_postings_are_nobodys_to_change() -> None:
    """Worlds share them; after writes in one, another of the same seed is as it was."""
    for slug in SLUGS:
        app = server(40)
        provider = app.services[slug].provider
        first = app.world.seeded.collections(provider)[provider.default_tenant]
        second = app.world.seeded.collections(provider)[provider.default_tenant]
        fields = {kind.field: kind.keys for route in app.services[slug].routes for kind in filters_of(route.meaning)}
        before = {
            field: {key: list(ranks) for key, ranks in second.postings(field, keys).items()}
            for field, keys in fields.items()
        }
        for field, keys in fields.items():
            first.postings(field, keys)
        document: Row = first.document(FIRST)
        for number in range(20):
            first.add({**document, provider.identity: f"new-{number}"}, "somebody")
        first.remove(BitMap(list(first.everything)[::2]))
        after = {
            field: {key: list(ranks) for key, ranks in second.postings(field, keys).items()}
            for field, keys in fields.items()
        }
        assert after == before
        assert second.untouched


def test_views_and_filings() -> None:
    """A copy's index is whole, too: what it files is what it shows, before and after the original is changed."""
    collection = copy.copy(main_tenant(server(40), "dreadnode"))
    view = copy.copy(collection)
    before = {key: list(ranks) for key, ranks in view.postings("state", itself).items()}
    collection.remove(BitMap(list(collection.everything)[:5]))
    assert {key: list(ranks) for key, ranks in view.postings("state", itself).items()} == before
    assert sum(len(ranks) for ranks in collection.postings("state", itself).values()) == len(view) - 5
