"""Faults that somebody asked for: by script, or with the request itself."""
