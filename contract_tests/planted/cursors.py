"""Dreadnode's cursors: places that are lost, doubled or never reached, and cursors that work where they must not."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from contract_tests.planted.backend import LIST, Backend, Next, crash
from contract_tests.planted.bug import Plant, table
from contract_tests.planted.plants import (
    Query,
    WrongPosition,
    also,
    around,
    body,
    change_pages,
    change_position,
    change_query,
    query_of,
    swap_status,
    with_query,
)
from fakeserver.documents.collection import Collection
from fakeserver.listing.envelopes import Page
from fakeserver.listing.pages import Context, Cursor
from fakeserver.pipeline.exchange import Answer, Request
from fakeserver.problems import bad_cursor

Place = Callable[[list[int], int, Callable[[int], str]], int]
"""The ranks, the rank of the last row sent and the creation date of a rank → the position of the next row."""
More = Callable[[list[int], int, int], bool]
"""The ranks, the first position and the limit → whether another page is announced."""


def _position(ranks: list[int], rank: int, created: Callable[[int], str]) -> int:
    return bisect_right(ranks, rank)


def _more(ranks: list[int], start: int, limit: int) -> bool:
    return start + limit < len(ranks)


def cursor(
    place: Place = _position, more: More = _more, bound: Callable[[Context], Context] = lambda context: context
) -> Plant:
    """Cursor pages in which the place behind a cursor, or the end, is found in another way, or whose cursors are bound
    to less."""

    def change(right: Cursor) -> WrongPosition:
        def paging(found: list[int], values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
            context = bound(context)
            limit, text, start = values[right.limit], values[right.cursor], 0
            if text is not None:
                rank = right.unseal(text, context)[1]
                start = place(found, rank, lambda each: str(collection.document(each)["created_at"]))
            sent = found[start : start + limit]
            following = right.seal(sent[-1], collection, context) if sent and more(found, start, limit) else None
            return Page(sent, len(found), next=following)

        return WrongPosition(right, paging)

    return change_position(change)


def _skipping_ties(ranks: list[int], rank: int, created: Callable[[int], str]) -> int:
    """`created_at < :last`: the rows of the same instant are lost."""
    start = bisect_right(ranks, rank)
    while start < len(ranks) and created(ranks[start]) == created(rank):
        start += 1
    return start


def _repeating_ties(ranks: list[int], rank: int, created: Callable[[int], str]) -> int:
    """`created_at <= :last`, without the last row itself: the others of the same instant come again."""
    start = bisect_right(ranks, rank)
    while start > 1 and created(ranks[start - 2]) == created(rank):
        start -= 1
    return start


def _unbound(context: Context) -> Context:
    return replace(context, tenant="", question=b"")


def _loose_filters(query: Query) -> Query:
    return [pair for pair in query if pair[0] not in ("state", "project_id")]


def _given(query: Query) -> bool:
    return any(name == "cursor" for name, _ in query)


def _restarting(request: Request, following: Next) -> Answer:
    """A cursor that cannot be read begins at the first page."""
    answer = following(request)
    if answer.status == 400 and _given(query_of(request)):
        return following(with_query(request, [pair for pair in query_of(request) if pair[0] != "cursor"]))
    return answer


def _ending(request: Request, following: Next) -> Answer:
    """A cursor that cannot be read is the end of the list."""
    answer = following(request)
    if answer.status == 400 and _given(query_of(request)):
        return Answer(200, b'{"items":[],"next_cursor":null}')
    return answer


def _failing(request: Request, following: Next) -> Answer:
    answer = following(request)
    if answer.status == 400:
        raise crash()
    return answer


def _orgless(context: Context) -> Context:
    """The cursor is bound to the filters, but not to the org."""
    return replace(context, tenant="")


def _baked(backend: Backend, operation: str) -> Backend:
    """The cursor remembers the filters it was made with, and those of the request are not looked at."""
    filters: dict[str, Query] = {}

    def change(request: Request, following: Next) -> Answer:
        query = query_of(request)
        cached = filters.get(dict(query).get("cursor", ""))
        if cached is not None:
            query = [*cached, *(pair for pair in query if pair[0] not in ("state", "project_id"))]
            request = with_query(request, query)
        answer = following(request)
        following_cursor = orjson.loads(answer.text()).get("next_cursor") if answer.status == 200 else None
        if following_cursor:
            filters[following_cursor] = [pair for pair in query if pair[0] in ("state", "project_id")]
        return answer

    return around(change)(backend, operation)


def _plain_offset(found: list[int], values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
    """The cursor is the number of rows to skip, in base 64."""
    limit, text = values["limit"], values["cursor"]
    try:
        start = int(base64.b64decode(text, validate=True)) if text is not None else 0
    except (ValueError, binascii.Error):
        raise bad_cursor("The cursor is not one that this API handed out", "cursor") from None
    sent = found[max(0, start) :][:limit]
    more = start + limit < len(found)
    following = base64.b64encode(b"%d" % (start + limit)).decode() if more else None
    return Page(sent, len(found), next=following)


def _unsigned(found: list[int], values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
    """Whatever the cursor's check says, a place is found: damage only moves it."""
    limit, text = values["limit"], values["cursor"]
    start = 0
    if text is not None:
        digits = "".join(each for each in text if each.isdigit())[:10]
        if len(digits) < 8:
            raise bad_cursor("The cursor is not one that this API handed out", "cursor")
        start = bisect_right(found, int(digits))
    sent = found[start : start + limit]
    following = f"{sent[-1]:010d}" if start + limit < len(found) else None
    return Page(sent, len(found), next=following)


