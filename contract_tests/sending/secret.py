"""A text that is sent and never shown, and errors that do not carry the frames in which it was used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class Secret(str):
    """A credential, or a header that holds one. Tracebacks, logs and reports show variables by their repr, and this
    one's shows nothing; what is derived from it (a slice, a sum) is an ordinary text again."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


def call_without_frames(call: Callable[..., Result], *arguments: object) -> Result:
    """The result of the call. What it raises begins here: below are frames of libraries, in whose variables a header
    stands in many forms, and a test's report may show them all."""
    try:
        return call(*arguments)
    except BaseException as error:
        raised = error
    forget_frames(raised)
    raise raised


def forget_frames(error: BaseException) -> None:
    """Drop the frames of this error, and of those that it came from."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = None
            left += (each.__cause__, each.__context__, *getattr(each, "exceptions", ()))
