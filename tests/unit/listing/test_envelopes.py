"""Envelopes: data that says what stands around the rows, and combines with every position."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakeserver.listing.envelopes import BARE, Envelope, Fact, Page
from fakeserver.listing.pages import Cursor, First, Numbered, Pages, Position, Window
from fakeserver.providers import PROVIDERS
from tests.support.listing import CONTEXT, collection_of, value_of
from tests.support.soak import examples

FACTS: tuple[Fact, ...] = get_args(Fact)
POSITIONS: dict[str, tuple[Position, dict[str, Any]]] = {
    "window": (Window(most=50), {"limit": 3, "offset": 4}),
    "first": (First(), {"limit": 3}),
    "numbered": (Numbered(), {"page": 2, "per_page": 3}),
    "cursor": (Cursor(), {"limit": 3, "cursor": None}),
}
KNOWN = {
    "window": {"total": 10, "count": 3, "size": 3, "offset": 4, "has_next": True},
    "first": {"total": 10, "count": 3, "size": 3},
    "numbered": {"total": 10, "count": 3, "size": 3, "offset": 3, "page": 2, "pages": 4, "has_next": True},
    "cursor": {"total": 10, "count": 3, "size": 3, "has_next": True},
}
names = st.text(max_size=6) | st.sampled_from(["%d", '"', "ü", "next_cursor", "%", "{}"])
members = st.recursive(
    st.dictionaries(names, st.sampled_from(FACTS), max_size=4),
    lambda inner: st.dictionaries(names, st.sampled_from(FACTS) | inner, max_size=3),
    max_leaves=6,
)
headers = st.dictionaries(st.sampled_from(["X-One", "X-Two"]), st.sampled_from(FACTS))
envelopes = st.builds(
    Envelope,
    items=st.just("the rows"),
    members=members,
    headers=headers,
) | st.builds(Envelope, headers=headers)
pages = st.builds(
    Page,
    ranks=st.just([7, 8]),
    total=st.integers(0, 2**31),
    size=st.none() | st.integers(1, 100),
    offset=st.none() | st.integers(0, 100),
    page=st.none() | st.integers(1, 100),
    has_next=st.booleans(),
    next=st.none() | st.text(alphabet="aZ09-_", max_size=8),
    links=st.none() | st.just('<?page=2>; rel="next"'),
)


def explained(description: Any, known: Mapping[Any, Any], rows: list[Any]) -> tuple[Any, dict[str, str]]:
    """The body and the headers that a description means, as somebody else would read it."""

    def filled(part: Any) -> Any:
        return known[part] if isinstance(part, str) else {name: filled(inner) for name, inner in part.items()}

    found = {name: known[fact] for name, fact in description["headers"].items()}
    texts = {name: json.dumps(each).strip('"') for name, each in found.items() if not isinstance(each, str)}
    texts |= {name: each for name, each in found.items() if isinstance(each, str)}
    body = rows if description["items"] is None else {description["items"]: rows, **filled(description["members"])}
    return body, {name: text for name, text in texts.items() if found[name] is not None}


@settings(max_examples=examples(200))
@given(envelope=envelopes, page=pages)
@example(Envelope("%s", {"100%": {}}), Page([7, 8], 2))
def test_an_envelope_is_what_its_description_says(envelope: Envelope, page: Page) -> None:
    """The description as JSON says everything: another reader of it puts the same around the rows."""
    description = json.loads(json.dumps(dataclasses.asdict(envelope)))
    assert Envelope(**description) == envelope
    known = {fact: getattr(page, fact) for fact in FACTS}
    body, headers = explained(description, known, [1, 2])
    for _ in range(2):
        # The second time from what was kept of the first.
        envelope.compile()(page)
        assert json.loads(page.before + b"1,2" + page.after) == body
        assert (page.headers or {}) == headers


@settings(max_examples=examples(60))
@given(envelope=envelopes, known=st.lists(pages, min_size=2, max_size=4))
def test_no_page_gets_what_another_one_knew(envelope: Envelope, known: list[Page]) -> None:
    """One compiled envelope stands around many pages, and what it keeps of one is not sent with another."""
    together, alone = envelope.compile(), [dataclasses.replace(page) for page in known]
    for page in [*known, *known]:
        together(page)
    for page, other in zip(known, alone, strict=True):
        envelope.compile()(other)
        assert page == other


@pytest.mark.parametrize("kind", POSITIONS)
@pytest.mark.parametrize("items", [None, "rows"])
@pytest.mark.parametrize("place", ["members", "headers"])
def test_every_position_goes_into_every_envelope(kind: str, items: str | None, place: str) -> None:
    """Whatever a position knows can be said in an object or in headers, around a bare array too."""
    position, values = POSITIONS[kind]
    collection = collection_of(10)
    known = KNOWN[kind]
    assert set(known) == position.facts - {"next", "links"}
    names: dict[str, Any] = {f"X-{fact}": fact for fact in known}
    envelope = Envelope(items, **{place: names}) if items or place == "headers" else BARE
    page = Pages(position, envelope).page(collection.everything, values, collection, CONTEXT)
    value = value_of(page, collection)
    rows = value if items is None else value.pop("rows")
    assert [each["id"] for each in rows] == [collection.document(rank)["id"] for rank in page.ranks]
    told = {f"X-{fact}": each for fact, each in known.items()}
    if place == "headers":
        assert page.headers == {name: json.dumps(each) for name, each in told.items()}
    elif items:
        assert value == told


def test_a_token_in_a_header_of_a_bare_array() -> None:
    """One line of a table says E2B's way: rows in a bare array, the next page's token in a header, none at the end."""
    pages = Pages(Cursor("nextToken"), Envelope(headers={"X-Next-Token": "next"}))
    collection, seen, token = collection_of(7), [], None
    assert pages.parameters == {"limit", "nextToken"}
    for _ in range(3):
        page = pages.page(collection.everything, {"limit": 3, "nextToken": token}, collection, CONTEXT)
        seen += [each["id"] for each in value_of(page, collection)]
        token = (page.headers or {}).get("X-Next-Token")
    assert token is None
    assert page.headers is None
    assert seen == [each["id"] for each in collection.documents()]


def test_members_may_stand_in_an_object_of_their_own() -> None:
    envelope = Envelope("data", {"meta": {"paging": {"page": "page"}, "total": "total"}, "more": "has_next"})
    page = Page([], 12, 5, 5, 2, True)
    envelope.compile()(page)
    assert page.before + page.after == b'{"data":[],"meta":{"paging":{"page":2},"total":12},"more":true}'
    assert envelope.facts == {"page", "total", "has_next"}


@pytest.mark.parametrize("slug", PROVIDERS)
def test_the_providers_ask_for_nothing_unknown(slug: str) -> None:
    """An envelope's facts are among those that its position knows."""
    for meaning in PROVIDERS[slug].operations.values():
        pages = getattr(meaning, "pages", None)
        if pages is not None:
            assert pages.envelope.facts <= pages.position.facts


@pytest.mark.parametrize("items", [None, "total"])
def test_members_need_an_object_in_which_they_have_a_name(items: str | None) -> None:
    with pytest.raises(ValueError, match="'total'"):
        Envelope(items, {"total": "total"})
