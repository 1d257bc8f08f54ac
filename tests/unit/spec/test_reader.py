"""Start-up: where a spec and the server that should serve it disagree, the server does not start, and says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fakeserver.pipeline.exchange import Request
from fakeserver.pipeline.service import Service
from fakeserver.problems import Problem, SpecError
from fakeserver.providers import PROVIDERS
from fakeserver.recipes import fixture
from fakeserver.serving.app import Settings, create_app, load_services
from fakeserver.serving.screen import start_screen
from fakeserver.spec import reader
from fakeserver.spec.reader import UNSERVED_KEY, Endpoint, Spec
from fakeserver.worlds.documents import SeededDocuments, Seeding
from fakeserver.worlds.world import World
from tests.support.asgi import ROOT, SLUGS, SPECS, Row, call, spec_of
from tests.support.texts import TEXTS

LIST_PATHS = {slug: next(iter(SPECS[slug]["paths"])) for slug in SLUGS}


def load(tmp_path: Path, slug: str, change: Callable[[Row], object] | None = None, text: str | None = None) -> Spec:
    """The provider's spec, changed, as it is read at start."""
    path = tmp_path / f"{slug}.yaml"
    if text is None:
        document = spec_of(slug)
        if change is not None:
            change(document)
        TEXTS.write(path, document)
    else:
        path.write_text(text, encoding="utf-8")
    return reader.load(path, PROVIDERS[slug].operations)


def serve(loaded: Spec) -> Service:
    provider = PROVIDERS[loaded.path.name.removesuffix(".yaml")]
    words = fixture.load_vocabularies()
    return Service(provider, loaded, fixture.load(provider, loaded, words))


def serve_list(tmp_path: Path, change: Callable[[Row], object]) -> Service:
    """Prime with its list alone, so that nothing else is in the way of what is changed."""
    document = spec_of("prime")
    document["paths"] = {LIST_PATHS["prime"]: {"get": operation(document, "prime")}}
    change(document)
    path = tmp_path / "prime.yaml"
    TEXTS.write(path, document)
    whole = PROVIDERS["prime"]
    provider = replace(whole, operations={"listSandboxes": whole.operations["listSandboxes"]})
    loaded = reader.load(path, provider.operations)
    return Service(provider, loaded, fixture.load(provider, loaded, fixture.load_vocabularies()))


def operation(document: Row, slug: str) -> Row:
    found: Row = document["paths"][LIST_PATHS[slug]]["get"]
    return found


def parameter(document: Row, slug: str, name: str) -> Row:
    found: Row = next(each for each in operation(document, slug)["parameters"] if each.get("name") == name)
    return found


def declare(document: Row, extra: Row) -> None:
    operation(document, "prime")["parameters"].append(extra)


def drop(document: Row, slug: str, name: str) -> None:
    operation(document, slug)["parameters"].remove(parameter(document, slug, name))


@pytest.mark.parametrize("slug", SLUGS)
def test_the_specs_of_the_repository_load(slug: str, tmp_path: Path) -> None:
    """Unchanged, every spec is served, with the operations that it declares."""
    service = serve(load(tmp_path, slug))
    assert {route.operation.id for route in service.routes} == {
        each["operationId"]
        for methods in SPECS[slug]["paths"].values()
        for each in methods.values()
        if isinstance(each, dict)
    }
    assert len(service.spec.digest) == 64


def test_all_services_load() -> None:
    """The four providers start together, in a fixed order, or those that are asked for."""
    assert tuple(load_services()) == SLUGS
    assert tuple(load_services(["prime"])) == ("prime",)


