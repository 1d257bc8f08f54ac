"""The YAML that a seeded world is made from, checked while it is read."""
