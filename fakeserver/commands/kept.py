"""The files of sandboxes that nobody works in, as they are kept."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator

from fakeserver.commands.ran import Key

MAX_KEPT = 200_000
"""Sandboxes whose files are kept in a world."""
MAX_KEPT_BYTES = 2**30
"""Bytes of all their files, as they are kept; the sandbox that was used least lately makes room."""

log = logging.getLogger("fakeserver")


class Kept:
    """Frozen files by sandbox, those that were used least lately first."""

    def __init__(self) -> None:
        self._frozen: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frozen)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._frozen)

    def __contains__(self, key: Key) -> bool:
        return key in self._frozen

    def get(self, key: Key) -> bytes | None:
        return self._frozen.get(key)

    def put(self, key: Key, frozen: bytes) -> None:
        """Keep the files of a sandbox in the place of those that it had."""
        self.pop(key)
        self._frozen[key] = frozen
        self._bytes += len(frozen)
        while len(self._frozen) > 1 and (len(self._frozen) > MAX_KEPT or self._bytes > MAX_KEPT_BYTES):
            oldest = next(iter(self._frozen))
            self.pop(oldest)
            log.warning("%s %s: its files make room for those of other sandboxes", *oldest)

    def pop(self, key: Key) -> bytes | None:
        frozen = self._frozen.pop(key, None)
        self._bytes -= len(frozen or b"")
        return frozen
