"""What a world consists of: parts that know whether they were changed, write themselves and read themselves back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fakeserver.documents.overlay import Check
from fakeserver.faults.scripts import Scripts
from fakeserver.parts import Part
from fakeserver.problems import Document
from fakeserver.provider import Provider


class Served(Scripts, Protocol):
    """What the server serves: what a part is held against when it is read back."""

    @property
    def providers(self) -> Mapping[str, Provider]:
        """By slug."""
        ...

    def check(self, slug: str, kind: str = "") -> Check:
        """What refuses documents of a kind that a provider's spec does not allow."""
        ...


class State(Protocol):
    """A part of a world. A new world has a new one, which `load` may fill."""

    @property
    def changed(self) -> bool:
        """Whether somebody changed it, so that the world must not be dropped in silence. What requests leave behind
        does not count."""
        ...

    def dump(self) -> Document:
        """Everything in which it differs from a new one, as JSON."""
        ...

    def load(self, part: Part, served: Served) -> None:
        """Become what `dump` wrote, or refuse it by the name of its place; this part is then thrown away."""
        ...
