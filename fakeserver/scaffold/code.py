"""Expressions of Python as text: what a skeleton's modules are written with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fakeserver.problems import Json

LINE = 100
"""Characters of a list or an object that stands in one line."""


@dataclass(frozen=True, slots=True)
class Members:
    """An object as an expression for each member."""

    of: Mapping[str, Code]


@dataclass(frozen=True, slots=True)
class Items:
    """A list as an expression for each item."""

    of: tuple[Code, ...]


Code = str | Members | Items


def literal(value: Json) -> str:
    """A JSON value as Python spells it."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            return f"{{{', '.join(f'{literal(name)}: {literal(member)}' for name, member in value.items())}}}"
        case _:
            return repr(value)


def tuple_of(values: Iterable[Json]) -> str:
    """JSON values as a tuple."""
    texts = [literal(value) for value in values]
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"


def comment(text: str) -> str:
    """Somebody else's text as a line of a comment or of a report has it: nothing in it begins a new line, or moves
    the cursor of a terminal."""
    return "".join(each if each.isprintable() else " " for each in text)


def documentation(text: str) -> str:
    """Somebody else's text as a docstring has it: nothing in it ends the docstring, or means another character."""
    return comment(text).replace("\\", "/").replace('"', "'")


def write(code: Code, indent: int = 0) -> str:
    """An expression as it is written at this indentation."""
    if isinstance(code, str):
        return code
    if isinstance(code, Members):
        parts = [f"{literal(name)}: " for name in code.of]
        values: list[Code] = [*code.of.values()]
        opening, closing = "{}"
    else:
        parts, values = [""] * len(code.of), [*code.of]
        opening, closing = "[]"
    texts = [part + write(value, indent + 4) for part, value in zip(parts, values, strict=True)]
    line = f"{opening}{', '.join(texts)}{closing}"
    if len(line) + indent <= LINE and "\n" not in line and (indent or not texts):
        return line
    inner = "".join(f"{' ' * (indent + 4)}{text},\n" for text in texts)
    return f"{opening}\n{inner}{' ' * indent}{closing}"
