"""A server of one provider in this process, correct until a bug is planted in it.

It is the fake's own service with other parts (decoders, meanings, callers, documents) in a world without limits and
journal. Only this module knows those parts; the tables of bugs only say what is broken.
"""

from __future__ import annotations

import copy
import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contract_tests.promises import BY_SLUG
from fakeserver.documents.collection import Collection
from fakeserver.documents.order import newest_first
from fakeserver.documents.seeded import Seeded
from fakeserver.listing.facets import Facet
from fakeserver.listing.filters import Filter
from fakeserver.listing.meaning import Meaning
from fakeserver.pipeline.exchange import Answer, Progress, Request
from fakeserver.pipeline.routes import Route
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document, FakeProblem, Problem, internal
from fakeserver.provider import Provider
from fakeserver.providers import PROVIDERS
from fakeserver.recipes import fixture
from fakeserver.recipes.fixture import Fixture
from fakeserver.spec import parameters, reader
from fakeserver.spec.credentials import Caller
from fakeserver.spec.reader import Operation, Spec
from fakeserver.worlds.documents import SeededDocuments, Seeding
from fakeserver.worlds.world import World

Handler = Callable[[str, str, bytes, dict[str, str]], tuple[int, Mapping[str, str], bytes]]
"""Method, path, query and lower-case headers → status, headers and body."""
Rows = Mapping[str, Sequence[Document]]
"""Tenant → its documents in wire shape."""
PairsOf = Callable[[bytes], Any]
"""A raw query → its (name, text) pairs."""

EPOCH = 1_735_689_600_000_000
"""1 January 2025, so that two servers of one seed send the same bytes."""
SECRET = b"planted"
"""What the cursors of all planted servers are signed with, for all time."""
OUTSIDER = "outsider"
"""The tenant of the caller who shares nothing with the admin."""
FACETS = "getSandboxFacets"
LIST = "listSandboxes"


Next = Callable[[Request], Answer]
Around = Callable[[Request, Next], Answer]
"""A mistake around the correct answer: it may change the request, the answer, or both."""
Decoders = Mapping[str, Any]
"""Operation → its decoder."""


class Stock(SeededDocuments):
    """Documents that are there, in the place of those that are drawn."""

    def __init__(self, fixture: Fixture, slug: str, tenants: Mapping[str, Collection]) -> None:
        super().__init__(Seeding(0, 0, EPOCH), {slug: fixture})
        self._tenants = tenants

    def collections(
        self, provider: Provider, seeding: Seeding | None = None, *, live: bool = False
    ) -> dict[str, Collection]:
        # Each server keeps answers of its own, since what a broken one finds is wrong in every other.
        return {name: copy.copy(collection) for name, collection in self._tenants.items()}


class PlantedRoute(Route):
    """An operation whose query may be taken apart in another way."""

    def __init__(self, operation: Operation, meaning: Meaning, decoder: Any, pairs_of: PairsOf) -> None:
        super().__init__(operation, meaning, decoder)
        self._pairs_of = pairs_of

    def pairs(self, query: bytes) -> Any:
        return self._pairs_of(query)


class Planted(Service):
    """The service that a backend's parts make, with a world of its own."""

    def __init__(self, backend: Backend) -> None:
        provider, operations = backend.provider, backend.spec.operations
        routes = [
            PlantedRoute(operations[name], meaning, backend.decoders[name], backend.pairs_of)
            for name, meaning in provider.operations.items()
        ]
        super().__init__(provider, backend.spec, backend.fixture, routes)
        self._broken = backend.broken
        self.world = World(Stock(backend.fixture, provider.slug, backend.tenants), rate_limits=False)
        self.world.secret = SECRET
        self.world.settings.journal = False

    def respond_alone(self, request: Request) -> Answer:
        """The answer without a mistake around it, its body whole."""
        answer = self.answer(request, self.world)
        answer.body = answer.text()
        return answer

    def refuse(self, error: Exception, request: Request, progress: Progress, world: World) -> Answer:
        if not isinstance(error, Problem | FakeProblem):
            if not self._broken:
                raise error
            error = internal()
        return super().refuse(error, request, progress, world)


