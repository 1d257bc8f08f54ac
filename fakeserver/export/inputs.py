"""Parameters as data: how their texts are read, and in which words they are refused, as `spec.parameters` does both."""

from __future__ import annotations

from typing import Any

import orjson

from fakeserver.export.unexportable import Unexportable
from fakeserver.problems import Document
from fakeserver.provider import Provider
from fakeserver.spec.declared import Parameter
from fakeserver.spec.numbers import INTEGER_READERS, MAX_INTEGER_DIGITS, MAX_PYDANTIC_DIGITS
from fakeserver.spec.parameters import Prefixed, Repeated, input_of
from fakeserver.spec.values import LISTS, Read, Reader, reader_of
from fakeserver.spec.wording import ValueRefused, refusal

BITS = {"int32": 32, "int64": 64}
JSON_TYPES = ("", "object")
NO_VALUE = "\0"
"""A text that no kind of value but text can be read from."""
NAMES = {"string": "text", "boolean": "boolean", "integer": "integer"}


def describe_input(parameter: Parameter, provider: Provider) -> Document:
    """One parameter, or `Unexportable`."""
    schema, reading = parameter.schema, provider.reading
    read = input_of(parameter, empty_is_absent=parameter.name in provider.optional_text, reading=reading)
    common: Document = {"name": parameter.name, "where": parameter.where, "required": parameter.required}
    if parameter.where == "header":
        raise Unexportable(f"parameter {parameter.name!r}: in a header")
    if isinstance(read, Prefixed):
        return {**common, "kind": "pairs", "prefix": read.prefix}
    if isinstance(read, Repeated):
        items = describe_value(reader_of(schema["items"], reading), schema["items"], provider)
        checks = describe_checks(LISTS, schema)
        if any(each["keyword"] != "uniqueItems" for each in checks):
            raise Unexportable(f"parameter {parameter.name!r}: how many values a list has")
        default = None if read.default is None else [*read.default]
        return {**common, "kind": "list", "items": items, "commas": read.commas, "checks": checks,
                "default": default, "keepsEmpty": read.keeps_empty}  # fmt: skip
    if parameter.json:
        value = describe_json(parameter, read.read)
    else:
        value = describe_value(reader_of(schema, reading, also="default"), schema, provider)
    return {**common, "kind": "single", "value": value, "default": read.default,
            "emptyIsAbsent": read.empty_is_absent, "first": read.chosen == 0}  # fmt: skip


def describe_value(reader: Reader, schema: Document, provider: Provider) -> Document:
    """What reads one text, with the words of its refusals."""
    kind, form = str(schema["type"]), schema.get("format", "")
    checks = describe_checks(reader.kind.checks, schema)
    if kind == "string" and form == "uuid":
        return {"kind": "uuid", "pydantic": provider.reading.uuids == "pydantic", "checks": checks,
                "refused": refused(reader.kind.read, NO_VALUE)}  # fmt: skip
    if kind not in NAMES or (form and form not in BITS):
        raise Unexportable(f"a value of the type {kind} and the format {form!r}")
    value: Document = {"kind": NAMES[kind], "checks": checks}
    if kind != "string":
        value["refused"] = refused(reader.kind.read, NO_VALUE)
    if kind == "integer":
        pydantic = provider.reading.numbers == "pydantic"
        digits = MAX_PYDANTIC_DIGITS if pydantic else MAX_INTEGER_DIGITS
        bare = INTEGER_READERS[provider.reading.numbers]
        value |= {"pydantic": pydantic, "digits": digits, "tooLong": refused(bare, "1" * (digits + 1))}
        if form:
            most = 2 ** (BITS[form] - 1) - 1
            bounds = [("maximum", most), ("minimum", -most - 1)]
            value["checks"] = [describe_check(*each) for each in bounds] + checks
    return value


def describe_json(parameter: Parameter, read: Read) -> Document:
    kind = parameter.schema.get("type", "")
    if kind not in JSON_TYPES:
        raise Unexportable(f"parameter {parameter.name!r}: JSON text of the type {kind}")
    depth = 65
    return {
        "kind": "json",
        "object": kind == "object",
        "refused": refused(read, NO_VALUE),
        "tooLong": refused(read, " " * 20_000),
        "tooDeep": refused(read, "[" * depth + "]" * depth),
        "noObject": refused(read, "1") if kind == "object" else None,
    }


def describe_checks(known: Any, schema: Document) -> list[Document]:
    """The checks of a schema, in the order in which they are made."""
    return [describe_check(keyword, schema[keyword]) for keyword in known if keyword in schema]


def describe_check(keyword: str, wanted: Any) -> Document:
    said = refusal(keyword, wanted, "")
    return {"keyword": keyword, "wanted": wanted, **words_of(said)}


def refused(read: Read, text: str) -> Document:
    """In which words a text is refused."""
    try:
        read(text)
    except ValueRefused as error:
        return words_of(error)
    raise AssertionError(f"{text[:20]!r} is refused by every kind of value")


def words_of(said: ValueRefused) -> Document:
    """The context is a text of JSON, in which numbers stand as the server writes them."""
    context = orjson.dumps(dict(said.context)).decode() if said.context else ""
    return {"msg": said.msg, "type": said.type, "context": context}