# what is changed in prime's spec, and what the refusal must name
UNREADABLE: dict[str, tuple[Callable[[Row], object], str]] = {
    "operation keyword": (lambda d: operation(d, "prime").update({"page": 1}), "'page'"),
    "request body": (lambda d: operation(d, "prime").update(requestBody={}), "requestBody: content"),
    "path keyword": (lambda d: d["paths"][LIST_PATHS["prime"]].update({"gett": {}}), "gett"),
    "parameter keyword": (lambda d: parameter(d, "prime", "page").update(allowReserved=True), "allowReserved"),
    "parameter schema keyword": (lambda d: parameter(d, "prime", "page")["schema"].update(maxLength=2), "maxLength"),
    "nested schema keyword": (
        lambda d: parameter(d, "prime", "labels")["schema"]["items"].update({"not": {}}),
        "not",
    ),
    "component schema keyword": (
        lambda d: d["components"]["schemas"]["SandboxResponse"]["properties"]["id"].update(minlength=1),
        "minlength",
    ),
    "response keyword": (lambda d: operation(d, "prime")["responses"]["200"].update(schema={}), "schema"),
    "format": (lambda d: parameter(d, "prime", "team_id")["schema"].update(format="uid"), "uid"),
    "reference to a file": (
        lambda d: parameter(d, "prime", "team_id").update(schema={"$ref": "other.yaml#/a"}),
        "other.yaml",
    ),
    "reference to a host": (
        lambda d: operation(d, "prime")["responses"].update({"404": {"$ref": "https://example.com/a.yaml"}}),
        "example.com",
    ),
    "reference into nothing": (
        lambda d: operation(d, "prime")["responses"].update({"404": {"$ref": "#/components/responses/Gone"}}),
        "Gone",
    ),
    "reference to itself": (
        lambda d: (
            d["components"].update(
                responses={"A": {"$ref": "#/components/responses/B"}, "B": {"$ref": "#/components/responses/A"}}
            )
            or operation(d, "prime")["responses"].update({"404": {"$ref": "#/components/responses/A"}})
        ),
        "itself",
    ),
    "no operationId": (lambda d: operation(d, "prime").pop("operationId"), "operationId"),
    "security scheme": (
        lambda d: d["components"]["securitySchemes"].update(bearer={"type": "http", "scheme": "digest"}),
        "bearer",
    ),
    "two schemes at once": (lambda d: d.update(security=[{"bearer": [], "other": []}]), "security"),
    "unknown scheme": (lambda d: d.update(security=[{"nobody": []}]), "nobody"),
    "no responses": (lambda d: operation(d, "prime").pop("responses"), "responses"),
    "status that is none": (
        lambda d: operation(d, "prime")["responses"].update({"default": {"description": "x"}}),
        "default",
    ),
    "no paths": (lambda d: d.pop("paths"), "paths"),
    "parameter without name": (lambda d: parameter(d, "prime", "page").pop("name"), "name"),
    "parameter without schema": (lambda d: parameter(d, "prime", "page").pop("schema"), "schema"),
    "schema that is none": (lambda d: parameter(d, "prime", "page").update(schema=[1]), "page"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_stops_the_start(name: str, tmp_path: Path) -> None:
    """A keyword, format, reference or scheme that is not understood is refused, with the file and the place."""
    change, cause = UNREADABLE[name]
    with pytest.raises(SpecError) as caught:
        serve(load(tmp_path, "prime", change))
    assert "prime.yaml" in str(caught.value)
    assert cause in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "just a text",
        "swagger: '2.0'",
        "openapi: 3.0.3\npaths: {}",
        "openapi: 3.2.0\npaths: {}",
        "openapi: 4.0.0",
        "openapi: [",
        "openapi: 3.1.0\n\tpaths: {}",
        "a: *nothing",
        "openapi: 3.1.0",
        "openapi: 3.1.0\npaths: []",
        "openapi: 3.1.0\npaths: {/a: []}",
        "openapi: 3.10.0\npaths: {}",
        "openapi: !!python/object:os.system 3.1.0",
    ],
)
def test_what_is_no_openapi_31_stops_the_start(text: str, tmp_path: Path) -> None:
    """A file that is not an OpenAPI 3.1 document is refused in one line that names it."""
    with pytest.raises(SpecError) as caught:
        load(tmp_path, "prime", text=text)
    assert "prime.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    """A missing file and one that is not UTF-8 are refused by name."""
    with pytest.raises(SpecError, match=r"prime\.yaml"):
        reader.load(tmp_path / "prime.yaml", PROVIDERS["prime"].operations)
    (tmp_path / "prime.yaml").write_bytes(b"openapi: '\xff'")
    with pytest.raises(SpecError, match=r"prime\.yaml"):
        reader.load(tmp_path / "prime.yaml", PROVIDERS["prime"].operations)


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        *(("dreadnode", name) for name in ("state", "project_id", "limit", "cursor")),
        *(("instavm", name) for name in ("metadata", "limit")),
        *(("prime", name) for name in ("team_id", "user_id", "status", "is_active", "labels", "page", "per_page")),
        *(("superserve", name) for name in ("metadata", "status", "limit", "offset")),
    ],
)
def test_a_parameter_that_is_read_but_not_declared(slug: str, name: str, tmp_path: Path) -> None:
    """Taking any one parameter out of a spec stops the start: the provider reads what the spec does not declare."""
    loaded = load(tmp_path, slug, lambda document: drop(document, slug, name))
    with pytest.raises(SpecError, match=rf"{slug}\.yaml.*listSandboxes.*'{name}'"):
        serve(loaded)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_parameter_that_is_declared_but_not_read(slug: str, tmp_path: Path) -> None:
    """A declared parameter is served or refused, never dropped: one that nothing reads stops the start."""
    extra = {"name": "colour", "in": "query", "description": "x", "schema": {"type": "string"}}
    loaded = load(tmp_path, slug, lambda document: operation(document, slug)["parameters"].append(extra))
    with pytest.raises(SpecError, match=rf"{slug}\.yaml.*listSandboxes.*'colour'"):
        serve(loaded)


def test_a_parameter_in_a_place_that_is_not_read(tmp_path: Path) -> None:
    """A parameter in a cookie cannot be decoded, and one in a header only where an operation reads it: both stop the
    start."""
    for where in ("header", "cookie"):
        extra = {"name": "X-Team", "in": where, "description": "x", "schema": {"type": "string"}}
        with pytest.raises(SpecError, match=rf"listSandboxes.*{where}"):
            serve(load(tmp_path, "prime", partial(declare, extra=extra)))


@pytest.mark.parametrize("status", ["400", "401", "422", "429", "503"])
def test_an_error_without_an_example(status: str, tmp_path: Path) -> None:
    """A documented error that has no example cannot be sent on demand, so it stops the start."""

    def change(document: Row) -> None:
        del operation(document, "prime")["responses"][status]["content"]["application/json"]["examples"]

    with pytest.raises(SpecError, match=rf"prime\.yaml.*listSandboxes.*{status}"):
        serve(load(tmp_path, "prime", change))


def test_an_operation_that_is_served_but_not_declared(tmp_path: Path) -> None:
    """An operation that a provider serves and its spec does not declare stops the start."""
    facets = list(SPECS["dreadnode"]["paths"])[1]
    with pytest.raises(SpecError, match=r"dreadnode\.yaml.*getSandboxFacets"):
        load(tmp_path, "dreadnode", lambda document: document["paths"].pop(facets))


@pytest.mark.parametrize(("status", "refused"), [("200", False), ("500", True)])
def test_events_can_be_sent_where_nothing_went_wrong(status: str, refused: bool, tmp_path: Path) -> None:
    """A provider's own operation may send events; a refusal is JSON."""

    def change(document: Row) -> None:
        response = document["paths"]["/sandboxes/{sandbox_id}"]["get"]["responses"]
        response[status] = {"description": "Events.", "content": {"text/event-stream": {"schema": {"type": "object"}}}}

    if refused:
        with pytest.raises(SpecError, match=rf"getSandbox.*response {status}: only application/json can be sent"):
            load(tmp_path, "superserve", change)
    else:
        assert load(tmp_path, "superserve", change).operations["getSandbox"].responses[200].schema == {}


