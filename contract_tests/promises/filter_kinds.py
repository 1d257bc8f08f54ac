"""The kinds of filter that a listing can promise: which rows one keeps, stated as a predicate on a row.

A kind is a capability. Laws ask a listing for the kinds that they know how to test, and skip the rest.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from contract_tests.outcome import Pairs, Row, Tier
from contract_tests.promises.rows import Keeps

TRUE = ("true", "1", "yes", "on")
FALSE_TEXT = "false"


def texts(query: Pairs, name: str) -> list[str]:
    return [text for given, text in query if given == name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(ABC):
    """One filter of a listing. `noun` is what probes call its values; `sentence` is what the page says of it."""

    parameter: str
    field: str
    """The field of a row that it looks at."""
    noun: str
    sentence: str
    tier: Tier = Tier.MUST
    """SHOULD where the parameter is not on the page: whatever is wrong with it then is only a warning."""
    refusal_tier: Tier = Tier.MUST
    """How binding it is that values outside of the documented ones are refused."""

    def takes(self, name: str) -> bool:
        """Whether a parameter of this name in a query is this filter's."""
        return name == self.parameter

    def tier_of(self, text: str) -> Tier:
        """How binding the meaning of this one value is."""
        return self.tier

    @abstractmethod
    def keeps(self, query: Pairs) -> Keeps | None:
        """The predicate that the query asks for, or None where it does not filter. ValueError for a text without
        meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equal(Filter):
    """Rows whose field has this value; of several texts the last one counts."""

    def keeps(self, query: Pairs) -> Keeps | None:
        given = texts(query, self.parameter)
        if not given:
            return None
        wanted = self.value_of(given[-1])
        return lambda row: row.get(self.field) == wanted

    def value_of(self, text: str) -> str:
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner(Equal):
    """Rows of one user. Whether the caller may ask for others is known to the deployment only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Equal):
    """Rows that belong to another document, named by its UUID, in capitals or not."""

    def value_of(self, text: str) -> str:
        return text.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Filter):
    """Rows whose field has a value of a closed set."""

    values: tuple[str, ...]
    commas: bool = False
    """Several values may be given, separated by commas; then any of them matches, and an empty text filters nothing."""
    repeats: bool = False
    """Several values may be given by repeating the parameter."""

    def keeps(self, query: Pairs) -> Keeps | None:
        given = texts(query, self.parameter)
        wanted = {piece for text in given for piece in text.split(",") if piece} if self.commas else set(given[-1:])
        if not wanted:
            return None
        return lambda row: row.get(self.field) in wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluding(Filter):
    """A switch: true leaves out the rows whose field has `value`."""

    value: str
    false_tier: Tier = Tier.SHOULD
    """How binding it is that false filters nothing."""

    def tier_of(self, text: str) -> Tier:
        return self.false_tier if text == FALSE_TEXT else self.tier

    def keeps(self, query: Pairs) -> Keeps | None:
        given = texts(query, self.parameter)
        if not given or given[-1].lower() not in TRUE:
            return None
        return lambda row: row.get(self.field) != self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf(Filter):
    """Rows whose field, a list, has every one of the values given by repeating the parameter."""

    def keeps(self, query: Pairs) -> Keeps | None:
        wanted = texts(query, self.parameter)
        if not wanted:
            return None
        return lambda row: all(text in (row.get(self.field) or ()) for text in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Json(Filter):
    """Rows whose field contains an object, written as JSON text, in the sense of PostgreSQL's `@>`."""

    def write(self, value: Any) -> Pairs:
        return ((self.parameter, dense(value)),)

    def keeps(self, query: Pairs) -> Keeps | None:
        given = texts(query, self.parameter)
        if not given:
            return None
        wanted = json.loads(given[-1])
        return lambda row: contains(row.get(self.field), wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags(Filter):
    """Rows whose field, an object of texts, has every one of the pairs, each a parameter `name.key=text`."""

    @property
    def prefix(self) -> str:
        return f"{self.parameter}."

    def takes(self, name: str) -> bool:
        return name.startswith(self.prefix)

    def write(self, *pairs: tuple[str, str]) -> Pairs:
        return tuple((self.prefix + name, text) for name, text in pairs)

    def keeps(self, query: Pairs) -> Keeps | None:
        wanted = [(name.removeprefix(self.prefix), text) for name, text in query if self.takes(name)]
        if not wanted:
            return None

        def has_all(row: Row) -> bool:
            has = row.get(self.field) or {}
            return all(name in has and has[name] == text for name, text in wanted)

        return has_all


def dense(value: Any) -> str:
    """JSON without a blank, letters beyond ASCII as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def contains(document: Any, query: Any) -> bool:
    """The `@>` operator: every part of the query occurs in the document, at the same place, with the same type."""
    if isinstance(query, dict):
        return isinstance(document, dict) and all(
            name in document and contains(document[name], inner) for name, inner in query.items()
        )
    if isinstance(query, list):
        return isinstance(document, list) and all(
            any(contains(member, inner) for member in document) for inner in query
        )
    if isinstance(document, dict | list) or isinstance(document, bool) != isinstance(query, bool):
        return False
    both_numbers = isinstance(document, int | float) and isinstance(query, int | float)
    return bool(document == query) if both_numbers else type(document) is type(query) and bool(document == query)
