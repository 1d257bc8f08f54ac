"""The refusal of what a store cannot keep, or of what might be wrong without it."""

from __future__ import annotations

from fakeserver.problems import Problem
from fakeserver.stores import STORE_HEADER
from fakeserver.stores.store import Unavailable

RETRY_SECONDS = 1
OVERTAKEN = "overtaken"


def unavailable(error: Unavailable) -> Problem:
    """A 503 that says what is wrong."""
    what = "whether anything has changed is not known" if error.unknown else "nothing has changed"
    detail = f"The store of this fake is {error.reason}; {what}"
    return Problem(503, "unavailable", detail, headers={STORE_HEADER: error.reason, "Retry-After": str(RETRY_SECONDS)})


def overtaken() -> Problem:
    """The same for work in a sandbox in which another server has worked at the same time."""
    detail = (
        "This server had lost its claim on the sandbox, and another one has worked there meanwhile: "
        "what this has left may be lost"
    )
    return Problem(503, "unavailable", detail, headers={STORE_HEADER: OVERTAKEN, "Retry-After": str(RETRY_SECONDS)})
