"""Keys: what an index files a document under, for each way of keys one of its fields."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Protocol

from pyroaring import BitMap

from fakeserver.problems import Json

Key = Hashable
KeyFunction = Callable[[Json], Iterable[Key]]


class Index(Protocol):
    """One field's index: which rows are filed under a key, or under every key, and which rows there are."""

    @property
    def everything(self) -> BitMap: ...

    def filed(self, field: str, keys: KeyFunction, key: Key) -> BitMap: ...

    def postings(self, field: str, keys: KeyFunction) -> Mapping[Key, BitMap]: ...


def itself(value: Json) -> Iterator[Key]:
    """File a document under the field's value as it stands."""
    yield value


def elements(value: Json) -> Iterator[Key]:
    """File a document under each element of a list."""
    yield from dict.fromkeys(value or ())


def entries(value: Json) -> Iterator[Key]:
    """File a document under each name and text of a flat object."""
    for name, text in (value or {}).items():
        if isinstance(text, str):
            yield name, text


def paths(value: Json) -> Iterator[Key]:
    """File a document under each path of a JSON value: to every scalar, and to every object and array as such."""
    yield from dict.fromkeys(_paths(value, ()))


ELEMENT = ("element",)


def _paths(value: Json, path: tuple[Key, ...]) -> Iterator[Key]:
    if isinstance(value, dict):
        yield path, "object"
        for name, inner in value.items():
            yield from _paths(inner, (*path, ("name", name)))
    elif isinstance(value, list):
        yield path, "array"
        for inner in value:
            yield from _paths(inner, (*path, ELEMENT))
    else:
        yield path, scalar(value)


def scalar(value: Json) -> tuple[str, Json]:
    """A JSON scalar that equals another exactly when PostgreSQL's jsonb says so: 1 = 1.0, but not true, and not "1"."""
    if isinstance(value, bool) or value is None:
        return "constant", str(value)
    if isinstance(value, str):
        return "string", value
    return "number", Decimal(repr(value)) if isinstance(value, float) else value
