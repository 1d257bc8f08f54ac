"""Schemathesis, held to the same bar as the laws."""
