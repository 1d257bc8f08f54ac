"""Which documents a question finds, and the body that shows them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

import orjson
from pyroaring import BitMap

from fakeserver.documents.answers import Answer
from fakeserver.documents.collection import Collection
from fakeserver.documents.seeded import encode
from fakeserver.listing.envelopes import Page
from fakeserver.listing.facets import Facet
from fakeserver.listing.filters import Filter
from fakeserver.listing.scope import Scope
from fakeserver.problems import Document
from fakeserver.spec.parameters import Values

RowChange = Callable[[Document, Document], Document]
"""Takes a document and what is kept of it beside."""
CHUNK_ROWS = 1_000
"""A longer list is sent in pieces of this many rows, so that no answer holds the server or its memory."""


def find(
    question: Hashable, filters: tuple[Filter, ...], collection: Collection, scope: Scope, values: Values
) -> BitMap:
    """What `select` finds, kept under the question; an account's users ask the same ones all day. After a write, only
    the documents that changed are asked about again."""
    answers = collection.answers
    answer, revision = answers.found.get(question), answers.revision
    if answer is not None:
        if answer.revision == revision:
            return answer.rows
        changed = answers.changed_since(answer.revision)
        if changed is not None:
            return answer.follow(changed, collection.shown, revision)
    found = select(filters, collection, scope, values)
    answers.found.keep(question, Answer(found, revision, test_of(filters, scope, values)))
    return found


def select(filters: tuple[Filter, ...], collection: Collection, scope: Scope, values: Values) -> BitMap:
    """The ranks of the documents in the scope that every given filter lets through."""
    found = None if scope.owner is None else collection.owned_by(scope.owner)
    for kind in filters:
        value = values[kind.parameter]
        if value is None:
            continue
        rows = kind.rows(collection, value)
        found = rows.rows if found is None else found & rows.rows
        if not rows.exact:
            holds = kind.predicate(value)
            found = BitMap([rank for rank in found if holds({kind.field: collection.value(rank, kind.field)})])
    return collection.everything if found is None else found


def question_of(operation: str, filters: Iterable[Filter], values: Values) -> bytes:
    """What the filters of an operation were given, as a text that is the same for everything that means the same: 1
    and 1.0 and true differ, but neither the order of a filter's values matters nor that of an object's names."""
    asked = []
    for kind in filters:
        value = values[kind.parameter]
        if value is not None:
            # The parts of a value that has several may come in any order; what is inside of a part may not.
            parts = sorted(map(_canonical, value)) if isinstance(value, tuple) else _canonical(value)
            asked.append(f"{kind.parameter}={parts}")
    return f"{operation} {asked}".encode()


def _canonical(value: Any) -> str:
    """A parsed value as a text that two equal ones share."""
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_canonical, value)))}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(sorted(f'{name!r}: {_canonical(inner)}' for name, inner in value.items()))}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_canonical, value))}]"
    return repr(value)


def test_of(filters: tuple[Filter, ...], scope: Scope, values: Values) -> Callable[[Document, str], bool]:
    """Whether `select` finds a document of an owner, by asking the document."""
    given = [(kind, values[kind.parameter]) for kind in filters]
    predicates = [kind.predicate(value) for kind, value in given if value is not None]
    wanted = scope.owner

    def test(document: Document, owner: str) -> bool:
        if wanted is not None and owner != wanted:
            return False
        # Without the generator that `all` takes: this runs in the first page after every write.
        for holds in predicates:  # noqa: SIM110
            if not holds(document):
                return False
        return True

    return test


def count(question: Hashable, facets: Mapping[str, Facet], found: BitMap, collection: Collection) -> bytes:
    """The facets' body, kept under the question."""
    answers = collection.answers
    kept = answers.counts.get(question)
    if kept is not None and kept[0] == answers.revision:
        return kept[1]
    counts = orjson.dumps({name: facet.counts(found, collection) for name, facet in facets.items()})
    answers.counts.keep(question, (answers.revision, counts))
    return counts


def body_of(page: Page, collection: Collection, change: RowChange | None = None) -> bytes | Iterator[bytes]:
    """The page's rows in their envelope, each with the change that is made of a document when it is shown."""
    if len(page.ranks) <= CHUNK_ROWS:
        rows = _rows(page.ranks, collection, change) or [b""]
        # The halves of the envelope go to the first and the last row, so that the whole is copied only once.
        rows[0] = page.before + rows[0]
        rows[-1] += page.after
        return b",".join(rows)
    # What changes meanwhile makes new state and leaves the old alone, so a shallow copy is a view that stays whole.
    return _pieces(page, copy.copy(collection), change)


def _rows(ranks: list[int], collection: Collection, change: RowChange | None) -> list[bytes]:
    if change is None:
        return collection.bodies(ranks)
    return [encode(change(collection.document(rank), collection.kept(rank))) for rank in ranks]


def _pieces(page: Page, collection: Collection, change: RowChange | None) -> Iterator[bytes]:
    yield page.before
    for start in range(0, len(page.ranks), CHUNK_ROWS):
        rows = b",".join(_rows(page.ranks[start : start + CHUNK_ROWS], collection, change))
        yield b"," + rows if start else rows
    yield page.after
