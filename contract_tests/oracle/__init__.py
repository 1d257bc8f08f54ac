"""The fake as oracle: the same question to both, and what differs."""
