"""A world: all state behind one set of base URLs. Its documents are made when somebody first asks for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from fakeserver.documents.ageing import Lifetimes
from fakeserver.documents.changes import Change
from fakeserver.documents.collection import Collection
from fakeserver.documents.order import newest_first
from fakeserver.documents.seeded import Seeded
from fakeserver.faults.scripts import Faults
from fakeserver.parts import Part
from fakeserver.problems import Document, FakeProblem
from fakeserver.provider import Provider
from fakeserver.recipes.fixture import Fixture
from fakeserver.worlds.clock import Clock
from fakeserver.worlds.journal import Journal
from fakeserver.worlds.rate_limits import Limits
from fakeserver.worlds.settings import Settings
from fakeserver.worlds.state import Served, State

MAX_AGEING = 50_000
"""Documents that a moved clock may have to change; more would hold up the server for seconds."""


@dataclass(frozen=True, slots=True)
class Seeding:
    """What every world is made from: `size` documents per provider, their dates counted from `epoch`
    (microseconds since 1970)."""

    seed: int
    size: int
    epoch: int


class SeededDocuments:
    """The seeded documents of one seeding, made once and shared by all worlds; a world keeps only what differs."""

    def __init__(self, seeding: Seeding, fixtures: Mapping[str, Fixture]) -> None:
        self.seeding = seeding
        self.fixtures = fixtures
        self._sources: dict[str, dict[str, Seeded]] = {}

    def collections(self, provider: Provider) -> dict[str, Collection]:
        """Untouched collections of a provider's tenants."""
        sources = self._sources.get(provider.slug)
        if sources is None:
            sources = self._sources[provider.slug] = self._seed(provider)
        order = newest_first(provider.created, provider.identity)
        lifetimes = None if provider.age is None else Lifetimes(provider.age, self.seeding.epoch, *provider.ages)
        return {name: Collection(source, order, lifetimes) for name, source in sources.items()}

    def prepare(self, provider: Provider) -> None:
        """File everything that the provider's operations look up, so that no request has to wait for it."""
        for collection in self.collections(provider).values():
            collection.owned_by("")
            for meaning in provider.operations.values():
                meaning.prepare(collection)

    def _seed(self, provider: Provider) -> dict[str, Seeded]:
        fixture = self.fixtures[provider.slug]
        return {
            name: Seeded(
                provider.make,
                newest_first(provider.created, provider.identity),
                key=_key(self.seeding.seed, provider.slug, name),
                epoch=self.seeding.epoch,
                size=size,
                columns=fixture.tenants[name].columns,
                vocabularies=fixture.vocabularies,
                pins=fixture.tenants[name].pins,
            )
            for name, size in fixture.sizes(self.seeding.size, provider.default_tenant).items()
        }


def _key(*parts: object) -> bytes:
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=32).digest()


class Documents:
    """What the tenants of every provider own in one world; a provider's are made when somebody first asks for them."""

    def __init__(self, seeded: SeededDocuments) -> None:
        self.seeded = seeded
        self._tenants: dict[str, dict[str, Collection]] = {}
        self._shown_at: dict[str, int] = {}

    def of(self, provider: Provider) -> dict[str, Collection]:
        """The provider's tenants and what they own, as of the last `advance`."""
        tenants = self._tenants.get(provider.slug)
        if tenants is None:
            tenants = self._tenants[provider.slug] = self.seeded.collections(provider)
            self._shown_at[provider.slug] = 0
        return tenants

    def advance(self, provider: Provider, at: int) -> dict[str, Collection]:
        """The same, when the seeded ones are `at` microseconds older."""
        tenants = self.of(provider)
        if at != self._shown_at[provider.slug]:
            self._shown_at[provider.slug] = at
            for collection in tenants.values():
                collection.advance_to(at)
        return tenants

    @property
    def version(self) -> int:
        """Raised by every change of a document."""
        return sum(collection.version for tenants in self._tenants.values() for collection in tenants.values())

    @property
    def changed(self) -> bool:
        """Whether they are no longer exactly the seeded ones."""
        return any(not collection.untouched for tenants in self._tenants.values() for collection in tenants.values())

    def dump(self) -> Document:
        """The collections that are not just as the seed made them, by provider and tenant."""
        dumped = {
            slug: {name: collection.dump() for name, collection in tenants.items() if not collection.untouched}
            for slug, tenants in self._tenants.items()
        }
        return {slug: tenants for slug, tenants in dumped.items() if tenants}

    def load(self, part: Part, served: Served) -> None:
        """Become what `dump` wrote, over the same seed."""
        for slug in part.names():
            provider = served.providers.get(slug)
            if provider is None:
                raise part.wrong(slug, "is not a provider")
            tenants, dumped = self.of(provider), part.part(slug)
            for name in dumped.names():
                if name not in tenants:
                    raise dumped.wrong(name, "is not a tenant")
                tenants[name].load(dumped.part(name), served.check(slug))


