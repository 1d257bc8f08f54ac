"""What names in a description probably mean: pages, filters, envelopes, and the fields that order documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fakeserver.listing.pages import Cursor, Everything, First, Numbered, Position, Window
from fakeserver.problems import Document, Json, SpecError
from fakeserver.scaffold.code import literal
from fakeserver.scaffold.survey import Found, Unserved
from fakeserver.scaffold.values import Values
from fakeserver.spec.reader import JSON
from fakeserver.spec.references import dereference_schema
from fakeserver.spec.schemas import fields_of, keyword_of, types_of
from fakeserver.spec.values import ANNOTATIONS

SIZES = "limit pagesize perpage maxresults maxitems pagelimit size take top first".split()
OFFSETS = "offset skip startindex".split()
NUMBERS = "page pagenumber pageindex pageno".split()
CURSORS = (
    "cursor nexttoken pagetoken nextpagetoken nextcursor pagecursor startcursor continuationtoken continuation "
    "paginationtoken marker".split()
)
ORDERS = "order sort sortorder sortdirection orderdirection direction".split()
DIRECTIONS = {"desc": "NEWEST_FIRST", "asc": "OLDEST_FIRST"}
CREATED = (
    "createdat created creationtime createtime createdtime datecreated createddate creationdate insertedat startedat "
    "starttime timestamp date updatedat".split()
)
FACTS = {
    **dict.fromkeys("total totalcount totalitems totalresults totalrecords totalelements".split(), "total"),
    **dict.fromkeys("hasmore hasnext hasnextpage more".split(), "has_next"),
    **dict.fromkeys([*CURSORS, "next"], "next"),
    **dict.fromkeys("page pagenumber currentpage".split(), "page"),
    **dict.fromkeys("pages totalpages pagecount".split(), "pages"),
    **dict.fromkeys("limit perpage pagesize size".split(), "size"),
    **dict.fromkeys("offset skip".split(), "offset"),
    **dict.fromkeys("count itemcount".split(), "count"),
}
TYPES = {"has_next": "boolean", "next": "string"}
"""The type that a fact has; any other is a whole number."""
WHOLE, TEXT = frozenset({"integer", "number"}), frozenset({"string"})
DEFAULT_SIZE, LARGEST_PAGE = 100, 1_000
LARGEST_NUMBER = 2**31 - 1
POSITIONS: tuple[Position, ...] = (Cursor(), Numbered(), Window(LARGEST_PAGE), First(), Everything())
KNOWN = {type(each).__name__: each.facts for each in POSITIONS}
"""The facts that a position knows."""


def plain(name: str) -> str:
    """A name without its spelling: `per_page`, `perPage` and `Per-Page` are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


@dataclass(slots=True)
class Listed:
    """How one operation lists its rows, in the words of a provider's table. `unread` are its parameters that nothing
    is guessed of, with the reason; `size` and `turn` are those that say how long a page is and
    which one, `request` is a path and query that it answers."""

    found: Found
    items: str | None
    row: Json
    position: str = "Everything()"
    order: str = ""
    members: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    filters: list[tuple[str, str, str]] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    size: str = ""
    turn: str = ""
    request: str = ""

    @property
    def kind(self) -> str:
        return self.position.partition("(")[0]


def rows_in(document: Document, found: Found) -> tuple[str | None, Json]:
    """The member of the answer that has the rows (None: it is itself the list), and the schema of a row."""
    content = found.responses.get("200", {}).get("content", {})
    answer = content.get(JSON, {}).get("schema") if isinstance(content, dict) else None
    if answer is None:
        raise Unserved("its answer is not a list: it has no response 200 with JSON")
    if "array" in types_of(document, answer):
        return None, keyword_of(document, answer, "items")
    lists = {
        name: member for name, member in fields_of(document, answer).items() if "array" in _types(document, member)
    }
    if len(lists) != 1:
        raise Unserved("its answer is not a list" if not lists else f"its answer has {len(lists)} lists")
    ((name, member),) = lists.items()
    return name, keyword_of(document, member, "items")


