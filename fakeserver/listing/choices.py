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


def reveal_nothing(document: Document, kept: Document) -> Document:
    """What is kept is nobody's business."""
    return {}


@dataclass(frozen=True, slots=True)
class Extras:
    """Fields that rows have under a choice, beyond those that documents are stored with: `derive` makes them from a
    document, and must take whatever the spec lets through, and `reveal` from what is kept of it beside. A stored field
    of the same name stays."""

    choice: Choice
    fields: tuple[str, ...]
    derive: Callable[[Document], Document]
    reveal: Callable[[Document, Document], Document] = reveal_nothing

    def added_to(self, document: Document, kept: Document | None = None) -> Document:
        return {**self.derive(document), **self.reveal(document, kept or {}), **document}
