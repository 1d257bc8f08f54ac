"""JSON text in a request → a value, as PostgreSQL reads it."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation

from fakeserver.problems import Json
from fakeserver.spec.wording import ValueRefused

MAX_JSON_CHARACTERS = 16_384
MAX_JSON_DEPTH = 64


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def read_json(text: str) -> Json:
    """JSON as PostgreSQL reads it: exact numbers, no NaN, no lone surrogate, a bounded depth."""
    if len(text) > MAX_JSON_CHARACTERS:
        raise ValueRefused(f"Invalid JSON: more than {MAX_JSON_CHARACTERS} characters", "json_invalid")
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=Decimal)
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, InvalidOperation, RecursionError) as error:
        # The input is never echoed: it may hold what no answer can carry.
        raise ValueRefused("Invalid JSON", "json_invalid") from error
    if depth_of(value) > MAX_JSON_DEPTH:
        raise ValueRefused(f"Invalid JSON: nested deeper than {MAX_JSON_DEPTH}", "json_invalid")
    return value


def depth_of(value: Json) -> int:
    """How many levels a value has; one that is neither an object nor an array has one."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


def read_json_object(text: str) -> Json:
    value = read_json(text)
    if not isinstance(value, dict):
        raise ValueRefused("Input should be a valid dictionary", "dict_type")
    return value


def read_json_array(text: str) -> Json:
    value = read_json(text)
    if not isinstance(value, list):
        raise ValueRefused("Input should be a valid list", "list_type")
    return value


READERS = {"": read_json, "object": read_json_object, "array": read_json_array}
"""By the type of the schema, which is the one keyword of it that is honoured."""
