"""Scopes: which documents a caller may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fakeserver.documents.collection import Collection
from fakeserver.spec.credentials import Caller


@dataclass(slots=True)
class Scope:
    """Which documents a caller may see: those of a tenant, or only those that `owner` owns in it."""

    # As in `Asked`.
    tenant: str
    owner: str | None = None


TenantRule = Callable[[Caller, Mapping[str, Any], Mapping[str, Collection]], Scope]
"""(caller, decoded values, tenants) → scope, or a Problem."""