def _types(document: Document, schema: Json) -> frozenset[str]:
    try:
        return types_of(document, schema)
    except (SpecError, TypeError, AttributeError):
        return frozenset()


class Guesser:
    """Guesses what one operation of a document means."""

    def __init__(self, document: Document, found: Found) -> None:
        self.document = document
        self.found = found
        self.values = Values(document)
        items, row = rows_in(document, found)
        self.listed = Listed(found, items, row)
        self.fields = fields_of(document, row) if isinstance(row, dict) else {}
        if not self.fields:
            raise Unserved("its rows are not objects with fields")

    def guess(self) -> Listed:
        """Everything, or Unserved with the first thing that cannot be guessed."""
        query = {str(each["name"]): each for each in self.found.body["parameters"] if each.get("in") == "query"}
        self.listed.path = tuple(
            str(each["name"]) for each in self.found.body["parameters"] if each.get("in") == "path"
        )
        rest = self._without_pages(query)
        for name, parameter in rest.items():
            self._guess_filter(name, parameter)
        self._guess_envelope()
        return self.listed

    # Pages

    def _without_pages(self, query: Mapping[str, Document]) -> dict[str, Document]:
        """Guess the pages; the parameters that have nothing to do with them."""
        size, offset, number, cursor, order = (
            self._first(query, words, kinds)
            for words, kinds in (
                (SIZES, WHOLE),
                (OFFSETS, WHOLE),
                (NUMBERS, WHOLE),
                (CURSORS, TEXT),
                (ORDERS, TEXT),
            )
        )
        used: list[str] = []
        if size and cursor:
            if query[cursor].get("required"):
                raise Unserved(f"parameter {cursor!r}: a first page has no cursor, but this one is required")
            self._fit(query[size], 1, DEFAULT_SIZE)
            self._text(query[cursor])
            used, position = [size, cursor], f"Cursor({literal(cursor)}, {literal(size)})"
        elif size and number:
            self._fit(query[size], 1, DEFAULT_SIZE)
            self._fit(query[number], 1, 1)
            used, position = [size, number], f"Numbered({literal(number)}, {literal(size)})"
        elif size and offset:
            self._fit(query[size], 0, DEFAULT_SIZE)
            self._fit(query[offset], 0, None)
            most = self.values.flat(query[size]["schema"]).get("maximum", LARGEST_PAGE)
            used, position = [size, offset], f"Window({int(most)}, {literal(size)}, {literal(offset)})"
        elif size:
            self._fit(query[size], 0, DEFAULT_SIZE)
            used, position = [size], f"First({literal(size)})"
        else:
            lonely = cursor or number or offset
            if lonely:
                raise Unserved(f"parameter {lonely!r}: there is no parameter for the length of a page")
            position = "Everything()"
        self.listed.position, self.listed.size = position, size
        self.listed.turn = cursor or number or offset if size else ""
        if order and self._guess_order(order, query[order]):
            used.append(order)
        return {name: parameter for name, parameter in query.items() if name not in used}

    def _first(self, query: Mapping[str, Document], words: list[str], kinds: frozenset[str]) -> str:
        """The first parameter of these names whose values are of such a type; nothing if there is none."""
        for word in words:
            for name, parameter in query.items():
                if plain(name) == word and "schema" in parameter and _types(self.document, parameter["schema"]) & kinds:
                    return name
        return ""

    def _fit(self, parameter: Document, least: int, default: int | None) -> None:
        """Give the number that pages are cut by the type, the bounds and the default that it needs."""
        name, schema = parameter["name"], self._schema_of(parameter)
        kinds = schema.get("type", "integer")
        if ("number" in kinds and "integer" not in kinds) or isinstance(kinds, list):
            schema["type"] = "integer"
            self.found.notes.append(f"parameter {name!r} is a whole number")
        for keyword in ("minimum", "maximum", "default"):
            if isinstance(schema.get(keyword), float):
                schema[keyword] = int(schema[keyword])
        if not isinstance(schema.get("minimum"), int) or schema["minimum"] < least:
            schema["minimum"] = least
            self.found.notes.append(f"parameter {name!r} is at least {least}")
        if default is not None and not parameter.get("required") and not isinstance(schema.get("default"), int):
            schema["default"] = max(schema["minimum"], min(default, schema.get("maximum", default)))
            self.found.notes.append(f"parameter {name!r} is {schema['default']} where it is not given")
        if plain(name) in NUMBERS and "maximum" not in schema:
            schema["maximum"] = LARGEST_NUMBER
        parameter["schema"] = schema

    def _text(self, parameter: Document) -> None:
        """A cursor is text, or null, which a query cannot say."""
        schema = self._schema_of(parameter)
        if isinstance(schema.get("type"), list) and "string" in schema["type"]:
            schema["type"] = "string"
        parameter["schema"] = schema

    def _schema_of(self, parameter: Document) -> Document:
        schema = dereference_schema(self.document, parameter.get("schema", {}))
        return dict(schema) if isinstance(schema, dict) else {}

    def _guess_order(self, name: str, parameter: Document) -> bool:
        """Whether the parameter says in which direction to list."""
        schema = self._schema_of(parameter)
        choices = schema.get("enum")
        if not isinstance(choices, list) or {str(each).lower() for each in choices} != DIRECTIONS.keys():
            return False
        first = schema.get("default") if schema.get("default") in choices else None
        ordered = sorted(choices, key=lambda each: (each != first, str(each).lower() != "desc"))
        orders = ", ".join(f"{literal(each)}: {DIRECTIONS[str(each).lower()]}" for each in ordered)
        self.listed.order = f"OrderParameter({literal(name)}, {{{orders}}})"
        return True

    # Filters

    def _guess_filter(self, name: str, parameter: Document) -> None:
        kind, target = self._filter_of(name, parameter)
        if kind:
            self.listed.filters.append((kind, name, target))
        elif parameter.get("required"):
            raise Unserved(f"parameter {name!r}: it is required, and what it means cannot be guessed")
        else:
            self.listed.unread[name] = target

    def _filter_of(self, name: str, parameter: Document) -> tuple[str, str]:
        """The kind of a filter and its field; no kind, and why, where it cannot be guessed."""
        if "content" in parameter:
            return "", "it is JSON text"
        schema = self._schema_of(parameter)
        field_ = self._field_of(name)
        if field_ is None:
            return "", "no field of the rows has its name"
        types, given = _types(self.document, self.fields[field_]) - {"null"}, str(schema.get("type"))
        if given == "array":
            items = dereference_schema(self.document, schema.get("items", {}))
            given = str(items.get("type")) if isinstance(items, dict) else ""
            if types == {"array"}:
                of = _types(self.document, keyword_of(self.document, self.fields[field_], "items"))
                return (
                    ("AllOf", field_)
                    if of == {given}
                    else ("", f"the items of the field {field_!r} are of another type")
                )
            return ("AnyOf", field_) if types == {given} else ("", f"the field {field_!r} is of another type")
        if given in ("string", "integer", "boolean") and types == {given}:
            return "Equal", field_
        return "", f"the field {field_!r} is of another type"

    def _field_of(self, name: str) -> str | None:
        """The field that a parameter names: as it stands, in another spelling, or as one of several."""
        word = plain(name)
        for wanted in (word, word.removesuffix("s"), word + "s"):
            for each in self.fields:
                if each == name or plain(each) == wanted:
                    return each
        return None

    # Envelopes

    def _guess_envelope(self) -> None:
        answer = self.found.responses["200"]["content"][JSON]["schema"]
        if self.listed.items is not None:
            self.listed.members = self._members(answer, {self.listed.items}, "")
        headers = self.found.responses["200"].get("headers", {})
        known = KNOWN[self.listed.kind]
        for name in headers if isinstance(headers, dict) else ():
            fact = FACTS.get(plain(name).removeprefix("x"))
            if fact in known:
                self.listed.headers = {**self.listed.headers, name: str(fact)}
            elif plain(name) == "link" and "links" in known:
                self.listed.headers = {**self.listed.headers, name: "links"}

    def _members(self, schema: Json, known: set[str], place: str) -> dict[str, object]:
        """The members of an envelope whose facts are known; one that must be there and is not known is the end."""
        required = keyword_of(self.document, schema, "required") or []
        found: dict[str, object] = {}
        for name, member in fields_of(self.document, schema).items():
            if name in known:
                continue
            fact, types = FACTS.get(plain(name)), _types(self.document, member)
            if fact is not None and fact in KNOWN[self.listed.kind] and self._may_be(fact, member):
                if fact == "next" and "null" not in types:
                    raise_null(member, self.document)
                    self.found.notes.append(f"{place + name!r} is null on the last page")
                found[name] = fact
            elif "object" in types or fields_of(self.document, member):
                inner = self._members(member, set(), f"{place}{name}.") if name in required else self._try(member)
                if inner:
                    found[name] = inner
            if name in required and name not in found:
                raise Unserved(f"its answer needs the member {place + name!r}, and what that says cannot be guessed")
        return found

    def _may_be(self, fact: str, schema: Json) -> bool:
        """Whether a schema lets every value of a fact through."""
        flat, wanted = self.values.flat(schema), TYPES.get(fact, "integer")
        types = flat.get("type", ())
        named = {types} if isinstance(types, str) else {*types}
        limits = flat.keys() - ANNOTATIONS - {"type", "default"}
        if wanted == "integer":
            # Bounds are those of the parameter that the fact repeats.
            limits -= {"format"} | ({"minimum", "maximum"} if fact in ("size", "page", "offset") else set())
            limits -= {"minimum"} if flat.get("minimum", 0) <= 0 else set()
        return bool(named & ({"integer", "number"} if wanted == "integer" else {wanted})) and not limits

    def _try(self, member: Json) -> dict[str, object]:
        try:
            return self._members(member, set(), "")
        except Unserved:
            return {}


