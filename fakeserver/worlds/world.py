"""A world: all state behind one set of base URLs. Its documents are made when somebody first asks for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from fakeserver.documents.changes import Change
from fakeserver.documents.collection import Collection
from fakeserver.documents.dues import Dues, Lifetimes
from fakeserver.documents.order import newest_first
from fakeserver.documents.seeded import FIRST, Seeded
from fakeserver.faults.scripts import FaultRule, Faults
from fakeserver.instants import SECOND
from fakeserver.parts import Part
from fakeserver.problems import Document, FakeProblem
from fakeserver.provider import Provider
from fakeserver.recipes.fixture import Fixture
from fakeserver.worlds.clock import Clock
from fakeserver.worlds.journal import Journal
from fakeserver.worlds.rate_limits import Limits
from fakeserver.worlds.settings import Settings
from fakeserver.worlds.state import Served, State

Wall = Callable[[], int]
"""A clock on the wall, in microseconds since 1970."""
MAX_AGEING = 50_000
"""Documents that a moved clock may have to change; more would hold up the server for seconds."""
MAX_LIVE = 5_000
"""Documents of a provider that a live clock may have to change: who asks first after a week waits for all of them."""
WHOLE_STEP = 60 * SECOND
"""Between two looks of a live clock at the documents of a provider that names no field in `ages`."""


Refuse = Callable[[Document], str | None]
"""Why a document does not fit its provider's spec, or None."""


class Renewal(Protocol):
    """What a world is held against when providers are other ones than before."""

    def refuse(self, provider: Provider) -> Refuse:
        """What refuses documents that the provider's spec does not allow."""
        ...

    def script(self, rule: FaultRule) -> FaultRule:
        """The same script, of the operations as they are now; or a FakeProblem."""
        ...


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
        lifetimes = None if provider.age is None else Lifetimes(provider.age, dated, *provider.ages)
        dues = self.dues(provider) if live else {}
        return {
            name: Collection(source.dated(dated), order, lifetimes, dues.get(name)) for name, source in sources.items()
        }

    def dues(self, provider: Provider) -> dict[str, Dues]:
        """When time changes the documents of each tenant; nothing if a provider has none that are told by a field."""
        dues = self._dues.get(provider.slug)
        if dues is None:
            field, _ = provider.ages
            dues = {}
            if provider.age is None or field is None:
                return dues
            lifetimes = Lifetimes(provider.age, self.seeding.dated, *provider.ages)
            candidates = {name: each.candidates() for name, each in self.collections(provider).items()}
            limit_ageing(provider, sum(map(len, candidates.values())), MAX_LIVE)
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
            for meaning in provider.operations.values():
                meaning.prepare(collection)

    def _seed(self, provider: Provider) -> dict[str, Seeded]:
        fixture = self.fixtures[provider.slug]
        return {
            name: Seeded(
                provider.make,
                newest_first(provider.created, provider.identity),
                key=_key(self.seeding.seed, provider.slug, name),
                epoch=self.seeding.dated,
                size=size,
                columns=fixture.tenants[name].columns,
                vocabularies=fixture.vocabularies,
                pins=fixture.tenants[name].pins,
            )
            for name, size in fixture.sizes(self.seeding.size, provider.default_tenant).items()
        }


def limit_ageing(provider: Provider, candidates: int, most: int) -> None:
    """Refuse to have time change more documents than it may."""
    if candidates > most:
        raise FakeProblem(
            409,
            f"{provider.slug} has {candidates} documents that time can change; the clock moves with at most "
            f"{most}: serve with a smaller --size, or store fewer",
        )


def _key(*parts: object) -> bytes:
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=32).digest()


