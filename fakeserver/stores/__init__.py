"""Where worlds are kept when they outlive a process: logs of what happened to them, and snapshots that stand for the
beginning of a log. What an entry says is for `worlds.ledger`; here it is bytes."""

STORE_HEADER = "X-Fakeserver-Store"
"""Why an answer is not there: what is wrong with the store, in one word."""
FULL = "namespace-full"
"""That word, where the store could take more and the namespace may not."""
