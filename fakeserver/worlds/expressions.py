"""Regular expressions that somebody sends: they describe a whole text, and none can run away."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fakeserver.problems import FakeProblem, Json

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

MAX_CHARACTERS = 200
MAX_REPEAT = 999
SIZES = tuple(2**power for power in range(9, 17))
"""Bytes that a compiled expression may take, from the least that is told apart to the most that is allowed."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. Its time is at most proportional to `size` (one of `SIZES`) times the text's length."""

    size: int
    _validator: Draft202012Validator

    def matches(self, text: str) -> bool:
        """Whether it describes the whole text."""
        return self._validator.is_valid(text)


def compile_expression(text: Json, field: str, fold: bool = False) -> Expression:
    """The expression in a field of a pattern, with `fold` for text in whatever case; a FakeProblem names the field
    where it is not one, or is too large."""
    if not isinstance(text, str) or len(text) > MAX_CHARACTERS:
        raise FakeProblem(422, f"{field} must be a pattern of at most {MAX_CHARACTERS} characters", field=field)
    if re.search(r"\{[^}]*[0-9]{4}", text):
        raise FakeProblem(422, f"{field}: a repeat may count to {MAX_REPEAT} at most", field=field)
    # Loaded when it is needed: no provider request uses it, and start is faster without it.
    from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

    # JSON Schema's `pattern` is the engine, since with these options its time grows with the text and never explodes.
    # It does not tell how large an expression is, so the smallest limit is looked for under which it compiles; by
    # itself first, as a stray bracket would end the group that makes it describe the whole text.
    for size in SIZES:
        options = RegexOptions(size_limit=size)
        with contextlib.suppress(ValidationError):
            Draft202012Validator({"pattern": text}, pattern_options=options)
            whole = f"^(?{'i' if fold else ''}:{text})$"
            return Expression(size, Draft202012Validator({"pattern": whole}, pattern_options=options))
    raise FakeProblem(
        422,
        f"{field} is not a regular expression as JSON Schema has them, is too large, or has look-around or references",
        field=field,
    )
