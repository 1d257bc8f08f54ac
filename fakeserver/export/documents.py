"""The documents alone (`--format json`): a file for each kind, which has a list for each tenant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import orjson

from fakeserver.documents.collection import Collection
from fakeserver.export.source import Export, Source

SANDBOXES = "documents.json"
FOLDER = "kinds"
OTHER = re.compile(r"[^\w-]")
"""What a kind's name may hold, and a file's name does not."""
LEFT_OUT = ("What the provider's operations do: these are documents, and nothing that answers requests.",)


def export(source: Source) -> Export:
    """The files of the export, and what it says of itself."""
    files = {SANDBOXES: text_of(source.tenants)}
    for kind in source.provider.kinds:
        files[f"{FOLDER}/{OTHER.sub('-', kind)}.json"] = text_of(source.kind(kind))
    return Export(source.about("json", LEFT_OUT), files)


def text_of(tenants: Mapping[str, Collection]) -> bytes:
    """An object with a list for each tenant, newest first: a document a line, so that a difference is one of lines."""
    return b"{" + b",".join(map(_list, tenants, tenants.values())) + b"\n}\n"


def _list(tenant: str, collection: Collection) -> bytes:
    rows = b",".join(_lines(collection))
    return b"\n" + orjson.dumps(tenant) + b": [" + rows + (b"\n]" if rows else b"]")


def _lines(collection: Collection) -> Iterator[bytes]:
    for rank in collection.everything:
        yield b"\n" + collection.body(rank)
