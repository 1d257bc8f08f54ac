"""How a scenario changes rows: at every depth of what the spec declares, and no further than the spec permits."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from fakeserver.problems import Document, Json
from fakeserver.spec.schemas import fields_of, keyword_of, parts_of, sure_parts_of, types_of

MAX_DEPTH, MAX_SAMPLED = 6, 3
"""How deep a change goes below a row, and how deep a value is that it makes: schemas may hold themselves."""
MAX_CHANGES = 500
"""Values of one row that are changed; what is beyond stays as it was."""
LONG = "Donaudampfschifffahrtsgesellschaftskapitaen" * 6
RTL = "\u202eمرحبا بالعالم\u202c שלום 👩‍👩‍👧‍👦 e\u0301\u0323 ﷽ "
ADDED = "next_version_field"
NOTHING: tuple[Json, ...] = (None, [], {})
"""What does not count as something in a field."""
CHOSEN = ("enum", "const", "format", "pattern")
"""Keywords by which a text is no free one."""

Path = tuple[str | int, ...]
Permits = Callable[[Document], bool]


class Shape:
    """What a schema says of a value, read once. Shapes of one document share what they have read: a schema that holds
    itself is one shape that holds itself."""

    def __init__(self, document: Document, schema: Json, known: dict[int, Shape] | None = None) -> None:
        self._document = document
        self._schema = schema if isinstance(schema, dict) else {}
        self._known = {} if known is None else known

    @functools.cached_property
    def types(self) -> frozenset[str]:
        return types_of(self._document, self._schema)

    @functools.cached_property
    def values(self) -> list[Json]:
        """The values of its enumeration but null; none where it has none."""
        values = self._keyword("enum")
        return [each for each in values if each is not None] if isinstance(values, list) else []

    @functools.cached_property
    def is_free(self) -> bool:
        """Whether a text is what a person wrote, and names nothing."""
        return not any(keyword in part for part in self._parts for keyword in CHOSEN)

    @functools.cached_property
    def fields(self) -> dict[str, Shape]:
        declared = fields_of(self._document, self._schema)
        return {name: self._shape_of(schema) for name, schema in declared.items()}

    @functools.cached_property
    def required(self) -> frozenset[str]:
        """The fields that every value has, whichever form it takes."""
        return frozenset(
            name for part in sure_parts_of(self._document, self._schema) for name in part.get("required", ())
        )

    @functools.cached_property
    def items(self) -> Shape:
        """What it says of a list's members."""
        return self._shape_of(self._keyword("items"))

    @functools.cached_property
    def others(self) -> Shape:
        """What it says of fields that it does not name."""
        return self._shape_of(self._keyword("additionalProperties"))

    @functools.cached_property
    def examples(self) -> list[Json]:
        """Values that the spec shows, or falls back on."""
        many = self._keyword("examples")
        shown = [
            *(many if isinstance(many, list) else ()),
            *(self._keyword(name) for name in ("example", "default", "const")),
        ]
        return [each for each in shown if each not in NOTHING]

    @functools.cached_property
    def is_enumerated(self) -> bool:
        """Whether there is an enumeration in it, or below."""
        passed: list[Shape] = []
        waiting = [self]
        while waiting:
            shape = waiting.pop()
            if shape.values:
                return True
            if shape not in passed:
                passed.append(shape)
                waiting += [*shape.fields.values(), *([shape.items] if "array" in shape.types else ())]
        return False

    def can_be(self, name: str) -> bool:
        """Whether a value may be of this type; a schema without any leaves that open."""
        return name in self.types or not self.types

    def members(self, value: Json) -> Iterator[tuple[str | int, Shape]]:
        """The places in a value: those of an object's declared fields, whether there or not, of its other ones, and of
        a list's members."""
        if isinstance(value, dict):
            yield from self.fields.items()
            yield from ((name, self.others) for name in value if name not in self.fields)
        elif isinstance(value, list):
            yield from ((index, self.items) for index in range(len(value)))

    def samples(self, moment: Json, depth: int = MAX_SAMPLED) -> Iterator[Json]:
        """Values that it may permit and that count as something, the likeliest first: where there is a choice, what
        has members before a text. `moment` is an instant as the provider writes one."""
        yield from self.examples
        yield from self.values
        if not self.types:
            yield "text"
        if self.can_be("integer") or self.can_be("number"):
            yield self._keyword("minimum") or 1
        if self.can_be("boolean"):
            yield True
        if self.can_be("array") and depth:
            yield from ([each] for each in islice(self.items.samples(moment, depth - 1), 1))
        if self.can_be("object") and depth:
            # The least; whoever wants more fills what is in it.
            names = [name for name in self.fields if name in self.required] or [*self.fields][:1]
            within = [(name, self.fields[name]) for name in names] or [("key", self.others)]
            made = ((name, next(shape.samples(moment, depth - 1), None)) for name, shape in within)
            if sample := {name: value for name, value in made if value is not None}:
                yield sample
        if self.can_be("string"):
            kind = self._keyword("format")
            yield moment if kind == "date-time" else str(uuid.UUID(int=1)) if kind == "uuid" else "text"

    def _shape_of(self, schema: Json) -> Shape:
        found = self._known.get(id(schema)) if isinstance(schema, dict) else None
        if found is None:
            found = Shape(self._document, schema, self._known)
            self._known[id(found._schema)] = found
        return found

    def _keyword(self, name: str) -> Json:
        return keyword_of(self._document, self._schema, name)

    @functools.cached_property
    def _parts(self) -> list[Document]:
        return [*parts_of(self._document, self._schema)]


