"""Where worlds are kept when they outlive a process: logs of what happened to them, and snapshots that stand for the
beginning of a log. What an entry says is for `worlds.ledger`; here it is bytes."""
