"""What a listing or a facets operation means although its spec does not bear it out, one sentence each."""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Iterable, Iterator, Mapping

from fakeserver.arguments import near
from fakeserver.listing.envelopes import Envelope, Member
from fakeserver.listing.facets import Facet
from fakeserver.listing.filters import Filter
from fakeserver.listing.meaning import Form
from fakeserver.listing.orders import DIRECTIONS, FieldOrders, OrderParameter
from fakeserver.listing.pages import Cursor, Number, Pages
from fakeserver.problems import Document, Json
from fakeserver.spec.declared import Parameter
from fakeserver.spec.schemas import fields_of, keyword_of


def to_claims(claimed: list[str]) -> Iterator[str]:
    """Each parameter is read once."""
    for name in sorted({name for name in claimed if claimed.count(name) > 1}):
        yield f"parameter {name!r} is read by two parts of the meaning"


def to_field(what: str, field: str, form: Form) -> Iterator[str]:
    """A field that is read is one of the documents'."""
    if field not in form.fields:
        yield f"{what} reads the field {field!r}, which no row has{near(field, form.fields)}"


def to_values(what: str, field: str, values: Iterable[str], form: Form) -> Iterator[str]:
    """The values that a table names are among those that the field can have."""
    known = keyword_of(form.document, form.fields.get(field), "enum")
    for value in sorted(values) if isinstance(known, list) else ():
        if value not in known:
            yield (
                f"{what} names the value {value!r}, which the field {field!r} cannot have"
                f"{near(value, filter(None, known))}"
            )


def to_filters(filters: Iterable[Filter], form: Form) -> Iterator[str]:
    """A filter understands its parameter, and its field is there."""
    declared = _parameters_of(form)
    for kind in filters:
        parameter = declared[kind.parameter]
        if kind.takes and parameter.shape not in kind.takes:
            yield (
                f"parameter {parameter.name!r} is of the type {parameter.shape!r}, and its filter takes "
                f"{' or '.join(sorted(kind.takes))}"
            )
    for kind in filters:
        what = f"the filter {kind.parameter!r}"
        yield from to_field(what, kind.field, form)
        yield from to_values(what, kind.field, getattr(kind, "values", ()), form)


def to_facets(facets: Mapping[str, Facet], form: Form) -> Iterator[str]:
    """The facets' fields, and their names in the answer."""
    answer = form.operation.responses.get(200)
    lists = {} if answer is None else fields_of(form.document, answer.schema)
    for name, facet in facets.items():
        yield from to_field(f"the facet {name!r}", facet.field, form)
        if name not in lists:
            yield f"the answer has no list {name!r}{near(name, lists)}"
            continue
        bucket = fields_of(form.document, keyword_of(form.document, lists[name], "items"))
        if facet.tie not in bucket:
            yield (
                f"the facet {name!r} orders equal counts by {facet.tie!r}, which its buckets lack"
                f"{near(facet.tie, bucket)}"
            )


def to_pages(pages: Pages, form: Form) -> Iterator[str]:
    """The envelope's facts are known, and pages are chosen and cut by what the spec lets through."""
    envelope, success = pages.envelope, form.operation.responses.get(200)
    for fact in sorted(envelope.facts - pages.position.facts):
        yield f"the envelope tells {fact!r}, which a page of kind {type(pages.position).__name__} does not know"
    declared = success.headers if success else ()
    for name in envelope.headers:
        if name.lower() not in {header.lower() for header in declared}:
            yield f"header {name!r} is sent but not declared for status 200{near(name, declared)}"
    parameters = _parameters_of(form)
    if isinstance(pages.order, OrderParameter):
        yield from _to_orders(pages.order, parameters[pages.order.parameter])
    if isinstance(pages.order, FieldOrders):
        yield from _to_field_orders(pages, pages.order, form)
    numbers = {number.parameter: number for number in pages.numbers}
    for name in sorted(pages.parameters):
        if name in numbers:
            yield from _to_number(numbers[name], parameters[name])
        elif parameters[name].shape != "string":
            yield f"parameter {name!r} must be text: pages are chosen by it"


def _parameters_of(form: Form) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in form.operation.parameters}


def to_envelope(envelope: Envelope, schema: Json, document: Document) -> Iterator[str]:
    """What stands around the rows is what the answer's schema has there."""
    if envelope.items is not None:
        yield from _to_members({envelope.items: "count", **envelope.members}, schema, document)


def _to_members(members: Mapping[str, Member], schema: Json, document: Document) -> Iterator[str]:
    declared = fields_of(document, schema)
    for name, member in members.items():
        if name not in declared:
            yield f"the envelope has the member {name!r}, and the answer has not{near(name, declared)}"
        elif not isinstance(member, str):
            yield from _to_members(member, declared[name], document)


def _to_field_orders(pages: Pages, order: FieldOrders, form: Form) -> Iterator[str]:
    if isinstance(pages.position, Cursor):
        yield "pages by cursor go by the instant of creation, and cannot go by a field"
    parameters = _parameters_of(form)
    for name, choices in ((order.parameter, [*order.fields]), (order.direction, [*DIRECTIONS])):
        texts: Names[str] = parameters[name].schema.get("enum", [])
        if sorted(texts) != sorted(choices):
            yield f"parameter {name!r} allows {texts}, and the orders are {choices}"
        if parameters[name].schema.get("default") not in (None, choices[0]):
            yield f"parameter {name!r} has a default that is not the first of the orders"
    for field in filter(None, order.fields.values()):
        yield from to_field(f"parameter {order.parameter!r}", field, form)


def _to_orders(order: OrderParameter, parameter: Parameter) -> Iterator[str]:
    texts: Names[str] = parameter.schema.get("enum", [])
    if sorted(texts) != sorted(order.orders):
        yield f"parameter {parameter.name!r} allows {texts}, and the orders are {[*order.orders]}"
    if parameter.schema.get("default") not in (None, next(iter(order.orders))):
        yield f"parameter {parameter.name!r} has a default that is not the first of the orders"


def _to_number(number: Number, parameter: Parameter) -> Iterator[str]:
    name, schema = parameter.name, parameter.schema
    if parameter.shape != "integer":
        yield f"parameter {name!r} must be a whole number: pages are cut by it"
        return
    if not number.optional and not parameter.required and schema.get("default") is None:
        yield f"parameter {name!r} needs a default, or to be required: pages are cut by it"
    if least_of(schema) < number.least:
        yield f"parameter {name!r} needs a minimum of at least {number.least}: pages are cut by it"


def least_of(schema: Document) -> float:
    """The least whole number that a schema lets through."""
    bounds = [schema["minimum"]] if "minimum" in schema else []
    bounds += [schema["exclusiveMinimum"] + 1] if "exclusiveMinimum" in schema else []
    bounds += [min(schema["enum"])] if "enum" in schema else []
    bounds += [schema["const"]] if "const" in schema else []
    return max(bounds, default=float("-inf"))
