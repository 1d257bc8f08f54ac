"""The operations of a vendor's document, each in a form that can be served; what that form leaves out is noted.

The reader (`spec.reader`) has the last word: a keyword that it does not honour makes an operation unserved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from fakeserver.problems import Document, Json, SpecError
from fakeserver.spec.keywords import EXTENSION
from fakeserver.spec.reader import JSON, METHODS, NAME, Endpoint
from fakeserver.spec.references import REFERENCE, dereference, dereference_schema

ASSUMED_SCHEME = "assumedKey"
DEFAULT_ERRORS = (400, 401, 404, 429, 500)
"""What a response `default` is taken to mean, where a status has no response of its own."""
RANGES = {"4": (400, 401, 404, 429), "5": (500, 503)}
LEFT_OUT = frozenset({"servers", "callbacks", "externalDocs", "tags"})
"""Keywords of an operation that change no answer."""
LONGEST_ID = 100
FIRST_ERROR = 400


MALFORMED = (
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    ValueError,
    RecursionError,
    ZeroDivisionError,
    OverflowError,
)
"""What a description that is not OpenAPI at some place leads to."""
MAX_SENTENCE = 200


class Unserved(Exception):
    """Why an operation is not served."""


def sentence_of(error: BaseException) -> str:
    """Why something is not served, from what was raised."""
    if isinstance(error, MALFORMED):
        return f"malformed OpenAPI near {error!r}"[:MAX_SENTENCE]
    return " ".join(str(error).split())


@dataclass(slots=True)
class Found:
    """One operation: where it stands, what the skeleton's spec says of it, and what was assumed or left out thereby.
    `reason` is why it is not served, `prefix` what the server's own path puts in front of the operation's."""

    endpoint: Endpoint
    body: Document
    notes: list[str] = field(default_factory=list)
    reason: str = ""
    prefix: str = ""

    @property
    def responses(self) -> dict[str, Document]:
        found: dict[str, Document] = self.body.get("responses", {})
        return found


class Survey:
    """Reads every operation of a document. `document` gets a security scheme where an operation has none."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._ids: set[str] = set()
        if not isinstance(document.get("components"), dict):
            document["components"] = {}
        schemes = document["components"].get("securitySchemes")
        self._schemes: Document = schemes if isinstance(schemes, dict) else {}

    def operations(self) -> Iterator[Found]:
        """Every operation, in the order of the document."""
        for path, item in self.document["paths"].items():
            if path.startswith(EXTENSION):
                continue
            try:
                item = dereference(self.document, item)
            except SpecError as error:
                yield Found(Endpoint("", "GET", path), {}, reason=str(error))
                continue
            for method, body in item.items() if isinstance(item, dict) else ():
                if method in METHODS:
                    yield self._survey(path, item, method, body)

    def _survey(self, path: str, item: Document, method: str, body: Json) -> Found:
        body = body if isinstance(body, dict) else {}
        prefix = self._prefix(body, item)
        endpoint = Endpoint(self._id_of(body, method, path), method.upper(), prefix + path)
        found = Found(endpoint, {"operationId": endpoint.id}, prefix=prefix)
        try:
            if REFERENCE in body:
                raise Unserved(f"the keyword {REFERENCE!r} is not honoured: bundle the description into one file first")
            if method != "get":
                raise Unserved(f"what {endpoint.method} does cannot be guessed")
            found.body |= {
                name: member
                for name, member in body.items()
                if name not in LEFT_OUT and not name.startswith(EXTENSION) and name != "operationId"
            }
            found.body["parameters"] = self._parameters(item, body)
            found.body["responses"] = self._responses(body, found)
            found.body["security"] = self._security(body, found)
        except (Unserved, SpecError, *MALFORMED) as error:
            found.reason = sentence_of(error)
        return found

    def _prefix(self, body: Document, item: Document) -> str:
        """The path of the first server, which stands in front of the operation's own."""
        for holder in (body, item, self.document):
            servers = holder.get("servers")
            if isinstance(servers, list) and servers and isinstance(servers[0], dict):
                url = str(servers[0].get("url", ""))
                variables = servers[0].get("variables")
                for name, variable in variables.items() if isinstance(variables, dict) else ():
                    if isinstance(variable, dict):
                        url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
                try:
                    return urlsplit(url).path.rstrip("/")
                except ValueError:
                    return ""
        return ""

    def _id_of(self, body: Document, method: str, path: str) -> str:
        """The operation's own id, or one made from its path; each is used once."""
        given = body.get("operationId")
        name = given if isinstance(given, str) and given.isprintable() and len(given) <= LONGEST_ID else ""
        name = name.strip() or "_".join([method, *re.findall(r"[A-Za-z0-9]+", path)])[:LONGEST_ID]
        unique, number = name, 2
        while unique in self._ids:
            unique, number = f"{name}_{number}", number + 1
        self._ids.add(unique)
        return unique

    def _parameters(self, item: Document, body: Document) -> list[Json]:
        """The parameters of an operation and its path, without references."""
        found: dict[tuple[str, str], Json] = {}
        for raw in (*(item.get("parameters") or ()), *(body.get("parameters") or ())):
            parameter = dereference(self.document, raw)
            if not isinstance(parameter, dict):
                raise Unserved("a parameter is not a mapping")
            plain = {name: value for name, value in parameter.items() if name not in ("example", "examples")}
            if "schema" in plain:
                plain["schema"] = without_null(self.document, plain["schema"])
            found[str(parameter.get("in")), str(parameter.get("name"))] = plain
        return [*found.values()]

    # Responses

    def _responses(self, body: Document, found: Found) -> dict[str, Document]:
        given = body.get("responses")
        raws = {code: dereference(self.document, raw) for code, raw in given.items()} if isinstance(given, dict) else {}
        responses: dict[str, Document] = {}
        for code, raw in raws.items():
            if code.isdigit():
                responses[code] = self._response(raw, code)
        for code, raw in raws.items():
            statuses = DEFAULT_ERRORS if code == "default" else RANGES.get(code[:1], ()) if code[1:] in "XXxx" else ()
            new = [status for status in statuses if str(status) not in responses]
            if code.upper() == "2XX" and "200" not in responses:
                new = [200]
            responses |= {str(status): self._response(raw, str(status)) for status in new}
            if new:
                found.notes.append(f"the response {code} is sent as {', '.join(map(str, new))}")
        return dict(sorted(responses.items()))

    def _response(self, raw: Json, code: str) -> Document:
        """A response with its JSON only; other types of the same are never sent."""
        if not isinstance(raw, dict):
            raise Unserved(f"response {code} is not a mapping")
        kept = {name: value for name, value in raw.items() if name != "links" and not name.startswith(EXTENSION)}
        content = kept.get("content")
        if isinstance(content, dict):
            types = {name.partition(";")[0].strip().lower(): name for name in reversed(content)}
            chosen = types.get(JSON) or types.get("*/*")
            # One response may stand for several statuses, and each of them gets examples of its own.
            kept["content"] = {JSON: dict(content[chosen])} if chosen else dict(content)
            if not content:
                del kept["content"]
            elif chosen and int(code) < FIRST_ERROR:
                # What answers is made; an example is sent for errors alone.
                kept["content"] = {JSON: {"schema": content[chosen].get("schema", {})}}
        kept["description"] = str(kept.get("description") or phrase(int(code)))
        return kept

    # Security

    def _security(self, body: Document, found: Found) -> list[Document]:
        """The alternatives that take one credential; the others are left out, since any one is enough."""
        given = body.get("security", self.document.get("security"))
        alternatives = [each for each in given if isinstance(each, dict) and each] if isinstance(given, list) else []
        single: list[Document] = [{name: []} for each in alternatives if len(each) == 1 for name in each]
        if any(scopes for each in alternatives for scopes in each.values()):
            found.notes.append("every credential has every scope")
        if not alternatives:
            found.notes.append("the description names no credential; assumed is a bearer token")
            return [self._assume_bearer()]
        if len(single) < len(alternatives):
            found.notes.append("credentials that only count together are not taken")
        served = [each for each in single if self._is_served(next(iter(each)))]
        if not served:
            names = ", ".join(name for each in alternatives for name in each)
            raise Unserved(f"the keyword 'security' names no credential that can be served alone: {names}")
        return served

    def _is_served(self, name: str) -> bool:
        try:
            raw = dereference(self.document, self._schemes.get(name))
        except SpecError:
            return False
        match raw:
            case {"type": "apiKey", "in": "header", "name": str()} | {"type": "oauth2"}:
                return True
            case {"type": "http", "scheme": str() as scheme}:
                return scheme.lower() == "bearer"
        return False

    def _assume_bearer(self) -> Document:
        self._schemes[ASSUMED_SCHEME] = {
            "type": "http",
            "scheme": "bearer",
            "description": "Assumed: the vendor's description names no credential.",
        }
        self.document["components"]["securitySchemes"] = self._schemes
        return {ASSUMED_SCHEME: []}


