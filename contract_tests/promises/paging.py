"""How a listing hands out a long list: sizes, and whatever leads from one page to the next.

Each part is there or not, and is a capability: laws ask for a number, an offset, a cursor or a total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from contract_tests.outcome import Pairs, Row
from contract_tests.promises.common import DIGITS, EMPTY_TEXT, FAR_PAGES
from contract_tests.promises.statements import Statement

INT32: Final = 2_147_483_647
"""The largest number of a page that anybody need know."""


class Missing(Enum):
    """The answer does not have the field or header at all, which is not the same as null."""

    ABSENT = "absent"


ABSENT: Final = Missing.ABSENT


@dataclass(frozen=True, slots=True)
class Body:
    """A 200 of a listing, taken apart: its rows, the fields beside them, and its headers (names in lower case)."""

    rows: tuple[Row, ...]
    envelope: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InEnvelope:
    """Said by a field beside the rows."""

    name: str

    def read(self, body: Body) -> Any:
        return body.envelope.get(self.name, ABSENT)


@dataclass(frozen=True, slots=True)
class InHeader:
    """Said by a header of the answer."""

    name: str

    def read(self, body: Body) -> Any:
        return body.headers.get(self.name.lower(), ABSENT)


Place = InEnvelope | InHeader


BOUND = Statement("Assumed: a cursor belongs to the filters that it was issued for; any other is refused.")
TOTAL = Statement("Assumed: the total counts what matches the filters, on all pages together.")
END = Statement("Assumed: there is no cursor on the last page, and a page before it is full.")
BOUNDS = Statement("Assumed: a size or number outside of its range is refused.")
BEHIND = Statement("Assumed: behind the end of the list there is an empty page, not a refusal.")


@dataclass(frozen=True, slots=True)
class Cursor:
    """An opaque text that leads to the next page; without one, the list has ended."""

    parameter: str
    place: Place
    bound: Statement = BOUND
    """That a cursor which was never issued, or belongs to another list, is refused."""
    end: Statement = END
    """That there is a cursor only where rows follow, and that a page is full as long as they do."""
    refused: int = 400
    """The status of such a cursor."""

    @property
    def name(self) -> str:
        return self.place.name

    def value(self, body: Body) -> Any:
        """Whatever stands where the cursor should stand, or ABSENT. A header that is not sent is the documented
        end, a field that is not there is not."""
        value = self.place.read(body)
        return None if value is ABSENT and isinstance(self.place, InHeader) else value

    def following(self, body: Body) -> str:
        """The cursor of the next page, or nothing where the answer gives none."""
        value = self.value(body)
        return value if isinstance(value, str) else ""

    def doubt(self, body: Body) -> str:
        """Why this answer does not tell whether more rows follow, in one sentence, or nothing."""
        value = self.value(body)
        if value is ABSENT:
            return f"the answer has no {self.name}, so nothing tells whether more rows follow"
        if value is not None and not isinstance(value, str):
            return f"{self.name} is neither text nor null, so nothing tells whether more rows follow"
        return ""


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows match the filters, on every page alike."""

    place: Place
    statement: Statement = TOTAL

    def __str__(self) -> str:
        return self.place.name if isinstance(self.place, InHeader) else f"the {self.place.name}"

    def of(self, body: Body) -> int | None:
        value = self.place.read(body)
        if isinstance(self.place, InHeader):
            return int(value) if isinstance(value, str) and value.isdigit() else None
        return value if isinstance(value, int) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How a long list is handed out."""

    size: str
    """The parameter for the length of a page."""
    default: int | None
    """The length of a page without that parameter; None is the whole list."""
    most: int
    """The longest page."""
    number: str = ""
    """The parameter for the number of a page, counted from 1."""
    offset: str = ""
    """The parameter for how many rows to skip."""
    cursor: Cursor | None = None
    total: Total | None = None
    more: str = ""
    """The field of the envelope that says whether rows follow."""
    echoes: tuple[str, ...] = ()
    """The fields of the envelope that repeat the parameters of their name."""
    refuses_more: bool = True
    """Whether a larger size is refused; otherwise it counts as the largest."""
    empty_is_absent: bool = False
    """Whether a parameter that is an empty text counts as absent; otherwise it is refused."""
    statement: Statement
    """What the page says of these parameters."""
    bounds: Statement = BOUNDS
    """That a value outside of its range is refused."""
    behind: Statement = BEHIND
    """That a page behind the last one is served."""

    def refusal_of(self, name: str, text: str) -> Statement:
        """What states that this text, which is no size, number or cursor, is refused."""
        if self.cursor is not None and name == self.cursor.parameter:
            return self.cursor.bound
        if not text:
            return EMPTY_TEXT
        if name in (self.number, self.offset) and is_whole(text) and float(text) > INT32:
            return FAR_PAGES
        return DIGITS if is_whole(text) and not text.removeprefix("-").isdigit() else self.bounds

    def skips(self, name: str, text: str) -> bool:
        """Whether this parameter asks for a page that need not be the first, and so may lie behind the last one."""
        return name in (self.number, self.offset) and text != ("1" if name == self.number else "0")

    @property
    def parameters(self) -> frozenset[str]:
        cursor = self.cursor.parameter if self.cursor else ""
        return frozenset({self.size, self.number, self.offset, cursor} - {""})

    @property
    def largest(self) -> int | None:
        """The size to ask for to see as much as one request can show; None where that takes no parameter."""
        return None if self.default is None else self.most

    def query(self, *, size: int | None, number: int = 1, offset: int = 0, cursor: str = "") -> Pairs:
        """The parameters that ask for a page; what this listing has no parameter for is left out."""
        page: Pairs = ((self.size, str(size)),) if size is not None else ()
        if self.number and number != 1:
            page = ((self.number, str(number)), *page)
        if self.offset and offset:
            page = (*page, (self.offset, str(offset)))
        if self.cursor is not None and cursor:
            page = (*page, (self.cursor.parameter, cursor))
        return page

    def window(self, size: int | None, number: int, offset: int | None) -> tuple[int | None, int]:
        """How many rows such a page has at most (None is all of them), and how many stand in front of it."""
        shown = self.default if size is None else size
        if shown is not None and shown > self.most and not self.refuses_more:
            shown = self.most
        if offset is None:
            offset = (number - 1) * shown if self.number and shown else 0
        return shown, offset


def is_whole(text: str) -> bool:
    """Whether a lenient reader takes this text for a whole number: ` 5`, `5.0`, `1_000`, `1e1`."""
    try:
        return float(text).is_integer()
    except (ValueError, OverflowError):
        return False


LINKS = ("token", "cursor", "page", "link")


def leads_on(paging: Paging, body: Body) -> str:
    """The header of an answer that seems to lead to more rows, though nothing promises it; nothing where none does."""
    promised = {part.place.name.lower() for part in (paging.cursor, paging.total) if part is not None}
    for name, text in body.headers.items():
        if name in promised or not text:
            continue
        if ("next" in name and any(mark in name for mark in LINKS)) or (name == "link" and 'rel="next"' in text):
            return name
    return ""
