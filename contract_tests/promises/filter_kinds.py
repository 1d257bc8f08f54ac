"""The kinds of filter that a listing can promise: which rows one keeps, stated as a predicate on a row.

A kind is a capability. Laws ask a listing for the kinds that they know how to test, and skip the rest.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from contract_tests.outcome import Pairs, Row
from contract_tests.promises.common import EMPTY_TEXT
from contract_tests.promises.rows import Keeps
from contract_tests.promises.statements import Statement
from contract_tests.sending.ask import encode

TRUE = ("true", "1", "yes", "on")
TRUE_TEXT, FALSE_TEXT = "true", "false"
REFUSAL = Statement("Assumed: a text that is none of the values is refused.")
FORBIDDEN = Statement("Assumed: whoever may not ask for a user's rows is refused with a 403.")
RECASED = Statement("Assumed: a UUID in capitals is the same UUID.")
OFF = Statement("Assumed: false filters nothing.")
SPELT = Statement("Assumed: a boolean may be written as 1, on or True as well.")
COMMAS = Statement("Assumed: a comma belongs to the value; several values are given by repeating the parameter.")
NUMBERS = Statement("Assumed: numbers are compared by value: 1.0 is 1.")
BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")


def texts(query: Pairs, name: str) -> list[str]:
    return [text for given, text in query if given == name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(ABC):
    """One filter of a listing. `noun` is what probes call its values."""

    parameter: str
    field: str
    """The field of a row that it looks at."""
    noun: str
    statement: Statement
    """What the page says of it; where the page does not have the parameter, whatever is wrong with it is a warning."""
    refusal: Statement = REFUSAL
    """That values outside of the documented ones are refused."""
    empty: Statement | None = EMPTY_TEXT
    """What an empty text means; None where it is a value like any other."""

    def takes(self, name: str) -> bool:
        """Whether a parameter of this name in a query is this filter's."""
        return name == self.parameter

    def statement_for(self, text: str) -> Statement:
        """What states the meaning of this one text."""
        return self.empty if self.empty is not None and not text else self.statement

    def refusal_of(self, text: str) -> Statement:
        """What states that this text, which is none of the values, is refused."""
        return self.empty if self.empty is not None and not text else self.refusal

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

    closed: Statement
    """Who may not ask for another user's rows."""
    refused: int = 403
    """The status for a caller who may not."""
    status: Statement = FORBIDDEN
    """That it has this status."""

    def most_common(self, rows: Iterable[Row]) -> str | None:
        """Whose rows these are, where the rows say so."""
        users = Counter(row[self.field] for row in rows if row.get(self.field) is not None)
        return str(users.most_common(1)[0][0]) if users else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Equal):
    """Rows that belong to another document, named by its UUID, in capitals or not."""

    recased: Statement = RECASED
    """That capitals carry no meaning."""

    def statement_for(self, text: str) -> Statement:
        return Filter.statement_for(self, text) if text == text.lower() else self.recased

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

    def statement_for(self, text: str) -> Statement:
        pieces = text.split(",") if self.commas else [text]
        return self.empty if self.empty is not None and not all(pieces) else self.statement

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
    off: Statement = OFF
    """That false filters nothing."""
    spelt: Statement = SPELT
    """That a boolean may be written in other ways than `true` and `false`."""

    def statement_for(self, text: str) -> Statement:
        if text == FALSE_TEXT:
            return self.off
        return Filter.statement_for(self, text) if text in (TRUE_TEXT, "") else self.spelt

    def keeps(self, query: Pairs) -> Keeps | None:
        given = texts(query, self.parameter)
        if not given or given[-1].lower() not in TRUE:
            return None
        return lambda row: row.get(self.field) != self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf(Filter):
    """Rows whose field, a list, has every one of the values given by repeating the parameter."""

    commas: Statement = COMMAS
    """That a comma does not separate values."""

    def statement_for(self, text: str) -> Statement:
        return self.commas if "," in text else Filter.statement_for(self, text)

    def keeps(self, query: Pairs) -> Keeps | None:
        wanted = texts(query, self.parameter)
        if not wanted:
            return None
        return lambda row: all(text in (row.get(self.field) or ()) for text in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Json(Filter):
    """Rows whose field contains an object, written as JSON text, in the sense of PostgreSQL's `@>`."""

    numbers: Statement = NUMBERS
    """That numbers are compared by value: 1.0 is 1."""

    def write(self, value: Any) -> Pairs:
        return ((self.parameter, dense(value)),)

    def keeps(self, query: Pairs) -> Keeps | None:
        given = texts(query, self.parameter)
        if not given:
            return None
        wanted = json.loads(given[-1])
        return lambda row: contains(row.get(self.field), wanted)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A query that a filter cannot read; the refusal should name these parameters."""

    query: Pairs
    names: tuple[str, ...]


LONG_KEY, LONG_VALUE, MUCH = 257, 2_049, 8
"""One more than the lengths that are observed, and so many of the longest values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags(Filter):
    """Rows whose field, an object of texts, has every one of the pairs, each a parameter `name.key=text`."""

    empty: Statement | None = None

    @property
    def prefix(self) -> str:
        return f"{self.parameter}."

    def takes(self, name: str) -> bool:
        return name.startswith(self.prefix)

    def bare(self, name: str) -> str:
        """The key in the name of a parameter; what stands for it in words where it is empty."""
        return name.removeprefix(self.prefix) or "key"

    def write(self, *pairs: tuple[str, str]) -> Pairs:
        return tuple((self.prefix + name, text) for name, text in pairs)

    def read(self, query: Pairs) -> dict[str, str] | None:
        """The pairs that the query asks for, or None where it does not filter. ValueError for a text without
        meaning."""
        return {name.removeprefix(self.prefix): text for name, text in query if self.takes(name)} or None

    def keeps(self, query: Pairs) -> Keeps | None:
        wanted = self.read(query)
        if wanted is None:
            return None

        def has_all(row: Row) -> bool:
            has = row.get(self.field) or {}
            return all(name in has and has[name] == text for name, text in wanted.items())

        return has_all

    def spell(self, name: str, text: str) -> Mapping[str, str]:
        """By probe: other query strings, as they go over the wire, that ask for this one pair."""
        value = escape(text)
        spellings = {"encoded dot": f"{self.parameter}%2E{escape(name)}={value}"}
        if " " in text.strip():
            spellings["plus"] = f"{self.prefix}{escape(name)}={value.replace('%20', '+')}"
        return spellings

    def unreadable(self) -> Mapping[str, Unreadable]:
        """By probe: what has to be refused."""
        key = f"{self.prefix}env"
        much = [(f"k{number}", "v" * (LONG_VALUE - 1)) for number in range(MUCH)]
        return {
            "empty key": Unreadable(((self.prefix, "prod"),), (self.prefix,)),
            "key twice": Unreadable(((key, "prod"), (key, "dev")), (key,)),
            "same pair twice": Unreadable(((key, "prod"), (key, "prod")), (key,)),
            "long key": Unreadable(self.write(("k" * LONG_KEY, "x")), ()),
            "long value": Unreadable(((key, "v" * LONG_VALUE),), (key,)),
            "much in all": Unreadable(self.write(*much), ()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedTags(Tags):
    """The same where all pairs are the text of one parameter, `key=text&key=text`. The text is unescaped as a whole
    before it is split, and each key and value once more, so that what must survive in them is escaped twice."""

    def takes(self, name: str) -> bool:
        return name == self.parameter

    def write(self, *pairs: tuple[str, str]) -> Pairs:
        return ((self.parameter, "&".join(f"{escape(name, 2)}={escape(text, 2)}" for name, text in pairs)),)

    def read(self, query: Pairs) -> dict[str, str] | None:
        given = texts(query, self.parameter)
        return dict(map(pair_of, unescape(given[-1]).split("&"))) if given else None

    def spell(self, name: str, text: str) -> Mapping[str, str]:
        spellings = {"escaped as a whole": f"{self.parameter}={escape(f'{escape(name)}={escape(text)}', 2)}"}
        if " " in text.strip():
            ((_, written),) = self.write((name, text))
            spellings["plus"] = f"{self.parameter}={escape(written.replace('%2520', '+'))}"
        return spellings

    def unreadable(self) -> Mapping[str, Unreadable]:
        bad = {
            "no escape": "%%%",
            "bad key": "%25YY=a",
            "bad text": "a=%25YY",
            "no pair": "env",
            "two signs": "env=prod=dev",
            "empty": "",
            "empty pair": "env=prod&",
        }
        return {probe: Unreadable(((self.parameter, text),), (self.parameter,)) for probe, text in bad.items()}


def escape(text: str, times: int = 1) -> str:
    """URL-encoded so many times; no character of a query is left as it is."""
    for _ in range(times):
        text = encode(text)
    return text


def unescape(text: str) -> str:
    """URL-decoded once, plus signs included; ValueError for a percent sign without two digits, or for broken UTF-8."""
    if BAD_ESCAPE.search(text):
        raise ValueError(f"{text!r} is not URL-encoded")
    return unquote_plus(text, errors="strict")


def pair_of(text: str) -> tuple[str, str]:
    name, value = text.split("=")
    return unescape(name), unescape(value)


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
