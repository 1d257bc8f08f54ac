"""A world: all state behind one set of base URLs. Its documents are made when somebody first asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from fakeserver.commands.guests import Guests
from fakeserver.commands.kept import no_room
from fakeserver.documents.changes import Change, FullError
from fakeserver.documents.collection import Collection
from fakeserver.documents.dues import Lifetimes
from fakeserver.faults.scripts import FaultRule, Faults
from fakeserver.listing.meaning import Write
from fakeserver.problems import Document
from fakeserver.provider import Provider
from fakeserver.worlds.clock import Clock, monotonic
from fakeserver.worlds.documents import (
    Documents,
    Refuse,
    SeededDocuments,
    Seeding,
    key_of,
    limit_ageing,
)
from fakeserver.worlds.journal import Journal
from fakeserver.worlds.rate_limits import Limits
from fakeserver.worlds.room import Room
from fakeserver.worlds.settings import Settings
from fakeserver.worlds.shared import SharedJournal, SharedLimits
from fakeserver.worlds.state import State

Wall = Callable[[], int]
"""A clock on the wall, in microseconds since 1970."""


class Renewal(Protocol):
    """What a world is held against when providers are other ones than before."""

    def refuse(self, provider: Provider) -> Refuse:
        """What refuses documents that the provider's spec does not allow."""
        ...

    def script(self, rule: FaultRule) -> FaultRule:
        """The same script, of the operations as they are now; or a FakeProblem."""
        ...


class Log(Protocol):
    """What keeps a world's writes beyond this process."""

    def begin(self) -> None:
        """Called before documents are changed, which it may keep from being done now."""
        ...

    def write(self, slug: str, at: int, changes: Mapping[tuple[str, str], Sequence[Change]]) -> None:
        """These changes were made of a provider's documents, by kind and tenant, `at` microseconds after the epoch."""
        ...


