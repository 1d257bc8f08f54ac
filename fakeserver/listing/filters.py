"""Filter kinds: what a filter means, once as a predicate and once as set algebra over an index.

`predicate` is the definition of truth. `rows` answers the same question from the bitmaps of an index, in which each
document is filed under the keys that its `keys` gives for the field; a law in the tests holds the two equal. Where
the keys cannot decide alone, `rows` says so (`exact=False`) and the predicate is asked about the rows that are left.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from pyroaring import BitMap

from fakeserver.documents.keys import Index, KeyFunction, elements, entries, paths, whole
from fakeserver.listing.containment import _array_of_containers, contains
from fakeserver.problems import Document, Issue

Predicate = Callable[[Document], bool]


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
    def keys(self) -> KeyFunction: ...

    def predicate(self, value: Any) -> Predicate: ...
    def rows(self, index: Index, value: Any) -> Rows: ...


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
    keys: KeyFunction = whole

    def predicate(self, value: Any) -> Predicate:
        return lambda document: bool(document.get(self.field) == value)

    def rows(self, index: Index, value: Any) -> Rows:
        return Rows(index.filed(self.field, self.keys, value))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field is one of these values. `commas` also takes them comma-separated in one parameter."""

    parameter: str
    field: str
    commas: bool = False
    keys: KeyFunction = whole

    def predicate(self, value: Any) -> Predicate:
        wanted = frozenset(value)
        return lambda document: document.get(self.field) in wanted

    def rows(self, index: Index, value: Any) -> Rows:
        found = [index.filed(self.field, self.keys, each) for each in value]
        return Rows(functools.reduce(operator.or_, found) if found else BitMap())


@dataclass(frozen=True, slots=True)
class AllOf:
    """The field is a list that holds every one of these values."""

    parameter: str
    field: str
    keys: KeyFunction = elements

    def predicate(self, value: Any) -> Predicate:
        wanted = frozenset(value)
        return lambda document: wanted <= frozenset(document.get(self.field) or ())

    def rows(self, index: Index, value: Any) -> Rows:
        found = (index.filed(self.field, self.keys, each) for each in value)
        return Rows(intersection(found, index.everything))


@dataclass(frozen=True, slots=True)
class Excluding:
    """When true, the field is none of `values`; when false, nothing is filtered."""

    parameter: str
    field: str
    values: frozenset[str]
    keys: KeyFunction = whole

    def predicate(self, value: Any) -> Predicate:
        return lambda document: not value or document.get(self.field) not in self.values

    def rows(self, index: Index, value: Any) -> Rows:
        if not value:
            return Rows(index.everything)
        excluded = [index.filed(self.field, self.keys, each) for each in self.values]
        return Rows(functools.reduce(operator.sub, excluded, index.everything))


@dataclass(frozen=True, slots=True)
class Containing:
    """The field, a JSON object, contains this one with the semantics of PostgreSQL's `@>`."""

    parameter: str
    field: str
    keys: KeyFunction = paths

    def predicate(self, value: Any) -> Predicate:
        return lambda document: contains(document.get(self.field), value)

    def rows(self, index: Index, value: Any) -> Rows:
        keys = [*paths(value)]
        found = (index.filed(self.field, self.keys, key) for key in keys)
        return Rows(intersection(found, index.everything), exact=not _array_of_containers(value))


@dataclass(frozen=True, slots=True)
class Pairs:
    """The field, a flat object, holds each of these names with exactly this text. `check` may refuse a value."""

    parameter: str
    field: str
    check: Callable[[tuple[tuple[str, str], ...]], Iterable[Issue]] = lambda value: ()
    keys: KeyFunction = entries

    def predicate(self, value: Any) -> Predicate:
        return lambda document: all((document.get(self.field) or {}).get(name) == text for name, text in value)

    def rows(self, index: Index, value: Any) -> Rows:
        found = (index.filed(self.field, self.keys, pair) for pair in value)
        return Rows(intersection(found, index.everything))
