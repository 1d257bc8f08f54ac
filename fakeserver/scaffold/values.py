"""Expressions that draw values of a schema: the text of a `make`, tried before it is written.

An expression is Python over `draw` and `at`. What a schema asks for in words that no expression here has (a pattern,
say) is looked for among its own examples, and refused if those do not do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from jsonschema_rs import Draft202012Validator, ValidationError

from fakeserver.instants import SECOND, at
from fakeserver.problems import Document, Json, SpecError
from fakeserver.recipes.schema import FORMATS
from fakeserver.recipes.trial import EPOCH, KEY, TrialDraw
from fakeserver.scaffold.code import Code, Items, Members, literal, write
from fakeserver.scaffold.pruning import components_of
from fakeserver.scaffold.scalars import MAX_LENGTH, Unmakeable, identity_codes, number_code, text_code
from fakeserver.spec.references import REFERENCE, dereference
from fakeserver.spec.schemas import ALTERNATIVES

MAX_DEPTH = 8
OPTIONAL_DEPTH = 2
"""Levels of a document whose optional members are made; below them only those that must be there."""
MAX_PARTS = 200
MAX_STEPS = 50
"""References and allOfs that stand behind each other."""
MAX_ITEMS = 20
TRIALS = 12


class Draws:
    """What expressions are evaluated with."""

    def __init__(self, columns: Mapping[str, list[Json]]) -> None:
        self._columns = columns

    def value(self, code: Code, number: int) -> Json:
        """What an expression makes for the document of this number."""
        draw = TrialDraw(KEY, number, EPOCH, {}, {}, {name: _at(of, number) for name, of in self._columns.items()})
        draw.number, draw.reading = number, set()
        return eval(write(code), {"__builtins__": {"str": str}, "draw": draw, "at": at, "SECOND": SECOND})


def _at(values: list[Json], number: int) -> Json:
    return values[number % len(values)]


class Values:
    """Makes expressions for the schemas of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._draws = Draws({})

    def flat(self, schema: Json) -> Document:
        """A schema with what stands behind its references and in its allOf as one mapping."""
        merged: Document = {}
        for count, part in enumerate(self._parts(schema)):
            if count > MAX_PARTS:
                raise Unmakeable("its schema has too many parts")
            for name, value in part.items():
                merged[name] = _both(name, merged[name], value) if name in merged else value
        return merged

    def _parts(self, schema: Json, steps: int = 0) -> Iterator[Document]:
        if not isinstance(schema, dict):
            return
        if steps > MAX_STEPS:
            raise Unmakeable("its schema needs itself")
        if REFERENCE in schema:
            yield from self._parts(_target(self._document, schema), steps + 1)
        for member in schema.get("allOf", ()):
            yield from self._parts(member, steps + 1)
        yield {name: value for name, value in schema.items() if name not in (REFERENCE, "allOf")}

    def valid(self, schema: Json, code: Code) -> bool:
        """Whether an expression makes values of a schema."""
        validator = self._validator(schema)
        try:
            return all(validator.is_valid(self.draw(code, number)) for number in range(TRIALS))
        except (ValueError, TypeError):
            return False

    def _validator(self, schema: Json) -> Draft202012Validator:
        whole = {"allOf": [schema], "components": components_of(self._document, schema)}
        try:
            return Draft202012Validator(whole, formats=FORMATS, validate_formats=True, offline=True)
        except (ValidationError, ValueError) as error:
            raise Unmakeable(f"its schema is not sound: {' '.join(str(error).split())[:MAX_LENGTH]}") from error

    def draw(self, code: Code, number: int) -> Json:
        """What an expression makes for the document of this number."""
        return self._draws.value(code, number)

    def sample(self, schema: Json) -> Json:
        """A valid value of a schema."""
        return self.draw(self.expression(schema, "value"), 1)

    def expression(self, schema: Json, place: str, depth: int = 0) -> Code:
        """An expression that makes valid values, drawn under the name `place`; else Unmakeable."""
        if schema is True or schema == {}:
            return literal(None)
        reason: Unmakeable | None = None
        for make in (self._plain, self._example_of):
            try:
                code = make(schema, place, depth)
            except Unmakeable as error:
                reason = reason or error
                continue
            if depth > 1 and isinstance(code, Members | Items):
                # Its parts were looked at, and the field that it stands in is looked at as a whole.
                return code
            if self.valid(schema, code):
                return code
            reason = reason or Unmakeable(f"{place}: no value is found that its schema allows")
        assert reason is not None
        raise reason

    def _example_of(self, schema: Json, place: str, depth: int) -> Code:
        """What the schema itself shows: an example or its default."""
        flat = self.flat(schema)
        shown = [flat[name] for name in ("example", "default") if name in flat]
        shown += flat["examples"] if isinstance(flat.get("examples"), list) else []
        for value in shown:
            if self.valid(schema, literal(value)):
                return literal(value)
        raise Unmakeable(f"{place}: no value is found that its schema allows, and it has no example of one")

    def _plain(self, schema: Json, place: str, depth: int) -> Code:
        if depth > MAX_DEPTH:
            raise Unmakeable(f"{place}: its schema needs values inside each other deeper than {MAX_DEPTH}")
        flat = self.flat(schema)
        if "const" in flat:
            return literal(flat["const"])
        if "enum" in flat:
            return self._choice([*flat["enum"]], place)
        for name in ALTERNATIVES:
            if name in flat:
                return self._alternative(schema, flat, name, place, depth)
        types = flat.get("type", [])
        names = [types] if isinstance(types, str) else [*types]
        kind = next((each for each in names if each != "null"), names[0] if names else _type_of(flat))
        match kind:
            case "string":
                return text_code(flat, place, self.valid)
            case "integer" | "number":
                return number_code(flat, place)
            case "boolean":
                return f"draw.chance({literal(place)}, 50)"
            case "null" | "any":
                return literal(None)
            case "array":
                return self._items(flat, place, depth)
            case "object":
                return self._members(flat, place, depth)
        raise Unmakeable(f"{place}: the type {str(kind)!r} is not one of JSON")

    def _choice(self, values: list[Json], place: str) -> Code:
        if not values:
            raise Unmakeable(f"{place}: its enum is empty")
        plain = [value for value in values if value is not None] or values
        return literal(plain[0]) if len(plain) == 1 else f"draw.pick({literal(place)}, ({literal(plain)[1:-1]}))"

    def _alternative(self, schema: Json, flat: Document, name: str, place: str, depth: int) -> Code:
        base = {key: value for key, value in flat.items() if key not in ALTERNATIVES}
        reason = Unmakeable(f"{place}: none of its alternatives can be made")
        for part in sorted(flat[name], key=lambda part: part == {"type": "null"}):
            try:
                code = self._plain({"allOf": [base, part]}, place, depth + 1)
            except Unmakeable as error:
                reason = error
                continue
            if self.valid(schema, code):
                return code
        raise reason

    def _items(self, flat: Document, place: str, depth: int) -> Code:
        least, most = flat.get("minItems", 0), flat.get("maxItems", math.inf)
        count = min(max(1, least), most)
        if count > MAX_ITEMS:
            raise Unmakeable(f"{place}: needs {count} items")
        try:
            return Items(
                tuple(
                    self.expression(flat.get("items", True), f"{place}.{number}", depth + 1) for number in range(count)
                )
            )
        except Unmakeable:
            if least:
                raise
            return Items(())

    def _members(self, flat: Document, place: str, depth: int) -> Code:
        required, found = flat.get("required", []), {}
        prefix = f"{place}." if depth else ""
        for name, member in flat.get("properties", {}).items():
            if name not in required and depth >= OPTIONAL_DEPTH:
                continue
            try:
                found[name] = self.expression(member, prefix + name, depth + 1)
            except Unmakeable:
                if name in required:
                    raise
        more = flat.get("additionalProperties")
        wanted = [name for name in required if name not in found]
        if not found and not wanted and isinstance(more, dict):
            wanted = ["key"]
        for name in wanted:
            try:
                found[name] = self.expression(more if isinstance(more, dict) else True, prefix + name, depth + 1)
            except Unmakeable:
                if name in required:
                    raise
        return Members(found)


