"""How much a world of a store may have, so that one client of a shared server does not fill it for all."""

from __future__ import annotations

from dataclasses import dataclass

from fakeserver.commands.kept import MAX_KEPT_BYTES
from fakeserver.worlds.documents import MAX_WRITTEN
from fakeserver.worlds.shared import MAX_SHARED_ENTRIES


@dataclass(frozen=True, slots=True)
class Room:
    """Documents that are written there, bytes of the files in all its sandboxes, as they are kept, and requests of
    its journal, of which the oldest are dropped."""

    documents: int = MAX_WRITTEN
    file_bytes: int = MAX_KEPT_BYTES
    requests: int = MAX_SHARED_ENTRIES


ROOM = Room()
"""Unless a server is told otherwise."""
