"""Certificates of an authority of our own, for whoever trusts it."""
