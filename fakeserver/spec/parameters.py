"""Query strings and path segments → typed values, or one problem that lists every issue.

Each declared parameter becomes a decoder at start; a request only walks them. Messages and types are pydantic's, since
three of the four providers are FastAPI applications.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from fakeserver.problems import Issue, Json, Problem, SpecError, invalid
from fakeserver.spec.reader import Operation, Parameter

MAX_QUERY_BYTES = 32_768
MAX_QUERY_FIELDS = 1_000
MAX_INTEGER_DIGITS = 19
MAX_JSON_CHARACTERS = 16_384
MAX_JSON_DEPTH = 64

# `\d` would take digits of every script, and `int()` takes underscores and spaces.
INTEGER = re.compile(r"[+-]?[0-9]+")
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
FALSE = frozenset({"false", "0", "no", "off", "f", "n"})

Pairs = Sequence[tuple[str, str]]
Values = dict[str, Any]


class ValueRefused(Exception):
    """One text that is not a value: why, and pydantic's type for it."""

    def __init__(self, msg: str, type: str) -> None:
        super().__init__(msg)
        self.msg = msg
        self.type = type


Read = Callable[[str], Any]


def read_text(schema: Mapping[str, Json]) -> Read:
    shortest = schema.get("minLength", 0)
    longest = schema.get("maxLength")

    def read(text: str) -> str:
        if len(text) < shortest:
            raise ValueRefused(
                f"String should have at least {shortest} character{'s'[: shortest > 1]}", "string_too_short"
            )
        if longest is not None and len(text) > longest:
            raise ValueRefused(f"String should have at most {longest} characters", "string_too_long")
        return text

    return read


def read_choice(schema: Mapping[str, Json]) -> Read:
    choices = [str(each) for each in schema["enum"]]
    quoted = [f"'{each}'" for each in choices]
    expected = " or ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]

    def read(text: str) -> str:
        if text not in choices:
            raise ValueRefused(f"Input should be {expected}", "enum")
        return text

    return read


def read_integer(schema: Mapping[str, Json]) -> Read:
    least, most = schema.get("minimum"), schema.get("maximum")

    def read(text: str) -> int:
        if INTEGER.fullmatch(text) is None:
            raise ValueRefused("Input should be a valid integer, unable to parse string as an integer", "int_parsing")
        if len(text.lstrip("+-0")) > MAX_INTEGER_DIGITS:
            raise ValueRefused(f"Input should have at most {MAX_INTEGER_DIGITS} digits", "int_parsing_size")
        value = int(text)
        if least is not None and value < least:
            raise ValueRefused(f"Input should be greater than or equal to {least}", "greater_than_equal")
        if most is not None and value > most:
            raise ValueRefused(f"Input should be less than or equal to {most}", "less_than_equal")
        return value

    return read


def read_boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in TRUE:
        return True
    if lowered in FALSE:
        return False
    raise ValueRefused("Input should be a valid boolean, unable to interpret input", "bool_parsing")


def read_uuid(text: str) -> str:
    if UUID.fullmatch(text) is None:
        raise ValueRefused("Input should be a valid UUID", "uuid_parsing")
    return text.lower()


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
    if _depth(value) > MAX_JSON_DEPTH:
        raise ValueRefused(f"Invalid JSON: nested deeper than {MAX_JSON_DEPTH}", "json_invalid")
    return value


def _depth(value: Json) -> int:
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


def reader(parameter: Parameter, schema: Mapping[str, Json]) -> Read:
    """The function that turns one text of this schema into a value."""
    if parameter.json:
        return read_json_object if schema.get("type") == "object" else read_json
    if "enum" in schema:
        return read_choice(schema)
    match schema.get("type"), schema.get("format"):
        case "string", "uuid":
            return read_uuid
        case "string", _:
            return read_text(schema)
        case "integer", _:
            return read_integer(schema)
        case "boolean", _:
            return read_boolean
    raise SpecError(f"parameter {parameter.name!r}: type {schema.get('type')!r} cannot be decoded")


@dataclass(frozen=True, slots=True)
class Single:
    """One value; the last of several wins, as in the frameworks the providers use."""

    name: str
    where: str
    read: Read
    default: Any = None
    empty_is_absent: bool = False

    def decode(self, texts: Sequence[str], issues: list[Issue]) -> Any:
        if self.empty_is_absent and not texts[-1]:
            return self.default
        try:
            return self.read(texts[-1])
        except ValueRefused as refused:
            issues.append(Issue((self.where, self.name), refused.msg, refused.type))
            return None


