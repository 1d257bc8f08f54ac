"""Parameters as a spec declares them: their place, their style, and the schema that says what their texts mean."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from fakeserver.problems import Document, Json, SpecError
from fakeserver.spec.keywords import flag, keywords, mapping, read_names, refuse_keywords, show, text
from fakeserver.spec.references import dereference, dereference_schema
from fakeserver.spec.values import ANNOTATIONS

PARAMETER = keywords(
    "name in required schema content style explode allowReserved allowEmptyValue",
    "description deprecated example examples",
)
MEDIA_TYPE = keywords("schema", "example examples")
JSON = "application/json"
USUAL_STYLE = {"path": "simple", "query": "form", "header": "simple"}
"""The one style that is decoded, by the place of a parameter; it is the default there."""
PAIRS = re.compile(r"\^((?:\\[^\w]|[\w\-])+)\.\+\$")
"""What a pattern of dynamic names looks like: some literal text, and at least one more character."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared input. `json` is true where the value is JSON text; `pairs` is the pattern of dynamic names. The
    values of a list that does not `explode` may stand in one text, with commas between them."""

    name: str
    where: str
    required: bool
    schema: Document
    explode: bool = True
    json: bool = False
    pairs: re.Pattern[str] | None = None

    @property
    def shape(self) -> str:
        """What becomes of it: `pairs`, `json`, or a value of its schema's type."""
        return "pairs" if self.pairs is not None else "json" if self.json else str(self.schema.get("type"))

    @property
    def prefix(self) -> str:
        """What the dynamic names of `pairs` begin with."""
        assert self.pairs is not None
        literal = PAIRS.fullmatch(self.pairs.pattern)
        assert literal is not None
        return re.sub(r"\\(.)", r"\1", literal[1])


def read_parameter(document: Document, raw: Json) -> Parameter:
    """A declared parameter, with what stands behind its references; a `SpecError` names what cannot be honoured."""
    raw = PARAMETER.read(dereference(document, raw), "a parameter")
    name, where = text(raw.get("name"), "the name of a parameter"), raw.get("in")
    try:
        if where not in USUAL_STYLE:
            raise SpecError(f"a parameter in {show(where)} cannot be decoded")
        required = flag(raw.get("required", False), "required")
        if where == "path" and not required:
            raise SpecError("a parameter in the path must have required: true")
        for keyword in ("allowReserved", "allowEmptyValue"):
            if flag(raw.get(keyword, False), keyword):
                raise SpecError(f"the keyword {keyword!r} is not honoured")
        if ("content" in raw) == ("schema" in raw):
            raise SpecError("must have either a schema or content")
        read = _read_json_parameter if "content" in raw else _read_plain_parameter
        return read(document, raw, Parameter(name, where, required, {}))
    except SpecError as error:
        raise SpecError(f"parameter {name!r}: {error}") from error


def _read_json_parameter(document: Document, raw: Document, parameter: Parameter) -> Parameter:
    for keyword in ("style", "explode"):
        if keyword in raw:
            raise SpecError(f"the keyword {keyword!r} is not honoured beside content")
    content = read_names(raw["content"], "content")
    if list(content) != [JSON]:
        raise SpecError(f"content: only {JSON} can be decoded, not {', '.join(content) or 'nothing'}")
    media_type = MEDIA_TYPE.read(content[JSON], f"content.{JSON}")
    return replace(parameter, schema=_schema(document, media_type.get("schema", {}), "schema"), json=True)


def _read_plain_parameter(document: Document, raw: Document, parameter: Parameter) -> Parameter:
    style = raw.get("style", USUAL_STYLE[parameter.where])
    if style != USUAL_STYLE[parameter.where]:
        raise SpecError(f"the style {show(style)} is not honoured in the {parameter.where}")
    explode = flag(raw.get("explode", style == "form"), "explode")
    schema = _schema(document, raw["schema"], "schema")
    if "items" in schema:
        schema["items"] = _schema(document, schema["items"], "items")
    pairs = _pairs(document, schema) if schema.get("type") == "object" and parameter.where == "query" else None
    if pairs is not None and not explode:
        raise SpecError("an object in one text cannot be decoded: explode must be true")
    return replace(parameter, schema=schema, explode=explode, pairs=pairs)


def _schema(document: Document, raw: Json, where: str) -> Document:
    return mapping(dereference_schema(document, raw), where)


def _pairs(document: Document, schema: Document) -> re.Pattern[str]:
    """The names of an object whose members are parameters of their own, as `metadata.env=prod`."""
    honoured = {"type", "patternProperties", "additionalProperties"}
    refuse_keywords(set(schema) - honoured - ANNOTATIONS, "an object of parameters", honoured)
    patterns = read_names(schema.get("patternProperties", {}), "patternProperties")
    if len(patterns) != 1 or schema.get("additionalProperties") is not False:
        raise SpecError("an object of parameters needs one name in patternProperties, and additionalProperties: false")
    (pattern,) = patterns
    if PAIRS.fullmatch(pattern) is None:
        raise SpecError(f"patternProperties: {pattern!r} cannot be decoded, only a pattern such as '^metadata\\..+$'")
    member = _schema(document, patterns[pattern], f"patternProperties.{pattern}")
    refuse_keywords(set(member) - {"type"} - ANNOTATIONS, f"patternProperties.{pattern}", {"type"})
    if member.get("type") != "string":
        raise SpecError(f"patternProperties.{pattern}: the type {show(member.get('type'))} cannot be decoded")
    return re.compile(pattern, re.DOTALL)
