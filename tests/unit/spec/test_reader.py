"""Start-up: where a spec and the server that should serve it disagree, the server does not start, and says why."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path

import pytest
import yaml

from fakeserver.pipeline.service import Service
from fakeserver.problems import SpecError
from fakeserver.providers import PROVIDERS
from fakeserver.recipes import fixture
from fakeserver.serving.app import load_services
from fakeserver.spec import reader
from fakeserver.spec.reader import Spec
from tests.support.asgi import ROOT, SLUGS, SPECS, Row

LIST_PATHS = {slug: next(iter(SPECS[slug]["paths"])) for slug in SLUGS}


def load(tmp_path: Path, slug: str, change: Callable[[Row], object] | None = None, text: str | None = None) -> Spec:
    """The provider's spec, changed, as it is read at start."""
    document = deepcopy(SPECS[slug])
    if change is not None:
        change(document)
    path = tmp_path / f"{slug}.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False) if text is None else text, encoding="utf-8")
    return reader.load(path)


def serve(loaded: Spec) -> Service:
    provider = PROVIDERS[loaded.name]
    words = fixture.load_vocabularies(ROOT / "fixtures")
    return Service(provider, loaded, fixture.load(ROOT / "fixtures", provider, loaded, words))


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
        each["operationId"] for methods in SPECS[slug]["paths"].values() for each in methods.values()
    }
    assert len(service.spec.digest) == 64


def test_all_services_load() -> None:
    """The four providers start together, in a fixed order, or those that are asked for."""
    assert tuple(load_services()) == SLUGS
    assert tuple(load_services(["prime"])) == ("prime",)


# what is changed in prime's spec, and what the refusal must name
UNREADABLE: dict[str, tuple[Callable[[Row], object], str]] = {
    "operation keyword": (lambda d: operation(d, "prime").update({"x-page": 1}), "x-page"),
    "deprecated": (lambda d: operation(d, "prime").update(deprecated=True), "deprecated"),
    "path keyword": (lambda d: d["paths"][LIST_PATHS["prime"]].update({"x-page": {}}), "x-page"),
    "parameter keyword": (lambda d: parameter(d, "prime", "page").update(allowReserved=True), "allowReserved"),
    "parameter schema keyword": (lambda d: parameter(d, "prime", "page")["schema"].update(multipleOf=2), "multipleOf"),
    "nested schema keyword": (
        lambda d: parameter(d, "prime", "labels")["schema"]["items"].update({"not": {}}),
        "not",
    ),
    "component schema keyword": (
        lambda d: d["components"]["schemas"]["SandboxResponse"]["properties"]["id"].update(minlength=1),
        "minlength",
    ),
    "response keyword": (lambda d: operation(d, "prime")["responses"]["200"].update(links={}), "links"),
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
        reader.load(tmp_path / "prime.yaml")
    (tmp_path / "prime.yaml").write_bytes(b"openapi: '\xff'")
    with pytest.raises(SpecError, match=r"prime\.yaml"):
        reader.load(tmp_path / "prime.yaml")


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
    extra = {"name": "sort", "in": "query", "description": "x", "schema": {"type": "string"}}
    loaded = load(tmp_path, slug, lambda document: operation(document, slug)["parameters"].append(extra))
    with pytest.raises(SpecError, match=rf"{slug}\.yaml.*listSandboxes.*'sort'"):
        serve(loaded)


def test_a_parameter_in_a_place_that_is_not_read(tmp_path: Path) -> None:
    """A header or cookie parameter cannot be decoded, so it stops the start."""
    for where in ("header", "cookie"):
        extra = {"name": "X-Team", "in": where, "description": "x", "schema": {"type": "string"}}
        loaded = load(tmp_path, "prime", partial(declare, extra=extra))
        with pytest.raises(SpecError, match=rf"listSandboxes.*{where}"):
            serve(loaded)


@pytest.mark.parametrize("status", ["400", "401", "422", "429", "503"])
def test_an_error_without_an_example(status: str, tmp_path: Path) -> None:
    """A documented error that has no example cannot be sent on demand, so it stops the start."""

    def change(document: Row) -> None:
        del operation(document, "prime")["responses"][status]["content"]["application/json"]["examples"]

    with pytest.raises(SpecError, match=rf"prime\.yaml.*listSandboxes.*{status}"):
        serve(load(tmp_path, "prime", change))


def test_an_operation_without_a_meaning(tmp_path: Path) -> None:
    """An operation that a spec declares and no provider serves stops the start, and so does the opposite."""
    more = deepcopy(operation(SPECS["prime"], "prime")) | {"operationId": "getSandbox"}
    loaded = load(tmp_path, "prime", lambda document: document["paths"].update({"/api/v1/other": {"get": more}}))
    with pytest.raises(SpecError, match=r"prime\.yaml.*getSandbox"):
        serve(loaded)
    facets = list(SPECS["dreadnode"]["paths"])[1]
    loaded = load(tmp_path, "dreadnode", lambda document: document["paths"].pop(facets))
    with pytest.raises(SpecError, match=r"dreadnode\.yaml.*getSandboxFacets"):
        serve(loaded)


def test_two_operations_of_one_name(tmp_path: Path) -> None:
    """Two operations with the same operationId cannot be told apart, so they stop the start."""
    more = deepcopy(operation(SPECS["prime"], "prime"))
    with pytest.raises(SpecError, match=r"prime\.yaml.*listSandboxes"):
        serve(load(tmp_path, "prime", lambda document: document["paths"].update({"/api/v1/other": {"get": more}})))
