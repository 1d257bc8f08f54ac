"""Orders: which end of the filed documents a list begins at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a list. Documents are filed newest first, then by id; `backwards` reads them from the other end."""

    name: str
    backwards: bool = False

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset()

    def chosen(self, values: Mapping[str, Any]) -> Order:
        return self


NEWEST_FIRST = Order("newest first")
OLDEST_FIRST = Order("oldest first", backwards=True)


@dataclass(frozen=True, slots=True)
class OrderParameter:
    """A query parameter that chooses one of several orders; without it, the first."""

    parameter: str
    orders: Mapping[str, Order]

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset({self.parameter})

    def chosen(self, values: Mapping[str, Any]) -> Order:
        value = values[self.parameter]
        return next(iter(self.orders.values())) if value is None else self.orders[value]
