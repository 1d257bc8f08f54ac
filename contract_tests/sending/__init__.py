"""How requests leave, and what is kept of the answers."""
