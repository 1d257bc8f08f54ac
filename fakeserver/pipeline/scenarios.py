"""The documents that a list shows in a scenario: drawn from the recipe, and changed as far as the spec permits.

They are what the recipe makes from the world's seed, whatever somebody stored there, so that a link always shows the
same. Nothing of them is stored: a write sees the world's own documents.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from itertools import islice
from typing import TYPE_CHECKING

from fakeserver.documents.cache import Cache
from fakeserver.documents.collection import Collection
from fakeserver.documents.dues import Lifetimes
from fakeserver.documents.order import newest_first
from fakeserver.documents.seeded import Seeded
from fakeserver.faults.scenarios import CHURN
from fakeserver.instants import SECOND
from fakeserver.listing.listing import Listing
from fakeserver.pipeline.staging import CHANGES, Shape, Staging
from fakeserver.problems import Document
from fakeserver.provider import Provider
from fakeserver.recipes.fixture import Fixture
from fakeserver.spec.reader import Spec
from fakeserver.worlds.documents import key_of
from fakeserver.worlds.world import World

if TYPE_CHECKING:
    from fakeserver.recipes.schema import DocumentSchema

SOME, MANY = 120, 2_500
"""Rows that a tenant has in a scenario, and in that of many."""
PAGE = 50
"""Rows of a page where the spec has no default."""
AGE = 90 * 24 * 3_600 * SECOND
MAX_KEPT = 64
"""Collections that are kept at hand; any other is made again."""
EVERY = 5
"""Of so many rows one goes in `churn`, and one comes."""

Owned = tuple[Document, str]
Key = tuple[str, int, int, str, str, bool]


class Scene(Mapping[str, Collection]):
    """The tenants of a world with what they own in a scenario; a tenant's is made when it is looked at."""

    def __init__(self, tenants: Mapping[str, Collection], make: Callable[[str], Collection]) -> None:
        self._tenants = tenants
        self._make = make

    def __getitem__(self, tenant: str) -> Collection:
        return self._make(tenant) if tenant in self._tenants else self._tenants[tenant]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tenants)

    def __len__(self) -> int:
        return len(self._tenants)


class Scenes:
    """The scenarios of one provider. They are made when somebody asks for one: serving needs no validator."""

    def __init__(self, provider: Provider, spec: Spec, fixture: Fixture) -> None:
        self._provider = provider
        self._spec = spec
        self._fixture = fixture
        self._kept: Cache[Key, Collection] = Cache(MAX_KEPT)
        self._order = newest_first(provider.created, provider.identity)

    def of(self, name: str, world: World, tenants: Mapping[str, Collection], user: str, first: bool) -> Scene:
        """What a user is shown in a scenario; `first` is whether on the first page."""
        seed, dated = world.seeding.seed, world.seeding.dated

        def make(tenant: str) -> Collection:
            key = name, seed, dated, tenant, user, first or name != CHURN
            found = self._kept.get(key)
            if found is None:
                found = self._make(name, seed, dated, tenant, user, first)
                self._kept.keep(key, found)
            return found

        return Scene(tenants, make)

    @functools.cached_property
    def _schema(self) -> DocumentSchema:
        from fakeserver.recipes.schema import DocumentSchema

        return DocumentSchema(self._provider, self._spec)

    @functools.cached_property
    def _shape(self) -> Shape:
        return Shape(self._spec.document, self._schema.item)

    def _permits(self, document: Document) -> bool:
        """Whether the spec permits a row."""
        return next(iter(self._schema.breaches(document)), None) is None

    def _seeded(self, seed: int, dated: int, tenant: str, size: int) -> Seeded:
        part = self._fixture.tenants[tenant]
        return Seeded(
            self._provider.make,
            self._order,
            key=key_of(seed, self._provider.slug, tenant),
            epoch=dated,
            size=size,
            columns=part.columns,
            vocabularies=self._fixture.vocabularies,
            pins=part.pins,
        )

    def _make(self, name: str, seed: int, dated: int, tenant: str, user: str, first: bool) -> Collection:
        if name == "many":
            return Collection(self._seeded(seed, dated, tenant, MANY), self._order)
        if name == "aged":
            return Collection.of(self._aged(seed, dated - AGE, tenant), self._order)
        if name in ("one", "exact-page"):
            source = self._seeded(seed, dated, tenant, MANY)
            return Collection.of(self._counted(source, 1 if name == "one" else self.page_size, user), self._order)
        source = self._seeded(seed, dated, tenant, SOME)
        rows = [(source.document(ordinal), source.owner(ordinal)) for ordinal in range(SOME)]
        return Collection.of(self._staged(name, rows, first), self._order)

    def _staged(self, name: str, rows: list[Owned], first: bool) -> list[Owned]:
        if name == "empty":
            return []
        if name == CHURN:
            gone = 1 if first else 3
            return [row for index, row in enumerate(rows) if index % EVERY != gone]
        if name not in CHANGES:
            return rows
        staging = Staging(
            self._shape, (self._provider.created, self._provider.identity), self._permits, [row for row, _ in rows]
        )
        return [*zip(staging.staged(CHANGES[name]), (owner for _, owner in rows), strict=True)]

    def _counted(self, source: Seeded, count: int, user: str) -> list[Owned]:
        """So many rows that a list shows, the user's own before others: who sees only those sees as many."""
        by_owner = sorted(range(source.size), key=lambda ordinal: source.owner(ordinal) != user)
        rows = ((source.document(ordinal), source.owner(ordinal)) for ordinal in by_owner)
        return [*islice((row for row in rows if self._is_listed(row[0])), count)]

    def _aged(self, seed: int, dated: int, tenant: str) -> list[Owned]:
        """Documents of long ago, as time has left them; what it would have taken away is as it was."""
        source, machine = self._seeded(seed, dated, tenant, SOME), self._provider.machine
        collection = Collection(source, self._order, None if machine is None else Lifetimes(machine, dated))
        before = copy(collection)
        collection.advance_to(AGE)
        left = collection.everything
        return [
            ((collection if rank in left else before).document(rank), before.owner(rank)) for rank in before.everything
        ]

    def _is_listed(self, document: Document) -> bool:
        """Whether no list leaves the document out by a choice of the world."""
        listings = (each for each in self._provider.operations.values() if isinstance(each, Listing))
        only = (each.only for each in listings if each.only is not None)
        return all(each.filter.predicate(each.value)(document) for each in only)

    @property
    def page_size(self) -> int:
        """Rows of a page of the first listing, where nobody says how many."""
        for name, meaning in self._provider.operations.items():
            if isinstance(meaning, Listing):
                numbers = [each.parameter for each in meaning.pages.numbers if each.parameter in SIZES]
                declared = [each for each in self._spec.operations[name].parameters if each.name in numbers]
                return next((each.schema["default"] for each in declared if each.schema.get("default")), PAGE)
        return PAGE


SIZES = ("per_page", "limit", "size", "page_size", "pageSize", "perPage")
"""What the parameter is called that says how many rows a page has."""
