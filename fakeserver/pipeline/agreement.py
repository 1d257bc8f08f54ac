"""Where a provider's table and its spec must agree. Held at start, so that a slip in one of the two stops it with one
sentence and is not a 500, or an empty list, much later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fakeserver.arguments import near
from fakeserver.listing.envelopes import Member
from fakeserver.listing.listing import Facets, Listing, objections
from fakeserver.problems import Document, Json, SpecError
from fakeserver.provider import Provider
from fakeserver.spec.reader import Operation, Spec
from fakeserver.spec.schemas import fields_of, keyword_of, rows_of, types_of


def check_agreement(provider: Provider, spec: Spec) -> None:
    """Hold every name in a provider's table against its spec, or raise a `SpecError` that names both."""
    try:
        Agreement(provider, spec).check()
    except SpecError as error:
        raise SpecError(f"{spec.path}: {error}") from error


class Agreement:
    """One provider's table beside its spec."""

    def __init__(self, provider: Provider, spec: Spec) -> None:
        self.provider = provider
        self.spec = spec
        self.document = spec.document

    def check(self) -> None:
        rows = {
            name: self.rows(self.spec.operations[name], meaning)
            for name, meaning in self.provider.operations.items()
            if isinstance(meaning, Listing)
        }
        if not rows:
            raise SpecError(f"provider {self.provider.slug!r} serves no listing")
        first = next(iter(rows.values()))
        self.check_order(first)
        for name, meaning in self.provider.operations.items():
            operation = self.spec.operations[name]
            try:
                check_parameters(operation, meaning)
                check_examples(operation)
                self.check_filters(meaning, rows.get(name, first))
                if isinstance(meaning, Facets):
                    self.check_facets(operation, meaning, first)
            except SpecError as error:
                raise SpecError(f"{name}: {error}") from error
        self.check_optional_text()

    def rows(self, operation: Operation, meaning: Listing) -> Mapping[str, Json]:
        """The fields of a listing's rows, each with its schema; its envelope's names are held against the answer."""
        answer, envelope = operation.responses.get(200), meaning.pages.envelope
        try:
            if answer is None:
                raise SpecError("has no response 200")
            if envelope.items is not None:
                self.check_members({envelope.items: "count", **envelope.members}, answer.schema)
            row = rows_of(self.document, answer.schema, envelope.items)
            fields = {} if row is None else fields_of(self.document, row)
            if not fields:
                raise SpecError("its response 200 is not a list of rows with fields")
        except SpecError as error:
            raise SpecError(f"{operation.id}: {error}") from error
        return fields

    def check_members(self, members: Mapping[str, Member], schema: Json) -> None:
        """What stands in an envelope is what the schema has there."""
        declared = fields_of(self.document, schema)
        for name, member in members.items():
            if name not in declared:
                raise SpecError(
                    f"provider {self.provider.slug!r}: the envelope has the member {name!r}, and the answer has not"
                    f"{near(name, declared)}"
                )
            if not isinstance(member, str):
                self.check_members(member, declared[name])

    def check_order(self, rows: Mapping[str, Json]) -> None:
        """The fields that order and age documents."""
        for what in ("created", "identity"):
            field = getattr(self.provider, what)
            self.check_field(f"{what}", field, rows)
            types = types_of(self.document, rows[field])
            if types and "string" not in types:
                raise SpecError(f"provider {self.provider.slug!r}: the field {field!r} ({what}) is not text")
        field, values = self.provider.ages
        if field is not None:
            self.check_field("ages", field, rows)
            self.check_values("ages", field, values, rows)

    def check_filters(self, meaning: Listing | Facets, rows: Mapping[str, Json]) -> None:
        for filter_ in meaning.filters:
            what = f"the filter {filter_.parameter!r}"
            self.check_field(what, filter_.field, rows)
            self.check_values(what, filter_.field, getattr(filter_, "values", ()), rows)

    def check_facets(self, operation: Operation, meaning: Facets, rows: Mapping[str, Json]) -> None:
        """The facets' fields, and their names in the answer."""
        answer = operation.responses.get(200)
        lists = {} if answer is None else fields_of(self.document, answer.schema)
        for name, facet in meaning.facets.items():
            self.check_field(f"the facet {name!r}", facet.field, rows)
            if name not in lists:
                raise SpecError(f"the answer has no list {name!r}{near(name, lists)}")
            bucket = fields_of(self.document, keyword_of(self.document, lists[name], "items"))
            if facet.tie not in bucket:
                raise SpecError(
                    f"the facet {name!r} orders equal counts by {facet.tie!r}, which its buckets lack"
                    f"{near(facet.tie, bucket)}"
                )

    def check_field(self, what: str, field: str, rows: Mapping[str, Json]) -> None:
        if field not in rows:
            raise SpecError(
                f"provider {self.provider.slug!r}: {what} reads the field {field!r}, which no row has"
                f"{near(field, rows)}"
            )

    def check_values(self, what: str, field: str, values: Iterable[str], rows: Mapping[str, Json]) -> None:
        """The values that a table names must be among those that the field can have."""
        known = keyword_of(self.document, rows[field], "enum")
        for value in sorted(values) if isinstance(known, list) else ():
            if value not in known:
                raise SpecError(
                    f"provider {self.provider.slug!r}: {what} names the value {value!r}, which the field {field!r} "
                    f"cannot have{near(value, filter(None, known))}"
                )

    def check_optional_text(self) -> None:
        """Names of text parameters that some operation has."""
        known = {
            parameter.name
            for operation in self.spec.operations.values()
            for parameter in operation.parameters
            if parameter.where == "query" and parameter.shape == "string"
        }
        for name in sorted(self.provider.optional_text - known):
            raise SpecError(
                f"provider {self.provider.slug!r}: optional_text names {name!r}, which is not text in the query"
                f"{near(name, known)}"
            )


