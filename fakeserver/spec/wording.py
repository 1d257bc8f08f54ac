"""What a refusal says: pydantic's messages and types, since three of the four providers are FastAPI applications. The
texts of a query and the values of a body are refused in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping

from fakeserver.problems import Issue, Json


class ValueRefused(Exception):
    """One text that is not a value: why, pydantic's type for it, and what its message was made of."""

    def __init__(self, msg: str, type: str, context: Mapping[str, Json] | None = None) -> None:
        super().__init__(msg)
        self.msg = msg
        self.type = type
        self.context = context or {}

    def issue(self, loc: tuple[str | int, ...], input: Json) -> Issue:
        """The issue of an input at this place."""
        return Issue(loc, self.msg, self.type, input, self.context)


TYPES = {
    "string": ("string", "string_type"),
    "integer": ("integer", "int_type"),
    "number": ("number", "float_type"),
    "boolean": ("boolean", "bool_type"),
    "object": ("dictionary", "dict_type"),
    "array": ("list", "list_type"),
}
"""By the type of JSON Schema: pydantic's noun and type."""
BOUNDS = {
    "minimum": ("greater than or equal to", "greater_than_equal", "ge"),
    "maximum": ("less than or equal to", "less_than_equal", "le"),
    "exclusiveMinimum": ("greater than", "greater_than", "gt"),
    "exclusiveMaximum": ("less than", "less_than", "lt"),
    "multipleOf": ("a multiple of", "multiple_of", "multiple_of"),
}
SIZES = {
    "minLength": ("String", "least", "character", "string_too_short"),
    "maxLength": ("String", "most", "character", "string_too_long"),
    "minProperties": ("Dictionary", "least", "item", "too_short"),
    "maxProperties": ("Dictionary", "most", "item", "too_long"),
    "minItems": ("List", "least", "item", "too_short"),
    "maxItems": ("List", "most", "item", "too_long"),
}
FORMATS = {
    "uuid": ("UUID", "uuid_parsing"),
    "date": ("date or datetime", "date_from_datetime_parsing"),
    "date-time": ("datetime or date", "datetime_from_date_parsing"),
}
OTHERS = {
    "required": ("Field required", "missing"),
    "additionalProperties": ("Extra inputs are not permitted", "extra_forbidden"),
    "uniqueItems": ("List should not hold an item twice", "unique_items"),
    "anyOf": ("Input should have one of the forms that the spec allows", "union_error"),
    "oneOf": ("Input should have exactly one of the forms that the spec allows", "union_error"),
    "falseSchema": ("Input is not permitted", "extra_forbidden"),
}


def refusal(keyword: str, wanted: Json, value: Json) -> ValueRefused:
    """The refusal of a value that a keyword does not allow; `wanted` is what the schema has there."""
    match keyword:
        case "type":
            names = [name for name in (wanted if isinstance(wanted, list) else [wanted]) if name != "null"]
            nouns = " or ".join(TYPES[name][0] for name in names)
            return ValueRefused(f"Input should be a valid {nouns}", TYPES[names[0]][1]) if names else refusal_of_null()
        case "enum":
            return ValueRefused(f"Input should be {alternatives(wanted)}", "enum", {"expected": alternatives(wanted)})
        case "const":
            return ValueRefused(f"Input should be {quote(wanted)}", "literal_error", {"expected": quote(wanted)})
        case "pattern":
            return ValueRefused(
                f"String should match pattern '{wanted}'", "string_pattern_mismatch", {"pattern": wanted}
            )
        case "format":
            noun, type_ = FORMATS.get(wanted, (wanted, "value_error"))
            return ValueRefused(f"Input should be a valid {noun}", type_)
        case _ if keyword in BOUNDS:
            phrase, type_, name = BOUNDS[keyword]
            return ValueRefused(f"Input should be {phrase} {wanted}", type_, {name: wanted})
        case _ if keyword in SIZES:
            return size(keyword, wanted, value)
    return ValueRefused(*OTHERS.get(keyword, (f"Input should be as {keyword!r} of the spec has it", "value_error")))


def refusal_of_null() -> ValueRefused:
    return ValueRefused("Input should be None", "none_required")


def size(keyword: str, wanted: Json, value: Json) -> ValueRefused:
    """The refusal of a text, list or object that is too short or too long."""
    kind, bound, noun, type_ = SIZES[keyword]
    counted = "" if kind == "String" else f" after validation, not {len(value)}"
    nouns = noun if wanted == 1 else f"{noun}s"
    context = {f"{'min' if bound == 'least' else 'max'}_length": wanted}
    if kind != "String":
        context = {"field_type": kind, **context, "actual_length": len(value)}
    return ValueRefused(f"{kind} should have at {bound} {wanted} {nouns}{counted}", type_, context)


def alternatives(choices: list[Json]) -> str:
    """The choices of an enum, as in `'a', 'b' or 'c'`."""
    texts = [quote(choice) for choice in choices]
    return " or ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]


def quote(value: Json) -> str:
    return f"'{value}'" if isinstance(value, str) else repr(value)
