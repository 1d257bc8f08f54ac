"""Request bodies: what a spec declares → a decoder from bytes to a value, or one problem that lists every issue.

What is declared is read at start, and refused where nothing honours it; the validator, which takes long to load, is
loaded with the first body that arrives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from fakeserver.problems import Document, Issue, Json, Problem, SpecError, invalid
from fakeserver.spec import values
from fakeserver.spec.body_schemas import BodySchemas
from fakeserver.spec.declared import JSON, MEDIA_TYPE
from fakeserver.spec.forms import MULTIPART, URL_ENCODED, media_type_of, read_form
from fakeserver.spec.keywords import flag, keywords, read_names
from fakeserver.spec.references import dereference
from fakeserver.spec.schemas import fields_of, keyword_of, parts_of, sure_parts_of, types_of
from fakeserver.spec.strict_json import BODY, MAX_ISSUES, read_plainly, read_strictly, short
from fakeserver.spec.takers import UNSURE, Take, taker_of
from fakeserver.spec.wording import ValueRefused, refusal

if TYPE_CHECKING:
    from fakeserver.spec.breaches import Breach, Validator

REQUEST_BODY = keywords("content required", "description")
FORMS = (MULTIPART, URL_ENCODED)
RAW = (*FORMS, "application/octet-stream", "application/connect+proto", "application/proto")
"""Media types of bodies that are no JSON."""
BINARY = "binary"
"""The format of a form's files."""
NO_FILE = ("Value error, Expected UploadFile, received: <class 'str'>", "value_error")
"""What FastAPI says of a text in the place of a file."""
MAX_BODY_BYTES = 2**20
"""The largest body that is looked at."""
MAX_BODY_VALUES = 5_000
"""Values of the largest body that is looked at: they are what costs, and nobody else is answered meanwhile."""
MAX_SEARCHED = 250
"""Values of a body in which every issue is looked for; of a larger one, the first that is found is enough."""


def accepts(read: Callable[[str], Any]) -> Callable[[str], bool]:
    """Whether a text is one that this reads."""

    def accepted(text: str) -> bool:
        try:
            read(text)
        except ValueRefused:
            return False
        return True

    return accepted


FORMATS = {
    "uuid": accepts(values.read_uuid),
    "date": accepts(values.read_date),
    "date-time": accepts(values.read_date_time),
}
"""Formats that mean in a body what they mean in a query; the validator has the others."""


def read_request_body(document: Document, raw: Json) -> RequestBody | RawBody:
    """The body that an operation declares; a `SpecError` names the place and the keyword that cannot be honoured."""
    where = "requestBody"
    try:
        raw = REQUEST_BODY.read(dereference(document, raw), "it")
    except SpecError as error:
        raise SpecError(f"{where}: {error}") from error
    content = read_names(raw.get("content"), f"{where}: content")
    if len(content) == 1 and (kind := next(iter(content))) in RAW:
        form = MEDIA_TYPE.read(content[kind], f"{where}: {kind}")
        required = flag(raw.get("required", False), f"{where}: required")
        if kind not in FORMS:
            return RawBody(kind, {}, required)
        schema = BodySchemas(document).alone(form["schema"], f"{where}: schema")
        fields = fields_of(document, form["schema"])
        files = {name for name, each in fields.items() if keyword_of(document, each, "format") == BINARY}
        return RawBody(kind, schema, required, files)
    if list(content) != [JSON]:
        raise SpecError(
            f"{where}: content: only {JSON} and {', '.join(RAW)} can be decoded, not {', '.join(content) or 'nothing'}"
        )
    media_type = MEDIA_TYPE.read(content[JSON], f"{where}: {JSON}")
    if "schema" not in media_type:
        raise SpecError(f"{where}: {JSON}: must have a schema")
    schema = BodySchemas(document).alone(media_type["schema"], f"{where}: schema")
    return RequestBody(schema, flag(raw.get("required", False), f"{where}: required"))


