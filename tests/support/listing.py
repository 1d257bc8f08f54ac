"""Documents, pages and questions for tests of one listing without a server around it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from pyroaring import BitMap

from fakeserver.documents.changes import Clear, Put
from fakeserver.documents.collection import Collection
from fakeserver.documents.order import newest_first
from fakeserver.listing.envelopes import Page
from fakeserver.listing.filters import Filter
from fakeserver.listing.listing import Facets, Listing
from fakeserver.listing.meaning import Meaning
from fakeserver.listing.pages import Context
from fakeserver.listing.select import body_of


@dataclass(frozen=True)
class Issuer:
    """A world as cursors see it."""

    name: str = ""
    secret: bytes = b"secret"
    epoch: int = 0
    as_of: int = 1_000_000
    writes: int = 0


def filters_of(meaning: Meaning) -> tuple[Filter, ...]:
    """The filters of a listing, or of facets; other operations have none."""
    return meaning.filters if isinstance(meaning, Listing | Facets) else ()


CONTEXT = Context(Issuer(), tenant="acme", question=b"listing of running ones")


def fill(collection: Collection, documents: Iterable[tuple[dict[str, Any], str]]) -> None:
    """Exactly these documents, each with its owner, and none of those before."""
    collection.apply([Clear(), *(Put(document, owner) for document, owner in documents)])


def collection_of(count: int, *, ties: int = 3) -> Collection:
    """Documents of which `ties` at a time share their instant."""
    collection = Collection(None, newest_first("created", "id"))
    fill(
        collection,
        (({"id": f"id-{n:03d}", "created": f"2026-01-01T00:{n // ties:02d}:00Z"}, "somebody") for n in range(count)),
    )
    return collection


def value_of(page: Page, collection: Collection) -> Any:
    """The body of a page as JSON."""
    body = body_of(page, collection)
    return json.loads(body if isinstance(body, bytes) else b"".join(body))


def ids_of(page: Page, collection: Collection) -> list[str]:
    return [collection.document(rank)["id"] for rank in page.ranks]


subsets = st.integers(0, 25).flatmap(
    lambda count: st.tuples(st.just(count), st.sets(st.integers(0, max(0, count - 1)), max_size=count))
)
"""A number of documents, and some of their places."""


def part_of(count: int, chosen: set[int]) -> tuple[Collection, BitMap, list[str]]:
    """A collection, some of its ranks, and the ids of those in order."""
    collection = collection_of(count)
    ranks = list(collection.everything)
    found = BitMap([ranks[each] for each in chosen if each < count])
    return collection, found, [collection.document(rank)["id"] for rank in found]
