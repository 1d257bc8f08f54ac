"""JSON text in a request → a value, as PostgreSQL reads it."""

from __future__ import annotations

import json
import re
from array import array
from decimal import Decimal, InvalidOperation
from itertools import accumulate

from fakeserver.problems import Json
from fakeserver.spec.wording import ValueRefused

MAX_JSON_CHARACTERS = 16_384
MAX_JSON_DEPTH = 64
STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""From a bracket to the step that it makes, as a signed byte."""
NO_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[^]["{}]++', re.DOTALL)
"""What stands between the brackets of JSON: texts, and everything else."""


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def read_json(text: str) -> Json:
    """JSON as PostgreSQL reads it: exact numbers, no NaN, no lone surrogate, a bounded depth."""
    if len(text) > MAX_JSON_CHARACTERS:
        raise ValueRefused(f"Invalid JSON: more than {MAX_JSON_CHARACTERS} characters", "json_invalid")
    too_deep = ValueRefused(f"Invalid JSON: nested deeper than {MAX_JSON_DEPTH}", "json_invalid")
    if is_nested_deeper(text, MAX_JSON_DEPTH):
        raise too_deep
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=Decimal)
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, InvalidOperation) as error:
        # The input is never echoed: it may hold what no answer can carry.
        raise ValueRefused("Invalid JSON", "json_invalid") from error
    if depth_of(value) > MAX_JSON_DEPTH:
        raise too_deep
    return value


def is_nested_deeper(text: str, most: int) -> bool:
    """Whether more brackets than so many are open at once. It is asked before a text is read: a reader that runs into
    the end of Python's stack leaves none to what the garbage collector calls just then."""
    if text.count("[") + text.count("{") <= most:
        return False
    steps = array("b", NO_BRACKETS.sub("", text).encode().translate(STEPS))
    return max(accumulate(steps), default=0) > most


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
