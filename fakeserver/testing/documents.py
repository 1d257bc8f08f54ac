"""A tenant's documents as tests see them: a view that is changed by `add` and `update`, and by nothing in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from fakeserver.instants import SECOND, instant
from fakeserver.problems import Document, Json
from fakeserver.testing.admin import Admin
from fakeserver.testing.building import Builder

IN_PLACE = frozenset({"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"})
"""What a list has, and would do to nobody but itself."""
INSTEAD = "add(…) adds one, update(…) changes some, and assigning a list to `documents` replaces all"


def refuse_change(self: object, *_: object, **__: object) -> Any:
    raise TypeError(f"a document that was read is not changed in place: {INSTEAD}")


class Row(dict[str, Json]):
    """A document that was read, or an object inside of one. A copy of it can be changed."""

    if not TYPE_CHECKING:
        __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = refuse_change

    # What copies, deep copies and pickles are made of.
    def __reduce__(self) -> tuple[type, tuple[Document]]:
        return dict, (dict(self),)

    def copy(self) -> Document:
        return dict(self)


class Entries(list[Json]):
    """An array inside of a document that was read."""

    if not TYPE_CHECKING:
        __setitem__ = __delitem__ = __iadd__ = __imul__ = refuse_change
        append = extend = insert = pop = remove = clear = reverse = sort = refuse_change

    def __reduce__(self) -> tuple[type, tuple[list[Json]]]:
        return list, (list(self),)

    def copy(self) -> list[Json]:
        return list(self)


def freeze(value: Json) -> Json:
    """The value with nothing in it that can be changed by accident."""
    if isinstance(value, dict):
        return Row({name: freeze(inner) for name, inner in value.items()})
    return Entries(map(freeze, value)) if isinstance(value, list) else value


class Documents(Sequence[Document]):
    """A tenant's documents, newest first, as they were when they were first looked at here or changed from here."""

    def __init__(self, admin: Admin, builder: Builder, slug: str, tenant: str) -> None:
        self._admin = admin
        self._builder = builder
        self._slug = slug
        self._tenant = tenant
        self._path = f"/documents/{slug}/{tenant}"
        self._rows: list[Document] | None = None

    def build(self, document: Mapping[str, Json] | None = None, /, **fields: Json) -> Document:
        """A document with these fields, valid and with an id of its own; the rest goes with them as the recipe has it,
        with dates just before the world's present. It is stored nowhere yet. TypeError or ValueError: a field that the
        provider does not have, or a value that cannot be written."""
        health, clock = self._admin.call("GET", "/health"), self._admin.call("GET", "/clock")
        now = instant(health["epoch"]) + round(clock["aged_seconds"] * SECOND)
        return self._builder.build(self._tenant, {**(document or {}), **fields}, seed=health["seed"], now=now)

    def add(self, document: Mapping[str, Json] | None = None, /, **fields: Json) -> Document:
        """One document more, which is returned: `add(name="x", status="RUNNING")`, the rest as `build` fills it.
        AdminError: it is not as the provider's spec says, or its id is taken."""
        built = self.build(document, **fields)
        return self._send("POST", [built])[0]

    @overload
    def update(self, which: str | int, /, **fields: Json) -> Document: ...

    @overload
    def update(self, which: Callable[[Document], bool], /, **fields: Json) -> list[Document]: ...

    def update(self, which: str | int | Callable[[Document], bool], /, **fields: Json) -> Document | list[Document]:
        """Give the document with this id, or all those that a predicate holds for, other values in these fields; what
        became of it, or of them. LookupError: no document has the id. AdminError: what comes of it is not as the
        provider's spec says."""
        identity, changed = self._builder.identity, self._builder.read(fields)
        if identity in changed:
            raise TypeError(f"{identity} tells documents apart, so it cannot be changed; add(…) makes another document")
        self._rows = None
        if callable(which):
            chosen = [row for row in self if which(row)]
            return self._send("PATCH", [{**row, **changed} for row in chosen]) if chosen else []
        row = next((row for row in self if row[identity] == which), None)
        if row is None:
            raise LookupError(f"{self._slug} {self._tenant} has no document with the {identity} {which!r}")
        return self._send("PATCH", [{**row, **changed}])[0]

    def replace(self, documents: Iterable[Mapping[str, Json]]) -> None:
        """Exactly these documents, each whole. AdminError: one is not as the provider's spec says."""
        self._send("PUT", list(documents))

    def _send(self, method: str, documents: Sequence[Mapping[str, Json]]) -> list[Document]:
        sent = [
            self._builder.write(document, "" if len(documents) == 1 else f"document {index}")
            for index, document in enumerate(documents)
        ]
        self._admin.call(method, self._path, sent)
        self._rows = None
        return [freeze(each) for each in sent]

    # What a sequence is

    @property
    def _read(self) -> list[Document]:
        if self._rows is None:
            self._rows = [freeze(each) for each in self._admin.call("GET", self._path)]
        return self._rows

    def __len__(self) -> int:
        return len(self._read)

    @overload
    def __getitem__(self, index: int) -> Document: ...

    @overload
    def __getitem__(self, index: slice) -> list[Document]: ...

    def __getitem__(self, index: int | slice) -> Document | list[Document]:
        return self._read[index]

    def __iter__(self) -> Iterator[Document]:
        return iter(self._read)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return self._read == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, others: Iterable[Document]) -> list[Document]:
        return [*self._read, *others]

    def __repr__(self) -> str:
        return repr(self._read)

    if not TYPE_CHECKING:  # A type checker knows without a word of ours that a sequence has none of these.

        def __getattr__(self, name):
            if name in IN_PLACE:
                raise AttributeError(f"documents have no {name!r}, which would change nothing: {INSTEAD}")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def __setitem__(self, index, document):
            raise TypeError(f"documents are not assigned one by one: {INSTEAD}")

        def __delitem__(self, index):
            raise TypeError(f"documents are not deleted one by one: {INSTEAD}")
