"""The documents of a world: the seeded ones, which all worlds share, and what somebody changed of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass

from fakeserver.documents.collection import Collection
from fakeserver.documents.dues import Dues, Lifetimes
from fakeserver.documents.effects import Effects
from fakeserver.documents.order import newest_first
from fakeserver.documents.packing import Packed, Packing
from fakeserver.documents.seeded import FIRST, Seeded
from fakeserver.instants import SECOND
from fakeserver.lifecycle.kinds import Ground
from fakeserver.parts import Part
from fakeserver.problems import Document, FakeProblem
from fakeserver.provider import Provider
from fakeserver.recipes.fixture import Fixture
from fakeserver.worlds.state import Served

MAX_AGEING = 50_000
"""Documents that a moved clock may have to change; more would hold up the server for seconds."""
MAX_WRITTEN = 1_000_000
"""Documents that are written in a world of a store, unless the server is told otherwise."""
MAX_LIVE = 5_000
"""Documents of a provider that a live clock may have to change: who asks first after a week waits for all of them."""


Refuse = Callable[[Document], str | None]
"""Why a document does not fit its provider's spec, or None."""


@dataclass(frozen=True, slots=True)
class Seeding:
    """What a world is made from: `size` documents per provider, their dates counted from the whole second of `epoch`
    (microseconds since 1970), at which the world comes into being."""

    seed: int
    size: int
    epoch: int

    @property
    def dated(self) -> int:
        """The instant that dates are counted from."""
        return self.epoch // SECOND * SECOND


class SeededDocuments:
    """The seeded documents of one seed and size, made once and shared by all worlds; a world keeps only what differs,
    and sees their dates from its own epoch. Those from the epoch of `seeding` cost nothing to see."""

    def __init__(self, seeding: Seeding, fixtures: Mapping[str, Fixture]) -> None:
        self.seeding = seeding
        self.fixtures = fixtures
        self._sources: dict[str, dict[str, Seeded]] = {}
        self._dues: dict[str, dict[str, Dues]] = {}

    def collections(
        self, provider: Provider, seeding: Seeding | None = None, *, live: bool = False
    ) -> dict[str, Collection]:
        """Untouched collections of a provider's tenants, at the epoch of a seeding; `live` where they are to be asked
        what they are whenever time has passed."""
        dated = (seeding or self.seeding).dated
        sources = self._sources.get(provider.slug)
        if sources is None:
            sources = self._sources[provider.slug] = self._seed(provider)
        order = newest_first(provider.created, provider.identity)
        lifetimes = None if provider.machine is None else Lifetimes(provider.machine, dated)
        dues = self.dues(provider) if live else {}
        return {
            name: Collection(source.dated(dated), order, lifetimes, dues.get(name)) for name, source in sources.items()
        }

    def dues(self, provider: Provider) -> dict[str, Dues]:
        """When time changes the documents of each tenant; nothing if a provider has none that are told by a field."""
        dues = self._dues.get(provider.slug)
        if dues is None:
            dues = {}
            if provider.machine is None:
                return dues
            lifetimes = Lifetimes(provider.machine, self.seeding.dated)
            candidates = {name: each.candidates() for name, each in self.collections(provider).items()}
            limit_ageing(provider, sum(map(len, candidates.values())), live=True)
            for name, ranks in candidates.items():
                source = self._sources[provider.slug][name]
                dues[name] = Dues.of(source, lifetimes, [rank - FIRST for rank in ranks])
            self._dues[provider.slug] = dues
        return dues

    def renew(self, fixtures: Mapping[str, Fixture], changed: Iterable[str]) -> None:
        """Other fixtures from now on; the documents of the changed providers are made anew when somebody asks."""
        self.fixtures = fixtures
        for slug in changed:
            self._sources.pop(slug, None)
            self._dues.pop(slug, None)

    def prepare(self, provider: Provider) -> None:
        """File everything that the provider's operations look up, so that no request has to wait for it."""
        for collection in self.collections(provider).values():
            collection.owned_by("")
            for _ in collection.file_identities():
                pass
            for meaning in provider.operations.values():
                meaning.prepare(collection)

    def grounds(self, provider: Provider, seeding: Seeding, kind: str) -> Iterator[Ground]:
        """What the documents of a kind are made from that each tenant begins with."""
        fixture = self.fixtures[provider.slug]
        callers = tuple(fixture.callers.values())
        for name in fixture.sizes(self.seeding.size, provider.default_tenant):
            key = key_of(self.seeding.seed, provider.slug, name, kind)
            yield Ground(name, seeding.dated, key, fixture.vocabularies, callers)

    def _seed(self, provider: Provider) -> dict[str, Seeded]:
        fixture = self.fixtures[provider.slug]
        return {
            name: Seeded(
                provider.make,
                newest_first(provider.created, provider.identity),
                key=key_of(self.seeding.seed, provider.slug, name),
                epoch=self.seeding.dated,
                size=size,
                columns=fixture.tenants[name].columns,
                vocabularies=fixture.vocabularies,
                pins=fixture.tenants[name].pins,
            )
            for name, size in fixture.sizes(self.seeding.size, provider.default_tenant).items()
        }


