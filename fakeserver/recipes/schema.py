"""Documents against their spec's schema: what the admin API takes in, and what a custom recipe makes. Serving needs no
validator, so whoever needs one imports this module then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from jsonschema_rs import ValidationError

from fakeserver.documents.states import Machine
from fakeserver.instants import instant
from fakeserver.problems import Document, Json, SpecError
from fakeserver.provider import Provider
from fakeserver.spec.breaches import Breach, Validator
from fakeserver.spec.reader import Spec
from fakeserver.spec.schemas import fields_of
from fakeserver.spec.values import UUID


def is_lower_case_uuid(text: str) -> bool:
    # Filters compare in lower case, as the providers write their ids.
    return UUID.fullmatch(text) is not None and text == text.lower()


def is_date_time(text: str) -> bool:
    try:
        instant(text)
    except (ValueError, OverflowError):
        return False
    return "T" in text


FORMATS = {"uuid": is_lower_case_uuid, "date-time": is_date_time}


class DocumentSchema:
    """The schema of one document of a provider, or of another kind that it has, ready to hold documents against."""

    def __init__(self, provider: Provider, contract: Spec, kind: str = "") -> None:
        item = kind_schema(provider, contract, kind) if kind else item_schema(provider, contract)
        item = self.item = with_states(item, provider.kind(kind).machine, contract)
        self.fields: Mapping[str, Json] = fields_of(contract.document, item)
        try:
            # References stay references, so that a schema may lead back to itself.
            self._validator = Validator({**item, "components": contract.document.get("components", {})}, FORMATS)
        except ValidationError as error:
            raise SpecError(f"{contract.path}: the schema of a document is not sound: {error.message}") from error

    def breaches(self, document: Json) -> Iterator[Breach]:
        """What is wrong with a document; nothing if it is as the spec says. ValueError: it holds what JSON cannot."""
        return self._validator.breaches(document)


def kind_schema(provider: Provider, contract: Spec, kind: str) -> Document:
    """The schema of a document of another kind."""
    named = contract.document.get("components", {}).get("schemas", {})
    return cast(Document, named[provider.kinds[kind].schema])


def with_states(item: Document, machine: Machine | None, contract: Spec) -> Document:
    """A schema of documents that may be in every state of their table: a page may know fewer, and then it is the
    listing that shows no others."""
    known = None if machine is None else fields_of(contract.document, item).get(machine.field)
    if machine is None or not isinstance(known, dict) or "enum" not in known or "properties" not in item:
        return item
    shown = [machine.shown.get(state, state) for state in machine.states]
    widened = {**known, "enum": [*dict.fromkeys([*known["enum"], *shown])]}
    return {**item, "properties": {**item["properties"], machine.field: widened}}


def item_schema(provider: Provider, contract: Spec) -> Document:
    """The schema of one document, its inner references unread: what the first operation answers that holds any."""
    for name, meaning in provider.operations.items():
        try:
            row = meaning.row(contract.operations[name], contract.document)
        except SpecError as error:
            raise SpecError(f"{contract.path}: {name}: {error}") from error
        if row is not None:
            return row
    raise SpecError(f"{contract.path}: no operation of the provider {provider.slug!r} answers with its documents")
