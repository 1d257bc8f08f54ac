"""Pages that are cut, counted or announced wrongly, and lists in another order."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyroaring import BitMap

from contract_tests.planted.backend import LIST, Backend, Next
from contract_tests.planted.bug import Plant, table
from contract_tests.planted.plants import (
    WrongPosition,
    around,
    change_answer,
    change_pages,
    change_parameter,
    change_position,
    change_query,
    change_rows,
    crash_when,
    drop_parameters,
    query_of,
    with_query,
)
from contract_tests.promises import BY_SLUG
from fakeserver.documents.collection import Collection
from fakeserver.listing.envelopes import BARE, Page
from fakeserver.listing.pages import Context
from fakeserver.pipeline.exchange import Answer, Request
from fakeserver.problems import Document


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a numbered page is made from. `sent` is how many rows it has."""

    number: int
    size: int
    total: int
    everything: int
    sent: int = 0


Count = Callable[[Sheet], int]


def numbered(
    *,
    start: Count = lambda sheet: (sheet.number - 1) * sheet.size,
    count: Count = lambda sheet: sheet.size,
    total: Count = lambda sheet: sheet.total,
    has_next: Callable[[Sheet], bool] = lambda sheet: sheet.number * sheet.size < sheet.total,
    number: Count = lambda sheet: sheet.number,
    size: Count = lambda sheet: sheet.size,
) -> Plant:
    """Prime's pages with one of their parts computed in another way."""

    def paging(found: list[int], values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        sheet = Sheet(values["page"], values["per_page"], len(found), len(collection))
        first = max(0, start(sheet))
        ranks = found[first : first + max(0, count(sheet))]
        sheet = Sheet(sheet.number, sheet.size, sheet.total, sheet.everything, len(ranks))
        return Page(ranks, total(sheet), size(sheet), page=number(sheet), has_next=has_next(sheet))

    return change_pages(paging)


def defaulting(name: str, text: str) -> Plant:
    """A parameter that was not given has another default."""
    return change_query(lambda query: query if any(each == name for each, _ in query) else [*query, (name, text)])


def clamped(name: str, most: int) -> Plant:
    """A larger number counts as this one."""
    return change_parameter(name, lambda text: str(min(int(text), most)) if text.isascii() and text.isdigit() else text)


def shifted(name: str, by: int) -> Plant:
    """The number is this much larger, where it stays in bounds."""
    return change_parameter(name, lambda text: str(int(text) + by) if text.isdigit() and 1 < int(text) < 100 else text)


def reordered(key: Callable[[Document], Any], *, reverse: bool = False) -> Plant:
    """The whole list in another order, of which pages are cut."""

    def change(right: Any) -> WrongPosition:
        def paging(found: list[int], values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
            ranks = sorted(found, key=lambda rank: key(collection.document(rank)), reverse=reverse)
            # The right position cuts indices, which stand for the ranks in the wrong order.
            page: Page = right.page(BitMap(range(len(ranks))), values, collection, context)
            return replace(page, ranks=[ranks[index] for index in page.ranks])

        return WrongPosition(right, paging)

    return change_position(change)


def shuffled(backend: Backend, operation: str) -> Backend:
    """The rows of a page in an order that changes from answer to answer."""
    draws = random.Random(0)
    return change_rows(lambda rows: draws.sample(rows, len(rows)))(backend, operation)


def _ties_shuffled(backend: Backend, operation: str) -> Backend:
    """Rows of one instant come in an order that changes from answer to answer."""
    draws, created = random.Random(0), BY_SLUG[backend.provider.slug].listing.created

    def change(rows: list[Document]) -> list[Document]:
        groups = [[*group] for _, group in itertools.groupby(rows, key=lambda row: row[created])]
        return [row for group in groups for row in draws.sample(group, len(group))]

    return change_rows(change)(backend, operation)


def _twice(rows: list[Document]) -> list[Document]:
    return [*rows[:1], *rows[:-1]] if len(rows) > 2 else rows


def _empty_as_404(request: Request, answer: Answer) -> None:
    if answer.status == 200 and b'"total":0,' in answer.text():
        answer.status, answer.body = 404, b'{"detail":"No sandboxes found"}'


def _last_page_again(request: Request, following: Next) -> Answer:
    """Behind the last page comes the last page once more."""
    query = dict(query_of(request))
    answer = following(request)
    number = query.get("page", "1")
    while answer.status == 200 and b'"sandboxes":[]' in answer.text() and number.isdigit() and 1 < int(number) < 2_000:
        number = str(int(number) - 1)
        answer = following(with_query(request, [*query.items(), ("page", number)]))
    return answer


PRIME = table(
    "prime",
    LIST,
    "pages",
    per_page_plus_one=("A page has one row too many.", numbered(count=lambda sheet: sheet.size + 1)),
    per_page_minus_one=(
        "A page has one row too few.",
        numbered(count=lambda sheet: sheet.size - 1 if sheet.size > 1 else 1),
    ),
    per_page_default_20=("Without per_page, a page has 20 rows.", defaulting("per_page", "20")),
    per_page_default_100=("Without per_page, a page has 100 rows.", defaulting("per_page", "100")),
    per_page_clamped_100=("A page has at most 100 rows, and says so.", clamped("per_page", 100)),
    per_page_clamped_quietly=(
        "A page has at most 100 rows, whatever per_page echoes.",
        numbered(count=lambda sheet: min(sheet.size, 100)),
    ),
    per_page_ignored=("per_page is never read.", drop_parameters("per_page")),
    page_zero_based=("The first page is page 0, so page 1 is the second.", numbered(start=lambda s: s.number * s.size)),
    page_ignored=("Every page is the first.", numbered(start=lambda sheet: 0)),
    page_overlaps=(
        "Each page begins with the last row of the page before.",
        numbered(start=lambda sheet: (sheet.number - 1) * (sheet.size - 1) if sheet.size > 1 else sheet.number - 1),
    ),
    page_skips=(
        "Between two pages one row is lost.",
        numbered(start=lambda sheet: (sheet.number - 1) * (sheet.size + 1)),
    ),
    page_start_by_50=(
        "A page starts where it would with 50 rows per page.",
        numbered(start=lambda sheet: (sheet.number - 1) * 50),
    ),
    last_page_dropped=(
        "A last page that is not full comes out empty.",
        numbered(count=lambda s: s.size if s.number * s.size <= s.total or s.number == 1 else 0),
    ),
    last_page_again=("Behind the last page comes the last page once more.", around(_last_page_again)),
    has_next_always=("has_next is always true.", numbered(has_next=lambda sheet: True)),
    has_next_never=("has_next is always false.", numbered(has_next=lambda sheet: False)),
    has_next_full_page=("has_next means that the page is full.", numbered(has_next=lambda s: s.sent == s.size)),
    has_next_at_the_end=(
        "has_next is true where the last page ends exactly.",
        numbered(has_next=lambda sheet: sheet.number * sheet.size <= sheet.total),
    ),
    has_next_unfiltered=(
        "has_next counts the rows that the filters left out.",
        numbered(has_next=lambda sheet: sheet.number * sheet.size < sheet.everything),
    ),
    total_of_page=("total counts the rows of the page.", numbered(total=lambda sheet: sheet.sent)),
    total_unfiltered=("total counts before the filters.", numbered(total=lambda sheet: sheet.everything)),
    total_capped=("total stops at 100.", numbered(total=lambda sheet: min(sheet.total, 100))),
    total_of_pages=("total is the number of pages.", numbered(total=lambda sheet: -(-sheet.total // sheet.size))),
    total_so_far=(
        "total counts the rows up to the end of the page.",
        numbered(total=lambda sheet: min(sheet.number * sheet.size, sheet.total)),
    ),
    total_behind_the_end=(
        "Behind the last page, total is 0.",
        numbered(total=lambda sheet: sheet.total if sheet.sent else 0),
    ),
    page_echo=("page echoes the page from zero.", numbered(number=lambda sheet: sheet.number - 1)),
    per_page_echo=("per_page echoes the rows of the page.", numbered(size=lambda sheet: sheet.sent)),
    twice_in_page=("One row comes twice, and another is lost.", change_rows(_twice)),
    empty_is_404=("An empty list is a 404.", change_answer(_empty_as_404)),
    deep_page_500=(
        "A page beyond the range of the database's offset breaks the query.",
        crash_when(lambda query: len(dict(query).get("page", "")) > 9),
    ),
    oldest_first=("The oldest come first.", reordered(lambda row: row["createdAt"])),
    by_update=("The order is that of the last change.", reordered(lambda row: row["updatedAt"], reverse=True)),
    order_unstable=("The rows of a page are in no fixed order.", shuffled),
    ties_unstable=("Rows of one instant are in no fixed order.", _ties_shuffled),
)


def limited(count: Callable[[int], int]) -> Plant:
    """InstaVM's list with another number of rows."""
    return change_pages(lambda found, values, collection, context: Page(found[: count(values["limit"])], len(found)))


INSTAVM = table(
    "instavm",
    LIST,
    "pages",
    limit_plus_one=("A list has one row too many.", limited(lambda limit: limit + 1)),
    limit_minus_one=("A list has one row too few.", limited(lambda limit: limit - 1 or 1)),
    limit_ignored=("limit is never read.", drop_parameters("limit")),
    limit_default_50=("Without limit, a list has 50 rows.", defaulting("limit", "50")),
    limit_default_all=("Without limit, a list has every row.", defaulting("limit", "1000")),
    limit_clamped_100=("A list has at most 100 rows.", limited(lambda limit: min(limit, 100))),
    limit_clamped_500=("A list has at most 500 rows.", limited(lambda limit: min(limit, 500))),
    limit_keeps_oldest=(
        "limit keeps the oldest rows, newest first.",
        change_pages(lambda found, values, collection, context: Page(found[-values["limit"] :], len(found))),
    ),
    twice_in_list=("One row comes twice, and another is lost.", change_rows(_twice)),
    oldest_first=("The oldest come first.", reordered(lambda row: row["started_at"])),
    order_unstable=("The rows are in no fixed order.", shuffled),
    ties_unstable=("Rows of one instant are in no fixed order.", _ties_shuffled),
)


def _without_headers(backend: Backend, operation: str) -> Backend:
    return backend.meaning(operation, lambda meaning: replace(meaning, pages=replace(meaning.pages, envelope=BARE)))


def windowed(
    start: Callable[[int, int], int] = lambda offset, limit: offset,
    count: Callable[[int], int] = lambda limit: limit,
    total: Callable[[int, int, int], int] = lambda total, sent, everything: total,
) -> Plant:
    """Superserve's window with one of its parts computed in another way; no limit is 0 here."""

    def paging(found: list[int], values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        limit = 0 if values["limit"] is None else min(values["limit"], 200)
        first = start(values["offset"] or 0, limit)
        most = count(limit)
        ranks = found[first : first + most if most else None]
        return Page(ranks, total(len(found), len(ranks), len(collection)))

    return change_pages(paging)


SUPERSERVE = table(
    "superserve",
    LIST,
    "pages",
    limit_ignored=("limit is never read.", drop_parameters("limit")),
    limit_plus_one=("A list has one row too many.", windowed(count=lambda limit: limit and limit + 1)),
    limit_default_100=("Without limit, a list has 100 rows.", windowed(count=lambda limit: limit or 100)),
    limit_clamped_100=("A list has at most 100 rows.", windowed(count=lambda limit: min(limit, 100))),
    offset_ignored=("offset is never read.", drop_parameters("offset")),
    offset_off_by_one=("offset skips one row too few.", windowed(start=lambda offset, limit: max(0, offset - 1))),
    offset_in_pages=("offset counts pages, not rows.", windowed(start=lambda offset, limit: offset * (limit or 1))),
    total_of_page=("X-Total-Count counts the rows that are sent.", windowed(total=lambda total, sent, all_: sent)),
    total_unfiltered=("X-Total-Count counts before the filters.", windowed(total=lambda total, sent, all_: all_)),
    total_missing=("X-Total-Count is not sent.", _without_headers),
    twice_in_list=("One row comes twice, and another is lost.", change_rows(_twice)),
    oldest_first=("The oldest come first.", reordered(lambda row: row["created_at"])),
    order_unstable=("The rows are in no fixed order.", shuffled),
    ties_unstable=("Rows of one instant are in no fixed order.", _ties_shuffled),
)

DREADNODE = table(
    "dreadnode",
    LIST,
    "pages",
    limit_default_20=("Without limit, a page has 20 rows.", defaulting("limit", "20")),
    limit_default_100=("Without limit, a page has 100 rows.", defaulting("limit", "100")),
    limit_capped_20=("A page has at most 20 rows.", clamped("limit", 20)),
    limit_ignored=("limit is never read.", drop_parameters("limit")),
    limit_plus_one=("A page has one row too many, and the cursor stands behind it.", shifted("limit", 1)),
    twice_in_page=("One row comes twice, and another is lost.", change_rows(_twice)),
    order_unstable=("The rows of a page are in no fixed order.", shuffled),
    ties_unstable=("Rows of one instant are in no fixed order.", _ties_shuffled),
)