class World:
    """All state of one namespace; the one at the root has no name. What it has of its own, besides the secret that its
    cursors are signed with, are its `parts`."""

    def __init__(self, seeded: SeededDocuments, name: str = "", *, rate_limits: bool = True) -> None:
        self._origin = seeded
        self._rate_limits = rate_limits
        self._taken_over = 0
        self.name = name
        self.secret = _key(seeded.seeding.seed, name)
        self.clock = Clock(seeded.seeding.epoch)
        self.settings = self._initial_settings()
        self.faults = Faults(seeded.seeding.seed)
        self.limits = Limits()
        self.journal = Journal()
        self.documents = Documents(seeded)

    @property
    def parts(self) -> Mapping[str, State]:
        """Each part by the name of its attribute, which is also that of its member in a snapshot."""
        return {
            "clock": self.clock,
            "settings": self.settings,
            "faults": self.faults,
            "limits": self.limits,
            "documents": self.documents,
            "journal": self.journal,
        }

    def _initial_settings(self) -> Settings:
        """The settings that the server was started with."""
        fixtures = self._origin.fixtures
        initial = Settings(
            journal=True,
            rate_limits=dict.fromkeys(fixtures, "default" if self._rate_limits else "off"),
            switches={slug: dict(fixture.switches) for slug, fixture in fixtures.items()},
        )
        return replace(initial, initial=initial)

    @property
    def seeded(self) -> SeededDocuments:
        """What its documents are made from."""
        return self.documents.seeded

    @property
    def touched(self) -> bool:
        """Whether somebody changed anything here, so that it must not be dropped in silence."""
        return (
            self.seeded is not self._origin
            or self.secret != _key(self._origin.seeding.seed, self.name)
            or any(part.changed for part in self.parts.values())
        )

    @property
    def version(self) -> int:
        """Raised by every change of the documents, and by everything that puts another world in the place of this."""
        return self._taken_over + self.documents.version

    @property
    def as_of(self) -> int:
        """The instant that the documents are seen at: the epoch, and the time that somebody added."""
        return self.seeded.seeding.epoch + self.clock.aged

    def tenants(self, provider: Provider) -> dict[str, Collection]:
        """The provider's tenants and what they own, as of the last `advance`."""
        return self.documents.of(provider)

    def advance(self, provider: Provider) -> dict[str, Collection]:
        """Let the provider's documents follow the clock; its tenants, as of now."""
        return self.documents.advance(provider, self.clock.stepped)

    def apply(self, provider: Provider, tenant: str, changes: Iterable[Change]) -> None:
        """Change a tenant's documents, as one and as of now, or raise a `ChangeError` and change nothing."""
        self.advance(provider)[tenant].apply(changes)

    def check_ageing(self, provider: Provider) -> None:
        """Refuse to move the clock of a world in which too many documents would change."""
        candidates = sum(len(collection.candidates()) for collection in self.tenants(provider).values())
        if candidates > MAX_AGEING:
            raise FakeProblem(
                409,
                f"{provider.slug} has {candidates} documents that time can change; the clock moves with at most "
                f"{MAX_AGEING}: serve with a smaller --size",
            )

    def reset(self) -> None:
        """Back to the seed that the server was started with: what a new world of this name would be."""
        self.take_over(self.anew(self._origin.seeding))

    def anew(self, seeding: Seeding) -> World:
        """A new world of this name and a seeding; of the seeded documents there are, those that are the same."""
        known = (seeded for seeded in (self._origin, self.seeded) if seeded.seeding == seeding)
        seeded = next(known, None) or SeededDocuments(seeding, self._origin.fixtures)
        return World(seeded, self.name, rate_limits=self._rate_limits)

    def take_over(self, other: World) -> None:
        """Become another world, under the name that this one has; `reset` still leads back to its own seed."""
        version = self.version
        self.secret = other.secret
        for name, part in other.parts.items():
            setattr(self, name, part)
        self._taken_over += version + 1 - self.version