@dataclass(frozen=True)
class Backend:
    """A provider's parts and its documents, and the mistakes around them, the outermost last."""

    spec: Spec
    provider: Provider
    fixture: Fixture
    decoders: Decoders
    tenants: Mapping[str, Collection]
    around: tuple[Around, ...] = ()
    pairs_of: PairsOf = parameters.query_pairs
    broken: bool = False
    """A broken part may raise anything; a client sees a 500, as of every crash. The correct server must not."""

    def wrapped(self, around: Around, operation: str) -> Backend:
        """With a mistake around the answers of one operation."""

        def guarded(request: Request, following: Next) -> Answer:
            here = BY_SLUG[self.provider.slug].operation_at(request.path)
            return around(request, following) if here == operation else following(request)

        return replace(self, around=(*self.around, guarded))

    def meaning(self, operation: str, change: Callable[[Any], Meaning]) -> Backend:
        """With another meaning of one operation."""
        known = self.provider.operations
        changed = {**known, operation: change(known[operation])}
        return replace(self, provider=replace(self.provider, operations=changed))

    def filter(self, operation: str, parameter: str, change: Callable[[Filter], Filter]) -> Backend:
        """With another kind of one filter."""

        def changed(meaning: Any) -> Any:
            filters = [change(each) if each.parameter == parameter else each for each in meaning.filters]
            return replace(meaning, filters=tuple(filters))

        return self.meaning(operation, changed)

    def facets(self, change: Callable[[Facet], Facet]) -> Backend:
        """With other facets."""

        def changed(meaning: Any) -> Any:
            return replace(meaning, facets={name: change(facet) for name, facet in meaning.facets.items()})

        return self.meaning(FACETS, changed)

    def callers(self, change: Callable[[Mapping[str, Caller]], Mapping[str, Caller]]) -> Backend:
        """With other credentials."""
        return replace(self, fixture=replace(self.fixture, callers=change(self.fixture.callers)))

    @functools.cached_property
    def service(self) -> Planted:
        """The parts, put together when the first request comes."""
        return Planted(self)

    def answer(self, request: Request) -> Answer:
        """The answer, after every mistake; those around the correct server see its refusals as answers."""
        following: Next = self.service.respond_alone
        for around in self.around:
            following = _inside(around, following)
        try:
            return following(request)
        except Exception as error:
            progress = Progress(self.service.world.clock.now, self.spec.operations[LIST])
            return self.service.refuse(error, request, progress, self.service.world)

    def handler(self) -> Handler:
        def handle(
            method: str, path: str, query: bytes, headers: dict[str, str]
        ) -> tuple[int, Mapping[str, str], bytes]:
            answer = self.answer(Request(method, path, query, headers))
            sent = {name.lower(): text for name, text in answer.headers.items()}
            body = answer.text()
            sent |= {"content-type": answer.media_type, "content-length": str(len(body))}
            return answer.status, sent, b"" if method == "HEAD" else body

        return handle


def _inside(around: Around, following: Next) -> Next:
    return lambda request: around(request, following)


def crash() -> Problem:
    """What a server answers when its code has failed."""
    return internal()


def decoders_of(contract: Spec, provider: Provider, factory: Callable[..., Any] = parameters.decoder) -> Decoders:
    """The decoder of every operation."""
    return {
        name: factory(
            contract.operations[name].parameters,
            optional_text=provider.optional_text,
            checks=meaning.checks,
            reading=provider.reading,
        )
        for name, meaning in provider.operations.items()
    }


def load(slug: str, documents: Rows | None = None, *, size: int = 1000, seed: int = 0) -> Backend:
    """The correct server with the seeded documents, or with these and no others."""
    contract, fixture, decoders = _parts(slug)
    provider = PROVIDERS[slug]
    if documents is None:
        return Backend(contract, provider, fixture, decoders, _seeded(slug, size, seed))
    fixture = replace(fixture, callers=_callers(slug, fixture, documents))
    return Backend(contract, provider, fixture, decoders, _given(slug, fixture, documents))