# What is wrong with an operation that nobody serves.
UNSERVED: dict[str, Any] = {
    "nothing": {"operationId": "getSandbox", "responses": {}},
    "no id": {"responses": {}},
    "an id that is not text": {"operationId": True},
    "a body": {"operationId": "createSandbox", "requestBody": {"content": {}}},
    "a broken parameter": {"operationId": "getSandbox", "parameters": [{"name": 5, "in": "header", "style": "x"}]},
    "a reference into nothing": {"operationId": "getSandbox", "parameters": [{"$ref": "#/nothing"}]},
    "no mapping": [],
    "no value": None,
    "keys that are not text": {False: {1: 2}},
}


@pytest.mark.parametrize("name", UNSERVED)
def test_an_operation_that_is_not_served(name: str, tmp_path: Path) -> None:
    """An operation that the provider's table lacks is listed with its method, path and id, and read no further."""
    item = {"post": UNSERVED[name], "x-more": 1, "unknown": 2}
    service = serve_list(tmp_path, lambda document: document["paths"].update({"/api/v1/{other-id}": item}))
    (endpoint,) = service.spec.unserved
    id_ = UNSERVED[name].get("operationId") if isinstance(UNSERVED[name], dict) else None
    assert endpoint == Endpoint(id_ if isinstance(id_, str) else "", "POST", "/api/v1/{other-id}")
    assert list(service.spec.operations) == ["listSandboxes"]


