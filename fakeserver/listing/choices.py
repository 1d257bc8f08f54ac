"""What a list does under one choice of a provider's switches and no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fakeserver.problems import Document, Json


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the choices of a switch."""

    switch: str
    value: str

    def is_made(self, switches: Mapping[str, Json]) -> bool:
        """Whether the switches of a world have it."""
        return switches.get(self.switch) == self.value


@dataclass(frozen=True, slots=True)
class Extras:
    """Fields that rows have under a choice, beyond those that documents are stored with: `derive` makes them from a
    document, and must take whatever the spec lets through. A stored field of the same name stays."""

    choice: Choice
    fields: tuple[str, ...]
    derive: Callable[[Document], Document]

    def added_to(self, document: Document) -> Document:
        return {**self.derive(document), **document}
