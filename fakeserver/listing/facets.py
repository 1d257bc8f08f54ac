"""Facets: how many of the found documents have each value of a field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyroaring import BitMap

from fakeserver.documents.collection import Collection
from fakeserver.documents.keys import KeyFunction, itself
from fakeserver.problems import Document


@dataclass(frozen=True, slots=True)
class Facet:
    """One list of buckets. `bucket` makes the entry from a document that has the value; `tie` is the name of the
    bucket's text that orders equal counts, by code point."""

    field: str
    bucket: Callable[[Document], Document]
    tie: str
    keys: KeyFunction = itself

    def counts(self, found: BitMap, collection: Collection) -> list[Document]:
        """The buckets, most documents first; documents without a value, and empty buckets, are left out."""
        buckets = []
        for value, ranks in collection.postings(self.field, self.keys).items():
            count = 0 if value is None else ranks.intersection_cardinality(found)
            if count:
                # The name is that of the newest document that was found, not of one that the caller may not see.
                newest = collection.document((ranks & found).min())
                buckets.append({"count": count, **self.bucket(newest)})
        return sorted(buckets, key=lambda bucket: (-bucket["count"], str(bucket[self.tie] or "")))
