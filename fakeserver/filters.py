"""Filter kinds: what a filter means, once as a predicate and once as set algebra over an index.

`predicate` is the definition of truth. `rows` answers the same question from the bitmaps of an index, in which each
document is filed under the keys that its `filing` gives for the field; a law in the tests holds the two equal. Where
the keys cannot decide alone, `rows` says so (`exact=False`) and the predicate is asked about the rows that are left.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from pyroaring import BitMap

from fakeserver.problems import Document, Issue, Json

Key = Hashable
Filing = Callable[[Json], Iterable[Key]]
Predicate = Callable[[Document], bool]


class Index(Protocol):
    """One field's index: which rows are filed under a key, and which rows there are."""

    @property
    def everything(self) -> BitMap: ...

    def filed(self, field: str, filing: Filing, key: Key) -> BitMap: ...


@dataclass(slots=True)
class Rows:
    """An index's answer: the rows, and whether the keys alone decided."""

    rows: BitMap
    exact: bool = True


class Filter(Protocol):
    """One query parameter's meaning on one field of the documents."""

    @property
    def parameter(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def filing(self) -> Filing: ...

    def predicate(self, value: Any) -> Predicate: ...
    def rows(self, index: Index, value: Any) -> Rows: ...


def whole(value: Json) -> Iterator[Key]:
    """File a document under the field's value as it stands."""
    yield value


def elements(value: Json) -> Iterator[Key]:
    """File a document under each element of a list."""
    yield from dict.fromkeys(value or ())


def entries(value: Json) -> Iterator[Key]:
    """File a document under each name and text of a flat object."""
    for name, text in (value or {}).items():
        if isinstance(text, str):
            yield name, text


def paths(value: Json) -> Iterator[Key]:
    """File a document under each path of a JSON value: to every scalar, and to every object and array as such."""
    yield from dict.fromkeys(_paths(value, ()))


ELEMENT = ("element",)


def _paths(value: Json, path: tuple[Key, ...]) -> Iterator[Key]:
    if isinstance(value, dict):
        yield path, "object"
        for name, inner in value.items():
            yield from _paths(inner, (*path, ("name", name)))
    elif isinstance(value, list):
        yield path, "array"
        for inner in value:
            yield from _paths(inner, (*path, ELEMENT))
    else:
        yield path, scalar(value)


def scalar(value: Json) -> tuple[str, Json]:
    """A JSON scalar that equals another exactly when PostgreSQL's jsonb says so: 1 = 1.0, but not true, and not "1"."""
    if isinstance(value, bool) or value is None:
        return "constant", str(value)
    if isinstance(value, str):
        return "string", value
    return "number", Decimal(repr(value)) if isinstance(value, float) else value


def contains(document: Json, query: Json) -> bool:
    """PostgreSQL's `document @> query` on jsonb values."""
    if isinstance(document, list) and not isinstance(query, dict | list):
        # The one exception PostgreSQL makes, and only at the top: an array contains a bare scalar.
        return any(_includes(each, query) for each in document)
    return _includes(document, query)


def _includes(document: Json, query: Json) -> bool:
    if isinstance(query, dict):
        return isinstance(document, dict) and all(
            name in document and _includes(document[name], inner) for name, inner in query.items()
        )
    if isinstance(query, list):
        return isinstance(document, list) and all(any(_includes(each, inner) for each in document) for inner in query)
    if isinstance(document, dict | list):
        return False
    return scalar(document) == scalar(query)


def intersection(bitmaps: Iterable[BitMap], everything: BitMap) -> BitMap:
    ordered = sorted(bitmaps, key=len)
    if len(ordered) == 1:
        return ordered[0]
    return functools.reduce(operator.and_, ordered) if ordered else everything


@dataclass(frozen=True, slots=True)
class Equal:
    """The field is this very value."""

    parameter: str
    field: str
    filing: Filing = whole

    def predicate(self, value: Any) -> Predicate:
        return lambda document: bool(document.get(self.field) == value)

    def rows(self, index: Index, value: Any) -> Rows:
        return Rows(index.filed(self.field, self.filing, value))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field is one of these values. `commas` also takes them comma-separated in one parameter."""

    parameter: str
    field: str
    commas: bool = False
    filing: Filing = whole

    def predicate(self, value: Any) -> Predicate:
        wanted = frozenset(value)
        return lambda document: document.get(self.field) in wanted

    def rows(self, index: Index, value: Any) -> Rows:
        found = [index.filed(self.field, self.filing, each) for each in value]
        return Rows(functools.reduce(operator.or_, found) if found else BitMap())


@dataclass(frozen=True, slots=True)
class AllOf:
    """The field is a list that holds every one of these values."""

    parameter: str
    field: str
    filing: Filing = elements

    def predicate(self, value: Any) -> Predicate:
        wanted = frozenset(value)
        return lambda document: wanted <= frozenset(document.get(self.field) or ())

    def rows(self, index: Index, value: Any) -> Rows:
        found = (index.filed(self.field, self.filing, each) for each in value)
        return Rows(intersection(found, index.everything))


@dataclass(frozen=True, slots=True)
class Excluding:
    """When true, the field is none of `values`; when false, nothing is filtered."""

    parameter: str
    field: str
    values: frozenset[str]
    filing: Filing = whole

    def predicate(self, value: Any) -> Predicate:
        return lambda document: not value or document.get(self.field) not in self.values

    def rows(self, index: Index, value: Any) -> Rows:
        if not value:
            return Rows(index.everything)
        excluded = [index.filed(self.field, self.filing, each) for each in self.values]
        return Rows(functools.reduce(operator.sub, excluded, index.everything))


@dataclass(frozen=True, slots=True)
class Containing:
    """The field, a JSON object, contains this one with the semantics of PostgreSQL's `@>`."""

    parameter: str
    field: str
    filing: Filing = paths

    def predicate(self, value: Any) -> Predicate:
        return lambda document: contains(document.get(self.field), value)

    def rows(self, index: Index, value: Any) -> Rows:
        keys = [*paths(value)]
        found = (index.filed(self.field, self.filing, key) for key in keys)
        return Rows(intersection(found, index.everything), exact=not _array_of_containers(value))


def _array_of_containers(value: Json) -> bool:
    """True where two paths of the query must meet in the same element of an array, which filed keys cannot tell."""
    if isinstance(value, dict):
        return any(_array_of_containers(inner) for inner in value.values())
    return isinstance(value, list) and any(isinstance(each, dict | list) for each in value)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The field, a flat object, holds each of these names with exactly this text. `check` may refuse a value."""

    parameter: str
    field: str
    check: Callable[[tuple[tuple[str, str], ...]], Iterable[Issue]] = lambda value: ()
    filing: Filing = entries

    def predicate(self, value: Any) -> Predicate:
        return lambda document: all((document.get(self.field) or {}).get(name) == text for name, text in value)

    def rows(self, index: Index, value: Any) -> Rows:
        found = (index.filed(self.field, self.filing, pair) for pair in value)
        return Rows(intersection(found, index.everything))
