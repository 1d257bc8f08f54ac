"""Caches: what was worked out before, one cache for each kind of thing, so that none pushes out another's; and what is
remembered of that which is not worth keeping yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Seen:
    """What was there before, by nothing but its hash: what is asked for once is not worth keeping. At most `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._numbers: set[int] = set()
        self._before: set[int] = set()

    def __len__(self) -> int:
        return len(self._numbers) + len(self._before)

    def was(self, part: Hashable) -> bool:
        """Whether it was there; it has been from now on."""
        number = hash(part)
        if number in self._numbers or number in self._before:
            return True
        # Two halves, of which the older one goes as a whole: to look for the oldest of all costs more than an answer.
        if len(self._numbers) >= self.most // 2:
            self._numbers, self._before = set(), self._numbers
        self._numbers.add(number)
        return False


class Cache(OrderedDict[K, V]):
    """At most `most` values by their keys; where there is no room, the oldest goes. A plain dict would walk over the
    places of all that went before to find it."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def keep(self, key: K, value: V) -> None:
        if len(self) >= self.most and key not in self:
            self.popitem(last=False)
        self[key] = value
