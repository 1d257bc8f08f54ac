"""An OpenAPI 3.1 document as typed values: operations, parameters, responses, security.

The reader fails closed: a keyword it does not know stops the start, so no rule is ever dropped in silence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from fakeserver.problems import Document, Json, SpecError
from fakeserver.spec.references import dereference, expand

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader  # type: ignore[assignment]

PACKAGE = Path(__file__).parent.parent
METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
FORMATS = frozenset({"uuid", "date-time", "int32", "int64", "double", "float"})
SCHEMA_KEYWORDS = frozenset(
    "type enum const format minimum maximum minLength maxLength minItems maxItems uniqueItems pattern items "
    "properties required additionalProperties patternProperties anyOf oneOf allOf default title description "
    "examples example $ref".split()
)
PARAMETER_KEYWORDS = frozenset("name in required description schema content style explode example examples".split())
OPERATION_KEYWORDS = frozenset("operationId tags summary description parameters responses security requestBody".split())
RESPONSE_KEYWORDS = frozenset("description content headers".split())


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared input. `json` is true where the value is JSON text; `pairs` is the pattern of dynamic names."""

    name: str
    where: str
    required: bool
    schema: Document
    explode: bool = True
    json: bool = False
    pairs: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What the spec documents for one status: media type, schema and named examples."""

    status: int
    description: str
    media_type: str = "application/json"
    schema: Document = field(default_factory=dict)
    examples: Document = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecurityScheme:
    """Where a credential travels: the header, and the authentication scheme in front of it, if any."""

    name: str
    header: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method and path of a spec."""

    id: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    responses: dict[int, Response]
    security: tuple[SecurityScheme, ...]

    @property
    def query_names(self) -> frozenset[str]:
        return frozenset(each.name for each in self.parameters if each.where == "query")

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a pattern for `fullmatch`: `$` would let an encoded newline through."""
        parts = re.split(r"\{(\w+)\}", self.path)
        return re.compile(
            "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        )


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole document; `digest` tells two versions of a contract apart."""

    name: str
    operations: dict[str, Operation]
    document: Document
    digest: str


def resource(name: str) -> Path:
    """A folder of the repository; a wheel carries it inside the package."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def load_yaml(path: Path) -> Json:
    """A YAML file as plain values; a `SpecError` names the file and the line where it cannot be read."""
    return _read(path)[1]


def _read(path: Path) -> tuple[str, Json]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, yaml.load(text, Loader=SafeLoader)
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpecError(f"{path}: {' '.join(str(error).split())}") from error


def load(path: Path) -> Spec:
    """Read one OpenAPI file, or say in one sentence why it cannot be served."""
    text, document = _read(path)
    if not isinstance(document, dict) or re.fullmatch(r"3\.1(\.\d+)?", str(document.get("openapi", ""))) is None:
        raise SpecError(f"{path}: not an OpenAPI 3.1 document")
    try:
        operations: dict[str, Operation] = {}
        for each in _operations(document):
            if each.id in operations:
                raise SpecError(f"{each.method} {each.path}: operationId {each.id!r} is used twice")
            operations[each.id] = each
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError, re.error) as error:
        raise SpecError(f"{path}: malformed OpenAPI near {error!r}") from error
    return Spec(
        name=path.stem,
        operations=operations,
        document=document,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def _operations(document: Document) -> Iterator[Operation]:
    for schema_name, schema in (document.get("components", {}).get("schemas") or {}).items():
        _check_schema(schema, f"components.schemas.{schema_name}")
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method, body in item.items():
            if method not in METHODS:
                if method not in ("parameters", "summary", "description"):
                    raise SpecError(f"{path}: unknown keyword {method!r}")
                continue
            yield _operation(document, path, method, body, shared)


def _operation(document: Document, path: str, method: str, body: Document, shared: list[Document]) -> Operation:
    where = f"{method.upper()} {path}"
    _refuse_unknown(body, OPERATION_KEYWORDS, where)
    if not body.get("operationId"):
        raise SpecError(f"{where}: has no operationId")
    return Operation(
        id=body["operationId"],
        method=method.upper(),
        path=path,
        parameters=tuple(_parameter(document, each, where) for each in (*shared, *body.get("parameters", ()))),
        responses={int(code): _response(document, int(code), each, where) for code, each in body["responses"].items()},
        security=_security(document, body),
    )


def _parameter(document: Document, raw: Document, where: str) -> Parameter:
    raw = dereference(document, raw)
    where = f"{where}: parameter {raw.get('name')!r}"
    _refuse_unknown(raw, PARAMETER_KEYWORDS, where)
    content = raw.get("content")
    schema = expand(document, content["application/json"]["schema"] if content else raw["schema"])
    _check_schema(schema, where)
    patterns = schema.get("patternProperties")
    return Parameter(
        name=raw["name"],
        where=raw["in"],
        required=bool(raw.get("required", False)),
        schema=schema,
        explode=bool(raw.get("explode", True)),
        json=content is not None,
        pairs=re.compile(next(iter(patterns))) if patterns else None,
    )


def _response(document: Document, status: int, raw: Document, where: str) -> Response:
    raw = dereference(document, raw)
    where = f"{where}: response {status}"
    _refuse_unknown(raw, RESPONSE_KEYWORDS, where)
    headers = tuple(raw.get("headers") or ())
    for media_type, content in (raw.get("content") or {}).items():
        _check_schema(content.get("schema", {}), where)
        examples = {
            name: dereference(document, each).get("value") for name, each in (content.get("examples") or {}).items()
        }
        return Response(status, raw["description"], media_type, content.get("schema", {}), examples, headers)
    return Response(status, raw["description"], headers=headers)


def _security(document: Document, body: Document) -> tuple[SecurityScheme, ...]:
    declared = document.get("components", {}).get("securitySchemes") or {}
    alternatives: list[Document] = body.get("security") or document.get("security") or []
    schemes = []
    for alternative in alternatives:
        if len(alternative) != 1:
            raise SpecError("a security alternative must name exactly one scheme")
        (name,) = alternative
        raw = declared[name]
        if raw["type"] == "apiKey" and raw["in"] == "header":
            schemes.append(SecurityScheme(name, raw["name"].lower()))
        elif raw["type"] == "oauth2" or (raw["type"], raw.get("scheme")) == ("http", "bearer"):
            schemes.append(SecurityScheme(name, "authorization", "bearer"))
        else:
            raise SpecError(f"security scheme {name!r} is of a kind that is not served")
    return tuple(schemes)


def _check_schema(schema: Json, where: str) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise SpecError(f"{where}: a schema must be an object")
    _refuse_unknown(schema, SCHEMA_KEYWORDS, where)
    if schema.get("format", "uuid") not in FORMATS:
        raise SpecError(f"{where}: unknown format {schema['format']!r}")
    for name in ("properties", "patternProperties"):
        for key, each in (schema.get(name) or {}).items():
            _check_schema(each, f"{where}.{key}")
    for name in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(name, ()):
            _check_schema(each, where)
    for name in ("items", "additionalProperties"):
        if name in schema:
            _check_schema(schema[name], where)


def _refuse_unknown(value: Document, known: frozenset[str], where: str) -> None:
    unknown = sorted(set(value) - known)
    if unknown:
        raise SpecError(f"{where}: unknown keyword {unknown[0]!r}")
