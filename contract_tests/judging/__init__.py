"""Holding answers against promises."""