def raise_null(member: Document, document: Document) -> None:
    """Let a member of an envelope be null."""
    schema = dereference_schema(document, member)
    alternatives = [dict(schema), {"type": "null"}]
    member.clear()
    member["anyOf"] = alternatives


def created_in(values: Values, fields: Mapping[str, Json], required: list[str]) -> str:
    """The field that says when a document was made: an instant, by its name or as the only one; else empty."""
    flat = {name: values.flat(schema) for name, schema in fields.items()}
    texts = [name for name, each in flat.items() if "string" in (each.get("type") or ()) and "enum" not in each]
    dated = [name for name in texts if flat[name].get("format") == "date-time"]
    for word in CREATED:
        for name in (*dated, *(each for each in texts if "format" not in flat[each])):
            if plain(name) == word and (name in dated or word.startswith("creat")):
                return name
    for name in dated:
        if name in required or len(dated) == 1:
            return name
    return ""


def identities_in(values: Values, fields: Mapping[str, Json], required: list[str], path: str) -> list[str]:
    """The fields that may tell a document from all others, the likeliest first."""
    words = [word for part in path.split("/") if "{" not in part for word in singular(plain(part))]

    def rank(name: str) -> int | None:
        word, flat = plain(name), values.flat(fields[name])
        if not {"string", "integer"} & {*([kinds] if isinstance(kinds := flat.get("type", ()), str) else kinds)}:
            return None
        if flat.get("format") == "date-time":
            return None
        own = any(part and word in (f"{part}id", f"{part}uuid", f"{part}name") for part in words)
        names = ("id", "uuid", "uid", "identifier")
        if word in names:
            return names.index(word)
        if own and word.endswith("id"):
            return 4
        others = ("key", "slug", "name", "nodeid")
        return (
            10 + others.index(word) if word in others else 5 + (name not in required) if word.endswith("id") else None
        )

    ranked = [(score, name) for name in fields if (score := rank(name)) is not None]
    return [name for _, name in sorted(ranked, key=lambda each: each[0])]


def singular(word: str) -> list[str]:
    """What one of several may be called: `boxes` are boxes, a boxe or a box."""
    endings = (("ies", "y"), ("es", ""), ("s", ""), ("", ""))
    return [word.removesuffix(ending) + more for ending, more in endings if word and word.endswith(ending)]
