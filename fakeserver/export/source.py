"""What is exported: a provider with the documents of a new world, as a server with these flags begins with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from fakeserver import __version__
from fakeserver.documents.collection import Collection
from fakeserver.instants import at
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document
from fakeserver.provider import Provider
from fakeserver.worlds.documents import SeededDocuments, Seeding
from fakeserver.worlds.world import World


@dataclass(frozen=True, slots=True)
class Export:
    """What is written: what the folder says of itself, and its files by name."""

    about: Document
    files: Mapping[str, bytes]
    code: frozenset[str] = frozenset()
    """The files that are code, and neither data nor types."""


@dataclass(frozen=True)
class Source:
    """A provider and a world of its own, which nobody has changed and which does not age."""

    service: Service
    seeding: Seeding

    @property
    def provider(self) -> Provider:
        return self.service.provider

    @cached_property
    def world(self) -> World:
        seeded = SeededDocuments(self.seeding, {self.provider.slug: self.service.fixture})
        # A clock that stands still at the epoch: what is exported does not depend on when that is done.
        return World(seeded, "", wall=lambda: self.seeding.epoch)

    @property
    def tenants(self) -> Mapping[str, Collection]:
        """The provider's sandboxes, tenant by tenant."""
        return self.world.advance(self.provider)

    def kind(self, name: str) -> Mapping[str, Collection]:
        """What every tenant has of another kind."""
        return self.world.kinds(self.provider, self.world.clock.now)(name)

    def about(self, form: str, left_out: Sequence[str]) -> Document:
        """What an export of this form says of itself, before its files."""
        return {
            "about": "Written by `fakeserver export`, which writes it again; change it by hand only for good.",
            "fakeserver": __version__,
            "provider": self.provider.slug,
            "format": form,
            "seed": self.seeding.seed,
            "size": self.seeding.size,
            "epoch": at(self.seeding.epoch),
            "documents": {name: len(collection) for name, collection in self.tenants.items()},
            "left_out": [*left_out],
        }
