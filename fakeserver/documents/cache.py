"""Caches: what was worked out before, one cache for each kind of thing, so that none pushes out another's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


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
