"""A stored document, with its place and its body."""

from __future__ import annotations

import orjson

from fakeserver.documents.order import OrderKey
from fakeserver.documents.seeded import encode
from fakeserver.problems import Document


class Stored:
    """A document that somebody stored, and what the server keeps of it beside (see `changes.Put`); `stored_at` is how
    long after the epoch, in microseconds. Where it comes from a store, both are bytes until somebody reads them."""

    __slots__ = ("_body", "_document", "_kept", "lives", "owner", "place", "stored_at")

    def __init__(
        self,
        document: Document | None,
        owner: str,
        stored_at: int,
        place: OrderKey,
        body: bytes | None = None,
        kept: Document | bytes | None = None,
    ) -> None:
        self._document = document
        self.owner = owner
        self.stored_at = stored_at
        self.place = place
        self._body = body
        self._kept = kept
        self.lives = kept is not None
        """Whether something is kept of it, so that it lives by the running clock."""

    @property
    def document(self) -> Document:
        if self._document is None:
            assert self._body is not None
            self._document = orjson.loads(self._body)
        return self._document

    @property
    def body(self) -> bytes:
        """The document as JSON."""
        return encode(self.document) if self._body is None else self._body

    @property
    def kept(self) -> Document | None:
        if isinstance(self._kept, bytes):
            self._kept = orjson.loads(self._kept)
        return self._kept  # type: ignore[return-value]

    @property
    def kept_body(self) -> bytes:
        """What is kept of it as JSON; nothing if nothing is."""
        kept = self._kept
        return b"" if kept is None else kept if isinstance(kept, bytes) else orjson.dumps(kept)

    def at(self, place: OrderKey) -> Stored:
        """The same at another place."""
        return Stored(self._document, self.owner, self.stored_at, place, self._body, self._kept)
