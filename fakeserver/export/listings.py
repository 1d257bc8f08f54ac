"""Listings and facets as data: filters, pages, orders and envelopes of the kinds that the engine knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fakeserver.documents.keys import itself
from fakeserver.export.unexportable import Unexportable, name_of
from fakeserver.listing.envelopes import Envelope
from fakeserver.listing.facets import Facet
from fakeserver.listing.filters import (
    AllOf,
    AnyOf,
    Containing,
    Equal,
    Excluding,
    FieldFilter,
    Filter,
    Pairs,
    Within,
    as_decoded,
    nothing_wrong,
)
from fakeserver.listing.listing import Listing
from fakeserver.listing.orders import DIRECTIONS, FieldOrders, Order, OrderParameter
from fakeserver.listing.pages import Cursor, Everything, First, Numbered, Pages, Window
from fakeserver.problems import Document, Json

CURSOR_REFUSALS = {
    "malformed": "The cursor is not one that this API handed out",
    "foreign": "The cursor is not one that this API handed out for these filters",
}
FILTERS: Mapping[type, str] = {
    Equal: "equal",
    AnyOf: "anyOf",
    Within: "within",
    AllOf: "allOf",
    Excluding: "excluding",
    Containing: "containing",
    Pairs: "pairs",
}
"""The kinds of filters that the engine knows, each filed in the way that it is by itself."""


def describe_filter(given: Filter) -> Document:
    """One filter, or `Unexportable` with the parameter and what is its own."""
    kind = FILTERS.get(type(given))
    if kind is None or not isinstance(given, FieldFilter):
        raise Unexportable(f"parameter {given.parameter!r}: the engine knows no filter of the kind {name_of(given)}")
    if given.keys is not type(given).__dataclass_fields__["keys"].default:
        raise Unexportable(f"parameter {given.parameter!r}: its {name_of(given)} is filed under keys of its own")
    found: Document = {"kind": kind, "parameter": given.parameter, "field": given.field}
    if isinstance(given, Excluding):
        found["values"] = sorted(given.values)
    return found


def own_functions(given: Filter) -> Mapping[str, Callable[..., Any]]:
    """What a provider has given a filter, where the spec's types do not say all."""
    assert isinstance(given, FieldFilter)
    found = {"decode": (given.decode, as_decoded), "check": (given.check, nothing_wrong)}
    return {name: function for name, (function, usual) in found.items() if function is not usual}


def fixed_filter(listing: Listing, switches: Mapping[str, Json]) -> list[Document]:
    """What a list is confined to under the choices that are made, whatever it is asked for."""
    only = listing.only
    if only is None or not only.choice.is_made(switches):
        return []
    value = [*only.value] if isinstance(only.value, tuple | list) else only.value
    return [{**describe_filter(only.filter), "value": value}]


def describe_pages(pages: Pages) -> Document:
    return {
        "position": describe_position(pages.position),
        "envelope": describe_envelope(pages.envelope),
        "order": describe_order(pages.order),
    }


POSITIONS: Mapping[type, str] = {
    **dict.fromkeys((Window, First, Everything, Numbered), "positions"),
    Cursor: "cursors",
}
"""Where pages begin and end, and the engine's module for that."""


def describe_position(position: Any) -> Document:
    # A class that inherits from one of these means something else, so the very classes are asked for.
    kind = type(position)
    if kind is Window:
        return {"kind": "window", "most": position.most, "limit": position.limit, "offset": position.offset}
    if kind is First:
        return {"kind": "first", "limit": position.limit}
    if kind is Everything:
        return {"kind": "everything"}
    if kind is Numbered:
        return {"kind": "numbered", "number": position.number, "size": position.size}
    if kind is Cursor:
        return {"kind": "cursor", "cursor": position.cursor, "limit": position.limit, "refusals": CURSOR_REFUSALS}
    raise Unexportable(f"pages: the engine knows no position of the kind {name_of(position)}")


def describe_envelope(envelope: Envelope) -> Document:
    if "links" in envelope.facts:
        raise Unexportable("pages: the engine writes no Link header")
    return {"items": envelope.items, "members": _members(envelope.members), "headers": dict(envelope.headers)}


def _members(members: Mapping[str, Any]) -> Document:
    return {name: each if isinstance(each, str) else _members(each) for name, each in members.items()}


def describe_order(order: Order | OrderParameter | FieldOrders) -> Document:
    match order:
        case Order():
            return {"kind": "fixed", "order": _order(order)}
        case OrderParameter():
            orders = {name: _order(each) for name, each in order.orders.items()}
            return {"kind": "chosen", "parameter": order.parameter, "orders": orders}
        case FieldOrders():
            chosen = {
                f"{choice} {direction}": _order(order.chosen({order.parameter: choice, order.direction: direction}))
                for choice in order.fields
                for direction in DIRECTIONS
            }
            return {"kind": "fields", "parameter": order.parameter, "direction": order.direction,
                    "usual": [next(iter(order.fields)), DIRECTIONS[0]], "orders": chosen}  # fmt: skip
    raise Unexportable(f"pages: the engine knows no order of the kind {name_of(order)}")


def _order(order: Order) -> Document:
    return {"name": order.name, "backwards": order.backwards, "field": order.field}


def describe_facet(name: str, facet: Facet) -> Document:
    if type(facet) is not Facet or facet.keys is not itself:
        raise Unexportable(f"the facet {name!r} is filed under keys of its own")
    return {"name": name, "field": facet.field, "tie": facet.tie}
