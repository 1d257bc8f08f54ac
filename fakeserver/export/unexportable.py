"""What an export cannot say."""

from __future__ import annotations


class Unexportable(Exception):
    """Something of a provider's that the engine in the browser does not know; the message names it. `told` is whether
    it says already in which function that is."""

    def __init__(self, message: str, *, told: bool = False) -> None:
        super().__init__(message)
        self.told = told


def name_of(value: object) -> str:
    """The class of a value, as a message names it."""
    return type(value).__name__
