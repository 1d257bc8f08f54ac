"""The order of every listing, and a document's place in it."""

from __future__ import annotations

from collections.abc import Callable

from fakeserver.instants import instant
from fakeserver.problems import Document

OrderKey = tuple[int, str]
"""A document's place in the order; the second half is its id."""
Order = Callable[[Document], OrderKey]


DIGITS = 20
"""Of an id that is a number, so that ids are in the order of their numbers."""


def newest_first(created: str, identity: str) -> Order:
    """The total order of every listing: newest first, then id; by id alone where no field (an empty name) says when a
    document was created."""
    if not created:
        return lambda document: (0, text_of(document[identity]))
    return lambda document: (-instant(document[created]), text_of(document[identity]))


def text_of(identity: str | int) -> str:
    """An id as the second half of a place."""
    return identity if isinstance(identity, str) else f"{identity:0{DIGITS}d}"
