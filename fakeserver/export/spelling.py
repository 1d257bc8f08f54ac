"""How values and names are spelt in TypeScript."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fakeserver.export.unexportable import Unexportable

RESERVED = frozenset(
    "arguments await break case catch class const continue debugger default delete do else enum eval export extends "
    "false finally for function if implements import in instanceof interface let new null package private protected "
    "public return static super switch this throw true try typeof undefined var void while with yield any net py "
    "rt".split()
)
WIDTH = 100
"""Characters of a list that stands on one line."""


def safe(name: str) -> str:
    return f"{name}_" if name in RESERVED else name


def listed(texts: Iterable[str]) -> str:
    texts = [*texts]
    line = f"[{', '.join(texts)}]"
    if len(line) <= WIDTH:
        return line
    return "[\n" + "".join(f"  {each},\n" for each in texts) + "]"


def pattern_of(pattern: re.Pattern[Any]) -> str:
    if not isinstance(pattern.pattern, str) or pattern.flags & ~(re.UNICODE | re.ASCII):
        raise Unexportable(f"the regular expression {pattern.pattern!r} with flags")
    if re.search(r"\(\?[^:=!<]|\(\?<[^=!]|\\[AZ]", pattern.pattern):
        raise Unexportable(f"the regular expression {pattern.pattern!r}")
    return pattern.pattern
