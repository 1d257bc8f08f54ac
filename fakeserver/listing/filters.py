"""Filter kinds: what a filter means, once as a predicate and once as set algebra over an index.

`predicate` is the definition of truth. `rows` answers the same question from the bitmaps of an index, in which each
document is filed under the keys that its `keys` gives for the field; a law in the tests holds the two equal. Where
the keys cannot decide alone, `rows` says so (`exact=False`) and the predicate is asked about the rows that are left.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pyroaring import BitMap

from fakeserver.documents.keys import Index, Key, KeyFunction, elements, entries, itself, paths
from fakeserver.listing.containment import contains, couples_paths
from fakeserver.problems import Document, Issue
from fakeserver.spec.parameters import Values, ValuesCheck
from fakeserver.spec.wording import ValueRefused

Predicate = Callable[[Document], bool]


@dataclass(slots=True)
class Rows:
    """An index's answer: the rows, and whether the keys alone decided."""

    rows: BitMap
    exact: bool = True


SCALAR = frozenset({"string", "integer", "boolean"})


class Filter(Protocol):
    """One query parameter's meaning on one field of the documents."""

    @property
    def parameter(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def keys(self) -> KeyFunction: ...
    @property
    def takes(self) -> frozenset[str]:
        """The shapes of a parameter (`Parameter.shape`) whose values it understands; none for any."""
        ...

    def parse(self, value: Any, issues: list[Issue]) -> Any: ...
    def predicate(self, value: Any) -> Predicate: ...
    def rows(self, index: Index, value: Any) -> Rows: ...


def as_decoded(value: Any) -> Any:
    return value


def nothing_wrong(value: Any) -> Iterable[Issue]:
    return ()


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """What every kind has. Where the spec's types do not say all, `decode` makes the value that the filter means from
    the one that the spec's decoder gave, or raises `ValueRefused`; `check` may then refuse it with any issues."""

    parameter: str
    field: str
    decode: Callable[[Any], Any] = dataclasses.field(default=as_decoded, kw_only=True)
    check: Callable[[Any], Iterable[Issue]] = dataclasses.field(default=nothing_wrong, kw_only=True)

    shapes: ClassVar[frozenset[str]] = frozenset()
    """The shapes of a parameter (`Parameter.shape`) whose values the kind understands; none for any."""

    @property
    def takes(self) -> frozenset[str]:
        return self.shapes if self.decode is as_decoded else frozenset()

    def parse(self, value: Any, issues: list[Issue]) -> Any:
        """The value that the filter means; what is wrong with it joins the issues of the request."""
        try:
            value = self.decode(value)
        except ValueRefused as refused:
            issues.append(Issue(("query", self.parameter), refused.msg, refused.type))
            return None
        issues.extend(self.check(value))
        return value


def check_by(kind: Filter) -> ValuesCheck:
    """A decoder's check that puts the value that a filter means in the place of the one that was decoded."""

    def parse(values: Values, issues: list[Issue]) -> None:
        value = values[kind.parameter]
        if value is not None:
            values[kind.parameter] = kind.parse(value, issues)

    return parse


def intersection(bitmaps: Iterable[BitMap], everything: BitMap) -> BitMap:
    ordered = sorted(bitmaps, key=len)
    if len(ordered) == 1:
        return ordered[0]
    return functools.reduce(operator.and_, ordered) if ordered else everything


class EveryKey(FieldFilter):
    """A kind that keeps the documents that are filed under every one of some keys."""

    __slots__ = ()
    keys: KeyFunction

    def wanted(self, value: Any) -> Iterable[Key]:
        """The keys that a document must have; a value of several parts is a tuple of them."""
        found: tuple[Key, ...] = value
        return found

    def decides(self, value: Any) -> bool:
        """Whether a document that has the keys is always kept."""
        return True

    def rows(self, index: Index, value: Any) -> Rows:
        found = (index.filed(self.field, self.keys, key) for key in self.wanted(value))
        return Rows(intersection(found, index.everything), exact=self.decides(value))


@dataclass(frozen=True, slots=True)
class Equal(EveryKey):
    """The field is this very value."""

    keys: KeyFunction = itself
    shapes: ClassVar = SCALAR

    def predicate(self, value: Any) -> Predicate:
        return lambda document: bool(document.get(self.field) == value)

    def wanted(self, value: Any) -> Iterable[Key]:
        return (value,)


@dataclass(frozen=True, slots=True)
class AnyOf(FieldFilter):
    """The field is one of these values."""

    keys: KeyFunction = itself
    shapes: ClassVar = frozenset({"array"})

    def predicate(self, value: Any) -> Predicate:
        wanted = frozenset(value)
        return lambda document: document.get(self.field) in wanted

    def rows(self, index: Index, value: Any) -> Rows:
        found = [index.filed(self.field, self.keys, key) for key in value]
        return Rows(functools.reduce(operator.or_, found) if found else BitMap())


@dataclass(frozen=True, slots=True)
class Within(FieldFilter):
    """The field is text that has this one in it, in capitals or not; no character stands for others."""

    keys: KeyFunction = itself
    shapes: ClassVar = frozenset({"string"})

    def predicate(self, value: Any) -> Predicate:
        wanted = value.lower()
        return lambda document: wanted in str(document.get(self.field) or "").lower()

    def rows(self, index: Index, value: Any) -> Rows:
        wanted = value.lower()
        found = [
            ranks for text, ranks in index.postings(self.field, self.keys).items() if wanted in str(text or "").lower()
        ]
        return Rows(BitMap.union(BitMap(), *found))


@dataclass(frozen=True, slots=True)
class AllOf(EveryKey):
    """The field is a list that holds every one of these values."""

    keys: KeyFunction = elements
    shapes: ClassVar = frozenset({"array"})

    def predicate(self, value: Any) -> Predicate:
        wanted = frozenset(value)
        return lambda document: wanted <= frozenset(document.get(self.field) or ())


@dataclass(frozen=True, slots=True)
class Excluding(FieldFilter):
    """When true, the field is none of `values`; when false, nothing is filtered."""

    values: frozenset[str]
    keys: KeyFunction = itself
    shapes: ClassVar = frozenset({"boolean"})

    def predicate(self, value: Any) -> Predicate:
        return lambda document: not value or document.get(self.field) not in self.values

    def rows(self, index: Index, value: Any) -> Rows:
        if not value:
            return Rows(index.everything)
        excluded = [index.filed(self.field, self.keys, key) for key in self.values]
        return Rows(functools.reduce(operator.sub, excluded, index.everything))


@dataclass(frozen=True, slots=True)
class Containing(EveryKey):
    """The field, a JSON object, contains this one with the semantics of PostgreSQL's `@>`."""

    keys: KeyFunction = paths
    shapes: ClassVar = frozenset({"json"})

    def predicate(self, value: Any) -> Predicate:
        return lambda document: contains(document.get(self.field), value)

    def wanted(self, value: Any) -> Iterable[Key]:
        return paths(value)

    def decides(self, value: Any) -> bool:
        return not couples_paths(value)


@dataclass(frozen=True, slots=True)
class Pairs(EveryKey):
    """The field, a flat object, holds each of these names with exactly this text."""

    keys: KeyFunction = entries
    shapes: ClassVar = frozenset({"pairs"})

    def predicate(self, value: Any) -> Predicate:
        return lambda document: all((document.get(self.field) or {}).get(name) == text for name, text in value)