class Documents:
    """What the tenants of every provider own in one world; a provider's are made when somebody first asks for them."""

    def __init__(self, seeded: SeededDocuments, seeding: Seeding, *, live: bool = False) -> None:
        self.seeded = seeded
        self.seeding = seeding
        self._live = live
        self._tenants: dict[str, dict[str, Collection]] = {}
        self._shown: dict[str, tuple[int, int]] = {}

    def of(self, provider: Provider) -> dict[str, Collection]:
        """The provider's tenants and what they own, as of the last `advance`."""
        tenants = self._tenants.get(provider.slug)
        if tenants is None:
            tenants = self._tenants[provider.slug] = self.seeded.collections(provider, self.seeding, live=self._live)
            self._shown[provider.slug] = 0, 0
        return tenants

    def advance(self, provider: Provider, at: int, lead: int) -> dict[str, Collection]:
        """The same, when the seeded ones are `at` microseconds older and the clock is `lead` ahead of them."""
        tenants = self.of(provider)
        if (at, lead) != self._shown[provider.slug]:
            self._shown[provider.slug] = at, lead
            for collection in tenants.values():
                collection.advance_to(at, lead)
        return tenants

    @property
    def version(self) -> int:
        """Raised by every change of a document."""
        return sum(collection.version for tenants in self._tenants.values() for collection in tenants.values())

    @property
    def changed(self) -> bool:
        """Whether they are no longer exactly the seeded ones."""
        return any(not collection.untouched for tenants in self._tenants.values() for collection in tenants.values())

    def renew(self, provider: Provider, refuse: Refuse) -> Iterator[str]:
        """Make a provider's documents anew, with what was stored and removed as far as it still fits; a line on each
        tenant where something does not."""
        old = self._tenants.pop(provider.slug, None)
        if old is None:
            return
        tenants = self.of(provider)
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
    cursors are signed with, are its `parts`. It comes into being at its `epoch` (if none is given, that of the seeded
    documents); `wall` says what its clock starts with, now and after a reset, if that is not the epoch. In a `live` one
    the seeded documents age by themselves."""

    def __init__(
        self,
        seeded: SeededDocuments,
        name: str = "",
        *,
        epoch: int | None = None,
        wall: Wall | None = None,
        live: bool = False,
        rate_limits: bool = True,
    ) -> None:
        self._origin = seeded
        self._epoch = seeded.seeding.epoch if epoch is None else epoch
        self._wall = wall
        self.live = live
        self._rate_limits = rate_limits
        self._taken_over = 0
        self.name = name
        self.secret = _key(seeded.seeding.seed, name)
        self.clock = Clock(self._epoch, wall=wall, live=live)
        self.settings = self._initial_settings()
        self.faults = Faults(seeded.seeding.seed)
        self.limits = Limits()
        self.journal = Journal()
        self.documents = Documents(seeded, replace(seeded.seeding, epoch=self._epoch), live=live)

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
    def seeding(self) -> Seeding:
        """What it is made from."""
        return self.documents.seeding

    @property
    def touched(self) -> bool:
        """Whether somebody changed anything here, so that it must not be dropped in silence."""
        return (
            self.seeded is not self._origin
            or self.seeding.epoch != self._epoch
            or self.secret != _key(self._origin.seeding.seed, self.name)
            or any(part.changed for part in self.parts.values())
        )

    @property
    def version(self) -> int:
        """Raised by every change of the documents, and by everything that puts another world in the place of this."""
        return self._taken_over + self.documents.version

    @property
    def epoch(self) -> int:
        """The instant that the dates of its seeded documents are counted from."""
        return self.seeding.dated

    @property
    def as_of(self) -> int:
        """The instant that the documents are seen at: the epoch, and the time that somebody added."""
        return self.seeding.epoch + self.clock.aged

    def tenants(self, provider: Provider) -> dict[str, Collection]:
        """The provider's tenants and what they own, as of the last `advance`."""
        return self.documents.of(provider)

    def advance(self, provider: Provider) -> dict[str, Collection]:
        """Let the provider's documents follow the clock; its tenants, as of now."""
        at, lead = self.clock.stepped, self.clock.lead + self._since_dated
        if self.live and provider.ages[0] is None:
            # Nothing tells which documents are due, so all of them are looked at.
            at -= at % WHOLE_STEP
        return self.documents.advance(provider, at, lead)

    @property
    def _since_dated(self) -> int:
        """How long after the instant that dates are counted from the world came into being."""
        return self.seeding.epoch - self.seeding.dated

    def apply(self, provider: Provider, tenant: str, changes: Iterable[Change]) -> None:
        """Change a tenant's documents, as one and as of now, or raise a `ChangeError` and change nothing."""
        self.advance(provider)[tenant].apply(changes, at=self.clock.now - self.seeding.dated)

    def check_ageing(self, provider: Provider, put: Mapping[str, int] | None = None) -> None:
        """Refuse to let time change so many documents that it would hold up the server: by a move of the clock, or by a
        live clock, if so many that it can change (`put`) are put in the place of a tenant's."""
        candidates = {name: len(collection.candidates()) for name, collection in self.tenants(provider).items()}
        candidates.update(put or {})
        limit_ageing(provider, sum(candidates.values()), MAX_LIVE if self.live else MAX_AGEING)

    def check_put(
        self, provider: Provider, tenant: str, documents: Iterable[Document], replaced: Iterable[Document] | None = None
    ) -> None:
        """Refuse to store more documents than a live clock can change, in the place of these of a tenant's, or of all
        (None)."""
        if self.live and provider.age is not None:
            lifetimes = Lifetimes(provider.age, self.seeding.dated, *provider.ages)
            count = sum(map(lifetimes.may_change, documents))
            if replaced is not None:
                there = len(self.tenants(provider)[tenant].candidates())
                count += there - sum(map(lifetimes.may_change, replaced))
            self.check_ageing(provider, {tenant: count})

    def renew(self, changed: Mapping[str, Provider], renewal: Renewal) -> list[str]:
        """Keep what was written, as far as it fits providers that are other ones now, and the fixtures that the seeded
        documents have by now; a line on each thing that does not fit."""
        version = self.version
        lines = [
            line for provider in changed.values() for line in self.documents.renew(provider, renewal.refuse(provider))
        ]
        self.settings, unfit = self.settings.renewed(self._initial_settings(), changed)
        lines += [*unfit, *self.faults.renew(changed, renewal.script)]
        self.limits.forget(changed)
        self._taken_over += version + 1 - self.version
        return lines

    def reset(self) -> None:
        """Back to the seed that the server was started with, and to the epoch at which this world came into being."""
        self.take_over(self.anew(replace(self._origin.seeding, epoch=self._epoch)))

    def anew(self, seeding: Seeding) -> World:
        """A new world of this name and a seeding; of the seeded documents there are, those that are the same."""
        known = (self._origin, self.seeded)
        same = (each for each in known if replace(each.seeding, epoch=seeding.epoch) == seeding)
        seeded = next(same, None) or SeededDocuments(seeding, self._origin.fixtures)
        return World(
            seeded,
            self.name,
            epoch=seeding.epoch,
            wall=self._wall,
            live=self.live,
            rate_limits=self._rate_limits,
        )

    def take_over(self, other: World) -> None:
        """Become another world, under the name that this one has; `reset` still leads back to its own seed."""
        version = self.version
        self.secret = other.secret
        for name, part in other.parts.items():
            setattr(self, name, part)
        self._taken_over += version + 1 - self.version