def limit_ageing(provider: Provider, candidates: int, *, live: bool) -> None:
    """Refuse to have time change more documents than it may."""
    most = MAX_LIVE if live else MAX_AGEING
    if candidates > most:
        raise FakeProblem(
            409,
            f"{provider.slug} has {candidates} documents that time can change; the clock moves with at most "
            f"{most}: serve with a smaller --size, or store fewer",
        )


def key_of(*parts: object) -> bytes:
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=32).digest()


class Documents:
    """What the tenants of every provider own in one world; a provider's are made when somebody first asks for them."""

    def __init__(self, seeded: SeededDocuments, seeding: Seeding, *, live: bool = False) -> None:
        self.seeded = seeded
        self.seeding = seeding
        self.dated = seeding.dated
        self._live = live
        self._tenants: dict[tuple[str, str], dict[str, Collection]] = {}
        """By slug, and by the kind of the documents; that of its sandboxes has no name."""
        self._shown: dict[tuple[str, str], tuple[int, int]] = {}
        self._living: set[tuple[str, str]] = set()
        """Where documents may live by the running clock; nobody else's time has to be looked at."""

    def of(self, provider: Provider, kind: str = "") -> dict[str, Collection]:
        """The provider's tenants and what they own of a kind, as of the last `advance`."""
        tenants = self._tenants.get((provider.slug, kind))
        if tenants is None:
            made = (
                self._begin(provider, kind)
                if kind
                else self.seeded.collections(provider, self.seeding, live=self._live)
            )
            tenants = self._tenants[provider.slug, kind] = made
            self._shown[provider.slug, kind] = 0, 0
            if self._live:
                self._living.add((provider.slug, kind))
        return tenants

    def write(self, provider: Provider, pending: Iterable[tuple[str, Collection, Effects]]) -> None:
        """Make what was worked out of several collections, each of a kind, as one."""
        for kind, collection, effects in pending:
            self._living.add((provider.slug, kind))
            collection.commit(effects)

    def _begin(self, provider: Provider, name: str) -> dict[str, Collection]:
        """The documents of another kind that the world begins with."""
        kind = provider.kinds[name]
        order = newest_first(kind.created, kind.identity)
        lifetimes = None if kind.machine is None else Lifetimes(kind.machine, self.seeding.dated)
        grounds = self.seeded.grounds(provider, self.seeding, name)
        return {ground.tenant: Collection.of(kind.seed(ground), order, lifetimes) for ground in grounds}

    def has(self, provider: Provider) -> bool:
        """Whether somebody has asked for the provider's documents."""
        return (provider.slug, "") in self._tenants

    def advance(self, provider: Provider, kind: str, at: int, lead: int, now: int) -> dict[str, Collection]:
        """The same, when the seeded ones are `at` microseconds older, the clock is `lead` ahead of them, and the
        running clock is at `now` after the epoch."""
        place = provider.slug, kind
        tenants = self._tenants.get(place) or self.of(provider, kind)
        moved = (at, lead) != self._shown[place]
        if not moved and place in self._living:
            for collection in tenants.values():
                if collection.is_stale(now):
                    moved = True
                    break
        if moved:
            self._shown[place] = at, lead
            for collection in tenants.values():
                collection.advance_to(at, lead, now)
        return tenants

    @property
    def version(self) -> int:
        """Raised by every change of a document."""
        return sum(collection.version for tenants in self._tenants.values() for collection in tenants.values())

    @property
    def writes(self) -> int:
        """How many writes they have seen since they were seeded."""
        count = 0
        for tenants in self._tenants.values():
            for collection in tenants.values():
                count += collection.writes
        return count

    @property
    def written(self) -> int:
        """How many are stored, over the seeded ones or beside them."""
        return sum(collection.written for tenants in self._tenants.values() for collection in tenants.values())

    @property
    def changed(self) -> bool:
        """Whether they are no longer exactly the seeded ones."""
        return any(not collection.untouched for tenants in self._tenants.values() for collection in tenants.values())

    def renew(self, provider: Provider, refuse: Refuse) -> Iterator[str]:
        """Make a provider's documents anew, with what was stored and removed as far as it still fits; a line on each
        tenant where something does not."""
        for kind in ("", *provider.kinds):
            yield from self._renew(provider, kind, refuse if not kind else lambda document: None)
        for slug, kind in [*self._tenants]:
            if slug == provider.slug and kind not in ("", *provider.kinds):
                del self._tenants[slug, kind]

    def _renew(self, provider: Provider, kind: str, refuse: Refuse) -> Iterator[str]:
        old = self._tenants.pop((provider.slug, kind), None)
        if old is None:
            return
        tenants = self.of(provider, kind)
        self._living.add((provider.slug, kind))
        for name, collection in old.items():
            if collection.untouched:
                continue
            new = tenants.get(name)
            if new is None:
                yield f"{provider.slug} has no tenant {name} any more, and nothing that was written there"
                continue
            refused = new.carry(collection, refuse)
            if refused:
                yield f"{len(refused)} of {provider.slug} {name} no longer fit and are gone, the first is {refused[0]}"

    def __copy__(self) -> Documents:
        """A view that stays as it is while this is changed."""
        new = Documents(self.seeded, self.seeding, live=self._live)
        new._tenants = {
            place: {name: copy(each) for name, each in tenants.items()} for place, tenants in self._tenants.items()
        }
        return new

    def dump(self) -> Document:
        """The collections that are not just as the seed made them, by provider (and kind: `slug/kind`) and tenant."""
        dumped = {
            f"{slug}/{kind}" if kind else slug: {
                name: collection.dump() for name, collection in tenants.items() if not collection.untouched
            }
            for (slug, kind), tenants in sorted(self._tenants.items())
        }
        return {place: tenants for place, tenants in dumped.items() if tenants}

    def load(self, part: Part, served: Served) -> None:
        """Become what `dump` wrote, over the same seed."""
        for place in part.names():
            slug, _, kind = place.partition("/")
            provider = served.providers.get(slug)
            if provider is None:
                raise part.wrong(place, "is not a provider")
            if place != slug and kind not in provider.kinds:
                raise part.wrong(place, "is not a kind of the provider's documents")
            tenants, dumped = self.of(provider, kind), part.part(place)
            for name in dumped.names():
                if name not in tenants:
                    raise dumped.wrong(name, "is not a tenant")
                tenants[name].load(dumped.part(name), served.check(slug, kind))
            self._living.add((slug, kind))

    # Stores

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Nobody looks at them meanwhile, so that many writes are followed as one."""
        collections = [each for tenants in self._tenants.values() for each in tenants.values()]
        for collection in collections:
            collection.gather()
        try:
            yield
        finally:
            for collection in collections:
                collection.finish()

    def pack(self, packing: Packing) -> Document:
        """The same for a store, in columns; a thread may do it with a view."""
        return {
            f"{slug}/{kind}": {name: each.pack(packing) for name, each in tenants.items() if not each.untouched}
            for (slug, kind), tenants in self._tenants.items()
        }

    def unpack(
        self, part: Document, packed: Packed, providers: Mapping[str, Provider], trusted: Container[str]
    ) -> None:
        """What `pack` wrote, over the same seed; of the providers in `trusted` with all that was worked out."""
        for place, dumped in part.items():
            slug, _, kind = place.partition("/")
            tenants = self.of(providers[slug], kind)
            for name, each in dumped.items():
                self._shown[slug, kind] = tenants[name].unpack(each, packed, trusted=slug in trusted)
            self._living.add((slug, kind))
