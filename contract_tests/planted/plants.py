"""The kinds of mistake that the tables of bugs are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from pyroaring import BitMap

from contract_tests.planted.backend import FACETS, LIST, Backend, Next, crash
from contract_tests.planted.bug import Plant
from contract_tests.promises import BY_SLUG
from fakeserver.documents.collection import Collection
from fakeserver.documents.keys import Index, KeyFunction, itself
from fakeserver.listing.envelopes import Fact, Neighbours, Page
from fakeserver.listing.filters import FieldFilter, Predicate
from fakeserver.listing.filters import Rows as Found
from fakeserver.listing.pages import Context, Number, Position
from fakeserver.pipeline.exchange import Answer, Request
from fakeserver.problems import Document, Json

Query = list[tuple[str, str]]
EMPTY = {
    ("dreadnode", LIST): b'{"items":[],"next_cursor":null}',
    ("dreadnode", FACETS): b'{"projects":[],"states":[]}',
    ("prime", LIST): b'{"sandboxes":[],"total":0,"page":1,"per_page":50,"has_next":false}',
}
"""What the servers with an envelope send when there is nothing; the others send `[]`."""


def query_of(request: Request) -> Query:
    return parse_qsl(request.query.decode("utf-8", "replace"), keep_blank_values=True)


def texts(request: Request, name: str) -> list[str]:
    return [text for each, text in query_of(request) if each == name]


def with_query(request: Request, query: Query) -> Request:
    return replace(request, query=urlencode(query).encode())


# Around the correct answer.


def around(change: Callable[[Request, Next], Answer]) -> Plant:
    """Anything at all around the operation."""
    return lambda backend, operation: backend.wrapped(change, operation)


def change_query(change: Callable[[Query], Query]) -> Plant:
    """The query is misread before anything else looks at it."""
    return around(lambda request, following: following(with_query(request, change(query_of(request)))))


def change_parameter(name: str, change: Callable[[str], str]) -> Plant:
    """Every text of one parameter is changed."""
    return change_query(lambda query: [(each, change(text) if each == name else text) for each, text in query])


def drop_parameters(*names: str) -> Plant:
    """These parameters are never read."""
    return change_query(lambda query: [pair for pair in query if pair[0] not in names])


def first_of_commas(name: str) -> Plant:
    """Of comma-separated values only the first is read."""
    return change_parameter(name, lambda text: text.split(",")[0])


def live_by_default() -> Plant:
    """Without a state, killed sandboxes are left out."""
    live = ("state", "running,paused")
    return change_query(
        lambda query: query if any(name == "state" and text for name, text in query) else [*query, live]
    )


def last_only(name: str) -> Plant:
    return change_query(lambda query: _one(query, name, -1))


def first_only(name: str) -> Plant:
    return change_query(lambda query: _one(query, name, 0))


def _one(query: Query, name: str, position: int) -> Query:
    given = [pair for pair in query if pair[0] == name]
    return [pair for pair in query if pair[0] != name] + ([given[position]] if given else [])


def crash_when(when: Callable[[Query], bool]) -> Plant:
    """A 500 for some queries."""

    def change(request: Request, following: Next) -> Answer:
        if when(query_of(request)):
            raise crash()
        return following(request)

    return around(change)


def change_answer(change: Callable[[Request, Answer], None]) -> Plant:
    """Every answer is changed in place."""

    def changed(request: Request, following: Next) -> Answer:
        answer = following(request)
        change(request, answer)
        return answer

    return around(changed)


def body(change: Callable[[Any], Any]) -> Plant:
    """The JSON of every success is another one."""

    def changed(request: Request, answer: Answer) -> None:
        if answer.status == 200:
            answer.body = orjson.dumps(change(orjson.loads(answer.text())))

    return change_answer(changed)


def change_rows(change: Callable[[list[Document]], list[Any]]) -> Plant:
    """The rows of every page are others."""

    def plant(backend: Backend, operation: str) -> Backend:
        items = BY_SLUG[backend.provider.slug].listing.items

        def changed(value: Any) -> Any:
            return {**value, items: change(value[items])} if items else change(value)

        return body(changed)(backend, operation)

    return plant


def rows(change: Callable[[Document], Document]) -> Plant:
    """Every row is written wrongly."""
    return change_rows(lambda found: [change(each) for each in found])


def rare(field: str, odds: int, change: Callable[[Document], Document]) -> Plant:
    """Only rows whose field ends in a certain way are written wrongly, about one in `odds`."""
    return rows(lambda row: change(row) if sum(str(row[field]).encode()) % odds == 0 else row)


def set_fields(**fields: Json) -> Callable[[Document], Document]:
    """A row with these fields; a function gets the row."""
    return lambda row: {
        **row,
        **{name: value(row) if callable(value) else value for name, value in fields.items()},
    }


def without(*fields: str) -> Callable[[Document], Document]:
    return lambda row: {name: value for name, value in row.items() if name not in fields}


def refusals(change: Callable[[int, Any], tuple[int, Any]], *statuses: int) -> Plant:
    """Refusals (with these statuses) have another status or body."""

    def changed(request: Request, answer: Answer) -> None:
        if answer.status >= 400 and (not statuses or answer.status in statuses):
            answer.status, value = change(answer.status, orjson.loads(answer.text()))
            answer.body = orjson.dumps(value)

    return change_answer(changed)


def code_of(value: Any, status: int) -> Any:
    """The refusal with another status in its body, where the dialect repeats it."""
    return value | {"code": status} if "code" in value else value


def swap_status(old: int, new: int, **fields: Any) -> Plant:
    """A refusal with another status."""
    return refusals(lambda status, value: (new, code_of(value, new) | fields), old)


def empty_for(status: int) -> Plant:
    """Instead of this refusal, an empty list."""

    def plant(backend: Backend, operation: str) -> Backend:
        empty = EMPTY.get((backend.provider.slug, operation), b"[]")

        def change(request: Request, following: Next) -> Answer:
            answer = following(request)
            return Answer(200, empty) if answer.status == status else answer

        return backend.wrapped(change, operation)

    return plant


def accept_bad(*names: str, only: Callable[[str], bool] = lambda text: True) -> Plant:
    """A refused request is answered as if these parameters (with such texts) were not there."""

    def changed(request: Request, following: Next) -> Answer:
        answer = following(request)
        if answer.status not in (400, 422):
            return answer
        kept = [pair for pair in query_of(request) if pair[0] not in names or not only(pair[1])]
        return following(with_query(request, kept))

    return around(changed)


def rows_of(answer: Answer) -> list[Document]:
    """The rows of a success, in an envelope or bare."""
    value = orjson.loads(answer.text())
    if isinstance(value, dict):
        value = next((inner for inner in value.values() if isinstance(inner, list)), [])
    return list(value)


def unknown_ignored(name: str) -> Plant:
    """A text that selects nothing is left out of the query."""

    def change(request: Request, following: Next) -> Answer:
        kept = []
        for pair in query_of(request):
            alone = with_query(request, [pair])
            if pair[0] != name or (answer := following(alone)).status != 200 or rows_of(answer):
                kept.append(pair)
        return following(with_query(request, kept))

    return around(change)


# In place of a part.


@dataclass(frozen=True, slots=True)
class Wrong(FieldFilter):
    """A filter whose meaning is this function of document and value."""

    holds: Callable[[Document, Any], bool]
    keys: KeyFunction = itself

    def predicate(self, value: Any) -> Predicate:
        return lambda document: self.holds(document, value)

    def rows(self, index: Index, value: Any) -> Found:
        # The index's own rows hold one field each, and a mistake may look at others.
        documents: Any = index
        holds = self.predicate(value)
        return Found(BitMap([rank for rank in index.everything if holds(documents.document(rank))]))


def filtered(parameter: str, holds: Callable[[Document, Any], bool]) -> Plant:
    """One filter means something else."""
    return lambda backend, operation: backend.filter(
        operation, parameter, lambda right: Wrong(parameter, right.field, holds)
    )


Paging = Callable[[list[int], Mapping[str, Any], Collection, Context], Page]
"""The ranks that were found, the values, the documents → the rows of a page and what is known of them."""


@dataclass(frozen=True, slots=True)
class WrongPosition:
    """The right position, but for the pages, which are this function's."""

    right: Position
    paging: Paging

    @property
    def parameters(self) -> frozenset[str]:
        return self.right.parameters

    @property
    def facts(self) -> frozenset[Fact]:
        return self.right.facts

    @property
    def numbers(self) -> tuple[Number, ...]:
        return self.right.numbers

    def page(self, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
        return self.paging(list(found), values, collection, context)

    def neighbours(self, page: Page) -> Neighbours:
        return self.right.neighbours(page)


def change_position(change: Callable[[Any], Position]) -> Plant:
    """Pages are cut by another position, made from the right one; the envelope around them stays."""

    def changed(meaning: Any) -> Any:
        return replace(meaning, pages=replace(meaning.pages, position=change(meaning.pages.position)))

    return lambda backend, operation: backend.meaning(operation, changed)


def change_pages(paging: Paging) -> Plant:
    """Pages are cut in another way."""
    return change_position(lambda right: WrongPosition(right, paging))


def both(plant: Plant) -> Plant:
    """The same mistake in the code that Dreadnode's list and facets share."""
    return lambda backend, operation: plant(plant(backend, LIST), FACETS)


def also(*plants: Plant) -> Plant:
    """One mistake that takes more than one place to show."""

    def plant(backend: Backend, operation: str) -> Backend:
        for each in plants:
            backend = each(backend, operation)
        return backend

    return plant
