"""How a provider says that a write is not made."""

from __future__ import annotations

from fakeserver.documents.changes import ChangeError, FullError
from fakeserver.problems import Problem, conflict
from fakeserver.stores import FULL, STORE_HEADER


def refusal_of_change(error: ChangeError) -> Problem:
    """Why a write is not made, to who asked for it."""
    if isinstance(error, FullError):
        return Problem(503, "unavailable", error.detail, headers={STORE_HEADER: FULL})
    return conflict(f"The change cannot be made: {error}")
