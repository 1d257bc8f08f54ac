"""Listings and facets: what an operation that reads documents means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fakeserver.arguments import near
from fakeserver.documents.collection import Collection
from fakeserver.listing.facets import Facet
from fakeserver.listing.filters import Filter
from fakeserver.listing.orders import OrderParameter
from fakeserver.listing.pages import Pages
from fakeserver.spec.credentials import Caller
from fakeserver.spec.reader import Operation


@dataclass(frozen=True, slots=True)
class Scope:
    """Which documents a caller may see: those of a tenant, or only those that `owner` owns in it."""

    tenant: str
    owner: str | None = None


TenantRule = Callable[[Caller, Mapping[str, Any], Mapping[str, Collection]], Scope]
"""(caller, decoded values, tenants) → scope, or a Problem."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An operation that filters, orders and pages documents. `path` names the parameters of the path, which the tenant
    rule reads."""

    tenant: TenantRule
    pages: Pages
    filters: tuple[Filter, ...] = ()
    path: tuple[str, ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(each.parameter for each in self.filters) | self.pages.parameters | frozenset(self.path)


@dataclass(frozen=True, slots=True)
class Facets:
    """An operation that counts the documents that a listing with the same filters would find; `path` as there."""

    tenant: TenantRule
    facets: Mapping[str, Facet]
    filters: tuple[Filter, ...] = ()
    path: tuple[str, ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(each.parameter for each in self.filters) | frozenset(self.path)


def objections(meaning: Listing | Facets, operation: Operation) -> Iterator[str]:
    """What an operation means although its spec, or one of the meaning's own parts, does not bear it out."""
    claimed = [kind.parameter for kind in meaning.filters]
    if isinstance(meaning, Listing):
        claimed += meaning.pages.parameters
    for name in sorted({name for name in claimed if claimed.count(name) > 1}):
        yield f"parameter {name!r} is read by two parts of the meaning"
    if isinstance(meaning, Listing):
        yield from _objections_to_pages(meaning.pages, operation)


def _objections_to_pages(pages: Pages, operation: Operation) -> Iterator[str]:
    for fact in sorted(pages.envelope.facts - pages.position.facts):
        yield f"the envelope tells {fact!r}, which a page of kind {type(pages.position).__name__} does not know"
    success = operation.responses.get(200)
    declared = success.headers if success else ()
    for name in pages.envelope.headers:
        if name.lower() not in {header.lower() for header in declared}:
            yield f"header {name!r} is sent but not declared for status 200{near(name, declared)}"
    if isinstance(pages.order, OrderParameter):
        parameter = next(each for each in operation.parameters if each.name == pages.order.parameter)
        texts = parameter.schema.get("enum", [])
        if sorted(texts) != sorted(pages.order.orders):
            yield f"parameter {parameter.name!r} allows {texts}, and the orders are {[*pages.order.orders]}"
        if parameter.schema.get("default") not in (None, next(iter(pages.order.orders))):
            yield f"parameter {parameter.name!r} has a default that is not the first of the orders"