def _looping(backend: Backend, operation: str) -> Backend:
    """The last page's cursor leads back to the first page."""
    backend = cursor(more=lambda ranks, start, limit: True)(backend, operation)

    def change(request: Request, following: Next) -> Answer:
        answer = following(request)
        if answer.status == 200 and _given(query_of(request)) and b'"items":[]' in answer.text():
            return following(with_query(request, [pair for pair in query_of(request) if pair[0] != "cursor"]))
        return answer

    return around(change)(backend, operation)


def _page_sized(query: Query) -> Query:
    """A cursor keeps its page's size: a new limit is not looked at."""
    return [pair for pair in query if pair[0] != "limit"] if _given(query) else query


DREADNODE = table(
    "dreadnode",
    LIST,
    "cursors",
    cursor_skips_one=(
        "The row behind the cursor is lost.",
        cursor(place=lambda ranks, rank, created: bisect_right(ranks, rank) + 1),
    ),
    cursor_inclusive=(
        "The last row of a page comes again on the next.",
        cursor(place=lambda ranks, rank, created: bisect_right(ranks, rank) - 1 if ranks[-1] != rank else len(ranks)),
    ),
    cursor_skips_ties=("Rows of the cursor's own instant are lost.", cursor(place=_skipping_ties)),
    cursor_repeats_ties=("Rows of the cursor's own instant come again.", cursor(place=_repeating_ties)),
    cursor_never_null=(
        "The last page has a cursor too, to an empty page.",
        cursor(more=lambda ranks, start, limit: True),
    ),
    cursor_at_exact_end=(
        "A full last page has a cursor, to an empty page.",
        cursor(more=lambda ranks, start, limit: start + limit <= len(ranks)),
    ),
    cursor_null_early=(
        "The last page cannot be reached: the one before has no cursor.",
        cursor(more=lambda ranks, start, limit: start + 2 * limit <= len(ranks)),
    ),
    cursor_null_at_100=(
        "After a hundred rows there is no cursor.",
        cursor(more=lambda ranks, start, limit: start + limit < min(len(ranks), 100)),
    ),
    cursor_loops=("The last page's cursor leads back to the first page.", _looping),
    cursor_ignored=("Every cursor leads to the first page.", cursor(place=lambda ranks, rank, created: 0)),
    cursor_drops_filter=(
        "Behind a cursor the filters are not applied.",
        also(
            cursor(bound=_unbound),
            change_query(lambda query: _loose_filters(query) if _given(query) else query),
        ),
    ),
    cursor_keeps_filter=("The cursor's filters win over those of the request.", _baked),
    cursor_unbound=("A cursor is taken for a list with other filters.", cursor(bound=_unbound)),
    cursor_crosses_orgs=("A cursor of one org is taken for another.", cursor(bound=_orgless)),
    cursor_is_offset=("The cursor is a plain offset that anyone can write.", change_pages(_plain_offset)),
    cursor_unsigned=("The cursor is a row's place, and any damaged one is taken.", change_pages(_unsigned)),
    cursor_keeps_limit=("Behind a cursor limit is not looked at.", change_query(_page_sized)),
    cursor_bad_restarts=("A damaged cursor leads to the first page.", around(_restarting)),
    cursor_bad_ends=("A damaged cursor is the end of the list.", around(_ending)),
    cursor_bad_500=("A damaged cursor is a crash.", around(_failing)),
    cursor_bad_is_404=(
        "A damaged cursor is a 404.",
        swap_status(400, 404, type="not_found_error"),
    ),
    next_cursor_empty=(
        "The last page's cursor is an empty text, not null.",
        body(lambda value: {**value, "next_cursor": value["next_cursor"] or ""}),
    ),
)
