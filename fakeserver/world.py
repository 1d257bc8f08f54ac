"""A world: all state behind one set of base URLs. Today its documents; they are made when somebody first asks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from fakeserver.collection import Collection, Seeded, newest_first
from fakeserver.fixtures import Fixture
from fakeserver.provider import Provider


@dataclass(frozen=True, slots=True)
class Recipe:
    """What every world is made from: `size` documents per provider, their dates counted from `epoch`
    (microseconds since 1970)."""

    seed: int
    size: int
    epoch: int


class World:
    """The documents of every provider and tenant, as one seed makes them."""

    def __init__(self, recipe: Recipe, fixtures: Mapping[str, Fixture], name: str = "") -> None:
        self.recipe = recipe
        self.name = name
        self.secret = hashlib.blake2b(f"{recipe.seed}\x1f{name}".encode(), digest_size=32).digest()
        self._fixtures = fixtures
        self._tenants: dict[str, dict[str, Collection]] = {}

    @property
    def now(self) -> int:
        """The instant that documents are seen at, in microseconds since 1970."""
        return self.recipe.epoch

    def tenants(self, provider: Provider) -> dict[str, Collection]:
        """The provider's tenants and what they own."""
        found = self._tenants.get(provider.slug)
        if found is None:
            found = self._tenants[provider.slug] = self._seeded(provider)
        return found

    def reset(self) -> None:
        """Back to the seed."""
        self._tenants.clear()

    def _seeded(self, provider: Provider) -> dict[str, Collection]:
        fixture = self._fixtures[provider.slug]
        order = newest_first(provider.created, provider.identity)
        tenants = {}
        for name, size in fixture.sizes(self.recipe.size, provider.default_tenant).items():
            tenant = fixture.tenants[name]
            source = Seeded(
                provider.make,
                key=hashlib.blake2b(
                    f"{self.recipe.seed}\x1f{provider.slug}\x1f{name}".encode(), digest_size=32
                ).digest(),
                epoch=self.recipe.epoch,
                size=size,
                columns=tenant.columns,
                vocabularies=fixture.vocabularies,
                pins=tenant.pins,
            )
            tenants[name] = Collection(source, order)
        return tenants
