"""Regular expressions that somebody sends, matched by RE2: its time grows with the text, whatever the expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fakeserver.problems import FakeProblem, Json

MAX_CHARACTERS = 200
MAX_REPEAT = 999
MAX_MEMORY_BYTES = 1 << 20
"""What one expression may take, compiled and while it is matched."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. `size` is the number of its steps: no character of a text costs more than that."""

    size: int
    _compiled: Any

    def matches(self, text: str) -> bool:
        """Whether it describes the whole text."""
        return self._compiled.fullmatch(text) is not None


def compile_expression(text: Json, field: str, fold: bool = False) -> Expression:
    """The expression in a field of a pattern, with `fold` for text in whatever case; a FakeProblem names the field
    where it is not one."""
    if not isinstance(text, str) or len(text) > MAX_CHARACTERS:
        raise FakeProblem(422, f"{field} must be a pattern of at most {MAX_CHARACTERS} characters", field=field)
    if re.search(r"\{[^}]*[0-9]{4}", text):
        # RE2 takes a count that is too long for it as plain text.
        raise FakeProblem(422, f"{field}: a repeat may count to {MAX_REPEAT} at most", field=field)
    try:
        # Loaded when it is needed: no provider request uses it, and start is faster without it.
        import re2
    except ImportError as error:
        raise FakeProblem(
            501, f"{field} needs RE2, which is not installed: pip install google-re2", field=field
        ) from error
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not fold
    options.never_capture = True
    options.max_mem = MAX_MEMORY_BYTES
    try:
        compiled = re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace")
        raise FakeProblem(422, f"{field} is not a regular expression in RE2's syntax: {reason}", field=field) from error
    return Expression(compiled.programsize, compiled)
