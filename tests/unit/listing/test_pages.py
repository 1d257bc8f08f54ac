"""Positions: which rows a page has, in every order, and where the pages next to it are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from fakeserver.documents.collection import Collection
from fakeserver.listing.envelopes import Envelope, Member, Page
from fakeserver.listing.orders import NEWEST_FIRST, OLDEST_FIRST, Order, OrderParameter
from fakeserver.listing.pages import Cursor, First, Numbered, Pages, Window, window
from fakeserver.problems import Problem
from tests.support.listing import CONTEXT, Issuer, collection_of, ids_of, part_of, subsets, value_of
from tests.support.soak import examples

CURSOR = Pages(Cursor(), Envelope("items", {"next_cursor": "next"}))
orders = st.sampled_from([NEWEST_FIRST, OLDEST_FIRST])


def in_order(ids: list[str], order: Order) -> list[str]:
    return ids[::-1] if order.backwards else ids


@settings(max_examples=examples(60))
@given(part=subsets, size=st.integers(1, 30), order=orders)
def test_numbered_pages_concatenate_to_the_whole(part: tuple[int, set[int]], size: int, order: Order) -> None:
    """For every page size the numbered pages hold every found document once, in order, and then come empty pages."""
    collection, found, whole = part_of(*part)
    members: dict[str, Member] = {"total": "total", "page": "page", "per_page": "size", "has_next": "has_next"}
    pages = Pages(Numbered(), Envelope("rows", members), order)
    seen: list[str] = []
    last = max(1, -(-len(whole) // size))
    for number in range(1, last + 3):
        page = pages.page(found, {"page": number, "per_page": size}, collection, CONTEXT)
        value = value_of(page, collection)
        listed = [each["id"] for each in value.pop("rows")]
        assert value == {"total": len(whole), "page": number, "per_page": size, "has_next": number < last}
        assert len(listed) == size or number >= last
        assert (page.offset, page.count, page.pages) == ((number - 1) * size, len(listed), -(-len(whole) // size))
        seen += listed
    assert seen == in_order(whole, order)


@settings(max_examples=examples(60))
@given(part=subsets, limit=st.integers(1, 30), order=orders)
def test_the_first_rows_are_the_beginning(part: tuple[int, set[int]], limit: int, order: Order) -> None:
    """A list without a second page is the beginning of the whole."""
    collection, found, whole = part_of(*part)
    page = Pages(First(), order=order).page(found, {"limit": limit}, collection, CONTEXT)
    assert [each["id"] for each in value_of(page, collection)] == in_order(whole, order)[:limit]
    assert (page.total, page.count, page.size) == (len(whole), min(limit, len(whole)), limit)


@settings(max_examples=examples(60))
@given(part=subsets, limit=st.none() | st.integers(1, 30), offset=st.none() | st.integers(0, 30), order=orders)
def test_a_window_is_a_slice(part: tuple[int, set[int]], limit: int | None, offset: int | None, order: Order) -> None:
    """A window of a whole listing is Python's slice of it, its limit clamped; the total counts everything found."""
    collection, found, whole = part_of(*part)
    pages = Pages(Window(most=7), Envelope(headers={"X-Total": "total"}), order)
    page = pages.page(found, {"limit": limit, "offset": offset}, collection, CONTEXT)
    start = offset or 0
    end = None if limit is None else start + min(limit, 7)
    assert [each["id"] for each in value_of(page, collection)] == in_order(whole, order)[start:end]
    assert page.headers == {"X-Total": str(len(whole))}
    assert page.has_next is (end is not None and end < len(whole))


@settings(max_examples=examples(60))
@given(part=subsets, offset=st.integers(0, 30), count=st.integers(-2, 30))
def test_backwards_is_the_same_window_of_the_reversed_list(part: tuple[int, set[int]], offset: int, count: int) -> None:
    """Counting from the other end needs no list to be turned around first."""
    found = part_of(*part)[1]
    assert window(found, offset, count) == list(found)[offset : offset + max(0, count)]
    assert window(found, offset, count, True) == list(found)[::-1][offset : offset + max(0, count)]


# Cursors.


def walk(pages: Pages, found: BitMap, limit: int, collection: Collection, **more: Any) -> Iterator[Page]:
    """The pages behind one another, until one has no cursor."""
    text: str | None = None
    while True:
        page = pages.page(found, {"limit": limit, "cursor": text, **more}, collection, CONTEXT)
        yield page
        text = page.next
        if text is None:
            return


@settings(max_examples=examples(80))
@given(part=subsets, limit=st.integers(1, 6), order=orders)
def test_cursor_pages_concatenate_to_the_whole(part: tuple[int, set[int]], limit: int, order: Order) -> None:
    """A walk visits every found document once, in order; only the last page is short, and only it has no cursor."""
    collection, found, whole = part_of(*part)
    walked = list(walk(Pages(Cursor(), order=order), found, limit, collection))
    assert [each for page in walked for each in ids_of(page, collection)] == in_order(whole, order)
    assert all(page.count == limit and page.has_next for page in walked[:-1])
    assert not walked[-1].has_next
    assert {page.total for page in walked} == {len(whole)}


