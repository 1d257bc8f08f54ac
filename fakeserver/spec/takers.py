"""Schemas of bodies → functions that take what is sound, in one walk over a value.

A validator says what is wrong with a value, and copies all of it before it begins; but most values are sound. A taker
knows the plain keywords of a schema, and either is sure that a value is sound, and has it in the shape that the schema
gives it, or is not sure of it: then the validator has the word. Nothing is refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from fakeserver.problems import Document, Json
from fakeserver.spec import values
from fakeserver.spec.references import REFERENCE, dereference
from fakeserver.spec.wording import ValueRefused

UNSURE: Final = object()
"""What a taker has for a value that may be unsound."""
Take = Callable[[Json], Json]
"""A value → the value as its schema has it, or `UNSURE`."""
Holds = Callable[[Json], bool]

NULL: Document = {"type": "null"}
ASIDE = frozenset({"default", "$defs", REFERENCE, "allOf"})
"""Keywords that say nothing of a value by themselves."""
PLAIN = frozenset(
    "type enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern format "
    "items minItems maxItems properties required additionalProperties propertyNames".split()
)
"""The keywords that a taker knows."""
OF_OBJECTS = frozenset({"properties", "additionalProperties", "propertyNames"})
TYPES = {str: "string", bool: "boolean", type(None): "null", dict: "object", list: "array"}
"""What JSON Schema calls the types of values, but numbers."""


class NotPlain(Exception):
    """A schema says something that no taker knows."""


def keep(value: Json) -> Json:
    return value


def hesitate(value: Json) -> Json:
    return UNSURE


def taker_of(schema: Json, document: Document) -> Take | None:
    """What takes the values of a schema whose references lead into the document; None where its keywords are not
    plain."""
    try:
        return Takers(document).of(schema)
    except NotPlain:
        return None


class Takers:
    """Makes the takers of one document's schemas."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._begun: list[Json] = []

    def of(self, schema: Json) -> Take:
        if schema is True or schema == {}:
            return keep
        if not isinstance(schema, dict) or any(schema is each for each in self._begun):
            # Of what no value is sound for, or what holds itself.
            raise NotPlain
        self._begun.append(schema)
        try:
            if "anyOf" in schema:
                return self._nullable(schema)
            return self._whole([*self._parts(schema)])
        finally:
            self._begun.pop()

    def _nullable(self, schema: Document) -> Take:
        """Of alternatives, one beside null."""
        others = [each for each in schema["anyOf"] if each != NULL]
        if len(others) != 1 or len(others) == len(schema["anyOf"]) or schema.keys() - ASIDE - {"anyOf"}:
            raise NotPlain
        if schema.keys() & {REFERENCE, "allOf"}:
            raise NotPlain
        take = self.of(others[0])
        return lambda value: None if value is None else take(value)

    def _parts(self, schema: Json) -> Iterator[Document]:
        """Everything that holds of a value: what the schema says itself, behind its reference, and in its allOf."""
        if not isinstance(schema, dict) or schema.keys() - ASIDE - PLAIN:
            raise NotPlain
        yield schema
        for inner in (
            *([dereference(self._document, schema)] if REFERENCE in schema else ()),
            *schema.get("allOf", ()),
        ):
            yield from self._parts(inner)

    def _whole(self, parts: list[Document]) -> Take:
        """What takes the values that all of these schemas allow, by the type of the value."""
        of_types: dict[type, Take] = {str: text_taker(parts), bool: keep, type(None): keep}
        named = [types_in(part) for part in parts if "type" in part]
        if all("object" in types for types in named):
            of_types[dict] = self._objects(parts)
        if all("array" in types for types in named):
            of_types[list] = self._lists(parts)
        for kind, name in TYPES.items():
            if not all(name in types for types in named):
                of_types.pop(kind, None)
        of_types |= number_takers(parts, named)
        choices = [part["enum"] for part in parts if "enum" in part] + [
            [part["const"]] for part in parts if "const" in part
        ]
        if choices:
            if not all(isinstance(choice, str | None) for each in choices for choice in each):
                raise NotPlain
            of_types = {kind: take for kind, take in of_types.items() if kind in (str, type(None))}
            if not all(None in each for each in choices):
                of_types.pop(type(None), None)
        if len(of_types) == 1:
            [(kind, only)] = of_types.items()
            return lambda value: only(value) if type(value) is kind else UNSURE
        known = of_types.get
        return lambda value: known(type(value), hesitate)(value)

    def _lists(self, parts: list[Document]) -> Take:
        items = [part["items"] for part in parts if "items" in part]
        if len(items) > 1:
            raise NotPlain
        take = self.of(items[0]) if items else keep
        fits = size_check(parts, "minItems", "maxItems")

        def take_list(value: list[Json]) -> Json:
            if fits is not None and not fits(value):
                return UNSURE
            if take is keep:
                return value
            taken = [*map(take, value)]
            return UNSURE if UNSURE in taken else taken

        return take_list

    def _objects(self, parts: list[Document]) -> Take:
        telling = [part for part in parts if part.keys() & OF_OBJECTS]
        if len(telling) > 1 and any("additionalProperties" in part or "propertyNames" in part for part in telling):
            raise NotPlain
        required = frozenset(name for part in parts for name in part.get("required", ()))
        known: dict[str, Take] = {}
        for part in telling:
            for name, member in part.get("properties", {}).items():
                known[name] = hesitate if name in known else self._member(member)
        names = self._names([part["propertyNames"] for part in telling if "propertyNames" in part])
        others = self._others(telling, known)

        def take_object(value: dict[str, Json]) -> Json:
            if not required <= value.keys() or (names is not None and not all(map(names, value))):
                return UNSURE
            taken = {}
            for name, member in value.items():
                take = known.get(name, others)
                if take is None:
                    continue
                found = take(member)
                if found is UNSURE:
                    return UNSURE
                taken[name] = found
            return taken

        return take_object

    def _names(self, schemas: list[Json]) -> Holds | None:
        """Whether the name of a member is as it has to be."""
        if not schemas:
            return None
        take = self.of({"allOf": schemas})
        return lambda name: take(name) is not UNSURE

    def _member(self, schema: Json) -> Take:
        try:
            return self.of(schema)
        except NotPlain:
            return hesitate

    def _others(self, telling: list[Document], known: dict[str, Take]) -> Take | None:
        """What takes the members that have no name in the schema; None where they are left out."""
        others = next((part["additionalProperties"] for part in telling if "additionalProperties" in part), None)
        if others is None:
            return None if known else keep
        return hesitate if others is False else self._member(others)