@dataclass(frozen=True, slots=True)
class Repeated:
    """A list, one value per repetition; split on commas only where the provider says so."""

    name: str
    where: str
    read: Read
    commas: bool
    default: Any = None

    def decode(self, texts: Sequence[str], issues: list[Issue]) -> Any:
        if self.commas:
            texts = [piece for text in texts for piece in text.split(",") if piece]
        if len(texts) > MAX_QUERY_FIELDS:
            issues.append(
                Issue((self.where, self.name), f"List should have at most {MAX_QUERY_FIELDS} items", "too_long")
            )
            return None
        values = []
        for index, text in enumerate(texts):
            try:
                values.append(self.read(text))
            except ValueRefused as refused:
                issues.append(Issue((self.where, self.name, index), refused.msg, refused.type))
        return tuple(dict.fromkeys(values)) if len(values) > 1 else tuple(values) or None


@dataclass(frozen=True, slots=True)
class Decoder:
    """All declared inputs of one operation."""

    path: tuple[Single, ...]
    query: dict[str, Single | Repeated]
    pairs: tuple[tuple[str, re.Pattern[str], str], ...]
    defaults: Values
    checks: tuple[Callable[[Values, list[Issue]], None], ...] = ()

    def decode(self, segments: Mapping[str, str], query: Pairs) -> Values:
        """Typed values with defaults, or a Problem that lists every issue of the request."""
        issues: list[Issue] = []
        values = dict(self.defaults)
        for single in self.path:
            values[single.name] = single.decode((segments[single.name],), issues)
        texts: dict[str, list[str]] = {}
        for name, text in query:
            if name in texts:
                texts[name].append(text)
            elif name in self.query:
                texts[name] = [text]
        for name, each in texts.items():
            values[name] = self.query[name].decode(each, issues)
        for name, pattern, prefix in self.pairs:
            values[name] = decode_pairs(query, pattern, prefix, issues) or None
        for check in self.checks:
            check(values, issues)
        if issues:
            raise invalid(issues)
        return values


def decode_pairs(
    query: Pairs, pattern: re.Pattern[str], prefix: str, issues: list[Issue]
) -> tuple[tuple[str, str], ...]:
    """The query's fields whose *names* carry a key: `metadata.env=prod` → `("env", "prod")`."""
    found: dict[str, str] = {}
    for name, text in query:
        if not name.startswith(prefix):
            continue
        key = name.removeprefix(prefix)
        if pattern.fullmatch(name) is None:
            issues.append(Issue(("query", name), "the key after the dot is empty", "empty_key"))
        elif key in found:
            issues.append(Issue(("query", name), "the same key is given twice", "repeated_key"))
        else:
            found[key] = text
    return tuple(found.items())


def decoder(
    operation: Operation,
    *,
    commas: frozenset[str],
    optional_text: frozenset[str],
    checks: Iterable[Callable[[Values, list[Issue]], None]],
) -> Decoder:
    """Compile an operation's declared parameters. `commas` names those whose values may be comma-separated,
    `optional_text` those that count as absent when they are empty."""
    path: list[Single] = []
    query: dict[str, Single | Repeated] = {}
    pairs = []
    defaults: Values = {}
    for parameter in operation.parameters:
        schema = parameter.schema
        if parameter.where not in ("path", "query"):
            raise SpecError(f"{operation.id}: a parameter in {parameter.where!r} cannot be decoded")
        if parameter.pairs is not None:
            prefix = re.sub(r"\\(.)", r"\1", parameter.pairs.pattern.lstrip("^").split(".+")[0])
            pairs.append((parameter.name, re.compile(parameter.pairs.pattern, re.DOTALL), prefix))
        elif schema.get("type") == "array":
            query[parameter.name] = Repeated(
                parameter.name, "query", reader(parameter, schema["items"]), parameter.name in commas
            )
        else:
            single = Single(
                parameter.name,
                parameter.where,
                reader(parameter, schema),
                schema.get("default"),
                parameter.name in optional_text,
            )
            if parameter.where == "path":
                path.append(single)
            else:
                query[parameter.name] = single
        if parameter.where == "query":
            defaults[parameter.name] = schema.get("default")
    return Decoder(tuple(path), query, tuple(pairs), defaults, tuple(checks))


def check_size(query_string: bytes) -> None:
    """Refuse a query that is too large to be looked at."""
    if len(query_string) > MAX_QUERY_BYTES:
        raise Problem(414, "too_long", f"The query is longer than {MAX_QUERY_BYTES} bytes")
    if query_string.count(b"&") >= MAX_QUERY_FIELDS:
        raise Problem(400, "too_many", f"The query has more than {MAX_QUERY_FIELDS} fields")


def query_pairs(query_string: bytes) -> Pairs:
    """The raw query as (name, text) pairs; bytes that are no UTF-8 become U+FFFD, as in the providers' frameworks."""
    check_size(query_string)
    text = query_string.decode("utf-8", "replace")
    if "%" not in text and "+" not in text:
        # Most queries escape nothing, and the general parser costs more than everything else here.
        return [(name, value) for name, _, value in (part.partition("=") for part in text.split("&") if part)]
    return parse_qsl(text, keep_blank_values=True, errors="replace")
