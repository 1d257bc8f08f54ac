"""JSON containment, as PostgreSQL's `@>` has it."""

from __future__ import annotations

from fakeserver.documents.keys import scalar
from fakeserver.problems import Json


def contains(document: Json, query: Json) -> bool:
    """PostgreSQL's `document @> query` on jsonb values."""
    if isinstance(document, list) and not isinstance(query, dict | list):
        # The one exception PostgreSQL makes, and only at the top: an array contains a bare scalar.
        return any(_includes(element, query) for element in document)
    return _includes(document, query)


def _includes(document: Json, query: Json) -> bool:
    # Asked in the first page after every write: the plainest question comes first, and no generator is made.
    if isinstance(query, str):
        return isinstance(document, str) and document == query
    if isinstance(query, dict):
        if not isinstance(document, dict):
            return False
        for name, inner in query.items():  # noqa: SIM110
            if name not in document or not _includes(document[name], inner):
                return False
        return True
    if isinstance(query, list):
        return isinstance(document, list) and all(
            any(_includes(element, wanted) for element in document) for wanted in query
        )
    if isinstance(document, dict | list):
        return False
    return scalar(document) == scalar(query)


def couples_paths(value: Json) -> bool:
    """True where two paths of the query must meet in the same element of an array, which filed keys cannot tell."""
    if isinstance(value, dict):
        return any(couples_paths(inner) for inner in value.values())
    return isinstance(value, list) and any(isinstance(element, dict | list) for element in value)
