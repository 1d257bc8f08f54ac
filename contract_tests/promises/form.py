"""The form of a promise: all that the kit can know of a provider, as one value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from contract_tests.outcome import Options, Pairs, Row
from contract_tests.promises.access import Access
from contract_tests.promises.common import UNDOCUMENTED
from contract_tests.promises.deviations import Deviation
from contract_tests.promises.filter_kinds import Filter, Owner, Tags, texts
from contract_tests.promises.paging import Body, Cursor, Paging
from contract_tests.promises.questions import Questions
from contract_tests.promises.refusals import Refusals
from contract_tests.promises.rows import Invariant, Keeps, instant
from contract_tests.promises.scopes import Scopes
from contract_tests.promises.statements import Statement, weakest
from contract_tests.sending.ask import Ask, Reply

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

Kind = TypeVar("Kind", bound=Filter)

REQUIRED = Statement("Assumed: which fields a row always has, and which are never null.")
ORDER = Statement("Assumed: the newest come first.")
TIES = Statement("Assumed: sandboxes of one instant are ordered by their id.")
IGNORES = Statement("Assumed: query parameters that are not declared are ignored.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One list of buckets: how many rows have each value of a field."""

    name: str
    """The name of the list in the answer."""
    key: str
    """The field of a bucket that holds the value."""
    field: str
    """The field of a row that is counted; null is not."""
    shown: tuple[str, ...] = ()
    """Fields of a bucket that repeat those of its rows."""
    bucket_schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """Counts of the listing's rows under its own filters, beside the listing."""

    tail: str
    """What stands behind the listing's path."""
    operation: str
    page: str
    facets: tuple[Facet, ...]
    envelope_schema: str
    statement: Statement
    """What is counted."""
    order: Statement
    """Which bucket comes first."""
    ties: Statement
    """How buckets of equal counts are ordered."""
    alphabet: Statement | None = None
    """That they are in the order of an alphabet, where the page says so and leaves open which one."""
    omits: Statement
    """Which buckets are left out."""
    names: Statement
    """That a bucket calls its value as the rows do."""
    ignores: Statement
    """That the parameters of pages change nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One provider's listing."""

    page: str
    """The reference page that promises it."""
    operation: str = "listSandboxes"
    path: str
    items: str = ""
    """The name of the rows in their envelope; empty for a bare array."""
    identity: str
    created: str
    state: str
    """The field that says what state a sandbox is in."""
    statement: Statement
    """What the page says that it lists."""
    form: Statement
    """What the page says that a row looks like."""
    required: Statement = REQUIRED
    """Which fields a row always has, and which are never null."""
    always: frozenset[str] = frozenset()
    """Those of which the page itself says so, where it says so of some only."""
    order: Statement = ORDER
    """Which sandbox comes first."""
    ties: Statement = TIES
    """How sandboxes of one instant are ordered."""
    ignores: Statement = IGNORES
    """That parameters which nobody declares change nothing."""
    unknown: Pairs = (("no_such_parameter", "1"), ("q", "x"))
    """Such parameters, one of them of a name that clients are tempted to use."""
    paging: Paging
    filters: tuple[Filter, ...]
    invariants: tuple[Invariant, ...]
    statuses: frozenset[int]
    """Refusals that the page documents; those that only the spec has are Assumed or Observed."""
    row_schema: str
    envelope_schema: str = ""
    facets: Facets | None = None
    odd_parameter: str
    """A parameter that takes any text."""

    # Capabilities.

    @property
    def cursor(self) -> Cursor | None:
        return self.paging.cursor

    @property
    def owner(self) -> Owner | None:
        return self.first(Owner)

    def first(self, kind: type[Kind]) -> Kind | None:
        """The first filter of this kind, where there is one."""
        return next((filter for filter in self.filters if isinstance(filter, kind)), None)

    def filter_of(self, name: str) -> Filter | None:
        """The filter that a parameter of this name belongs to."""
        return next((filter for filter in self.filters if filter.takes(name)), None)

    def names_of(self, name: str) -> tuple[str, ...]:
        """How a refusal may name a parameter: a pair's also by its key alone."""
        filter = self.filter_of(name)
        return (name, filter.bare(name)) if isinstance(filter, Tags) else (name,)

    # What a query means.

    def keeps(self, query: Pairs) -> Keeps:
        """The predicate on a row that a query asks for: all of its filters."""
        given = [keep for keep in (filter.keeps(query) for filter in self.filters) if keep is not None]
        return lambda row: all(keep(row) for keep in given)

    def order_key(self, row: Row) -> tuple[float, str]:
        """Newest first, then id."""
        return -instant(row[self.created]), str(row[self.identity])

    def statement_of(self, query: Pairs) -> Statement:
        """What states the meaning of a query: the least binding of what is said of its parameters."""
        said = [self.paging.statement for name, _ in query if name in self.paging.parameters]
        said += [filter.statement_for(text) for name, text in query if (filter := self.filter_of(name)) is not None]
        if any(name not in self.paging.parameters and self.filter_of(name) is None for name, _ in query):
            said.append(self.ignores)
        return weakest(said, self.statement)

    def refusal_of(self, query: Pairs) -> Statement:
        """What states that a query with a value that is not allowed is refused: the least binding again."""
        said = [self.paging.refusal_of(name, text) for name, text in query if name in self.paging.parameters]
        said += [filter.refusal_of(text) for name, text in query if (filter := self.filter_of(name)) is not None]
        return weakest(said, UNDOCUMENTED)

    def may_be_refused(self, query: Pairs, status: int, personal: Iterable[Row]) -> bool:
        """Whether a valid query may have this status: who may ask for another user's rows is known to the deployment
        only. `personal` are rows of the caller's own list."""
        owner = self.owner
        asked = set(texts(query, owner.parameter)) if owner is not None else set()
        return owner is not None and status == owner.refused and bool(asked - {owner.most_common(personal)})

    def sentences(self, query: Pairs) -> list[str]:
        """What is said about the parameters of a query, each sentence once."""
        said = [self.paging.statement for name, _ in query if name in self.paging.parameters]
        said += [filter.statement for name, _ in query if (filter := self.filter_of(name)) is not None]
        return list(dict.fromkeys(statement.sentence for statement in said))

    # What an answer says.

    def body_of(self, reply: Reply) -> Body | None:
        """The rows and what stands around them, or None where the answer is not a listing."""
        try:
            value = reply.json()
        except ValueError:
            return None
        rows = value.get(self.items) if self.items and isinstance(value, dict) else value
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and isinstance(row.get(self.identity), str) for row in rows
        ):
            return None
        return Body(tuple(rows), value if isinstance(value, dict) else {}, reply.headers)

    def around(self, reply: Reply) -> Body:
        """The same without a look at the rows, for answers that may be anything."""
        try:
            value = reply.json() if reply.status == 200 else None
        except ValueError:
            value = None
        return Body((), value if isinstance(value, dict) else {}, reply.headers)

    def next_page(self, reply: Reply) -> str:
        """The cursor of the next page, or nothing where the answer gives none."""
        return self.cursor.following(self.around(reply)) if self.cursor and reply.status == 200 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleagues:
    """What the pages promise two callers of one org or team of each other; nothing, where they are silent."""

    apart: bool = False
    """Each is listed their own sandboxes. An admin may be listed everybody's (Assumed)."""
    together: bool = False
    """Both are listed the same."""
    guarded: bool = False
    """Who asks for another user's sandboxes must be an admin of the scope that is given."""
    statement: Statement | None = None
    """What the page says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fake:
    """How the default fixtures of our fake stand for a deployment."""

    home: str
    """The tenant that is the admin's own list."""
    orgs: tuple[str, ...] = ()
    """The orgs or teams that the admin may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """All that the kit knows of one provider."""

    slug: str
    spec: Traversable
    """The OpenAPI file that answers are held against, as `importlib.resources` finds it."""
    listing: Listing
    refusals: Refusals
    access: Access = field(default_factory=Access)
    scopes: Scopes
    colleagues: Colleagues = Colleagues()
    fake: Fake
    mine: Callable[[str, Sequence[Row]], Questions] = field(repr=False)
    """What the rows of a scope can be asked about."""
    deviations: tuple[Deviation, ...] = ()
    """What deployments are known to do otherwise than promised; it is reported as known, and fails no check."""

    @property
    def facets(self) -> Facets | None:
        return self.listing.facets

    @property
    def operations(self) -> tuple[str, ...]:
        """The ids of the operations that something is promised of, the listing's first."""
        return (self.listing.operation, *([self.facets.operation] if self.facets is not None else []))

    @property
    def home_scope(self) -> str:
        """The scope that the admin of our fake is at home in."""
        return self.scopes.of(Options(orgs=self.fake.orgs))[0]

    def path(self, scope: str) -> str:
        """The path of the listing in a scope."""
        return self.scopes.path(self.listing.path, scope)

    def facets_path(self, scope: str) -> str:
        """The path of the facets in a scope; only where there are facets."""
        assert self.facets is not None
        return self.path(scope) + self.facets.tail

    def sentences(self, ask: Ask) -> list[str]:
        """What the pages say about a request: the facets, where it asks for them, and its parameters."""
        facets = self.facets
        counted = facets is not None and self.operation_at(ask.path) == facets.operation
        return [
            *([facets.statement.sentence] if facets is not None and counted else []),
            *self.listing.sentences(ask.query),
        ]

    def has_path(self, path: str) -> bool:
        """Whether a path is one of the operations', in whatever scope."""
        facets, part = self.facets, self.scopes.in_path
        before, _, behind = self.listing.path.partition(part) if part else (self.listing.path, "", "")
        tails = [behind, *([behind + facets.tail] if facets is not None else [])]
        return path.startswith(before) and any(
            path.endswith(tail)
            and "/" not in path[len(before) : len(path) - len(tail)]
            and bool(part) == (len(path) > len(before) + len(tail))
            for tail in tails
        )

    def operation_at(self, path: str) -> str:
        """The operation that a path belongs to."""
        facets = self.facets
        return facets.operation if facets is not None and path.endswith(facets.tail) else self.listing.operation


Needs = Callable[[Promises], object]
"""What a law needs of a provider: the capability, or anything false where the provider has none."""


def anything(promises: Promises) -> object:
    """No need at all: the law speaks of every listing."""
    return promises


def page_of_listing(promises: Promises) -> str:
    return promises.listing.page


def page_of_facets(promises: Promises) -> str:
    return promises.facets.page if promises.facets is not None else ""
