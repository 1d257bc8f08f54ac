"""Orders: which end of the filed documents a list begins at, or which field it goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a list. Documents are filed newest first, then by id; `backwards` reads them from the other end. A
    list with a `field` goes by its texts in code-point order (`backwards`: the other way), those of one text newest
    first."""

    name: str
    backwards: bool = False
    field: str | None = None

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


ASCENDING = "asc"
DIRECTIONS = ("desc", ASCENDING)


@dataclass(frozen=True, slots=True)
class FieldOrders:
    """Two query parameters: one chooses what a list goes by, by default the first, and one the direction, by default
    descending. `fields` has the field of each choice; None is the instant of creation."""

    parameter: str
    direction: str
    fields: Mapping[str, str | None]

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset({self.parameter, self.direction})

    def chosen(self, values: Mapping[str, Any]) -> Order:
        choice, ascending = values[self.parameter], values[self.direction] == ASCENDING
        field = next(iter(self.fields.values())) if choice is None else self.fields[choice]
        if field is None:
            return OLDEST_FIRST if ascending else NEWEST_FIRST
        return Order(f"{field} {ASCENDING if ascending else DIRECTIONS[0]}", not ascending, field)
