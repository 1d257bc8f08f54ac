"""Request bodies: what a spec declares → a decoder from bytes to a value, or one problem that lists every issue.

What is declared is read at start, and refused where nothing honours it; the validator, which takes long to load, is
loaded with the first body that arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from fakeserver.problems import Document, Issue, Json, Problem, SpecError, invalid
from fakeserver.spec import values
from fakeserver.spec.body_schemas import BodySchemas
from fakeserver.spec.declared import JSON, MEDIA_TYPE
from fakeserver.spec.keywords import flag, keywords, named
from fakeserver.spec.references import dereference
from fakeserver.spec.schemas import fields_of, parts_of, types_of
from fakeserver.spec.strict_json import BODY, MAX_ISSUES, Place, read_strictly, short
from fakeserver.spec.wording import ValueRefused, refusal

if TYPE_CHECKING:
    from fakeserver.spec.breaches import Breach, Validator

REQUEST_BODY = keywords("content required", "description")
MAX_BODY_BYTES = 2**20
"""The largest body that is looked at."""


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


def read_request_body(document: Document, raw: Json) -> RequestBody:
    """The body that an operation declares; a `SpecError` names the place and the keyword that cannot be honoured."""
    where = "requestBody"
    raw = REQUEST_BODY.read(dereference(document, raw), where)
    content = named(raw.get("content"), f"{where}: content")
    if list(content) != [JSON]:
        raise SpecError(f"{where}: content: only {JSON} can be decoded, not {', '.join(content) or 'nothing'}")
    media_type = MEDIA_TYPE.read(content[JSON], f"{where}: {JSON}")
    if "schema" not in media_type:
        raise SpecError(f"{where}: {JSON}: must have a schema")
    schema = BodySchemas(document).alone(media_type["schema"], f"{where}: schema")
    return RequestBody(schema, flag(raw.get("required", False), f"{where}: required"))


class RequestBody:
    """A declared body. `schema` stands by itself; `required` bodies may not be empty."""

    def __init__(self, schema: Document, required: bool) -> None:
        self.schema = schema
        self.required = required
        self._validator: Validator | None = None
        self._defaults = dict(defaults_of(schema))

    def decode(self, raw: bytes, content_type: str) -> Json:
        """What the bytes say, None where an optional body is empty. A Problem has every issue, each with its place in
        the body, as in ("body", "name"); of a body that is no sound JSON, none of its schema."""
        if len(raw) > MAX_BODY_BYTES:
            raise Problem(413, "too_long", f"The body is longer than {MAX_BODY_BYTES} bytes")
        if not raw:
            if self.required:
                raise invalid([Issue(BODY, "Field required", "missing")])
            return None
        if content_type and content_type.partition(";")[0].strip().lower() != JSON:
            raise invalid([Issue(BODY, f"Input should be sent as {JSON}", "content_type")])
        value, issues = read_strictly(raw)
        if issues:
            raise invalid(issues)
        return self.check(value)

    def check(self, value: Json) -> Json:
        """The value as the schema has it: with defaults of its members, without members that the schema does not
        know, and with whole numbers where it wants them. A Problem has every issue."""
        if self._validator is None:
            from fakeserver.spec.breaches import Validator

            self._validator = Validator(self.schema, FORMATS)
        if isinstance(value, dict):
            value = {**self._defaults, **value}
        if not self._validator.accepts(value):
            found = (issue_of(breach) for each in self._validator.breaches(value) for breach in explained(each))
            raise invalid(tuple(islice(dict.fromkeys(found), MAX_ISSUES)))
        return shaped(value, self.schema, self.schema)


def defaults_of(schema: Document) -> Iterator[tuple[str, Json]]:
    """The members of an object that have a default, in whatever part of its schema that always holds."""
    sure = {name: member for name, member in schema.items() if name not in ("anyOf", "oneOf")}
    for part in parts_of(schema, sure):
        for name, member in part.get("properties", {}).items():
            if isinstance(member, dict) and "default" in member:
                yield name, member["default"]


# What was refused, in words


def issue_of(breach: Breach) -> Issue:
    refused = refusal(breach.keyword, breach.wanted, breach.value)
    return Issue((*BODY, *map(short, breach.path)), refused.msg, refused.type)


def explained(breach: Breach) -> Iterable[Breach]:
    """A breach of alternatives by what is wrong with the one that was meant: the one with the right type and the right
    constants, as far as that tells; otherwise what all of them find wrong."""
    if not breach.forms:
        return [breach]
    forms = [[inner for each in form for inner in explained(each)] for form in breach.forms]
    meant = [form for form in forms if not any(is_telling(each, breach.path) for each in form)]
    if len(meant) == 1:
        return meant[0]
    common = [each for each in (meant or forms)[0] if all(each in form for form in meant or forms)]
    return common or merged(breach, forms)


def is_telling(breach: Breach, path: Place) -> bool:
    """Whether this tells that another form was meant: the type of the value, or a constant that is a member of it."""
    if breach.keyword in ("const", "enum"):
        return len(breach.path) <= len(path) + 1
    return breach.keyword == "type" and breach.path == path


def merged(breach: Breach, forms: list[list[Breach]]) -> list[Breach]:
    """Forms that differ by their types or by one constant, as one breach of that."""
    telling = [[each for each in form if is_telling(each, breach.path)] for form in forms]
    first = telling[0][0] if telling[0] else None
    if first is not None and all(found and found[0].path == first.path for found in telling):
        kinds = {found[0].keyword for found in telling}
        wanted = [choice for found in telling for choice in choices_of(found[0])]
        if kinds <= {"const", "enum"}:
            return [type(first)(first.path, "enum", wanted, first.value)]
        if kinds == {"type"}:
            return [type(first)(first.path, "type", wanted, first.value)]
    return [type(breach)(breach.path, breach.keyword, breach.wanted, breach.value)]


def choices_of(breach: Breach) -> list[Json]:
    return breach.wanted if isinstance(breach.wanted, list) else [breach.wanted]


# The value as the schema has it


def shaped(value: Json, schema: Json, document: Document) -> Json:
    """A sound value without the members that its schema does not know, and with whole numbers where it wants them."""
    if isinstance(value, float):
        return int(value) if is_whole(value, schema, document) else value
    if not isinstance(value, dict | list):
        return value
    parts = list(parts_of(document, schema))
    if isinstance(value, list):
        items = next((part["items"] for part in parts if "items" in part), True)
        return [shaped(each, items, document) for each in value]
    members: Document = {}
    known = fields_of(document, schema)
    others = next((part["additionalProperties"] for part in parts if part.get("additionalProperties")), None)
    free = others is not None or not known or any(part.keys() & OPEN for part in parts)
    for name, member in value.items():
        if name in known:
            members[name] = shaped(member, known[name], document)
        elif free:
            members[name] = member if others is None else shaped(member, others, document)
    return members


OPEN = {"patternProperties", "unevaluatedProperties", "dependentSchemas", "if", "then", "else", "propertyNames"}
"""Keywords with which an object may have members that are declared nowhere else."""


def is_whole(value: float, schema: Json, document: Document) -> bool:
    """Whether a number that is written with a point stands where a whole number is wanted."""
    return value.is_integer() and "integer" in types_of(document, schema)