def correct(slug: str, documents: Rows | None = None, *, size: int = 1000, seed: int = 0) -> Handler:
    """The server that keeps every promise."""
    return load(slug, documents, size=size, seed=seed).handler()


def documents_of(backend: Backend) -> dict[str, list[Document]]:
    """Every tenant's documents, newest first."""
    return {tenant: list(collection.documents()) for tenant, collection in backend.tenants.items()}


@functools.cache
def _parts(slug: str) -> tuple[Spec, Fixture, Decoders]:
    provider = PROVIDERS[slug]
    contract = reader.load(provider.spec, provider.operations)
    recipe = fixture.load(provider, contract, fixture.load_vocabularies())
    return contract, recipe, decoders_of(contract, provider)


@functools.lru_cache(maxsize=32)
def _seeded(slug: str, size: int, seed: int) -> dict[str, Collection]:
    """Documents drawn once: a broken filter reads every one of them for every request."""
    provider, fixture = PROVIDERS[slug], _parts(slug)[1]
    tenants = {}
    for name, count in fixture.sizes(size, provider.default_tenant).items():
        key = hashlib.blake2b(f"{seed}\x1f{slug}\x1f{name}".encode(), digest_size=32).digest()
        tenant = fixture.tenants[name]
        source = Seeded(
            provider.make,
            newest_first(provider.created, provider.identity),
            key=key,
            epoch=EPOCH,
            size=count,
            columns=tenant.columns,
            vocabularies=fixture.vocabularies,
            pins=tenant.pins,
        )
        drawn = [(source.document(ordinal), source.owner(ordinal)) for ordinal in range(count)]
        tenants[name] = collection_of(slug, drawn)
    return tenants


def collection_of(slug: str, documents: Sequence[tuple[Document, str]]) -> Collection:
    """Documents with their owners as a tenant has them: newest first, or as they come where that cannot be told."""
    provider = PROVIDERS[slug]
    try:
        return Collection.of(documents, newest_first(provider.created, provider.identity))
    except (KeyError, TypeError, ValueError, AttributeError):
        places = {str(document.get(provider.identity)): place for place, (document, _) in enumerate(documents)}
        return Collection.of(documents, lambda document: _as_given(places, str(document.get(provider.identity))))


def _as_given(places: Mapping[str, int], identity: str) -> tuple[int, str]:
    return places[identity], identity


def unfiled(backend: Backend) -> Backend:
    """The same documents without the index that other servers have built for them."""
    tenants = {
        name: collection_of(
            backend.provider.slug,
            [(collection.document(rank), collection.owner(rank)) for rank in collection.everything],
        )
        for name, collection in backend.tenants.items()
    }
    return replace(backend, tenants=tenants)


_GIVEN: dict[str, tuple[Rows, dict[str, Collection]]] = {}
"""The rows that were loaded last, since one run's rows go into every bug of its provider."""


def _given(slug: str, fixture: Fixture, documents: Rows) -> dict[str, Collection]:
    held = _GIVEN.get(slug)
    if held is None or held[0] is not documents:
        owner = fixture.callers[fixture.credential].user
        tenants = {
            name: collection_of(slug, [(each, owner) for each in documents.get(name, ())])
            for name in dict.fromkeys([*fixture.tenants, *documents])
        }
        held = _GIVEN[slug] = (documents, tenants)
    return held[1]


def _callers(slug: str, fixture: Fixture, documents: Rows) -> dict[str, Caller]:
    """The fixture's callers; the admin also administers the tenants that only the given rows have, and is the user
    whom most of the rows at home belong to."""
    callers = dict(fixture.callers)
    admin = callers[fixture.credential]
    new = {name: "admin" for name in documents if name not in fixture.tenants}
    owner = BY_SLUG[slug].listing.owner
    home = documents.get(admin.home, ()) if owner is not None else ()
    users = Counter(str(row[owner.field]) for row in home if row.get(owner.field)) if owner is not None else Counter()
    user = users.most_common(1)[0][0] if users else admin.user
    callers[fixture.credential] = replace(admin, user=user, tenants={**admin.tenants, **new})
    return callers
