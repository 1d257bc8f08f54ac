"""The allowance of a request: how many documents are drawn for it in one go, while everybody else waits.

A document costs as much to draw as a whole page of those that were read before. An operation changes nothing before it
has its result, so one that would draw too many is broken off, and asked again when others have been answered: what it
had drawn until then is at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

DRAWN_AT_ONCE = 300
"""Documents; it takes some 10 ms. With fewer, those that are at hand would be read again more often."""
MAX_GOES = 100
"""Of one request. One that draws more is of so large a world that what it had drawn makes room again."""


Asked = ParamSpec("Asked")
Found = TypeVar("Found")


class TooManyDrawn(Exception):
    """There is more to be drawn than in one go."""


class Allowance:
    """What is left of one."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self) -> None:
        """One more document is about to be drawn, and kept at hand."""
        if not self.left:
            raise TooManyDrawn
        self.left -= 1


_allowance: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


def draw_little(ask: Callable[Asked, Found], *asked: Asked.args, **named: Asked.kwargs) -> Found:
    """What somebody comes to who draws no more documents than in one go, or TooManyDrawn."""
    token = _allowance.set(Allowance(DRAWN_AT_ONCE))
    try:
        return ask(*asked, **named)
    finally:
        _allowance.reset(token)


def current_allowance() -> Allowance | None:
    """That of whoever asks now; None where somebody may draw as many as he likes."""
    return _allowance.get()


def spend() -> None:
    """One more document is about to be drawn, by whoever draws no others beside it."""
    allowance = current_allowance()
    if allowance is not None:
        allowance.spend()
