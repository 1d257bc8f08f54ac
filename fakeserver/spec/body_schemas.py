"""Schemas of request bodies, as a spec spells them → one schema that stands by itself, for the validator.

Each keyword is one that the validator honours, with a value that it can use; any other is a `SpecError`. The validator
itself takes long to load, so this is found out without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from fakeserver.problems import Document, Json, SpecError
from fakeserver.spec import values
from fakeserver.spec.keywords import Keywords, check_json, flag, read_names, refuse_keywords, sequence, show, text
from fakeserver.spec.references import REFERENCE, dereference
from fakeserver.spec.schemas import LISTED, NAMED, SCHEMA, SINGLE, sure_parts_of
from fakeserver.spec.wording import TYPES, ValueRefused, refusal

HONOURED = Keywords(SCHEMA.honoured, SCHEMA.annotations - {"writeOnly", "readOnly"})
"""A field that is only read or only written is not told apart, so it is refused."""
BITS = {"int32": 32, "int64": 64}
UNREAD = frozenset("double float password binary".split())
"""Formats that change no value."""
FORMATS = frozenset(
    "uuid date-time date time duration email idn-email hostname idn-hostname ipv4 ipv6 uri uri-reference iri "
    "iri-reference uri-template json-pointer relative-json-pointer regex".split()
)
"""Formats that the validator knows."""
ELSEWHERE = re.compile(r"\\[AZ]|\(\?(?![:=!]|<[=!])")
"""What Python's regular expressions have, and JSON Schema's do not."""
DEFINITIONS = "$defs"


def check_choices(value: Json) -> None:
    for index, choice in enumerate(sequence(value, "it")):
        check_json(choice, f"[{index}]")
    if not value:
        raise SpecError("must be a list with something in it")


def check_types(value: Json) -> None:
    names = value if isinstance(value, list) and value else [value]
    for name in names:
        if name != "null" and (not isinstance(name, str) or name not in TYPES):
            raise SpecError(f"{show(name)} is not a type")
    if len({*names}) < len(names):
        raise SpecError("names a type twice")


def check_names(value: Json) -> None:
    names = [text(name, "a name") for name in sequence(value, "it")]
    if len({*names}) < len(names):
        raise SpecError("has a name twice")


def check_pattern(value: Json) -> None:
    values.compile_pattern(value)
    if ELSEWHERE.search(value) is not None:
        raise SpecError(f"{value!r} cannot be used: it is not a regular expression of JSON Schema")


def check_step(value: Json) -> None:
    if values.number(value) <= 0:
        raise SpecError(f"must be above 0, not {show(value)}")


def check_needs(value: Json) -> None:
    for name, needed in read_names(value, "it").items():
        try:
            check_names(needed)
        except SpecError as error:
            raise SpecError(f"{name}: {error}") from error


CHECKS: Mapping[str, Callable[[Json], object]] = {
    "type": check_types,
    "enum": check_choices,
    "const": lambda value: check_json(value, "it"),
    "pattern": check_pattern,
    "multipleOf": check_step,
    "required": check_names,
    "dependentRequired": check_needs,
    "uniqueItems": lambda value: flag(value, "it"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), values.number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains"), values.count),
    **dict.fromkeys(("minProperties", "maxProperties"), values.count),
}
"""What makes sure of a keyword's value, apart from those that hold schemas."""


