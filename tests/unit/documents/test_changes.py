"""Changes: a list of them is made as one, says what is wrong with it, and can be written to a log and read back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.documents.changes import Change, ChangeError, Clear, Put, Remove, dump, load
from fakeserver.documents.collection import Collection
from fakeserver.documents.order import newest_first
from fakeserver.documents.seeded import FIRST
from tests.support.asgi import Row, app_of
from tests.support.tenant import Tenant, server, untouched

names = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
ordinals = st.none() | st.integers(0, 10**7)
changes = st.one_of(
    st.builds(Put, st.dictionaries(names, values, max_size=4), names, ordinals),
    st.builds(Remove, names, ordinals),
    st.just(Clear()),
)
PROVIDER = server(40).services["dreadnode"].provider


def tenant() -> Collection:
    return untouched("dreadnode")


def named(document: Row, identity: str, **more: Any) -> Row:
    return {**document, "id": identity, **more}


# Written and read back


@given(st.lists(changes, max_size=5))
def test_a_log_gives_back_what_was_written(written: list[Change]) -> None:
    """Changes survive JSON: they are equal, in number and in order."""
    log = "\n".join(json.dumps(dump(change)) for change in written)
    assert [load(json.loads(line)) for line in log.splitlines()] == written


def test_a_log_makes_the_same_collection_again() -> None:
    """The changes of one collection, read back from a log, make of another what the first one became."""
    first, second, log = tenant(), tenant(), list[str]()
    document = first.document(FIRST + 3)
    written: list[list[Change]] = [
        [Put(named(document, "00000000-0000-4000-8000-00000000000a"), "somebody")],
        [Put(named(document, document["id"], state="killed"), "somebody", 3), Remove(first.document(FIRST)["id"], 0)],
        [
            Put(named(document, document["id"], state="paused"), "somebody"),
            Remove("00000000-0000-4000-8000-00000000000a"),
        ],
    ]
    for some in written:
        first.apply(some)
        log.append(json.dumps([dump(change) for change in some]))
    for line in log:
        second.apply([load(value) for value in json.loads(line)])
    assert json.dumps(second.dump()) == json.dumps(first.dump())
    assert list(second.documents()) == list(first.documents())
    assert second.version == first.version == 3


WRONG: tuple[tuple[Any, str], ...] = (
    (None, ""),
    ([], ""),
    ({}, "change"),
    ({"change": 1}, "change"),
    ({"change": "age"}, "change"),
    ({"change": "put", "owner": "x"}, "document"),
    ({"change": "put", "document": {}}, "owner"),
    ({"change": "put", "document": [], "owner": "x"}, "document"),
    ({"change": "put", "document": {}, "owner": None}, "owner"),
    ({"change": "put", "document": {}, "owner": "x", "ordinal": -1}, "ordinal"),
    ({"change": "put", "document": {}, "owner": "x", "ordinal": True}, "ordinal"),
    ({"change": "put", "document": {}, "owner": "x", "ordinal": 1.0}, "ordinal"),
    ({"change": "put", "document": {}, "owner": "x", "rank": 1}, "rank"),
    ({"change": "remove"}, "identity"),
    ({"change": "remove", "identity": 7}, "identity"),
    ({"change": "clear", "ordinal": 1}, "ordinal"),
    ({"change": "clear", "more": 1}, "more"),
)


@pytest.mark.parametrize(("value", "field"), WRONG, ids=str)
def test_what_is_not_a_change_is_refused(value: Any, field: str) -> None:
    """And the refusal names the member that is wrong."""
    with pytest.raises(ChangeError) as error:
        load(value)
    assert error.value.field == field


# Made


def test_a_seeded_document_is_found_by_its_ordinal() -> None:
    """Its id alone finds nothing; an ordinal alone, with another document's id, neither."""
    collection = tenant()
    document = collection.document(FIRST + 5)
    with pytest.raises(ChangeError, match="there is no document"):
        collection.apply([Remove(document["id"])])
    with pytest.raises(ChangeError, match="there is no document"):
        collection.apply([Remove(document["id"], 6)])
    with pytest.raises(ChangeError, match="there is no document"):
        collection.apply([Put(named(document, "somebody else"), "somebody", 5)])
    with pytest.raises(ChangeError, match="there is no document"):
        collection.apply([Remove(document["id"], 10**6)])
    assert collection.untouched
    collection.apply([Remove(document["id"], 5)])
    assert document not in list(collection.documents())
    with pytest.raises(ChangeError, match="there is no document"):
        collection.apply([Remove(document["id"], 5)])
    assert collection.version == 1


