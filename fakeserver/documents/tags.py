"""Tags: the end of a seeded document's id says which ordinal it has, to whoever knows the key.

So a document is found by its id among a million, of which nobody keeps a list. To everybody else a tag looks as random
as the rest of the id.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator
from uuid import UUID

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
OF_BYTES = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
"""A letter or digit for any byte."""
LETTERS = 7
"""Letters and digits of a tag: enough for 32 bits."""
DIGITS = 8
"""Hexadecimal digits of a tag."""
TAG = f"%0{DIGITS}x"
WORD = 2**32
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
TWO = len(PAIRS)
FOUR = TWO * TWO
"""What two letters can be, and four."""
THREES = [pair + letter for pair in PAIRS[: WORD // FOUR // len(ALPHABET) + 1] for letter in ALPHABET]
"""What the three letters in front of four others can be."""
LOW = WORD - 1
FIRST_FACTOR, SECOND_FACTOR = 0x9E3779B1, 0x85EBCA6B
"""Odd, so that a multiplication can be undone; otherwise chosen for how well they mix."""
RUN = re.compile(rf"[a-z0-9]{{{LETTERS},}}")


@functools.lru_cache(maxsize=4_096)
def _mask(key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(b"tag", key=key, digest_size=4).digest(), "big")


def tag(key: bytes, ordinal: int) -> int:
    """The ordinal as a number of 32 bits that tells nobody else."""
    word = (ordinal ^ _mask(key)) * FIRST_FACTOR & LOW
    word ^= word >> 16
    word = word * SECOND_FACTOR & LOW
    return word ^ word >> 16


def untag(key: bytes, word: int) -> int:
    """The ordinal that has this tag."""
    word ^= word >> 16
    word = word * pow(SECOND_FACTOR, -1, WORD) % WORD
    word ^= word >> 16
    return (word * pow(FIRST_FACTOR, -1, WORD) % WORD) ^ _mask(key)


def in_letters(key: bytes, ordinal: int) -> str:
    """The tag as letters and digits."""
    word = tag(key, ordinal)
    return f"{THREES[word // FOUR]}{PAIRS[word // TWO % TWO]}{PAIRS[word % TWO]}"


def in_digits(key: bytes, ordinal: int) -> str:
    """The tag as hexadecimal digits."""
    return TAG % tag(key, ordinal)


def ordinals_in(key: bytes, text: str) -> Iterator[int]:
    """Every ordinal that an id may be the tagged one of."""
    for run in RUN.findall(text):
        word = 0
        for letter in run[-LETTERS:]:
            word = word * len(ALPHABET) + ALPHABET.index(letter)
        if word < WORD:
            yield untag(key, word)
        try:
            yield untag(key, int(run[-DIGITS:], 16))
        except ValueError:
            continue


def named_uuid(name: str) -> str:
    """The UUID that a name always has."""
    return str(UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=5))


def letters_of(raw: bytes) -> str:
    """Lower-case letters and digits, one for each byte."""
    return raw.translate(OF_BYTES).decode()
