"""Places of a file that somebody wrote by hand: a value, where it stands, and one sentence on what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from fakeserver.arguments import near
from fakeserver.documents.draws import UNIQUE
from fakeserver.problems import Json

PLACEHOLDER = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
MAX_TEXT = 4_096
MAX_DEPTH = 32
MAX_NUMBER = 2**53
MAX_SHOWN = 60
"""Characters of a value that a message repeats."""


class FixtureError(Exception):
    """A fixture that cannot be used; the message names the file, the place and the cause."""


@dataclass(frozen=True, slots=True)
class Located:
    """A value of a recipe and where it stands there; whatever is wrong with it is said of the place. Each method
    returns the value as what it says, or raises a FixtureError."""

    value: Any
    where: str = ""

    def wrong(self, detail: str) -> FixtureError:
        return FixtureError(f"{self.where}: {detail}" if self.where else detail)

    def inner(self, name: object, value: Json) -> Located:
        return Located(value, f"{self.where}[{name}]" if isinstance(name, int) else f"{self.where}.{name}".lstrip("."))

    def members(self, known: Collection[str] | None = None, needed: Collection[str] = ()) -> dict[str, Located]:
        """A mapping of text to anything."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"must be a mapping, not {kind(self.value)}")
        for name in self.value:
            if not isinstance(name, str) or not name or not name.isprintable():
                raise self.wrong(f"the key {name!r} must be text: quote it")
            if known is not None and name not in known:
                raise self.wrong(f"unknown key {name!r}{near(name, known)}")
        for name in needed:
            if name not in self.value:
                raise self.wrong(f"the key {name!r} is missing")
        return {name: self.inner(name, value) for name, value in self.value.items()}

    def entries(self) -> list[Located]:
        """A list with something in it."""
        if not isinstance(self.value, list) or not self.value:
            raise self.wrong(f"must be a list with something in it, not {kind(self.value)}")
        return [self.inner(index, value) for index, value in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str) or not 0 < len(self.value) <= MAX_TEXT or not self.value.isprintable():
            raise self.wrong(f"must be text, not {kind(self.value)}")
        return self.value

    def one_of(self, known: Collection[str]) -> str:
        if not isinstance(self.value, str) or self.value not in known:
            raise self.wrong(f"{self.value!r} does not exist{near(self.value, known)}")
        return self.value

    def integer(self, least: int, most: int) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not least <= self.value <= most:
            raise self.wrong(f"must be a whole number from {least} to {most}, not {kind(self.value)}")
        return self.value

    def json(self, words: Collection[str], *, literal: bool = False, depth: int = 0) -> Json:
        """What an answer can carry; a `literal` value stands for itself, so that no placeholder may be in it."""
        value = self.value
        if depth > MAX_DEPTH:
            raise self.wrong(f"is nested deeper than {MAX_DEPTH}")
        if isinstance(value, dict):
            if [*value.values()] == [None] and value.keys() <= {*words, "unique"}:
                raise self.wrong(f'is a mapping; a placeholder must be quoted: "{{{next(iter(value))}}}"')
            for member in self.members().values():
                member.json(words, literal=literal, depth=depth + 1)
        elif isinstance(value, list):
            for index, entry in enumerate(value):
                self.inner(index, entry).json(words, literal=literal, depth=depth + 1)
        elif isinstance(value, str):
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise self.wrong("holds half a character")
            found = PLACEHOLDER.search(value) if literal else None
            if found and (found[0] == UNIQUE or found[1] in words):
                raise self.wrong(f"placeholders such as {found[0]} are filled in columns only")
        elif isinstance(value, int | float):
            if not math.isfinite(value) or abs(value) > MAX_NUMBER:
                raise self.wrong("is too large a number")
        elif value is not None:
            raise self.wrong(f"is {kind(value)}, which JSON does not have: quote it")
        return value


def kind(value: Any) -> str:
    """A value, or what it is, for a message."""
    if value is None or value == "" or value == [] or value == {}:
        return "empty"
    if isinstance(value, str | int | float):
        return repr(value)[:MAX_SHOWN]
    if isinstance(value, dict):
        return "a mapping"
    return f"a {type(value).__name__}"
