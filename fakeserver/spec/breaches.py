"""Values against schemas: in which ways a value is not what a schema says. Serving reads needs no validator, so whoever
needs one imports this module then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from fakeserver.problems import Document, Json
from fakeserver.spec.schemas import LISTED, NAMED, SINGLE

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
MAX_TOLD = 100
"""Members of one object that are told to be none of the spec, and breaches of one form."""
MAX_REASON = 200
"""Characters of a reason that the keyword's value may fill."""


NAMES = "propertyNames"


def validator_of(schema: Document, formats: Mapping[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, formats=dict(formats), validate_formats=True, offline=True)


def without_names(schema: Json) -> Any:
    """A schema that leaves the names of members alone."""
    if isinstance(schema, list):
        return [without_names(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {keyword: value for keyword, value in schema.items() if keyword != NAMES}
    for keyword in made.keys() & {*SINGLE, *LISTED}:
        made[keyword] = without_names(made[keyword])
    for keyword in made.keys() & {*NAMED, "$defs"}:
        made[keyword] = {name: without_names(each) for name, each in made[keyword].items()}
    return made


@dataclass(frozen=True, slots=True)
class Breach:
    """One way in which a value is not what the schema says: the path to it, the schema's keyword with what it wants
    there, and the value (None where it is missing). `forms` has the breaches of each form of an anyOf or oneOf."""

    path: tuple[str | int, ...]
    keyword: str
    wanted: Json
    value: Json
    forms: tuple[tuple[Breach, ...], ...] = ()
    known: tuple[str, ...] = field(default=(), compare=False)
    """Of a member that the schema does not know, the names of those that it knows."""

    @property
    def field(self) -> str:
        """The path as one word, as in `labels.0`."""
        return ".".join(map(str, self.path)) or "document"

    @property
    def reason(self) -> str:
        """Why a document's value was refused, without repeating the value."""
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


class Validator:
    """A schema, ready to hold values against. `ValidationError` (jsonschema_rs): it is not sound."""

    def __init__(self, schema: Document, formats: Mapping[str, Any]) -> None:
        self._schema = schema
        self._validator = validator_of(schema, formats)
        # For each wrong name the validator copies the whole object: thousands of them would take minutes.
        self._of_large = validator_of(without_names(schema), formats)

    def accepts(self, value: Json) -> bool:
        return self._validator.is_valid(value)

    def breaches(self, value: Json) -> Iterator[Breach]:
        """What is wrong with a value; nothing if it is as the schema says. ValueError: it holds what JSON cannot."""
        for error in self._validator.iter_errors(value):
            yield from self._of(error)

    def first(self, value: Json) -> Iterator[Breach]:
        """What is found first in a large value, as in `breaches`, which makes all there is before the first one comes
        out. If nothing but the names of members is wrong, no place is told."""
        try:
            self._of_large.validate(value)
        except ValidationError as error:
            yield from self._of(error)
        else:
            yield Breach((), NAMES, True, value)

    def _of(self, error: ValidationError) -> Iterator[Breach]:
        path, value = tuple(error.instance_path), cast(Json, error.instance)
        match error.kind:
            case ValidationErrorKind.Required(name):
                yield Breach((*path, name), "required", True, None)
            case ValidationErrorKind.AdditionalProperties(names):
                known = tuple(self._at([*error.schema_path][:-1]).get("properties", ()))
                for name in names[:MAX_TOLD]:
                    yield Breach((*path, name), "additionalProperties", False, value[name], known=known)
            case ValidationErrorKind.PropertyNames(inner):
                for breach in self._of(inner):
                    yield Breach((*path, str(inner.instance)), breach.keyword, breach.wanted, inner.instance)
            case ValidationErrorKind.AnyOf(context) | ValidationErrorKind.OneOfNotValid(context):
                found = ((breach for each in form for breach in self._of(each)) for form in context)
                forms = tuple(tuple(islice(each, MAX_TOLD)) for each in found)
                yield Breach(path, error.kind.name, self._value_of_keyword(error), value, forms)
            case kind:
                yield Breach(path, kind.name, self._value_of_keyword(error), value)

    def _value_of_keyword(self, error: ValidationError) -> Json:
        """The keyword's value as the schema has it; the validator sorts some."""
        return self._at(error.schema_path)

    def _at(self, path: Iterable[str | int]) -> Any:
        """A part of the schema."""
        found: Any = self._schema
        for part in path:
            # The validator takes a name such as "1" for an index.
            found = found[str(part) if isinstance(found, dict) else part]
        return found
