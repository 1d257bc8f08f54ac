"""Query strings and path segments → typed values, or one problem that lists every issue.

Each declared parameter becomes a decoder at start; a request only walks them. A schema with a keyword that its decoder
does not honour is a `SpecError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fakeserver.problems import Document, Issue, Problem, SpecError, invalid
from fakeserver.spec.declared import Parameter
from fakeserver.spec.json_text import READERS
from fakeserver.spec.keywords import check_json, mapping, refuse_keywords, sequence, show
from fakeserver.spec.reading import AS_WRITTEN, Reading
from fakeserver.spec.values import ANNOTATIONS, LISTS, Check, Read, checks_of, reader_of
from fakeserver.spec.wording import ValueRefused

MAX_QUERY_BYTES = 32_768
MAX_QUERY_FIELDS = 1_000
MAX_NAME = 100
"""Characters of a field's name that a refusal repeats."""
WRITTEN = bytes(range(0x21, 0x7F))
UNESCAPED = re.compile(rb"[^!-~]")
"""What a URL is written with; and what none holds: it is refused, since each server would make something else of it."""

Pairs = Sequence[tuple[str, str]]
Values = dict[str, Any]
ValuesCheck = Callable[[Values, list[Issue]], None]
"""Looks at all decoded values; it may replace some, and add issues."""


@dataclass(frozen=True, slots=True)
class Single:
    """One value; of several texts the one at `chosen` counts: the last, as in most frameworks, or the first."""

    name: str
    where: str
    required: bool
    read: Read
    default: Any = None
    empty_is_absent: bool = False
    chosen: int = -1

    def decode(self, texts: Sequence[str], issues: list[Issue]) -> Any:
        text = texts[self.chosen]
        if self.empty_is_absent and not text:
            if self.required:
                issues.append(missing(self.where, self.name))
            return self.default
        try:
            return self.read(text)
        except ValueRefused as refused:
            issues.append(refused.issue((self.where, self.name), text))
            return None


@dataclass(frozen=True, slots=True)
class Repeated:
    """A list, one value per repetition. With `commas` also one per piece between commas, where an empty piece is none,
    unless `keeps_empty`: then only a parameter that is nothing but an empty text is no list. `checks` hold for the list
    as it was given; a value that is given twice then counts once."""

    name: str
    where: str
    required: bool
    read: Read
    commas: bool
    default: tuple[Any, ...] | None = None
    checks: tuple[Check, ...] = ()
    keeps_empty: bool = False

    def decode(self, texts: Sequence[str], issues: list[Issue]) -> Any:
        if self.keeps_empty and [*texts] == [""]:
            if self.required:
                issues.append(missing(self.where, self.name))
            return self.default
        if self.commas:
            texts = [piece for text in texts for piece in text.split(",") if piece or self.keeps_empty]
        if len(texts) > MAX_QUERY_FIELDS:
            issues.append(
                Issue((self.where, self.name), f"List should have at most {MAX_QUERY_FIELDS} items", "too_long", texts)
            )
            return None
        values = []
        for index, text in enumerate(texts):
            try:
                values.append(self.read(text))
            except ValueRefused as refused:
                issues.append(refused.issue((self.where, self.name, index), text))
        if self.checks and len(values) == len(texts):
            try:
                for check in self.checks:
                    check(values)
            except ValueRefused as refused:
                issues.append(refused.issue((self.where, self.name), texts))
        return tuple(dict.fromkeys(values)) if len(values) > 1 else tuple(values) or None


@dataclass(frozen=True, slots=True)
class Prefixed:
    """A flat object whose keys stand in the *names* of the query's fields: `metadata.env=prod` → `("env", "prod")`."""

    name: str
    required: bool
    pattern: re.Pattern[str]
    prefix: str

    def decode(self, query: Pairs, issues: list[Issue]) -> tuple[tuple[str, str], ...] | None:
        found: dict[str, str] = {}
        known = len(issues)
        for name, text in query:
            if not name.startswith(self.prefix):
                continue
            key = name.removeprefix(self.prefix)
            if self.pattern.fullmatch(name) is None:
                issues.append(Issue(("query", name), "the key after the dot is empty", "empty_key", text))
            elif key in found:
                issues.append(Issue(("query", name), "the same key is given twice", "repeated_key", text))
            else:
                found[key] = text
        if self.required and not found and len(issues) == known:
            issues.append(missing("query", self.name))
        return tuple(found.items()) or None


def missing(where: str, name: str) -> Issue:
    return Issue((where, name), "Field required", "missing", None)


# From a declaration to what decodes it


def input_of(
    parameter: Parameter, *, empty_is_absent: bool = False, reading: Reading = AS_WRITTEN
) -> Single | Repeated | Prefixed:
    """What decodes a parameter, or a `SpecError` that says what in its schema cannot be honoured."""
    name, where, required, schema = parameter.name, parameter.where, parameter.required, parameter.schema
    chosen = 0 if reading.repeated == "first" else -1
    empty_is_absent = empty_is_absent or (reading.empty == "absent" and where == "query")
    try:
        if parameter.pairs is not None:
            return Prefixed(name, required, parameter.pairs, parameter.prefix)
        if parameter.json:
            return Single(name, where, required, *_json_reader(schema), empty_is_absent, chosen)
        if schema.get("type") == "array" and where == "query":
            return _repeat(parameter, reading)
        reader = reader_of(schema, reading, also="default")
        default = reader.default(schema["default"]) if "default" in schema else None
        return Single(name, where, required, reader.read, default, empty_is_absent, chosen)
    except SpecError as error:
        raise SpecError(f"parameter {name!r}: {error}") from error


