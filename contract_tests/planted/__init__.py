"""Broken servers of all five operations, one mistake each: what the laws must catch."""

from __future__ import annotations

from contract_tests.planted import (
    bodies,
    credentials,
    cursors,
    facets,
    filters,
    metadata,
    pages,
    state,
    tenancy,
    values,
)
from contract_tests.planted.backend import Handler, Rows, correct
from contract_tests.planted.bug import FAMILIES, Bug

BUGS: tuple[Bug, ...] = (
    *filters.DREADNODE,
    *pages.DREADNODE,
    *cursors.DREADNODE,
    *values.DREADNODE,
    *bodies.DREADNODE,
    *facets.DREADNODE,
    *credentials.DREADNODE,
    *tenancy.DREADNODE,
    *state.DREADNODE,
    *metadata.INSTAVM,
    *pages.INSTAVM,
    *values.INSTAVM,
    *bodies.INSTAVM,
    *credentials.INSTAVM,
    *tenancy.INSTAVM,
    *state.INSTAVM,
    *filters.PRIME,
    *pages.PRIME,
    *values.PRIME,
    *bodies.PRIME,
    *credentials.PRIME,
    *tenancy.PRIME,
    *state.PRIME,
    *metadata.SUPERSERVE,
    *pages.SUPERSERVE,
    *values.SUPERSERVE,
    *bodies.SUPERSERVE,
    *credentials.SUPERSERVE,
    *tenancy.SUPERSERVE,
    *state.SUPERSERVE,
)


def servers(slug: str, documents: Rows) -> tuple[Handler, dict[str, Handler]]:
    """The correct server of a provider that holds these documents, and every broken one by the name of its bug."""
    return correct(slug, documents), {bug.name: bug.handler(documents) for bug in BUGS if bug.slug == slug}


__all__ = ["BUGS", "FAMILIES", "Bug", "Handler", "Rows", "correct", "servers"]
