"""Keyed draws: every value of a seeded document depends only on seed, provider, tenant, field and ordinal.

Two kinds. A *column* is a field that filters and facets need: its values come from a small weighted vocabulary and are
drawn for a million documents at once. Everything else is drawn field by field when somebody reads the document.
"""

from __future__ import annotations

import functools
import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, pairwise
from struct import unpack
from typing import Any, TypeVar

from fakeserver.documents import tags
from fakeserver.documents.cache import Cache
from fakeserver.instants import SECOND
from fakeserver.problems import Json

T = TypeVar("T")

DIGEST_BYTES = 64
"""Of a digest, and so the most that one field can be drawn of."""
NUMBER_BITS, FACTOR_BITS = 60, 30
"""Of a document's number, and of the factor that makes a field's of it: two of the digits that Python reckons in, and
one, whose product takes two thirds of the time that others would."""
DRAWN_BITS, DRAWN_DIGITS = 48, 12
"""What of a product is random, binary and hexadecimal: the lowest bits are not yet mixed, the highest no longer."""
DRAWN: int = 2**DRAWN_BITS - 1
NUMBER: int = 2**NUMBER_BITS - 1
NEIGHBOURS = DIGEST_BYTES // 8
"""Documents whose numbers are of one digest."""
PRODUCT_BYTES = -(-(NUMBER_BITS + FACTOR_BITS) // 8)
UNKNOWN = -1
VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""What a random UUID has in the place of a hexadecimal digit, to say of which kind it is."""
CODES = 256
"""A column's vocabulary has at most this many values, so that a draw is one byte."""
COMMON = 20
"""A code that more than every twentieth document has is not looked for but sifted out."""
BLOCK = 4_096
"""Ordinals whose codes are drawn by one call."""
BATCH = 4
"""Neighbouring ordinals that may share their creation instant, as sandboxes of one batch job do."""
BATCH_ODDS = 6
MAX_FIELDS = 4_096
"""Fields whose factors are kept at hand."""
GAPS = ((0, 180), (480, 21_600), (1_200, 180))
"""Mean seconds between two creations from an ordinal on. What may still run is of the last day; behind it, a tenant of
seven hundred documents goes back two months and one of a thousand more than four, a million go back six years."""
TOKEN = 8
"""Characters at the end of a long name that tell it from others."""
UNIQUE = "{unique}"
"""In a column's value: replaced by a token of the document's own."""


def digest(key: bytes, *parts: object, size: int = 16) -> bytes:
    """A keyed hash of the parts; equal on every machine and Python."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), key=key, digest_size=size).digest()


def number_of(key: bytes, ordinal: int) -> int:
    """The random bits of a document that all of its fields are made of."""
    return _numbers(key, ordinal // NEIGHBOURS)[ordinal % NEIGHBOURS] & NUMBER


@functools.lru_cache(maxsize=256)
def _numbers(key: bytes, group: int) -> tuple[int, ...]:
    """Those of neighbours, who are read together and share a digest."""
    return unpack(f">{NEIGHBOURS}Q", hashlib.blake2b(b"%b%d" % (key, group)).digest())


class Factors(dict[str, int]):
    """By field, an odd number of so many bits."""

    def __missing__(self, field: str) -> int:
        if len(self) >= MAX_FIELDS:
            self.clear()
        half = 1 << FACTOR_BITS - 1
        factor = self[field] = half | int.from_bytes(digest(b"", "factor", field)) % half | 1
        return factor


FACTORS = Factors()


@functools.lru_cache(maxsize=256)
def _block(key: bytes, field: str, number: int) -> bytes:
    return hashlib.shake_128(key + b"\x1f" + field.encode() + b"\x1f%d" % number).digest(BLOCK)


@dataclass(frozen=True, slots=True)
class Column:
    """A field's vocabulary and its weights. From each ordinal in `starts` on, the table beside it holds (newest first),
    so that old sandboxes are rarely the running ones. A table maps a random byte to the code of a value."""

    field: str
    values: tuple[Json, ...]
    starts: tuple[int, ...]
    tables: tuple[bytes, ...]
    unique: frozenset[int]

    def codes(self, key: bytes, size: int) -> bytes:
        """The codes of ordinals 0 … size-1, one byte each."""
        # A million documents without a loop over them: random bytes by the block, and `translate` reads each band's
        # bytes through its table at once. A band may begin behind the last document, hence the max.
        stream = b"".join(_block(key, self.field, number) for number in range(-(-size // BLOCK)))
        ends = [*self.starts[1:], size]
        bands = zip(self.starts, ends, self.tables, strict=True)
        return b"".join(stream[start : max(start, min(end, size))].translate(table) for start, end, table in bands)

    def value(self, key: bytes, ordinal: int) -> Json:
        """The value of one ordinal; equal to what `codes` says for it."""
        values, tables = self.values, self.tables
        if len(values) == 1 and not self.unique:
            return values[0]
        table = tables[bisect_right(self.starts, ordinal, 1) - 1] if len(tables) > 1 else tables[0]
        code = table[_block(key, self.field, ordinal // BLOCK)[ordinal % BLOCK]]
        return self.expand(values[code], key, ordinal) if code in self.unique else values[code]

    def expand(self, value: T, key: bytes, ordinal: int) -> T:
        """The value with this ordinal's own token."""
        return substitute(value, UNIQUE, digest(key, self.field, "unique", ordinal, size=5).hex())

    def groups(self, key: bytes, size: int) -> Iterator[tuple[Json, Iterable[int], bool]]:
        """Each value, the ordinals that have it, and whether it is a template that each of them expands."""
        codes = self.codes(key, size)
        for code, value in enumerate(self.values):
            yield value, positions(codes, code), code in self.unique


def positions(codes: bytes, code: int) -> Iterable[int]:
    """Where a code stands."""
    # Three ways, by how common the code is; each is several times faster than a loop. Everywhere: nothing to look for.
    # Common: `translate` makes a mask of this code against all others, and `compress` sifts the ordinals through it.
    # Rare: `find` leaps over the others at the speed of memory, which pays only where they are many.
    count = codes.count(code)
    if count == len(codes):
        return range(count)
    if count * COMMON > len(codes):
        mask = codes.translate(bytes(code) + b"\x01" + bytes(CODES - 1 - code))
        return compress(range(len(codes)), mask)
    return leaps(codes, code)


def leaps(codes: bytes, code: int) -> Iterator[int]:
    ordinal = codes.find(code)
    while ordinal >= 0:
        yield ordinal
        ordinal = codes.find(code, ordinal + 1)


def substitute(value: T, placeholder: str, text: str) -> T:
    """The value with the placeholder replaced in every string, names of objects included."""
    return _substitute(value, placeholder, text)  # type: ignore[no-any-return]


def _substitute(value: Any, placeholder: str, text: str) -> Any:
    if isinstance(value, str):
        return value.replace(placeholder, text)
    if isinstance(value, dict):
        return {name.replace(placeholder, text): _substitute(inner, placeholder, text) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_substitute(inner, placeholder, text) for inner in value)
    return value


def code_table(weights: Sequence[int]) -> bytes:
    """Weights as 256 codes, by largest remainder; a weight above zero gets at least one."""
    total = sum(weights)
    shares = [max(1, weight * CODES // total) if weight else 0 for weight in weights]
    order = sorted(range(len(weights)), key=lambda code: (-weights[code], code))
    missing, index = CODES - sum(shares), 0
    while missing:
        code = order[index % len(order)]
        step = 1 if missing > 0 else -1
        if shares[code] + step > 0 and weights[code]:
            shares[code] += step
            missing -= step
        index += 1
    return b"".join(bytes([code]) * share for code, share in enumerate(shares))


SLOTS = tuple(
    (start, gap, sum((end - begun) * seconds for (begun, seconds), (end, _) in pairwise(GAPS) if end <= start))
    for start, gap in reversed(GAPS)
)
"""The same from the oldest on, with how many seconds before the epoch the time of the first ordinal ended."""


def slot_of(ordinal: int) -> tuple[int, int]:
    """The time in which a document of this ordinal was created: how many seconds before the epoch it ended, and how
    many seconds it had."""
    for start, gap, before in SLOTS:
        if start <= ordinal:
            return before + (ordinal - start) * gap, gap
    raise ValueError(ordinal)


def ordinal_at(age: int) -> int:
    """The ordinal of what was created so many seconds before the epoch, which is the other way round."""
    start, gap = GAPS[0]
    for later, slower in GAPS[1:]:
        if age < (later - start) * gap:
            break
        age -= (later - start) * gap
        start, gap = later, slower
    return start + age // gap


def _batch(key: bytes, number: int) -> int | None:
    """The number of a batch, if neighbouring ordinals are one."""
    return number if _block(key, "batch", number // BLOCK)[number % BLOCK] % BATCH_ODDS == 0 else None


Dealt = Cache[tuple[int, Callable[["Draw"], str]], list[str]]
"""The ids of batches, by their number and what makes them."""


class Draw:
    """The draws of one document."""

    # A digest for each field would be most of what a document costs, so one number of each document is spread: of its
    # product with a field's factor the middle bits tell no more of those of another field than chance would.

    __slots__ = (
        "_batch",
        "_columns",
        "_dealt",
        "_key",
        "_number",
        "_pinned",
        "_tags",
        "epoch",
        "ordinal",
        "vocabularies",
    )

    def __init__(
        self,
        key: bytes,
        ordinal: int,
        epoch: int,
        columns: Mapping[str, Column],
        vocabularies: Mapping[str, Any],
        pinned: Mapping[str, Json] | None = None,
        dealt: Dealt | None = None,
    ) -> None:
        self._key = key
        self._number = number_of(key, ordinal)
        self._batch: int | None = UNKNOWN
        self._pinned = pinned or None
        self._columns = columns
        self._dealt = dealt
        self._tags = False
        self.ordinal = ordinal
        self.epoch = epoch
        self.vocabularies = vocabularies

    def bits(self, field: str) -> int:
        """48 random bits of this field."""
        return (self._number * FACTORS[field] >> FACTOR_BITS) & DRAWN

    def random_bytes(self, field: str, size: int) -> bytes:
        """So many random bytes of this field."""
        if size > DIGEST_BYTES:
            raise ValueError(f"a field has no more than {DIGEST_BYTES} random bytes, not {size}")
        return hashlib.blake2b((self._number * FACTORS[field]).to_bytes(PRODUCT_BYTES)).digest()[:size]

    def below(self, field: str, limit: int) -> int:
        return (self._number * FACTORS[field] >> FACTOR_BITS) % limit

    def between(self, field: str, least: int, most: int) -> int:
        return least + (self._number * FACTORS[field] >> FACTOR_BITS) % (most - least + 1)

    def chance(self, field: str, percent: int) -> bool:
        return (self._number * FACTORS[field] >> FACTOR_BITS) % 100 < percent

    def pick(self, field: str, choices: Sequence[T]) -> T:
        return choices[(self._number * FACTORS[field] >> FACTOR_BITS) % len(choices)]

    def word(self, field: str, vocabulary: str) -> Any:
        """An entry of a vocabulary; early entries are more common than late ones."""
        words = self.vocabularies[vocabulary]
        number, count = self._number * FACTORS[field] >> FACTOR_BITS, len(words)
        one, other = number % count, (number >> FACTOR_BITS) % count
        return words[one if one < other else other]

    def long_name(self, field: str, vocabulary: str, length: int) -> str:
        """A name of exactly so many characters: words of a vocabulary, and a token of the document's own."""
        name, index = "", 0
        while len(name) < length - TOKEN:
            name += f"{self.word(f'{field} {index}', vocabulary)}-"
            index += 1
        name = name[: length - TOKEN].rstrip("-")
        return f"{name}-{self.hex(field, length - len(name) - 1)}"

    def hex(self, field: str, digits: int) -> str:
        if digits <= DRAWN_DIGITS:
            text = ((self._number * FACTORS[field] >> FACTOR_BITS) & DRAWN).to_bytes(DRAWN_BITS // 8).hex()[:digits]
        else:
            text = self.random_bytes(field, 32).hex()[:digits]
        if self._tags and digits >= tags.DIGITS:
            return text[: -tags.DIGITS] + tags.in_digits(self._key, self.ordinal)
        return text

    def letters(self, field: str, count: int) -> str:
        """Lower-case letters and digits, as in generated identifiers."""
        if self._tags and count >= tags.LETTERS:
            begin = tags.letters_of(self.random_bytes(field, count - tags.LETTERS))
            return begin + tags.in_letters(self._key, self.ordinal)
        return tags.letters_of(self.random_bytes(field, count))

    def uuid(self, field: str) -> str:
        # The standard library's type would do the same at three times the price.
        text = self.random_bytes(field, 16).hex()
        end = text[20:]
        if self._tags:
            end = end[: -tags.DIGITS] + tags.in_digits(self._key, self.ordinal)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{VARIANTS[text[16]]}{text[17:20]}-{end}"

    def column(self, field: str) -> Json:
        if self._pinned is not None and field in self._pinned:
            return self._pinned[field]
        return self._columns[field].value(self._key, self.ordinal)

    @property
    def batch(self) -> int | None:
        """The batch that this document was created in, or None."""
        if self._batch == UNKNOWN:
            self._batch = _batch(self._key, self.ordinal // BATCH)
        return self._batch

    @property
    def created(self) -> int:
        """The creation instant: later ordinals are older, those of one batch are equally old."""
        batch = self.batch
        if batch is None:
            slot, bits = self.ordinal, self._number * FACTORS["slot"] >> FACTOR_BITS
        else:
            slot = batch * BATCH
            bits = number_of(self._key, slot) * FACTORS["batch slot"] >> FACTOR_BITS
        start, gap = slot_of(slot)
        seconds = start + 1 + bits % (gap - 1)
        return self.epoch - seconds * SECOND + (bits >> FACTOR_BITS) % SECOND

    def identity(self, make: Callable[[Draw], str]) -> str:
        """The document's id; ids of one batch are dealt in order, since the id breaks the tie of their instants. The
        last letters or the UUID in it are tagged with an ordinal of the batch, by which the document is found. A
        function of a module is asked once for the ids of a batch, where documents are read in their order; one that
        is made anew for each document is asked each time."""
        batch = self.batch
        if batch is None:
            return self.reference(make)
        ids = None if self._dealt is None else self._dealt.get((batch, make))
        if ids is None:
            ids = sorted(self._beside(batch * BATCH + index).reference(make) for index in range(BATCH))
            if self._dealt is not None:
                self._dealt.keep((batch, make), ids)
        return ids[self.ordinal % BATCH]

    def reference(self, make: Callable[[Draw], str]) -> str:
        """Another text by which the document is found, as `identity`, but in no order."""
        before, self._tags = self._tags, True
        try:
            return make(self)
        finally:
            self._tags = before

    def _beside(self, ordinal: int) -> Draw:
        return Draw(self._key, ordinal, self.epoch, self._columns, self.vocabularies)


def siblings(ordinal: int) -> range:
    """The ordinals of the batch that a document may have been created in."""
    start = ordinal // BATCH * BATCH
    return range(start, start + BATCH)