def test_the_start_screen_names_what_is_not_served(tmp_path: Path) -> None:
    def change(document: Row) -> None:
        document["paths"] |= {f"/{number}": {"post": {"operationId": f"make{number}"}} for number in range(6)}
        document["paths"]["/0"]["get"] = {}

    app = create_app(Settings(size=10), {"prime": serve_list(tmp_path, change)})
    line = "prime does not serve make0, GET /0, make1, make2, make3 and 2 more: each of them is a 501"
    assert line in start_screen(app, ["http://127.0.0.1:1"], True)
    assert "does not serve" not in start_screen(create_app(Settings(size=10)), ["http://127.0.0.1:1"], True)


@pytest.mark.parametrize(("reason", "said"), [("it needs a body", ": it needs a body"), (None, ""), (5, "")])
def test_the_reason_why_an_operation_is_not_served(reason: object, said: str, tmp_path: Path) -> None:
    """A spec may say why; the start screen and the answer repeat it."""
    item = {"post": {"operationId": "makeOne", UNSERVED_KEY: reason}}
    service = serve(load(tmp_path, "prime", lambda document: document["paths"].update({"/one": item})))
    app = create_app(Settings(size=10), {"prime": service})
    assert call(app, "/prime/one", method="POST").value["detail"] == f"The fake does not serve POST /one{said}"
    named = f"makeOne ({said.removeprefix(': ')})" if said else "makeOne"
    assert f"prime does not serve {named}: each" in start_screen(app, ["http://127.0.0.1:1"], True)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_request_to_an_operation_that_is_not_served(slug: str, tmp_path: Path) -> None:
    """It is a 501 in the provider's dialect, and a header says which operation the fake lacks."""

    def change(document: Row) -> None:
        document["paths"][LIST_PATHS[slug]]["put"] = {"operationId": "replaceSandboxes"}
        document["paths"]["/über/{a}"] = {"get": {}}

    service = serve(load(tmp_path, slug, change))
    world = World(SeededDocuments(Seeding(0, 10, 0), {slug: service.fixture}))
    path = LIST_PATHS[slug].replace("{org}", "acme")
    for method, asked, named in (
        ("PUT", path, f"PUT {LIST_PATHS[slug]}"),
        ("GET", "/über/1", "GET /%C3%BCber/{a}"),
        *([] if service.provider.routing.head == "refused" else [("HEAD", "/über/1", "GET /%C3%BCber/{a}")]),
    ):
        answer = service.answer(Request(method, asked, b"", {}), world)
        assert (answer.status, answer.headers["X-Fakeserver-Unserved"]) == (501, named)
        told = json.loads(answer.text())
        refused = json.loads(service.answer(Request("GET", "/nothing", b"", {}), world).text())
        assert str(told).count("The fake does not serve") == 1
        assert told.keys() == refused.keys()
    allowed = service.answer(Request("PATCH", path, b"", {}), world).headers["Allow"].split(", ")
    if service.provider.routing.allow == "all":
        assert {*allowed} >= {"GET", "HEAD", "PUT"}
    assert len(allowed) == len({*allowed})
    key = next(iter(service.fixture.callers))
    headers = {"authorization": f"Bearer {key}", "x-api-key": key}
    assert service.answer(Request("GET", path, b"", headers), world).status == 200


def test_a_path_that_spells_out_more_comes_first(tmp_path: Path) -> None:
    """OpenAPI prefers the path that spells out more, in whatever order they stand, and served or not."""

    def change(document: Row) -> None:
        served = document["paths"].pop(LIST_PATHS["dreadnode"])
        document["paths"] |= {"/api/{any}/org/{org}/sandboxes": {"get": {}}, LIST_PATHS["dreadnode"]: served}
        document["paths"]["/api/v1/org/mine/sandboxes"] = {"get": {"operationId": "mine"}}

    match = serve(load(tmp_path, "dreadnode", change)).match
    assert match("GET", "/api/v1/org/acme/sandboxes")[1] == {"org": "acme"}
    for path in ("/api/v1/org/mine/sandboxes", "/api/v2/org/acme/sandboxes"):
        with pytest.raises(Problem, match="does not serve"):
            match("GET", path)


