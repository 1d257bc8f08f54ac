"""Pages that are kept: whoever asks in other words for what was asked for before gets the bytes that were made then.

A page stands until something is shown otherwise, which gives the answers of its collection another revision.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping

from fakeserver.documents.cache import Seen

MAX_BYTES = 8_000_000
"""Of all pages of one provider, in whatever worlds."""
MAX_PAGE_BYTES = 100_000
"""Of one of them. What is longer takes long enough to send."""
MAX_QUERY_BYTES = 500
"""Of the query that asked for it, which is in what it is found by, and in its links."""
EACH = 4_000
"""Bytes that a page takes beside its body, at the most."""
MAX_SEEN = 4_096
"""Pages of which it is known that they were asked for once."""


Whole = tuple[bytes, Mapping[str, str] | None]
"""The body of a page, and its headers."""


class KeptPages:
    """The pages that were asked for twice; the oldest make room."""

    def __init__(self) -> None:
        self._seen = Seen(MAX_SEEN)
        self._kept: OrderedDict[Hashable, Whole] = OrderedDict()
        self.size = 0

    def find(self, key: Hashable) -> Whole | None:
        return self._kept.get(key)

    def keep(self, key: Hashable, query: bytes, body: bytes, headers: Mapping[str, str] | None) -> None:
        """Keep a page that is not kept yet, if it was asked for before."""
        short = len(body) <= MAX_PAGE_BYTES and len(query) <= MAX_QUERY_BYTES
        if not short or not self._seen.was(key) or key in self._kept:
            return
        self._kept[key] = body, headers
        self.size += len(body) + EACH
        while self.size > MAX_BYTES:
            _, (oldest, _) = self._kept.popitem(last=False)
            self.size -= len(oldest) + EACH
