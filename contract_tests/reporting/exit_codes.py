"""The exit status of a check."""

HOLDS, BROKEN, USAGE, COULD_NOT_CHECK, UNDER_POWERED = 0, 1, 2, 3, 4
