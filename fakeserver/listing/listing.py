"""Listings and facets: the meanings of operations that find documents by filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fakeserver.documents.collection import Collection
from fakeserver.listing import objections
from fakeserver.listing.facets import Facet
from fakeserver.listing.filters import Filter, check_by
from fakeserver.listing.meaning import Asked, Form, Meaning, Result, View
from fakeserver.listing.pages import Context, Pages
from fakeserver.listing.scope import TenantRule
from fakeserver.listing.select import body_of, count, find, question_of
from fakeserver.problems import Document, SpecError
from fakeserver.spec.parameters import Values, ValuesCheck
from fakeserver.spec.reader import Operation
from fakeserver.spec.schemas import rows_of


class Filtering(Meaning):
    """What operations have in common that find documents by filters."""

    __slots__ = ()
    filters: tuple[Filter, ...]

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


@dataclass(frozen=True, slots=True)
class Listing(Filtering):
    """An operation that filters, orders and pages documents. `path` names the parameters of the path, which the tenant
    rule reads."""

    tenant: TenantRule
    pages: Pages
    filters: tuple[Filter, ...] = ()
    path: tuple[str, ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(each.parameter for each in self.filters) | self.pages.parameters | frozenset(self.path)

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

    def answer(self, asked: Asked, view: View) -> Result:
        values, tenants = asked.values, view.tenants
        scope = self.tenant(view.caller, values, tenants)
        collection = tenants[scope.tenant]
        ranks = find((scope.owner, asked.question), self.filters, collection, scope, values)
        context = Context(view.issuer, scope.tenant, asked.question, asked.query)
        page = self.pages.page(ranks, values, collection, context)
        return Result(200, body_of(page, collection), page.headers)


@dataclass(frozen=True, slots=True)
class Facets(Filtering):
    """An operation that counts the documents that a listing with the same filters would find; `path` as there."""

    tenant: TenantRule
    facets: Mapping[str, Facet]
    filters: tuple[Filter, ...] = ()
    path: tuple[str, ...] = ()

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
        values, tenants = asked.values, view.tenants
        scope = self.tenant(view.caller, values, tenants)
        collection, question = tenants[scope.tenant], (scope.owner, asked.question)
        ranks = find(question, self.filters, collection, scope, values)
        return Result(200, count(question, self.facets, ranks, collection))
