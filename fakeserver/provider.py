"""What a provider is: one frozen value per provider, made in `providers/<slug>.py`.

The spec says everything about form; these values say what the form means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fakeserver.auth import Caller
from fakeserver.collection import Collection
from fakeserver.facets import Facet
from fakeserver.filters import Filter
from fakeserver.limits import Limit
from fakeserver.pages import Pages
from fakeserver.problems import Document, Problem
from fakeserver.seeded import Make

Switches = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which documents a caller may see: those of a tenant, or only those that `owner` owns in it."""

    tenant: str
    owner: str | None = None


TenantRule = Callable[[Caller, Mapping[str, Any], Mapping[str, Collection]], Scope]
"""(caller, decoded values, tenants) → scope, or a Problem."""

Age = Callable[[Document, int, int], Document | None]

ErrorDialect = Callable[[Problem, Switches], tuple[int, Document]]
"""A problem in the provider's words: status and body."""


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
class Counting:
    """An operation that counts the documents that a listing with the same filters would find."""

    tenant: TenantRule
    facets: Mapping[str, Facet]
    filters: tuple[Filter, ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(each.parameter for each in self.filters)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's meaning. `created` and `identity` name the fields that order its documents; `try_path` is the
    request that the start screen shows; `sdk` names the environment variables that its SDK reads.

    `age(document, then, now)` says how time changes a document (None: it is gone); only documents with the field and
    values in `ages` are asked. `switches` are the choices that a fixture has, the default first; an empty text in a
    parameter of `optional_text` counts as absent."""

    slug: str
    errors: ErrorDialect
    operations: Mapping[str, Listing | Counting]
    make: Make
    created: str
    identity: str
    default_tenant: str
    try_path: str
    sdk: Mapping[str, str]
    age: Age | None = None
    ages: tuple[str | None, frozenset[str]] = (None, frozenset())
    limits: tuple[Limit, ...] = ()
    switches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    optional_text: frozenset[str] = frozenset()

    def environment(self, base_url: str, key: str) -> dict[str, str]:
        """The environment variables that point the provider's SDK at a base URL."""
        return {
            name: template.format(base_url=base_url, key=key, tenant=self.default_tenant)
            for name, template in self.sdk.items()
        }
