"""Envelopes: what stands around a page's rows, in the body and in the headers.

An envelope is plain data that combines with every position (`pages`): `dataclasses.asdict` describes it in full, so
that other programs than this one can put it around rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal
from urllib.parse import urlencode

import orjson

from fakeserver.spec.parameters import query_pairs

MAX_FILLED = 1_024
"""Envelopes of one listing that are kept at hand; any other is filled again."""
Fact = Literal["total", "count", "offset", "size", "page", "pages", "has_next", "next", "links"]
"""What may be known of a page: how many rows were found, and are sent; how many stand before them; how many the page
may have; its number, and that of the last; whether there is a next page, and its cursor; the text of a Link header."""
Member = Fact | Mapping[str, "Member"]
Neighbours = Mapping[str, Mapping[str, str | None]]
"""The pages next to this one by their relation (RFC 8288): what the query says there instead, None for nothing."""


@dataclass(slots=True)
class Page:
    """The ranks of a page's rows in the order that they are sent in, the facts that its position knows of them, and
    what the envelope puts around them: the two halves of the body, and headers."""

    ranks: list[int]
    total: int
    size: int | None = None
    offset: int | None = None
    page: int | None = None
    has_next: bool = False
    next: str | None = None
    links: str | None = None
    before: bytes = b"["
    after: bytes = b"]"
    headers: Mapping[str, str] | None = None
    step: int | None = None
    """How many rows the page can have, where that is not its size."""

    @property
    def rows(self) -> int:
        """How far the next page is from this one."""
        return self.step or self.size or 1

    @property
    def count(self) -> int:
        return len(self.ranks)

    @property
    def pages(self) -> int | None:
        return None if self.size is None else -(-self.total // self.rows)


@dataclass(frozen=True, slots=True)
class Envelope:
    """The rows are the member `items` of a JSON object, and `members` stand behind them; without `items` the body is
    the bare array. `members` and `headers` say by name which fact is sent; a header whose fact is None is left out."""

    items: str | None = None
    members: Mapping[str, Member] = field(default_factory=dict)
    headers: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.members and (self.items is None or self.items in self.members):
            raise ValueError(f"members {[*self.members]} have no place beside {self.items or 'a bare array'}")

    @property
    def facts(self) -> frozenset[Fact]:
        """What a position must know to fill it."""
        return frozenset(_facts(self.members)) | frozenset(self.headers.values())

    def compile(self) -> Callable[[Page], None]:
        """The envelope as a function that puts it around a page."""
        opening = b"[" if self.items is None else b"{%b:[" % orjson.dumps(self.items)
        closing = b"]" if self.items is None else b"]%b}" % _template(self.members, b",")
        members = len([*_facts(self.members)])
        facts = (*_facts(self.members), *self.headers.values())

        def close(page: Page) -> None:
            page.before, page.after = opening, closing % ()

        def filled(known: Any) -> tuple[bytes, dict[str, str] | None]:
            values = known if len(facts) > 1 else (known,)
            after = closing % tuple(map(_json, values[:members]))
            if not self.headers:
                return after, None
            texts = dict(zip(self.headers, map(_text, values[members:]), strict=True))
            headers = {name: text for name, text in texts.items() if text is not None}
            return after, headers or None

        def fill(page: Page) -> None:
            page.before = opening
            page.after, page.headers = fill_in(read(page))

        if not facts:
            return close
        read = attrgetter(*facts)
        # The same facts make the same bytes, and a listing that is polled has the same facts all day. Links are as
        # long as the query that they repeat, so those are not kept.
        fill_in = filled if "links" in facts else functools.lru_cache(MAX_FILLED)(filled)
        return fill


BARE = Envelope()
"""A bare array and no word about it."""


def _facts(members: Mapping[str, Member]) -> Iterator[Fact]:
    """The facts in the order in which they are written."""
    for member in members.values():
        if isinstance(member, str):
            yield member
        else:
            yield from _facts(member)


def _template(members: Mapping[str, Member], separator: bytes) -> bytes:
    """The members as JSON with a place for each fact, `separator` in front of the first."""
    text = b""
    for name, member in members.items():
        value = b"%b" if isinstance(member, str) else b"{%b}" % _template(member, b"")
        text += separator + orjson.dumps(name).replace(b"%", b"%%") + b":" + value
        separator = b","
    return text


def _json(fact: int | str | None) -> bytes:
    """A fact as JSON; a page may have a number that no machine word holds."""
    return b"%d" % fact if type(fact) is int else orjson.dumps(fact)


def _text(fact: int | str | None) -> str | None:
    """A fact as the text of a header."""
    return ("false", "true")[fact] if isinstance(fact, bool) else None if fact is None else str(fact)


def link_header(neighbours: Neighbours, query: bytes) -> str | None:
    """The pages next to this one as RFC 8288 writes them. References are relative, so that they hold behind every
    base URL; the other parameters of the query stay."""
    links = []
    for relation, changes in neighbours.items():
        kept = [pair for pair in query_pairs(query) if pair[0] not in changes]
        target = urlencode([*kept, *((name, text) for name, text in changes.items() if text is not None)])
        links.append(f'<?{target}>; rel="{relation}"')
    return ", ".join(links) or None
