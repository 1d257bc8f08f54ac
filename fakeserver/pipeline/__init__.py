"""One request, from its path to its body."""
