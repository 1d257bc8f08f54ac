"""Documents against their spec's schema: what the admin API takes in, and what a custom recipe makes. Serving needs no
validator, so whoever needs one imports this module then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from fakeserver.instants import instant
from fakeserver.problems import Document, Json, SpecError
from fakeserver.provider import Provider
from fakeserver.spec.reader import Spec
from fakeserver.spec.schemas import fields_of
from fakeserver.spec.values import UUID

REASONS = {
    "format": "must be a {}",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} entries",
    "maxItems": "must have at most {} entries",
    "pattern": "must match {}",
    "const": "must be {}",
    "additionalProperties": "is not a field of the spec",
    "anyOf": "has none of the forms that the spec allows",
    "oneOf": "does not have exactly one of the forms that the spec allows",
    "falseSchema": "is not allowed",
}
MAX_REASON = 200
"""Characters of a reason that the keyword's value may fill."""


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


@dataclass(frozen=True, slots=True)
class Breach:
    """One way in which a document is not what the spec says: the path to the value, the schema's keyword with what it
    wants there, and the value (None where it is missing)."""

    path: tuple[str | int, ...]
    keyword: str
    wanted: Json
    value: Json

    @property
    def field(self) -> str:
        """The path as one word, as in `labels.0`."""
        return ".".join(map(str, self.path)) or "document"

    @property
    def reason(self) -> str:
        """Why the value was refused, without repeating the value."""
        match self.keyword:
            case "required":
                return "is missing"
            case "type":
                wanted = self.wanted if isinstance(self.wanted, list) else [self.wanted]
                return f"must be of type {' or '.join(wanted)}"
            case "enum":
                return f"must be one of {', '.join(map(str, self.wanted))}"
            case keyword:
                return REASONS.get(keyword, f"breaks {keyword}: {{}}").format(self.wanted)[:MAX_REASON]


class DocumentSchema:
    """The schema of one document of a provider, ready to hold documents against."""

    def __init__(self, provider: Provider, contract: Spec) -> None:
        item = item_schema(provider, contract)
        self.fields: Mapping[str, Json] = fields_of(contract.document, item)
        # References stay references, so that a schema may lead back to itself.
        self._schema: Document = {**item, "components": contract.document.get("components", {})}
        try:
            self._validator = Draft202012Validator(self._schema, formats=FORMATS, validate_formats=True, offline=True)
        except ValidationError as error:
            raise SpecError(f"{contract.path}: the schema of a document is not sound: {error.message}") from error

    def breaches(self, document: Json) -> Iterator[Breach]:
        """What is wrong with a document; nothing if it is as the spec says. ValueError: it holds what JSON cannot."""
        for error in self._validator.iter_errors(document):
            path, value = tuple(error.instance_path), cast(Json, error.instance)
            match error.kind:
                case ValidationErrorKind.Required(name):
                    yield Breach((*path, name), "required", True, None)
                case ValidationErrorKind.AdditionalProperties(names):
                    for name in names:
                        yield Breach((*path, name), "additionalProperties", False, value[name])
                case kind:
                    yield Breach(path, kind.name, self._wanted(error), value)

    def _wanted(self, error: ValidationError) -> Json:
        """The keyword's value as the spec has it; the validator sorts some."""
        found: Any = self._schema
        for part in error.schema_path:
            found = found[part]
        return found


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