def test_a_stored_document_is_found_by_its_id() -> None:
    """Put twice, it is there once, as it was put last; its ordinal is not asked for any more, nor in the way."""
    collection = tenant()
    document = collection.document(FIRST + 5)
    for ordinal, state in ((5, "killed"), (None, "paused"), (5, "running")):
        collection.apply([Put(named(document, document["id"], state=state), "somebody", ordinal)])
        (found,) = (each for each in collection.documents() if each["id"] == document["id"])
        assert found["state"] == state
    assert len(collection) == len(tenant())
    collection.apply([Remove(document["id"])])
    assert len(collection) == len(tenant()) - 1


def test_changes_are_made_one_after_the_other() -> None:
    """What an earlier change of the list made, a later one may change, remove and make again."""
    collection = tenant()
    document = collection.document(FIRST)
    new = named(document, "00000000-0000-4000-8000-00000000000a")
    changes: list[Change] = [
        Put(new, "one"),
        Remove(new["id"]),
        Put(new, "two"),
        Put({**new, "state": "killed"}, "three"),
    ]
    model = Tenant.of(PROVIDER, collection)
    model.apply(changes)
    collection.apply(changes)
    shown = [(collection.document(rank), collection.owner(rank)) for rank in collection.everything]
    assert shown == model.shown()
    collection.apply([Put(named(new, "b"), "one"), Clear(), Put(named(new, "c"), "one")])
    assert [each["id"] for each in collection.documents()] == ["c"]
    with pytest.raises(ChangeError) as error:
        collection.apply([Put(named(new, "d"), "one"), Clear(), Remove("c")])
    assert error.value.field == "2"


BAD: dict[str, Change] = {
    "no date": Put({"id": "x", "created_at": "soon"}, "somebody"),
    "no id": Put({"created_at": "2026-01-18T10:30:00Z"}, "somebody"),
    "a number that JSON readers differ on": Put(
        {"id": "x", "created_at": "2026-01-18T10:30:00Z", "count": 2**70}, "somebody"
    ),
    "no JSON": Put({"id": "x", "created_at": "2026-01-18T10:30:00Z", "tags": {1, 2}}, "somebody"),
    "half a character": Put({"id": "x", "created_at": "2026-01-18T10:30:00Z", "name": "\ud800"}, "somebody"),
    "nobody there": Remove("x"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_change_changes_nothing(bad: str) -> None:
    """Neither do the good ones before it, whatever they were."""
    collection = tenant()
    collection.apply([Put(named(collection.document(FIRST), "first"), "somebody")])
    before = json.dumps(collection.dump()), list(collection.everything), collection.version
    seeded = collection.document(FIRST + 2)
    good: list[Change] = [Clear(), Put(named(seeded, "second"), "somebody")]
    for some in ([BAD[bad]], [*good, BAD[bad]], [*good[1:], Remove("first"), Remove(seeded["id"], 2), BAD[bad]]):
        with pytest.raises(ChangeError) as error:
            collection.apply(some)
        assert error.value.field == str(len(some) - 1)
        assert (json.dumps(collection.dump()), list(collection.everything), collection.version) == before


def test_nothing_is_not_a_change() -> None:
    """An empty list leaves even the version as it was."""
    collection = tenant()
    collection.apply([])
    assert collection.untouched


def test_a_document_whose_field_cannot_be_filed_is_stored_all_the_same() -> None:
    """Who asks for the field finds out; other fields, and pages, go on."""
    collection = Collection.of([], newest_first("created", "id"))
    from fakeserver.documents.keys import elements, itself

    assert not collection.postings("labels", elements)
    assert not collection.postings("state", itself)
    collection.add({"id": "a", "created": "2026-01-18T10:30:00Z", "labels": 7, "state": "new"}, "somebody")
    assert list(collection.filed("state", itself, "new")) == list(collection.everything)
    with pytest.raises(TypeError):
        collection.postings("labels", elements)
    collection.change({collection.everything[0]: {**collection.document(collection.everything[0]), "labels": ["x"]}})
    assert list(collection.filed("labels", elements, "x")) == list(collection.everything)


# The world's version


def test_every_change_raises_the_version_of_its_world() -> None:
    """One number for all tenants of all providers, which a reset and a restored snapshot raise as well."""
    app = app_of(size=40)
    world = app.world
    versions = [world.version]
    for slug, tenant_name in (("dreadnode", "acme"), ("prime", "research"), ("dreadnode", "globex")):
        provider = app.services[slug].provider
        collection = world.advance(provider)[tenant_name]
        document = {**collection.document(FIRST), provider.identity: "another"}
        world.apply(provider, tenant_name, [Put(document, "somebody")])
        versions.append(world.version)
    assert versions == [0, 1, 2, 3]
    with pytest.raises(ChangeError):
        world.apply(PROVIDER, "acme", [Remove("nobody")])
    assert world.version == 3
    world.reset()
    assert world.version == 4
    world.reset()
    assert world.version == 5
