"""How values and names are spelt in TypeScript."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fakeserver.export.natives import METHODS
from fakeserver.export.unexportable import Unexportable

RESERVED = frozenset(
    "arguments await break case catch class const continue debugger default delete do else enum eval export extends "
    "false finally for function if implements import in instanceof interface let new null package private protected "
    "public return static super switch this throw true try typeof undefined var void while with yield "
    "any constants cursors net positions py "
    "rt".split()
)
NAME = re.compile(r"[A-Za-z_$][\w$]*")
WIDTH = 100
"""Characters of a list that stands on one line."""


def safe(name: str) -> str:
    return f"{name}_" if name in RESERVED else name


def listed(texts: Iterable[str], signs: str = "[]") -> str:
    """On one line, or on one for each; `signs` stand around them."""
    texts = [*texts]
    space = " " if signs == "{}" and texts else ""
    line = f"{signs[0]}{space}{', '.join(texts)}{space}{signs[1]}"
    if len(line) <= WIDTH:
        return line
    return f"{signs[0]}\n" + "".join(f"  {each},\n" for each in texts) + signs[1]


def pattern_of(pattern: re.Pattern[Any]) -> str:
    if not isinstance(pattern.pattern, str) or pattern.flags & ~(re.UNICODE | re.ASCII):
        raise Unexportable(f"the regular expression {pattern.pattern!r} with flags")
    if re.search(r"\(\?[^:=!<]|\(\?<[^=!]|\\[AZ]", pattern.pattern):
        raise Unexportable(f"the regular expression {pattern.pattern!r}")
    return pattern.pattern


def is_at_hand(text: str) -> bool:
    """Whether a value costs nothing, so that it need not wait until somebody asks for it."""
    return text in ("py.dict()", "[]", "null", "0", "true", "false") or (text.startswith('"') and text.count('"') == 2)


def bound(value: str, name: str) -> str:
    """A method of a value, as a value."""
    return (
        f"((...given: any[]) => (py.{METHODS[name]} as any)({value}, ...given))"
        if name in METHODS
        else f"{value}.{name}"
    )


def template(text: str) -> str:
    """A text as it can stand between backticks."""
    return text.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")


def is_member(text: str) -> bool:
    """Whether a key is a text that keeps its place among the members of a literal: digits alone would come first."""
    return text.startswith('"') and not text[1:-1].isdecimal() and text != '"__proto__"'


def member(text: str) -> str:
    return text[1:-1] if NAME.fullmatch(text[1:-1]) else text