@settings(max_examples=examples(120))
@given(
    count=st.integers(1, 24),
    limit=st.integers(1, 6),
    steps=st.lists(st.tuples(st.sampled_from(["add", "remove", "remove-last-seen"]), st.integers(0, 30)), max_size=8),
    order=orders,
)
def test_a_cursor_stays_true_while_documents_come_and_go(
    count: int, limit: int, steps: list[tuple[str, int]], order: Order
) -> None:
    """While the newest are added and others removed, a walk still shows every document that stayed, once, in order."""
    collection = collection_of(count)
    pages = Pages(Cursor(), CURSOR.envelope, order)
    started_with = in_order([each["id"] for each in collection.documents()], order)
    seen: list[str] = []
    text: str | None = None
    fresh = iter(range(100))
    while True:
        page = pages.page(collection.everything, {"limit": limit, "cursor": text}, collection, CONTEXT)
        value = value_of(page, collection)
        seen += [each["id"] for each in value["items"]]
        text = value["next_cursor"]
        if text is None:
            break
        if steps:
            step, number = steps.pop()
            if step == "add":
                new = next(fresh)
                collection.add({"id": f"new-{new:02d}", "created": f"2026-02-01T{new:02d}:00:00Z"}, "somebody")
            else:
                ranks = [rank for rank in collection.everything if collection.document(rank)["id"] == seen[-1]]
                if step == "remove":
                    ranks = [collection.everything[number % len(collection.everything)]]
                collection.remove(BitMap(ranks))
    left = {each["id"] for each in collection.documents()}
    assert len(set(seen)) == len(seen), "a document was shown twice"
    assert [each for each in started_with if each in left and each in seen] == [
        each for each in started_with if each in left
    ], "a document that stayed was not shown"
    assert [each for each in seen if each in started_with] == [each for each in started_with if each in seen]


@settings(max_examples=examples(60))
@given(limit=st.integers(1, 5), at=st.integers(0, 11), order=orders)
def test_a_cursor_stays_true_when_everything_is_ranked_anew(limit: int, at: int, order: Order) -> None:
    """A document that is older than the newest moves the ranks of others; a walk goes on where it was all the same."""
    collection = collection_of(12)
    pages = Pages(Cursor(), order=order)
    first = pages.page(collection.everything, {"limit": limit, "cursor": None}, collection, CONTEXT)
    seen = ids_of(first, collection)
    collection.add({"id": "id-late", "created": f"2026-01-01T00:{at // 3:02d}:00Z"}, "somebody")
    rest = pages.page(collection.everything, {"limit": 50, "cursor": first.next}, collection, CONTEXT)
    whole = in_order([each["id"] for each in collection.documents()], order)
    assert ids_of(rest, collection) == whole[whole.index(seen[-1]) + 1 :]


def test_a_cursor_expires() -> None:
    """A cursor with a limited life is refused once that is over, and not a moment before."""
    collection = collection_of(5)
    pages = Pages(Cursor(life=100), CURSOR.envelope)
    value = value_of(pages.page(collection.everything, {"limit": 1, "cursor": None}, collection, CONTEXT), collection)
    asked = {"limit": 1, "cursor": value["next_cursor"]}

    def later(microseconds: int) -> Page:
        context = type(CONTEXT)(Issuer(as_of=CONTEXT.issuer.as_of + microseconds), CONTEXT.tenant, CONTEXT.question)
        return pages.page(collection.everything, asked, collection, context)

    assert value_of(later(100), collection)["items"]
    with pytest.raises(Problem, match="expired"):
        later(101)


@pytest.mark.parametrize("text", ["garbage", "", "A" * 600])
@pytest.mark.parametrize("order", [NEWEST_FIRST, OLDEST_FIRST], ids=lambda order: order.name)
@pytest.mark.parametrize("name", ["cursor", "nextToken"])
def test_the_parameter_that_a_bad_cursor_came_in_is_blamed(name: str, order: Order, text: str) -> None:
    """A refusal names the provider's own parameter, whatever it is called."""
    collection = collection_of(5)
    with pytest.raises(Problem) as refusal:
        Pages(Cursor(name), order=order).page(collection.everything, {"limit": 1, name: text}, collection, CONTEXT)
    assert [issue.loc for issue in refusal.value.issues] == [("query", name)]
    assert refusal.value.status == 400


# Orders.

CHOICE = OrderParameter("order", {"desc": NEWEST_FIRST, "asc": OLDEST_FIRST})