def check_parameters(operation: Operation, meaning: Listing | Facets) -> None:
    """A declared parameter is read, one that is read is declared, and its values are of the shape that is read."""
    declared = {parameter.name: parameter for parameter in operation.parameters}
    if meaning.parameters != declared.keys():
        missing = sorted(declared.keys() - meaning.parameters)
        extra = sorted(meaning.parameters - declared.keys())
        raise SpecError(f"the spec declares {missing} which nothing reads; the provider reads {extra} undeclared")
    for objection in objections(meaning, operation):
        raise SpecError(objection)
    for filter_ in meaning.filters:
        parameter = declared[filter_.parameter]
        if filter_.takes and parameter.shape not in filter_.takes:
            raise SpecError(
                f"parameter {parameter.name!r} is of the type {parameter.shape!r}, and its filter takes "
                f"{' or '.join(sorted(filter_.takes))}"
            )
    if isinstance(meaning, Facets):
        return
    numbers = {number.parameter: number for number in meaning.pages.numbers}
    for name in sorted(meaning.pages.parameters):
        parameter = declared[name]
        if name not in numbers:
            if parameter.shape != "string":
                raise SpecError(f"parameter {name!r} must be text: pages are chosen by it")
            continue
        number, schema = numbers[name], parameter.schema
        if parameter.shape != "integer":
            raise SpecError(f"parameter {name!r} must be a whole number: pages are cut by it")
        if not number.optional and not parameter.required and schema.get("default") is None:
            raise SpecError(f"parameter {name!r} needs a default, or to be required: pages are cut by it")
        if least_of(schema) < number.least:
            raise SpecError(f"parameter {name!r} needs a minimum of at least {number.least}: pages are cut by it")


def least_of(schema: Document) -> float:
    """The least whole number that a schema lets through."""
    bounds = [schema["minimum"]] if "minimum" in schema else []
    bounds += [schema["exclusiveMinimum"] + 1] if "exclusiveMinimum" in schema else []
    bounds += [min(schema["enum"])] if "enum" in schema else []
    bounds += [schema["const"]] if "const" in schema else []
    return max(bounds, default=float("-inf"))


def check_examples(operation: Operation) -> None:
    """Every documented error can be sent."""
    for response in operation.responses.values():
        if response.status >= 400 and not response.examples:
            raise SpecError(f"status {response.status} has no named example to answer with")
