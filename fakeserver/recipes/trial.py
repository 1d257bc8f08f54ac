"""Probes: documents that are made at start to hold a recipe against the code that reads it and the provider's spec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakeserver.documents.draws import Column, Draw
from fakeserver.documents.seeded import Pin
from fakeserver.instants import instant
from fakeserver.problems import Document, Json
from fakeserver.provider import Provider
from fakeserver.recipes.located import FixtureError, kind, near
from fakeserver.spec.reader import Spec

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


PROBES = 100
"""So many documents have every outcome of a chance in per cent."""
MAX_PROBES = 1_000
"""Documents of a tenant that are made; so many words of a vocabulary are tried."""
KEY = b"probe"
EPOCH = instant("2026-01-01T00:00:00Z")
Where = tuple[str | int, ...]


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


class Probe(Draw):
    """A draw that leaves nothing to chance: probe `number` has each column's value and each choice of that number."""

    number = 0
    reading: set[str]

    def bits(self, field: str) -> int:
        return self.number

    def word(self, field: str, vocabulary: str) -> Any:
        words = self.vocabularies[vocabulary]
        return words[self.number % len(words)]

    def column(self, field: str) -> Json:
        self.reading.add(field)
        if field in self._pinned:
            return self._pinned[field]
        if field not in self._columns:
            raise FixtureError(f"the column {field!r} is missing; there are {', '.join(self._columns)}")
        column = self._columns[field]
        code = self.number % len(column.values)
        return column.expanded(column.values[code], self._key, self.ordinal)


def check(provider: Provider, contract: Spec, vocabularies: Mapping[str, list[Json]], parts: Iterable[Part]) -> None:
    """Make documents with every value of every column, and with every pin, and hold each against the spec."""
    from fakeserver.recipes.schema import validator_of

    validator = validator_of(provider, contract)
    words = Words(vocabularies)
    tried: set[int] = set()
    count = max([PROBES, *(len(each) for each in vocabularies.values())])
    for part in parts:
        reading = {"owner"}
        fresh = [each for each in part.columns.values() if id(each) not in tried]
        tried |= {id(each) for each in fresh}
        for number in range(min(MAX_PROBES, max(count, *(len(each.values) for each in fresh), 1))):
            document = made(provider, part, words, number, Pin(), reading)
            for where, why in breaches(validator, document):
                raise FixtureError(f"{place_of(part, str(where[0]), number)}{shown(where)}: {why}")
        # What chance and words can do was seen with the first tenant; another can only have other columns.
        count = 1
        unread = sorted(set(part.columns) - reading)
        if unread:
            raise FixtureError(f"tenants.{part.name}: nothing reads the column {unread[0]!r}{near(unread[0], reading)}")
        for ordinal, pin in part.pins.items():
            check_pin(provider, part, words, ordinal, pin, validator)


def check_pin(
    provider: Provider, part: Part, words: Words, ordinal: int, pin: Pin, validator: Draft202012Validator
) -> None:
    properties = validator.schema["properties"]
    where = f"tenants.{part.name}.pins.{ordinal}"
    for name in pin.draw:
        if name not in part.columns:
            raise FixtureError(f"{where}.draw: there is no column {name!r}{near(name, part.columns)}")
    for name in (*pin.set, *pin.drop):
        if name not in properties:
            raise FixtureError(f"{where}: no document has the field {name!r}{near(name, properties)}")
    for number in (0, PROBES - 1):
        document = {**made(provider, part, words, number, pin, set()), **pin.set}
        for name in pin.drop:
            document.pop(name, None)
        for place, why in breaches(validator, document):
            name = str(place[0])
            source = next((each for each in ("set", "draw", "drop") if name in getattr(pin, each)), "")
            raise FixtureError(f"{where}{source and '.'}{source}: {'.'.join(map(str, place))} {why}")


def made(provider: Provider, part: Part, words: Words, number: int, pin: Pin, reading: set[str]) -> Document:
    """The provider's document of this number; `reading` gets the columns that it read."""
    probe = Probe(KEY, number, EPOCH, part.columns, words, pin.draw)
    probe.number, probe.reading = number, reading
    try:
        return provider.make(probe)
    except FixtureError as error:
        raise FixtureError(f"tenants.{part.name}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise FixtureError(f"tenants.{part.name}: no document can be made: {error!r}") from error


def place_of(part: Part, field: str, number: int) -> str:
    """Where the recipe says what a field of this probe is."""
    places = part.places.get(field)
    return places[number % len(places)] if places else f"tenants.{part.name}: the field {field!r} of its documents"


def shown(where: Where) -> str:
    """The rest of a place, behind the field itself."""
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in where[1:])


def breaches(validator: Draft202012Validator, document: Document) -> Iterator[tuple[Where, str]]:
    """Where a document is not what the spec says, and why."""
    from fakeserver.recipes.schema import reason

    for error in validator.iter_errors(document):
        where = tuple(error.absolute_path) or (next(iter(document), ""),)
        match error.validator:
            case "required":
                for name in error.validator_value:
                    if name not in error.instance:
                        yield (*error.absolute_path, name), "is missing"
            case "enum":
                yield (
                    where,
                    f"cannot be {kind(error.instance)}{near(error.instance, filter(None, error.validator_value))}",
                )
            case keyword:
                yield where, f"{reason(keyword, error.validator_value)}, not {kind(error.instance)}"
