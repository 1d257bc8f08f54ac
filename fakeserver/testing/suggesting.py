"""Names that a test misspells: the error says which one was probably meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from fakeserver.arguments import near

P = ParamSpec("P")
R = TypeVar("R")


def suggests_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """The same function; a TypeError about an argument that it has not names one that it has."""
    known = [name for name in inspect.signature(function).parameters if name != "self"]

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in known:
                raise TypeError(f"{function.__name__}() has no argument {name!r}{near(name, known)}")
        return function(*args, **kwargs)

    return checked


class SuggestsAttributes:
    """What has it as a base says, of an attribute that it has not, which one was probably meant."""

    if not TYPE_CHECKING:  # To the type checker any attribute would be one then.

        def __getattr__(self, name: str) -> Any:
            known = [each for each in {**vars(self), **vars(type(self))} if not each.startswith("_")]
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{near(name, known)}", name=name)
