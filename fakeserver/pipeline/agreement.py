"""Where a provider's table and its spec must agree. Held at start, so that a slip in one of the two stops it with one
sentence and is not a 500, or an empty list, much later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from fakeserver.arguments import near
from fakeserver.documents.states import Machine
from fakeserver.listing import objections
from fakeserver.listing.meaning import Form, Meaning
from fakeserver.problems import Json, SpecError
from fakeserver.provider import Provider
from fakeserver.spec.reader import Operation, Spec
from fakeserver.spec.schemas import fields_of, keyword_of, types_of

ORDERLY = {
    "created": (frozenset({"string"}), "text"),
    "identity": (frozenset({"string", "integer"}), "text or a whole number"),
}
"""The types that the fields may have which order documents."""


def check_agreement(provider: Provider, spec: Spec) -> None:
    """Hold every name in a provider's table against its spec, or raise a `SpecError` that names both."""
    try:
        rows = {name: fields for name in provider.operations if (fields := _rows(provider, spec, name))}
        if not rows:
            raise SpecError(f"provider {provider.slug!r} serves no listing")
        documents = next(iter(rows.values()))
        operations = [spec.operations[name] for name in provider.operations]
        for objection in _to_order(provider, Form(operations[0], spec.document, documents)):
            raise SpecError(f"provider {provider.slug!r}: {objection}")
        for operation in operations:
            form = Form(operation, spec.document, rows.get(operation.id, documents))
            meaning = provider.operations[operation.id]
            for objection in chain(_to_operation(meaning, form), _to_choices(meaning, provider)):
                raise SpecError(f"{operation.id}: {objection}")
        for objection in (
            *_to_optional_text(provider, spec),
            *_to_unserved(provider, spec),
            *_to_kinds(provider, spec),
        ):
            raise SpecError(f"provider {provider.slug!r}: {objection}")
    except SpecError as error:
        raise SpecError(f"{spec.path}: {error}") from error


def _to_unserved(provider: Provider, spec: Spec) -> Iterator[str]:
    """The operations that are said to be missing."""
    served = {(method, operation.path) for operation in spec.operations.values() for method in operation.methods}
    for endpoint in provider.unserved:
        if (endpoint.method, endpoint.path) in served:
            yield f"unserved names {endpoint.method} {endpoint.path}, which is served"


def _rows(provider: Provider, spec: Spec, name: str) -> Mapping[str, Json] | None:
    """The fields of the documents that an operation's answer holds, each with its schema; None if it holds none."""
    try:
        row = provider.operations[name].row(spec.operations[name], spec.document)
        if row is None:
            return None
        fields = fields_of(spec.document, row)
        if not fields:
            raise SpecError("its response 200 is not a list of rows with fields")
        return fields
    except SpecError as error:
        raise SpecError(f"{name}: {error}") from error


def _to_order(provider: Provider, form: Form) -> Iterator[str]:
    """The fields that order and age documents."""
    for what, (orderly, wanted) in ORDERLY.items():
        field = getattr(provider, what)
        if not field:
            continue
        yield from objections.to_field(what, field, form)
        types = types_of(form.document, form.fields.get(field))
        if types and not types & orderly:
            yield f"the field {field!r} ({what}) is not {wanted}"
    if provider.machine is not None:
        yield from _to_machine(provider.machine, form)


def _to_machine(machine: Machine, form: Form) -> Iterator[str]:
    """The table of states knows every state that the spec does."""
    yield from objections.to_field("machine", machine.field, form)
    shown = {machine.shown.get(state, state) for state in machine.states}
    known = keyword_of(form.document, form.fields.get(machine.field), "enum")
    for state in known if isinstance(known, list) else ():
        if state not in shown:
            yield f"the machine has no state {state!r}, which the field {machine.field!r} can have{near(state, shown)}"


def _to_kinds(provider: Provider, spec: Spec) -> Iterator[str]:
    """The schemas of documents of other kinds."""
    named = spec.document.get("components", {}).get("schemas", {})
    for name, kind in provider.kinds.items():
        if kind.schema not in named:
            yield f"the kind {name!r} is of the schema {kind.schema!r}, which components.schemas lacks"
            continue
        form = Form(next(iter(spec.operations.values())), spec.document, fields_of(spec.document, named[kind.schema]))
        for what, field in (("created", kind.created), ("identity", kind.identity)):
            if field:
                yield from objections.to_field(f"the kind {name!r} ({what})", field, form)
        if kind.machine is not None:
            yield from _to_machine(kind.machine, form)


def _to_operation(meaning: Meaning, form: Form) -> Iterator[str]:
    """A declared parameter is read, and one that is read is declared; every documented error can be sent; and what the
    meaning itself has to say."""
    everything = form.operation.parameters
    heads = {parameter.name for parameter in everything if parameter.where == "header"}
    for name in sorted(heads ^ meaning.headers):
        if name in heads:
            yield f"a parameter in the header cannot be decoded: nothing reads {name!r} there"
        else:
            yield f"the provider reads the header {name!r}, which the spec does not declare"
    declared = {parameter.name for parameter in everything if parameter.where != "header"}
    if meaning.parameters != declared:
        missing, extra = sorted(declared - meaning.parameters), sorted(meaning.parameters - declared)
        told = [f"the spec declares {', '.join(map(repr, missing))}, which nothing reads"] if missing else []
        if extra:
            told.append(f"the provider reads {', '.join(map(repr, extra))}, which the spec does not declare")
        yield "; ".join(told)
    if meaning.body and form.operation.body is None:
        yield "the provider reads the body of a request, which the spec does not declare"
    if form.operation.body is not None and not meaning.body:
        yield "the spec declares the body of a request, which nothing reads"
    yield from meaning.objections(form)
    yield from _to_examples(form.operation)


def _to_choices(meaning: Meaning, provider: Provider) -> Iterator[str]:
    """The switches that a meaning reads, and their choices."""
    for choice in meaning.choices:
        known = provider.switches.get(choice.switch)
        if known is None:
            hint = near(choice.switch, provider.switches)
            yield f"it reads the switch {choice.switch!r}, which the provider does not have{hint}"
        elif choice.value not in known:
            yield f"the switch {choice.switch!r} has no choice {choice.value!r}{near(choice.value, known)}"


def _to_examples(operation: Operation) -> Iterator[str]:
    for response in operation.responses.values():
        if response.status >= 400 and not response.examples:
            yield f"status {response.status} has no named example to answer with"


def _to_optional_text(provider: Provider, spec: Spec) -> Iterator[str]:
    """Names of text parameters that some operation has."""
    known = {
        parameter.name
        for operation in spec.operations.values()
        for parameter in operation.parameters
        if parameter.where == "query" and parameter.shape == "string"
    }
    for name in sorted(provider.optional_text - known):
        yield f"optional_text names {name!r}, which is not text in the query{near(name, known)}"
