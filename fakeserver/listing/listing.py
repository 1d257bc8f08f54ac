"""Listings and facets: the meanings of operations that find documents by filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fakeserver.documents.collection import Collection
from fakeserver.listing import objections
from fakeserver.listing.choices import Choice, Extras
from fakeserver.listing.facets import Facet
from fakeserver.listing.filters import Filter, check_by
from fakeserver.listing.meaning import Asked, Form, Meaning, Result, View
from fakeserver.listing.pages import Context, Pages, begins
from fakeserver.listing.scope import Scope, TenantRule
from fakeserver.listing.select import body_of, count, find, question_of
from fakeserver.problems import Document, SpecError
from fakeserver.spec.parameters import Values, ValuesCheck
from fakeserver.spec.reader import Operation
from fakeserver.spec.schemas import rows_of


class Filtering(Meaning):
    """What operations have in common that find documents by filters. Under the choice `personal`, whoever may see
    others' documents is shown their own alone."""

    __slots__ = ()
    tenant: TenantRule
    filters: tuple[Filter, ...]
    personal: Choice | None
    whole = False
    shows_scenarios = True

    @property
    def choices(self) -> Iterable[Choice]:
        return () if self.personal is None else (self.personal,)

    def scope(self, asked: Asked, view: View) -> Scope:
        """Which documents are looked at, or a Problem."""
        scope = self.tenant(view.caller, asked.values, view.tenants)
        if self.personal is None or not self.personal.is_made(view.switches):
            return scope
        return Scope(scope.tenant, view.caller.user)

    @property
    def checks(self) -> Iterable[ValuesCheck]:
        return map(check_by, self.filters)

    @property
    def looked_up(self) -> Iterable[Filter | Facet]:
        """What asks the index for the keys of a field."""
        return self.filters

    def prepare(self, collection: Collection) -> None:
        for each in self.looked_up:
            collection.postings(each.field, each.keys)

    def question(self, operation: str, values: Values) -> bytes:
        return question_of(operation, self.filters, values)

    def begins(self, values: Values) -> bool:
        """Whether the first of the found documents is asked for."""
        return True


@dataclass(frozen=True, slots=True)
class Only:
    """What a list is confined to under a choice, whatever it is asked for: the documents that `filter` lets through by
    `value`. The filter's parameter is none of the spec's."""

    choice: Choice
    filter: Filter
    value: Any


@dataclass(frozen=True, slots=True)
class Listing(Filtering):
    """An operation that filters, orders and pages documents. `path` names the parameters of the path, which the tenant
    rule reads; rows may have `extras`, and a list may show `only` some."""

    tenant: TenantRule
    pages: Pages
    filters: tuple[Filter, ...] = ()
    path: tuple[str, ...] = ()
    personal: Choice | None = None
    extras: Extras | None = None
    only: Only | None = None

    @property
    def choices(self) -> Iterable[Choice]:
        given = [] if self.personal is None else [self.personal]
        return given + [each.choice for each in (self.extras, self.only) if each is not None]

    @property
    def looked_up(self) -> Iterable[Filter | Facet]:
        return self.filters if self.only is None else (*self.filters, self.only.filter)

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(each.parameter for each in self.filters) | self.pages.parameters | frozenset(self.path)

    @property
    def apart(self) -> frozenset[str]:
        return self.pages.parameters.difference(each.parameter for each in self.filters)

    def row(self, operation: Operation, document: Document) -> Document | None:
        answer = operation.responses.get(200)
        if answer is None:
            raise SpecError("has no response 200")
        envelope = self.pages.envelope
        for objection in objections.to_envelope(envelope, answer.schema, document):
            raise SpecError(objection)
        row = rows_of(document, answer.schema, envelope.items)
        if row is None:
            raise SpecError("its response 200 is not a list of rows")
        return row

    def objections(self, form: Form) -> Iterator[str]:
        yield from objections.to_claims([*(kind.parameter for kind in self.filters), *self.pages.parameters])
        yield from objections.to_filters(self.filters, form)
        yield from objections.to_pages(self.pages, form)
        for name in () if self.extras is None else self.extras.fields:
            yield from objections.to_field("extras", name, form)
        if self.only is not None:
            yield from objections.to_field("only", self.only.filter.field, form)

    def begins(self, values: Values) -> bool:
        return begins(self.pages.position, values)

    def answer(self, asked: Asked, view: View) -> Result:
        values, scope = asked.values, self.scope(asked, view)
        collection = view.tenants[scope.tenant]
        extras = self.extras
        change = extras.added_to if extras is not None and extras.choice.is_made(view.switches) else None
        confined = self.only is not None and not view.beyond and self.only.choice.is_made(view.switches)
        only = self.only if confined else None
        question = view.scenario + asked.question if view.scenario else asked.question
        context = Context(view.issuer, scope.tenant, question, asked.query, owner=scope.owner, page_rows=view.page_rows)
        answers, stands = collection.answers, collection.stands
        key = answers.number, answers.revision, only is None, change is None, self.pages.place(values, context)
        if stands and (kept := view.pages.find(key)) is not None:
            return Result(200, *kept)
        filters = self.filters if only is None else (*self.filters, only.filter)
        sought = values if only is None else {**values, only.filter.parameter: only.value}
        ranks = find((scope.owner, asked.question, only is None), filters, collection, scope, sought)
        page = self.pages.page(ranks, values, collection, context)
        body = body_of(page, collection, change)
        if stands and isinstance(body, bytes):
            view.pages.keep(key, asked.query, body, page.headers)
        return Result(200, body, page.headers)


@dataclass(frozen=True, slots=True)
class Facets(Filtering):
    """An operation that counts the documents that a listing with the same filters would find; `path` as there."""

    tenant: TenantRule
    facets: Mapping[str, Facet]
    filters: tuple[Filter, ...] = ()
    path: tuple[str, ...] = ()
    personal: Choice | None = None

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(each.parameter for each in self.filters) | frozenset(self.path)

    def objections(self, form: Form) -> Iterator[str]:
        yield from objections.to_claims([kind.parameter for kind in self.filters])
        yield from objections.to_filters(self.filters, form)
        yield from objections.to_facets(self.facets, form)

    @property
    def looked_up(self) -> Iterable[Filter | Facet]:
        return *self.filters, *self.facets.values()

    def answer(self, asked: Asked, view: View) -> Result:
        scope = self.scope(asked, view)
        collection, question = view.tenants[scope.tenant], (scope.owner, asked.question)
        ranks = find(question, self.filters, collection, scope, asked.values)
        return Result(200, count(question, self.facets, ranks, collection))
