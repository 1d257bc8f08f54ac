"""Documents against their spec's schema: what the admin API takes in, and what a custom recipe makes. Serving needs no
validator, so whoever needs one imports this module then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jsonschema_rs import ValidationError

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
    """The schema of one document of a provider, ready to hold documents against."""

    def __init__(self, provider: Provider, contract: Spec) -> None:
        item = item_schema(provider, contract)
        self.fields: Mapping[str, Json] = fields_of(contract.document, item)
        try:
            # References stay references, so that a schema may lead back to itself.
            self._validator = Validator({**item, "components": contract.document.get("components", {})}, FORMATS)
        except ValidationError as error:
            raise SpecError(f"{contract.path}: the schema of a document is not sound: {error.message}") from error

    def breaches(self, document: Json) -> Iterator[Breach]:
        """What is wrong with a document; nothing if it is as the spec says. ValueError: it holds what JSON cannot."""
        return self._validator.breaches(document)


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
