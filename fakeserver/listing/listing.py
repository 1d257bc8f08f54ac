"""Listings and facets: what an operation that reads documents means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fakeserver.documents.collection import Collection
from fakeserver.listing.facets import Facet
from fakeserver.listing.filters import Filter
from fakeserver.listing.pages import Pages
from fakeserver.spec.credentials import Caller


@dataclass(frozen=True, slots=True)
class Scope:
    """Which documents a caller may see: those of a tenant, or only those that `owner` owns in it."""

    tenant: str
    owner: str | None = None


TenantRule = Callable[[Caller, Mapping[str, Any], Mapping[str, Collection]], Scope]
"""(caller, decoded values, tenants) → scope, or a Problem."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An operation that filters, orders and pages documents."""

    tenant: TenantRule
    pages: Pages
    filters: tuple[Filter, ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(each.parameter for each in self.filters) | self.pages.parameters


@dataclass(frozen=True, slots=True)
class Facets:
    """An operation that counts the documents that a listing with the same filters would find."""

    tenant: TenantRule
    facets: Mapping[str, Facet]
    filters: tuple[Filter, ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(each.parameter for each in self.filters)