def types_in(schema: Document) -> list[str]:
    named = schema["type"]
    return named if isinstance(named, list) else [named]


def bounds_of(parts: list[Document], least: str, most: str) -> tuple[Json, Json]:
    """The tightest bounds; None where there is none."""
    low = max((part[least] for part in parts if least in part), default=None)
    high = min((part[most] for part in parts if most in part), default=None)
    return low, high


def size_check(parts: list[Document], least: str, most: str) -> Holds | None:
    low, high = bounds_of(parts, least, most)
    if low is None and high is None:
        return None
    low, high = low or 0, float("inf") if high is None else high
    return lambda value: low <= len(value) <= high


def text_taker(parts: list[Document]) -> Take:
    """What takes texts."""
    checks = [] if (sized := size_check(parts, "minLength", "maxLength")) is None else [sized]
    for part in parts:
        if "pattern" in part:
            checks.append(matching(part["pattern"]))
        if "format" in part:
            checks.append(formatted(part["format"]))
        if "enum" in part:
            checks.append([*part["enum"]].__contains__)
        if "const" in part:
            checks.append([part["const"]].__contains__)
    return checked(checks, keep)


def matching(pattern: str) -> Holds:
    """Whether a text matches, by an expression that every engine reads alike."""
    if "\\" in pattern or "(?" in pattern:
        raise NotPlain
    search = values.compile_pattern(pattern).search
    return lambda value: search(value) is not None


def formatted(name: str) -> Holds:
    if name != "uuid":
        raise NotPlain

    def holds(value: Json) -> bool:
        try:
            values.read_uuid(value)
        except ValueRefused:
            return False
        return True

    return holds


def number_takers(parts: list[Document], named: list[list[str]]) -> dict[type, Take]:
    """What takes numbers: whole ones, and others. A fraction that is none is a whole number where one is wanted."""
    checks: list[Holds] = []
    low, high = bounds_of(parts, "minimum", "maximum")
    above, below = bounds_of(parts, "exclusiveMinimum", "exclusiveMaximum")
    steps = [part["multipleOf"] for part in parts if "multipleOf" in part]
    if low is not None or high is not None:
        low, high = float("-inf") if low is None else low, float("inf") if high is None else high
        checks.append(lambda value: low <= value <= high)
    if above is not None:
        checks.append(lambda value: value > above)
    if below is not None:
        checks.append(lambda value: value < below)
    for step in steps:
        if type(step) is not int:
            raise NotPlain
        checks.append(lambda value, step=step: value % step == 0)  # type: ignore[misc]
    found: dict[type, Take] = {}
    if all("integer" in types or "number" in types for types in named):
        found[int] = checked(checks, keep)
        whole = any("integer" in types for types in named)
        broken = all("number" in types for types in named)
        found[float] = hesitate if steps else checked(checks, as_whole(broken) if whole else keep)
    return found


def as_whole(broken: bool) -> Take:
    """A fraction as a whole number, if it is one; any other only where it may be `broken`."""
    return lambda value: int(value) if value.is_integer() else value if broken else UNSURE


def checked(checks: list[Holds], take: Take) -> Take:
    if not checks:
        return take
    if len(checks) == 1:
        only = checks[0]
        return lambda value: take(value) if only(value) else UNSURE
    return lambda value: take(value) if all(check(value) for check in checks) else UNSURE
