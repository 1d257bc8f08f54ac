"""An OpenAPI 3.1 document as typed values: operations, parameters, responses, security.

The reader fails closed: what an operation that is served declares is honoured, or it stops the start with the file,
the place and the cause. Annotations and `x-` keys are ignored. Operations that are not served are listed, and read no
further.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

from fakeserver.arguments import near
from fakeserver.problems import Document, Json, SpecError
from fakeserver.spec import kept_yaml
from fakeserver.spec.bodies import RawBody, RequestBody, read_request_body
from fakeserver.spec.declared import Parameter, read_parameter
from fakeserver.spec.keywords import check_json, keywords, mapping, read_names, sequence, show, text
from fakeserver.spec.parameters import input_of
from fakeserver.spec.references import dereference
from fakeserver.spec.schemas import SchemaChecker

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

JSON = "application/json"
SENT = ("text/event-stream", "application/octet-stream", "application/connect+proto", "application/proto")
"""Media types of successes that are no JSON."""
REFUSED = 400
"""From this status on, only JSON is sent; an operation of a provider's own may send events where it succeeds."""
METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
PATH_ITEM = keywords(" ".join(("$ref", "parameters", *METHODS)), "summary description servers")
OPERATION = keywords(
    "operationId parameters requestBody responses security",
    "tags summary description externalDocs deprecated servers callbacks",
)
RESPONSE = keywords("description content headers", "links")
MEDIA_TYPE = keywords("schema examples", "example")
EXAMPLE = keywords("value", "summary description")
SCHEME = keywords("type name in scheme", "description bearerFormat flows openIdConnectUrl")
STATUS = re.compile(r"[1-5][0-9]{2}")
NAME = re.compile(r"[A-Za-z0-9._~-]{1,100}")
"""A name that stands unquoted in a header, a query and behind a credential, where examples are asked for."""
TEMPLATE = re.compile(r"\{([^{}]*)\}")
UNSERVED_KEY = "x-fakeserver-unserved"
"""In an operation that is not served: why, in one sentence. It is told to whoever asks for the operation."""
UNSERVED_STATUS = 501


@dataclass(frozen=True, slots=True)
class Response:
    """What the spec documents for one status: description, and the schema and named examples of its JSON."""

    status: int
    description: str
    schema: Json = field(default_factory=dict)
    examples: Document = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecurityScheme:
    """Where a credential travels: the header, and the authentication scheme in front of it, if any."""

    name: str
    header: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method and path of a spec; `id` is empty where the spec gives none. Where it is not served, `reason` is why,
    if anybody has said so, and `status` is what a request for it is answered with."""

    id: str
    method: str
    path: str
    reason: str = field(default="", kw_only=True)
    status: int = field(default=UNSERVED_STATUS, kw_only=True)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.id or f"{self.method} {self.path}"

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it answers: a GET answers HEAD as well."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a pattern for `fullmatch`: `$` would let an encoded newline through."""
        return _pattern(self.path, "[^/]+")


@dataclass(frozen=True, slots=True)
class Operation(Endpoint):
    """An endpoint that is served. Without a `body`, that of a request is ignored. `outcomes` is how else than well it
    can turn out; the spec does not say that, but the meaning that a provider gives to it."""

    parameters: tuple[Parameter, ...]
    responses: dict[int, Response]
    security: tuple[SecurityScheme, ...]
    body: RequestBody | RawBody | None = None
    outcomes: tuple[str, ...] = ()
    others_outcomes: frozenset[str] = frozenset()
    shows_scenarios: bool = False
    """Those that other operations of the provider have, and this one has not."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a pattern whose groups are its parameters."""
        return _pattern(self.path, "(?P<{}>[^/]+)")

    @property
    def query_names(self) -> frozenset[str]:
        return frozenset(parameter.name for parameter in self.parameters if parameter.where == "query")


def unserved(source: str, *names: str, status: int = UNSERVED_STATUS) -> tuple[Endpoint, ...]:
    """Operations (`POST /sandboxes/{id}/pause`) that the provider has by this source, and the fake has not. `status` is
    404 or 405 for those without which the provider's SDK goes on."""
    if status not in (404, 405, UNSERVED_STATUS):
        raise ValueError(f"an operation that is not served is answered with 404, 405 or {UNSERVED_STATUS}")
    found = []
    for name in names:
        method, space, path = name.partition(" ")
        if not (space and method.isupper() and path.startswith("/")):
            raise ValueError(f"{name!r} is not a method and a path, such as 'POST /sandboxes'")
        found.append(Endpoint("", method, path, reason=f"the provider has it ({source})", status=status))
    return tuple(found)


