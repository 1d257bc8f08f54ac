"""How a provider says that a write is not made."""

from __future__ import annotations

from fakeserver.documents.changes import ChangeError, FullError
from fakeserver.problems import Problem, conflict
from fakeserver.stores import namespace_full


def refusal_of_change(error: ChangeError) -> Problem:
    """Why a write is not made, to who asked for it."""
    if isinstance(error, FullError):
        return namespace_full(error.detail)
    return conflict(f"The change cannot be made: {error}")
