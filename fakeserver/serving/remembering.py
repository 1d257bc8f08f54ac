"""Packets that came more than once, with what their answers stood on, so that the next one is not even parsed; and what
is around a query in packets, or in front of a body, with what is known of a request by that.

Either is kept when it is seen for the second time: what is asked once leaves nothing but its hash.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from fakeserver.documents.cache import Cache, Seen
from fakeserver.pipeline.repeats import Opening, Repeat

AGAIN, ALIKE = "fakeserver.again", "fakeserver.alike"
"""Where the scope says that the request has been there before, or one that differs from it in its query alone."""
MAX_OPENINGS = 256
"""Requests of which all but the query is known."""
LINE = re.compile(rb"GET [!\"$->@-~]+\?([!\"$-~]*) HTTP/1\.1\r\n")
"""The beginning of a packet that has a query, without what a parser could take for the end of one."""
QUERY = bytes(code for code in range(0x21, 0x7F) if code != ord("#"))
"""What a query is written with there."""
HEAD_END = b"\r\n\r\n"
"""What is between the head of a packet and the body."""
MAX_SEEN = 8_192
"""Packets of which it is known that they were there once."""
MAX_PACKET = 2_048
"""Bytes of a packet that is remembered."""
MAX_BYTES = 16_000_000
"""Of all answers that are kept, and what is written down of each beside its body."""
EACH = 2_000

Key = tuple[bytes, str]
"""A packet, and the address that it came from."""
Around = tuple[bytes, bytes, str]
"""What is in front of a query in a packet and what is behind it, and the address; of a packet with a body, its head."""


class Remembered:
    """What one application remembers of its requests."""

    def __init__(self) -> None:
        self._seen = Seen(MAX_SEEN)
        self._kept: OrderedDict[Key, Repeat] = OrderedDict()
        self._size = 0
        self.openings: Cache[Around, Opening] = Cache(MAX_OPENINGS)

    def find(self, key: Key) -> Repeat | None:
        return self._kept.get(key)

    def was_seen(self, part: Hashable) -> bool:
        """Whether a packet has been there, or the part of one; it has from now on."""
        return self._seen.was(part)

    def keep(self, key: Key, repeat: Repeat) -> None:
        """Keep what an answer stood on; the oldest make room."""
        self.drop(key)
        self._kept[key] = repeat
        self._size += size_of(key, repeat)
        while self._size > MAX_BYTES:
            self.drop(next(iter(self._kept)))

    def drop(self, key: Key) -> None:
        repeat = self._kept.pop(key, None)
        if repeat is not None:
            self._size -= size_of(key, repeat)


@dataclass(slots=True)
class Frame:
    """What is in front of a query in the packets of a connection and what is behind it, and what is known `by` it."""

    front: bytes
    back: bytes
    opening: Opening
    by: Remembered

    def query_of(self, packet: bytes) -> bytes | None:
        """The query of a packet that has the same around it; None where it has not, or may not have."""
        if packet.startswith(self.front) and packet.endswith(self.back):
            query = packet[len(self.front) : -len(self.back)]
            if query and not query.translate(None, QUERY):
                return query
        return None


def size_of(key: Key, repeat: Repeat) -> int:
    body = repeat.result.body
    assert isinstance(body, bytes)
    return EACH + len(key[0]) + len(body)
