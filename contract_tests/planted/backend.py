"""A server of one provider in this process, correct until a bug is planted in it.

It has the fake's parts (decoders, filters, pages, facets, tenant rules, error dialect) and nothing around them: no
faults, no rate limits, no clock. Only this module knows those parts; the tables of bugs only say what is broken.
"""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from pyroaring import BitMap

from contract_tests.promises import BY_SLUG
from fakeserver.documents.collection import Collection
from fakeserver.documents.order import newest_first
from fakeserver.documents.seeded import Seeded
from fakeserver.listing.facets import Facet
from fakeserver.listing.filters import Filter, parsing
from fakeserver.listing.listing import Facets, Listing
from fakeserver.listing.pages import Context
from fakeserver.listing.scope import Scope
from fakeserver.listing.select import question_of
from fakeserver.problems import Document, Problem, internal, method_not_allowed, not_found, unauthenticated
from fakeserver.provider import Provider
from fakeserver.providers import PROVIDERS
from fakeserver.recipes import fixture
from fakeserver.recipes.fixture import Fixture
from fakeserver.spec import parameters, reader
from fakeserver.spec.credentials import Caller, credentials
from fakeserver.spec.reader import Operation, Spec

Handler = Callable[[str, str, bytes, dict[str, str]], tuple[int, Mapping[str, str], bytes]]
"""Method, path, query and lower-case headers → status, headers and body."""
Rows = Mapping[str, Sequence[Document]]
"""Tenant → its documents in wire shape."""
Values = dict[str, Any]

EPOCH = 1_735_689_600_000_000
"""1 January 2025, so that two servers of one seed send the same bytes."""
JSON = "application/json"
OUTSIDER = "outsider"
"""The tenant of the caller who shares nothing with the admin."""
FACETS = "getSandboxFacets"
LIST = "listSandboxes"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose cursors they are: those of all planted servers, for all time."""

    secret: bytes = b"planted"
    as_of: int = EPOCH


ISSUER = Issuer()


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived. Header names are in lower case."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]


@dataclass(slots=True)
class Answer:
    """What is sent."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON


Next = Callable[[Request], Answer]
Around = Callable[[Request, Next], Answer]
"""A mistake around the correct answer: it may change the request, the answer, or both."""
Decoders = Mapping[str, Any]
"""Operation → its decoder."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A provider's parts and its documents, and the mistakes around them, the outermost last."""

    spec: Spec
    provider: Provider
    fixture: Fixture
    decoders: Decoders
    tenants: Mapping[str, Collection]
    around: tuple[Around, ...] = ()
    pairs_of: Callable[[bytes], Any] = parameters.query_pairs
    broken: bool = False
    """A broken part may raise anything; a client sees a 500, as of every crash. The correct server must not."""

    def wrapped(self, around: Around, operation: str) -> Backend:
        """With a mistake around the answers of one operation."""

        def guarded(request: Request, following: Next) -> Answer:
            here = BY_SLUG[self.provider.slug].operation_at(request.path)
            return around(request, following) if here == operation else following(request)

        return replace(self, around=(*self.around, guarded))

    def meaning(self, operation: str, change: Callable[[Any], Listing | Facets]) -> Backend:
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

    def answer(self, request: Request) -> Answer:
        following: Next = self._answer
        for around in self.around:
            following = _inside(around, following)
        return self._caught(following, request)

    def _answer(self, request: Request) -> Answer:
        """The correct server; the mistakes around it see its refusals as answers."""
        return self._caught(self._steps, request)

    def _steps(self, request: Request) -> Answer:
        operation, segments = self._match(request)
        pairs = self.pairs_of(request.query)
        caller = self._caller(operation, request)
        values = self.decoders[operation.id].decode(segments, pairs)
        return self._read(operation, caller, values)

    def _caught(self, answering: Next, request: Request) -> Answer:
        try:
            return answering(request)
        except Problem as problem:
            return self.refusal(problem)
        except Exception:
            if not self.broken:
                raise
            return self.refusal(internal())

    def _caller(self, operation: Operation, request: Request) -> Caller:
        for credential in credentials(operation, request.headers):
            caller = self.fixture.callers.get(credential)
            if caller is not None:
                return caller
        raise unauthenticated()

    def _match(self, request: Request) -> tuple[Operation, dict[str, str]]:
        for operation in self.spec.operations.values():
            match = operation.pattern.fullmatch(request.path)
            if match is not None and operation.id in self.provider.operations:
                if request.method in ("GET", "HEAD"):
                    return operation, match.groupdict()
                raise method_not_allowed(["GET", "HEAD"])
        raise not_found()

    def _read(self, operation: Operation, caller: Caller, values: Values) -> Answer:
        meaning: Any = self.provider.operations[operation.id]
        scope = meaning.tenant(caller, values, self.tenants)
        collection = self.tenants[scope.tenant]
        found = select(meaning.filters, collection, scope, values)
        headers = dict(self.provider.headers)
        if isinstance(meaning, Facets):
            counts = {name: facet.counts(found, collection) for name, facet in meaning.facets.items()}
            return Answer(200, orjson.dumps(counts), headers)
        context = Context(ISSUER, scope.tenant, question_of(operation.id, meaning.filters, values))
        page = meaning.pages.page(found, values, collection, context)
        rows = b",".join([collection.body(rank) for rank in page.ranks])
        return Answer(200, page.before + rows + page.after, headers | dict(page.headers or {}))

    def refusal(self, problem: Problem) -> Answer:
        """The problem in the provider's dialect."""
        status, body = self.provider.errors(problem, self.fixture.switches)
        headers = dict(self.provider.headers) | problem.headers
        documented = self.spec.operations[LIST].responses.get(status)
        if documented is not None and "WWW-Authenticate" in documented.headers:
            headers["WWW-Authenticate"] = "Bearer"
        return Answer(status, orjson.dumps(body), headers)

    def handler(self) -> Handler:
        def handle(
            method: str, path: str, query: bytes, headers: dict[str, str]
        ) -> tuple[int, Mapping[str, str], bytes]:
            answer = self.answer(Request(method, path, query, headers))
            sent = {name.lower(): text for name, text in answer.headers.items()}
            sent |= {"content-type": answer.media_type, "content-length": str(len(answer.body))}
            return answer.status, sent, b"" if method == "HEAD" else answer.body

        return handle


def _inside(around: Around, following: Next) -> Next:
    return lambda request: around(request, following)


def select(filters: Sequence[Filter], collection: Collection, scope: Scope, values: Values) -> BitMap:
    """The ranks of the documents in the scope that every given filter lets through."""
    found = collection.everything if scope.owner is None else collection.owned_by(scope.owner)
    for each in filters:
        value = values[each.parameter]
        if value is None:
            continue
        rows = each.rows(collection, value)
        found = found & rows.rows
        if not rows.exact:
            holds = each.predicate(value)
            found = BitMap([rank for rank in found if holds(collection.document(rank))])
    return found


def crash() -> Problem:
    """What a server answers when its code has failed."""
    return internal()


def decoders_of(contract: Spec, provider: Provider, factory: Callable[..., Any] = parameters.decoder) -> Decoders:
    """The decoder of every operation."""
    return {
        name: factory(
            contract.operations[name].parameters,
            optional_text=provider.optional_text,
            checks=[parsing(kind) for kind in meaning.filters],
        )
        for name, meaning in provider.operations.items()
        if isinstance(meaning, Listing | Facets)
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