class Draft:
    """A row while it is changed; what is not permitted is left as it was."""

    def __init__(self, document: Document, permits: Permits) -> None:
        self.document = document
        self._permits = permits
        self._left = MAX_CHANGES

    def get(self, path: Path) -> Json:
        """What is there, None where nothing is."""
        return value_at(self.document, path)

    def put(self, path: Path, value: Json) -> bool:
        return self._become(with_value(self.document, path, value))

    def drop(self, path: Path) -> bool:
        return self._become(without(self.document, path))

    def _become(self, document: Document) -> bool:
        if self._left == 0 or not self._permits(document):
            return False
        self._left -= 1
        self.document = document
        return True


def value_at(value: Json, path: Path) -> Json:
    for key in path:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def with_value(value: Json, path: Path, other: Json) -> Any:
    """A value with another one at a path; what is not on the path is shared."""
    if not path:
        return other
    key, *rest = path
    if isinstance(value, list) and isinstance(key, int):
        return [with_value(each, tuple(rest), other) if index == key else each for index, each in enumerate(value)]
    held = value if isinstance(value, dict) else {}
    return {**held, key: with_value(held.get(key), tuple(rest), other)}


def without(value: Json, path: Path) -> Any:
    """A value without the field at a path."""
    *way, last = path
    held = value_at(value, tuple(way))
    return with_value(value, tuple(way), {name: each for name, each in held.items() if name != last})


class Staging:
    """Rows as a scenario shows them. What orders and names a row stays as it is."""

    def __init__(self, shape: Shape, fixed: Sequence[str], permits: Permits, rows: Sequence[Document]) -> None:
        self._shape = shape
        self._created, self._fixed = fixed[0], frozenset(fixed)
        self._permits = permits
        self._rows = rows
        self._drawn: dict[Path, Json] = {}

    def staged(self, change: Change) -> list[Document]:
        """All rows, changed. A row takes all of its changes at once where that is sound, and else those that are, one
        by one: the spec is asked once for a row, and not once for a value."""
        return [self._changed(change, document, index) for index, document in enumerate(self._rows)]

    def _changed(self, change: Change, document: Document, index: int) -> Document:
        bold = Draft(document, lambda _: True)
        change(self, bold, index)
        if change is Staging.advance or self._permits(bold.document):
            return bold.document
        careful = Draft(document, self._permits)
        change(self, careful, index)
        return careful.document

    def _places(self, draft: Draft, path: Path = (), shape: Shape | None = None) -> Iterator[tuple[Path, Shape]]:
        """Every place of a row, an outer one before those in it; what is changed meanwhile is walked as it is then."""
        for key, inner in (shape or self._shape).members(draft.get(path)):
            if not path and key in self._fixed:
                continue
            yield (*path, key), inner
            if len(path) + 1 < MAX_DEPTH:
                yield from self._places(draft, (*path, key), inner)

    def lengthen(self, draft: Draft, index: int) -> None:
        self._word(draft, f"{LONG}{index}")

    def turn_around(self, draft: Draft, index: int) -> None:
        self._word(draft, f"{RTL}{index}")

    def _word(self, draft: Draft, text: str) -> None:
        for path, shape in self._places(draft):
            if isinstance(draft.get(path), str) and shape.is_free:
                draft.put(path, text)

    def enumerate(self, draft: Draft, index: int) -> None:
        for path, shape in self._places(draft):
            if shape.values:
                draft.put(path, shape.values[index % len(shape.values)])
            elif shape.is_enumerated and draft.get(path) in NOTHING:
                # What is enumerated further down wants something to be in.
                self._fill(draft, path, shape)

    def empty(self, draft: Draft, index: int) -> None:
        for path, shape in self._places(draft):
            *way, name = path
            held = draft.get(tuple(way))
            if not isinstance(held, dict) or name not in held:
                continue
            if "null" in shape.types:
                draft.put(path, None)
            elif name in self._declared(tuple(way)).fields and name not in self._declared(tuple(way)).required:
                draft.drop(path)

    def fill(self, draft: Draft, index: int) -> None:
        for path, shape in self._places(draft):
            if draft.get(path) in NOTHING:
                self._fill(draft, path, shape)

    def advance(self, draft: Draft, index: int) -> None:
        """Every other row is of a later version, which knows other values and one more field."""
        if index % 2:
            return
        for path, shape in self._places(draft):
            value = draft.get(path)
            if shape.values and isinstance(value, str):
                draft.put(path, f"{value}_next")
        draft.put((ADDED,), {"text": "new", "number": index})

    def _fill(self, draft: Draft, path: Path, shape: Shape) -> None:
        """Something, the likeliest first: what another row has there, then what the schema suggests."""
        drawn = self._drawn_at(path)
        for value in (*(() if drawn is None else (drawn,)), *shape.samples(draft.document[self._created])):
            if draft.put(path, value):
                return

    def _drawn_at(self, path: Path) -> Json:
        """What the first row has there that has something."""
        if path not in self._drawn:
            found = (value_at(each, path) for each in self._rows)
            self._drawn[path] = next((each for each in found if each not in NOTHING), None)
        return self._drawn[path]

    def _declared(self, path: Path) -> Shape:
        """The shape of an object in a row."""
        shape = self._shape
        for key in path:
            shape = shape.items if isinstance(key, int) else shape.fields.get(key, shape.others)
        return shape


Change = Callable[[Staging, Draft, int], None]
CHANGES: dict[str, Change] = {
    "long-text": Staging.lengthen,
    "unicode-rtl": Staging.turn_around,
    "all-enums": Staging.enumerate,
    "all-null": Staging.empty,
    "all-set": Staging.fill,
    "next-version": Staging.advance,
}
"""By scenario. All but the last keep to the spec."""