class RawBody:
    """A declared body that is no JSON: bytes that mean something to the operation alone, or a form, whose fields are
    texts and, where the schema says so, `files` by name."""

    def __init__(self, media_type: str, schema: Document, required: bool, files: Set[str] = frozenset()) -> None:
        self.media_type = media_type
        self.required = required
        self._files = files
        self._fields = RequestBody(schema, required) if media_type in FORMS else None

    def decode(self, raw: bytes, content_type: str) -> Any:
        """The bytes, or the fields of the form; a Problem has every issue."""
        if not raw and self.required:
            raise invalid([Issue(BODY, "Field required", "missing")])
        if self._fields is None:
            return raw
        if not raw:
            return None
        if media_type_of(content_type) != self.media_type:
            raise invalid([Issue(BODY, f"Input should be sent as {self.media_type}", "content_type")])
        fields = read_form(raw, content_type)
        files = {name: field for name, field in fields.items() if name in self._files}
        issues = [Issue((*BODY, name), *NO_FILE) for name, field in files.items() if isinstance(field, str)]
        # A file in the place of a text is of no type that a text has.
        texts = {name: field if isinstance(field, str) else None for name, field in fields.items()}
        try:
            checked = self._fields.check({**texts, **dict.fromkeys(files, "")})
        except Problem as problem:
            raise invalid([*problem.issues, *issues]) from problem
        if issues:
            raise invalid(issues)
        return {**checked, **files}


class RequestBody:
    """A declared body. `schema` stands by itself; `required` bodies may not be empty."""

    def __init__(self, schema: Document, required: bool) -> None:
        self.schema = schema
        self.required = required
        self._validator: Validator | None = None
        self._defaults = dict(defaults_of(schema))
        self._defaults_text = orjson.dumps(self._defaults)
        self._shapes = Shapes(schema)
        self._last = b"", b""
        """The last sound body, and what it said as JSON: who makes a hundred sandboxes sends the same one each time."""

    @functools.cached_property
    def _take(self) -> Take | None:
        """What takes sound objects, where it takes every default as it is."""
        take = taker_of(self.schema, self.schema)
        fields = fields_of(self.schema, self.schema)
        takers = ((taker_of(fields[name], self.schema), value) for name, value in self._defaults.items())
        sound = all(each is not None and each(value) == value for each, value in takers)
        return take if sound else None

    def decode(self, raw: bytes, content_type: str) -> Json:
        """What the bytes say, None where an optional body is empty. A Problem has every issue, each with its place in
        the body, as in ("body", "name"); of a body that is no sound JSON, none of its schema."""
        check_size(raw)
        if not raw:
            if self.required:
                raise invalid([Issue(BODY, "Field required", "missing")])
            return None
        if content_type != JSON and content_type and media_type_of(content_type) != JSON:
            raise invalid([Issue(BODY, f"Input should be sent as {JSON}", "content_type")])
        last, said = self._last
        if raw == last:
            return orjson.loads(said)
        value = read_plainly(raw)
        if value is UNSURE:
            value, issues = read_strictly(raw)
            if issues:
                raise invalid(issues)
            return self.check(value)
        checked = self.check(value)
        self._last = raw, orjson.dumps(checked)
        return checked

    def check(self, value: Json) -> Json:
        """The value as the schema has it: with defaults of its members, without members that the schema does not
        know, and with whole numbers where it wants them. A Problem has every issue; of a very large
        value, the first."""
        if isinstance(value, dict) and self._take is not None:
            taken = self._take(value)
            if taken is not UNSURE:
                # Nobody else's: what a default holds may be kept, and changed.
                return {**orjson.loads(self._defaults_text), **taken}
        if self._validator is None:
            from fakeserver.spec.breaches import Validator

            self._validator = Validator(self.schema, FORMATS)
        if isinstance(value, dict):
            value = {**self._defaults, **value}
        if not self._validator.accepts(value):
            find = self._validator.first if has_more(value, MAX_SEARCHED) else self._validator.breaches
            found = dict.fromkeys(issue_of(breach) for breach in tell(find(value)))
            raise invalid(tuple(found)[:MAX_ISSUES])
        return self._shapes.shape(value, self.schema)


def check_size(raw: bytes) -> None:
    """Refuse a body that is too large to be looked at."""
    if len(raw) > MAX_BODY_BYTES:
        raise Problem(413, "too_long", f"The body is longer than {MAX_BODY_BYTES} bytes")
    # A value takes a byte at least.
    if len(raw) > MAX_BODY_VALUES and may_have_more(raw, MAX_BODY_VALUES):
        raise Problem(413, "too_long", f"The body has more than {MAX_BODY_VALUES:,} values")


def may_have_more(raw: bytes, most: int) -> bool:
    """Whether a JSON text has more than so many values, as its punctuation tells; an empty object or list counts
    twice."""
    if count_marks(raw) < most:
        return False
    # Between quotes that are not escaped stands every second part.
    parts = raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    return count_marks(b"".join(parts[::2])) >= most