class World:
    """All state of one namespace; the one at the root has no name. What it has of its own, besides the secret that its
    cursors are signed with, are its `parts`. It comes into being at its `epoch` (if none is given, that of the seeded
    documents); `wall` says what its clock starts with, now and after a reset, if that is not the epoch, and the clock
    runs by that of the `machine`. In a `live` one the seeded documents age by themselves. One with a `room` is kept
    beyond its process, other processes may have it too, and it has no more than that."""

    def __init__(
        self,
        seeded: SeededDocuments,
        name: str = "",
        *,
        epoch: int | None = None,
        wall: Wall | None = None,
        machine: Wall = monotonic,
        room: Room | None = None,
        live: bool = False,
        rate_limits: bool = True,
    ) -> None:
        self._room = room
        self._origin = seeded
        self._epoch = seeded.seeding.epoch if epoch is None else epoch
        self._wall = wall
        self._machine = machine
        self.live = live
        self._rate_limits = rate_limits
        self._taken_over = 0
        self.log: Log | None = None
        """What keeps its writes, if anything does."""
        self.name = name
        self.secret = key_of(seeded.seeding.seed, name)
        clock = self.clock = Clock(self._epoch, machine, wall, live=live)
        self.settings = self._initial_settings()
        self.faults = Faults(seeded.seeding.seed)
        self.limits = Limits() if room is None else SharedLimits()
        self.journal: Journal = Journal() if room is None else SharedJournal(room.requests)
        self.guests = Guests(lambda: clock.now, None if room is None else room.file_bytes)
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
            "guests": self.guests,
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
            or self.secret != key_of(self._origin.seeding.seed, self.name)
            or any(part.changed for part in self.parts.values())
        )

    @property
    def version(self) -> int:
        """Raised by every change of the documents, and by everything that puts another world in the place of this."""
        return self._taken_over + self.documents.version

    @property
    def epoch(self) -> int:
        """The instant that the dates of its seeded documents are counted from."""
        return self.documents.dated

    @property
    def writes(self) -> int:
        """How many writes the documents have seen since they were seeded."""
        return self.documents.writes

    @property
    def as_of(self) -> int:
        """The instant that the documents are seen at: the epoch, and the time that somebody added."""
        return self.seeding.epoch + self.clock.aged

    def tenants(self, provider: Provider) -> dict[str, Collection]:
        """The provider's tenants and what they own, as of the last `advance`."""
        return self.documents.of(provider)

    def advance(self, provider: Provider, now: int | None = None) -> dict[str, Collection]:
        """Let the provider's documents follow the clock; its tenants, as of now."""
        return self.collections(provider, "", self.clock.now if now is None else now)

    def collections(self, provider: Provider, kind: str, now: int) -> dict[str, Collection]:
        """What every tenant owns of a kind, as of now."""
        clock, documents = self.clock, self.documents
        dated = documents.dated
        lead = clock.lead + documents.seeding.epoch - dated
        return documents.advance(provider, kind, clock.stepped, lead, now - dated)

    def kinds(self, provider: Provider, now: int) -> Callable[[str], Mapping[str, Collection]]:
        """What every tenant owns of another kind, by the kind's name, as of now."""
        return lambda kind: self.collections(provider, kind, now)

    def apply(self, provider: Provider, tenant: str, changes: Iterable[Change]) -> None:
        """Change a tenant's documents, as one and as of now, or raise a `ChangeError` and change nothing."""
        self.write(provider, [Write(tenant, (*changes,))], self.clock.now)

    def write(
        self,
        provider: Provider,
        writes: Sequence[Write],
        now: int,
        after: Sequence[Callable[[], None]] = (),
        tenants: Mapping[str, Collection] | None = None,
    ) -> None:
        """Make all writes as one, as of an instant that is not before any other, or raise a `ChangeError` and change
        nothing. What follows for the files of sandboxes is done `after` that, and then those of sandboxes that have
        ended by it are forgotten. Somebody may have the `tenants` of that instant already."""
        if self.log is not None:
            self.log.begin()
        at = now - self.seeding.dated
        # What several writes change in one collection is worked out together: one of them may move what another names.
        changes: dict[tuple[str, str], list[Change]] = {}
        for each in writes:
            changes.setdefault((each.kind, each.tenant), []).extend(each.changes)
        pending = []
        for (kind, tenant), made in changes.items():
            owned = self.collections(provider, kind, now) if kind or tenants is None else tenants
            collection = owned[tenant]
            pending.append((kind, collection, collection.effects_of(made, at)))
        if self._room is not None and (more := sum(effects.more for _, _, effects in pending)):
            self.check_documents(self.documents, more)
            if after:
                # With a new document another one's files may be copied.
                self.check_files(self.guests)
        self.documents.write(provider, pending)
        if self.log is not None:
            self.log.write(provider.slug, at, changes)
        for follow in after:
            follow()
        held = []
        for _, _, effects in pending:
            if effects.cleared:
                return self.bury(provider, now)
            for identity in effects.documents:
                if self.guests.holds(provider.slug, identity):
                    held.append(identity)
        if held:
            self._bury(provider, held, now)

    def check_documents(self, documents: Documents, more: int = 0) -> None:
        """Refuse documents, with so many that are to be written beside them, if they are too many for this world."""
        if self._room is not None and documents.written + more > self._room.documents:
            raise FullError(
                f"{documents.written} documents are written in this namespace, which may have {self._room.documents}: "
                "POST /__admin/reset takes them away, and --namespace-documents lets more in"
            )

    def check_files(self, guests: Guests) -> None:
        """Refuse the files of sandboxes if they are too many bytes for this world."""
        if self._room is not None and guests.kept_bytes > self._room.file_bytes:
            raise FullError(no_room(guests.kept_bytes, self._room.file_bytes))

    def repeat(self, provider: Provider, at: int, changes: Mapping[tuple[str, str], Iterable[Change]]) -> None:
        """Make a write once more that was made `at` microseconds after the epoch, here or in another process."""
        pending = [
            (kind, collection, collection.effects_of(made, at))
            for (kind, tenant), made in changes.items()
            for collection in [self.documents.of(provider, kind)[tenant]]
        ]
        self.documents.write(provider, pending)

    def bury(self, provider: Provider, now: int | None = None) -> None:
        """Forget the files of all of a provider's sandboxes that have ended by now, whatever ended them."""
        self._bury(provider, self.guests.held(provider.slug), self.clock.now if now is None else now)

    def _bury(self, provider: Provider, identities: Sequence[str], now: int) -> None:
        alive = self.living(provider, now) if identities else None
        for identity in identities:
            if alive is not None and not alive(identity):
                self.guests.forget(provider.slug, identity)

    def living(self, provider: Provider, now: int) -> Callable[[str], bool]:
        """Whether there is a document of any kind with an id that has not ended: only then does it have files."""
        found = [
            (provider.kind(kind).machine, collection)
            for kind in ("", *provider.kinds)
            for collection in self.collections(provider, kind, now).values()
        ]

        def lives(identity: str) -> bool:
            for machine, collection in found:
                rank = collection.locate(identity)
                life = None if rank is None else collection.life(rank, now - self.epoch)
                if life is not None and (machine is None or machine.state_of(life) not in machine.ended):
                    return True
            return False

        return lives

    def check_ageing(self, provider: Provider, put: Mapping[str, int] | None = None) -> None:
        """Refuse to let time change so many documents that it would hold up the server: by a move of the clock, or by a
        live clock, if so many that it can change (`put`) are put in the place of a tenant's."""
        candidates = {name: len(collection.candidates()) for name, collection in self.tenants(provider).items()}
        candidates.update(put or {})
        limit_ageing(provider, sum(candidates.values()), live=self.live)

    def check_put(
        self, provider: Provider, tenant: str, documents: Iterable[Document], replaced: Iterable[Document] | None = None
    ) -> None:
        """Refuse to store more documents than a live clock can change, in the place of these of a tenant's, or of all
        (None)."""
        if self.live and provider.machine is not None:
            lifetimes = Lifetimes(provider.machine, self.seeding.dated)
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
        for provider in changed.values():
            self.bury(provider)
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
            machine=self._machine,
            room=self._room,
            live=self.live,
            rate_limits=self._rate_limits,
        )

    def take_over(self, other: World) -> None:
        """Become another world, under the name that this one has; `reset` still leads back to its own seed."""
        version = self.version
        self.guests.machines.close()
        self.secret = other.secret
        for name, part in other.parts.items():
            setattr(self, name, part)
        self._taken_over += version + 1 - self.version
