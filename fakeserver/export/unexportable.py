"""What an export cannot say."""

from __future__ import annotations


class Unexportable(Exception):
    """Something in a provider's table that the engine in the browser does not know; the message names it."""


def name_of(value: object) -> str:
    """The class of a value, as a message names it."""
    return type(value).__name__