def test_extensions_and_annotations_are_ignored(tmp_path: Path) -> None:
    """What only tells a reader something changes nothing, wherever it stands."""

    def change(document: Row) -> None:
        document["x-tool"] = document["paths"]["x-tool"] = {1: 2}
        item = document["paths"][LIST_PATHS["prime"]]
        item |= {"x-tool": 1, "summary": "s", "description": "d", "servers": []}
        one = operation(document, "prime")
        one |= {"x-tool": 1, "deprecated": True, "externalDocs": {}, "servers": [], "callbacks": {}, "tags": ["x"]}
        one["responses"]["x-tool"] = {}
        one["responses"]["200"] |= {"x-tool": 1, "links": {}}
        content = one["responses"]["200"]["content"]["application/json"]
        content |= {"x-tool": 1, "example": {}}
        content["examples"]["page"] |= {"x-tool": 1}
        for each in one["parameters"]:
            each |= {"x-tool": 1, "deprecated": True, "example": 1, "examples": {}}
            each["schema"] |= {"x-tool": 1, "title": "t", "deprecated": True, "example": 1, "examples": [], "xml": {}}
        document["components"]["securitySchemes"]["bearer"] |= {"x-tool": 1, "bearerFormat": "JWT"}
        document["components"]["schemas"]["SandboxResponse"] |= {"x-tool": 1, "readOnly": True, "externalDocs": {}}

    plain, noted = serve(load(tmp_path, "prime")), serve(load(tmp_path, "prime", change))
    assert noted.routes[0].read({}, b"labels=a&page=2") == plain.routes[0].read({}, b"labels=a&page=2")
    assert noted.spec.operations["listSandboxes"].security == plain.spec.operations["listSandboxes"].security


def test_two_operations_of_one_name(tmp_path: Path) -> None:
    """Two operations with the same operationId cannot be told apart, so they stop the start."""
    more = deepcopy(operation(SPECS["prime"], "prime"))
    with pytest.raises(SpecError, match=r"prime\.yaml.*listSandboxes"):
        serve(load(tmp_path, "prime", lambda document: document["paths"].update({"/api/v1/other": {"get": more}})))


def test_what_an_operation_says_of_a_parameter_replaces_what_its_path_says(tmp_path: Path) -> None:
    """A parameter of the path holds for each of its operations, unless the operation declares it anew."""

    def change(document: Row) -> None:
        item, one = document["paths"][LIST_PATHS["prime"]], operation(document, "prime")
        item["parameters"] = [deepcopy(each) for each in one["parameters"]]
        item["parameters"][-1]["schema"]["maximum"] = 60
        item["parameters"][-2]["schema"]["maximum"] = 60
        one["parameters"] = one["parameters"][-1:]

    read = serve_list(tmp_path, change).routes[0].read
    assert read({}, b"per_page=61").values["per_page"] == 61
    with pytest.raises(Problem):
        read({}, b"page=61")


def test_references_are_followed(tmp_path: Path) -> None:
    """References may lead through others, into lists and behind escapes; keywords beside one count as well."""

    def change(document: Row) -> None:
        one = operation(document, "prime")
        document["components"]["schemas"] |= {
            "a/b c": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
            "via": {"$ref": "#/components/schemas/a~1b%20c", "description": "d"},
        }
        parameter(document, "prime", "page")["schema"] = {"$ref": "#/components/schemas/via", "default": 2}
        path = LIST_PATHS["prime"].replace("/", "~1")
        declared = [each["name"] for each in one["parameters"]]
        document["components"]["parameters"] = {"page": one["parameters"][declared.index("page")]}
        one["parameters"][declared.index("page")] = {"$ref": "#/components/parameters/page"}
        document["paths"]["/again"] = {
            "get": {**one, "operationId": "again", "parameters": [{"$ref": f"#/paths/{path}/get/parameters/0"}]}
        }

    read = serve_list(tmp_path, change).routes[0].read
    assert read({}, b"").values["page"] == 2
    with pytest.raises(Problem):
        read({}, b"page=10")


def test_a_key_that_is_given_twice(tmp_path: Path) -> None:
    """YAML keeps the last of two equal keys without a word, so they stop the start."""
    text = (ROOT / "openapi" / "prime.yaml").read_text()
    text = text.replace("            maximum: 1000\n", "            maximum: 1000\n            maximum: 10\n")
    with pytest.raises(SpecError, match=r"prime\.yaml.*line \d+.*'maximum' is given twice"):
        load(tmp_path, "prime", text=text)
