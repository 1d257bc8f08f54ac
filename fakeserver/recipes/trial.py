"""Trial documents: made at start, they hold a recipe against the code that reads it and against the provider's spec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakeserver.arguments import near
from fakeserver.documents.draws import Column, Draw, T
from fakeserver.documents.seeded import Pin
from fakeserver.instants import instant
from fakeserver.problems import Document, Json
from fakeserver.provider import Provider
from fakeserver.recipes.located import FixtureError, kind
from fakeserver.spec.reader import Spec

if TYPE_CHECKING:
    from fakeserver.recipes.schema import DocumentSchema
    from fakeserver.spec.breaches import Breach


TRIALS = 100
"""So many documents have every outcome of a chance in per cent."""
MAX_TRIALS = 1_000
"""Documents of a tenant that are made; so many words of a vocabulary are tried."""
KEY = b"trial"
EPOCH = instant("2026-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Part:
    """What a recipe says of one tenant; `places` has, for each column, where each of its values stands."""

    name: str
    columns: Mapping[str, Column]
    pins: Mapping[int, Pin]
    places: Mapping[str, list[str]]


class Words(dict[str, Any]):
    """Vocabularies; one that is missing is named."""

    def __missing__(self, name: str) -> Any:
        raise FixtureError(f"the vocabulary {name!r} is missing{near(name, self)}")


class TrialDraw(Draw):
    """A draw that leaves nothing to chance: trial `number` has each column's value and each choice of that number."""

    number = 0
    reading: set[str]

    def bits(self, field: str) -> int:
        return self.number

    # Each draws by itself there, since a document takes dozens.
    def below(self, field: str, limit: int) -> int:
        return self.number % limit

    def between(self, field: str, least: int, most: int) -> int:
        return least + self.number % (most - least + 1)

    def chance(self, field: str, percent: int) -> bool:
        return self.number % 100 < percent

    def pick(self, field: str, choices: Sequence[T]) -> T:
        return choices[self.number % len(choices)]

    def word(self, field: str, vocabulary: str) -> Any:
        words = self.vocabularies[vocabulary]
        return words[self.number % len(words)]

    def column(self, field: str) -> Json:
        self.reading.add(field)
        if self._pinned is not None and field in self._pinned:
            return self._pinned[field]
        if field not in self._columns:
            raise FixtureError(f"the column {field!r} is missing; there are {', '.join(self._columns)}")
        column = self._columns[field]
        code = self.number % len(column.values)
        return column.expand(column.values[code], self._key, self.ordinal)


def check(provider: Provider, contract: Spec, vocabularies: Mapping[str, list[Json]], parts: Iterable[Part]) -> None:
    """Make documents with every value of every column, and with every pin, and hold each against the spec."""
    from fakeserver.recipes.schema import DocumentSchema

    schema = DocumentSchema(provider, contract)
    words = Words(vocabularies)
    tried: set[int] = set()
    count = max([TRIALS, *(len(vocabulary) for vocabulary in vocabularies.values())])
    for part in parts:
        reading = {"owner"}
        fresh = [column for column in part.columns.values() if id(column) not in tried]
        tried |= {id(column) for column in fresh}
        for number in range(min(MAX_TRIALS, max(count, *(len(column.values) for column in fresh), 1))):
            document = make_document(provider, part, words, number, Pin(), reading)
            for breach in breaches(schema, part, document):
                where = place_of(part, document, breach, number)
                raise FixtureError(f"{where}: {describe(breach)}")
        # What chance and words can do was seen with the first tenant; another can only have other columns.
        count = 1
        unread = sorted(set(part.columns) - reading)
        if unread:
            raise FixtureError(
                f"tenants.{part.name}: nothing reads the column {unread[0]!r}{near(unread[0], sorted(reading))}"
            )
        for ordinal, pin in part.pins.items():
            check_pin(provider, part, words, ordinal, pin, schema)


def check_pin(provider: Provider, part: Part, words: Words, ordinal: int, pin: Pin, schema: DocumentSchema) -> None:
    where = f"tenants.{part.name}.pins.{ordinal}"
    for name in pin.draw:
        if name not in part.columns:
            raise FixtureError(f"{where}.draw: there is no column {name!r}{near(name, part.columns)}")
    for name in (*pin.set, *pin.drop):
        if name not in schema.fields:
            raise FixtureError(f"{where}: no document has the field {name!r}{near(name, schema.fields)}")
    for number in (0, TRIALS - 1):
        document = {**make_document(provider, part, words, number, pin, set()), **pin.set}
        for name in pin.drop:
            document.pop(name, None)
        for breach in breaches(schema, part, document):
            name = str(breach.path[0]) if breach.path else ""
            source = next((part for part in ("set", "draw", "drop") if name in getattr(pin, part)), "")
            raise FixtureError(f"{where}{source and '.'}{source}: {breach.field} {describe(breach)}")


def make_document(provider: Provider, part: Part, words: Words, number: int, pin: Pin, reading: set[str]) -> Document:
    """The provider's document of this number; `reading` gets the columns that it read."""
    draw = TrialDraw(KEY, number, EPOCH, part.columns, words, pin.draw)
    draw.number, draw.reading = number, reading
    try:
        return provider.make(draw)
    except FixtureError as error:
        raise FixtureError(f"tenants.{part.name}: {error}") from error
    except Exception as error:  # `make` is somebody else's code.
        raise FixtureError(f"tenants.{part.name}: no document can be made: {error!r}") from error


def breaches(schema: DocumentSchema, part: Part, document: Document) -> Iterator[Breach]:
    """Where a document is not what the spec says."""
    try:
        yield from schema.breaches(document)
    except ValueError as error:
        raise FixtureError(f"tenants.{part.name}: no document can be made: {error!r}") from error


def place_of(part: Part, document: Document, breach: Breach, number: int) -> str:
    """Where the recipe says what a trial document's value is: the column's value, and the way on inside of it."""
    field, *inner = breach.path or (next(iter(document), ""),)
    places = part.places.get(str(field))
    start = places[number % len(places)] if places else f"tenants.{part.name}: the field {field!r} of its documents"
    return start + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in inner)


def describe(breach: Breach) -> str:
    """What is wrong with the value, which the message repeats as far as that helps."""
    match breach.keyword:
        case "required":
            return breach.reason
        case "enum":
            words = [choice for choice in breach.wanted if isinstance(choice, str) and choice]
            return f"cannot be {kind(breach.value)}{near(breach.value, words)}"
        case _:
            return f"{breach.reason}, not {kind(breach.value)}"
