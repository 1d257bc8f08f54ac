"""Where worlds are kept when they outlive a process: logs of what happened to them, and snapshots that stand for the
beginning of a log. What an entry says is for `worlds.ledger`; here it is bytes."""

from fakeserver.problems import Problem

STORE_HEADER = "X-Fakeserver-Store"
"""Why an answer is not there: what is wrong with the store, in one word."""
FULL = "namespace-full"
"""That word, where the store could take more and the namespace may not."""


def namespace_full(detail: str) -> Problem:
    """The refusal of what a namespace has no room for."""
    return Problem(503, "unavailable", detail, headers={STORE_HEADER: FULL})
