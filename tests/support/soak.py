"""What a usual run takes a part of, and `make soak` the whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

FACTOR = float(os.environ.get("FAKESERVER_EXAMPLES", "1"))
"""Random examples for each one of a usual run: fewer in `make quick`, many more in `make soak`."""


def examples(count: int) -> int:
    """So many random examples in a usual run; another run takes its share of them, but always one."""
    return max(1, round(count * FACTOR))


def every_pair(
    ones: Sequence[Any],
    others: Sequence[Any],
    *,
    name: Callable[[Any], str] = str,
    also: Callable[[Any, Any], bool] = lambda one, other: False,
) -> list[Any]:
    """Parameters for each with each; tuples are taken apart. In a usual run every one of the others meets one of the
    ones, in turn, and those that `also` says; the rest waits for a soak."""
    found = []
    for number, other in enumerate(others):
        for index, one in enumerate(ones):
            values = [*(one if isinstance(one, tuple) else (one,)), *(other if isinstance(other, tuple) else (other,))]
            usual = number % len(ones) == index or also(one, other)
            marks = () if usual else pytest.mark.soak
            found.append(pytest.param(*values, id=f"{name(other) or 'empty'}-{name(one)}", marks=marks))
    return found