def _target(document: Document, schema: Document) -> Json:
    try:
        return dereference(document, {REFERENCE: schema[REFERENCE]})
    except SpecError as error:
        raise Unmakeable(str(error)) from error


def _both(name: str, one: Json, other: Json) -> Json:
    """What two parts of a schema say with the same keyword, as far as that can be said once."""
    match name:
        case "properties" if isinstance(one, dict) and isinstance(other, dict):
            return {
                **one,
                **{key: {"allOf": [one[key], value]} if key in one else value for key, value in other.items()},
            }
        case "required" if isinstance(one, list) and isinstance(other, list):
            return [*dict.fromkeys([*one, *other])]
        case "enum" if isinstance(one, list) and isinstance(other, list):
            return [value for value in one if value in other]
        case "minimum" | "minLength" | "minItems" | "exclusiveMinimum":
            return max(one, other)
        case "maximum" | "maxLength" | "maxItems" | "exclusiveMaximum":
            return min(one, other)
        case "items":
            return {"allOf": [one, other]}
        case "type":
            first = [one] if isinstance(one, str) else one
            second = [other] if isinstance(other, str) else other
            return [each for each in first if each in second or (each == "integer" and "number" in second)]
    return other


def _type_of(flat: Document) -> str:
    """The type of a schema that names none."""
    if flat.keys() & {"properties", "additionalProperties", "required"}:
        return "object"
    return "array" if "items" in flat else "string" if flat.keys() & {"format", "pattern", "minLength"} else "any"


def identity_of(values: Values, schema: Json, place: str, dated: bool) -> Code:
    """An expression for an id that no other document has. Documents without a date are in the order of their ids."""
    flat = values.flat(schema)
    for code in identity_codes(flat, literal(place), dated):
        if values.valid(schema, code):
            return code
    raise Unmakeable(f"{place}: too few values are found that its schema allows")
