"""The order of every listing, and a document's place in it."""

from __future__ import annotations

from collections.abc import Callable

from fakeserver.instants import instant
from fakeserver.problems import Document

OrderKey = tuple[int, str]
"""A document's place in the order; the second half is its id."""
Order = Callable[[Document], OrderKey]


def newest_first(created: str, identity: str) -> Order:
    """The total order of every listing: newest first, then id."""
    return lambda document: (-instant(document[created]), document[identity])
