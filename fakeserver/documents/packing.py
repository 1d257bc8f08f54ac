"""Collections as bytes, for a store: what is looked up stands in columns, and what is read stays encoded until it is.

A packed value is a head, which is JSON, and sections, which the head calls by their numbers.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import orjson
from pyroaring import BitMap

from fakeserver.problems import Document, Json

MAGIC = b"fakeserver packed\n"
SHORT, LONG = "I", "q"
"""Numbers from 0 of four bytes, and any of eight."""
HEAD_BYTES = 8


def in_order(numbers: array[int]) -> array[int]:
    """Numbers as files have them: the least byte first."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


class Packing:
    """Sections that are being written."""

    def __init__(self) -> None:
        self._sections: list[bytes] = []

    def add(self, content: bytes) -> int:
        """One more section; its number."""
        self._sections.append(content)
        return len(self._sections) - 1

    def numbers(self, kind: str, values: Iterable[int]) -> int:
        return self.add(in_order(array(kind, values)).tobytes())

    def bitmap(self, bitmap: BitMap) -> int:
        return self.add(bitmap.serialize())

    def json(self, value: Json) -> int:
        return self.add(orjson.dumps(value))

    def each(self, pieces: Sequence[bytes]) -> list[int]:
        """Many pieces: a section of their lengths, and one of what they are."""
        return [self.numbers(SHORT, map(len, pieces)), self.add(b"".join(pieces))]

    def whole(self, head: Document) -> bytes:
        """All of it."""
        encoded = orjson.dumps({"sections": [len(each) for each in self._sections], "head": head})
        return b"".join((MAGIC, len(encoded).to_bytes(HEAD_BYTES, "little"), encoded, *self._sections))


class Packed:
    """What `Packing` wrote."""

    def __init__(self, content: bytes) -> None:
        start = len(MAGIC) + HEAD_BYTES
        behind = start + int.from_bytes(content[len(MAGIC) : start], "little")
        if not content.startswith(MAGIC) or behind > len(content):
            raise ValueError("it is not packed")
        told = orjson.loads(content[start:behind])
        self.head: Document = told["head"]
        self._content = content
        self._bounds = [*accumulate(told["sections"], initial=behind)]
        if self._bounds[-1] != len(content):
            raise ValueError("it is cut off")

    def section(self, number: int) -> bytes:
        return self._content[self._bounds[number] : self._bounds[number + 1]]

    def numbers(self, kind: str, number: int) -> array[int]:
        return in_order(array(kind, self.section(number)))

    def bitmap(self, number: int) -> BitMap:
        return BitMap.deserialize(self.section(number))

    def json(self, number: int) -> Any:
        return orjson.loads(self.section(number))

    def each(self, numbers: Sequence[int]) -> list[bytes]:
        lengths, content = numbers
        bounds = accumulate(self.numbers(SHORT, lengths), initial=self._bounds[content])
        whole = self._content
        return [whole[start:end] for start, end in pairwise(bounds)]