@pytest.mark.parametrize(("text", "order"), [(None, NEWEST_FIRST), ("desc", NEWEST_FIRST), ("asc", OLDEST_FIRST)])
def test_a_parameter_chooses_the_order(text: str | None, order: Order) -> None:
    """Without the parameter the first of the declared orders holds."""
    collection = collection_of(10)
    pages = Pages(Cursor(), order=CHOICE)
    assert pages.parameters == {"limit", "cursor", "order"}
    walked = walk(pages, collection.everything, 3, collection, order=text)
    whole = [each["id"] for each in collection.documents()]
    assert [each for page in walked for each in ids_of(page, collection)] == in_order(whole, order)
    assert CONTEXT.order is NEWEST_FIRST


def test_a_cursor_is_bound_to_its_order() -> None:
    """A cursor of the list in one order is refused in another."""
    collection = collection_of(10)
    pages = Pages(Cursor(), order=CHOICE)

    def ask(order: str, cursor: str | None) -> Page:
        return pages.page(collection.everything, {"limit": 3, "cursor": cursor, "order": order}, collection, CONTEXT)

    cursor = ask("asc", None).next
    assert ask("asc", cursor).ranks
    with pytest.raises(Problem, match="these filters"):
        ask("desc", cursor)


# Links.

LINK = Envelope(headers={"Link": "links"})
HERE = "http://127.0.0.1:8000/ns/mine/prime/api/v1/sandbox"


def links(page: Page) -> dict[str, dict[str, str]]:
    """The query of every link, by relation."""
    assert page.headers is not None
    found = re.findall(r'<([^>]*)>; rel="(\w+)"', page.headers["Link"])
    assert ", ".join(f'<{target}>; rel="{relation}"' for target, relation in found) == page.headers["Link"]
    targets = {relation: urlsplit(urljoin(HERE + "?old=1", target)) for target, relation in found}
    assert {each._replace(query="").geturl() for each in targets.values()} == {HERE}
    return {relation: dict(parse_qsl(each.query)) for relation, each in targets.items()}


def linked(pages: Pages, query: str, collection: Collection) -> Page:
    """The page that a query asks for."""
    numbers = {name: int(text) if text.isdigit() else text for name, text in parse_qsl(query)}
    values: dict[str, Any] = {**dict.fromkeys(pages.parameters), **numbers}
    context = type(CONTEXT)(CONTEXT.issuer, CONTEXT.tenant, CONTEXT.question, query.encode())
    return pages.page(collection.everything, values, collection, context)


@pytest.mark.parametrize(
    ("position", "query"),
    [(Numbered(), "page=1&per_page=4"), (Window(most=4), "limit=9"), (Cursor("nextToken"), "limit=4")],
    ids=["numbered", "window", "cursor"],
)
def test_links_lead_through_the_whole_list(position: Any, query: str) -> None:
    """Whoever follows rel="next" sees every row once, and every other parameter of the query goes along."""
    collection = collection_of(22)
    pages = Pages(position, Envelope(headers={"Link": "links", "X-Total-Count": "total"}))
    query += "&state=a%26b&label=x%20y&label=z"
    seen: list[str] = []
    for _ in range(10):
        page = linked(pages, query, collection)
        assert page.headers is not None
        assert page.headers["X-Total-Count"] == "22"
        seen += ids_of(page, collection)
        found = links(page)
        assert all(each["state"] == "a&b" for each in found.values())
        if "next" not in found:
            break
        target = re.search(r'<\?([^>]*)>; rel="next"', page.headers["Link"])
        assert target is not None
        query = target[1]
        assert dict(parse_qsl(query))["label"] == "z"
        assert len([each for each in parse_qsl(query) if each[0] == "label"]) == 2
    assert seen == [each["id"] for each in collection.documents()]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, {"first": "1", "next": "2", "last": "3"}),
        (2, {"first": "1", "prev": "1", "next": "3", "last": "3"}),
        (3, {"first": "1", "prev": "2", "last": "3"}),
        (9, {"first": "1", "prev": "3", "last": "3"}),
    ],
)
def test_numbered_links(number: int, expected: dict[str, str]) -> None:
    """A numbered page knows its neighbours and both ends; behind the end the last page is the one before."""
    page = linked(Pages(Numbered(), LINK), f"page={number}&per_page=4", collection_of(10))
    assert {relation: query["page"] for relation, query in links(page).items()} == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"first": "0"}),
        ("limit=4", {"first": "0", "next": "4"}),
        ("limit=4&offset=2", {"first": "0", "prev": "0", "next": "6"}),
        ("limit=4&offset=6", {"first": "0", "prev": "2"}),
    ],
)
def test_window_links(query: str, expected: dict[str, str]) -> None:
    """A window knows the one before and the one behind, if it has a size."""
    page = linked(Pages(Window(most=5), LINK), query, collection_of(10))
    assert {relation: each["offset"] for relation, each in links(page).items()} == expected