class BodySchemas:
    """Makes the schemas of one document's bodies; each that is referred to is made once for each body."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._places: dict[str, str] = {}
        self._definitions: dict[str, Json] = {}

    def alone(self, schema: Json, where: str) -> Document:
        """The schema with what stands behind its references; a `SpecError` names the place and the keyword."""
        self._places, self._definitions = {}, {}
        made = self._make(schema, where)
        return {**(made if isinstance(made, dict) else {"allOf": [made]}), DEFINITIONS: self._definitions}

    def _make(self, schema: Json, where: str) -> Json:
        if isinstance(schema, bool):
            return schema
        found = HONOURED.read(schema, where)
        made: Document = {name: member for name, member in found.items() if name in HONOURED.honoured}
        for name in made.keys() & CHECKS.keys():
            try:
                CHECKS[name](made[name])
            except SpecError as error:
                raise SpecError(f"{where}: {name}: {error}") from error
        self._make_members(made, where)
        if REFERENCE in made:
            made[REFERENCE] = self._reference(made, where)
        if "format" in made:
            make_format(made, where)
        if "default" in schema:
            made["default"] = schema["default"]
            for part in sure_parts_of(self._document, schema):
                check_default({**part, "default": schema["default"]}, where)
        return made

    def _make_members(self, made: Document, where: str) -> None:
        """What a schema holds, made as well."""
        for name in SINGLE:
            if name in made:
                made[name] = self._make(made[name], f"{where}.{name}")
        for name in LISTED:
            if name in made:
                members = sequence(made[name], f"{where}.{name}")
                if not members:
                    raise SpecError(f"{where}.{name}: must be a list with something in it")
                made[name] = [self._make(each, f"{where}.{name}[{index}]") for index, each in enumerate(members)]
        for name in NAMED:
            if name in made:
                place = f"{where}.{name}"
                made[name] = {
                    key: self._make(each, f"{place}.{key}") for key, each in read_names(made[name], place).items()
                }
        for pattern in made.get("patternProperties", {}):
            try:
                check_pattern(pattern)
            except SpecError as error:
                raise SpecError(f"{where}.patternProperties: {error}") from error

    def _reference(self, schema: Document, where: str) -> str:
        """The new place of what stands behind a reference."""
        reference = schema[REFERENCE]
        try:
            target = dereference(self._document, {REFERENCE: reference})
        except SpecError as error:
            raise SpecError(f"{where}: {error}") from error
        if reference not in self._places:
            place = str(len(self._places))
            self._places[reference] = place
            self._definitions[place] = self._make(target, str(reference).removeprefix("#/").replace("/", "."))
        return f"#/{DEFINITIONS}/{self._places[reference]}"


def make_format(made: Document, where: str) -> None:
    """A format as the validator has it: that of whole numbers is a range, and some say nothing."""
    name = made["format"]
    if name in BITS:
        most = 2 ** (BITS[name] - 1) - 1
        del made["format"]
        made["allOf"] = [*made.get("allOf", []), {"type": "integer"}, {"minimum": -most - 1, "maximum": most}]
    elif name in UNREAD:
        del made["format"]
    elif name not in FORMATS:
        refuse_keywords({f"format: {name}"}, where, FORMATS | BITS.keys() | UNREAD)


def check_default(schema: Document, where: str) -> None:
    """A default must be a value that would be accepted, as far as plain keywords tell."""
    value = schema["default"]
    check_json(value, f"{where}.default")
    makers = {**values.CHOICES, **values.BOUNDS, **values.LENGTHS, **values.LISTS, "multipleOf": step_of}
    try:
        if "type" in schema and not is_of(value, schema["type"]):
            raise SpecError(f"{show(value)} is not of the type {show(schema['type'])}")
        for name, make in makers.items():
            if name in schema and value is not None and applies(name, value):
                make(PLAIN, schema[name])(value)
    except ValueRefused as refused:
        raise SpecError(f"{where}: default: {show(value)} is refused: {refused.msg}") from refused
    except SpecError as error:
        raise SpecError(f"{where}: default: {error}") from error


class Anything(values.Kind):
    """The kind of a value that is JSON already."""

    def value_of(self, literal: Json, read: values.Read) -> Json:
        return literal


PLAIN = Anything("JSON", values.read_text, object, {})


def step_of(kind: values.Kind, step: Json) -> values.Check:
    """As for whole numbers, but with steps of any size."""

    def check(value: Any) -> None:
        if value % step:
            raise refusal("multipleOf", step, value)

    return check


def applies(keyword: str, value: Json) -> bool:
    """Whether a keyword says something about a value of this type."""
    if keyword in values.CHOICES:
        return True
    kinds = (int, float) if keyword in values.BOUNDS else str if keyword in values.LENGTHS else list
    return isinstance(value, kinds) and not isinstance(value, bool)


def is_of(value: Json, wanted: Json) -> bool:
    """Whether a value is of one of these types of JSON Schema."""
    kinds: Mapping[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
        "object": (dict,),
        "array": (list,),
        "null": (type(None),),
    }
    return any(type(value) in kinds[name] for name in (wanted if isinstance(wanted, list) else [wanted]))