def count_marks(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def has_more(value: Json, most: int) -> bool:
    """Whether there are more than so many values in a value, itself counted."""
    waiting, count = [value], 0
    while waiting and count <= most:
        each = waiting.pop()
        count += 1
        if isinstance(each, dict | list):
            waiting += each.values() if isinstance(each, dict) else each
    return count > most


def defaults_of(schema: Document) -> Iterator[tuple[str, Json]]:
    """The members of an object that have a default, in whatever part of its schema that always holds."""
    for part in sure_parts_of(schema, schema):
        for name, member in part.get("properties", {}).items():
            if isinstance(member, dict) and "default" in member:
                yield name, member["default"]


# What was refused, in words


def issue_of(breach: Breach) -> Issue:
    refused = refusal(breach.keyword, breach.wanted, breach.value)
    return Issue((*BODY, *map(short, breach.path)), refused.msg, refused.type, known=breach.known)


def tell(breaches: Iterable[Breach]) -> list[Breach]:
    """Breaches by what a client can do about them: a value of the wrong type has that one only."""
    found = [inner for each in breaches for inner in explain(each)]
    mistaken = {each.path for each in found if each.keyword == "type"}
    return [each for each in found if each.keyword == "type" or each.path not in mistaken]


def explain(breach: Breach) -> list[Breach]:
    """A breach of alternatives by what is wrong with the one that was meant: the one with the right type and the right
    constants, as far as that tells; otherwise what all of them find wrong."""
    if not breach.forms:
        return [breach]
    forms = [tell(form) for form in breach.forms]
    for keywords_, levels in ((("type",), 0), (("const", "enum"), 1)):
        telling = [
            next(
                (each for each in form if each.keyword in keywords_ and len(each.path) <= len(breach.path) + levels),
                None,
            )
            for form in forms
        ]
        meant = [form for form, found in zip(forms, telling, strict=True) if found is None]
        if len(meant) == 1:
            return meant[0]
        if not meant:
            return merge(breach, [found for found in telling if found is not None])
        forms = meant
    return [each for each in forms[0] if all(each in form for form in forms)] or [replace(breach, forms=())]


def merge(breach: Breach, telling: list[Breach]) -> list[Breach]:
    """The breaches by which no form is the right one, as one that names what any of them wants."""
    first = telling[0]
    if any(each.path != first.path for each in telling):
        return [replace(breach, forms=())]
    wanted = [choice for each in telling for choice in choices_of(each)]
    keyword = "type" if first.keyword == "type" else "enum"
    return [
        replace(
            first,
            keyword=keyword,
            wanted=[choice for index, choice in enumerate(wanted) if choice not in wanted[:index]],
        )
    ]


def choices_of(breach: Breach) -> list[Json]:
    """What a type, an enum or a constant allows."""
    return breach.wanted if isinstance(breach.wanted, list) and breach.keyword != "const" else [breach.wanted]


# The value as the schema has it


class Form:
    """What a schema says of the values that `Shapes` changes: what is in a list, the members of an object by name and
    by pattern, all others, and whether it wants whole numbers."""

    def __init__(self, schema: Json, document: Document) -> None:
        parts = [*parts_of(document, schema)]
        self.whole = "integer" in types_of(document, schema)
        self.items: Json = next((part["items"] for part in parts if "items" in part), True)
        self.known = fields_of(document, schema)
        self.patterns = [
            (values.compile_pattern(pattern), each)
            for part in parts
            for pattern, each in part.get("patternProperties", {}).items()
        ]
        others = next(
            (part["additionalProperties"] for part in parts if part.get("additionalProperties") is not None), None
        )
        if others is None:
            others = not (self.known or self.patterns) or any(part.keys() & OPEN for part in parts)
        self.others: Json = others

    def fitting(self, name: str) -> Json:
        """The schema of a member; False if there is none of this name."""
        found = self.known.get(name)
        if found is None:
            found = next((each for pattern, each in self.patterns if pattern.search(name)), self.others)
        return found


class Shapes:
    """Gives sound values the shape that a document's schemas have; each schema is read once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._forms: dict[int, Form] = {}

    def shape(self, value: Json, schema: Json) -> Json:
        """A sound value without the members that its schema does not know, and with whole numbers where it wants
        them."""
        if not isinstance(value, float | dict | list):
            return value
        form = self._forms.get(id(schema))
        if form is None:
            form = self._forms[id(schema)] = Form(schema, self._document)
        if isinstance(value, float):
            return int(value) if form.whole and value.is_integer() else value
        if isinstance(value, list):
            return [self.shape(each, form.items) for each in value]
        fitting = ((name, member, form.fitting(name)) for name, member in value.items())
        return {name: self.shape(member, each) for name, member, each in fitting if each is not False}


OPEN = {"unevaluatedProperties", "dependentSchemas", "if", "then", "else"}
"""Keywords with which an object may have members that are declared nowhere else."""
