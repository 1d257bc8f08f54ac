"""What a provider is: one frozen value per provider, made in `providers/<slug>.py`.

The spec says everything about form; these values say what the form means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fakeserver.documents.seeded import Make
from fakeserver.listing.limit import Limit
from fakeserver.listing.meaning import Meaning
from fakeserver.problems import Document, Problem

Switches = Mapping[str, Any]

Age = Callable[[Document, int, int], Document | None]

ErrorDialect = Callable[[Problem, Switches], tuple[int, Document]]
"""A problem in the provider's words: status and body."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's meaning. `operations` are those of its spec that are served, by `operationId`; `created` and
    `identity` name the fields that order its documents; `try_path` is the request that the start screen shows; `sdk`
    names the environment variables that its SDK reads.

    `age(document, then, now)` says how time changes a document (None: it is gone); only documents with the field and
    values in `ages` are asked. `switches` are the choices that a fixture has, the default first; an empty text in a
    parameter of `optional_text` counts as absent."""

    slug: str
    errors: ErrorDialect
    operations: Mapping[str, Meaning]
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
