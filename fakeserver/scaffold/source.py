"""A vendor's OpenAPI file as plain JSON in the form of 3.1, whatever its version and its syntax."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import yaml

from fakeserver.problems import Document, Json
from fakeserver.scaffold.version30 import to_31
from fakeserver.spec.yaml_text import UNREADABLE, Loader, say_unreadable

MAX_BYTES = 32 * 2**20
"""The largest descriptions that vendors publish have a third of it."""
MAX_DEPTH = 100
MAX_VALUES = 3_000_000
"""Values of a file, those counted again that a YAML alias repeats."""
MAX_CAUSE = 200
VERSION = re.compile(r"3\.([01])(\.\d+)?(-\w+)?")


class UnusableSource(Exception):
    """A file that no skeleton can be made from; the message is one line that names the file and the cause."""


class Yaml12(Loader):
    """YAML as OpenAPI has it, version 1.2: `on`, `no` and dates are text."""


Yaml12.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in Loader.yaml_implicit_resolvers.items()
}
Yaml12.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_source(path: Path) -> Document:
    """The document of a file, in the form of OpenAPI 3.1."""
    try:
        document = _document_of(_parse(_content_of(path)))
    except UnusableSource as error:
        raise UnusableSource(f"{path}: {error}") from error
    return document


def _content_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnusableSource(error.strerror or "cannot be read") from error
    if len(content) > MAX_BYTES:
        raise UnusableSource(f"is larger than {MAX_BYTES // 2**20} MB")
    return content


def _parse(content: bytes) -> Json:
    try:
        if content.lstrip()[:1] == b"{":
            # JSON is YAML as well, but a hundred times faster to read as what it is.
            return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        return yaml.load(content.decode("utf-8-sig"), Loader=Yaml12)
    except UNREADABLE as error:
        raise UnusableSource(f"is neither YAML nor JSON: {say_unreadable(error)[:MAX_CAUSE]}") from error


def _document_of(value: Json) -> Document:
    if not isinstance(value, dict):
        raise UnusableSource("is not an OpenAPI document: it is not a mapping")
    if "swagger" in value:
        raise UnusableSource("is a Swagger 2.0 document: convert it to OpenAPI 3 first")
    version = str(value.get("openapi", ""))
    found = VERSION.fullmatch(version)
    if found is None:
        said = f"says openapi: {version[:20]}" if version else "does not say which version of OpenAPI it is"
        raise UnusableSource(f"is not an OpenAPI 3.0 or 3.1 document: it {said}")
    document: Document = Plain().copy(value)
    if not isinstance(document.get("paths"), dict) or not document["paths"]:
        raise UnusableSource("has no paths")
    return to_31(document, old=found[1] == "0")


class Plain:
    """Copies values as JSON has them: keys are text, dates as well. What has no end is refused."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def copy(self, value: Any, depth: int = 0) -> Json:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            how = f"deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"larger than {MAX_VALUES:,} values"
            raise UnusableSource(f"is {how}, or an alias in it holds itself")
        match value:
            case dict():
                return dict(self._members(value, depth))
            case list():
                return [self.copy(member, depth + 1) for member in value]
            case str():
                # YAML can escape half a character, and nothing can write that.
                return value if value.isascii() else value.encode("utf-8", "replace").decode()
            case bool() | None:
                return value
            case int() if abs(value) < 2**63:
                return value
            case float() if math.isfinite(value):
                return value
            case datetime.date():
                return value.isoformat()
            case int() | float():
                return None
            case _:
                return str(value)

    def _members(self, value: dict[Any, Any], depth: int) -> Iterator[tuple[str, Json]]:
        for name, member in value.items():
            # YAML reads the key 200 of a response as a number.
            yield str(name).lower() if isinstance(name, bool) else str(name), self.copy(member, depth + 1)