def without_null(document: Document, schema: Json) -> Json:
    """The schema of a parameter as far as a text can be a value of it: no text is null, as frameworks write optional
    parameters."""
    found = dereference_schema(document, schema)
    if not isinstance(found, dict):
        return schema
    found = {name: value for name, value in found.items() if (name, value) != ("default", None)}
    if isinstance(found.get("type"), list):
        types = [each for each in found["type"] if each != "null"]
        found["type"] = types[0] if len(types) == 1 else types
    if isinstance(found.get("enum"), list) and len(found["enum"]) > 1:
        found["enum"] = [each for each in found["enum"] if each is not None]
    for name in ("anyOf", "oneOf"):
        if isinstance(found.get(name), list):
            others = [each for each in found[name] if each != {"type": "null"}]
            if len(others) == 1 and len(found[name]) == 2:
                del found[name]
                return without_null(document, {"allOf": [found, others[0]]} if found else others[0])
    if isinstance(found.get("allOf"), list) and found.keys() == {"allOf"}:
        return _join(document, found["allOf"]) or schema
    return found


def _join(document: Document, parts: list[Json]) -> Document | None:
    """Parts that say nothing twice as one schema."""
    joined: Document = {}
    for part in (without_null(document, part) for part in parts):
        if not isinstance(part, dict) or joined.keys() & part.keys() - {"title", "description"}:
            return None
        joined |= part
    return joined


def phrase(status: int) -> str:
    """What a status is called."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def name_of_example(name: str) -> str:
    """A name for an example, as headers and queries can have it."""
    name = re.sub(r"[^A-Za-z0-9._~-]+", "_", name)[:LONGEST_ID].strip("_")
    return name if NAME.fullmatch(name) else "example"