@cache
def _pattern(path: str, place: str) -> re.Pattern[str]:
    parts = TEMPLATE.split(path)
    return re.compile("".join(place.format(part) if index % 2 else re.escape(part) for index, part in enumerate(parts)))


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole document: the operations that are served, by id, and those that are not. `digest` tells two versions of
    a contract apart."""

    path: Traversable
    operations: dict[str, Operation]
    unserved: tuple[Endpoint, ...]
    document: Document
    digest: str


# The file


class Served(Protocol):
    """What the reader has to know of the meaning that a provider gives to an operation."""

    @property
    def public(self) -> bool:
        """Whether it asks for no credential."""

    @property
    def credential(self) -> str:
        """The member of its body that may hold the credential."""


def load(path: Traversable, served: Collection[str] | Mapping[str, Served]) -> Spec:
    """Read one OpenAPI file, or say in one sentence why it cannot be served. `served` are the ids of the operations
    that a provider gives a meaning to, with the meanings, if some of them need no credential in a header."""
    content, document = kept_yaml.read_kept(path)
    try:
        meanings = served if isinstance(served, Mapping) else {}
        public = [name for name, meaning in meanings.items() if meaning.public or meaning.credential]
        reader = Reader(_document_of(document), served, public)
        for item_path, item in mapping(document.get("paths"), "paths").items():
            reader.read_path(item_path, item)
        reader.check_complete()
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, re.error) as error:
        raise SpecError(f"{path}: malformed OpenAPI near {error!r}") from error
    return Spec(path, reader.operations, tuple(reader.unserved), document, hashlib.sha256(content.encode()).hexdigest())


def _document_of(value: Json) -> Document:
    """The document in the version that is read here; one of another version would be rewritten in this place."""
    version = str(value.get("openapi", "")) if isinstance(value, dict) else ""
    if re.fullmatch(r"3\.1(\.\d+)?", version) is None:
        raise SpecError("not an OpenAPI 3.1 document")
    return cast(Document, value)


# Its operations


class Reader:
    """Reads the operations of one document that are served, and lists the others."""

    def __init__(self, document: Document, served: Collection[str], public: Collection[str] = ()) -> None:
        self.operations: dict[str, Operation] = {}
        self.unserved: list[Endpoint] = []
        self._document = document
        self._served = served
        self._public = public
        self._schemas = SchemaChecker(document)
        self._shared: dict[tuple[str, int], Response] = {}

    def read_path(self, path: str, item: Json) -> None:
        """The operations of one path."""
        item = dereference(self._document, mapping(item, path))
        methods = {name: body for name, body in mapping(item, path).items() if name in METHODS}
        serves = [name for name, body in methods.items() if self._text_of(body) in self._served]
        if serves:
            PATH_ITEM.read(item, path)
        for name, body in methods.items():
            endpoint = Endpoint(self._text_of(body), name.upper(), path)
            if name not in serves:
                self.unserved.append(replace(endpoint, reason=self._text_of(body, UNSERVED_KEY)))
            elif endpoint.id in self.operations:
                raise SpecError(f"{endpoint.method} {path}: operationId {endpoint.id!r} is used twice")
            else:
                self.operations[endpoint.id] = self._operation(endpoint, body, item.get("parameters", []))

    def check_complete(self) -> None:
        """Refuse a document that lacks an operation which should be served."""
        for name in self._served:
            if name not in self.operations:
                hint = near(name, [endpoint.id for endpoint in self.unserved if endpoint.id])
                raise SpecError(f"no operation has the operationId {name!r}, which the provider serves{hint}")

    def _text_of(self, body: Json, name: str = "operationId") -> str:
        found = body.get(name) if isinstance(body, dict) else None
        return found if isinstance(found, str) else ""

    def _operation(self, endpoint: Endpoint, body: Json, shared: Json) -> Operation:
        try:
            body = OPERATION.read(body, "the operation")
            # What an operation says of a parameter replaces what its path says of it.
            parameters = {**self._parameters(shared), **self._parameters(body.get("parameters", []))}
            for parameter in parameters.values():
                input_of(parameter)
            responses = mapping(body.get("responses"), "responses")
            return Operation(
                endpoint.id,
                endpoint.method,
                endpoint.path,
                _check_names(endpoint, tuple(parameters.values())),
                {int(code): self._response(code, raw) for code, raw in responses.items() if _is_status(code)},
                _security(self._document, body, public=endpoint.id in self._public),
                read_request_body(self._document, body["requestBody"]) if "requestBody" in body else None,
            )
        except SpecError as error:
            raise SpecError(f"{endpoint.id} ({endpoint.method} {endpoint.path}): {error}") from error

    def _parameters(self, raws: Json) -> dict[tuple[str, str], Parameter]:
        found: dict[tuple[str, str], Parameter] = {}
        for raw in sequence(raws, "parameters"):
            parameter = read_parameter(self._document, raw)
            if (parameter.where, parameter.name) in found:
                raise SpecError(f"parameter {parameter.name!r} is declared twice")
            found[parameter.where, parameter.name] = parameter
        return found

    def _response(self, code: str, raw: Json) -> Response:
        """A response; one that operations refer to is read once for all of them."""
        raw = dereference(self._document, raw)
        if (code, id(raw)) not in self._shared:
            self._shared[code, id(raw)] = self._read_response(code, raw)
        return self._shared[code, id(raw)]

    def _read_response(self, code: str, raw: Json) -> Response:
        where = f"response {code}"
        raw = RESPONSE.read(raw, where)
        description = text(raw.get("description"), f"{where}: description")
        headers = tuple(read_names(raw.get("headers", {}), f"{where}: headers"))
        content = read_names(raw.get("content", {}), f"{where}: content")
        schemas: dict[str, Json] = {}
        examples: dict[str, Document] = {}
        for media_type, body in content.items():
            place = f"{where}: {media_type}"
            body = MEDIA_TYPE.read(body, place)
            schemas[media_type] = body.get("schema", {})
            self._schemas.check(schemas[media_type], f"{place}: schema")
            examples[media_type] = dict(self._examples(body.get("examples", {}), f"{place}: examples"))
        sent = (JSON,) if int(code) >= REFUSED else (JSON, *SENT)
        if content and not {*content} & {*sent}:
            raise SpecError(f"{where}: only {' and '.join(sent)} can be sent, not {', '.join(content)}")
        return Response(int(code), description, schemas.get(JSON, {}), examples.get(JSON, {}), headers)

    def _examples(self, raws: Json, where: str) -> Iterator[tuple[str, Json]]:
        for name, raw in read_names(raws, where).items():
            place = f"{where}.{name}"
            if NAME.fullmatch(name) is None:
                raise SpecError(f"{place}: the name of an example must be letters, digits, '.', '_', '~' or '-'")
            raw = EXAMPLE.read(dereference(self._document, raw), place)
            if "value" not in raw:
                raise SpecError(f"{place}: has no value")
            check_json(raw["value"], place)
            yield name, raw["value"]


def _is_status(code: str) -> bool:
    if STATUS.fullmatch(code) is None:
        raise SpecError(f"response {code}: not the number of a status")
    return True


def _check_names(endpoint: Endpoint, parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """The parameters, each with a name of its own, and in the path exactly those that the path has a place for."""
    names = [parameter.name for parameter in parameters]
    places = TEMPLATE.findall(endpoint.path)
    declared = [parameter.name for parameter in parameters if parameter.where == "path"]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(f"two parameters have the name {name!r}")
    if sorted(places) != sorted(declared):
        raise SpecError(f"the path has places for {places}, and its parameters are {declared}")
    for name in places:
        if not name.isidentifier():
            raise SpecError(f"a place {{{name}}} in the path cannot be served: its name must be a plain word")
    return parameters


def _security(document: Document, body: Mapping[str, Json], *, public: bool) -> tuple[SecurityScheme, ...]:
    """Where the credentials of an operation travel; any one of them is enough."""
    alternatives = sequence(body.get("security", document.get("security", [])), "security")
    if not alternatives and not public:
        raise SpecError("security: an operation without a credential cannot be served: documents belong to callers")
    return tuple(_scheme(document, read_names(alternative, "security")) for alternative in alternatives)


def _scheme(document: Document, alternative: Document) -> SecurityScheme:
    if len(alternative) != 1:
        raise SpecError("security: an alternative must name exactly one scheme")
    ((name, scopes),) = alternative.items()
    if scopes:
        raise SpecError(f"security: the scopes of {name!r} are not honoured")
    declared = read_names(mapping(document.get("components", {}), "components").get("securitySchemes", {}), "security")
    if name not in declared:
        raise SpecError(f"security: components.securitySchemes has no {name!r}")
    raw = SCHEME.read(dereference(document, declared[name]), f"components.securitySchemes.{name}")
    match raw.get("type"), str(raw.get("in")), str(raw.get("scheme")).lower():
        case "apiKey", "header", _:
            return SecurityScheme(name, text(raw.get("name"), f"components.securitySchemes.{name}.name").lower())
        case ("oauth2", _, _) | ("http", _, "bearer"):
            return SecurityScheme(name, "authorization", "bearer")
    raise SpecError(f"security scheme {name!r} is of a kind that is not served: {show(raw.get('type'))}")
