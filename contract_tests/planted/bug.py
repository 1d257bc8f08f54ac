"""One broken server: its name, what its engineer got wrong, and how to build it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from contract_tests.planted.backend import Backend, Handler, Rows, load

FAMILIES = (
    "filters",
    "pages",
    "cursors",
    "facets",
    "values",
    "schema",
    "rows",
    "credentials",
    "tenancy",
    "state",
)

Plant = Callable[[Backend, str], Backend]
"""A correct server and the operation to break in it → the broken server."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A server with one mistake. `summary` is one sentence: what the engineer got wrong."""

    name: str
    slug: str
    operation: str
    family: str
    summary: str
    plant: Plant
    unstated: tuple[str, ...] = ()
    """The silences of the pages that cover all that it changes; none where a page contradicts it."""

    def handler(self, documents: Rows | None = None, *, size: int = 1000, seed: int = 0) -> Handler:
        backend = load(self.slug, documents, size=size, seed=seed)
        return replace(self.plant(backend, self.operation), broken=True).handler()


def table(slug: str, operation: str, family: str, **bugs: tuple[str, Plant]) -> tuple[Bug, ...]:
    """The bugs of one family in one operation."""
    return tuple(Bug(name, slug, operation, family, summary, plant) for name, (summary, plant) in bugs.items())
