"""What a provider is, and all that it is made of: the one module that providers import, ours as anybody else's.

The spec says everything about form; a `Provider` says what the form means. The names of `__all__` are stable: what a
version takes away or changes is in the changelog. Every other module of this package is its own affair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fakeserver.commands.files import Facts, Files
from fakeserver.commands.guest import Guest
from fakeserver.commands.machines import NoRoom, OtherWish, Over
from fakeserver.commands.processes import Ended, Process
from fakeserver.documents.changes import Change, Clear, Put, Remove
from fakeserver.documents.collection import Collection
from fakeserver.documents.draws import Draw
from fakeserver.documents.keys import Index, Key, KeyFunction, elements, entries, itself, paths
from fakeserver.documents.seeded import Make
from fakeserver.documents.states import (
    ABSENT,
    BEHIND,
    GONE,
    OUTCOME,
    SINCE,
    Instant,
    Life,
    Machine,
    Moment,
    Transition,
    on_clock,
)
from fakeserver.documents.tags import named_uuid
from fakeserver.instants import SECOND, at, instant, naive
from fakeserver.interpreter.orders import STDERR, STDOUT, Finished, Halt
from fakeserver.interpreter.orders import Order as Command
from fakeserver.lifecycle.calls import Call
from fakeserver.lifecycle.kinds import Ground, Kind
from fakeserver.lifecycle.records import Fired, Mint, Record, begin, find_record, fire, follow, mint
from fakeserver.listing.choices import Choice, Extras
from fakeserver.listing.envelopes import BARE, Envelope, Fact, Member, Neighbours, Page
from fakeserver.listing.facets import Facet
from fakeserver.listing.filters import (
    AllOf,
    AnyOf,
    Containing,
    Equal,
    EveryKey,
    Excluding,
    FieldFilter,
    Filter,
    Pairs,
    Predicate,
    Rows,
    Within,
)
from fakeserver.listing.limit import Limit
from fakeserver.listing.listing import Facets, Listing, Only
from fakeserver.listing.meaning import Asked, Emit, Form, Going, Job, Meaning, Result, View, Write
from fakeserver.listing.orders import NEWEST_FIRST, OLDEST_FIRST, FieldOrders, Order, OrderParameter
from fakeserver.listing.pages import Context, Cursor, Everything, First, Number, Numbered, Pages, Position, Window
from fakeserver.listing.scope import Scope, TenantRule
from fakeserver.problems import (
    Document,
    FakeProblem,
    Issue,
    Json,
    Problem,
    bad_cursor,
    conflict,
    fastapi_detail,
    forbidden,
    invalid,
    issue_rows,
    not_found,
    unauthenticated,
)
from fakeserver.spec.credentials import Caller
from fakeserver.spec.forms import Upload
from fakeserver.spec.reader import Endpoint, unserved
from fakeserver.spec.reading import Reading
from fakeserver.spec.routing import STARLETTE, Routing
from fakeserver.spec.wording import ValueRefused

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = [
    "ABSENT",
    "BARE",
    "BEHIND",
    "GONE",
    "NEWEST_FIRST",
    "OLDEST_FIRST",
    "OUTCOME",
    "SECOND",
    "SINCE",
    "STARLETTE",
    "STDERR",
    "STDOUT",
    "AllOf",
    "AnyOf",
    "Asked",
    "Call",
    "Caller",
    "Change",
    "Choice",
    "Clear",
    "Collection",
    "Command",
    "Containing",
    "Context",
    "Cursor",
    "DataPlane",
    "Document",
    "Draw",
    "Emit",
    "Ended",
    "Endpoint",
    "Envelope",
    "Equal",
    "ErrorDialect",
    "EveryKey",
    "Everything",
    "Excluding",
    "Extras",
    "Facet",
    "Facets",
    "Fact",
    "Facts",
    "FakeProblem",
    "FieldFilter",
    "FieldOrders",
    "Files",
    "Filter",
    "Finished",
    "Fired",
    "First",
    "Form",
    "Going",
    "Ground",
    "Guest",
    "Halt",
    "Index",
    "Instant",
    "Issue",
    "Job",
    "Json",
    "Key",
    "KeyFunction",
    "Kind",
    "Life",
    "Limit",
    "Listing",
    "Machine",
    "Make",
    "Meaning",
    "Member",
    "Mint",
    "Moment",
    "Neighbours",
    "NoRoom",
    "Number",
    "Numbered",
    "Only",
    "Order",
    "OrderParameter",
    "OtherWish",
    "Over",
    "Page",
    "Pages",
    "Pairs",
    "Position",
    "Predicate",
    "Problem",
    "Process",
    "Provider",
    "Put",
    "Reading",
    "Record",
    "Remove",
    "Result",
    "Routing",
    "Rows",
    "Sample",
    "Scope",
    "StrangerRule",
    "Switches",
    "TenantRule",
    "Transition",
    "Upload",
    "ValueRefused",
    "View",
    "Window",
    "Within",
    "Write",
    "at",
    "bad_cursor",
    "begin",
    "conflict",
    "elements",
    "entries",
    "fastapi_detail",
    "find_record",
    "fire",
    "follow",
    "forbidden",
    "instant",
    "invalid",
    "issue_rows",
    "itself",
    "mint",
    "naive",
    "named_uuid",
    "not_found",
    "on_clock",
    "paths",
    "unauthenticated",
    "unserved",
]

Switches = Mapping[str, Any]

ErrorDialect = Callable[[Problem, Switches], tuple[int, Document]]
"""A problem in the provider's words: status and body."""

