"""Which keywords a place of a spec may have: those that are honoured, and those that only tell a reader something."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fakeserver.problems import Document, Json, SpecError

EXTENSION = "x-"
"""Keys that begin so belong to other tools, and are ignored everywhere."""


@dataclass(frozen=True, slots=True)
class Keywords:
    """The keywords of one kind of place. An annotation changes neither a request nor an answer, so it is ignored; any
    keyword that is in neither set is refused, so that none is dropped without a word."""

    honoured: frozenset[str]
    annotations: frozenset[str]

    def read(self, value: Json, where: str) -> Document:
        """The value, without extensions, as a mapping with no keyword but these; else a `SpecError` with the place."""
        found = mapping(value, where)
        refuse_keywords(found.keys() - self.honoured - self.annotations, where, self.honoured)
        return found


def keywords(honoured: str, annotations: str = "") -> Keywords:
    """Keywords from two texts of words."""
    return Keywords(frozenset(honoured.split()), frozenset(annotations.split()))


def mapping(value: Json, where: str) -> Document:
    """The value as a mapping of keywords, without extensions."""
    return {name: member for name, member in read_names(value, where).items() if not name.startswith(EXTENSION)}


def read_names(value: Json, where: str) -> Document:
    """The value as a mapping of names that somebody chose, in which `x-` is a name like any other."""
    if not isinstance(value, dict):
        raise SpecError(f"{where}: must be a mapping, not {show(value)}")
    for name in value:
        if not isinstance(name, str):
            # YAML reads no, on and 200 as a boolean and a number.
            raise SpecError(f"{where}: the key {show(name)} is not text: quote it")
    return value


def sequence(value: Json, where: str) -> list[Json]:
    """The value as a list."""
    if not isinstance(value, list):
        raise SpecError(f"{where}: must be a list, not {show(value)}")
    return value


def text(value: Json, where: str) -> str:
    """The value as a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise SpecError(f"{where}: must be text, not {show(value)}")
    return value


def flag(value: Json, where: str) -> bool:
    """The value as a boolean."""
    if not isinstance(value, bool):
        raise SpecError(f"{where}: must be true or false, not {show(value)}")
    return value


def refuse_keywords(names: frozenset[str] | set[str], where: str, honoured: frozenset[str] | set[str]) -> None:
    """A `SpecError` that names the first of these keywords, if there is any, and what would be honoured there."""
    if names:
        raise SpecError(
            f"{where}: the keyword {min(names)!r} is not honoured here (honoured are {', '.join(sorted(honoured))})"
        )


def show(value: Json) -> str:
    """A value of a spec as JSON writes it, for a message; a long one by what it is."""
    match value:
        case True | False:
            return str(value).lower()
        case None:
            return "null"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return repr(value)[:60]


MAX_DEPTH = 64
"""Levels of a value that a spec spells out; a YAML alias inside itself has more than any number."""


def check_json(value: Json, where: str, depth: int = 0) -> None:
    """Refuse what JSON cannot write, though YAML can: dates, keys that are not text, numbers without end."""
    if depth > MAX_DEPTH:
        raise SpecError(f"{where}: is nested deeper than {MAX_DEPTH}")
    match value:
        case dict():
            for name, member in value.items():
                if not isinstance(name, str):
                    raise SpecError(f"{where}: the key {show(name)} is not text: quote it")
                check_json(member, f"{where}.{name}", depth + 1)
        case list():
            for index, member in enumerate(value):
                check_json(member, f"{where}[{index}]", depth + 1)
        case str() | bool() | None:
            pass
        case int() | float():
            if not math.isfinite(value) or abs(value) >= 2**63:
                raise SpecError(f"{where}: {show(value)} is too large a number")
        case _:
            raise SpecError(f"{where}: {show(value)} is not JSON: quote it")