def _json_reader(schema: Document) -> tuple[Read, Any]:
    """What reads JSON text, and the default."""
    honoured = {"type", "default"}
    refuse_keywords(set(schema) - honoured - ANNOTATIONS, "JSON text", honoured)
    kind = schema.get("type", "")
    if not isinstance(kind, str) or kind not in READERS:
        raise SpecError(f"JSON text of the type {show(kind)} cannot be decoded")
    read = READERS[kind]
    if "default" not in schema:
        return read, None
    check_json(schema["default"], "default")
    try:
        return read, read(json.dumps(schema["default"]))
    except ValueRefused as refused:
        raise SpecError(f"default: {show(schema['default'])} is refused: {refused.msg}") from refused


def _repeat(parameter: Parameter, reading: Reading) -> Repeated:
    schema = parameter.schema
    honoured = {"type", "items", "default", *LISTS}
    refuse_keywords(set(schema) - honoured - ANNOTATIONS, "a list", honoured)
    try:
        items = reader_of(mapping(schema.get("items"), "a list needs them"), reading)
    except SpecError as error:
        raise SpecError(f"items: {error}") from error
    checks = checks_of(items.kind, LISTS, schema)
    default = None
    if "default" in schema:
        values = [items.default(value) for value in sequence(schema["default"], "default")]
        try:
            for check in checks:
                check(values)
        except ValueRefused as refused:
            raise SpecError(f"default: {show(schema['default'])} is refused: {refused.msg}") from refused
        default = tuple(dict.fromkeys(values)) or None
    name, required, commas = parameter.name, parameter.required, not parameter.explode
    return Repeated(name, "query", required, items.read, commas, default, checks, reading.empty == "absent")


# A whole operation


@dataclass(frozen=True, slots=True)
class Decoder:
    """All declared inputs of one operation. `required` names those of the query's own names that must be there. Those
    in headers are decoded apart: they may be secrets, and are no part of the question that a client asks."""

    path: tuple[Single, ...]
    query: dict[str, Single | Repeated]
    pairs: tuple[Prefixed, ...]
    required: tuple[str, ...]
    defaults: Values
    checks: tuple[ValuesCheck, ...] = ()
    headers: tuple[Single, ...] = ()

    def decode_headers(self, headers: Mapping[str, str]) -> Values:
        """Typed values of those in headers (whose names are in lower case), or a Problem that lists every issue."""
        issues: list[Issue] = []
        values: Values = {}
        for single in self.headers:
            text = headers.get(single.name.lower())
            if text is not None:
                values[single.name] = single.decode((text,), issues)
            else:
                values[single.name] = single.default
                issues += [missing("header", single.name)] if single.required else []
        if issues:
            raise invalid(issues)
        return values

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
        for pairs in self.pairs:
            values[pairs.name] = pairs.decode(query, issues)
        for name in self.required:
            if name not in texts:
                issues.append(missing("query", name))
        for check in self.checks:
            check(values, issues)
        if issues:
            raise invalid(issues)
        return values


def decoder(
    parameters: Iterable[Parameter],
    *,
    optional_text: frozenset[str],
    checks: Iterable[ValuesCheck],
    reading: Reading = AS_WRITTEN,
) -> Decoder:
    """Compile an operation's declared parameters; those of `optional_text` count as absent when they are empty."""
    path: list[Single] = []
    headers: list[Single] = []
    query: dict[str, Single | Repeated] = {}
    pairs: list[Prefixed] = []
    defaults: Values = {}
    for parameter in parameters:
        each = input_of(parameter, empty_is_absent=parameter.name in optional_text, reading=reading)
        if isinstance(each, Prefixed):
            pairs.append(each)
            defaults[each.name] = None
        elif isinstance(each, Single) and parameter.where == "path":
            path.append(each)
        elif isinstance(each, Single) and parameter.where == "header":
            headers.append(each)
        else:
            query[each.name] = each
            defaults[each.name] = each.default
    required = tuple(each.name for each in query.values() if each.required)
    return Decoder(tuple(path), query, tuple(pairs), required, defaults, tuple(checks), tuple(headers))


def check_query(query_string: bytes) -> None:
    """Refuse a query that is too large to be looked at, or that is not written as a query is."""
    if len(query_string) > MAX_QUERY_BYTES:
        raise Problem(414, "too_long", f"The query is longer than {MAX_QUERY_BYTES} bytes")
    if query_string.count(b"&") >= MAX_QUERY_FIELDS:
        raise Problem(400, "too_many", f"The query has more than {MAX_QUERY_FIELDS} fields")
    if query_string.translate(None, WRITTEN):
        raw = UNESCAPED.search(query_string)
        assert raw is not None
        field = query_string[: raw.start()].rpartition(b"&")[2].partition(b"=")[0].decode()[:MAX_NAME]
        where = f"{field}: the query" if field else "The URL"
        byte = raw[0][0]
        raise Problem(400, "bad_request", f"{where} has the raw byte 0x{byte:02X}, which is written as %{byte:02X}")


def query_pairs(query_string: bytes) -> Pairs:
    """The raw query as (name, text) pairs; escapes that are no UTF-8 become U+FFFD, as in the providers' frameworks."""
    check_query(query_string)
    return split_query(query_string)


def split_query(query_string: bytes) -> Pairs:
    """The pairs of any query, also of one that `check_query` refuses."""
    text = query_string.decode("utf-8", "replace")
    if "%" not in text and "+" not in text:
        # Most queries escape nothing, and the general parser costs more than everything else here.
        return [(name, value) for name, _, value in (part.partition("=") for part in text.split("&") if part)]
    return parse_qsl(text, keep_blank_values=True, errors="replace")