StrangerRule = Callable[[Sequence[str], Switches], Problem]
"""The refusal of a request that carries these credentials, none of which is anybody's."""


def _any_stranger(credentials: Sequence[str], switches: Switches) -> Problem:
    """A credential that is missing and one that nobody has are refused alike."""
    return unauthenticated()


def _as_it_is_called(identity: str) -> str | None:
    """No sandbox has an id that no document knows."""
    return None


@dataclass(frozen=True, slots=True)
class DataPlane:
    """Where a provider's sandboxes answer beside its API: at hosts of their own (names in lower case, without a port),
    by these operations of its spec. No path says there which namespace is meant, so `world` tells it from the headers
    of a request; empty where they tell none."""

    hosts: re.Pattern[str]
    operations: frozenset[str]
    world: Callable[[Mapping[str, str]], str]


@dataclass(frozen=True, slots=True)
class Sample:
    """How the provider's Python SDK calls an operation: a program with `{base_url}`, `{key}` and `{arguments}, ` in it,
    and by parameter of the spec the name of the SDK's argument, which is empty for one that is given by its place. A
    parameter that is missing here the SDK does not know. Of `lists` it takes several values as a list."""

    code: str
    arguments: Mapping[str, str]
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's meaning. `spec` and `recipe` are its files, as `importlib.resources.files` finds them. `operations`
    are those of its spec that are served, by `operationId`; `created` and `identity` name the fields that order its
    documents, by their ids alone where `created` is empty; `try_path` is the request that the start screen shows; `sdk`
    names the environment variables that its SDK reads, and `sdk_note` what to write where it reads none.

    `make` counts dates from `draw.epoch`, on which nothing else may depend. `machine` has the states of its documents,
    and what leads from one to another; without one they never change by themselves. `kinds` are the documents of other
    kinds that it has beside them, by name. `switches` are the choices that a fixture has, the default first, and `caps`
    the names of what it can limit per tenant; an empty text in a parameter of `optional_text` counts as absent.
    `stranger` refuses who is not known. `unserved` are operations that the provider is known to have beside those of
    its spec: a request for one is told so, and does not look like an answer of the provider. `reading` is how it reads
    texts and `routing` how it finds operations where its spec leaves that open, and `media_type` what it calls its
    JSON. `plane` says at which other hosts it answers; `hosts` are those of its API beside the servers of its spec, and
    `domains` what everything of it is in: nothing that this server does not have is asked for there by mistake. A
    credential of its real service looks like `real_key`. `samples` are calls of its SDK by operation, which the console
    shows. `also_called` finds the id of the sandbox that is meant by another one, of which no document knows."""

    slug: str
    spec: Traversable
    recipe: Traversable
    errors: ErrorDialect
    operations: Mapping[str, Meaning]
    make: Make
    created: str
    identity: str
    default_tenant: str
    try_path: str
    sdk: Mapping[str, str]
    machine: Machine | None = None
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    switches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    caps: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    optional_text: frozenset[str] = frozenset()
    stranger: StrangerRule = _any_stranger
    unserved: tuple[Endpoint, ...] = ()
    sdk_note: str = ""
    reading: Reading = field(default_factory=Reading)
    routing: Routing = field(default_factory=Routing)
    media_type: str = "application/json"
    plane: DataPlane | None = None
    hosts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    real_key: re.Pattern[str] | None = None
    samples: Mapping[str, Sample] = field(default_factory=dict)
    also_called: Callable[[str], str | None] = _as_it_is_called

    def __post_init__(self) -> None:
        for name, path in (("spec", self.spec), ("recipe", self.recipe)):
            if not hasattr(path, "read_text"):
                raise TypeError(f"{name} must be a file as importlib.resources finds it, not {path!r}")
        if not isinstance(self.operations, Mapping):
            raise TypeError(f"operations must be a mapping by operation id, not {self.operations!r}")

    def kind(self, name: str) -> Kind:
        """One of its kinds; the one without a name is that of its sandboxes."""
        return self.kinds[name] if name else Kind(self.created, self.identity, self.machine)

    def environment(self, base_url: str, key: str) -> dict[str, str]:
        """The environment variables that point the provider's SDK at a base URL. ValueError: `sdk` asks for more."""
        return {name: self._fill("sdk", template, base_url, key) for name, template in self.sdk.items()}

    def note(self, base_url: str, key: str) -> str:
        """What to write where the SDK reads no variable, or nothing. ValueError: `sdk_note` asks for more."""
        return self._fill("sdk_note", self.sdk_note, base_url, key)

    def _fill(self, what: str, template: str, base_url: str, key: str) -> str:
        values = {"base_url": base_url, "key": key, "tenant": self.default_tenant}
        try:
            return template.format_map(values)
        except (LookupError, ValueError) as error:
            raise ValueError(f"{what} can name {', '.join(values)} in braces, and nothing else: {error!r}") from error
